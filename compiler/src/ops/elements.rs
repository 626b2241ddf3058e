//! Loops over the elements of arrays, one or two at a time. They are made for hundreds of functions
//! and element types, so what does not depend on the function stands outside of them.

use std::borrow::Cow;

use ndarray::{ArcArray, ArrayD, IxDyn, ShapeBuilder};

use crate::ir::Element;

/// `f` of every element.
pub(super) fn map<A: Element, R>(x: &ArcArray<A, IxDyn>, f: impl Fn(A) -> R) -> ArrayD<R> {
    let (elements, strides) = in_memory(x);
    let mut mapped = Vec::with_capacity(elements.len());
    mapped.extend(elements.iter().map(|&a| f(a)));
    array(x.shape(), strides, mapped)
}

/// `f` of every pair of elements, of arrays that broadcast: neither is made as large as the other.
pub(super) fn zip<A: Element, B: Element, R>(
    a: &ArcArray<A, IxDyn>,
    b: &ArcArray<B, IxDyn>,
    f: impl Fn(A, B) -> R,
) -> ArrayD<R> {
    let ((a_elements, a_strides), (b_elements, b_strides)) = (in_memory(a), in_memory(b));
    let (x, y) = (&*a_elements, &*b_elements);
    let mut lanes = Lanes::new((a.shape(), &a_strides), (b.shape(), &b_strides));
    let mut zipped = Vec::with_capacity(lanes.shape.iter().product());
    let n = lanes.length;
    while let Some([i, j]) = lanes.next() {
        match lanes.steps {
            [1, 1] => zipped.extend(x[i..i + n].iter().zip(&y[j..j + n]).map(|(&a, &b)| f(a, b))),
            [1, 0] => {
                let b = y[j];
                zipped.extend(x[i..i + n].iter().map(|&a| f(a, b)));
            }
            [0, 1] => {
                let a = x[i];
                zipped.extend(y[j..j + n].iter().map(|&b| f(a, b)));
            }
            [s, t] => zipped.extend((0..n).map(|k| f(x[i + k * s], y[j + k * t]))),
        }
    }
    array(&lanes.shape, lanes.strides, zipped)
}

/// The elements of an array as they lie in memory, or of a copy in row-major order where they have
/// gaps or run backwards; and from each index to the next how many elements.
fn in_memory<A: Element>(x: &ArcArray<A, IxDyn>) -> (Cow<'_, [A]>, Vec<usize>) {
    let strides: Option<Vec<usize>> =
        x.strides().iter().map(|&s| usize::try_from(s).ok()).collect();
    match (x.as_slice_memory_order(), strides) {
        (Some(elements), Some(strides)) => (Cow::Borrowed(elements), strides),
        (Some(_) | None, _) => {
            let mut copy = Vec::with_capacity(x.len());
            copy.extend(x.iter().copied());
            (Cow::Owned(copy), row_major(x.shape()))
        }
    }
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let after = |axis: usize| shape[axis + 1..].iter().product();
    (0..shape.len()).map(after).collect()
}

/// An array of elements that lie so.
fn array<R>(shape: &[usize], strides: Vec<usize>, elements: Vec<R>) -> ArrayD<R> {
    let array = match elements.is_empty() {
        // Strides would point beyond them.
        true => ArrayD::from_shape_vec(IxDyn(shape), elements),
        false => ArrayD::from_shape_vec(IxDyn(shape).strides(IxDyn(&strides)), elements),
    };
    array.expect("the strides are those of so many elements")
}

/// Two arrays that broadcast, as pairs of lanes: elements with equal steps from one to the next.
struct Lanes {
    /// The shape that both broadcast to.
    shape: Vec<usize>,
    /// The strides of an array whose elements are in the order of the lanes.
    strides: Vec<usize>,
    /// Elements of a lane.
    length: usize,
    /// From one element of a lane to the next.
    steps: [usize; 2],
    /// The axes that number the lanes, the innermost first: how long, and the steps.
    outer: Vec<(usize, [usize; 2])>,
    /// The number of the next lane along each of them.
    counts: Vec<usize>,
    /// Where the next lane begins; nothing after the last one.
    at: Option<[usize; 2]>,
}

