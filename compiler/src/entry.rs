//! What a command computes: the part of a module's graphs that its results need.

use indexmap::IndexMap;

use crate::error::{CompileError, codes};
use crate::ir::{Graph, Module, Name, NodeId, Provenance, Variable};
use crate::ops::{Leaf, Op};
use crate::optimizer;

/// What is computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A training batch: steps, metrics, updates; `training` is true.
    Train,
    /// The loss of each step and every metric; `training` is false.
    Eval,
    /// Every output, or these named values; `training` is false.
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
        Entry::Eval => (optimizer::report_losses(&module.infer)?, IndexMap::new()),
        Entry::Run { fetch } => (run_graph(&module.infer, fetch)?, IndexMap::new()),
    };
    if !matches!(entry, Entry::Run { .. }) {
        // Training and evaluation report; outputs are for `predict` and `run`.
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
        let find = |name: &Name| {
            graph.find(name).map(|n| (name.clone(), n)).ok_or_else(|| {
                let message = format!("there is no value named `{name}`");
                CompileError::new(codes::UNKNOWN_NAME, message, &Provenance::default())
            })
        };
        graph.outputs = fetch.iter().map(find).collect::<Result<_, _>>()?;
    }
    Ok(graph)
}

/// Drops the inputs that no root reaches: they need not be fed.
fn keep_needed_inputs(graph: &mut Graph) {
    let live = graph.order_from(&graph.roots());
    let is_input = |id: &NodeId| matches!(graph.op(*id), Op::Leaf(Leaf::Input { .. }));
    let needed: Vec<NodeId> = live.into_iter().filter(is_input).collect();
    graph.inputs.retain(|i| needed.contains(i));
}
