//! Values: what is stored of a graph, and what each computes of the elements of the others.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Body;
use crate::ir::{
    AxisId, Expr, ExprId, Exprs, Graph, IndexId, Indices, Monoid, Name, NodeId, Running, Scalar,
    Sorted, TensorType,
};
use crate::ops::{Leaf, Op};

/// A factor of a contraction: an element of a stored value at an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// The stored value or leaf.
    pub source: NodeId,
    /// One index per dimension of the source.
    pub index: Vec<IndexId>,
}

/// A part of the loops of a contraction, over axes of its own where it has not all of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductBox {
    /// One per dimension of the result.
    pub kept: Vec<Span>,
    /// The dimension of the result that has the tile's columns.
    pub column: usize,
    /// Whether its products are added to what the boxes before it have of the same elements.
    pub accumulates: bool,
    /// What is summed over, outermost first.
    pub reduced: Vec<AxisId>,
    /// Which terms there are, if not all.
    pub within: Option<Within>,
    /// The left factor.
    pub a: Factor,
    /// The right factor.
    pub b: Factor,
}

/// The terms of a product of which the indices along an axis of the result and one that is summed over
/// have a sum in `first..end`: the left factor is read at that sum, and has nothing elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Within {
    /// The axis of the result, all of a dimension.
    pub kept: AxisId,
    /// The axis that is summed over, all of it.
    pub summed: AxisId,
    /// The least sum.
    pub first: i64,
    /// One more than the greatest.
    pub end: i64,
}

/// The indices `first + step · axis` along a dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The value's own axis where that is all of the dimension.
    pub axis: AxisId,
    /// The first index.
    pub first: i64,
    /// From an index to the next.
    pub step: i64,
}

/// An index from data, which must be below the size of what it indexes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataIndex {
    /// The node that reads there.
    pub node: NodeId,
    /// The index, an integer.
    pub value: ExprId,
    /// The size of the dimension.
    pub size: i64,
}

/// A part of a placement, or what is scattered.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedPart {
    /// The axes of the part.
    pub axes: Vec<AxisId>,
    /// Where the element at `axes` goes in the result.
    pub index: Vec<IndexId>,
    /// The element.
    pub body: ExprId,
    /// The indices from data that the element needs.
    pub indices: Vec<DataIndex>,
}

/// What a value computes, over elements of values (`Expr::Element` numbers nodes).
#[derive(Clone, Debug)]
pub enum Work {
    /// The element at the value's axes.
    Map(ExprId),
    /// A fold over further axes.
    Reduce {
        /// The axes that are folded over.
        reduced: Vec<AxisId>,
        /// How.
        monoid: Monoid,
        /// What.
        body: ExprId,
    },
    /// A sum of products: each box has its part of the elements, and the products that count for
    /// them; or a part of these, with the boxes before it.
    Contract(Vec<ProductBox>),
    /// Parts put somewhere.
    Placement {
        /// The parts.
        parts: Vec<PlacedPart>,
        /// What is elsewhere.
        fill: Option<Scalar>,
    },
    /// Elements added up where their index says, from zero and in row-major order.
    Scatter(PlacedPart),
    /// Elements that follow from each other.
    Prefix(Running),
    /// Positions of keys, in order.
    Sort(Sorted),
    /// Philox words.
    Random {
        /// What tells them from others.
        stream: Name,
        /// The seed.
        seed: NodeId,
        /// The step.
        step: NodeId,
    },
    /// A loop over a region; the values of its results are the `Result` nodes.
    Repeat {
        /// How many iterations.
        length: usize,
        /// What each of them does.
        body: Box<Body>,
    },
    /// The result of a loop: nothing is computed here.
    Result,
}

/// A stored value.
#[derive(Clone, Debug)]
pub struct Value {
    /// The node.
    pub node: NodeId,
    /// The nodes that are computed as part of it, itself first.
    pub parts: Vec<NodeId>,
    /// Its type.
    pub tensor_type: TensorType,
    /// Its sizes.
    pub sizes: Vec<usize>,
    /// One axis per dimension.
    pub axes: Vec<AxisId>,
    /// What it computes.
    pub work: Work,
    /// The indices from data that a map, a reduction, a running value or an order needs, also those
    /// on which its element does not depend in the end.
    pub indices: Vec<DataIndex>,
    /// The values and leaves whose elements it reads, each once, by number.
    pub reads: Vec<NodeId>,
    /// The operations of an element.
    pub operations: u32,
    /// An estimate of the time that it takes on one thread, in nanoseconds.
    pub cost: f64,
}

/// All values of a graph.
#[derive(Clone, Debug)]
pub struct Values {
    /// The pool of their expressions.
    pub exprs: Exprs,
    /// The values, operands before users.
    pub list: Vec<Value>,
    /// The position of a node in `list`.
    pub position: FxHashMap<NodeId, usize>,
}