impl Lanes {
    fn new(a: (&[usize], &[usize]), b: (&[usize], &[usize])) -> Lanes {
        let rank = a.0.len().max(b.0.len());
        let of = |(shape, strides): (&[usize], &[usize]), axis: usize| {
            let own = (axis + shape.len()).checked_sub(rank);
            own.map_or((1, 0), |own| (shape[own], strides[own]))
        };
        let axis = |axis: usize| {
            let ((m, s), (n, t)) = (of(a, axis), of(b, axis));
            let length = if m == 1 { n } else { m };
            assert!(n == length || n == 1, "infer has compared the shapes");
            (length, [if m == 1 { 0 } else { s }, if n == 1 { 0 } else { t }])
        };
        let axes: Vec<(usize, [usize; 2])> = (0..rank).map(axis).collect();
        let shape: Vec<usize> = axes.iter().map(|(length, _)| *length).collect();
        // In the order of memory: the smallest step innermost.
        let mut order: Vec<usize> = (0..rank).filter(|&i| shape[i] != 1).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(axes[i].1.into_iter().max()));
        let mut strides = row_major(&shape);
        let mut stride = 1;
        for &i in order.iter().rev() {
            strides[i] = stride;
            stride *= shape[i];
        }
        let mut outer: Vec<(usize, [usize; 2])> = vec![];
        for &i in order.iter().rev() {
            let (length, steps) = axes[i];
            match outer.last_mut() {
                // Where an axis goes on as the one within it does, both are one.
                Some((n, inner)) if steps == inner.map(|step| step * *n) => *n *= length,
                Some(_) | None => outer.push((length, steps)),
            }
        }
        let (length, steps) = if outer.is_empty() { (1, [0, 0]) } else { outer.remove(0) };
        let at = shape.iter().all(|&n| n > 0).then_some([0, 0]);
        let counts = vec![0; outer.len()];
        Lanes { shape, strides, length, steps, outer, counts, at }
    }

    /// Where the next pair of lanes begins.
    fn next(&mut self) -> Option<[usize; 2]> {
        let lane = self.at?;
        let mut next = lane;
        self.at = None;
        for ((length, steps), count) in self.outer.iter().zip(&mut self.counts) {
            *count += 1;
            if *count < *length {
                self.at = Some([next[0] + steps[0], next[1] + steps[1]]);
                break;
            }
            *count = 0;
            let back = |k: usize| next[k] - (length - 1) * steps[k];
            next = [back(0), back(1)];
        }
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    /// Numbers from `first` on.
    fn numbers(shape: &[usize], first: i64) -> ArcArray<i64, IxDyn> {
        let n = shape.iter().product::<usize>() as i64;
        let all = Array::from_iter(first..first + n);
        all.into_shape_with_order(IxDyn(shape)).expect("so many").into_shared()
    }

    /// The same array as it lies otherwise in memory: every order of axes, backwards, with gaps.
    fn layouts(x: &ArcArray<i64, IxDyn>) -> Vec<ArcArray<i64, IxDyn>> {
        let rank = x.ndim();
        let mut all = vec![x.clone()];
        for turn in 1..rank {
            let axes: Vec<usize> = (0..rank).map(|i| (i + turn) % rank).collect();
            let back: Vec<usize> = (0..rank).map(|i| (i + rank - turn) % rank).collect();
            let moved = x.clone().permuted_axes(IxDyn(&axes)).as_standard_layout().into_owned();
            all.push(moved.into_shared().permuted_axes(IxDyn(&back)));
        }
        if rank > 0 {
            let axis = ndarray::Axis(rank - 1);
            let mut backwards = x.clone();
            backwards.invert_axis(axis);
            let mut copy = backwards.as_standard_layout().into_owned().into_shared();
            copy.invert_axis(axis);
            all.push(copy);
            let twice = ndarray::concatenate(axis, &[x.view(), x.view()]).expect("alike");
            let half = ndarray::Slice::from(..x.shape()[rank - 1] as isize);
            all.push(twice.into_shared().slice_axis_move(axis, half));
        }
        all
    }

    #[test]
    fn every_layout_gives_what_arithmetic_gives() {
        let shapes: [(&[usize], &[usize]); 12] = [
            (&[], &[]),
            (&[3], &[]),
            (&[], &[2, 3]),
            (&[2, 3], &[2, 3]),
            (&[2, 3], &[3]),
            (&[2, 3], &[2, 1]),
            (&[1, 3], &[2, 1]),
            (&[4, 2, 3], &[2, 1]),
            (&[4, 1, 3], &[2, 1]),
            (&[4, 2, 3], &[4, 1, 3]),
            (&[1, 1], &[1]),
            (&[0, 3], &[3]),
        ];
        for (left, right) in shapes {
            let (a, b) = (numbers(left, 1), numbers(right, 100));
            for (a, b) in
                layouts(&a).iter().flat_map(|a| layouts(&b).into_iter().map(move |b| (a, b)))
            {
                let expected = &a.to_owned() * &b.to_owned();
                assert_eq!(zip(a, &b, |a, b| a * b), expected, "{left:?} {right:?}");
                let (s, t) = (a.strides(), b.strides());
                let negated = a.to_owned().mapv(|a| -a);
                assert_eq!(map(a, |a| -a), negated, "{left:?} {s:?} {t:?}");
            }
        }
    }
}
