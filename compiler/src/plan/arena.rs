//! The arena: memories that share bytes when they do not live at the same time.

use std::cmp::Reverse;

use crate::loop_ir::CACHE_LINE;

/// A memory that looks for a place.
#[derive(Clone, Debug)]
struct Memory {
    bytes: usize,
    /// The first and the last time at which it is used.
    life: (usize, usize),
}

/// The memories of a step by number.
#[derive(Default)]
pub(super) struct Arena {
    memories: Vec<Memory>,
}

/// Where the memories are.
#[derive(Default)]
pub(super) struct Layout {
    /// The position of each in bytes.
    pub(super) offsets: Vec<usize>,
    /// The bytes of all of them.
    pub(super) bytes: usize,
    /// The bytes that are used at the same time at most: no layout has fewer.
    pub(super) least: usize,
}

impl Arena {
    /// A memory of at least so many bytes, which is used now.
    pub(super) fn add(&mut self, bytes: usize, now: usize) -> usize {
        let bytes = bytes.next_multiple_of(CACHE_LINE).max(CACHE_LINE);
        self.memories.push(Memory { bytes, life: (now, now) });
        self.memories.len() - 1
    }

    /// Notes that a memory is used now; time does not run backwards.
    pub(super) fn touch(&mut self, memory: usize, now: usize) {
        self.memories[memory].life.1 = now;
    }

    /// Makes a memory twice as large; returns the bytes from its first half to the second.
    pub(super) fn double(&mut self, memory: usize) -> usize {
        let half = self.memories[memory].bytes;
        self.memories[memory].bytes = 2 * half;
        half
    }

    /// The bytes that are used at the same time at most.
    fn least(&self) -> usize {
        let mut begin_and_end: Vec<(usize, bool, usize)> = vec![];
        for Memory { bytes, life } in &self.memories {
            begin_and_end.extend([(life.0, true, *bytes), (life.1 + 1, false, *bytes)]);
        }
        // What ends at a time goes before what begins.
        begin_and_end.sort_unstable();
        let (mut used, mut most) = (0, 0);
        for (_, begins, bytes) in begin_and_end {
            used = if begins { used + bytes } else { used - bytes };
            most = most.max(used);
        }
        most
    }

    /// Finds places, the largest memory first; if that wastes more than a tenth, also the one that is
    /// used longest first, and the one that is used earliest, and takes the best.
    pub(super) fn layout(&self) -> Layout {
        let length = |m: &Memory| m.life.1 - m.life.0;
        let by_bytes = self.layout_by(|m| Reverse(m.bytes));
        if by_bytes.bytes - by_bytes.least <= by_bytes.least / 10 {
            return by_bytes;
        }
        let others =
            [self.layout_by(|m| Reverse((length(m), m.bytes))), self.layout_by(|m| m.life)];
        let all = std::iter::once(by_bytes).chain(others);
        all.min_by_key(|layout| layout.bytes).expect("there are three")
    }

    /// Places the memories in an order, each at the lowest offset that is free: quadratic in the
    /// memories that live at once.
    fn layout_by<K: Ord>(&self, key: impl Fn(&Memory) -> K) -> Layout {
        let mut order: Vec<usize> = (0..self.memories.len()).collect();
        order.sort_by_key(|&m| key(&self.memories[m]));
        let mut layout = Layout { offsets: vec![0; order.len()], bytes: 0, least: self.least() };
        let mut placed: Vec<(usize, usize, (usize, usize))> = vec![];
        for m in order {
            let Memory { bytes, life } = self.memories[m];
            let at = lowest_gap(&placed, bytes, life);
            placed.push((at, bytes, life));
            layout.offsets[m] = at;
            layout.bytes = layout.bytes.max(at + bytes);
        }
        layout
    }
}

/// The lowest offset at which `bytes` are free during `life`.
fn lowest_gap(
    placed: &[(usize, usize, (usize, usize))],
    bytes: usize,
    life: (usize, usize),
) -> usize {
    let overlaps = |other: (usize, usize)| other.0 <= life.1 && life.0 <= other.1;
    let mut taken: Vec<(usize, usize)> =
        placed.iter().filter(|p| overlaps(p.2)).map(|p| (p.0, p.0 + p.1)).collect();
    taken.sort_unstable();
    let mut at = 0;
    for (start, end) in taken {
        if start >= at + bytes {
            break;
        }
        at = at.max(end);
    }
    at
}
