//! What a command computes: the part of a module's graphs that its results need.

use indexmap::IndexMap;

use crate::error::{CompileError, codes};
use crate::ir::{Graph, Metric, MetricKind, Module, Name, NodeId, Origin, Provenance, Variable};
use crate::ops::build::Build;
use crate::ops::{Leaf, Op};
use crate::optimizer;

/// What is computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A training batch: steps, metrics, updates; `training` is true.
    Train,
    /// The loss of each step and every metric.
    Eval,
    /// Every output, or these named values.
    Run {
        /// The names; empty for every output.
        fetch: Vec<Name>,
    },
}

/// The graph of an entry, before dimensions are numbers.
#[derive(Clone, Debug)]
pub struct EntryGraph {
    /// The graph; only what its roots need, and only the inputs that those reach.
    pub graph: Graph,
    /// The variables that the optimisers add.
    pub slots: IndexMap<Name, Variable>,
}

/// The graph that an entry computes: the `gradient` stage. Errors: a name that is not there, a
/// loss without a gradient, arguments that an optimiser does not know.
pub fn entry_graph(module: &Module, entry: &Entry) -> Result<EntryGraph, CompileError> {
    let (mut graph, slots) = match entry {
        Entry::Train => optimizer::add_training(module)?,
        Entry::Eval => (eval_graph(&module.infer)?, IndexMap::new()),
        Entry::Run { fetch } => (run_graph(&module.infer, fetch)?, IndexMap::new()),
    };
    if *entry == Entry::Train {
        // Training reports and updates; outputs are for `predict` and `run`.
        graph.outputs.clear();
    }
    keep_needed_inputs(&mut graph);
    Ok(EntryGraph { graph, slots })
}

fn run_graph(infer: &Graph, fetch: &[Name]) -> Result<Graph, CompileError> {
    let mut graph = infer.clone();
    graph.metrics.clear();
    graph.steps.clear();
    graph.updates.clear();
    if !fetch.is_empty() {
        let find = |name: &Name| graph.find(name).map(|n| (name.clone(), n)).ok_or_else(|| {
            let message = format!("there is no value named `{name}`");
            CompileError::new(codes::UNKNOWN_NAME, message, &Provenance::default())
        });
        graph.outputs = fetch.iter().map(find).collect::<Result<_, _>>()?;
    }
    Ok(graph)
}

fn eval_graph(infer: &Graph) -> Result<Graph, CompileError> {
    let mut graph = infer.clone();
    graph.outputs.clear();
    graph.updates.clear();
    let losses = loss_metrics(&mut graph)?;
    let written = std::mem::take(&mut graph.metrics);
    graph.metrics = losses;
    let names: Vec<Name> = graph.metrics.iter().map(|m| m.name.clone()).collect();
    graph.metrics.extend(written.into_iter().filter(|m| !names.contains(&m.name)));
    graph.steps.clear();
    Ok(graph)
}

/// The losses of the steps as metrics: `loss`, or `STEP.loss` each and `loss`, their sum.
pub(crate) fn loss_metrics(graph: &mut Graph) -> Result<Vec<Metric>, CompileError> {
    let losses: Vec<(Name, NodeId)> =
        graph.steps.iter().map(|s| (s.name.clone(), s.loss)).collect();
    let metric = |name: &str, node| Metric { name: name.into(), kind: MetricKind::Mean(node) };
    match losses.as_slice() {
        [] => Ok(vec![]),
        [(_, loss)] => Ok(vec![metric("loss", *loss)]),
        [(_, first), rest @ ..] => {
            let mut sum = *first;
            for (_, loss) in rest {
                let origin = Origin::named("loss", graph.node(*loss).provenance.clone());
                let mut build = Build { graph: &mut *graph, origin: &origin };
                let added = build.add(sum, *loss);
                sum = added.map_err(|e| CompileError::of_type(e, graph, *loss))?;
            }
            let mut metrics = vec![metric("loss", sum)];
            metrics.extend(losses.iter().map(|(name, n)| metric(&format!("{name}.loss"), *n)));
            Ok(metrics)
        }
    }
}

/// Drops the inputs that no root reaches: they need not be fed.
fn keep_needed_inputs(graph: &mut Graph) {
    let live = graph.order_from(&graph.roots());
    let is_input = |id: &NodeId| matches!(graph.op(*id), Op::Leaf(Leaf::Input { .. }));
    let needed: Vec<NodeId> = live.into_iter().filter(is_input).collect();
    graph.inputs.retain(|i| needed.contains(i));
}
