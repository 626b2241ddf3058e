//! The arena: memories that share bytes when they do not live at the same time.

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
pub(super) struct Layout {
    /// The position of each in bytes.
    pub(super) offsets: Vec<usize>,
    /// The bytes of all of them.
    pub(super) bytes: usize,
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

    /// Finds places, the largest memory first, each at the lowest offset that is free: quadratic in
    /// the memories that live at once.
    pub(super) fn layout(&self) -> Layout {
        let mut order: Vec<usize> = (0..self.memories.len()).collect();
        order.sort_by_key(|&m| std::cmp::Reverse(self.memories[m].bytes));
        let mut layout = Layout { offsets: vec![0; order.len()], bytes: 0 };
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
