//! A group while it is made.

use super::values::Values;

/// One dimension of the units of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitDim {
    /// How many indices it has.
    pub extent: usize,
    /// How many of them a unit covers; only the last dimension of a group has more than 1.
    pub block: usize,
}

/// Where a value lies in the units of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Along {
    /// The dimension of the value that is the unit dimension.
    pub dim: usize,
    /// How many of its indices there are to one of the unit dimension.
    pub scale: usize,
}

/// A group while it is made.
pub(super) struct Draft {
    pub(super) members: Vec<usize>,
    /// Per unit dimension: its extent, and the dimension of each member that it is.
    pub(super) dims: Vec<(usize, Vec<Along>)>,
    /// What its members take on one thread, in nanoseconds.
    pub(super) cost: f64,
}

impl Draft {
    /// Drops the unit dimensions of a group that are not kept.
    pub(super) fn keep(&mut self, kept: &[Kept]) {
        let scaled = |along: &Along, by: usize| Along { scale: along.scale * by, ..*along };
        let dim = |kept: &Kept| {
            let members = self.dims[kept.unit].1.iter().map(|along| scaled(along, kept.merged));
            (kept.extent(self), members.collect())
        };
        self.dims = kept.iter().map(dim).collect();
    }

    /// Puts a value into a group, with the dimension that each unit dimension is.
    pub(super) fn push(&mut self, values: &Values, i: usize, dims: Vec<Along>) {
        for ((_, members), dim) in self.dims.iter_mut().zip(dims) {
            members.push(dim);
        }
        self.members.push(i);
        self.cost += values.list[i].cost;
    }
}

/// A unit dimension that a group keeps when a value joins.
pub(super) struct Kept {
    /// Its number.
    pub(super) unit: usize,
    /// So many of its indices become one.
    pub(super) merged: usize,
    /// Where the value lies in it then.
    pub(super) along: Along,
}

impl Kept {
    /// The extent that the unit dimension has then.
    pub(super) fn extent(&self, draft: &Draft) -> usize {
        draft.dims[self.unit].0 / self.merged
    }
}
