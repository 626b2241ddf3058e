//! How elements of convolutions are computed.

use super::{Conv, ConvResult};
use crate::ir::{
    AxisId, BinaryFn, CompareFn, DType, Expr, ExprId, Exprs, IndexId, Lowering, Monoid, Reading,
    Scalar,
};
use crate::ops::LowerContext;

/// The terms of an element of the result.
struct Terms {
    /// One axis per dimension of the result.
    axes: Vec<AxisId>,
    /// What is summed over: k.., c of an output; k.., f of an input; n, o.. of a filter.
    reduced: Vec<AxisId>,
    /// Where the operands are read; where one cannot be there is no term.
    factors: [Vec<Reading>; 2],
}

/// Each element as a sum of products.
pub(super) fn as_contraction(conv: &Conv, cx: &mut LowerContext<'_>) -> Lowering {
    let Terms { axes, reduced, factors: [a, b] } = terms(conv, cx);
    Lowering::Contract { axes, reduced, a, b }
}

/// Each element as a sum over all that it might be made of, where a term that the form does not have
/// is zero. A tensor without elements makes all sums empty.
pub(super) fn as_reduction(conv: &Conv, cx: &mut LowerContext<'_>) -> Lowering {
    let Terms { axes, reduced, factors } = terms(conv, cx);
    let zero = cx.exprs.constant(Scalar::zero(cx.result.dtype));
    let sizes = [cx.operand_sizes(0), cx.operand_sizes(1)];
    if sizes.iter().flatten().any(|&size| size == 0) {
        return Lowering::Map { axes, body: zero };
    }
    let mut within = Within { exprs: &mut *cx.exprs, conditions: vec![] };
    let mut index = |k: usize| -> Vec<IndexId> {
        factors[k].iter().zip(&sizes[k]).map(|(&at, &size)| within.index(at, size)).collect()
    };
    let [a, b] = [index(0), index(1)];
    let condition = within.all();
    let (a, b) = (cx.element(0, &a), cx.element(1, &b));
    let product = cx.exprs.binary(BinaryFn::Mul, a, b);
    let body = condition.map_or(product, |is_there| cx.exprs.select(is_there, product, zero));
    Lowering::Reduce { axes, reduced, monoid: Monoid::Sum, body }
}

fn terms(conv: &Conv, cx: &mut LowerContext<'_>) -> Terms {
    let n = conv.n_axes();
    let sizes = [cx.operand_sizes(0), cx.operand_sizes(1), cx.sizes()];
    let axes = cx.exprs.axes(&sizes[2]);
    let [_, w, y] = conv.exchanged(sizes);
    let w = conv.of_filter(&w);
    // The examples of a part.
    let examples = y[0].checked_div(conv.parts).unwrap_or(y[0]);
    let sizes = match conv.result {
        ConvResult::Output => w[..=n].to_vec(),
        ConvResult::Input { .. } => [&w[..n], &w[n + 1..]].concat(),
        ConvResult::Filter { .. } => [&[examples], &y[1..=n]].concat(),
    };
    let reduced = cx.exprs.axes(&sizes);
    let (at, over) = (cx.exprs.index_axes(&axes), cx.exprs.index_axes(&reduced));
    let factors = factors(conv, cx.exprs, examples, &at, &over);
    Terms { axes, reduced, factors }
}

/// Where the factors of the term `over` of the element `at` are; `examples` are those of a part.
fn factors(
    conv: &Conv,
    exprs: &mut Exprs,
    examples: usize,
    at: &[IndexId],
    over: &[IndexId],
) -> [Vec<Reading>; 2] {
    let n = conv.n_axes();
    let is_filter = matches!(conv.result, ConvResult::Filter { .. });
    // The filter of an example; the example of a filter.
    let (mut part, mut example) = (vec![], over[0]);
    if conv.parts > 0 && is_filter {
        example = exprs.index_add(over[0], at[0], examples as i64);
    } else if conv.parts > 0 {
        part.push(exprs.index_div(at[0], examples.max(1) as i64));
    }
    let at = if is_filter { conv.of_filter(at) } else { at };
    let whole = |indices: &[IndexId]| -> Vec<Reading> {
        indices.iter().copied().map(Reading::from).collect()
    };
    let windows = conv.windows.iter().enumerate();
    // i = o · stride + k · dilation - before.
    let mut input = |stride: i64, o: IndexId, dilation: i64, k: IndexId, before: i64| {
        let first = exprs.index_scale(o, stride, -before);
        exprs.index_add(first, k, dilation)
    };
    match conv.result {
        ConvResult::Output => {
            let i = windows
                .map(|(d, w)| input(w.stride, at[d + 1], w.dilation, over[d], w.before).into());
            let i: Vec<Reading> = i.collect();
            let of_w = [&part, over, &at[n + 1..]].concat();
            [[whole(&at[..1]), i, whole(&over[n..])].concat(), whole(&of_w)]
        }
        ConvResult::Input { .. } => {
            // o = (i + before - k · dilation) / stride.
            let o = windows.map(|(d, w)| Reading {
                index: input(1, at[d + 1], -w.dilation, over[d], -w.before),
                step: w.stride,
            });
            let o: Vec<Reading> = o.collect();
            let of_w = [&part, &over[..n], &at[n + 1..], &over[n..]].concat();
            [[whole(&at[..1]), o, whole(&over[n..])].concat(), whole(&of_w)]
        }
        ConvResult::Filter { .. } => {
            let i = windows
                .map(|(d, w)| input(w.stride, over[d + 1], w.dilation, at[d], w.before).into());
            let i: Vec<Reading> = i.collect();
            let of_y = [&[example], &over[1..], &at[n + 1..]].concat();
            [[whole(&[example]), i, whole(&at[n..=n])].concat(), whole(&of_y)]
        }
    }
}

/// Indices brought inside of their dimensions, and what must hold where they were.
struct Within<'a> {
    exprs: &'a mut Exprs,
    conditions: Vec<ExprId>,
}

impl Within<'_> {
    /// The index along a dimension of that size; where there is none another one, whose element
    /// counts for nothing.
    fn index(&mut self, at: Reading, size: usize) -> IndexId {
        let rest = self.exprs.index_mod(at.index, at.step);
        self.holds(CompareFn::Eq, rest, 0);
        let at = self.exprs.index_div(at.index, at.step);
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
    fn all(self) -> Option<ExprId> {
        let Within { exprs, conditions } = self;
        conditions.into_iter().reduce(|a, b| exprs.binary(BinaryFn::And, a, b))
    }
}
