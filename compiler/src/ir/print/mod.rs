//! The text of a graph: the flat, typed form of the language, one operation a line, which parses
//! back to an equal graph.
//!
//! A line binds the node's own name; operands stand by name, attributes as `attribute=value`
//! unless they have their default. A right side that is only a name, or a list of names, binds a
//! second name and is no node. Names inside initial values are not kept: where such a value is a
//! tree it is printed as one expression, otherwise as a function without arguments.

mod expression;
mod formats;
mod layout;
mod region;

use std::fmt;

use rustc_hash::FxHashMap;

use super::{
    DType, Graph, Metric, MetricKind, Name, NodeId, OptimizerArgument, Provenance, TrainingStep,
    Variable, VariableKind,
};
use crate::ops::{Leaf, Op, OpRules};
use expression::{call, constant, nested, right_side};
use layout::Lines;
use region::RegionText;

#[cfg(feature = "inspect")]
pub(crate) use formats::JsonText;
pub use formats::{Dot, Json};

/// A graph with what stands around it in a file. `Display` prints the text; [`Dot`] and [`Json`]
/// print the same as a drawing and as data.
#[derive(Clone, Debug)]
pub struct GraphText<'a> {
    /// The name of the graph, if it has one.
    pub name: Option<&'a str>,
    /// The variables, in the order in which they are printed.
    pub variables: Vec<(&'a Name, &'a Variable)>,
    /// The graph.
    pub graph: &'a Graph,
}

impl fmt::Display for GraphText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Lines::default();
        lines.push("version 1", &Provenance::default());
        if let Some(name) = self.name {
            lines.push(format!("graph {name}"), &Provenance::default());
        }
        lines.blank();
        inputs(&mut lines, self.graph);
        lines.blank();
        let mut names = FxHashMap::default();
        self.variables.iter().for_each(|(name, _)| lines.take_name(name));
        for (name, variable) in &self.variables {
            declare(&mut lines, &mut names, name, variable);
        }
        lines.blank();
        body(&mut lines, self.graph);
        lines.blank();
        roots(&mut lines, self.graph);
        lines.fmt(f)
    }
}

/// Prints the nodes and roots; the variables that it reads are not declared.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        GraphText { name: None, variables: vec![], graph: self }.fmt(f)
    }
}

fn inputs(lines: &mut Lines, graph: &Graph) {
    for &id in &graph.inputs {
        let node = graph.node(id);
        lines.push(format!("input {}: {}", node.name, node.types[0]), &node.provenance);
    }
}

/// A variable with its initial value.
fn declare(
    lines: &mut Lines,
    functions: &mut FxHashMap<String, usize>,
    name: &Name,
    variable: &Variable,
) {
    let word = match variable.kind {
        VariableKind::Param => "param",
        VariableKind::State | VariableKind::Slot => "state",
    };
    let initial = match nested(&variable.initial) {
        Some(expression) => expression,
        None => {
            let function = function_name(functions, name);
            initial_function(lines, &function, &variable.initial);
            format!("{function}()")
        }
    };
    let text = format!("{word} {name}: {} = {initial}", variable.tensor_type);
    lines.push(text, &variable.provenance);
}

/// A name without dots that no other initial value has.
fn function_name(taken: &mut FxHashMap<String, usize>, variable: &str) -> String {
    let name = format!("initial_{}", variable.replace('.', "_"));
    let times = taken.entry(name.clone()).or_insert(0);
    *times += 1;
    if *times == 1 { name } else { format!("{name}__{times}") }
}

fn initial_function(lines: &mut Lines, name: &str, initial: &Graph) {
    lines.push(format!("fn {name}() {{"), &Provenance::default());
    lines.indent += 1;
    body(lines, initial);
    let values = initial.outputs.iter().map(|(_, id)| reference(initial, *id));
    lines.push(format!("return {}", list(values)), &Provenance::default());
    lines.indent -= 1;
    lines.push("}", &Provenance::default());
}

