//! What is kept for later kernels, and what they compute again from it.
//!
//! A node that is read when other kernels have run, as a gradient reads what the forward pass had, goes
//! through memory, or is computed again from what does. What costs little is computed again where fewer
//! bytes are kept so: a minimum cut between what must be kept if it is needed (products, reductions,
//! transcendental functions) and what is read late, whose capacities are the bytes of nodes. (Jain et
//! al. 2020, "Checkmate: Breaking the memory wall with optimal tensor rematerialization", has the
//! problem; He and Yu 2023, "Transcending runtime-memory tradeoffs in checkpointing by being fusion
//! aware", the cut.) Nothing expensive is computed twice.
//!
//! When a node is read is known before there are kernels from how many nodes that begin one come
//! before it on a way.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Inliner, Lowered, data_indices, lower};
use crate::fuse::values::is_memory;
use crate::ir::{Graph, Lowering, Network, NodeId, Origin, UNCUT};

/// An operation on an element that costs more is not computed again.
const CHEAP: u32 = 2;

/// Nor is a node for which more nodes and operations would be, itself and what it is computed from.
const MOST: u32 = 48;

/// What was chosen.
#[derive(Default)]
pub(super) struct Kept {
    /// Nodes that are computed again for one reader each: they are never stored.
    pub(super) again: FxHashSet<NodeId>,
    /// Nodes that are stored, since their operands would be more.
    pub(super) stored: FxHashSet<NodeId>,
}

/// What a late reader can have.
#[derive(Default)]
struct Sources {
    /// What is in memory anyway.
    in_memory: FxHashSet<NodeId>,
    /// The operations on an element of what may be computed again.
    cheap: FxHashMap<NodeId, u32>,
    /// What is kept for late readers alone.
    kept: FxHashSet<NodeId>,
}

impl Sources {
    fn are_there(&self, x: NodeId) -> bool {
        self.in_memory.contains(&x) || self.kept.contains(&x)
    }
}

/// When nodes are computed and read, in kernels that come before.
struct Times {
    /// When the node is there: a map as late as its readers allow.
    made: FxHashMap<NodeId, u32>,
    /// When it reads its operands.
    reads: FxHashMap<NodeId, u32>,
}

