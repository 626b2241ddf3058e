//! How elements of pools are computed.

use super::{Pool, PoolFn};
use crate::ir::{
    AxisId, CompareFn, DType, Expr, ExprId, IndexId, Lowering, Monoid, Reading, Scalar,
};
use crate::ops::LowerContext;
use crate::ops::window::Within;

/// Functions of what each place of the window sees: a fold over its elements.
pub(super) fn seen(pool: &Pool, cx: &mut LowerContext<'_>) -> Lowering {
    let n = pool.n_axes();
    let axes = cx.exprs.axes(&cx.sizes());
    let reduced = cx.exprs.axes(&pool.lengths);
    let monoid = match pool.f {
        PoolFn::Max => Monoid::Max,
        PoolFn::Argmax => Monoid::ArgMax,
        PoolFn::Sum | PoolFn::Take | PoolFn::Spread { .. } | PoolFn::Put { .. } => Monoid::Sum,
    };
    let dtype = cx.operands[0].dtype;
    let other = match monoid {
        Monoid::ArgMax => Monoid::Max.neutral(dtype),
        monoid => monoid.neutral(dtype),
    };
    let other = cx.exprs.constant(other);
    let sizes = cx.operand_sizes(0);
    if sizes.contains(&0) {
        // Padding alone is seen: everywhere the same.
        let body = if monoid == Monoid::ArgMax { Scalar::I32(0) } else { monoid.neutral(dtype) };
        return Lowering::Map { axes, body: cx.exprs.constant(body) };
    }
    let (at, over) = (cx.exprs.index_axes(&axes), cx.exprs.index_axes(&reduced));
    let input: Vec<IndexId> = (0..n)
        .map(|d| {
            let w = &pool.windows[d];
            let first = cx.exprs.index_scale(at[d + 1], w.stride, -w.before);
            cx.exprs.index_add(first, over[d], w.dilation)
        })
        .collect();
    let mut within = Within::new(&mut *cx.exprs);
    let mut index = vec![at[0]];
    index.extend((0..n).map(|d| within.index(Reading::from(input[d]), sizes[d + 1])));
    index.push(at[n + 1]);
    if pool.f == PoolFn::Take {
        let number = number(pool, &mut within, &over);
        let ids = within.exprs.element(1, &at, DType::I32);
        within.also(CompareFn::Eq, ids, number);
    }
    let is_there = within.all();
    let x = cx.element(0, &index);
    let body = is_there.map_or(x, |is_there| cx.exprs.select(is_there, x, other));
    Lowering::Reduce { axes, reduced, monoid, body }
}

/// The gradients: what every element of the input is given by the places that see it. Along an axis
/// these are at most `ceil(span / stride)`, and at most one for each element of the window: whichever
/// are fewer are gone through, the places in ascending order.
pub(super) fn given_back(pool: &Pool, cx: &mut LowerContext<'_>) -> Lowering {
    let n = pool.n_axes();
    let axes = cx.exprs.axes(&cx.sizes());
    let zero = cx.exprs.constant(Scalar::zero(cx.result.dtype));
    let places = cx.operand_sizes(0);
    if places.contains(&0) {
        return Lowering::Map { axes, body: zero };
    }
    let most: Vec<usize> = (0..n).map(|d| most_places(pool, d).min(pool.lengths[d])).collect();
    let reduced = cx.exprs.axes(&most);
    let (at, over) = (cx.exprs.index_axes(&axes), cx.exprs.index_axes(&reduced));
    // Along each axis: the place, and the element of the window there.
    let mut along = |d: usize| -> [Reading; 2] {
        let w = &pool.windows[d];
        let from_first = cx.exprs.index_scale(at[d + 1], 1, w.before);
        if most[d] < most_places(pool, d) {
            let element = cx.exprs.index_scale(over[d], -1, most[d] as i64 - 1);
            let place = cx.exprs.index_add(from_first, element, -w.dilation);
            return [Reading { index: place, step: w.stride }, element.into()];
        }
        let last = cx.exprs.index_div(from_first, w.stride);
        let (place, rest) = if most[d] == 1 {
            (last, cx.exprs.index_mod(from_first, w.stride))
        } else {
            let first = cx.exprs.index_scale(last, 1, 1 - most[d] as i64);
            let place = cx.exprs.index_add(first, over[d], 1);
            (place, cx.exprs.index_add(from_first, place, -w.stride))
        };
        [place.into(), Reading { index: rest, step: w.dilation }]
    };
    let pairs: Vec<[Reading; 2]> = (0..n).map(&mut along).collect();
    let mut within = Within::new(&mut *cx.exprs);
    let (mut index, mut of_window) = (vec![at[0]], vec![]);
    for (d, [place, element]) in pairs.into_iter().enumerate() {
        index.push(within.index(place, places[d + 1]));
        of_window.push(within.index(element, pool.lengths[d]));
    }
    index.push(at[n + 1]);
    if matches!(pool.f, PoolFn::Put { .. }) {
        let number = number(pool, &mut within, &of_window);
        let ids = within.exprs.element(1, &index, DType::I32);
        within.also(CompareFn::Eq, ids, number);
    }
    let is_there = within.all();
    let dy = cx.element(0, &index);
    let body = is_there.map_or(dy, |is_there| cx.exprs.select(is_there, dy, zero));
    let reduced: Vec<AxisId> = reduced
        .into_iter()
        .zip(&most)
        .filter(|(_, most)| **most > 1)
        .map(|(axis, _)| axis)
        .collect();
    match reduced[..] {
        [] => Lowering::Map { axes, body },
        [..] => Lowering::Reduce { axes, reduced, monoid: Monoid::Sum, body },
    }
}

/// How many places of the window can see an element.
fn most_places(pool: &Pool, d: usize) -> usize {
    let span = (pool.lengths[d].max(1) - 1).saturating_mul(pool.windows[d].dilation as usize) + 1;
    span.div_ceil(pool.windows[d].stride as usize)
}

/// The number of an element of the window, row by row.
fn number(pool: &Pool, within: &mut Within<'_>, element: &[IndexId]) -> ExprId {
    let strides = crate::ir::strides(&pool.lengths);
    let number = within.exprs.index_dot(element, &strides);
    within.exprs.intern(Expr::Index(number, DType::I32))
}
