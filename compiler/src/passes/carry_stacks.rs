//! Keeps the values of a carry once: where a loop emits a carry both as each iteration finds it and
//! as it leaves it, these are the same but for one, and sums of products over all iterations read
//! the latter for both. The gradient of a weight that a carry is multiplied by is such a sum. What
//! the first iteration finds counts apart: a product of one iteration, or where it is one number a
//! sum. The loop does not emit what nothing reads then. A value is the same up to the order of
//! sums. Linear for each carry that is kept once.

use rustc_hash::FxHashSet;

use super::loop_results;
use crate::error::CompileError;
use crate::ir::{Dim, Graph, NodeId};
use crate::ops::{Build, Einsum, Leaf, Movement, Op, Scan, TypeError};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    let mut changed = false;
    let mut live: FxHashSet<NodeId> = graph.order().into_iter().collect();
    for node in graph.order() {
        let Some(scan) = graph.op(node).scan().filter(|scan| scan.axis == 0).cloned() else {
            continue;
        };
        for carry in 0..scan.n_carries {
            let found = Stacks::of(graph, &live, (node, &scan), carry);
            let Some((stacks, sums)) = found else { continue };
            for sum in sums {
                let new = stacks.rewritten(graph, sum);
                let new = new.map_err(|e| CompileError::of_type(e, graph, sum))?;
                graph.replace_uses(sum, new);
                changed = true;
            }
            live = graph.order().into_iter().collect();
        }
    }
    if changed { loop_results::run(graph) } else { Ok(()) }
}

/// A carry that a loop emits twice.
struct Stacks {
    /// As each iteration finds it.
    found: NodeId,
    /// As each iteration leaves it.
    left: NodeId,
    /// What the first iteration finds.
    first: NodeId,
    /// How many iterations, at least one.
    length: usize,
    reverse: bool,
}

impl Stacks {
    /// The stacks of a carry that is emitted twice, with what reads it as it was found: sums over
    /// all iterations alone, which can read the other.
    fn of(
        graph: &Graph,
        live: &FxHashSet<NodeId>,
        (node, scan): (NodeId, &Scan),
        carry: usize,
    ) -> Option<(Stacks, Vec<NodeId>)> {
        let body = &*scan.body;
        let stacked = |inside: NodeId| {
            let picks = |id: &NodeId| {
                let index = graph.op(*id).picked_result().filter(|&k| k >= scan.n_carries);
                live.contains(id) && index.is_some_and(|k| body.outputs[k].1 == inside)
            };
            let mut results = graph.users(node).into_iter().filter(picks);
            // One node stands for each result that is read.
            results.next().filter(|_| results.next().is_none())
        };
        let (before, next) = (body.inputs[carry], body.outputs[carry].1);
        if before == next {
            return None;
        }
        let (found, left) = (stacked(before)?, stacked(next)?);
        let length = scan.length.as_number().and_then(|n| usize::try_from(n).ok())?;
        let first = graph.operands(node)[carry];
        let stacks = Stacks { found, left, first, length, reverse: scan.reverse };
        let readers = graph.users(found).into_iter().filter(|user| live.contains(user));
        let readers: Vec<NodeId> = readers.collect();
        let are_sums = readers.iter().all(|&reader| stacks.is_sum(graph, reader));
        (length > 0 && are_sums && !graph.roots().contains(&found)).then_some((stacks, readers))
    }

    /// Whether a node is the sum over all iterations of products with the carry.
    fn is_sum(&self, graph: &Graph, node: NodeId) -> bool {
        let Op::Einsum(sum) = graph.op(node) else { return false };
        let [a, b] = *graph.operands(node) else { return false };
        let labels = if a == self.found { &sum.a } else { &sum.b };
        a != b && labels.first().is_some_and(|label| !sum.y.contains(label))
    }

