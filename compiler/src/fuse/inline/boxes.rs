//! The loops of a contraction cut into boxes, in each of which every position of a factor is whole
//! and inside of its operand: so padding and the gaps between elements are never read, nor stored.
//!
//! Along each dimension of a factor that has padding or gaps, a position depends on one axis of the
//! result and one that is summed over: a convolution's output (or input) and its filter. For each
//! index of the first, what counts of the second is a run. Indices of the first that have the same
//! run are a run too: the inner ones, all of which see the whole filter; a few at the edges; and
//! where the position is divided by a step, as many times that as the step has remainders. The
//! boxes are the product of such cuts along all dimensions. The sum of an element has the order of
//! all its terms in whichever box it is.
//!
//! The gradient by a filter has few indices of the first axis, and many of the second. Along the last
//! dimension, or along all of them, the second can be cut instead: the inner places of an output, which
//! meet the whole filter, are a box of all elements; a few at the edges are added to some of them. So
//! all of the filter's columns are rows of one tile. The sum of an element has the order of the boxes.
//! Or neither is cut, and the tile itself takes what counts ([`Within`]): where a filter is narrow, that
//! is faster, and the sum of an element has the order of its terms.
//!
//! Linear in the sizes of the result's axes and in the boxes.

use crate::fuse::values::Within;
use crate::ir::{AxisId, Exprs, Index, Reading, Term};

/// The indices `first + step · i` of an axis, for `i < count`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) first: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

/// The runs of the axes that are cut; every other is whole.
pub(super) type Runs = Vec<(AxisId, Run)>;

/// A part of a contraction's loops.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) runs: Runs,
    /// Whether its products are added to those of the boxes before it.
    pub(super) accumulates: bool,
    /// What counts of two axes neither of which is cut.
    pub(super) within: Option<Within>,
}

/// Which axis of a position is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cut {
    /// That of the result.
    Kept,
    /// That of the result; but none along the innermost axis of the sum where that has more indices and
    /// both are as far from one to the next: [`Within`] says what counts.
    Shifting,
    /// That of the result, but along the last dimension the other if it has more than twice the indices.
    LongerLast,
    /// Along every dimension the one of which there are more indices.
    Longer,
}

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

/// The boxes of a contraction to `axes` over `reduced`; `None` if they are more than `most`, or a
/// position is of another form. `factors` has the positions in each operand, with the size of each
/// dimension.
pub(super) fn boxes(
    exprs: &Exprs,
    [axes, reduced]: [&[AxisId]; 2],
    factors: &[(Reading, usize)],
    (cut, most): (Cut, usize),
) -> Option<Vec<Piece>> {
    let mut windows: Vec<Window> = vec![];
    for &(position, size) in factors {
        if is_inside(exprs, position, size) {
            continue;
        }
        let window = Window::new(exprs, axes, reduced, position, size)?;
        let is_cut = |axis: &AxisId| windows.iter().any(|w| w.axes().any(|own| own == *axis));
        if window.axes().any(|axis| is_cut(&axis)) {
            return None;
        }
        windows.push(window);
    }
    let last = windows.len().saturating_sub(1);
    let pieces = |(at, window): (usize, &Window)| {
        let longer = match cut {
            Cut::Kept => false,
            Cut::Shifting => {
                let within = window.within(exprs).filter(|within| {
                    // That of a tile which shifts is the innermost of its sum.
                    reduced.last() == Some(&within.summed)
                });
                if let Some(within) = within {
                    return vec![Piece { runs: vec![], accumulates: false, within: Some(within) }];
                }
                false
            }
            // Edges that are as much as what is inside are worth no tiles of their own.
            Cut::LongerLast => at == last && window.sums_over_more(exprs, 2),
            Cut::Longer => window.sums_over_more(exprs, 1),
        };
        if longer { window.pieces_of_sum(exprs) } else { window.pieces(exprs, reduced) }
    };
    product(windows.iter().enumerate().map(pieces), most)
}

