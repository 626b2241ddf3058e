//! Sets of positions in a memory, as disjoint spans.

use std::collections::BTreeMap;

/// A set of positions: the first of each span, and the one after its last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spans(BTreeMap<i128, i128>);

impl Spans {
    /// Adds the positions from `first` to before `end`.
    pub(super) fn insert(&mut self, mut first: i128, mut end: i128) {
        // Spans that touch become one, so that what is written piece by piece is found whole.
        while let Some((&before, &its_end)) = self.0.range(..=end).next_back() {
            if its_end < first {
                break;
            }
            self.0.remove(&before);
            first = first.min(before);
            end = end.max(its_end);
        }
        self.0.insert(first, end);
    }

    /// Whether all positions from `first` to before `end` are in the set.
    pub(super) fn cover(&self, first: i128, end: i128) -> bool {
        self.0.range(..=first).next_back().is_some_and(|(_, &its_end)| end <= its_end)
    }
}

/// The positions `first + Σ step · i`, for each count and step with `i` below the count.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions {
    pub(super) first: i128,
    pub(super) counts: Vec<(i128, i128)>,
}

impl Positions {
    /// Calls `visit` with spans that make them up, as few as the steps allow, while it says
    /// `true`; whether it has said so to the end.
    pub(super) fn all(&self, mut visit: impl FnMut(i128, i128) -> bool) -> bool {
        let (first, mut counts) = self.upward();
        counts.sort_by_key(|&(_, step)| step);
        let mut len = 1;
        let adjacent = counts.iter().take_while(|&&(n, step)| {
            let joins = step <= len;
            if joins {
                len += (n - 1) * step;
            }
            joins
        });
        let outer = adjacent.count();
        each(first, &counts[outer..], &mut |at| visit(at, at + len))
    }

    /// The same positions with positive steps; without what counts once.
    fn upward(&self) -> (i128, Vec<(i128, i128)>) {
        let mut first = self.first;
        let mut counts = vec![];
        for &(n, step) in self.counts.iter().filter(|(n, step)| *n > 1 && *step != 0) {
            first += (n - 1) * step.min(0);
            counts.push((n, step.abs()));
        }
        (first, counts)
    }
}

/// Calls `visit` with each position that the counts give, while it says `true`.
fn each(first: i128, counts: &[(i128, i128)], visit: &mut impl FnMut(i128) -> bool) -> bool {
    match counts.split_last() {
        None => visit(first),
        Some((&(n, step), inner)) => (0..n).all(|i| each(first + i * step, inner, visit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(list: &[(i128, i128)]) -> Spans {
        let mut spans = Spans::default();
        list.iter().for_each(|&(first, end)| spans.insert(first, end));
        spans
    }

    #[test]
    fn what_touches_is_one() {
        let all = spans(&[(0, 3), (6, 9), (3, 6)]);
        assert_eq!(all, spans(&[(0, 9)]));
        assert!(all.cover(0, 9) && !all.cover(0, 10) && !all.cover(-1, 2));
        let apart = spans(&[(0, 3), (4, 6)]);
        assert!(apart.cover(4, 6) && !apart.cover(2, 5) && !apart.cover(3, 4));
    }

    #[test]
    fn positions_are_as_few_spans_as_they_can_be() {
        let pieces = |first, counts: &[(i128, i128)]| {
            let mut list = vec![];
            let positions = Positions { first, counts: counts.to_vec() };
            assert!(positions.all(|a, b| {
                list.push((a, b));
                true
            }));
            list
        };
        // Rows of a matrix, whole and in part, upwards and downwards.
        assert_eq!(pieces(5, &[(3, 4), (4, 1)]), [(5, 17)]);
        assert_eq!(pieces(0, &[(3, 4), (2, 1)]), [(0, 2), (4, 6), (8, 10)]);
        assert_eq!(pieces(11, &[(4, -1), (3, -4)]), [(0, 12)]);
        assert_eq!(pieces(7, &[(1, 100), (9, 0)]), [(7, 8)]);
        assert_eq!(pieces(0, &[(2, 1), (2, 1)]), [(0, 3)]);
    }
}
