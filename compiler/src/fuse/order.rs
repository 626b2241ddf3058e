//! The order of groups while they grow: each comes after those it reads, at any time, so that their
//! graph has no cycle.
//!
//! (Pearce and Kelly 2007, "A dynamic topological sort algorithm for directed acyclic graphs".)
//! A search visits the groups between two places alone, and so does a change of the order.

use rustc_hash::FxHashSet;

/// Groups by number, in order.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The groups that each group reads, each once.
    reads: Vec<Vec<usize>>,
    /// The groups that read each group.
    readers: Vec<Vec<usize>>,
    /// The place of each group.
    places: Vec<usize>,
    /// The group at each place.
    groups: Vec<usize>,
}

impl Order {
    /// A new group, which reads nothing yet: the last.
    pub(super) fn add(&mut self) -> usize {
        let group = self.groups.len();
        self.reads.push(vec![]);
        self.readers.push(vec![]);
        self.places.push(group);
        self.groups.push(group);
        group
    }

    /// The groups, each after those it reads.
    pub(super) fn groups(&self) -> &[usize] {
        &self.groups
    }

    /// Whether one of the groups `read` depends on `group`, which could then not read it.
    pub(super) fn would_close(&self, group: usize, read: &[usize]) -> bool {
        let from = read.iter().copied().filter(|&r| r != group);
        self.before(from, self.places[group]).contains(&group)
    }

    /// Notes that a group reads another.
    ///
    /// # Panics
    /// If the other depends on the group: the caller has asked [`Order::would_close`].
    pub(super) fn note(&mut self, group: usize, read: usize) {
        if group == read || self.reads[group].contains(&read) {
            return;
        }
        if self.places[read] > self.places[group] {
            self.reorder(group, read);
        }
        self.reads[group].push(read);
        self.readers[read].push(group);
    }

    /// Moves `read`, and what it depends on, before `group` and what depends on that.
    fn reorder(&mut self, group: usize, read: usize) {
        let mut before = self.before([read].into_iter(), self.places[group]);
        assert!(!before.contains(&group), "a group that closes no cycle");
        let mut after = self.after(group, self.places[read]);
        before.sort_unstable_by_key(|&g| self.places[g]);
        after.sort_unstable_by_key(|&g| self.places[g]);
        before.append(&mut after);
        let mut places: Vec<usize> = before.iter().map(|&g| self.places[g]).collect();
        places.sort_unstable();
        for (group, place) in before.into_iter().zip(places) {
            self.places[group] = place;
            self.groups[place] = group;
        }
    }

    /// Some groups and what they depend on, as far as it is not before the place `first`.
    fn before(&self, from: impl Iterator<Item = usize>, first: usize) -> Vec<usize> {
        let is_near = |&g: &usize| self.places[g] >= first;
        search(from.filter(is_near), |g| self.reads[g].iter().copied().filter(is_near))
    }

    /// A group and what depends on it, as far as it is not after the place `last`.
    fn after(&self, group: usize, last: usize) -> Vec<usize> {
        let is_near = |&g: &usize| self.places[g] <= last;
        search([group].into_iter(), |g| self.readers[g].iter().copied().filter(is_near))
    }
}

/// Everything that is found from some groups on, each once.
fn search<I: Iterator<Item = usize>>(
    from: impl Iterator<Item = usize>,
    next: impl Fn(usize) -> I,
) -> Vec<usize> {
    let mut seen = FxHashSet::default();
    let mut found: Vec<usize> = from.filter(|&g| seen.insert(g)).collect();
    let mut visited = 0;
    while let Some(&group) = found.get(visited) {
        visited += 1;
        found.extend(next(group).filter(|&g| seen.insert(g)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_comes_after_those_it_reads() {
        let mut order = Order::default();
        let n = 40;
        (0..n).for_each(|_| {
            order.add();
        });
        let mut edges = vec![];
        let mut state = 7usize;
        for _ in 0..400 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (group, read) = ((state >> 33) % n, (state >> 45) % n);
            let depends = |a: usize, b: usize| {
                let reads = |g: usize| edges.iter().filter(move |e: &&(usize, usize)| e.0 == g);
                search([a].into_iter(), |g| reads(g).map(|e| e.1)).contains(&b)
            };
            let closes = group != read && depends(read, group);
            assert_eq!(order.would_close(group, &[read]), closes);
            if !closes && group != read {
                order.note(group, read);
                edges.push((group, read));
            }
            let place = |g: usize| order.groups().iter().position(|&o| o == g);
            assert!(edges.iter().all(|&(group, read)| place(read) < place(group)));
        }
        assert!(edges.len() > 100);
    }
}
