//! A graph as a drawing for Graphviz, and as data.

use std::fmt::{self, Write};

use super::GraphText;
use super::expression::attribute_text;
use crate::ir::{Graph, MetricKind, NodeId};
use crate::ops::{Leaf, Op, OpRules};

/// Prints a graph in the language of Graphviz: a box a node, operands pointing at users.
#[derive(Debug)]
pub struct Dot<'a>(pub &'a GraphText<'a>);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self.0.graph;
        writeln!(f, "digraph {} {{", JsonText(self.0.name.unwrap_or("graph")))?;
        writeln!(f, "    node [shape=box, fontname=monospace]")?;
        for id in graph.order() {
            let node = graph.node(id);
            let types: Vec<String> = node.types.iter().map(ToString::to_string).collect();
            let label =
                format!("{}\n{}\n{}", node.name, node.op.signature().name, types.join(", "));
            let style = match &node.op {
                Op::Leaf(Leaf::Input { .. }) => ", style=filled, fillcolor=lightblue",
                Op::Leaf(Leaf::Variable { .. }) => ", style=filled, fillcolor=lightyellow",
                _ => "",
            };
            writeln!(f, "    n{} [label={}{style}]", id.number(), JsonText(&label))?;
            for operand in graph.operands(id) {
                writeln!(f, "    n{} -> n{}", operand.number(), id.number())?;
            }
        }
        for (kind, name, id) in named_roots(graph) {
            let (root, label) = (format!("{kind} {name}"), format!("{kind}\n{name}"));
            writeln!(f, "    {} [label={}, shape=ellipse]", JsonText(&root), JsonText(&label))?;
            writeln!(f, "    n{} -> {}", id.number(), JsonText(&root))?;
        }
        writeln!(f, "}}")
    }
}

/// Prints a graph as a JSON object: `name`, `variables`, `nodes` (operands first, each with
/// `name`, `op`, `operands`, `types`, `attributes`, `provenance`, and `region` where it has one)
/// and the roots `outputs`, `metrics`, `losses` and `updates`.
#[derive(Debug)]
pub struct Json<'a>(pub &'a GraphText<'a>);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        if let Some(name) = self.0.name {
            write!(f, "\"name\": {}, ", JsonText(name))?;
        }
        let variables = self.0.variables.iter().map(|(name, v)| {
            let kind = format!("{:?}", v.kind).to_lowercase();
            let tensor_type = v.tensor_type.to_string();
            let (name, kind, tensor_type) =
                (JsonText(name), JsonText(&kind), JsonText(&tensor_type));
            format!("{{\"name\": {name}, \"kind\": {kind}, \"type\": {tensor_type}}}")
        });
        write!(f, "\"variables\": [{}], ", join(variables))?;
        graph_members(f, self.0.graph)?;
        f.write_str("}\n")
    }
}

fn graph_members(f: &mut dyn Write, graph: &Graph) -> fmt::Result {
    let nodes: Result<Vec<String>, fmt::Error> =
        graph.order().into_iter().map(|id| node(graph, id)).collect();
    write!(f, "\"nodes\": [{}]", nodes?.join(",\n"))?;
    for (kind, member) in
        [("output", "outputs"), ("metric", "metrics"), ("loss", "losses"), ("update", "updates")]
    {
        let of_kind = named_roots(graph).into_iter().filter(|(k, ..)| *k == kind);
        let roots = of_kind.map(|(_, name, id)| {
            format!(
                "{{\"name\": {}, \"node\": {}}}",
                JsonText(&name),
                JsonText(&graph.node(id).name)
            )
        });
        write!(f, ", \"{member}\": [{}]", join(roots))?;
    }
    Ok(())
}

fn node(graph: &Graph, id: NodeId) -> Result<String, fmt::Error> {
    let node = graph.node(id);
    let signature = node.op.signature();
    let mut text = String::new();
    write!(text, "{{\"name\": {}, \"op\": {}", JsonText(&node.name), JsonText(signature.name))?;
    let operands = node.operands.iter().map(|&o| JsonText(&graph.node(o).name).to_string());
    write!(text, ", \"operands\": [{}]", join(operands))?;
    let types = node.types.iter().map(|t| JsonText(&t.to_string()).to_string());
    write!(text, ", \"types\": [{}]", join(types))?;
    let values = node.op.attributes();
    let attributes = signature.attributes.iter().zip(&values).map(|(signature, value)| {
        format!("{}: {}", JsonText(signature.name), JsonText(&attribute_text(value)))
    });
    write!(text, ", \"attributes\": {{{}}}", join(attributes))?;
    write!(text, ", \"provenance\": {}", JsonText(&node.provenance.to_string()))?;
    if let Some(region) = node.op.region() {
        text.push_str(", \"region\": {");
        graph_members(&mut text, region)?;
        text.push('}');
    }
    text.push('}');
    Ok(text)
}

/// Every root with its kind and name.
fn named_roots(graph: &Graph) -> Vec<(&'static str, String, NodeId)> {
    let outputs = graph.outputs.iter().map(|(name, id)| ("output", name.to_string(), *id));
    let metrics = graph.metrics.iter().flat_map(|m| match &m.kind {
        MetricKind::Mean(id) => vec![("metric", m.name.to_string(), *id)],
        MetricKind::Total { parts, .. } => {
            let part = |(i, id): (usize, &NodeId)| ("metric", format!("{}.{i}", m.name), *id);
            parts.iter().enumerate().map(part).collect()
        }
    });
    let losses = graph.steps.iter().map(|s| ("loss", s.name.to_string(), s.loss));
    let updates = graph.updates.iter().map(|u| ("update", u.variable.to_string(), u.value));
    outputs.chain(metrics).chain(losses).chain(updates).collect()
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<String>>().join(", ")
}

/// A string in double quotes, with the escapes that JSON and Graphviz share.
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

impl fmt::Display for JsonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                c if (c as u32) < 0x20 => write!(f, "\\u{:04x}", c as u32)?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
