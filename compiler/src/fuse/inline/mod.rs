//! Which nodes are stored, and what each computes of the elements of the others.
//!
//! A value is: a root, a reduction, a contraction, a placement, a running value, an order, random
//! bits, a loop; an expression too long; and a map that is read more than once, unless it is
//! movement, a cast or one cheap operation; and then what [`factors`] wants. Everything else is
//! inlined.

mod boxes;
mod factors;
mod keep;
mod unit_dims;

use rustc_hash::{FxHashMap, FxHashSet};

use self::boxes::Piece;
use self::factors::{Copies, lower_in_boxes};
use self::keep::Kept;
use self::unit_dims::take_products;
use super::cost::{cost, operations};
use super::values::{DataIndex, PlacedPart, Value, Values, Work, is_memory, number};
use super::{Body, FuseContext};
use crate::ir::{
    AxisId, DType, Dim, Expr, ExprId, Exprs, Graph, IndexId, Lowering, NodeId, Rewrite, Running,
    Sorted, TensorType,
};
use crate::ops::{Indexing, LowerContext, Movement, Op, OpRules};

/// Chains of inlined nodes longer than this are cut: indices of indices grow with them.
const MAX_DEPTH: u32 = 24;

/// Of so many slices along several axes each is compared with each.
const MAX_PARTS: usize = 16;

/// How a node's elements come to its readers.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Memory,
    Inline,
    Stored,
}

/// The values of a graph, and the graph with the copies that are among them.
pub(super) fn values(graph: &Graph, cx: &FuseContext<'_>) -> (Graph, Values) {
    let order = graph.order();
    let mut builder = Inliner::new(graph.clone(), &order, cx);
    if cx.options.nodes {
        builder.keep(&order);
    }
    let order = builder.graph.order();
    for &node in &order {
        builder.decide(node);
    }
    builder.settle_factors(&order);
    builder.build(&order)
}

/// What gives the element of an operand at an index.
type ElementFn<'a> = &'a mut dyn FnMut(&mut Exprs, u32, &[IndexId], DType) -> ExprId;

/// A node's lowering with the pool that it is in.
struct Lowered {
    exprs: Exprs,
    lowering: Lowering,
}

struct Inliner<'a> {
    graph: Graph,
    cx: &'a FuseContext<'a>,
    lowered: FxHashMap<NodeId, Lowered>,
    /// The boxes of each contraction.
    boxes: FxHashMap<NodeId, Vec<Piece>>,
    forms: FxHashMap<NodeId, Form>,
    copies: Copies,
    kept: Kept,
    /// The number of operations in the inlined expression of a node.
    sizes: FxHashMap<NodeId, u32>,
    /// The length of the longest chain of inlined nodes that ends in a node.
    depths: FxHashMap<NodeId, u32>,
    roots: FxHashSet<NodeId>,
    exprs: Exprs,
    /// The elements that were inlined, with the indices from data that they need.
    inlined: FxHashMap<(NodeId, Vec<IndexId>), (ExprId, Vec<DataIndex>)>,
    /// The indices from data that what is being made needs.
    indices: Vec<DataIndex>,
}