/// Every combination of the pieces along each dimension; `None` if they are more than `most`.
fn product(pieces: impl Iterator<Item = Vec<Piece>>, most: usize) -> Option<Vec<Piece>> {
    let mut boxes = vec![Piece { runs: vec![], accumulates: false, within: None }];
    for pieces in pieces {
        if boxes.len() * pieces.len() > most {
            return None;
        }
        let product = |piece: &Piece| pieces.iter().map(|p| piece.with(p)).collect::<Vec<Piece>>();
        boxes = boxes.iter().flat_map(product).collect();
    }
    boxes.retain(|piece| !piece.accumulates || piece.runs.iter().all(|(_, run)| run.count > 0));
    Some(boxes)
}

impl Piece {
    /// What is in this piece and in one along another dimension.
    fn with(&self, other: &Piece) -> Piece {
        let runs = self.runs.iter().chain(&other.runs).copied().collect();
        let within = self.within.or(other.within);
        Piece { runs, accumulates: self.accumulates || other.accumulates, within }
    }
}

impl Run {
    const NOTHING: Run = Run { first: 0, step: 1, count: 0 };
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

    fn axes(&self) -> impl Iterator<Item = AxisId> + use<> {
        self.kept.into_iter().chain(self.summed)
    }

    /// What counts of both axes, if the summed one has more indices and both are as far from one to
    /// the next.
    fn within(&self, exprs: &Exprs) -> Option<Within> {
        let (kept, summed) = self.kept.zip(self.summed)?;
        let apart = self.of_kept;
        let shifts = apart == self.of_summed && apart > 0 && exprs.extent(kept) > 1;
        if !shifts || !self.sums_over_more(exprs, 1) {
            return None;
        }
        let all = exprs.extent(kept) + exprs.extent(summed) - 1;
        // `0 <= apart · sum + constant < size`.
        let least = |position: i64| (position - self.constant + apart - 1).div_euclid(apart);
        let (first, end) = (least(0).max(0), least(self.size).min(all));
        (first < end).then_some(Within { kept, summed, first, end })
    }

    /// Whether there are more indices of the summed axis than so many times those of the kept one, and
    /// every position is whole.
    fn sums_over_more(&self, exprs: &Exprs, times: i64) -> bool {
        let extent = |axis: Option<AxisId>| axis.map_or(1, |axis| exprs.extent(axis));
        self.step == 1 && extent(self.summed) > times * extent(self.kept)
    }

    /// The runs of the kept axis, with the run of the summed axis that counts there. Where nothing
    /// counts an axis of `reduced` is empty.
    fn pieces(&self, exprs: &Exprs, reduced: &[AxisId]) -> Vec<Piece> {
        let empty = reduced.first().copied().filter(|_| self.summed.is_none());
        let piece = |(kept, summed): (Run, Run)| {
            let of_kept = self.kept.map(|axis| (axis, kept));
            let of_summed = self.summed.map(|axis| (axis, summed));
            let nothing = empty.filter(|_| summed.count == 0).map(|axis| (axis, summed));
            let runs = of_kept.into_iter().chain(of_summed).chain(nothing).collect();
            Piece { runs, accumulates: false, within: None }
        };
        self.runs(exprs).into_iter().map(piece).collect()
    }

    /// The runs of the summed axis for which something of the kept axis counts, with the run of
    /// that unless it is all. First what counts for all of it, be that nothing; the others are added.
    fn pieces_of_sum(&self, exprs: &Exprs) -> Vec<Piece> {
        let whole = self.kept.map_or(1, |axis| exprs.extent(axis)) as usize;
        let (kept, summed) = (self.summed, self.kept);
        let (of_kept, of_summed) = (self.of_summed, self.of_kept);
        let turned = Window { kept, summed, of_kept, of_summed, ..*self };
        let counting = turned.runs(exprs).into_iter().filter(|(_, kept)| kept.count > 0);
        let mut counting: Vec<(Run, Run)> = counting.collect();
        let first = counting.iter().position(|(_, kept)| kept.count == whole);
        let first = first.map_or(Run::NOTHING, |at| counting.remove(at).0);
        let runs = |summed: Run, kept: Option<Run>| {
            let of_summed = self.summed.map(|axis| (axis, summed));
            let of_kept = self.kept.zip(kept);
            of_summed.into_iter().chain(of_kept).collect()
        };
        let rest = counting.into_iter();
        let rest = rest.map(|(summed, kept)| Piece {
            runs: runs(summed, Some(kept)),
            accumulates: true,
            within: None,
        });
        [Piece { runs: runs(first, None), accumulates: false, within: None }]
            .into_iter()
            .chain(rest)
            .collect()
    }

