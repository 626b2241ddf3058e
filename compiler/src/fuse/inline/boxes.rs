//! The loops of a contraction cut into boxes, in each of which every position of a factor is whole and
//! inside of its operand: so padding and the gaps between elements are never read, nor stored.
//!
//! Along each dimension of a factor that has padding or gaps, a position depends on one axis of the
//! result and one that is summed over: a convolution's output (or input) and its filter. For each index
//! of the first, what counts of the second is a run. Indices of the first that have the same run are a
//! run too: the inner ones, all of which see the whole filter; a few at the edges; and where the
//! position is divided by a step, as many times that as the step has remainders. The boxes are the
//! product of such cuts along all dimensions. The sum of an element has the order of all its terms in
//! whichever box it is.
//!
//! Linear in the sizes of the result's axes and in the boxes.

use crate::ir::{AxisId, Exprs, Index, Reading, Term};

/// The indices `first + step · i` of an axis, for `i < count`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) first: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

/// A part of a contraction's loops: the runs of the axes that are cut; every other is whole.
pub(super) type Runs = Vec<(AxisId, Run)>;

/// A position that is not whole and inside for all values of its axes:
/// `(of_kept · kept + of_summed · summed + constant) / step` in `0..size`.
struct Window {
    kept: Option<AxisId>,
    summed: Option<AxisId>,
    of_kept: i64,
    of_summed: i64,
    constant: i64,
    step: i64,
    size: i64,
}

/// The boxes of a contraction; `None` if they are more than `most`, or a position is of another form.
/// `factors` has the positions in each operand, with the size of each dimension.
pub(super) fn boxes(
    exprs: &Exprs,
    axes: &[AxisId],
    reduced: &[AxisId],
    factors: &[(Reading, usize)],
    most: usize,
) -> Option<Vec<Runs>> {
    let mut boxes: Vec<Runs> = vec![vec![]];
    let mut cut: Vec<AxisId> = vec![];
    for &(position, size) in factors {
        if is_inside(exprs, position, size) {
            continue;
        }
        let window = Window::new(exprs, axes, reduced, position, size)?;
        let own = window.kept.into_iter().chain(window.summed);
        if own.clone().any(|axis| cut.contains(&axis)) {
            return None;
        }
        cut.extend(own);
        // Where nothing counts no axis may be left to be summed over.
        let empty = reduced.first().copied().filter(|_| window.summed.is_none());
        let pieces = window.pieces(exprs, empty);
        if boxes.len() * pieces.len() > most {
            return None;
        }
        let product = |runs: &Runs| {
            pieces.iter().map(|p| runs.iter().chain(p).copied().collect()).collect::<Vec<Runs>>()
        };
        boxes = boxes.iter().flat_map(product).collect();
    }
    Some(boxes)
}

fn is_inside(exprs: &Exprs, position: Reading, size: usize) -> bool {
    let (lo, hi) = exprs.range(position.index);
    position.step == 1 && lo >= 0 && hi < size as i64
}

impl Window {
    fn new(
        exprs: &Exprs,
        axes: &[AxisId],
        reduced: &[AxisId],
        position: Reading,
        size: usize,
    ) -> Option<Window> {
        let Index { terms, constant } = exprs.index(position.index);
        let (constant, step, size) = (*constant, position.step, size as i64);
        let (kept, summed) = (None, None);
        let (of_kept, of_summed) = (0, 0);
        let mut window = Window { kept, summed, of_kept, of_summed, constant, step, size };
        for (term, c) in terms {
            let Term::Axis(axis) = term else { return None };
            let (own, factor) = if axes.contains(axis) {
                (&mut window.kept, &mut window.of_kept)
            } else if reduced.contains(axis) {
                (&mut window.summed, &mut window.of_summed)
            } else {
                return None;
            };
            *factor = *c;
            if own.replace(*axis).is_some() {
                return None;
            }
        }
        Some(window)
    }

    /// The runs of the kept axis, with the run of the summed axis that counts there. If there is no
    /// summed axis, `empty` becomes empty where nothing counts.
    fn pieces(&self, exprs: &Exprs, empty: Option<AxisId>) -> Vec<Runs> {
        let extent = |axis: Option<AxisId>| axis.map_or(1, |axis| exprs.extent(axis));
        let (n_kept, n_summed) = (extent(self.kept), extent(self.summed));
        let stride = self.step / gcd(self.of_kept, self.step);
        let mut pieces: Vec<(Run, Run)> = vec![];
        for remainder in 0..stride.min(n_kept) {
            let begin = pieces.len();
            for first in (remainder..n_kept).step_by(stride as usize) {
                let counts = self.counting(self.of_kept * first + self.constant, n_summed);
                match pieces[begin..].last_mut() {
                    Some((kept, summed)) if *summed == counts => kept.count += 1,
                    _ => pieces.push((Run { first, step: stride, count: 1 }, counts)),
                }
            }
        }
        let runs = |(kept, summed): (Run, Run)| {
            let of_kept = self.kept.map(|axis| (axis, kept));
            let of_summed = self.summed.map(|axis| (axis, summed));
            let nothing = empty.filter(|_| summed.count == 0).map(|axis| (axis, summed));
            of_kept.into_iter().chain(of_summed).chain(nothing).collect()
        };
        pieces.into_iter().map(runs).collect()
    }

