//! The block of a scan.

use super::layout::Lines;
use super::{line, list, reference, spelled};
use crate::ir::{Graph, NodeId, Provenance};
use crate::ops::{Control, Leaf, Op, Scan};

/// `last, all = scan(x_t in x, h = h0) { ... }`; `operand` says how the values around are read.
pub(super) fn scan(
    lines: &mut Lines,
    graph: &Graph,
    id: NodeId,
    scan: &Scan,
    operand: &dyn Fn(NodeId) -> String,
) {
    let node = graph.node(id);
    let results = (0..node.types.len()).map(|k| match result(graph, id, k) {
        Some(picked) => format!("{}: {}", spelled(&graph.node(picked).name), node.types[k]),
        None => "_".to_string(),
    });
    let parameter = |k: usize| spelled(&scan.body.node(scan.body.inputs[k]).name);
    let operands: Vec<String> = node.operands.iter().map(|&o| operand(o)).collect();
    let sequences = scan.n_carries..scan.n_carries + scan.n_sequences;
    let sequences = sequences.map(|k| format!("{} in {}", parameter(k), operands[k]));
    let carries = (0..scan.n_carries).map(|k| format!("{} = {}", parameter(k), operands[k]));
    let mut arguments: Vec<String> = sequences.chain(carries).collect();
    if scan.axis != 0 {
        arguments.push(format!("axis={}", scan.axis));
    }
    if scan.reverse {
        arguments.push("reverse=true".to_string());
    }
    let heading = format!("{} = scan({}) {{", list(results), arguments.join(", "));
    lines.push(heading, &node.provenance);
    lines.indent += 1;
    block(lines, scan, &operands);
    lines.indent -= 1;
    lines.push("}", &Provenance::default());
}

/// The live node that picks result `k`.
fn result(graph: &Graph, id: NodeId, k: usize) -> Option<NodeId> {
    let live = graph.order();
    let picks = |n: &NodeId| {
        graph.op(*n).picked_result() == Some(k) && graph.operands(*n).first() == Some(&id)
    };
    live.into_iter().find(picks)
}

fn block(lines: &mut Lines, scan: &Scan, operands: &[String]) {
    let body = &*scan.body;
    let n_inner = scan.n_carries + scan.n_sequences;
    let iteration = scan.n_operands();
    // A captured value is read by its name outside.
    let read = |id: NodeId| match body.op(id) {
        Op::Leaf(Leaf::Parameter { number, .. }) if *number >= n_inner && *number < iteration => {
            operands[*number].clone()
        }
        _ => reference(body, id),
    };
    for id in body.order() {
        let node = body.node(id);
        match &node.op {
            Op::Leaf(Leaf::Parameter { number, .. }) if *number == iteration => {
                if !body.users(id).is_empty() {
                    let text = format!("{}: {} = iteration()", spelled(&node.name), node.types[0]);
                    lines.push(text, &node.provenance);
                }
            }
            Op::Control(Control::Scan(inner)) => self::scan(lines, body, id, inner, &read),
            Op::Control(Control::Result { .. }) => {}
            _ => line(lines, body, id, &read),
        }
    }
    ends(lines, scan, &read);
}

/// What the carries become and what is emitted.
fn ends(lines: &mut Lines, scan: &Scan, read: &dyn Fn(NodeId) -> String) {
    let body = &*scan.body;
    let (carries, emitted) = body.outputs.split_at(scan.n_carries);
    let next = carries.iter().enumerate().map(|(k, (_, next))| (body.inputs[k], *next));
    let changed: Vec<(NodeId, NodeId)> = next.filter(|(carry, next)| carry != next).collect();
    let names = list(changed.iter().map(|(carry, _)| read(*carry)));
    let values = list(changed.iter().map(|(_, next)| read(*next)));
    match changed.len() {
        0 => {}
        1 => lines.push(format!("{names} = {values}"), &Provenance::default()),
        _ => lines.push(format!("{names} = [{values}]"), &Provenance::default()),
    }
    if !emitted.is_empty() {
        let values = list(emitted.iter().map(|(_, id)| read(*id)));
        lines.push(format!("emit {values}"), &Provenance::default());
    }
}