    /// The runs of the kept axis, with the run of the summed axis that counts there.
    fn runs(&self, exprs: &Exprs) -> Vec<(Run, Run)> {
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
        pieces
    }

    /// The run of the summed axis, of which there are `n`, that counts where all else comes to
    /// `rest`.
    fn counting(&self, rest: i64, n: i64) -> Run {
        let stride = self.step / gcd(self.of_summed, self.step);
        let value = |i: i64| rest + self.of_summed * i;
        let counts = |i: i64| (0..self.size * self.step).contains(&value(i));
        let Some(whole) = (0..stride.min(n)).find(|&i| value(i).rem_euclid(self.step) == 0) else {
            return Run::NOTHING;
        };
        // The first and the last that are inside; beyond an end the values only grow or only fall.
        let (lo, hi) = self.inside(rest, n);
        let first = lo + (whole - lo).rem_euclid(stride);
        if first > hi || !counts(first) {
            return Run::NOTHING;
        }
        Run { first, step: stride, count: ((hi - first) / stride + 1) as usize }
    }

    /// The first and the last index of the summed axis whose position is inside, be it whole or
    /// not.
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
        let factors = [(position, size)];
        let boxes = |cut| boxes(&exprs, [&axes[..1], &axes[1..]], &factors, (cut, usize::MAX));
        let found = boxes(Cut::Kept).expect("a sum of two axes");
        let whole = |axis: AxisId| Run { first: 0, step: 1, count: exprs.extent(axis) as usize };
        let run = |runs: &Runs, axis: AxisId| {
            runs.iter().find(|(a, _)| *a == axis).map_or(whole(axis), |(_, run)| *run)
        };
        let all = |run: Run| (0..run.count as i64).map(move |i| run.first + run.step * i);
        let mut seen = vec![0; n];
        for Piece { runs, accumulates, .. } in &found {
            assert!(!accumulates, "{case}");
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
        // Cut along the longer axis, every pair that counts is in one box, and the first box has all
        // indices of the result, if boxes are added up.
        let mut pairs: Vec<(i64, i64)> = vec![];
        let found = boxes(Cut::Longer).expect("a sum of two axes");
        for (at, Piece { runs, accumulates, .. }) in found.iter().enumerate() {
            let (kept, summed) = (run(runs, axes[0]), run(runs, axes[1]));
            pairs.extend(all(kept).flat_map(|i| all(summed).map(move |j| (i, j))));
            let is_sum = found.iter().any(|piece| piece.accumulates);
            assert_eq!(*accumulates, is_sum && at > 0, "{case}");
            assert!(!is_sum || at > 0 || kept == whole(axes[0]), "{case}");
        }
        pairs.sort_unstable();
        let counts = |(i, j): &(i64, i64)| {
            let at = of_kept * i + of_summed * j + constant;
            at % step == 0 && (0..size as i64).contains(&(at / step)) && at >= 0
        };
        let all_pairs = || (0..n as i64).flat_map(|i| (0..k as i64).map(move |j| (i, j)));
        let want: Vec<(i64, i64)> = all_pairs().filter(counts).collect();
        assert_eq!(pairs, want, "{case}");
        // Of a box that is not cut the same pairs are within.
        let found = boxes(Cut::Shifting).expect("a sum of two axes");
        if let [Piece { within: Some(within), .. }] = found[..] {
            let is_within = |(i, j): &(i64, i64)| (within.first..within.end).contains(&(i + j));
            assert_eq!(all_pairs().filter(is_within).collect::<Vec<_>>(), want, "{case}");
        } else {
            assert_eq!(found, boxes(Cut::Kept).expect("a sum of two axes"), "{case}");
        }
    }

