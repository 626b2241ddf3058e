//! What a command computes: the part of a module's graphs that its results need.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::error::{CompileError, codes};
use crate::ir::{
    Binding, Dim, Graph, MetricKind, Module, Name, NodeId, Provenance, Symbol, TensorType, Variable,
};
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
    /// Inputs that nothing reads, but whose data can say what a dimension is that is computed with.
    pub symbol_inputs: Vec<SymbolInput>,
}

/// An input that brings in symbols, and is not read.
#[derive(Clone, Debug, PartialEq)]
pub struct SymbolInput {
    /// The input's name.
    pub name: Name,
    /// Its type.
    pub tensor_type: TensorType,
    /// What is computed with, and no input that is read has as a dimension.
    pub symbols: Vec<Symbol>,
}

impl SymbolInput {
    /// Whether all of its symbols are bound.
    pub fn is_decided(&self, binding: &Binding) -> bool {
        self.symbols.iter().all(|symbol| binding.get(symbol).is_some())
    }
}

/// The graph that an entry computes: the `gradient` stage. Errors: nothing to compute, a name that
/// is not there, a loss without a gradient, arguments that an optimiser does not know.
pub fn entry_graph(module: &Module, entry: &Entry) -> Result<EntryGraph, CompileError> {
    let (mut graph, slots) = match entry {
        Entry::Train => {
            let (mut graph, slots) = optimizer::add_training(module)?;
            watch(module, &mut graph)?;
            (graph, slots)
        }
        Entry::Eval => (optimizer::report_losses(&module.infer)?, IndexMap::new()),
        Entry::Run { fetch } => (run_graph(module, fetch)?, IndexMap::new()),
    };
    if matches!(entry, Entry::Eval) {
        // Evaluation reports; outputs are for `predict` and `run`.
        graph.outputs.clear();
    }
    if graph.roots().is_empty() {
        return Err(nothing_to(entry));
    }
    let declared = std::mem::take(&mut graph.inputs);
    graph.inputs = needed_inputs(&graph, &declared);
    let symbol_inputs = symbol_inputs(&graph, &declared);
    Ok(EntryGraph { graph, slots, symbol_inputs })
}

/// A program has nothing of an entry.
fn nothing_to(entry: &Entry) -> CompileError {
    let (verb, lacks, help) = match entry {
        Entry::Train => ("train", "step, metric or update", "a `minimize` or an `update`"),
        Entry::Eval => ("evaluate", "step or metric", "a `metric` or a `minimize`"),
        Entry::Run { .. } => ("run", "output", "an `output`, or name values to fetch"),
    };
    let message = format!("there is nothing to {verb}: the program has no {lacks}");
    let error = CompileError::new(codes::NOTHING_TO_COMPUTE, message, &Provenance::default());
    error.with_help(format!("add {help}"))
}

/// The inputs that a training batch or an evaluation of a module's graph needs.
pub fn batch_inputs(graph: &Graph) -> Vec<NodeId> {
    let mut batch = graph.clone();
    batch.outputs.clear();
    needed_inputs(&batch, &graph.inputs)
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

fn run_graph(module: &Module, fetch: &[Name]) -> Result<Graph, CompileError> {
    let mut graph = module.infer.clone();
    graph.metrics.clear();
    graph.steps.clear();
    graph.updates.clear();
    if !fetch.is_empty() {
        let find = |name: &Name| {
            fetched(module, name).map(|n| (name.clone(), n)).ok_or_else(|| {
                let message = format!("there is no value named `{name}`");
                let error = CompileError::new(codes::UNKNOWN_NAME, message, &Provenance::default());
                let outputs = module.infer.outputs.iter().map(|(name, _)| format!("`{name}`"));
                let outputs: Vec<String> = outputs.collect();
                error.with_help(match outputs.is_empty() {
                    true => "fetch a name that the file binds; it has no output".to_string(),
                    false => {
                        format!("fetch an output ({}) or a name of the file", outputs.join(", "))
                    }
                })
            })
        };
        graph.outputs = fetch.iter().map(find).collect::<Result<_, _>>()?;
    }
    Ok(graph)
}

/// Makes the watched values results of a training batch.
fn watch(module: &Module, graph: &mut Graph) -> Result<(), CompileError> {
    for name in &module.watched {
        let bound = module.names.get(name).map(|&id| &module.infer.node(id).name);
        let node = graph.find(name).or_else(|| graph.find(bound?));
        let unknown = || {
            let message = format!("a training batch has no value named `{name}`");
            let error = CompileError::new(codes::UNKNOWN_NAME, message, &Provenance::default());
            error.with_help("the names are those of `brolga dump --stage gradient`")
        };
        graph.outputs.push((name.clone(), node.ok_or_else(unknown)?));
    }
    Ok(())
}

/// The value of a name: what it is bound to, an output, or a node.
fn fetched(module: &Module, name: &Name) -> Option<NodeId> {
    let infer = &module.infer;
    let output = infer.outputs.iter().find(|(output, _)| output == name).map(|(_, node)| *node);
    module.names.get(name).copied().or(output).or_else(|| infer.find(name))
}

/// The inputs that a root reaches: the others need not be fed.
fn needed_inputs(graph: &Graph, declared: &[NodeId]) -> Vec<NodeId> {
    let live = graph.order_from(&graph.roots());
    let is_input = |id: &NodeId| matches!(graph.op(*id), Op::Leaf(Leaf::Input { .. }));
    let needed: Vec<NodeId> = live.into_iter().filter(is_input).collect();
    declared.iter().copied().filter(|input| needed.contains(input)).collect()
}

/// The inputs that are not needed, but bring in what the graph computes with: for each symbol the
/// first that has it as a dimension.
fn symbol_inputs(graph: &Graph, declared: &[NodeId]) -> Vec<SymbolInput> {
    let mut open = BTreeSet::new();
    symbols_of(graph, &mut open);
    let brings =
        |id: NodeId, symbol: &Symbol| graph.tensor_type(id).shape.contains(&Dim::symbol(&symbol.0));
    open.retain(|symbol| !graph.inputs.iter().any(|&input| brings(input, symbol)));
    let mut found = vec![];
    for &id in declared.iter().filter(|id| !graph.inputs.contains(id)) {
        let symbols: Vec<Symbol> = open.iter().filter(|s| brings(id, s)).cloned().collect();
        open.retain(|symbol| !symbols.contains(symbol));
        if !symbols.is_empty() {
            let (name, tensor_type) = (graph.node(id).name.clone(), graph.tensor_type(id).clone());
            found.push(SymbolInput { name, tensor_type, symbols });
        }
    }
    found
}

/// The symbols that what a graph computes depends on.
fn symbols_of(graph: &Graph, found: &mut BTreeSet<Symbol>) {
    for id in graph.order_from(&graph.roots()) {
        let shapes = graph.node(id).types.iter().flat_map(|t| &t.shape);
        found.extend(shapes.flat_map(Dim::symbols));
        match graph.op(id) {
            Op::Leaf(Leaf::Dim { dim, .. }) => found.extend(dim.symbols()),
            op => op.region().into_iter().for_each(|region| symbols_of(region, found)),
        }
    }
    for metric in &graph.metrics {
        if let MetricKind::Total { finish, .. } = &metric.kind {
            symbols_of(finish, found);
        }
    }
}
