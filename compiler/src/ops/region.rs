//! Regions with other parameters, and the ways of cotangents through graphs: what the gradient of a
//! loop and the passes over loops share.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Leaf, Op, OpRules, Scan, TypeError};
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

/// The body and the operands of a loop that is given each value around it once, in the order in which
/// its body reads them, and none that the body does not read; `None` where that is so. Linear.
pub(crate) fn captured_once(
    scan: &Scan,
    operands: &[NodeId],
) -> Result<Option<(Graph, Vec<NodeId>)>, TypeError> {
    let captures = captures(scan, operands);
    let n_inner = scan.captured().start;
    if captures.operands == operands[n_inner..] {
        return Ok(None);
    }
    let body = renumbered(scan, &captures)?;
    Ok(Some((body, [&operands[..n_inner], &captures.operands].concat())))
}

/// What a body reads of the values around it.
struct Captures {
    /// The values, in the order in which they are first read.
    operands: Vec<NodeId>,
    /// For each parameter of the body that is read, which of them it stands for.
    of_parameter: FxHashMap<NodeId, usize>,
}

fn captures(scan: &Scan, operands: &[NodeId]) -> Captures {
    let captured = scan.captured();
    let mut captures = Captures { operands: vec![], of_parameter: FxHashMap::default() };
    for id in scan.body.order_from(&scan.body.roots()) {
        let Op::Leaf(Leaf::Parameter { number, .. }) = scan.body.op(id) else { continue };
        if captured.contains(number) {
            let operand = operands[*number];
            let known = captures.operands.iter().position(|&o| o == operand);
            captures.of_parameter.insert(id, known.unwrap_or(captures.operands.len()));
            if known.is_none() {
                captures.operands.push(operand);
            }
        }
    }
    captures
}

/// The body with a parameter for each captured value.
fn renumbered(scan: &Scan, captures: &Captures) -> Result<Graph, TypeError> {
    let body = &*scan.body;
    let n_inner = scan.captured().start;
    let first_of = |k: usize| {
        let parameters = body.inputs[scan.captured()].iter();
        parameters.copied().find(|p| captures.of_parameter.get(p) == Some(&k))
    };
    let inner = body.inputs[..n_inner].iter().copied();
    let captured = (0..captures.operands.len()).filter_map(first_of);
    let iteration = body.inputs[scan.n_operands()..].iter().copied();
    let kept: Vec<NodeId> = inner.chain(captured).chain(iteration).collect();
    let same = captures.of_parameter.iter().map(|(&parameter, k)| (parameter, n_inner + k));
    with_parameters(body, &kept, &same.collect(), &body.outputs)
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
