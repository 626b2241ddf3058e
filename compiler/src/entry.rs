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

/// The inputs that a training batch or an evaluation of a module's graph needs.
pub fn batch_inputs(graph: &Graph) -> Vec<NodeId> {
    let mut batch = graph.clone();
    batch.outputs.clear();
    keep_needed_inputs(&mut batch);
    batch.inputs
}

/// Two of these inputs that no data set can feed together, if there are any: data are fed by rows,
/// so all inputs but scalars begin with the same dimension.
pub fn unlike_rows(graph: &Graph, inputs: &[NodeId]) -> Option<[NodeId; 2]> {
    let rows = |id: &NodeId| Some((*id, graph.tensor_type(*id).shape.first()?));
    let mut by_rows = inputs.iter().filter_map(rows);
    let (first, dim) = by_rows.next()?;
    by_rows.find(|(_, other)| *other != dim).map(|(other, _)| [first, other])
}

/// Refuses inputs that no data set can feed together, as [`unlike_rows`] finds them. Errors: the
/// types of both, at the second one.
pub fn check_rows(graph: &Graph, inputs: &[NodeId]) -> Result<(), CompileError> {
    let Some([first, second]) = unlike_rows(graph, inputs) else { return Ok(()) };
    let typed = |id: NodeId| format!("`{}: {}`", graph.node(id).name, graph.tensor_type(id));
    let message = format!(
        "the inputs {} and {} do not have the same batch dimension",
        typed(first),
        typed(second)
    );
    let error = CompileError::new(codes::BATCH_DIMENSION, message, &graph.node(second).provenance);
    Err(error.with_help(UNLIKE_ROWS_HELP))
}

/// What to change where [`unlike_rows`] finds something.
pub const UNLIKE_ROWS_HELP: &str =
    "begin the shape of every input that data feed with the same dimension, such as `batch`";

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