    /// The same sum, which reads the other stack.
    fn rewritten(&self, graph: &mut Graph, node: NodeId) -> Result<NodeId, TypeError> {
        let Op::Einsum(sum) = graph.op(node).clone() else { return Ok(node) };
        let [a, b] = *graph.operands(node) else { return Ok(node) };
        let (is_left, other) = if a == self.found { (true, b) } else { (false, a) };
        let origin = graph.origin(node);
        let mut build = Build { graph, origin: &origin };
        let (own, of_other) = if is_left { (&sum.a, &sum.b) } else { (&sum.b, &sum.a) };
        let many = own[0];
        let axis = of_other.iter().position(|&label| label == many).unwrap_or_default();
        let n = self.length;
        // The last iteration leaves what none finds, and the first finds what none has left.
        let (left, found, at) = if self.reverse { (1, 0, n - 1) } else { (0, 1, 0) };
        let without = |labels: &[char]| -> Vec<char> {
            labels.iter().copied().filter(|&label| label != many).collect()
        };
        let one = part(&mut build, other, (axis, at, 1))?;
        let mut shape = build.shape(one);
        shape.remove(axis);
        let one = build.reshape(one, &shape)?;
        let of_one = (one, without(of_other));
        let alone = match number(build.graph, self.first) {
            Some(value) => {
                of_number(&mut build, (value, self.first), (&without(own), &sum.y), of_one)?
            }
            None => ordered(&mut build, is_left, (self.first, without(own)), of_one, &sum.y)?,
        };
        if n == 1 {
            return Ok(alone);
        }
        let stack = part(&mut build, self.left, (0, left, n - 1))?;
        let others = part(&mut build, other, (axis, found, n - 1))?;
        let (own, of_other) = (own.clone(), of_other.clone());
        let rest = ordered(&mut build, is_left, (stack, own), (others, of_other), &sum.y)?;
        build.add(rest, alone)
    }
}

/// The sum of products of an operand that is the left one, or is not, with another.
fn ordered(
    build: &mut Build<'_>,
    is_left: bool,
    (x, of_x): (NodeId, Vec<char>),
    (other, of_other): (NodeId, Vec<char>),
    y: &[char],
) -> Result<NodeId, TypeError> {
    let y = y.to_vec();
    match is_left {
        true => build.node(Einsum { a: of_x, b: of_other, y }, &[x, other]),
        false => build.node(Einsum { a: of_other, b: of_x, y }, &[other, x]),
    }
}

/// The number that a value is everywhere.
fn number(graph: &Graph, x: NodeId) -> Option<NodeId> {
    let Op::Movement(Movement::Broadcast { .. }) = graph.op(x) else { return None };
    let value = graph.operands(x)[0];
    let is_constant = matches!(graph.op(value), Op::Leaf(Leaf::Constant(_)));
    (is_constant && graph.tensor_type(value).rank() == 0).then_some(value)
}

/// The sum of products of a number, repeated over these labels, with a value.
fn of_number(
    build: &mut Build<'_>,
    (number, repeated): (NodeId, NodeId),
    (own, y): (&[char], &[char]),
    (x, of_x): (NodeId, Vec<char>),
) -> Result<NodeId, TypeError> {
    let scaled = build.mul(x, number)?;
    let summed: Vec<usize> = (0..of_x.len()).filter(|&d| !y.contains(&of_x[d])).collect();
    let kept: Vec<char> = of_x.iter().copied().filter(|label| y.contains(label)).collect();
    let sum = build.sum(scaled, &summed, false)?;
    let at = |label: &char| kept.iter().position(|other| other == label);
    let perm: Vec<usize> = y.iter().filter_map(at).collect();
    let turned = build.transpose(sum, &perm)?;
    let of_own = build.shape(repeated);
    let mut sizes = build.shape(turned).into_iter();
    let (mut with_ones, mut whole) = (vec![], vec![]);
    for label in y {
        let size = own.iter().position(|other| other == label).map(|d| of_own[d].clone());
        let one = if at(label).is_some() { sizes.next() } else { None };
        let one = one.unwrap_or_else(|| Dim::number(1));
        whole.push(size.unwrap_or_else(|| one.clone()));
        with_ones.push(one);
    }
    let turned = build.reshape(turned, &with_ones)?;
    build.broadcast_to(turned, &whole)
}

/// `len` of the indices of an axis, from `start` on; the value itself where that is all of them.
fn part(
    build: &mut Build<'_>,
    x: NodeId,
    (axis, start, n): (usize, usize, usize),
) -> Result<NodeId, TypeError> {
    let mut len = build.shape(x);
    let mut from = vec![Dim::number(0); len.len()];
    (len[axis], from[axis]) = (Dim::from(n), Dim::from(start));
    if len == build.shape(x) {
        return Ok(x);
    }
    let step = vec![1; len.len()];
    build.node(Movement::Slice { start: from, len, step }, &[x])
}