impl Inliner<'_> {
    /// Chooses what is kept, and lets later readers read nodes of their own in the place of the rest.
    pub(super) fn keep(&mut self, order: &[NodeId]) {
        let times = self.times(order);
        let mut sources = Sources::default();
        let is_there = |n: &&NodeId| self.roots.contains(n) || is_memory(&self.graph, **n);
        sources.in_memory.extend(order.iter().filter(is_there));
        let mut late = vec![];
        for &reader in order {
            for &x in self.graph.operands(reader) {
                if times.reads[&reader] <= times.made[&x] {
                } else if self.reads_elements(reader) {
                    late.push((reader, x));
                } else {
                    self.note_view(x, &mut sources.in_memory);
                }
            }
        }
        sources.cheap = self.all_cheap(order, &sources.in_memory);
        sources.kept = self.cut(order, &late, &sources);
        let stored = sources.kept.iter().filter(|&&x| self.is_less(x, &sources));
        self.kept.stored = stored.copied().collect();
        for (reader, x) in late {
            let again = self.again(x, &sources, &mut FxHashMap::default());
            if again != x {
                self.graph.replace_operand(reader, x, again);
            }
        }
    }

    fn lowering(&self, node: NodeId) -> &Lowering {
        &self.lowered[&node].lowering
    }

    fn is_map(&self, node: NodeId) -> bool {
        matches!(self.lowering(node), Lowering::Map { .. }) && !is_memory(&self.graph, node)
    }

    /// The operations on an element, if the node is a map that may be computed again.
    fn cheap(&self, node: NodeId) -> Option<u32> {
        let Lowered { exprs, lowering: Lowering::Map { body, .. } } = &self.lowered[&node] else {
            return None;
        };
        let operations = exprs.operations(*body);
        // An index from data would be checked again.
        let is_cheap = operations <= CHEAP && data_indices(exprs, *body).is_empty();
        (self.is_map(node) && is_cheap).then_some(operations)
    }

    /// Whether a node's kernel takes elements of its operands as expressions.
    fn reads_elements(&self, node: NodeId) -> bool {
        match self.lowering(node) {
            Lowering::Map { .. } | Lowering::Reduce { .. } | Lowering::Placement { .. } => true,
            Lowering::Scatter(_) | Lowering::Prefix(_) | Lowering::Sort(_) => true,
            Lowering::Contract { .. } | Lowering::RandomBits { .. } => false,
            Lowering::Repeat | Lowering::Leaf => false,
        }
    }

    /// Whether a node does not share the units of what it reads.
    fn begins(&self, node: NodeId) -> bool {
        match self.lowering(node) {
            Lowering::Map { .. } | Lowering::Leaf => false,
            Lowering::Reduce { .. } => {
                let rows = |n: NodeId| self.graph.tensor_type(n).shape.first().cloned();
                self.graph.operands(node).iter().any(|&o| rows(o) != rows(node))
            }
            Lowering::Contract { .. } | Lowering::Placement { .. } | Lowering::Scatter(_) => true,
            Lowering::Prefix(_) | Lowering::Sort(_) => true,
            Lowering::RandomBits { .. } | Lowering::Repeat => true,
        }
    }

    fn times(&self, order: &[NodeId]) -> Times {
        let mut times = Times { made: FxHashMap::default(), reads: FxHashMap::default() };
        for &node in order {
            let operands = self.graph.operands(node).iter();
            let reads = operands.map(|o| times.made[o]).max().unwrap_or(0);
            times.reads.insert(node, reads);
            times.made.insert(node, reads + u32::from(self.begins(node)));
        }
        // A map that others read later is computed with the first of them.
        let mut first: FxHashMap<NodeId, u32> = FxHashMap::default();
        for &node in order.iter().rev() {
            if self.is_map(node) && !self.roots.contains(&node) {
                let when = first.get(&node).copied().unwrap_or(times.made[&node]);
                times.made.insert(node, when);
                times.reads.insert(node, when);
            }
            for &x in self.graph.operands(node) {
                let reads = times.reads[&node];
                first.entry(x).and_modify(|t| *t = reads.min(*t)).or_insert(reads);
            }
        }
        times
    }

    /// Notes what is stored since a product reads it as a view.
    fn note_view(&self, mut x: NodeId, in_memory: &mut FxHashSet<NodeId>) {
        while in_memory.insert(x) && self.cheap(x) == Some(0) && self.graph.operands(x).len() == 1 {
            x = self.graph.operands(x)[0];
        }
    }

    /// What may be computed again, with the operations of each on an element.
    fn all_cheap(&self, order: &[NodeId], in_memory: &FxHashSet<NodeId>) -> FxHashMap<NodeId, u32> {
        // How much it would be, with what it is computed from.
        let mut all: FxHashMap<NodeId, u32> = FxHashMap::default();
        let mut cheap = FxHashMap::default();
        for &node in order.iter().filter(|n| !in_memory.contains(n)) {
            let Some(own) = self.cheap(node) else { continue };
            let operands = self.graph.operands(node).iter().filter_map(|o| all.get(o));
            let sum = operands.fold(own + 1, |sum, &n| sum.saturating_add(n));
            if sum <= MOST {
                all.insert(node, sum);
                cheap.insert(node, own);
            }
        }
        cheap
    }

    /// The nodes that are kept for late reads.
    fn cut(
        &self,
        order: &[NodeId],
        late: &[(NodeId, NodeId)],
        sources: &Sources,
    ) -> FxHashSet<NodeId> {
        let wanted: FxHashSet<NodeId> = late.iter().map(|(_, x)| *x).collect();
        let mut needed = wanted.clone();
        for node in order.iter().rev() {
            if needed.contains(node) && sources.cheap.contains_key(node) {
                needed.extend(self.graph.operands(*node));
            }
        }
        let is_open = |n: &&NodeId| needed.contains(n) && !sources.in_memory.contains(n);
        let mut network = Network::new();
        let mut ends: FxHashMap<NodeId, (usize, usize)> = FxHashMap::default();
        for &node in order.iter().filter(is_open) {
            let (from, to) = (network.add_node(), network.add_node());
            ends.insert(node, (from, to));
            // What only moves elements is never stored.
            let moves = sources.cheap.get(&node) == Some(&0);
            network.add_arc(from, to, if moves { UNCUT } else { bytes(&self.graph, node) });
            if sources.cheap.contains_key(&node) {
                let operands = self.graph.operands(node).iter().filter_map(|o| ends.get(o));
                operands.for_each(|&(_, end)| network.add_arc(end, from, UNCUT));
            } else {
                network.add_arc(Network::SOURCE, from, UNCUT);
            }
            if wanted.contains(&node) {
                network.add_arc(to, Network::SINK, UNCUT);
            }
        }
        let after = network.sink_side();
        let is_cut = |(_, (from, to)): &(&NodeId, &(usize, usize))| !after[*from] && after[*to];
        ends.iter().filter(is_cut).map(|(node, _)| *node).collect()
    }

    /// Whether a node that is kept has fewer bytes than its operands that are not there.
    fn is_less(&self, x: NodeId, sources: &Sources) -> bool {
        let operands = self.graph.operands(x).iter();
        let others = operands.map(|&o| self.bytes_for(o, sources));
        self.is_map(x) && bytes(&self.graph, x) < others.sum()
    }

    /// The bytes of what is not there of a node, seen through movement.
    fn bytes_for(&self, x: NodeId, sources: &Sources) -> u64 {
        match sources.cheap.get(&x) {
            _ if sources.are_there(x) => 0,
            Some(0) => {
                let operands = self.graph.operands(x).iter();
                operands.map(|&o| self.bytes_for(o, sources)).sum()
            }
            _ => bytes(&self.graph, x),
        }
    }

    /// The node that has the elements of `x` for a reader: itself where it is there, or else one that
    /// computes them again; `made` has what was made for this reader.
    fn again(
        &mut self,
        x: NodeId,
        sources: &Sources,
        made: &mut FxHashMap<NodeId, NodeId>,
    ) -> NodeId {
        let Some(&own) = sources.cheap.get(&x).filter(|_| !sources.are_there(x)) else { return x };
        if let Some(&done) = made.get(&x) {
            return done;
        }
        let operands = self.graph.operands(x).to_vec();
        let read: Vec<NodeId> = operands.iter().map(|&o| self.again(o, sources, made)).collect();
        // One operation on what is there is no value anyway.
        let is_inline = own == 0 || own == 1 && operands.iter().all(|&o| !self.is_map(o));
        let again = if is_inline && read == operands { x } else { self.copy_of(x, &read) };
        made.insert(x, again);
        again
    }

    /// A node that computes what another one does.
    fn copy_of(&mut self, x: NodeId, operands: &[NodeId]) -> NodeId {
        let of = self.graph.node(x);
        let origin = Origin::named(&format!("{}.again", of.name), of.provenance.clone());
        let copy = self.graph.add(self.graph.op(x).clone(), operands, &origin);
        let copy = copy.expect("operands are of the types that they were");
        self.lowered.insert(copy, lower(&self.graph, copy, true));
        self.boxes.insert(copy, vec![]);
        self.kept.again.insert(copy);
        copy
    }
}

fn bytes(graph: &Graph, node: NodeId) -> u64 {
    let bytes = graph.tensor_type(node).n_bytes().map_or(UNCUT, |n| n as u64);
    bytes.min(UNCUT / 2)
}
