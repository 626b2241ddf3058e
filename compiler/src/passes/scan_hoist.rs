//! Takes out of a loop what no carry reaches: a product with elements of sequences becomes one
//! product for all iterations before the loop, whose result is a sequence of it, with what follows
//! the product and no carry reaches either; what takes long and only reads values around the loop
//! is computed once, and a matrix around it that products read transposed is transposed once.
//! Nothing is computed that was not before, but in a loop of no iterations. A value is the same up
//! to the order of sums. Linear.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::outside::{Outside, can_leave};
use crate::error::CompileError;
use crate::ir::{Graph, NodeId, Origin};
use crate::ops::{
    Batched, Contract, Leaf, Movement, Op, Scan, TypeError, parameter_number, takes_long,
    with_parameters,
};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for node in graph.order() {
        let Some(scan) = graph.op(node).scan().filter(|scan| scan.axis == 0).cloned() else {
            continue;
        };
        let scan = upright(&scan).map_err(|e| CompileError::of_type(e, graph, node))?;
        hoist(graph, node, &scan).map_err(|e| CompileError::of_type(e, graph, node))?;
    }
    Ok(())
}

/// The loop with its transposed right matrices of values around it as values of their own.
fn upright(scan: &Scan) -> Result<Scan, TypeError> {
    let mut body = (*scan.body).clone();
    for node in body.order_from(&body.roots()) {
        let Op::Contract(Contract::Matmul { transpose_a, transpose_b: true }) = *body.op(node)
        else {
            continue;
        };
        let [a, b] = *body.operands(node) else { continue };
        let is_around = |k: usize| scan.captured().contains(&k);
        let around = |x: NodeId| parameter_number(&body, x).is_some_and(is_around);
        if body.tensor_type(b).rank() == 2 && around(b) && !around(a) {
            let name = format!("{}.t", body.node(b).name);
            // It is for the product alone.
            let origin = Origin::named(&name, body.node(node).provenance.clone());
            let upright = body.add(Movement::Transpose { perm: vec![1, 0] }, &[b], &origin)?;
            body.rebuild(
                node,
                Contract::Matmul { transpose_a, transpose_b: false },
                &[a, upright],
            )?;
        }
    }
    Ok(Scan { body: Arc::new(body), ..scan.clone() })
}

fn hoist(graph: &mut Graph, node: NodeId, scan: &Scan) -> Result<(), TypeError> {
    let operands = graph.operands(node).to_vec();
    let worth = worth(scan);
    if worth.is_empty() {
        return Ok(());
    }
    let body = &*scan.body;
    let mut outside = Outside::new(graph, scan, &operands);
    let mut hoisted: FxHashMap<NodeId, Batched> = FxHashMap::default();
    for &inside in &worth {
        if let Some(value) = outside.of(inside, &can_leave)? {
            hoisted.insert(inside, value);
        }
    }
    take_over(graph, node, scan, &hoisted);
    // What is read inside still.
    let roots: FxHashSet<NodeId> = body.roots().into_iter().collect();
    let is_read = |id: &NodeId| {
        let users = body.users(*id);
        roots.contains(id) || users.iter().any(|user| !hoisted.contains_key(user))
    };
    let ends: Vec<(NodeId, Batched)> = worth
        .iter()
        .filter(|id| is_read(id))
        .filter_map(|id| Some((*id, *hoisted.get(id)?)))
        .collect();
    if ends.is_empty() {
        return Ok(());
    }
    let (scan, operands) = with_given(scan, &operands, &ends)?;
    graph.rebuild(node, scan, &operands)
}

/// Makes what reads an emitted value that is outside read it there.
fn take_over(graph: &mut Graph, node: NodeId, scan: &Scan, hoisted: &FxHashMap<NodeId, Batched>) {
    for result in graph.users(node) {
        let index = graph.op(result).picked_result().filter(|&k| k >= scan.n_carries);
        let emitted = index.and_then(|k| hoisted.get(&scan.body.outputs[k].1));
        if let Some(value) = emitted.filter(|value| value.varies) {
            graph.replace_uses(result, value.node);
        }
    }
}

