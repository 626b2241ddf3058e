//! For which nodes each byte of a function's code is.

use std::ops::Range;

use cranelift_codegen::ir::{Function, SourceLoc};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::{OriginId, Origins};

/// A function's code in ranges, each for some nodes: of a kernel by their numbers in
/// [`Call::nodes`](crate::program::Call::nodes), of the step by the numbers of the calls that it makes,
/// in the order of the program.
#[derive(Clone, Debug, Default)]
pub struct CodeOrigins {
    /// Ranges of bytes, each from where the one before ends; the first begins at 0.
    pub ranges: Vec<(Range<u32>, OriginId)>,
    /// The sets of numbers.
    pub sets: Origins,
}

/// A function as the code generator takes it.
pub(super) struct Emission {
    /// The function, in which the [`location`] of each instruction is an origin.
    pub(super) func: Function,
    /// The sets.
    pub(super) origins: Origins,
    /// That of everything.
    pub(super) all: OriginId,
    /// Whose values are used by whom.
    pub(super) uses: Vec<(OriginId, OriginId)>,
}

impl CodeOrigins {
    /// The ranges with the numbers that each is for.
    pub fn iter(&self) -> impl Iterator<Item = (Range<u32>, &[u32])> {
        self.ranges.iter().map(|(range, id)| (range.clone(), self.sets.get(*id)))
    }

    /// Bytes of the instructions.
    pub fn end(&self) -> u32 {
        self.ranges.last().map_or(0, |(range, _)| range.end)
    }

    /// How the code of a function is divided, from ranges in their order with the [`location`] of a
    /// set. What the code generator adds of itself, as the saving of registers, is for `all`; what it
    /// does within an instruction of another set that uses its value, as the reading of an operand from
    /// memory, is in that one's code. What has no code then, nor `elsewhere`, is done by none, as what
    /// only renames a value or a loop that never runs, and goes with `all`.
    pub(super) fn of(
        found: &[(Range<u32>, SourceLoc)],
        Emission { origins, all, uses, .. }: &Emission,
        elsewhere: &FxHashSet<u32>,
    ) -> CodeOrigins {
        let (mut sets, all) = (origins.clone(), *all);
        let own: Vec<OriginId> = found.iter().map(|(_, loc)| set(*loc).unwrap_or(all)).collect();
        let mut within = merged(&mut sets, &own, uses);
        let told = own.iter().filter(|id| **id != all).map(|id| within.get(id).unwrap_or(id));
        let told: FxHashSet<u32> = told.flat_map(|id| sets.get(*id)).copied().collect();
        let silent = (0..=sets.largest().unwrap_or(0))
            .filter(|n| !told.contains(n) && !elsewhere.contains(n));
        let silent = sets.of(silent.collect::<Vec<u32>>());
        let all_in_it = within.get(&all).copied().unwrap_or(all);
        let everything = sets.union(all_in_it, silent);
        within.insert(all, everything);
        let mut code = CodeOrigins { ranges: vec![], sets };
        let mut end = 0;
        for ((range, _), own) in found.iter().zip(own) {
            code.push(end..range.start, everything);
            code.push(range.clone(), within.get(&own).copied().unwrap_or(own));
            end = end.max(range.end);
        }
        code
    }

    fn push(&mut self, range: Range<u32>, id: OriginId) {
        match self.ranges.last_mut() {
            _ if range.is_empty() => {}
            Some((last, known)) if *known == id && last.end == range.start => last.end = range.end,
            Some(_) | None => self.ranges.push((range, id)),
        }
    }
}

/// The sets with those without instructions of their own whose values they use.
fn merged(
    sets: &mut Origins,
    own: &[OriginId],
    uses: &[(OriginId, OriginId)],
) -> FxHashMap<OriginId, OriginId> {
    let mut users: FxHashMap<OriginId, Vec<OriginId>> = FxHashMap::default();
    for &(value, user) in uses {
        users.entry(value).or_default().push(user);
    }
    let with_code: FxHashSet<OriginId> = own.iter().copied().collect();
    let mut within: FxHashMap<OriginId, OriginId> = FxHashMap::default();
    for &value in users.keys().filter(|value| !with_code.contains(value)) {
        let (mut seen, mut stack) = (FxHashSet::default(), vec![value]);
        while let Some(at) = stack.pop() {
            for &user in users.get(&at).into_iter().flatten().filter(|&&user| seen.insert(user)) {
                if with_code.contains(&user) {
                    let known = within.entry(user).or_insert(user);
                    *known = sets.union(*known, value);
                } else {
                    stack.push(user);
                }
            }
        }
    }
    within
}

/// What stands for a set in the code generator's input.
pub(super) fn location(id: OriginId) -> SourceLoc {
    SourceLoc::new(id.0)
}

fn set(location: SourceLoc) -> Option<OriginId> {
    let id = OriginId(location.bits());
    (!location.is_default() && id != OriginId::default()).then_some(id)
}
