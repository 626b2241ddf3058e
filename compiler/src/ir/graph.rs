//! The dataflow graph: nodes, what they are called, and the roots that give them a purpose.
//!
//! Invariants: the graph is acyclic; a node's types are what its op infers from its operands;
//! names are unique; operands are ordered. Of other files only `flow.rs` names petgraph.

use std::sync::Arc;

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::module::TrainingStep;
use super::{Provenance, TensorType};
use crate::ops::{Control, Leaf, Op, OpRules, TypeError};

/// A scoped name: `hidden.dense.w`.
pub type Name = Arc<str>;

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// The number of the node, stable while the graph lives; for side tables.
    pub fn number(self) -> usize {
        self.0 as usize
    }

    /// The node of that number.
    pub(crate) fn from_number(number: u32) -> NodeId {
        NodeId(number)
    }

    fn at(self) -> NodeIndex {
        NodeIndex::new(self.0 as usize)
    }
}

/// An operation with its operands, result types, name and provenance.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// The operands, in order.
    pub operands: Vec<NodeId>,
    /// The result types: one, but for ops that run a region.
    pub types: Vec<TensorType>,
    /// The name, unique in the graph.
    pub name: Name,
    /// Where it came from.
    pub provenance: Provenance,
}

/// The name and the provenance that new nodes get.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The wished name; `.1`, `.2` ... is added where it is taken, and always after a final dot.
    pub name: Option<Name>,
    /// Where the node comes from.
    pub provenance: Provenance,
}

impl Origin {
    /// An origin with a name.
    pub fn named(name: &str, provenance: Provenance) -> Origin {
        Origin { name: Some(name.into()), provenance }
    }
}

/// A variable written at the end of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The variable.
    pub variable: Name,
    /// Its new value, of the variable's type. Before training is added, `pending(variable)` in
    /// it is what a step or an earlier update writes.
    pub value: NodeId,
}

/// What is reported of a batch.
#[derive(Clone, Debug)]
pub struct Metric {
    /// The name.
    pub name: Name,
    /// How batches make up an epoch's value.
    pub kind: MetricKind,
}

/// How the values of batches make up the value of an epoch.
#[derive(Clone, Debug)]
pub enum MetricKind {
    /// The mean of the batches' values, weighted by rows.
    Mean(NodeId),
    /// `finish`, a function of the sums over batches of these values (its parameters, f32).
    Total {
        /// What is summed.
        parts: Vec<NodeId>,
        /// The metric as a function of the sums.
        finish: Arc<Graph>,
    },
}

impl MetricKind {
    /// The nodes that a batch computes.
    pub fn nodes(&self) -> &[NodeId] {
        match self {
            MetricKind::Mean(node) => std::slice::from_ref(node),
            MetricKind::Total { parts, .. } => parts,
        }
    }

    fn nodes_mut(&mut self) -> &mut [NodeId] {
        match self {
            MetricKind::Mean(node) => std::slice::from_mut(node),
            MetricKind::Total { parts, .. } => parts,
        }
    }
}

/// A static dataflow graph with its roots.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Those that copies of a graph have in common are shared until one changes them.
    nodes: StableDiGraph<Arc<Node>, ()>,
    names: FxHashMap<Name, NodeId>,
    /// The next number to try after a name that was taken.
    suffixes: FxHashMap<Name, u32>,
    /// The inputs (of a region: its parameters) in the order of their declaration.
    pub inputs: Vec<NodeId>,
    /// The named results, in order.
    pub outputs: Vec<(Name, NodeId)>,
    /// What is reported.
    pub metrics: Vec<Metric>,
    /// The training steps, before differentiation turns them into updates.
    pub steps: Vec<TrainingStep>,
    /// The variables written at the end.
    pub updates: Vec<Update>,
}

impl Graph {
    /// Adds a node whose types are inferred. Errors: what the op refuses of its operands.
    pub fn add(
        &mut self,
        op: impl Into<Op>,
        operands: &[NodeId],
        origin: &Origin,
    ) -> Result<NodeId, TypeError> {
        let op = op.into();
        let types = op.infer(&self.operand_types(&op, operands))?;
        let wish = origin.name.clone().unwrap_or_else(|| op.signature().name.into());
        let name = self.unique_name(wish);
        let provenance = origin.provenance.clone();
        let node = Node { op, operands: operands.to_vec(), types, name: name.clone(), provenance };
        let id = NodeId(self.nodes.add_node(node.into()).index() as u32);
        for operand in operands {
            self.nodes.add_edge(operand.at(), id.at(), ());
        }
        self.names.insert(name, id);
        Ok(id)
    }