/// The nodes, operands before users.
fn body(lines: &mut Lines, graph: &Graph) {
    lines.take_names(graph);
    RegionText::print(lines, graph, &|id| reference(graph, id));
}

/// A line for a node that is no scan, unless its name says all.
fn line(lines: &mut Lines, graph: &Graph, id: NodeId, operand: &dyn Fn(NodeId) -> String) {
    let node = graph.node(id);
    let right = match &node.op {
        Op::Leaf(leaf) => match leaf_side(leaf, &node.name) {
            Some(right) => right,
            None => return,
        },
        Op::Elementwise(_)
        | Op::Movement(_)
        | Op::Creation(_)
        | Op::Reduce(_)
        | Op::ProductOfOthers(_)
        | Op::Prefix(_)
        | Op::Contract(_)
        | Op::Einsum(_)
        | Op::Conv(_)
        | Op::Pool(_)
        | Op::Placement(_)
        | Op::Argsort(_)
        | Op::Indexing(_)
        | Op::Random(_)
        | Op::Control(_) => {
            let operands: Vec<String> = node.operands.iter().map(|&o| operand(o)).collect();
            right_side(&node.op, &operands)
        }
    };
    let text = format!("{}: {} = {right}", spelled(&node.name), node.types[0]);
    lines.push(text, &node.provenance);
}

/// What a leaf's name is bound to; nothing for a leaf that is read by a name of its own.
fn leaf_side(leaf: &Leaf, name: &str) -> Option<String> {
    match leaf {
        Leaf::Variable { name: variable, .. } if **variable == *name => None,
        Leaf::Variable { name: variable, .. } => Some(format!("variable(name=\"{variable}\")")),
        Leaf::Constant(literal) => Some(constant(literal)),
        Leaf::Dim { dim, .. } => Some(dim.to_string()),
        Leaf::Seed | Leaf::Batch => Some(call(leaf.signature().name, &[])),
        Leaf::Input { .. } | Leaf::Parameter { .. } | Leaf::Step | Leaf::Epoch => None,
    }
}

/// How a node is read: by its name, the clocks by their words.
fn reference(graph: &Graph, id: NodeId) -> String {
    match graph.op(id) {
        Op::Leaf(Leaf::Step) => "step".to_string(),
        Op::Leaf(Leaf::Epoch) => "epoch".to_string(),
        // A name of the user's, which stands in the file as it is.
        Op::Leaf(Leaf::Input { name, .. }) => name.to_string(),
        Op::Leaf(Leaf::Variable { name, .. }) if **name == *graph.node(id).name => name.to_string(),
        _ => spelled(&graph.node(id).name),
    }
}

/// The words that no name may begin with.
const RESERVED: [&str; 40] = [
    "version", "graph", "import", "const", "input", "fn", "output", "metric", "step", "minimize",
    "every", "param", "state", "shared", "update", "for", "in", "if", "else", "return", "emit",
    "scan", "over", "with", "or", "and", "not", "true", "false", "training", "epoch", "inf", "nan",
    "f32", "f64", "bf16", "i32", "i64", "u8", "bool",
];

/// The name of a node as it may stand in a file: one that begins with a reserved word gets a `_`
/// before it, and so that reading knows, one that begins with a `_` and a reserved word.
fn spelled(name: &str) -> String {
    let first = name.split('.').next().unwrap_or(name).trim_start_matches('_');
    if RESERVED.contains(&first) { format!("_{name}") } else { name.to_string() }
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<String>>().join(", ")
}

fn roots(lines: &mut Lines, graph: &Graph) {
    let aliases = aliases(lines, graph);
    let read = |id: NodeId| match aliases.get(&id) {
        Some(alias) => alias.clone(),
        None => reference(graph, id),
    };
    for (name, id) in &graph.outputs {
        named_root(lines, ("output", name), &graph.node(*id).provenance, &read(*id));
    }
    for metric in &graph.metrics {
        print_metric(lines, graph, metric, &read);
    }
    for step in &graph.steps {
        lines.push(training_step(step, &read), &step.provenance);
    }
    for update in &graph.updates {
        let provenance = &graph.node(update.value).provenance;
        lines.push(format!("update {} <- {}", update.variable, read(update.value)), provenance);
    }
}

