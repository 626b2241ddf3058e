//! How values whose loops differ in nesting alone share them.

use super::draft::{Along, Kept};

/// How the loops of a value become those of another: their first loop is one, or two of the other's.
#[derive(Clone, Copy)]
pub(super) enum Nesting {
    /// They are the same.
    Same,
    /// That of the value becomes two, the inner one of so many indices.
    OwnCut(usize),
    /// That of the other.
    OtherCut(usize),
}

impl Nesting {
    /// `None` if they cannot; both are given by their extents, the outermost first.
    pub(super) fn of(own: &[usize], other: &[usize]) -> Option<Nesting> {
        // What is left of `two` if its first two loops are the first of `one`.
        let cut = |one: &[usize], two: &[usize]| match (one, two) {
            ([n, one @ ..], [p, q, two @ ..]) => (*n == p * q && one == two).then_some(*q),
            _ => None,
        };
        if own == other {
            return Some(Nesting::Same);
        }
        let own_is_cut = cut(own, other).map(Nesting::OwnCut);
        own_is_cut.or_else(|| cut(other, own).map(Nesting::OtherCut))
    }

    /// A unit dimension of a group, of `extent` indices and along `of_other` in the other value, as it
    /// is kept if the value joins; its dimension is that of the value's loops.
    pub(super) fn kept(self, unit: usize, extent: usize, of_other: Along) -> Option<Kept> {
        let Along { dim, scale } = of_other;
        let (merged, dim, scale) = match self {
            Nesting::Same => (1, dim, scale),
            Nesting::OwnCut(_) if dim == 1 => return None,
            Nesting::OwnCut(inner) if dim == 0 => (1, 0, scale * inner),
            Nesting::OwnCut(_) => (1, dim - 1, scale),
            Nesting::OtherCut(inner) if dim == 0 => {
                let whole = scale == 1 && extent.is_multiple_of(inner);
                return whole.then_some(Kept { unit, merged: inner, along: Along { dim, scale } });
            }
            Nesting::OtherCut(_) => (1, dim + 1, scale),
        };
        Some(Kept { unit, merged, along: Along { dim, scale } })
    }
}