    /// The wish, or with `.1`, `.2` ... where it is taken; a wish that ends in a dot always gets a
    /// number.
    fn unique_name(&mut self, wish: Name) -> Name {
        let stem = match wish.strip_suffix('.') {
            Some(stem) => stem.into(),
            None if !self.names.contains_key(&wish) => return wish,
            None => wish,
        };
        let next = self.suffixes.entry(stem.clone()).or_insert(1);
        loop {
            let name: Name = format!("{stem}.{next}").into();
            *next += 1;
            if !self.names.contains_key(&name) {
                return name;
            }
        }
    }

    /// The node of an id of this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.node_weight(id.at()).expect("an id of this graph")
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.node_weight_mut(id.at()).map(Arc::make_mut)
    }

    /// The operation of a node.
    pub fn op(&self, id: NodeId) -> &Op {
        &self.node(id).op
    }

    /// The operands of a node.
    pub fn operands(&self, id: NodeId) -> &[NodeId] {
        &self.node(id).operands
    }

    /// The type of a node's first result: of the only one, unless it runs a region.
    pub fn tensor_type(&self, id: NodeId) -> &TensorType {
        &self.node(id).types[0]
    }

    /// The types that the rules of `op` see: the first of each operand; all of them where it
    /// picks one.
    pub fn operand_types(&self, op: &Op, operands: &[NodeId]) -> SmallVec<[&TensorType; 4]> {
        let n = if op.picks_result() { usize::MAX } else { 1 };
        operands.iter().flat_map(|&o| self.node(o).types.iter().take(n)).collect()
    }

    /// The node of that name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// An origin of the same provenance and a name derived from the node's.
    pub fn origin(&self, id: NodeId) -> Origin {
        let node = self.node(id);
        Origin { name: Some(node.name.clone()), provenance: node.provenance.clone() }
    }

    /// Gives a node another name, made unique; returns the name it has then.
    pub fn rename(&mut self, id: NodeId, wish: &str) -> Name {
        let old = self.node(id).name.clone();
        self.names.remove(&old);
        let name = self.unique_name(wish.into());
        self.names.insert(name.clone(), id);
        if let Some(node) = self.node_mut(id) {
            node.name = name.clone();
        }
        name
    }

    /// Adds to the provenance of a node.
    pub fn add_provenance(&mut self, id: NodeId, more: &Provenance) {
        if let Some(node) = self.node_mut(id) {
            node.provenance = node.provenance.merge(more);
        }
    }

    /// How many nodes there are, dead ones included.
    pub fn n_nodes(&self) -> usize {
        self.nodes.node_count()
    }

    /// One more than the largest number of a node; the length of a side table.
    pub fn n_numbers(&self) -> usize {
        self.nodes.node_indices().next_back().map_or(0, |i| i.index() + 1)
    }

    /// Every node, dead ones included, by number.
    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.node_indices().map(|i| NodeId(i.index() as u32)).collect()
    }

    /// The nodes that read a node, each once, by number.
    pub fn users(&self, id: NodeId) -> Vec<NodeId> {
        let edges = self.nodes.edges_directed(id.at(), Direction::Outgoing);
        let mut users: Vec<NodeId> = edges.map(|e| NodeId(e.target().index() as u32)).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Every root, in the order outputs, metrics, steps, updates.
    pub fn roots(&self) -> Vec<NodeId> {
        let mut roots: Vec<NodeId> = self.outputs.iter().map(|(_, n)| *n).collect();
        roots.extend(self.metrics.iter().flat_map(|m| m.kind.nodes()));
        roots.extend(self.steps.iter().flat_map(TrainingStep::nodes));
        roots.extend(self.updates.iter().map(|u| u.value));
        roots
    }

    /// The live nodes and the inputs, operands before users: depth first from the roots, so that
    /// an edit elsewhere does not move a node.
    pub fn order(&self) -> Vec<NodeId> {
        let mut roots = self.inputs.clone();
        roots.extend(self.roots());
        let mut seen = vec![false; self.n_numbers()];
        self.walk(&roots, |id| !std::mem::replace(&mut seen[id.number()], true))
    }

    /// What the given nodes need, operands before users.
    pub fn order_from(&self, roots: &[NodeId]) -> Vec<NodeId> {
        self.order_after(roots, |_| false)
    }

    /// What the given nodes need but for what is `known` and what only that needs, operands before
    /// users.
    pub fn order_after(&self, roots: &[NodeId], known: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
        let mut seen = FxHashSet::default();
        self.walk(roots, |id| !known(id) && seen.insert(id))
    }

    /// What `enter` lets in, from the given nodes on, operands before users. It is asked of a node once
    /// for every way to it.
    fn walk(&self, roots: &[NodeId], mut enter: impl FnMut(NodeId) -> bool) -> Vec<NodeId> {
        let mut order = vec![];
        // A node is pushed twice: to visit its operands, then to be listed after them.
        let mut stack: Vec<(NodeId, bool)> = roots.iter().rev().map(|&n| (n, false)).collect();
        while let Some((id, done)) = stack.pop() {
            if done {
                order.push(id);
            } else if enter(id) {
                stack.push((id, true));
                stack.extend(self.operands(id).iter().rev().map(|&o| (o, false)));
            }
        }
        order
    }

    /// Makes every user and every root of `old` use `new` instead, which has the same type and
    /// takes over its provenance.
    pub fn replace_uses(&mut self, old: NodeId, new: NodeId) {
        for user in self.users(old) {
            if user != new {
                self.replace_operand(user, old, new);
            }
        }
        self.map_roots(|root| if root == old { new } else { root });
        let provenance = self.node(old).provenance.clone();
        self.add_provenance(new, &provenance);
    }

    /// Makes one node read `new` wherever it reads `old`; the types are the same.
    pub fn replace_operand(&mut self, user: NodeId, old: NodeId, new: NodeId) {
        let Some(node) = self.node_mut(user) else { return };
        for operand in node.operands.iter_mut().filter(|o| **o == old) {
            *operand = new;
        }
        let stale: Vec<_> =
            self.nodes.edges_connecting(old.at(), user.at()).map(|e| e.id()).collect();
        for edge in stale {
            self.nodes.remove_edge(edge);
            self.nodes.add_edge(new.at(), user.at(), ());
        }
    }

    /// Replaces every root (not the inputs) by what `f` says.
    pub fn map_roots(&mut self, mut f: impl FnMut(NodeId) -> NodeId) {
        self.outputs.iter_mut().for_each(|(_, n)| *n = f(*n));
        self.metrics.iter_mut().flat_map(|m| m.kind.nodes_mut()).for_each(|n| *n = f(*n));
        self.steps.iter_mut().for_each(|s| s.map_nodes(&mut f));
        self.updates.iter_mut().for_each(|u| u.value = f(u.value));
    }

    /// Makes what reads a value of its own (`same`) read the value itself, and removes those nodes:
    /// once every gradient with respect to one is made, they say nothing. A binding computes
    /// nothing, so its place is not one of the value's. Linear.
    pub fn dissolve_bindings(&mut self) {
        let is_own = |id: &NodeId| matches!(self.op(*id), Op::Control(Control::Same));
        let own: Vec<NodeId> = self.ids().into_iter().filter(is_own).collect();
        let mut itself: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        // By number, so that the operand of one is none any more.
        for &id in &own {
            let x = self.operands(id)[0];
            itself.insert(id, x);
            for user in self.users(id) {
                self.replace_operand(user, id, x);
            }
        }
        self.map_roots(|root| itself.get(&root).copied().unwrap_or(root));
        self.remove(&own);
    }

    /// Removes every node that no root needs, inputs excepted. For `dce`, as other passes redirect
    /// uses, and for what changes the types of the nodes that are needed: the others would keep
    /// theirs, and be found among the users of a node.
    pub(crate) fn remove_dead(&mut self) {
        let live: FxHashSet<NodeId> = self.order().into_iter().collect();
        let dead: Vec<NodeId> = self.ids().into_iter().filter(|id| !live.contains(id)).collect();
        self.remove(&dead);
    }

    fn remove(&mut self, nodes: &[NodeId]) {
        for id in nodes {
            if let Some(node) = self.nodes.remove_node(id.at()) {
                self.names.remove(&node.name);
            }
            self.inputs.retain(|i| i != id);
        }
    }

    /// Replaces the op and the types of a node: for `specialise`, which binds dimensions in both.
    pub(crate) fn retype(&mut self, id: NodeId, op: Op, types: Vec<TensorType>) {
        let Some(node) = self.nodes.node_weight_mut(id.at()) else { return };
        if let Some(own) = Arc::get_mut(node) {
            (own.op, own.types) = (op, types);
        } else {
            let Node { operands, name, provenance, .. } = &**node;
            let (operands, name) = (operands.clone(), name.clone());
            *node = Arc::new(Node { op, operands, types, name, provenance: provenance.clone() });
        }
    }

    /// Replaces the op and the operands of a node, whose types stay as they are.
    pub(crate) fn replace_op(&mut self, id: NodeId, op: Op, operands: &[NodeId]) {
        let edges = self.nodes.edges_directed(id.at(), Direction::Incoming);
        let stale: Vec<_> = edges.map(|edge| edge.id()).collect();
        for edge in stale {
            self.nodes.remove_edge(edge);
        }
        for operand in operands {
            self.nodes.add_edge(operand.at(), id.at(), ());
        }
        if let Some(node) = self.node_mut(id) {
            node.op = op;
            node.operands = operands.to_vec();
        }
    }

    /// Replaces the op and the operands of a node, and its types by those that the rules infer. Its
    /// users must accept these. Errors: what the op refuses of its operands.
    pub(crate) fn rebuild(
        &mut self,
        id: NodeId,
        op: impl Into<Op>,
        operands: &[NodeId],
    ) -> Result<(), TypeError> {
        let op = op.into();
        let types = op.infer(&self.operand_types(&op, operands))?;
        self.retype(id, op.clone(), types);
        self.replace_op(id, op, operands);
        Ok(())
    }

    /// Copies `nodes` of this graph (operands first) into `into`: an operand that `map` knows is
    /// what it says there, and every copy is entered in `map`.
    pub fn copy_into(
        &self,
        into: &mut Graph,
        nodes: &[NodeId],
        map: &mut FxHashMap<NodeId, NodeId>,
    ) -> Result<(), TypeError> {
        for &id in nodes {
            if map.contains_key(&id) {
                continue;
            }
            let node = self.node(id);
            let operands: Vec<NodeId> = node.operands.iter().map(|o| map[o]).collect();
            let copy = into.add(node.op.clone(), &operands, &self.origin(id))?;
            map.insert(id, copy);
        }
        Ok(())
    }
}

