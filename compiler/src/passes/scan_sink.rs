//! Takes sums out of loops: a carry to which each iteration adds a product becomes one product
//! after the loop, over all iterations, of factors that the loop emits. So the gradient of a weight
//! that a loop reads is a product of as many rows as there are in all iterations. A carry to which
//! is added what can be computed of sequences and of what is emitted becomes one sum of that. A
//! value is the same up to the order of sums. Linear.

use rustc_hash::{FxHashMap, FxHashSet};

use super::outside::{Outside, emitting, picks};
use crate::error::CompileError;
use crate::ir::{BinaryFn, Graph, NodeId};
use crate::ops::{
    Batched, Build, Contract, Elementwise, Leaf, Op, Reduce, ReduceFn, Scan, TypeError,
    parameter_number,
};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    let order = graph.order();
    let live: FxHashSet<NodeId> = order.iter().copied().collect();
    for node in order {
        let Some(scan) = graph.op(node).scan().filter(|scan| scan.axis == 0).cloned() else {
            continue;
        };
        sink(graph, &live, node, scan).map_err(|e| CompileError::of_type(e, graph, node))?;
    }
    Ok(())
}

/// A carry that only adds up.
#[derive(Clone, Copy)]
struct Sum {
    /// Its number.
    carry: usize,
    /// What an iteration adds.
    term: NodeId,
    /// The result that is read.
    result: NodeId,
}

fn sink(
    graph: &mut Graph,
    live: &FxHashSet<NodeId>,
    node: NodeId,
    scan: Scan,
) -> Result<(), TypeError> {
    let sums = sums(graph, live, node, &scan);
    if sums.is_empty() {
        return Ok(());
    }
    let body = scan.body.clone();
    let is_product = |sum: &&Sum| matches!(body.op(sum.term), Op::Contract(_));
    let factors = factors(&scan, sums.iter().filter(is_product));
    let scan = emitting(graph, node, scan, factors)?;
    let operands = graph.operands(node).to_vec();
    let mut outside = Outside::new(graph, &scan, &operands);
    outside.note_emitted(node, scan.n_carries..scan.body.outputs.len())?;
    for sum in sums {
        let Some(total) = total(&mut outside, sum.term)? else { continue };
        let graph = &mut *outside.graph;
        let origin = graph.origin(sum.result);
        let value = Build { graph, origin: &origin }.add(operands[sum.carry], total)?;
        outside.graph.replace_uses(sum.result, value);
    }
    Ok(())
}

/// The carries that nothing reads but the sum that is their next value, and that are read after the
/// loop.
fn sums(graph: &Graph, live: &FxHashSet<NodeId>, node: NodeId, scan: &Scan) -> Vec<Sum> {
    let body = &*scan.body;
    let mut times_root: FxHashMap<NodeId, usize> = FxHashMap::default();
    body.roots().into_iter().for_each(|root| *times_root.entry(root).or_default() += 1);
    let times_root = |id: NodeId| times_root.get(&id).copied().unwrap_or(0);
    let picks = picks(graph, node);
    let picks = |k: usize| picks.get(&k).copied().filter(|id| live.contains(id));
    let sum = |carry: usize| {
        let (parameter, next) = (body.inputs[carry], body.outputs[carry].1);
        let is_sum = matches!(body.op(next), Op::Elementwise(Elementwise::Binary(BinaryFn::Add)));
        let alone = body.users(parameter) == [next]
            && body.users(next).is_empty()
            && times_root(next) + times_root(parameter) == 1;
        let [a, b] = *body.operands(next) else { return None };
        let term = if a == parameter { b } else { a };
        (is_sum && alone && term != parameter).then_some(())?;
        Some(Sum { carry, term, result: picks(carry)? })
    };
    (0..scan.n_carries).filter_map(sum).collect()
}

/// The factors of these sums of products that are not there outside of the loop.
fn factors<'a>(scan: &Scan, sums: impl Iterator<Item = &'a Sum>) -> Vec<NodeId> {
    let body = &*scan.body;
    let is_given = |factor: &NodeId| {
        let given = scan.n_carries..scan.n_operands();
        parameter_number(body, *factor).is_some_and(|number| given.contains(&number))
    };
    sums.flat_map(|sum| body.operands(sum.term)).copied().filter(|f| !is_given(f)).collect()
}

/// What is cheap enough to be computed of what is there.
fn allowed(op: &Op) -> bool {
    match op {
        Op::Leaf(leaf) => matches!(leaf, Leaf::Constant(_) | Leaf::Dim { .. }),
        Op::Elementwise(Elementwise::Unary(f)) => !f.is_transcendental(),
        Op::Elementwise(Elementwise::Binary(f)) => *f != BinaryFn::Pow,
        Op::Elementwise(Elementwise::Compare(_) | Elementwise::Select | Elementwise::Cast(_)) => {
            true
        }
        Op::Movement(_) | Op::Creation(_) => true,
        Op::Reduce(reduce) => reduce.f == ReduceFn::Sum,
        Op::Contract(_) | Op::Conv(_) | Op::Placement(_) | Op::ProductOfOthers(_) => false,
        Op::Prefix(_) | Op::Einsum(_) | Op::Pool(_) | Op::Argsort(_) => false,
        Op::Indexing(_) | Op::Random(_) | Op::Control(_) => false,
    }
}

/// The sum of a term over all iterations, if it can be computed of sequences and of what the loop
/// emits.
fn total(outside: &mut Outside<'_>, term: NodeId) -> Result<Option<NodeId>, TypeError> {
    let body = outside.scan.body.clone();
    let origin = body.origin(term);
    if let Op::Contract(product) = *body.op(term) {
        let [a, b] = *body.operands(term) else { return Ok(None) };
        let (a, b) = (outside.of(a, &allowed)?, outside.of(b, &allowed)?);
        let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
        if !a.varies && !b.varies {
            return Ok(None);
        }
        let mut build = Build { graph: &mut *outside.graph, origin: &origin };
        return product_of_all(&mut build, product, a, b).map(Some);
    }
    let Some(value) = outside.of(term, &allowed)?.filter(|value| value.varies) else {
        return Ok(None);
    };
    let sum = Reduce::new(ReduceFn::Sum, &[0]);
    outside.graph.add(sum, &[value.node], &origin).map(Some)
}

/// `∑ a_t · b_t` over the iterations.
fn product_of_all(
    build: &mut Build<'_>,
    product: Contract,
    a: Batched,
    b: Batched,
) -> Result<NodeId, TypeError> {
    if a.varies && b.varies {
        let rank = build.shape(a.node).len() - 1;
        return match product.of_many(rank, [true, true], false) {
            // One sum over all iterations and what the product sums over.
            Some(sum) => build.node(sum, &[a.node, b.node]),
            None => {
                let each = build.node(product, &[a.node, b.node])?;
                build.sum(each, &[0], false)
            }
        };
    }
    let summed = |build: &mut Build<'_>, x: Batched| match x.varies {
        true => build.sum(x.node, &[0], false),
        false => Ok(x.node),
    };
    let (a, b) = (summed(build, a)?, summed(build, b)?);
    build.node(product, &[a, b])
}