impl<'a> Inliner<'a> {
    fn new(graph: Graph, order: &[NodeId], cx: &'a FuseContext<'a>) -> Inliner<'a> {
        let roots: FxHashSet<NodeId> = graph.roots().into_iter().collect();
        let (mut lowered, mut boxes) = (FxHashMap::default(), FxHashMap::default());
        for &node in order {
            let (of_node, boxes_of_node) = lower_in_boxes(&graph, node, cx.costs);
            lowered.insert(node, of_node);
            boxes.insert(node, boxes_of_node);
        }
        Inliner {
            graph,
            cx,
            lowered,
            boxes,
            forms: FxHashMap::default(),
            copies: Copies::default(),
            kept: Kept::default(),
            sizes: FxHashMap::default(),
            depths: FxHashMap::default(),
            roots,
            exprs: Exprs::default(),
            inlined: FxHashMap::default(),
            indices: vec![],
        }
    }

    fn decide(&mut self, node: NodeId) {
        let form = match &self.lowered[&node].lowering {
            _ if is_memory(&self.graph, node) => Form::Memory,
            Lowering::Map { body, .. } => {
                let size = self.inline_size(node, *body);
                self.sizes.insert(node, size);
                let inlined = self.graph.operands(node).iter();
                let inlined = inlined.filter(|o| self.forms.get(o) == Some(&Form::Inline));
                let depth = inlined.filter_map(|o| self.depths.get(o)).max().map_or(0, |d| d + 1);
                self.depths.insert(node, depth);
                if self.must_store(node, *body, size) { Form::Stored } else { Form::Inline }
            }
            Lowering::Repeat | Lowering::RandomBits { .. } => {
                self.store_operands(node);
                Form::Stored
            }
            Lowering::Reduce { .. }
            | Lowering::Contract { .. }
            | Lowering::Placement { .. }
            | Lowering::Scatter(_)
            | Lowering::Prefix(_)
            | Lowering::Sort(_)
            | Lowering::Leaf => Form::Stored,
        };
        self.forms.insert(node, form);
    }

    fn must_store(&self, node: NodeId, body: ExprId, size: u32) -> bool {
        let exprs = &self.lowered[&node].exprs;
        let is_splat = exprs.as_constant(body).is_some();
        if is_splat && !self.roots.contains(&node) {
            return false;
        }
        !self.cx.options.nodes
            || self.roots.contains(&node)
            || size > self.cx.costs.max_inline
            || self.depths.get(&node).is_some_and(|&d| d > MAX_DEPTH)
            || self.kept.stored.contains(&node)
            || (size > 1 && !self.kept.again.contains(&node) && self.is_read_again(node))
            || (self.is_spread(node) && size > 1)
    }

    /// Whether computing the node's elements in its readers would do some again. Slices without a
    /// common element share the node out; any other reader reads all of it.
    fn is_read_again(&self, node: NodeId) -> bool {
        let readers = self.graph.users(node).into_iter();
        let readers: Vec<NodeId> = readers.filter(|r| self.lowered.contains_key(r)).collect();
        let times = |r: &NodeId| self.graph.operands(*r).iter().filter(|&&o| o == node).count();
        if readers.iter().map(times).sum::<usize>() < 2 {
            return false;
        }
        let slices: Option<Vec<_>> = readers.iter().map(|&r| reach(self.graph.op(r))).collect();
        slices.is_none_or(|slices| !share_out(slices))
    }

    /// Whether a reader repeats the node's elements: computing them there would do it again.
    fn is_spread(&self, node: NodeId) -> bool {
        let elements = self.graph.tensor_type(node).n_elements();
        self.graph.users(node).iter().any(|&user| {
            self.lowered.contains_key(&user) && self.graph.tensor_type(user).n_elements() > elements
        })
    }

    /// The operations of the node's expression, those of its inlined operands included; a
    /// transcendental function counts as many.
    fn inline_size(&self, node: NodeId, body: ExprId) -> u32 {
        let own = self.lowered[&node].exprs.operations(body);
        let operands = self.graph.operands(node).iter();
        let inlined = operands.filter(|o| self.forms.get(o) == Some(&Form::Inline));
        inlined.fold(own, |sum, o| sum.saturating_add(self.sizes.get(o).copied().unwrap_or(0)))
    }

    fn store_operands(&mut self, node: NodeId) {
        for &operand in self.graph.operands(node) {
            if self.forms[&operand] == Form::Inline {
                self.forms.insert(operand, Form::Stored);
            }
        }
    }

    /// The element of a node at an index, as an expression over stored values.
    fn inline(&mut self, node: NodeId, index: &[IndexId]) -> ExprId {
        if self.forms[&node] != Form::Inline {
            let dtype = self.graph.tensor_type(node).dtype;
            return self.exprs.element(node.number(), index, dtype);
        }
        let key = (node, index.to_vec());
        if let Some((done, indices)) = self.inlined.get(&key) {
            note(&mut self.indices, indices);
            return *done;
        }
        let Lowering::Map { axes, body } = &self.lowered[&node].lowering else {
            unreachable!("only maps are inlined")
        };
        let pairs: Vec<(AxisId, IndexId)> =
            axes.iter().copied().zip(index.iter().copied()).collect();
        let body = *body;
        let around = std::mem::take(&mut self.indices);
        let expr = self.element(node, &pairs, body);
        let indices = std::mem::replace(&mut self.indices, around);
        note(&mut self.indices, &indices);
        self.inlined.insert(key, (expr, indices));
        expr
    }

    /// The element that a node's lowering says; notes the indices from data.
    fn element(&mut self, node: NodeId, pairs: &[(AxisId, IndexId)], body: ExprId) -> ExprId {
        let own = data_indices(&self.lowered[&node].exprs, body);
        let (element, own) = self.substitute(node, pairs, |r| {
            let own = own.into_iter().map(|(value, size)| (r.expr(value), size));
            let own: Vec<(ExprId, i64)> = own.collect();
            (r.expr(body), own)
        });
        let reader = self.reader(node);
        let own = own.into_iter().map(|(value, size)| DataIndex { node: reader, value, size });
        note(&mut self.indices, &own.collect::<Vec<_>>());
        element
    }

    /// The node that an index out of range is reported of: of a gradient with the indices of what
    /// it is the gradient of, that.
    fn reader(&self, node: NodeId) -> NodeId {
        let Op::Indexing(Indexing::PutAlongAxis { axis, size }) = self.graph.op(node) else {
            return node;
        };
        let ids = self.graph.operands(node)[0];
        let takes = |user: &NodeId| {
            let Op::Indexing(Indexing::TakeAlongAxis { axis: own }) = self.graph.op(*user) else {
                return false;
            };
            let operands = self.graph.operands(*user);
            let shape = &self.graph.tensor_type(operands[0]).shape;
            own == axis && operands[1] == ids && shape[*axis] == *size
        };
        let users =
            self.graph.users(ids).into_iter().filter(|user| self.lowered.contains_key(user));
        users.filter(takes).min().unwrap_or(node)
    }

    /// Rewrites something of the node's lowering into the pool of the graph, with the elements of
    /// its operands inlined.
    fn substitute<T>(
        &mut self,
        node: NodeId,
        pairs: &[(AxisId, IndexId)],
        run: impl FnOnce(&mut Rewrite<'_, ElementFn<'_>>) -> T,
    ) -> T {
        let lowered = self.lowered.remove(&node).expect("every live node is lowered");
        let operands = self.graph.operands(node).to_vec();
        // The pool moves between the rewrite and the inlining of an operand, which needs `self`.
        let mut pool = std::mem::take(&mut self.exprs);
        let origin = pool.origins_mut().of([number(node)]);
        let before = pool.set_origin(origin);
        let mut element = |pool: &mut Exprs, k: u32, index: &[IndexId], _| {
            std::mem::swap(pool, &mut self.exprs);
            let expr = self.inline(operands[k as usize], index);
            std::mem::swap(pool, &mut self.exprs);
            expr
        };
        let result = {
            let element: ElementFn<'_> = &mut element;
            run(&mut Rewrite::new(&lowered.exprs, &mut pool, pairs.iter().copied(), element))
        };
        pool.set_origin(before);
        self.exprs = pool;
        self.lowered.insert(node, lowered);
        result
    }

    fn build(mut self, order: &[NodeId]) -> (Graph, Values) {
        let mut list: Vec<Value> = vec![];
        let mut built: FxHashSet<NodeId> = FxHashSet::default();
        for &node in order {
            if self.forms[&node] == Form::Stored {
                // What is read of a copy is made before.
                let copies = self.copies.of_readers.get(&node).cloned().unwrap_or_default();
                for node in copies.into_iter().flatten().chain([node]) {
                    if built.insert(node) {
                        list.push(self.value(node));
                    }
                }
            }
        }
        let position = list.iter().enumerate().map(|(i, v)| (v.node, i)).collect();
        let mut values = Values { exprs: self.exprs, list, position };
        for i in 0..values.list.len() {
            values.list[i].reads = reads(&values, &values.list[i]);
        }
        if self.cx.options.nodes {
            take_products(&mut values, &self.roots);
        }
        for i in 0..values.list.len() {
            values.list[i].operations = operations(&values, &values.list[i]);
            values.list[i].cost = cost(&values, &values.list[i]);
        }
        (self.graph, values)
    }

    /// The nodes that are computed as part of a value, itself first.
    fn parts(&self, value: NodeId) -> Vec<NodeId> {
        let (mut seen, mut stack) = (FxHashSet::default(), vec![value]);
        let mut parts = vec![];
        while let Some(node) = stack.pop() {
            if !seen.insert(node) {
                continue;
            }
            parts.push(node);
            let copies = self.copies.of_readers.get(&node);
            let is_part = |(k, operand): &(usize, &NodeId)| {
                let is_copied = copies.is_some_and(|copies| copies[*k].is_some());
                self.forms[*operand] == Form::Inline && !is_copied
            };
            let operands = self.graph.operands(node).iter().enumerate();
            stack.extend(operands.filter(is_part).map(|(_, &operand)| operand));
        }
        parts
    }

    fn value(&mut self, node: NodeId) -> Value {
        let tensor_type = self.graph.tensor_type(node).clone();
        let sizes = tensor_type.sizes().expect("a specialised graph has numbers");
        let axes = self.exprs.axes(&sizes);
        self.indices.clear();
        let work = self.work(node, &axes);
        let indices = std::mem::take(&mut self.indices);
        let (parts, reads) = (self.parts(node), self.graph.operands(node).to_vec());
        let (operations, cost) = (0, 0.0);
        Value { node, parts, tensor_type, sizes, axes, work, indices, reads, operations, cost }
    }

    fn work(&mut self, node: NodeId, axes: &[AxisId]) -> Work {
        match self.lowered[&node].lowering.clone() {
            Lowering::Map { axes: old, body } => {
                let pairs = self.pairs(&old, axes);
                Work::Map(self.element(node, &pairs, body))
            }
            Lowering::Reduce { axes: old, reduced, monoid, body } => {
                let (pairs, reduced) = self.reduced_pairs(node, &old, axes, &reduced);
                let body = self.element(node, &pairs, body);
                Work::Reduce { reduced, monoid, body }
            }
            Lowering::Contract { .. } => Work::Contract(self.products(node, axes)),
            Lowering::Placement { parts, fill } => {
                let parts = parts.iter().map(|part| self.part(node, part)).collect();
                Work::Placement { parts, fill }
            }
            Lowering::Scatter(part) => Work::Scatter(self.part(node, &part)),
            Lowering::Prefix(running) => Work::Prefix(self.running(node, &running, axes)),
            Lowering::Sort(Sorted { axes: old, along, positions, key }) => {
                let (pairs, positions) = self.reduced_pairs(node, &old, axes, &[positions]);
                let key = self.element(node, &pairs, key);
                Work::Sort(Sorted { axes: axes.to_vec(), along, positions: positions[0], key })
            }
            Lowering::RandomBits { stream } => {
                let operands = self.graph.operands(node);
                Work::Random { stream, seed: operands[0], step: operands[1] }
            }
            Lowering::Repeat => self.repeat(node),
            Lowering::Leaf => Work::Result,
        }
    }

    fn repeat(&self, node: NodeId) -> Work {
        let scan = self.graph.op(node).scan().expect("what repeats a region is a scan");
        let length = scan.length.as_number().and_then(|n| usize::try_from(n).ok());
        let length = length.expect("a specialised graph has numbers");
        Work::Repeat { length, body: Box::new(Body::new(scan, length, self.cx)) }
    }

    fn pairs(&mut self, old: &[AxisId], new: &[AxisId]) -> Vec<(AxisId, IndexId)> {
        old.iter().copied().zip(self.exprs.index_axes(new)).collect()
    }

    /// The pairs for the result's axes and new axes for the reduced ones.
    fn reduced_pairs(
        &mut self,
        node: NodeId,
        old: &[AxisId],
        axes: &[AxisId],
        reduced: &[AxisId],
    ) -> (Vec<(AxisId, IndexId)>, Vec<AxisId>) {
        let from = &self.lowered[&node].exprs;
        let sizes: Vec<usize> = reduced.iter().map(|&r| from.extent(r) as usize).collect();
        let new = self.exprs.axes(&sizes);
        let mut pairs = self.pairs(old, axes);
        pairs.extend(self.pairs(reduced, &new));
        (pairs, new)
    }

    fn running(&mut self, node: NodeId, old: &Running, axes: &[AxisId]) -> Running {
        let (pairs, steps) = self.reduced_pairs(node, &old.axes, axes, &[old.steps]);
        let mut body = |body: ExprId| self.element(node, &pairs, body);
        let (first, factor, term) =
            (body(old.first), old.factor.map(&mut body), old.term.map(&mut body));
        let at = |r: &mut Rewrite<'_, ElementFn<'_>>| (r.index(old.first_at), r.index(old.at));
        let (first_at, at) = self.substitute(node, &pairs, at);
        let (axes, along, steps) = (axes.to_vec(), old.along, steps[0]);
        Running { axes, along, steps, first_at, at, first, factor, term }
    }

    fn part(&mut self, node: NodeId, part: &crate::ir::Part) -> PlacedPart {
        let from = &self.lowered[&node].exprs;
        let sizes: Vec<usize> = part.axes.iter().map(|&a| from.extent(a) as usize).collect();
        let axes = self.exprs.axes(&sizes);
        let pairs = self.pairs(&part.axes, &axes);
        let from = &self.lowered[&node].exprs;
        let own: Vec<_> = part.index.iter().flat_map(|&i| from.data_terms(i)).collect();
        let old = part.index.clone();
        let (index, own) = self.substitute(node, &pairs, |r| {
            let index: Vec<IndexId> = old.iter().map(|&i| r.index(i)).collect();
            let own = own.into_iter().map(|(value, size)| (r.expr(value), size));
            (index, own.collect::<Vec<_>>())
        });
        let reader = self.reader(node);
        let own = own.into_iter().map(|(value, size)| DataIndex { node: reader, value, size });
        note(&mut self.indices, &own.collect::<Vec<_>>());
        let at = self.exprs.index_axes(&axes);
        let body = self.inline(self.graph.operands(node)[part.operand as usize], &at);
        PlacedPart { axes, index, body, indices: std::mem::take(&mut self.indices) }
    }
}

