//! Takes products out of loops whose results are emitted alone: of what a loop emits it computes no
//! product with a matrix around it that no iteration reads, with what follows it (a bias). Such a
//! product becomes one for all iterations after the loop, of the left factor that the loop emits in
//! the place of the result; only where the factor is no larger, or is emitted anyway. So the matrix
//! is read once and not in every iteration, and the gradient by the elements of a sequence is one
//! product. Nothing is computed that was not before. No value changes. Linear in a body, and in
//! what it computes for each of such values.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use super::outside::{Outside, can_leave, emitting, picks};
use crate::error::CompileError;
use crate::ir::{Graph, NodeId};
use crate::ops::{Op, Scan, TypeError, parameter_number};

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

/// The results of a loop that something live reads, by number.
fn read(graph: &Graph, live: &FxHashSet<NodeId>, node: NodeId, scan: &Scan) -> FxHashSet<usize> {
    let picks = picks(graph, node).into_iter().filter(|(_, pick)| live.contains(pick));
    // A carry's next value is read by the next iteration.
    picks.map(|(index, _)| index).chain(0..scan.n_carries).collect()
}

/// Takes out of a loop what it only emits, given the numbers of its results that are read.
fn take_out(
    graph: &mut Graph,
    node: NodeId,
    mut scan: Scan,
    mut read: FxHashSet<usize>,
) -> Result<(), TypeError> {
    // What is emitted for a product may be the factor of another one.
    loop {
        let found = Search::new(&scan, &read).all();
        if found.is_empty() {
            return Ok(());
        }
        let factors: Vec<NodeId> = found.iter().flat_map(|taken| &taken.factors).copied().collect();
        scan = emitting(graph, node, scan, factors.iter().copied())?;
        let factors: FxHashSet<NodeId> = factors.into_iter().collect();
        let emitted = scan.body.outputs.iter().enumerate().skip(scan.n_carries);
        read.extend(emitted.filter(|(_, (_, id))| factors.contains(id)).map(|(index, _)| index));
        for taken in &found {
            read.remove(&taken.index);
        }
        if !compute_outside(graph, node, &scan, &read, &found)? {
            return Ok(());
        }
    }
}

/// Makes what reads the values that are taken out read what is computed of those that are still
/// read; whether all could be.
fn compute_outside(
    graph: &mut Graph,
    node: NodeId,
    scan: &Scan,
    read: &FxHashSet<usize>,
    found: &[Taken],
) -> Result<bool, TypeError> {
    let operands = graph.operands(node).to_vec();
    let results = picks(graph, node);
    let mut outside = Outside::new(graph, scan, &operands);
    let mut there: Vec<usize> = read.iter().copied().filter(|&k| k >= scan.n_carries).collect();
    there.sort_unstable();
    outside.note_emitted(node, there)?;
    // What is taken out may be computed of what comes before it in the body and is taken out too.
    for taken in found.iter().rev() {
        let inside = scan.body.outputs[taken.index].1;
        let value = outside.of(inside, &can_leave)?;
        let Some(value) = value.filter(|value| value.varies) else { return Ok(false) };
        outside.graph.replace_uses(results[&taken.index], value.node);
    }
    Ok(true)
}

/// A value that is computed after the loop.
struct Taken {
    /// The number of the loop's result.
    index: usize,
    /// What the loop must emit for it.
    factors: Vec<NodeId>,
}

/// Looks for values that a loop need not compute.
struct Search<'a> {
    scan: &'a Scan,
    /// The results that something reads.
    results: Vec<(usize, NodeId)>,
    /// How many of them a node is.
    times_result: FxHashMap<NodeId, usize>,
    /// The nodes of the body that are needed, by their position in its order.
    live: FxHashMap<NodeId, usize>,
    /// Those that differ between iterations.
    varying: FxHashSet<NodeId>,
    /// Those whose values of all iterations are there: elements of sequences, and what is emitted.
    given: FxHashSet<NodeId>,
    /// Those that can be computed of such values, and of left factors of products.
    leaving: FxHashSet<NodeId>,
}