/// The values that are worth to be taken out if they can be, operands before users: products of
/// elements of sequences and what is made of them; what takes long of values around the loop.
fn worth(scan: &Scan) -> Vec<NodeId> {
    let body = &*scan.body;
    let (mut varying, mut long) = (FxHashSet::default(), FxHashSet::default());
    let order = body.order_from(&body.roots());
    let inputs = &body.inputs;
    varying.extend(
        inputs.iter().enumerate().filter(|(k, _)| !scan.captured().contains(k)).map(|(_, &id)| id),
    );
    let mut reached: FxHashSet<NodeId> = inputs[..scan.n_carries].iter().copied().collect();
    reached.extend(inputs.last());
    // An iteration with a loop in it has rows enough for its products, and all iterations at once could
    // be far more than are wanted in memory: chunks that are computed again are such iterations.
    let has_loop = order.iter().any(|&id| body.op(id).scan().is_some());
    for &id in &order {
        let operands = body.operands(id);
        let any = |set: &FxHashSet<NodeId>| operands.iter().any(|o| set.contains(o));
        let varies = any(&varying);
        if any(&reached) {
            reached.insert(id);
        }
        if varies {
            varying.insert(id);
        }
        let is_long = match varies {
            // A product with a matrix around the loop: of two factors that differ there is nothing
            // to share, and all of their products may be far larger than they are.
            true if has_loop => false,
            true => matches!(body.op(id), Op::Contract(_)) && !varying.contains(&operands[1]),
            false => takes_long(body.op(id)) || is_upright(body, id),
        };
        // What follows is taken out, too, if it is of the same kind and no larger.
        let size = |x: NodeId| body.tensor_type(x).n_elements().unwrap_or(usize::MAX);
        let leads =
            |o: &NodeId| long.contains(o) && varying.contains(o) == varies && size(id) <= size(*o);
        if is_long || operands.iter().any(leads) {
            long.insert(id);
        }
    }
    order.into_iter().filter(|id| long.contains(id) && !reached.contains(id)).collect()
}

/// Whether a value is a transposed matrix that a product reads.
fn is_upright(body: &Graph, node: NodeId) -> bool {
    let reads = |user: &NodeId| matches!(body.op(*user), Op::Contract(_));
    matches!(body.op(node), Op::Movement(Movement::Transpose { .. }))
        && body.users(node).iter().any(reads)
}

/// The loop with its operands, given the values of these nodes of its body.
fn with_given(
    scan: &Scan,
    operands: &[NodeId],
    ends: &[(NodeId, Batched)],
) -> Result<(Scan, Vec<NodeId>), TypeError> {
    let mut body = (*scan.body).clone();
    let (mut sequences, mut captured) = (vec![], vec![]);
    for &(inside, value) in ends {
        let node = body.node(inside);
        let leaf = Leaf::Parameter { number: usize::MAX, tensor_type: node.types[0].clone() };
        let origin = Origin::named(&format!("{}.", node.name), node.provenance.clone());
        let parameter = body.add(leaf, &[], &origin)?;
        body.replace_uses(inside, parameter);
        let list = if value.varies { &mut sequences } else { &mut captured };
        list.push((parameter, value.node));
    }
    let read: FxHashSet<NodeId> = body.order_from(&body.roots()).into_iter().collect();
    let old = |k: usize| (body.inputs[k], operands[k]);
    let carries = (0..scan.n_carries).map(old);
    let mut walked: Vec<(NodeId, NodeId)> = scan.sequences().map(old).chain(sequences).collect();
    if walked.iter().any(|(parameter, _)| read.contains(parameter)) {
        walked.retain(|(parameter, _)| read.contains(parameter));
    } else {
        walked.truncate(1);
    }
    let n_sequences = walked.len();
    let around = scan.captured().map(old).chain(captured);
    let given: Vec<(NodeId, NodeId)> = carries.chain(walked).chain(around).collect();
    let parameters = given.iter().map(|(parameter, _)| *parameter);
    let parameters: Vec<NodeId> = parameters.chain(body.inputs.last().copied()).collect();
    let outputs = body.outputs.clone();
    let body = with_parameters(&body, &parameters, &FxHashMap::default(), &outputs)?;
    let scan = Scan { body: Arc::new(body), n_sequences, ..scan.clone() };
    scan.capturing_once(given.into_iter().map(|(_, operand)| operand).collect())
}
