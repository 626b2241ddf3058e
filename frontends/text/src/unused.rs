//! What a program declares and does not use: legal, but hardly ever meant.

use std::collections::HashSet;

use brolga_compiler::ir::{Graph, Module, Name, NodeId, Provenance, TensorType, VariableKind};
use brolga_compiler::ops::{Leaf, Op, OpRules};

use crate::codes::Code;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::source::{Sources, Span};

/// A call in the file that made variables.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The path of the call, below which its variables are.
    pub path: Name,
    /// The function that was called.
    pub function: Name,
    /// The types of the tensors that it returns.
    pub outputs: Vec<TensorType>,
    /// The call.
    pub span: Span,
}

/// The layer that each variable belongs to, by their numbers and the variables' names: the one with
/// the longest path above it.
pub fn variables_of_layers<'m>(module: &'m Module, layers: &[Layer]) -> Vec<(usize, &'m Name)> {
    let is_below = |path: &str, name: &str| {
        name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let layer_of = |name: &'m Name| {
        let above = layers.iter().enumerate().filter(|(_, layer)| is_below(&layer.path, name));
        above.max_by_key(|(_, layer)| layer.path.len()).map(|(number, _)| (number, name))
    };
    module.variables.keys().filter_map(layer_of).collect()
}

/// The params that a node depends on by a differentiable path, among all variables.
pub(crate) fn reached(graph: &Graph, loss: NodeId) -> HashSet<Name> {
    let (mut reached, mut seen, mut open) = (HashSet::new(), HashSet::new(), vec![loss]);
    while let Some(node) = open.pop() {
        let is_float = graph.node(node).types.iter().any(|t| t.dtype.is_float());
        if !seen.insert(node) || !is_float {
            continue;
        }
        if let Op::Leaf(Leaf::Variable { name, .. }) = graph.op(node) {
            reached.insert(name.clone());
        }
        let operands = graph.operands(node).iter().enumerate();
        open.extend(operands.filter(|(k, _)| graph.op(node).carries(*k)).map(|(_, o)| o));
    }
    reached
}

/// Warnings of layers, params, states and inputs that nothing reads, and of params that no loss
/// reaches, though it would by their reader: they would be saved as they begin.
pub fn unused(module: &Module, layers: &[Layer], sources: &Sources) -> Diagnostics {
    let read = Read::of(module);
    let mut diagnostics = Diagnostics::new();
    let idle = idle_layers(module, layers, &read);
    for &number in &idle {
        let Layer { path, span, .. } = &layers[number];
        let message = format!("nothing reads the result of the layer `{path}`");
        let warning = Diagnostic::warning(Code::NotRead, message).at(*span, "");
        diagnostics.push(
            warning.help("use it, or leave the line out: no output, metric or loss needs it"),
        );
    }
    let in_idle: HashSet<&Name> = variables_of_layers(module, layers)
        .into_iter()
        .filter(|(number, _)| idle.contains(number))
        .map(|(_, name)| name)
        .collect();
    for (name, variable) in module.variables.iter().filter(|(name, _)| !in_idle.contains(name)) {
        let kind = match variable.kind {
            VariableKind::Param => "param",
            VariableKind::State => "state",
            VariableKind::Slot => continue,
        };
        let place = Place { provenance: &variable.provenance, sources };
        if !read.names.contains(name) {
            let message = format!("nothing reads the {kind} `{name}`");
            diagnostics.push(place.marked(Diagnostic::warning(Code::NotRead, message)));
        } else if variable.kind == VariableKind::Param && is_left_alone(module, name) {
            let message = format!("no loss reaches the param `{name}`: it is not trained");
            let warning = place.marked(Diagnostic::warning(Code::NotTrained, message));
            let help = "`argmax`, comparisons, `cast` to integers and `stop_gradient` cut the \
                        path; what is no param is a `state`";
            diagnostics.push(warning.help(help));
        }
    }
    diagnostics.extend(unread_inputs(module, &read, sources));
    diagnostics.sort();
    diagnostics
}

/// What the entries of a program read.
struct Read {
    /// Inputs and variables.
    names: HashSet<Name>,
    /// The dimensions of the inputs among them.
    symbols: HashSet<String>,
}

impl Read {
    fn of(module: &Module) -> Read {
        let mut read = Read { names: HashSet::new(), symbols: HashSet::new() };
        for graph in [&module.train, &module.infer] {
            for node in graph.order_from(&graph.roots()) {
                if let Op::Leaf(Leaf::Variable { name, .. }) = graph.op(node) {
                    read.names.insert(name.clone());
                }
                if let Op::Leaf(Leaf::Input { name, tensor_type }) = graph.op(node) {
                    read.names.insert(name.clone());
                    read.symbols.extend(symbols(tensor_type));
                }
            }
        }
        read
    }
}

fn symbols(tensor_type: &TensorType) -> impl Iterator<Item = String> {
    tensor_type.shape.iter().flat_map(|dim| dim.symbols()).map(|symbol| symbol.to_string())
}

/// The numbers of the layers of whose params none is read.
fn idle_layers(module: &Module, layers: &[Layer], read: &Read) -> Vec<usize> {
    let of_layers = variables_of_layers(module, layers);
    let is_param = |name: &Name| module.variables[name].kind == VariableKind::Param;
    let is_idle = |number: &usize| {
        let own = of_layers.iter().filter(|(layer, name)| layer == number && is_param(name));
        let mut own = own.map(|(_, name)| name).peekable();
        own.peek().is_some() && own.all(|name| !read.names.contains(*name))
    };
    (0..layers.len()).filter(is_idle).collect()
}

/// Whether there are losses, none of which reaches a param, and nothing else writes it.
fn is_left_alone(module: &Module, name: &Name) -> bool {
    let graph = &module.train;
    let is_written = graph.updates.iter().any(|update| update.variable == *name);
    let mut losses = graph.steps.iter().map(|step| step.loss);
    !graph.steps.is_empty()
        && !is_written
        && losses.all(|loss| !reached(graph, loss).contains(name))
}

/// Inputs that nothing reads and that bring in no dimension that others need.
fn unread_inputs(module: &Module, read: &Read, sources: &Sources) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let graph = &module.infer;
    for &input in &graph.inputs {
        let node = graph.node(input);
        let is_needed = symbols(graph.tensor_type(input)).any(|s| !read.symbols.contains(&s));
        if read.names.contains(&node.name) || is_needed {
            continue;
        }
        let message = format!("nothing reads the input `{}`", node.name);
        let place = Place { provenance: &node.provenance, sources };
        diagnostics.push(place.marked(Diagnostic::warning(Code::NotRead, message)));
    }
    diagnostics
}

/// Where something was declared.
struct Place<'a> {
    provenance: &'a Provenance,
    sources: &'a Sources,
}

impl Place<'_> {
    /// The diagnostic at the place.
    fn marked(&self, diagnostic: Diagnostic) -> Diagnostic {
        let place = self.provenance.sites().first().and_then(|site| site.chain.first());
        match place.and_then(|place| self.sources.span_of(place)) {
            Some(span) => diagnostic.at(span, ""),
            None => diagnostic,
        }
    }
}