    /// The run of the summed axis, of which there are `n`, that counts where all else comes to `rest`.
    fn counting(&self, rest: i64, n: i64) -> Run {
        let nothing = Run { first: 0, step: 1, count: 0 };
        let stride = self.step / gcd(self.of_summed, self.step);
        let value = |i: i64| rest + self.of_summed * i;
        let counts = |i: i64| (0..self.size * self.step).contains(&value(i));
        let Some(whole) = (0..stride.min(n)).find(|&i| value(i).rem_euclid(self.step) == 0) else {
            return nothing;
        };
        // The first and the last that are inside; beyond an end the values only grow or only fall.
        let (lo, hi) = self.inside(rest, n);
        let first = lo + (whole - lo).rem_euclid(stride);
        if first > hi || !counts(first) {
            return nothing;
        }
        Run { first, step: stride, count: ((hi - first) / stride + 1) as usize }
    }

    /// The first and the last index of the summed axis whose position is inside, be it whole or not.
    fn inside(&self, rest: i64, n: i64) -> (i64, i64) {
        let (k, last) = (self.of_summed, self.size * self.step - 1);
        // `0 <= rest + k · i <= last`.
        let (lo, hi) = match k.signum() {
            0 if (0..=last).contains(&rest) => (0, n - 1),
            0 => (0, -1),
            1 => (
                (-rest).div_euclid(k) + i64::from((-rest).rem_euclid(k) != 0),
                (last - rest).div_euclid(k),
            ),
            _ => {
                let k = -k;
                let above = rest - last;
                (above.div_euclid(k) + i64::from(above.rem_euclid(k) != 0), rest.div_euclid(k))
            }
        };
        (lo.max(0), hi.min(n - 1))
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of indices of two axes is in one box, which has just those that count.
    fn check(
        of_kept: i64,
        n: usize,
        of_summed: i64,
        k: usize,
        constant: i64,
        step: i64,
        size: usize,
    ) {
        let mut exprs = Exprs::default();
        let axes = exprs.axes(&[n, k]);
        let indices = exprs.index_axes(&axes);
        let sum = exprs.index_dot(&indices, &[of_kept, of_summed]);
        let index = exprs.index_scale(sum, 1, constant);
        let position = Reading { index, step };
        let case =
            format!("({of_kept} i + {of_summed} k + {constant}) / {step} in {size}, {n} x {k}");
        let found = boxes(&exprs, &axes[..1], &axes[1..], &[(position, size)], usize::MAX);
        let found = found.expect("a sum of two axes");
        let whole = |axis: AxisId| Run { first: 0, step: 1, count: exprs.extent(axis) as usize };
        let run = |runs: &Runs, axis: AxisId| {
            runs.iter().find(|(a, _)| *a == axis).map_or(whole(axis), |(_, run)| *run)
        };
        let all = |run: Run| (0..run.count as i64).map(move |i| run.first + run.step * i);
        let mut seen = vec![0; n];
        for runs in &found {
            let (kept, summed) = (run(runs, axes[0]), run(runs, axes[1]));
            for i in all(kept) {
                seen[i as usize] += 1;
                let counts = |j: &i64| {
                    let at = of_kept * i + of_summed * j + constant;
                    at % step == 0 && (0..size as i64).contains(&(at / step)) && at >= 0
                };
                let want: Vec<i64> = (0..k as i64).filter(counts).collect();
                assert_eq!(all(summed).collect::<Vec<_>>(), want, "{case}, i = {i}");
            }
        }
        assert!(seen.iter().all(|&times| times == 1), "{case}: {seen:?}");
    }

    #[test]
    fn boxes_hold_what_counts() {
        for k in 1..5 {
            for (stride, dilation, before) in (0..48).map(|c| (c % 3 + 1, c / 3 % 4 + 1, c / 12)) {
                for size in 0..9 {
                    let span = (k as i64 - 1) * dilation + 1;
                    let n = ((size as i64 + before + 1 - span).div_euclid(stride) + 1).max(1);
                    // A convolution, and its gradient by the input.
                    check(stride, n as usize, dilation, k, -before, 1, size);
                    check(1, size, -dilation, k, before, stride, n as usize);
                    // Its gradient by the filter.
                    check(dilation, k, stride, n as usize, -before, 1, size);
                }
            }
        }
    }

    #[test]
    fn a_padded_convolution_has_an_inside_and_edges() {
        let mut exprs = Exprs::default();
        let axes = exprs.axes(&[28, 3]);
        let indices = exprs.index_axes(&axes);
        let sum = exprs.index_dot(&indices, &[1, 1]);
        let position = Reading { index: exprs.index_scale(sum, 1, -1), step: 1 };
        let run = |first, count| Run { first, step: 1, count };
        let found = boxes(&exprs, &axes[..1], &axes[1..], &[(position, 28)], 9);
        let want = [[run(0, 1), run(1, 2)], [run(1, 26), run(0, 3)], [run(27, 1), run(0, 2)]];
        let want = want.map(|[i, k]| vec![(axes[0], i), (axes[1], k)]);
        assert_eq!(found, Some(want.to_vec()));
        assert_eq!(boxes(&exprs, &axes[..1], &axes[1..], &[(position, 28)], 2), None);
    }
}
