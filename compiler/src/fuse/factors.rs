//! How the factors of contractions are read: in place, or as a copy.
//!
//! A tile takes strided views, the right one with adjacent columns. An operand is read in place where
//! it is such a view of a value that is stored, movement seen through. Else it is stored itself, if
//! that gives one; else it is copied: stored with its dimensions in another order, the one along the
//! columns last. What several contractions want in the same order is copied once.

use rustc_hash::FxHashMap;

use super::inline::{Builder, Form, lower};
use super::values::Factor;
use crate::ir::{AxisId, Expr, ExprId, IndexId, Lowering, NodeId, Origin, strides};
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

/// A contraction, with axes for all its loops.
struct Loops {
    pairs: Vec<(AxisId, IndexId)>,
    axes: Vec<AxisId>,
    /// The axis along which the elements of the right factor must be adjacent.
    column: Option<AxisId>,
}

impl Builder<'_> {
    /// Sees to it that every factor is a view that a tile takes. What is stored for one may be what
    /// others see through, so they are looked at again; at most as often as operands are seen
    /// through each other, [`MAX_DEPTH`](super::inline::MAX_DEPTH) times.
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

    /// A factor as a view.
    pub(super) fn factor(&mut self, node: NodeId, k: usize, pairs: &[(AxisId, IndexId)]) -> Factor {
        let (operand, index) = self.read(node, k, pairs);
        let element = self.inline(operand, &index);
        match self.exprs.expr(element) {
            Expr::Element { operand, index, .. } => {
                Factor { source: NodeId::from_number(*operand), index: index.to_vec() }
            }
            _ => unreachable!("a factor that is no view was stored"),
        }
    }

    /// What a contraction reads as factor `k`, and at which index.
    fn read(
        &mut self,
        node: NodeId,
        k: usize,
        pairs: &[(AxisId, IndexId)],
    ) -> (NodeId, Vec<IndexId>) {
        let Lowering::Contract { a, b, .. } = &self.lowered[&node].lowering else {
            unreachable!("only contractions have factors")
        };
        let index = [a, b][k].clone();
        let index: Vec<IndexId> =
            self.substitute(node, pairs, |r| index.iter().map(|&i| r.index(i)).collect());
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
        let loops = self.loops(node);
        let column = loops.column.filter(|_| k == 1);
        let (operand, index) = self.read(node, k, &loops.pairs);
        let element = self.inline(operand, &index);
        if self.is_view(element, &loops.axes, column) {
            return Source::Stored;
        }
        let dtype = self.graph.tensor_type(operand).dtype;
        let own = self.exprs.element(operand.number(), &index, dtype);
        if self.forms[&operand] == Form::Inline && self.is_view(own, &loops.axes, column) {
            return Source::Operand;
        }
        Source::Copy(self.columns_last(&index, column))
    }

    fn loops(&mut self, node: NodeId) -> Loops {
        let lowered = &self.lowered[&node];
        let Lowering::Contract { axes, reduced, .. } = &lowered.lowering else {
            unreachable!("only contractions have factors")
        };
        let old: Vec<AxisId> = axes.iter().chain(reduced).copied().collect();
        let extents: Vec<usize> = old.iter().map(|&l| lowered.exprs.extent(l) as usize).collect();
        let last = axes.len().checked_sub(1);
        let axes = self.exprs.axes(&extents);
        let pairs = old.into_iter().zip(self.exprs.index_axes(&axes)).collect();
        let column = last.map(|last| axes[last]);
        Loops { pairs, axes, column }
    }

    /// Whether an expression is the element of a stored value at a position that is affine in the
    /// axes, with a stride of 1 along `column`.
    fn is_view(&mut self, element: ExprId, axes: &[AxisId], column: Option<AxisId>) -> bool {
        let Expr::Element { operand, index, .. } = self.exprs.expr(element).clone() else {
            return false;
        };
        let source = NodeId::from_number(operand);
        let sizes = self.graph.tensor_type(source).sizes().unwrap_or_default();
        let position = self.exprs.index_dot(&index, &strides(&sizes));
        let step = |axis: AxisId| self.exprs.coefficient(position, axis);
        axes.iter().all(|&a| step(a).is_some())
            && column.is_none_or(|c| self.exprs.extent(c) == 1 || step(c) == Some(1))
    }

    /// The dimensions with those along the columns last, else in their order.
    fn columns_last(&self, index: &[IndexId], column: Option<AxisId>) -> Vec<usize> {
        let moves = |&d: &usize| {
            column.is_some_and(|column| self.exprs.coefficient(index[d], column) != Some(0))
        };
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
            self.lowered.insert(copy, lower(&self.graph, copy));
            self.forms.insert(copy, Form::Stored);
            self.copies.known.insert(key, copy);
            copy
        });
        self.copies.of_readers.entry(node).or_default()[k] = Some(copy);
    }
}