impl<'a> Search<'a> {
    fn new(scan: &'a Scan, read: &FxHashSet<usize>) -> Search<'a> {
        let body = &*scan.body;
        let results = body.outputs.iter().map(|(_, id)| *id).enumerate();
        let results: Vec<(usize, NodeId)> = results.filter(|(k, _)| read.contains(k)).collect();
        let roots: Vec<NodeId> = results.iter().map(|(_, id)| *id).collect();
        let order = body.order_from(&roots);
        let mut times_result = FxHashMap::default();
        roots.iter().for_each(|&id| *times_result.entry(id).or_default() += 1);
        let emitted = results.iter().filter(|(k, _)| *k >= scan.n_carries).map(|(_, id)| *id);
        let sequences = scan.sequences().map(|k| body.inputs[k]);
        let given = emitted.chain(sequences).collect();
        let live = order.iter().enumerate().map(|(at, &id)| (id, at)).collect();
        let (varying, leaving) = (FxHashSet::default(), FxHashSet::default());
        let mut search = Search { scan, results, times_result, live, varying, given, leaving };
        order.into_iter().for_each(|id| search.look_at(id));
        search
    }

    /// Finds out what is so of a node, as it has been of its operands.
    fn look_at(&mut self, id: NodeId) {
        let body = &*self.scan.body;
        let operands = body.operands(id);
        let varies = match parameter_number(body, id) {
            Some(number) => !self.scan.captured().contains(&number),
            None => operands.iter().any(|o| self.varying.contains(o)),
        };
        if varies {
            self.varying.insert(id);
        }
        let has = |o: &NodeId| !self.must_be_computed(*o) || self.leaving.contains(o);
        let leaves = match body.op(id) {
            Op::Contract(_) => !self.varying.contains(&operands[1]),
            op => can_leave(op) && operands.iter().all(has),
        };
        if leaves {
            self.leaving.insert(id);
        }
    }

    /// Whether a value of an iteration is not there after the loop.
    fn must_be_computed(&self, id: NodeId) -> bool {
        self.varying.contains(&id) && !self.given.contains(&id)
    }

    /// The values to take out, users before operands.
    fn all(mut self) -> Vec<Taken> {
        let mut candidates = self.results.clone();
        candidates.retain(|(k, id)| {
            *k >= self.scan.n_carries && self.varying.contains(id) && self.leaving.contains(id)
        });
        candidates.sort_by_key(|(_, id)| Reverse(self.live[id]));
        let mut found = vec![];
        for (index, id) in candidates {
            if let Some((factors, inside)) = self.factors(id) {
                for id in &inside {
                    self.live.remove(id);
                }
                self.times_result.remove(&id);
                self.given.extend(&factors);
                found.push(Taken { index, factors });
            }
        }
        found
    }

    /// What the loop must emit so that a value can be computed after it, if that is worth it, and
    /// what it need then not compute.
    fn factors(&self, end: NodeId) -> Option<(Vec<NodeId>, FxHashSet<NodeId>)> {
        let body = &*self.scan.body;
        let (mut inside, mut factors) = (FxHashSet::default(), vec![]);
        let mut n_products = 0;
        let mut stack = vec![end];
        while let Some(id) = stack.pop() {
            if !inside.insert(id) {
                continue;
            }
            let operands = body.operands(id);
            let missing = operands.iter().copied().filter(|&o| self.must_be_computed(o));
            if matches!(body.op(id), Op::Contract(_)) {
                n_products += 1;
                factors.extend(missing);
            } else {
                stack.extend(missing);
            }
        }
        factors.sort_unstable();
        factors.dedup();
        let size = |x: &NodeId| body.tensor_type(*x).n_elements().unwrap_or(usize::MAX);
        let are_small = factors.iter().map(size).fold(0, usize::saturating_add) <= size(&end);
        (n_products > 0 && are_small && self.is_own(end, &inside)).then_some((factors, inside))
    }

    /// Whether nothing but the value needs any of these nodes.
    fn is_own(&self, end: NodeId, inside: &FxHashSet<NodeId>) -> bool {
        let body = &*self.scan.body;
        let is_other = |user: &NodeId| self.live.contains_key(user) && !inside.contains(user);
        inside.iter().all(|&id| {
            let times_result = self.times_result.get(&id).copied().unwrap_or(0);
            times_result == usize::from(id == end) && !body.users(id).iter().any(is_other)
        })
    }
}