/// Second names for nodes that are read after an output or metric has taken their name.
fn aliases(lines: &mut Lines, graph: &Graph) -> FxHashMap<NodeId, String> {
    let outputs = graph.outputs.iter().map(|(name, id)| (Some(name), vec![*id]));
    // A total is no value, so its name is not bound.
    let binds = |metric: &Metric| matches!(metric.kind, MetricKind::Mean(_));
    let metrics =
        graph.metrics.iter().map(|m| (Some(&m.name).filter(|_| binds(m)), m.kind.nodes().to_vec()));
    let steps = graph.steps.iter().map(|step| (None, step.nodes().collect()));
    let updates = graph.updates.iter().map(|update| (None, vec![update.value]));
    let mut taken: FxHashMap<&str, NodeId> = FxHashMap::default();
    let mut aliases = FxHashMap::default();
    for (name, nodes) in outputs.chain(metrics).chain(steps).chain(updates) {
        for &id in &nodes {
            let own = reference(graph, id);
            if taken.get(&*own).is_some_and(|&other| other != id) && !aliases.contains_key(&id) {
                aliases.insert(id, lines.alias(&own));
            }
        }
        if let (Some(name), [id]) = (name, nodes.as_slice()) {
            taken.insert(name, *id);
        }
    }
    aliases
}

fn named_root(lines: &mut Lines, (word, name): (&str, &str), provenance: &Provenance, value: &str) {
    let is_own = value == name;
    let text = if is_own { format!("{word} {name}") } else { format!("{word} {name} = {value}") };
    lines.push(text, provenance);
}

fn print_metric(
    lines: &mut Lines,
    graph: &Graph,
    metric: &Metric,
    read: &dyn Fn(NodeId) -> String,
) {
    match &metric.kind {
        MetricKind::Mean(id) => {
            let provenance = &graph.node(*id).provenance;
            named_root(lines, ("metric", &metric.name), provenance, &read(*id));
        }
        MetricKind::Total { parts, finish } => {
            let parts: Vec<String> = parts.iter().map(|&p| total(graph, p, read(p))).collect();
            let value = expression::finished(finish, &parts);
            let provenance = finish.outputs.first().map(|(_, n)| &finish.node(*n).provenance);
            let text = format!("metric {} = {value}", metric.name);
            lines.push(text, provenance.unwrap_or(&Provenance::default()));
        }
    }
}

/// A part of a total, which is added up as f32 unless it says otherwise.
fn total(graph: &Graph, part: NodeId, text: String) -> String {
    match graph.tensor_type(part).dtype {
        DType::F64 => format!("total({text}, dtype=f64)"),
        DType::F32 | DType::I32 | DType::I64 | DType::U8 | DType::Bool => format!("total({text})"),
    }
}

fn training_step(step: &TrainingStep, read: &dyn Fn(NodeId) -> String) -> String {
    let mut text = match &*step.name {
        "minimize" => String::new(),
        name => format!("step {name}: "),
    };
    text.push_str(&format!("minimize {}", read(step.loss)));
    for group in &step.groups {
        let variables = list(group.variables.iter().map(ToString::to_string));
        let arguments = group.optimizer.arguments.iter().map(|(name, argument)| match argument {
            OptimizerArgument::Node(id) => format!("{name}={}", read(*id)),
            OptimizerArgument::Number(x) => format!("{name}={x:?}"),
            OptimizerArgument::Bool(b) => format!("{name}={b}"),
        });
        let optimizer = call(&group.optimizer.name, &arguments.collect::<Vec<String>>());
        text.push_str(&format!(" over {variables} with {optimizer}"));
    }
    if step.every > 1 {
        text.push_str(&format!(" every {}", step.every));
    }
    text
}

#[cfg(test)]
mod tests;