    #[test]
    fn the_gradient_of_a_filter_is_added_up() {
        let mut exprs = Exprs::default();
        let axes = exprs.axes(&[3, 28]);
        let indices = exprs.index_axes(&axes);
        let sum = exprs.index_dot(&indices, &[1, 1]);
        let position = Reading { index: exprs.index_scale(sum, 1, -1), step: 1 };
        let run = |first, count| Run { first, step: 1, count };
        let found = boxes(&exprs, [&axes[..1], &axes[1..]], &[(position, 28)], (Cut::Longer, 3));
        let edge = |place, kept| Piece {
            runs: vec![(axes[1], run(place, 1)), (axes[0], run(kept, 2))],
            accumulates: true,
            within: None,
        };
        let inside = Piece { runs: vec![(axes[1], run(1, 26))], accumulates: false, within: None };
        assert_eq!(found, Some(vec![inside, edge(0, 1), edge(27, 0)]));
    }

    #[test]
    fn the_gradient_of_a_filter_shifts() {
        let mut exprs = Exprs::default();
        let axes = exprs.axes(&[3, 28]);
        let indices = exprs.index_axes(&axes);
        let sum = exprs.index_dot(&indices, &[2, 2]);
        let position = Reading { index: exprs.index_scale(sum, 1, -3), step: 1 };
        let found = boxes(&exprs, [&axes[..1], &axes[1..]], &[(position, 55)], (Cut::Shifting, 1));
        let within = Within { kept: axes[0], summed: axes[1], first: 2, end: 29 };
        let piece = Piece { runs: vec![], accumulates: false, within: Some(within) };
        assert_eq!(found, Some(vec![piece]));
    }

    #[test]
    fn along_the_last_dimension_the_gradient_of_a_filter_is_added_up() {
        let mut exprs = Exprs::default();
        let axes = exprs.axes(&[3, 3, 8, 8]);
        let indices = exprs.index_axes(&axes);
        let position = |exprs: &mut Exprs, d: usize| {
            let sum = exprs.index_add(indices[d], indices[d + 2], 1);
            Reading { index: exprs.index_scale(sum, 1, -1), step: 1 }
        };
        let factors = [(position(&mut exprs, 0), 8), (position(&mut exprs, 1), 8)];
        let cut = |most| boxes(&exprs, [&axes[..2], &axes[2..]], &factors, (Cut::LongerLast, most));
        let run = |d: usize, first, count| (axes[d], Run { first, step: 1, count });
        let rows = [(0, 1, 7), (1, 0, 8), (2, 0, 7)];
        let want = rows.iter().flat_map(|&(row, first, count)| {
            let [row, places] = [run(0, row, 1), run(2, first, count)];
            let edge = |place, kept| Piece {
                runs: vec![row, places, run(3, place, 1), run(1, kept, 2)],
                accumulates: true,
                within: None,
            };
            let runs = vec![row, places, run(3, 1, 6)];
            let inside = Piece { runs, accumulates: false, within: None };
            [inside, edge(0, 1), edge(7, 0)]
        });
        assert_eq!(cut(9), Some(want.collect()));
        assert_eq!(cut(8), None);
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
        let [axes, reduced] = [&axes[..1], &axes[1..]];
        let cut = |most| boxes(&exprs, [axes, reduced], &[(position, 28)], (Cut::Kept, most));
        let want = [[run(0, 1), run(1, 2)], [run(1, 26), run(0, 3)], [run(27, 1), run(0, 2)]];
        let piece = |[i, k]: [Run; 2]| Piece {
            runs: vec![(axes[0], i), (reduced[0], k)],
            accumulates: false,
            within: None,
        };
        assert_eq!(cut(9), Some(want.map(piece).to_vec()));
        assert_eq!(cut(2), None);
    }
}