/// The first and the last index that a slice reads along each axis; `None` of any other operation.
fn reach(op: &Op) -> Option<Vec<(i64, i64)>> {
    let Op::Movement(Movement::Slice { start, len, step }) = op else { return None };
    let along = |((start, len), step): ((&Dim, &Dim), &i64)| {
        let (start, len) = (start.as_number()?, len.as_number()?);
        Some((start, start + (len - 1) * step))
    };
    start.iter().zip(len).zip(step).map(along).collect()
}

/// Whether slices, of which each axis has the first and the last index, have no common element:
/// along some axis one begins after the other ends.
fn share_out(mut slices: Vec<Vec<(i64, i64)>>) -> bool {
    let rank = slices.first().map_or(0, Vec::len);
    for axis in 0..rank {
        slices.sort_unstable_by_key(|slice| slice[axis]);
        if slices.windows(2).all(|pair| pair[0][axis].1 < pair[1][axis].0) {
            return true;
        }
    }
    // Parts along several axes, of which there are few.
    let apart =
        |a: &[(i64, i64)], b: &[(i64, i64)]| a.iter().zip(b).any(|(a, b)| a.1 < b.0 || b.1 < a.0);
    slices.len() <= MAX_PARTS
        && (0..slices.len()).all(|i| (0..i).all(|j| apart(&slices[i], &slices[j])))
}

