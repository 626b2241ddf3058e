//! How elements of convolutions are computed.

use super::{Conv, ConvResult, Window};
use crate::ir::{
    BinaryFn, CompareFn, DType, Expr, ExprId, Exprs, IndexId, Lowering, Monoid, Scalar,
};
use crate::ops::LowerContext;

/// Each element as a sum over all that it might be made of, where a term that the form does not have
/// is zero. A tensor without elements makes all sums empty.
pub(super) fn as_reduction(conv: &Conv, cx: &mut LowerContext<'_>) -> Lowering {
    let sizes = [cx.operand_sizes(0), cx.operand_sizes(1), cx.sizes()];
    let axes = cx.exprs.axes(&sizes[2]);
    let zero = cx.exprs.constant(Scalar::zero(cx.result.dtype));
    if sizes.iter().flatten().any(|&size| size == 0) {
        return Lowering::Map { axes, body: zero };
    }
    let sizes = conv.exchanged(sizes);
    let reduced = cx.exprs.axes(&reduced_sizes(conv, &sizes));
    let (at, over) = (cx.exprs.index_axes(&axes), cx.exprs.index_axes(&reduced));
    let mut terms = Terms { exprs: &mut *cx.exprs, conditions: vec![] };
    let [a, b] = terms.factors(conv, &sizes, &at, &over);
    let condition = terms.condition();
    let (a, b) = (cx.element(0, &a), cx.element(1, &b));
    let product = cx.exprs.binary(BinaryFn::Mul, a, b);
    let body = condition.map_or(product, |is_there| cx.exprs.select(is_there, product, zero));
    Lowering::Reduce { axes, reduced, monoid: Monoid::Sum, body }
}

/// The sizes that are summed over: k.., c of an output, k.., f of an input, n, o.. of a filter.
fn reduced_sizes(conv: &Conv, [_, w, y]: &[Vec<usize>; 3]) -> Vec<usize> {
    let n = conv.n_axes();
    match conv.result {
        ConvResult::Output => w[..=n].to_vec(),
        ConvResult::Input { .. } => [&w[..n], &w[n + 1..]].concat(),
        ConvResult::Filter { .. } => y[..=n].to_vec(),
    }
}

/// Indices that two others lead to, and what must hold where they do.
struct Terms<'a> {
    exprs: &'a mut Exprs,
    conditions: Vec<ExprId>,
}

impl Terms<'_> {
    /// The indices of the two factors of the term `over` of the element `at`, for the sizes of x, w
    /// and y.
    fn factors(
        &mut self,
        conv: &Conv,
        [x, _, y]: &[Vec<usize>; 3],
        at: &[IndexId],
        over: &[IndexId],
    ) -> [Vec<IndexId>; 2] {
        let n = conv.n_axes();
        let windows = conv.windows.iter().enumerate();
        match conv.result {
            ConvResult::Output => {
                let i = windows.map(|(d, window)| self.input(window, at[d + 1], over[d], x[d + 1]));
                let i: Vec<IndexId> = i.collect();
                [[&at[..1], &i, &over[n..]].concat(), [over, &at[n + 1..]].concat()]
            }
            ConvResult::Input { .. } => {
                let o =
                    windows.map(|(d, window)| self.output(window, at[d + 1], over[d], y[d + 1]));
                let o: Vec<IndexId> = o.collect();
                let of_w = [&over[..n], &at[n + 1..], &over[n..]].concat();
                [[&at[..1], &o, &over[n..]].concat(), of_w]
            }
            ConvResult::Filter { .. } => {
                let i = windows.map(|(d, window)| self.input(window, over[d + 1], at[d], x[d + 1]));
                let i: Vec<IndexId> = i.collect();
                [[&over[..1], &i, &at[n..=n]].concat(), [over, &at[n + 1..]].concat()]
            }
        }
    }

    /// `o · stride + k · dilation - before`, of the input of that size.
    fn input(&mut self, window: &Window, o: IndexId, k: IndexId, size: usize) -> IndexId {
        let first = self.exprs.index_scale(o, window.stride, -window.before);
        let at = self.exprs.index_add(first, k, window.dilation);
        self.within(at, size)
    }

    /// `(i + before - k · dilation) / stride`, of the output of that size.
    fn output(&mut self, window: &Window, i: IndexId, k: IndexId, size: usize) -> IndexId {
        let first = self.exprs.index_scale(i, 1, window.before);
        let first = self.exprs.index_add(first, k, -window.dilation);
        let rest = self.exprs.index_mod(first, window.stride);
        self.holds(CompareFn::Eq, rest, 0);
        let at = self.exprs.index_div(first, window.stride);
        self.within(at, size)
    }

    /// The index where it is one of `size`; elsewhere another that is, whose element counts for
    /// nothing.
    fn within(&mut self, at: IndexId, size: usize) -> IndexId {
        self.holds(CompareFn::Ge, at, 0);
        self.holds(CompareFn::Lt, at, size as i64);
        self.exprs.index_mod(at, size as i64)
    }

    /// Asks for a comparison to hold, unless it always does.
    fn holds(&mut self, f: CompareFn, at: IndexId, number: i64) {
        let (first, last) = self.exprs.range(at);
        let holds = |i: i64| f.eval(Scalar::I64(i), Scalar::I64(number));
        if holds(first) && holds(last) {
            return;
        }
        let fits = [first, last, number].iter().all(|&i| i32::try_from(i).is_ok());
        let dtype = if fits { DType::I32 } else { DType::I64 };
        let at = self.exprs.intern(Expr::Index(at, dtype));
        let number = self.exprs.constant(Scalar::I64(number).cast(dtype));
        let condition = self.exprs.compare(f, at, number);
        self.conditions.push(condition);
    }

    /// All that must hold; `None` where that is nothing.
    fn condition(self) -> Option<ExprId> {
        let Terms { exprs, conditions } = self;
        conditions.into_iter().reduce(|a, b| exprs.binary(BinaryFn::And, a, b))
    }
}
