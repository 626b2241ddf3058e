//! Writes sums of padded parts as the parts side by side: the gradient of `split` is a sum of as many
//! tensors of the whole size, of which each has one part that is not zero, and together they fill it.
//! Every element is the same but for the sign of a zero: `-0.0 + 0.0` is `0.0`, and stays `-0.0` here.
//! Linear in the nodes for each sum.

use crate::error::CompileError;
use crate::ir::{BinaryFn, Dim, Graph, NodeId};
use crate::ops::{Elementwise, Op, Placement};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for node in graph.order() {
        if let Some((axis, parts)) = filled(graph, node) {
            let origin = graph.origin(node);
            let joined = graph.add(Placement::Concat { axis }, &parts, &origin);
            let joined = joined.map_err(|e| CompileError::of_type(e, graph, node))?;
            graph.replace_uses(node, joined);
        }
    }
    Ok(())
}

/// The parts that a sum puts side by side, with their axis, in order.
fn filled(graph: &Graph, node: NodeId) -> Option<(usize, Vec<NodeId>)> {
    sum(graph, node)?;
    let mut parts = vec![];
    let mut stack = vec![node];
    while let Some(at) = stack.pop() {
        // A partial sum that something else reads is computed anyway.
        match sum(graph, at).filter(|_| at == node || graph.users(at).len() == 1) {
            Some(operands) => stack.extend(operands),
            None => parts.push((at, padded(graph, at)?)),
        }
    }
    let axis = parts.first()?.1.axis;
    parts.sort_by_key(|(_, part)| part.first);
    let mut next = 0;
    for (_, part) in &parts {
        if part.axis != axis || part.first != next {
            return None;
        }
        next += part.length;
    }
    let size = graph.tensor_type(node).shape[axis].as_number()?;
    let inner = |&(pad, _): &(NodeId, Padded)| graph.operands(pad)[0];
    (size == next).then(|| (axis, parts.iter().map(inner).collect()))
}

fn sum(graph: &Graph, node: NodeId) -> Option<[NodeId; 2]> {
    match (graph.op(node), graph.operands(node)) {
        (Op::Elementwise(Elementwise::Binary(BinaryFn::Add)), &[a, b]) => Some([a, b]),
        _ => None,
    }
}

/// Where along its axis a padded value has its elements.
struct Padded {
    axis: usize,
    first: i64,
    length: i64,
}

/// What a node pads with zeros, along one axis alone.
fn padded(graph: &Graph, node: NodeId) -> Option<Padded> {
    let Op::Placement(Placement::Pad { before, after, interior, value }) = graph.op(node) else {
        return None;
    };
    let is_zero = |dim: &Dim| dim.as_number() == Some(0);
    if value.to_f64() != 0.0 || !interior.iter().all(is_zero) {
        return None;
    }
    let grows = |&axis: &usize| !is_zero(&before[axis]) || !is_zero(&after[axis]);
    let mut axes = (0..before.len()).filter(grows);
    let (axis, None) = (axes.next()?, axes.next()) else { return None };
    let length = graph.tensor_type(graph.operands(node)[0]).shape[axis].as_number()?;
    Some(Padded { axis, first: before[axis].as_number()?, length })
}
