//! How the factors of contractions are read: in place, or as a copy.
//!
//! A contraction is cut into [`boxes`], in each of which its factors are inside of their operands.
//! A tile takes strided views, the right one with adjacent columns, and the left one if it has any.
//! An operand is read in place where it is such a view of a value that is stored, movement seen
//! through. Else it is stored itself, if that gives one; else it is copied: stored with its
//! dimensions in another order, the one along the columns last. What several contractions want in
//! the same order is copied once.

use rustc_hash::FxHashMap;

use super::boxes::{Cut, Piece, Run, Runs, boxes};
use super::{Form, Inliner, Lowered, lower};
use crate::fuse::values::{Factor, ProductBox, Span, Within};
use crate::ir::{
    AxisId, Costs, Expr, ExprId, Graph, IndexId, Lowering, NodeId, Origin, Reading, strides,
};
use crate::ops::Movement;

/// The copies that contractions read in the place of operands.
#[derive(Default)]
pub(super) struct Copies {
    /// Of the left and the right operand of a contraction.
    pub(super) of_readers: FxHashMap<NodeId, [Option<NodeId>; 2]>,
    /// By what is copied, and the order of its dimensions in the copy.
    known: FxHashMap<(NodeId, Vec<usize>), NodeId>,
}

/// What a factor of a contraction is read from.
enum Source {
    /// A value that is stored, or will be for another reason.
    Stored,
    /// The operand, if it is stored.
    Operand,
    /// A copy of the operand with its dimensions in this order.
    Copy(Vec<usize>),
}

/// A box of a contraction, with axes for all its loops.
struct Loops {
    /// What stands for each axis of the lowering.
    pairs: Vec<(AxisId, IndexId)>,
    kept: Vec<Span>,
    /// The dimension of the result that has the columns.
    column: usize,
    reduced: Vec<AxisId>,
    accumulates: bool,
    within: Option<Within>,
}

impl Loops {
    /// The axis along which the elements of a factor must be adjacent, if it has it.
    fn columns(&self) -> AxisId {
        self.kept[self.column].axis
    }
}

/// How a node is computed, with the boxes of its loops if it is a contraction: one that would have
/// too many is a reduction.
pub(super) fn lower_in_boxes(graph: &Graph, node: NodeId, costs: &Costs) -> (Lowered, Vec<Piece>) {
    let lowered = lower(graph, node, true);
    let Lowering::Contract { axes, column, reduced, a, b } = &lowered.lowering else {
        return (lowered, vec![]);
    };
    let extent = |axis: AxisId| lowered.exprs.extent(axis) as usize;
    let has = |factor: &[Reading], axis: AxisId| {
        factor.iter().any(|reading| lowered.exprs.has_axis(reading.index, axis))
    };
    // Rows beside those of the window.
    let own_rows = a.iter().filter_map(|reading| lowered.exprs.as_axis(reading.index));
    let own_rows = own_rows.filter(|&axis| axes.contains(&axis) && !has(b, axis));
    let rows: usize = own_rows.map(extent).product();
    let (least, most) = costs.shifting_columns;
    let shifts = rows >= costs.shifting_rows && (least..=most).contains(&extent(axes[*column]));
    let cut = if has(a, axes[*column]) {
        // A left factor with columns has no rows but those of the window.
        Cut::Longer
    } else if shifts {
        Cut::Shifting
    } else if rows < costs.narrow_rows {
        Cut::LongerLast
    } else {
        Cut::Kept
    };
    let sizes = |k: usize| graph.tensor_type(graph.operands(node)[k]).sizes().expect("numbers");
    let factors = [(a, sizes(0)), (b, sizes(1))];
    let factors = factors.iter().flat_map(|(at, sizes)| at.iter().copied().zip(sizes.clone()));
    let factors: Vec<(Reading, usize)> = factors.collect();
    match boxes(&lowered.exprs, [axes, reduced], &factors, (cut, costs.max_boxes)) {
        Some(boxes) => (lowered, boxes),
        None => (lower(graph, node, false), vec![]),
    }
}

