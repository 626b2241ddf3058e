//! What the forward iterations of a loop keep for the backward ones: the cheapest cut.
//!
//! The backward iterations read values of the forward ones. Each of them is kept, or computed again
//! of others that are. Nothing that takes long is computed twice (a transcendental function, a
//! reduction, a product, randomness) unless it was asked for by `remat`; what the backward
//! iterations alone need is computed there. Under this rule the values of the fewest bytes are kept:
//! a minimum cut between what must be kept and what is read. (Ford and Fulkerson 1956, "Maximal
//! flow through a network"; Edmonds and Karp 1972 for the order of the paths.)

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{Control, Elementwise, Op, Scan, parameter_number};
use crate::ir::{BinaryFn, Binding, Graph, NodeId, TensorType};

/// What a cut is sought in.
pub(super) struct Cut<'a> {
    /// The loop.
    pub scan: &'a Scan,
    /// Its body with what its gradient added.
    pub body: &'a Graph,
    /// The nodes that backward iterations read and that need no cotangent.
    pub read: &'a [NodeId],
}

/// More than any cut of values: what cannot be kept.
const NEVER: u64 = u64::MAX / 4;
/// What a symbol counts as where bytes are compared: more than the rows of a small batch, fewer
/// than the features of a layer.
const SYMBOL: u64 = 64;

/// The nodes whose values of all iterations are kept, operands before users. Captured values,
/// elements of sequences and the number of the iteration are there again and never among them.
/// Linear in the nodes for each augmenting path, of which there are at most as many as nodes kept
/// or passed over.
pub(super) fn cheapest(cut: &Cut<'_>) -> Vec<NodeId> {
    let order = cut.body.order_from(cut.read);
    let mut network = Network::new(order.len());
    let position: FxHashMap<NodeId, usize> =
        order.iter().enumerate().map(|(i, &id)| (id, i)).collect();
    let facts = Facts::new(cut, &order);
    for (i, &id) in order.iter().enumerate() {
        network.connect(entry(i), exit(i), facts.bytes(id));
        if facts.must_be_kept(id) {
            network.connect(SOURCE, entry(i), NEVER);
        } else {
            for operand in cut.body.operands(id) {
                network.connect(exit(position[operand]), entry(i), NEVER);
            }
        }
    }
    for id in cut.read {
        network.connect(exit(position[id]), SINK, NEVER);
    }
    let near_source = network.saturate();
    let is_cut = |i: &usize| near_source.contains(&entry(*i)) && !near_source.contains(&exit(*i));
    (0..order.len()).filter(is_cut).map(|i| order[i]).collect()
}

/// What is known of the nodes of a body.
struct Facts<'a> {
    cut: &'a Cut<'a>,
    /// The nodes that differ between iterations.
    varying: FxHashSet<NodeId>,
    /// What the forward iterations compute anyway.
    forward: FxHashSet<NodeId>,
    /// What is to be computed again.
    again: FxHashSet<NodeId>,
}

impl Facts<'_> {
    fn new<'a>(cut: &'a Cut<'a>, order: &[NodeId]) -> Facts<'a> {
        let Cut { scan, body, .. } = cut;
        let outputs: Vec<NodeId> = scan.body.outputs.iter().map(|(_, id)| *id).collect();
        let forward: FxHashSet<NodeId> = body.order_from(&outputs).into_iter().collect();
        let (mut varying, mut again) = (FxHashSet::default(), FxHashSet::default());
        for &id in order {
            let varies = match parameter_number(body, id) {
                Some(number) => !scan.captured().contains(&number),
                None => body.operands(id).iter().any(|o| varying.contains(o)),
            };
            if varies {
                varying.insert(id);
            }
        }
        let is_remat = |id: &&NodeId| matches!(body.op(**id), Op::Control(Control::Remat));
        for id in forward.iter().filter(is_remat) {
            again.extend([*id, body.operands(*id)[0]]);
        }
        // A result is computed again where its loop is.
        let picked = |id: &NodeId| body.op(*id).picks_result().then(|| body.operands(*id)[0]);
        let loops: Vec<NodeId> = again.iter().filter_map(picked).collect();
        again.extend(loops);
        Facts { cut, varying, forward, again }
    }

    /// Whether a value is known in a backward iteration by being kept alone.
    fn must_be_kept(&self, id: NodeId) -> bool {
        let body = self.cut.body;
        if let Some(number) = parameter_number(body, id) {
            return number < self.cut.scan.n_carries;
        }
        // The results of a loop are computed where it is.
        let computed = if body.op(id).picks_result() { body.operands(id)[0] } else { id };
        let is_forward = self.forward.contains(&computed) && !self.again.contains(&computed);
        is_forward && self.varying.contains(&id) && takes_long(body.op(id))
    }

    fn bytes(&self, id: NodeId) -> u64 {
        let is_loop = self.cut.body.op(id).region().is_some();
        if is_loop || self.again.contains(&id) {
            return NEVER;
        }
        let emitted = &self.cut.scan.body.outputs[self.cut.scan.n_carries..];
        match emitted.iter().any(|(_, output)| *output == id) {
            // It is there.
            true => 1,
            false => bytes(self.cut.body.tensor_type(id)),
        }
    }
}