impl Value {
    /// The dimension that has the columns of a product's tile; for others the last.
    pub(super) fn column(&self) -> usize {
        let last = self.sizes.len().saturating_sub(1);
        match &self.work {
            Work::Contract(boxes) => boxes.first().map_or(last, |product| product.column),
            Work::Map(_) | Work::Reduce { .. } | Work::Placement { .. } | Work::Scatter(_) => last,
            Work::Prefix(_) | Work::Sort(_) | Work::Random { .. } => last,
            Work::Repeat { .. } | Work::Result => last,
        }
    }

    /// Whether every index of a dimension is computed as the others are, and without them: cuts at
    /// padding do not go through it, and nothing runs or is put in order along it.
    pub(super) fn is_whole(&self, dim: usize) -> bool {
        match &self.work {
            Work::Contract(boxes) => boxes.iter().all(|b| b.kept[dim].axis == self.axes[dim]),
            Work::Prefix(running) => running.along != dim,
            Work::Sort(sorted) => sorted.along != dim,
            Work::Map(_) | Work::Reduce { .. } | Work::Placement { .. } | Work::Scatter(_) => true,
            Work::Random { .. } | Work::Repeat { .. } | Work::Result => true,
        }
    }
}

impl Values {
    /// The value of a node, if it is one.
    pub fn get(&self, node: NodeId) -> Option<&Value> {
        self.position.get(&node).map(|&i| &self.list[i])
    }

    /// An estimate of the time that all of them take on one thread, in nanoseconds.
    pub fn cost(&self) -> f64 {
        self.list.iter().map(|v| v.cost).sum()
    }

    /// Whether a value reads adjacent elements along one of its axes.
    pub(super) fn reads_adjacent(&self, value: &Value, axis: AxisId) -> bool {
        let step = |index: &IndexId| self.exprs.coefficient(*index, axis);
        let is_adjacent = |index: &[IndexId]| index.last().and_then(step) == Some(1);
        self.elements(value).iter().any(|(_, index)| is_adjacent(index))
    }

    /// Whether a value reads adjacent elements along an axis, and far ones along another.
    pub(super) fn reads_across(&self, value: &Value, along: AxisId, across: AxisId) -> bool {
        let is_across = |index: &[IndexId]| {
            let Some((&last, outer)) = index.split_last() else { return false };
            self.exprs.coefficient(last, along) == Some(1)
                && outer.iter().any(|&i| self.exprs.has_axis(i, across))
        };
        self.elements(value).iter().any(|(_, index)| is_across(index))
    }

    /// Every read of an element by a value: the node and the index per dimension.
    pub fn elements(&self, value: &Value) -> Vec<(NodeId, Indices)> {
        let mut found = Elements { exprs: &self.exprs, seen: FxHashSet::default(), list: vec![] };
        match &value.work {
            Work::Map(body) | Work::Reduce { body, .. } => found.visit(*body),
            Work::Contract(boxes) => {
                for factor in boxes.iter().flat_map(|b| [&b.a, &b.b]) {
                    found.list.push((factor.source, Indices::from_slice(&factor.index)));
                    factor.index.iter().for_each(|&i| found.visit_index(i));
                }
            }
            Work::Placement { parts, .. } => {
                parts.iter().for_each(|p| found.visit(p.body));
                let indices = parts.iter().flat_map(|p| &p.indices);
                indices.for_each(|i| found.visit(i.value));
            }
            Work::Scatter(part) => {
                found.visit(part.body);
                part.index.iter().for_each(|&i| found.visit_index(i));
                part.indices.iter().for_each(|i| found.visit(i.value));
            }
            Work::Prefix(running) => running.bodies().for_each(|body| found.visit(body)),
            Work::Sort(sorted) => found.visit(sorted.key),
            Work::Random { seed, step, .. } => {
                found.list.extend([seed, step].map(|&node| (node, Indices::new())));
            }
            Work::Repeat { .. } | Work::Result => {
                found.list.extend(value.reads.iter().map(|&node| (node, Indices::new())));
            }
        }
        value.indices.iter().for_each(|i| found.visit(i.value));
        found.list
    }
}

/// The number by which `Expr::Element` refers to a node.
pub(crate) fn number(node: NodeId) -> u32 {
    node.number() as u32
}

struct Elements<'a> {
    exprs: &'a Exprs,
    seen: FxHashSet<ExprId>,
    list: Vec<(NodeId, Indices)>,
}

impl Elements<'_> {
    fn visit(&mut self, id: ExprId) {
        if !self.seen.insert(id) {
            return;
        }
        match self.exprs.expr(id) {
            Expr::Element { operand, index, .. } => {
                self.list.push((NodeId::from_number(*operand), index.clone()));
                index.iter().for_each(|&i| self.visit_index(i));
            }
            Expr::Index(index, _) => self.visit_index(*index),
            _ => self.exprs.operands(id).for_each(|o| self.visit(o)),
        }
    }

    fn visit_index(&mut self, id: IndexId) {
        for expr in self.exprs.data_of(id) {
            self.visit(expr);
        }
    }
}

/// Whether a node is read from memory that the step does not compute.
pub fn is_memory(graph: &Graph, node: NodeId) -> bool {
    match graph.op(node) {
        Op::Leaf(Leaf::Constant(literal)) => literal.splat_value().is_none(),
        Op::Leaf(_) => true,
        _ => false,
    }
}
