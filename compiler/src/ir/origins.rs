//! For which nodes something is computed: interned sets of their numbers.

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

/// An interned set of numbers of nodes; the default is the empty set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OriginId(pub u32);

/// The pool in which sets of origins are interned.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Those that are not empty, from number 1 on. Most are of one number.
    sets: IndexSet<SmallVec<[u32; 4]>, FxBuildHasher>,
    unions: FxHashMap<(OriginId, OriginId), OriginId>,
}

impl Origins {
    /// The set of these numbers.
    pub fn of(&mut self, numbers: impl IntoIterator<Item = u32>) -> OriginId {
        let mut numbers: SmallVec<[u32; 4]> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() {
            return OriginId::default();
        }
        OriginId(self.sets.insert_full(numbers).0 as u32 + 1)
    }

    /// The numbers in a set, in ascending order.
    pub fn get(&self, id: OriginId) -> &[u32] {
        id.0.checked_sub(1).map_or(&[], |at| &self.sets[at as usize])
    }

    /// The largest number in any set.
    pub fn largest(&self) -> Option<u32> {
        self.sets.iter().filter_map(|set| set.last().copied()).max()
    }

    /// The numbers of both sets.
    pub fn union(&mut self, a: OriginId, b: OriginId) -> OriginId {
        let none = OriginId::default();
        match (a, b) {
            _ if a == b || b == none => return a,
            _ if a == none => return b,
            _ => {}
        }
        let key = (a.min(b), a.max(b));
        if let Some(&known) = self.unions.get(&key) {
            return known;
        }
        let both: SmallVec<[u32; 8]> = self.get(a).iter().chain(self.get(b)).copied().collect();
        let union = self.of(both);
        self.unions.insert(key, union);
        union
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_interned_whatever_the_order() {
        let mut origins = Origins::default();
        let (a, b) = (origins.of([3, 1, 3]), origins.of([2]));
        let both = origins.union(b, a);
        assert_eq!(origins.get(both), [1, 2, 3]);
        assert_eq!(origins.union(a, b), both);
        assert_eq!(origins.union(both, a), both);
        assert_eq!(origins.union(a, OriginId::default()), a);
        assert_eq!(origins.of([]), OriginId::default());
    }
}
