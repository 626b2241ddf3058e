//! How elements of convolutions are computed.

use super::{Conv, ConvResult};
use crate::ir::{AxisId, BinaryFn, Exprs, IndexId, Lowering, Monoid, Reading, Scalar};
use crate::ops::LowerContext;
use crate::ops::window::Within;

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
    Lowering::Contract { axes, column: conv.column(cx), reduced, a, b }
}

/// Each element as a sum over all that it might be made of, where a term that the form does not
/// have is zero. A tensor without elements makes all sums empty.
pub(super) fn as_reduction(conv: &Conv, cx: &mut LowerContext<'_>) -> Lowering {
    let Terms { axes, reduced, factors } = terms(conv, cx);
    let zero = cx.exprs.constant(Scalar::zero(cx.result.dtype));
    let sizes = [cx.operand_sizes(0), cx.operand_sizes(1)];
    if sizes.iter().flatten().any(|&size| size == 0) {
        return Lowering::Map { axes, body: zero };
    }
    let mut within = Within::new(&mut *cx.exprs);
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
        ConvResult::Input { .. } => [&w[..n], &w[w.len() - 1..]].concat(),
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
    // The groups, and the last axis, of the result.
    let (grouped, last) = (n + 1..n + 1 + conv.grouping(), n + 1 + conv.grouping());
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
            [[whole(&at[..1]), i, whole(&at[grouped]), whole(&over[n..])].concat(), whole(&of_w)]
        }
        ConvResult::Input { .. } => {
            // o = (i + before - k · dilation) / stride.
            let o = windows.map(|(d, w)| Reading {
                index: input(1, at[d + 1], -w.dilation, over[d], -w.before),
                step: w.stride,
            });
            let o: Vec<Reading> = o.collect();
            let of_w = [&part, &over[..n], &at[last..], &at[grouped.clone()], &over[n..]].concat();
            [[whole(&at[..1]), o, whole(&at[grouped]), whole(&over[n..])].concat(), whole(&of_w)]
        }
        ConvResult::Filter { .. } => {
            let i = windows
                .map(|(d, w)| input(w.stride, over[d + 1], w.dilation, at[d], w.before).into());
            let i: Vec<Reading> = i.collect();
            let of_y = [&[example], &over[1..], &at[n + 1..]].concat();
            let of_x = [whole(&[example]), i, whole(&at[grouped]), whole(&at[n..=n])].concat();
            [of_x, whole(&of_y)]
        }
    }
}