impl Inliner<'_> {
    /// Sees to it that every factor is a view that a tile takes. What is stored for one may be what
    /// others see through, so they are looked at again; at most as often as operands are seen
    /// through each other, [`MAX_DEPTH`](super::MAX_DEPTH) times.
    pub(super) fn settle_factors(&mut self, order: &[NodeId]) {
        let contracts = |n: &&NodeId| matches!(self.lowered[n].lowering, Lowering::Contract { .. });
        let contractions: Vec<NodeId> = order.iter().filter(contracts).copied().collect();
        loop {
            let mut stored = vec![];
            for (&node, k) in contractions.iter().flat_map(|node| [(node, 0), (node, 1)]) {
                let operand = self.graph.operands(node)[k];
                match self.source(node, k) {
                    Source::Stored => {}
                    Source::Operand => stored.push(operand),
                    Source::Copy(perm) => self.copy(node, k, perm),
                }
            }
            // What was inlined may have seen through what is stored now.
            self.inlined.clear();
            if stored.is_empty() {
                return;
            }
            self.forms.extend(stored.into_iter().map(|operand| (operand, Form::Stored)));
        }
    }

    /// The boxes of a contraction with its factors as views, over the axes of the value.
    pub(super) fn products(&mut self, node: NodeId, axes: &[AxisId]) -> Vec<ProductBox> {
        let product = |s: &mut Self, loops: Loops| {
            let [a, b] = [0, 1].map(|k| s.factor(node, k, &loops));
            let Loops { kept, column, reduced, accumulates, within, .. } = loops;
            ProductBox { kept, column, accumulates, reduced, within, a, b }
        };
        self.loops(node, axes).into_iter().map(|loops| product(self, loops)).collect()
    }

    fn factor(&mut self, node: NodeId, k: usize, loops: &Loops) -> Factor {
        let (operand, index) = self.read(node, k, loops);
        let element = self.inline(operand, &index);
        match self.exprs.expr(element) {
            Expr::Element { operand, index, .. } => {
                Factor { source: NodeId::from_number(*operand), index: index.to_vec() }
            }
            _ => unreachable!("a factor that is no view was stored"),
        }
    }

    /// What a contraction reads as factor `k`, and at which index.
    fn read(&mut self, node: NodeId, k: usize, loops: &Loops) -> (NodeId, Vec<IndexId>) {
        let Lowering::Contract { a, b, .. } = &self.lowered[&node].lowering else {
            unreachable!("only contractions have factors")
        };
        let at = [a, b][k].clone();
        let index: Vec<IndexId> = self.substitute(node, &loops.pairs, |r| {
            let whole = |reading: &Reading| {
                let index = r.index(reading.index);
                r.into.index_div(index, reading.step)
            };
            at.iter().map(whole).collect()
        });
        match self.copies.of_readers.get(&node).and_then(|copies| copies[k]) {
            None => (self.graph.operands(node)[k], index),
            Some(copy) => {
                let order = self.order_of(copy);
                (copy, order.into_iter().map(|d| index[d]).collect())
            }
        }
    }

    /// The dimensions of what is copied, in the order of the copy.
    fn order_of(&self, copy: NodeId) -> Vec<usize> {
        match self.graph.op(copy) {
            crate::ops::Op::Movement(Movement::Transpose { perm }) => perm.clone(),
            _ => unreachable!("a copy changes the order of dimensions"),
        }
    }

    fn source(&mut self, node: NodeId, k: usize) -> Source {
        let sizes = self.graph.tensor_type(node).sizes().expect("numbers");
        let axes = self.exprs.axes(&sizes);
        let loops = self.loops(node, &axes);
        let (mut inlined, mut own, mut order) = (true, true, vec![]);
        for loops in &loops {
            let (operand, index) = self.read(node, k, loops);
            let element = self.inline(operand, &index);
            inlined &= self.is_view(element, loops, k);
            let dtype = self.graph.tensor_type(operand).dtype;
            let element = self.exprs.element(operand.number(), &index, dtype);
            own &= self.forms[&operand] == Form::Inline && self.is_view(element, loops, k);
            order = self.columns_last(&index, loops.columns());
        }
        match (inlined, own) {
            (true, _) => Source::Stored,
            (false, true) => Source::Operand,
            (false, false) => Source::Copy(order),
        }
    }

    /// The loops of each box of a contraction whose result has these axes.
    fn loops(&mut self, node: NodeId, axes: &[AxisId]) -> Vec<Loops> {
        let lowered = &self.lowered[&node];
        let Lowering::Contract { axes: old, column, reduced, .. } = &lowered.lowering else {
            unreachable!("only contractions have factors")
        };
        let (old, column, old_reduced) = (old.clone(), *column, reduced.clone());
        let sizes = old_reduced.iter().map(|&r| lowered.exprs.extent(r) as usize);
        let sizes: Vec<usize> = sizes.collect();
        let reduced = self.exprs.axes(&sizes);
        let whole: Vec<(AxisId, AxisId)> = old.iter().copied().zip(axes.iter().copied()).collect();
        let summed: Vec<(AxisId, AxisId)> = old_reduced.into_iter().zip(reduced).collect();
        let one = |s: &mut Self, Piece { runs, accumulates, within }: Piece| {
            let mut kept: Vec<Span> = whole.iter().map(|&pair| s.span(&runs, pair)).collect();
            let reduced: Vec<Span> = summed.iter().map(|&pair| s.span(&runs, pair)).collect();
            let within = within.map(|within| {
                let at = |axis, of: &[(AxisId, AxisId)]| of.iter().position(|pair| pair.0 == axis);
                let dim = at(within.kept, &whole).expect("a dimension of the result");
                let sum = at(within.summed, &summed).expect("an axis that is summed over");
                // An axis of its own: the tile has all of the dimension, which no unit has a part of.
                kept[dim].axis = s.exprs.axis(s.exprs.extent(kept[dim].axis) as usize);
                Within { kept: kept[dim].axis, summed: reduced[sum].axis, ..within }
            });
            let spans = kept.iter().chain(&reduced).map(|&span| s.index_of(span));
            let old = whole.iter().chain(&summed).map(|pair| pair.0);
            let pairs = old.zip(spans).collect();
            let reduced = reduced.iter().map(|span| span.axis).collect();
            Loops { pairs, kept, column, reduced, accumulates, within }
        };
        self.boxes[&node].clone().into_iter().map(|piece| one(self, piece)).collect()
    }

    /// The index along a dimension.
    fn index_of(&mut self, span: Span) -> IndexId {
        let index = self.exprs.index_axis(span.axis);
        self.exprs.index_scale(index, span.step, span.first)
    }

    /// What a box has of an axis of the lowering, for which `new` stands.
    fn span(&mut self, runs: &Runs, (old, new): (AxisId, AxisId)) -> Span {
        let of_axis = runs.iter().filter(|(axis, _)| *axis == old).map(|(_, run)| *run);
        // What is empty along one dimension is empty.
        match of_axis.min_by_key(|run| run.count) {
            None => Span { axis: new, first: 0, step: 1 },
            Some(Run { first, step, count }) => Span { axis: self.exprs.axis(count), first, step },
        }
    }

    /// Whether an expression is the element of a stored value at a position that is affine in the
    /// axes of the loops, with a stride of 1 along the columns; as factor 0 it need have none.
    fn is_view(&mut self, element: ExprId, loops: &Loops, k: usize) -> bool {
        let Expr::Element { operand, index, .. } = self.exprs.expr(element).clone() else {
            return false;
        };
        let source = NodeId::from_number(operand);
        let sizes = self.graph.tensor_type(source).sizes().unwrap_or_default();
        let position = self.exprs.index_dot(&index, &strides(&sizes));
        let step = |axis: AxisId| self.exprs.coefficient(position, axis);
        let mut axes = loops.kept.iter().map(|span| span.axis).chain(loops.reduced.iter().copied());
        let column = loops.columns();
        let is_adjacent = match step(column) {
            Some(0) => k == 0,
            step => step == Some(1),
        };
        axes.all(|a| step(a).is_some()) && (is_adjacent || self.exprs.extent(column) == 1)
    }

    /// The dimensions with those along the columns last, else in their order.
    fn columns_last(&self, index: &[IndexId], column: AxisId) -> Vec<usize> {
        let moves = |&d: &usize| self.exprs.coefficient(index[d], column) != Some(0);
        let (last, mut order): (Vec<usize>, Vec<usize>) = (0..index.len()).partition(moves);
        order.extend(last);
        order
    }

    /// Lets a contraction read a copy of an operand.
    fn copy(&mut self, node: NodeId, k: usize, perm: Vec<usize>) {
        let operand = self.graph.operands(node)[k];
        let key = (operand, perm);
        let copy = self.copies.known.get(&key).copied().unwrap_or_else(|| {
            let of = self.graph.node(operand);
            let origin = Origin::named(&format!("{}.t", of.name), of.provenance.clone());
            let transpose = Movement::Transpose { perm: key.1.clone() };
            let copy = self.graph.add(transpose, &[operand], &origin);
            let copy = copy.expect("the dimensions of an operand have an order");
            self.lowered.insert(copy, lower(&self.graph, copy, true));
            self.forms.insert(copy, Form::Stored);
            self.copies.known.insert(key, copy);
            copy
        });
        self.copies.of_readers.entry(node).or_default()[k] = Some(copy);
    }
}