fn is_nameless(op: &Op) -> bool {
    let word = matches!(op, Op::Leaf(Leaf::Parameter { .. } | Leaf::Step | Leaf::Epoch));
    word || op.region().is_some()
}

/// Whether a graph is a function of parameters, whose results have numbers.
fn is_region(graph: &Graph) -> bool {
    let is_parameter = |id: &NodeId| matches!(graph.op(*id), Op::Leaf(Leaf::Parameter { .. }));
    graph.inputs.iter().any(is_parameter)
}

/// Structural equality: the same roots over the same live nodes, in order, names included;
/// provenance is not compared, nor are the names of what text shows without one (loops, whose
/// results have names, the parameters and results of regions, which have numbers, and the clocks,
/// which are words).
impl PartialEq for Graph {
    fn eq(&self, other: &Graph) -> bool {
        let (a, b) = (self.order(), other.order());
        let numbers = |order: &[NodeId]| -> FxHashMap<NodeId, usize> {
            order.iter().enumerate().map(|(i, &n)| (n, i)).collect()
        };
        let (in_a, in_b) = (numbers(&a), numbers(&b));
        let same_nodes = |x: &[NodeId], y: &[NodeId]| {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| in_a.get(x) == in_b.get(y))
        };
        let same_node = |(x, y): (&NodeId, &NodeId)| {
            let (x, y) = (self.node(*x), other.node(*y));
            x.op == y.op
                && x.types == y.types
                && (x.name == y.name || is_nameless(&x.op))
                && same_nodes(&x.operands, &y.operands)
        };
        let names = |g: &Graph| {
            let outputs = if is_region(g) { [].as_slice() } else { &g.outputs };
            let outputs = outputs.iter().map(|(n, _)| n.clone());
            let updates = g.updates.iter().map(|u| u.variable.clone());
            let metrics = g.metrics.iter().map(|m| m.name.clone());
            let steps = g.steps.iter().map(|s| s.name.clone());
            outputs.chain(metrics).chain(steps).chain(updates).collect::<Vec<Name>>()
        };
        a.len() == b.len()
            && same_nodes(&self.inputs, &other.inputs)
            && same_nodes(&self.roots(), &other.roots())
            && names(self) == names(other)
            && a.iter().zip(&b).all(same_node)
    }
}
