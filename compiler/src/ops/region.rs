//! Regions with other parameters, and the ways of cotangents through graphs: what the gradient of a
//! loop and the passes over loops share.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Leaf, Op, OpRules, TypeError};
use crate::ir::{Graph, Name, NodeId};

/// A region with a parameter for each of `kept`, in that order, and these outputs. A parameter of
/// the old region that `same` knows is the one of that number; one that is neither may not be
/// needed.
pub(crate) fn with_parameters(
    region: &Graph,
    kept: &[NodeId],
    same: &FxHashMap<NodeId, usize>,
    outputs: &[(Name, NodeId)],
) -> Result<Graph, TypeError> {
    let (mut new, mut map) = (Graph::default(), FxHashMap::default());
    for (number, &parameter) in kept.iter().enumerate() {
        let tensor_type = region.tensor_type(parameter).clone();
        let leaf = Leaf::Parameter { number, tensor_type };
        let copy = new.add(leaf, &[], &region.origin(parameter))?;
        new.inputs.push(copy);
        map.insert(parameter, copy);
    }
    map.extend(same.iter().map(|(&parameter, &number)| (parameter, new.inputs[number])));
    let roots: Vec<NodeId> = outputs.iter().map(|(_, id)| *id).collect();
    region.copy_into(&mut new, &region.order_from(&roots), &mut map)?;
    new.outputs = outputs.iter().map(|(name, id)| (name.clone(), map[id])).collect();
    Ok(new)
}

/// The number of the parameter that a node of a region is, if it is one.
pub(crate) fn parameter_number(region: &Graph, node: NodeId) -> Option<usize> {
    match region.op(node) {
        Op::Leaf(Leaf::Parameter { number, .. }) => Some(*number),
        _ => None,
    }
}

/// The nodes of `order`, which has operands first, that lie on a differentiable path from one of
/// `xs`.
pub(crate) fn differentiable_from(
    graph: &Graph,
    order: &[NodeId],
    xs: &FxHashSet<NodeId>,
) -> FxHashSet<NodeId> {
    let mut reached = FxHashSet::default();
    for &node in order {
        let mut operands = graph.operands(node).iter().enumerate();
        let follows = operands.any(|(k, o)| graph.op(node).carries(k) && reached.contains(o));
        if has_floats(graph, node) && (follows || xs.contains(&node)) {
            reached.insert(node);
        }
    }
    reached
}

/// The nodes from which a differentiable path leads to one of `ys`.
pub(crate) fn differentiable_to(graph: &Graph, ys: &[NodeId]) -> FxHashSet<NodeId> {
    let mut reached: FxHashSet<NodeId> = FxHashSet::default();
    let mut stack = ys.to_vec();
    while let Some(node) = stack.pop() {
        if has_floats(graph, node) && reached.insert(node) {
            let operands = graph.operands(node).iter().enumerate();
            stack.extend(operands.filter(|(k, _)| graph.op(node).carries(*k)).map(|(_, o)| *o));
        }
    }
    reached
}

fn has_floats(graph: &Graph, node: NodeId) -> bool {
    graph.node(node).types.iter().any(|t| t.dtype.is_float())
}
