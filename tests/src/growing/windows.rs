//! Convolutions and pools of random windows, and their gradients.

use brolga_compiler::ir::{Dim, NodeId};
use brolga_compiler::ops::{Build, Conv, ConvResult, Movement, Pool, PoolFn, TypeError, Window};

use super::{Added, Choice, size};

/// A number of examples or channels: now and then none, where the graph has inputs of no elements.
fn number(g: &Build<'_>, choice: &mut Choice) -> usize {
    let is_empty = |&id: &NodeId| g.graph.tensor_type(id).n_elements() == Some(0);
    let none = g.graph.inputs.iter().any(is_empty) && choice.below(8) == 0;
    if none { 0 } else { 1 + choice.below(5) }
}

/// An image and a filter, or another two tensors of the form, made of the first elements of two
/// values.
pub(super) fn convolved(g: &mut Build<'_>, choice: &mut Choice, x: NodeId, y: NodeId) -> Added {
    let (mut windows, mut sizes) = (vec![], [vec![], vec![], vec![]]);
    for _ in 0..1 + choice.below(2) {
        let (filter, stride, dilation) =
            (1 + choice.below(4), choice.of(&[1, 1, 2, 3]), 1 + choice.below(2));
        let (before, after) = (choice.below(4), choice.below(4));
        let span = (filter - 1) * dilation + 1;
        let input = 1 + choice.below(6) + span.saturating_sub(before + after + 1);
        let output = (input + before + after - span) / stride + 1;
        [input, filter, output].into_iter().zip(&mut sizes).for_each(|(n, list)| list.push(n));
        let [stride, dilation, before, after] = [stride, dilation, before, after].map(|n| n as i64);
        windows.push(Window { stride, dilation, before, after });
    }
    let [examples, channels, filters] = [(); 3].map(|()| number(g, choice));
    let (parts, groups) = (choice.of(&[0, 0, 1, 2, 3]), choice.of(&[0, 0, 0, 1, 2, 5]));
    let batch = examples * parts.max(1);
    let [input, filter, output] = sizes;
    let of_groups = [groups];
    let of_groups = if groups == 0 { &[] } else { &of_groups[..] };
    let image = [&[batch], &input[..], of_groups, &[channels]].concat();
    let of_parts = [parts];
    let of_parts = if parts == 0 { &[] } else { &of_parts[..] };
    let weights = [of_parts, &filter[..], &[channels], of_groups, &[filters]].concat();
    let places = [&[batch], &output[..], of_groups, &[filters]].concat();
    let dims = |sizes: Vec<usize>| sizes.into_iter().map(Dim::from).collect();
    let (result, of_x, of_y) = match choice.below(3) {
        0 => (ConvResult::Output, image, weights),
        1 => (ConvResult::Input { size: dims(input) }, places, weights),
        _ => (ConvResult::Filter { size: dims(filter) }, image, places),
    };
    let (x, y) = (shaped(g, x, &of_x)?, shaped(g, y, &of_y)?);
    let sums = g.node(Conv { result, windows, parts, groups }, &[x, y])?;
    g.scale(sums, 0.125)
}

/// One of these pools or their gradients, of `x` and of numbers made from `y`.
pub(super) fn pooled(
    g: &mut Build<'_>,
    choice: &mut Choice,
    x: NodeId,
    y: NodeId,
    which: &[usize],
) -> Added {
    let (mut lengths, mut windows, mut sizes) = (vec![], vec![], [vec![], vec![]]);
    for _ in 0..1 + choice.below(2) {
        let (length, stride, dilation) =
            (1 + choice.below(4), choice.of(&[1, 2, 2, 3]), choice.of(&[1, 1, 2]));
        let (before, after) = (choice.below(4), choice.below(4));
        let span = (length - 1) * dilation + 1;
        let input = 1 + choice.below(6) + span.saturating_sub(before + after + 1);
        let output = (input + before + after - span) / stride + 1;
        [input, output].into_iter().zip(&mut sizes).for_each(|(n, list)| list.push(n));
        lengths.push(length);
        let [stride, dilation, before, after] = [stride, dilation, before, after].map(|n| n as i64);
        windows.push(Window { stride, dilation, before, after });
    }
    let [examples, channels] = [(); 2].map(|()| number(g, choice));
    let [input, output] = sizes;
    let whole = |spatial: &[usize]| [&[examples], spatial, &[channels]].concat();
    let pool = |f: PoolFn| Pool { f, lengths: lengths.clone(), windows: windows.clone() };
    let size = || input.iter().copied().map(Dim::from).collect();
    // The numbers of the first largest of other windows: no gradient reaches them.
    let ids = |g: &mut Build<'_>| {
        let y = shaped(g, y, &whole(&input))?;
        g.node(pool(PoolFn::Argmax), &[y])
    };
    match choice.of(which) {
        f @ (0 | 1) => {
            let x = shaped(g, x, &whole(&input))?;
            g.node(pool([PoolFn::Max, PoolFn::Sum][f].clone()), &[x])
        }
        2 => {
            let (x, ids) = (shaped(g, x, &whole(&input))?, ids(g)?);
            g.node(pool(PoolFn::Take), &[x, ids])
        }
        3 => {
            let dy = shaped(g, x, &whole(&output))?;
            g.node(pool(PoolFn::Spread { size: size() }), &[dy])
        }
        _ => {
            let (dy, ids) = (shaped(g, x, &whole(&output))?, ids(g)?);
            g.node(pool(PoolFn::Put { size: size() }), &[dy, ids])
        }
    }
}

/// The first elements of a value, again from the first where there are too few, in a shape.
pub(super) fn shaped(g: &mut Build<'_>, x: NodeId, sizes: &[usize]) -> Added {
    let flat = g.reshape(x, &[Dim::number(-1)])?;
    let wanted = sizes.iter().product::<usize>();
    let n = size(g, flat, 0) as usize;
    if g.tensor_type(x).n_elements() == Some(0) && wanted > 0 {
        return Err(TypeError::new("", "there is no first element"));
    }
    let times = wanted.div_ceil(n).max(1);
    let wide = g.broadcast_to(flat, &[times, n].map(Dim::from))?;
    let flat = g.reshape(wide, &[Dim::number(-1)])?;
    let (start, len, step) = (vec![Dim::number(0)], vec![Dim::from(wanted)], vec![1]);
    let part = g.node(Movement::Slice { start, len, step }, &[flat])?;
    let shape: Vec<Dim> = sizes.iter().map(|&n| Dim::from(n)).collect();
    g.reshape(part, &shape)
}