/// Adds indices to a list that has each once.
fn note(list: &mut Vec<DataIndex>, more: &[DataIndex]) {
    for index in more {
        if !list.contains(index) {
            list.push(*index);
        }
    }
}

/// The elements of operands that an expression takes as indices, with the sizes of what they index.
fn data_indices(exprs: &Exprs, body: ExprId) -> Vec<(ExprId, i64)> {
    if !exprs.indexes_by_data() {
        return vec![];
    }
    let (mut seen, mut found) = (FxHashSet::default(), vec![]);
    let mut stack = vec![body];
    while let Some(id) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        let indices = match exprs.expr(id) {
            Expr::Element { index, .. } => &index[..],
            Expr::Index(index, _) => std::slice::from_ref(index),
            _ => &[],
        };
        let terms = indices.iter().flat_map(|&i| exprs.data_terms(i));
        found.extend(terms.inspect(|(value, _)| stack.push(*value)));
        stack.extend(exprs.operands(id));
    }
    found
}

/// How a node is computed; without `tiles`, of products as reductions.
fn lower(graph: &Graph, node: NodeId, tiles: bool) -> Lowered {
    let mut exprs = Exprs::default();
    let operands: Vec<&TensorType> =
        graph.operands(node).iter().map(|&o| graph.tensor_type(o)).collect();
    let (exprs_of, result) = (&mut exprs, graph.tensor_type(node));
    let mut cx = LowerContext { exprs: exprs_of, operands: &operands, result, tiles };
    let lowering = graph.op(node).lower(&mut cx);
    Lowered { exprs, lowering }
}

/// The nodes whose elements a value reads, each once.
fn reads(values: &Values, value: &Value) -> Vec<NodeId> {
    if matches!(value.work, Work::Repeat { .. } | Work::Result) {
        return value.reads.clone();
    }
    let mut reads: Vec<NodeId> = values.elements(value).into_iter().map(|(n, _)| n).collect();
    reads.sort_unstable();
    reads.dedup();
    reads
}