/// Whether an operation is not done twice: a transcendental function, a reduction, a product, what has
/// a kernel of its own.
pub(crate) fn takes_long(op: &Op) -> bool {
    match op {
        Op::Elementwise(Elementwise::Unary(f)) => f.is_transcendental(),
        Op::Elementwise(Elementwise::Binary(f)) => *f == BinaryFn::Pow,
        Op::Elementwise(Elementwise::Compare(_) | Elementwise::Select | Elementwise::Cast(_)) => {
            false
        }
        Op::Leaf(_) | Op::Movement(_) | Op::Creation(_) => false,
        Op::Reduce(_) | Op::ProductOfOthers(_) | Op::Contract(_) | Op::Conv(_) => true,
        Op::Prefix(_) | Op::Einsum(_) | Op::Pool(_) | Op::Argsort(_) => true,
        Op::Placement(_) | Op::Indexing(_) | Op::Random(_) => true,
        Op::Control(Control::Scan(_) | Control::Result { .. }) => true,
        Op::Control(Control::StopGradient | Control::Remat | Control::Same | Control::Pending) => {
            false
        }
    }
}

/// The bytes of a value, of which symbols are not known yet.
fn bytes(tensor_type: &TensorType) -> u64 {
    let mut binding = Binding::default();
    for symbol in tensor_type.shape.iter().flat_map(|dim| dim.symbols()) {
        binding.bind(&symbol.0, SYMBOL);
    }
    let bound = tensor_type.bind(&binding).ok().and_then(|bound| bound.n_bytes());
    bound.map_or(NEVER / 8, |n| (n as u64).clamp(2, NEVER / 8))
}

const SOURCE: usize = 0;
const SINK: usize = 1;

fn entry(i: usize) -> usize {
    2 + 2 * i
}

fn exit(i: usize) -> usize {
    3 + 2 * i
}

/// A network of vertices and directed edges with capacities.
struct Network {
    /// Where an edge leads, and what it still takes; edge `e ^ 1` is the same one backwards.
    edges: Vec<(usize, u64)>,
    /// The edges that leave each vertex.
    leaving: Vec<Vec<usize>>,
}

impl Network {
    fn new(n_values: usize) -> Network {
        Network { edges: vec![], leaving: vec![vec![]; 2 + 2 * n_values] }
    }

    fn connect(&mut self, from: usize, to: usize, capacity: u64) {
        for (from, to, capacity) in [(from, to, capacity), (to, from, 0)] {
            self.leaving[from].push(self.edges.len());
            self.edges.push((to, capacity));
        }
    }

    /// Lets as much flow as possible from the source to the sink; the vertices that the source still
    /// reaches then.
    fn saturate(&mut self) -> FxHashSet<usize> {
        loop {
            let (came_by, reached) = self.search();
            if !reached.contains(&SINK) {
                return reached;
            }
            let mut path = vec![];
            let mut at = SINK;
            while at != SOURCE {
                let edge = came_by[&at];
                path.push(edge);
                at = self.edges[edge ^ 1].0;
            }
            let flow = path.iter().map(|&e| self.edges[e].1).min().unwrap_or(0);
            for e in path {
                self.edges[e].1 -= flow;
                self.edges[e ^ 1].1 += flow;
            }
        }
    }

    /// A breadth-first search from the source along edges that take more: by which edge each vertex
    /// was reached.
    fn search(&self) -> (FxHashMap<usize, usize>, FxHashSet<usize>) {
        let (mut came_by, mut reached) = (FxHashMap::default(), FxHashSet::default());
        reached.insert(SOURCE);
        let mut queue = VecDeque::from([SOURCE]);
        while let Some(at) = queue.pop_front() {
            for &edge in &self.leaving[at] {
                let (to, capacity) = self.edges[edge];
                if capacity > 0 && reached.insert(to) {
                    came_by.insert(to, edge);
                    queue.push_back(to);
                }
            }
        }
        (came_by, reached)
    }
}
