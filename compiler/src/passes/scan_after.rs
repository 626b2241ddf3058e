//! Takes products out of loops whose results are emitted alone: of what a loop emits it computes no
//! product with a matrix around it that no iteration reads, with what follows it (a bias). Such a
//! product becomes one for all iterations after the loop, of the left factor that the loop emits in
//! the place of the result; only where the factor is no larger, or is emitted anyway. So the matrix is
//! read once and not in every iteration, and the gradient by the elements of a sequence is one product.
//! Nothing is computed that was not before. No value changes. Linear in a body for each value that its
//! loop emits.

use rustc_hash::FxHashSet;

use super::outside::{Outside, can_leave, emitting, result_of};
use crate::error::CompileError;
use crate::ir::{Graph, NodeId};
use crate::ops::{Batched, Op, Scan, TypeError, parameter_number};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    let order = graph.order();
    let live: FxHashSet<NodeId> = order.iter().copied().collect();
    for node in order {
        let Some(scan) = graph.op(node).scan().filter(|scan| scan.axis == 0).cloned() else {
            continue;
        };
        let read = read(graph, &live, node, &scan);
        take_out(graph, node, scan, read).map_err(|e| CompileError::of_type(e, graph, node))?;
    }
    Ok(())
}

/// Takes out of a loop what it only emits, given the numbers of its results that are read.
fn take_out(
    graph: &mut Graph,
    node: NodeId,
    mut scan: Scan,
    mut read: FxHashSet<usize>,
) -> Result<(), TypeError> {
    // What is emitted for a product may be another one, or the factor of one that came before.
    loop {
        let mut changed = false;
        let mut index = scan.n_carries;
        while index < scan.body.outputs.len() {
            let emitted = Emitted { scan: &scan, read: &read, index };
            if let Some(factors) = read.contains(&index).then(|| emitted.factors()).flatten() {
                scan = emitting(graph, node, scan, factors.iter().copied())?;
                let outputs = scan.body.outputs.iter().enumerate().skip(scan.n_carries);
                let factors = outputs.filter(|(_, (_, id))| factors.contains(id));
                read.extend(factors.map(|(k, _)| k));
                read.remove(&index);
                let mut there: Vec<usize> = read.iter().copied().collect();
                there.retain(|&k| k >= scan.n_carries);
                there.sort_unstable();
                if !compute_outside(graph, node, &scan, index, &there)? {
                    return Ok(());
                }
                changed = true;
            }
            index += 1;
        }
        if !changed {
            return Ok(());
        }
    }
}

/// The results of a loop that something live reads, by number.
fn read(graph: &Graph, live: &FxHashSet<NodeId>, node: NodeId, scan: &Scan) -> FxHashSet<usize> {
    let users = graph.users(node).into_iter().filter(|user| live.contains(user));
    let read = users.filter_map(|user| graph.op(user).picked_result());
    // A carry's next value is read by the next iteration.
    read.chain(0..scan.n_carries).collect()
}

/// Makes what reads an emitted value read what is computed of the values `there`; whether it could be.
fn compute_outside(
    graph: &mut Graph,
    node: NodeId,
    scan: &Scan,
    index: usize,
    there: &[usize],
) -> Result<bool, TypeError> {
    let operands = graph.operands(node).to_vec();
    let result = result_of(graph, node, scan, index)?;
    let mut outside = Outside::new(graph, scan, &operands);
    for &other in there {
        let all = result_of(outside.graph, node, scan, other)?;
        outside.note(scan.body.outputs[other].1, Batched { node: all, varies: true });
    }
    let value = outside.of(scan.body.outputs[index].1, &can_leave)?;
    let Some(value) = value.filter(|value| value.varies) else { return Ok(false) };
    graph.replace_uses(result, value.node);
    Ok(true)
}

/// A value that a loop emits.
struct Emitted<'a> {
    scan: &'a Scan,
    /// The results of the loop that are read.
    read: &'a FxHashSet<usize>,
    /// The number of the result.
    index: usize,
}

impl Emitted<'_> {
    /// What the loop must emit so that the value can be computed after it, if that is worth it.
    fn factors(&self) -> Option<Vec<NodeId>> {
        let body = &*self.scan.body;
        let end = body.outputs[self.index].1;
        let varying = self.varying();
        let (mut inside, mut factors) = (FxHashSet::default(), vec![]);
        let mut n_products = 0;
        let mut stack = vec![end];
        while let Some(id) = stack.pop() {
            if !varying.contains(&id) || self.is_given(id) || !inside.insert(id) {
                continue;
            }
            if !can_leave(body.op(id)) {
                return None;
            }
            if !matches!(body.op(id), Op::Contract(_)) {
                stack.extend(body.operands(id));
                continue;
            }
            let [a, b] = *body.operands(id) else { return None };
            if varying.contains(&b) {
                return None;
            }
            n_products += 1;
            if !self.is_given(a) && !factors.contains(&a) {
                factors.push(a);
            }
        }
        let size = |x: &NodeId| body.tensor_type(*x).n_elements().unwrap_or(usize::MAX);
        let are_small = factors.iter().map(size).fold(0, usize::saturating_add) <= size(&end);
        (n_products > 0 && are_small && self.is_own(&inside)).then_some(factors)
    }

    /// The outputs that something reads.
    fn outputs(&self) -> impl Iterator<Item = (usize, NodeId)> {
        let outputs = self.scan.body.outputs.iter().enumerate();
        outputs.filter(|(k, _)| self.read.contains(k)).map(|(k, (_, id))| (k, *id))
    }

    /// Whether a node's values of all iterations are there: an element of a sequence, or another
    /// emitted value.
    fn is_given(&self, id: NodeId) -> bool {
        let number = parameter_number(&self.scan.body, id);
        let mut emitted = self.outputs().filter(|(k, _)| *k >= self.scan.n_carries);
        number.is_some_and(|k| self.scan.sequences().contains(&k))
            || emitted.any(|(k, other)| k != self.index && other == id)
    }

    /// Whether nothing but the value needs any of these nodes.
    fn is_own(&self, inside: &FxHashSet<NodeId>) -> bool {
        let body = &*self.scan.body;
        let roots: Vec<NodeId> = self.outputs().map(|(_, id)| id).collect();
        let live: FxHashSet<NodeId> = body.order_from(&roots).into_iter().collect();
        let is_other = |user: &NodeId| live.contains(user) && !inside.contains(user);
        let mut others = self.outputs().filter(|(k, _)| *k != self.index);
        !others.any(|(_, id)| inside.contains(&id))
            && inside.iter().all(|&id| !body.users(id).iter().any(is_other))
    }

    /// The nodes that differ between iterations.
    fn varying(&self) -> FxHashSet<NodeId> {
        let body = &*self.scan.body;
        let mut varying = FxHashSet::default();
        for id in body.order_from(&[body.outputs[self.index].1]) {
            let varies = match parameter_number(body, id) {
                Some(number) => !self.scan.captured().contains(&number),
                None => body.operands(id).iter().any(|o| varying.contains(o)),
            };
            if varies {
                varying.insert(id);
            }
        }
        varying
    }
}
