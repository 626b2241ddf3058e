//! The loops of a tile as its blocks go through them.

use super::{CACHE_LINE, Tile};

/// The most rows of a block, of any instruction set.
pub(super) const MAX_ROWS: usize = 14;

/// Rows whose offsets fit into the registers of addresses, beside what else is there. Those of more would
/// be loaded at each step, as often as elements.
pub(super) const FEW_OFFSETS: usize = 9;

/// Bytes of a page, and pages that the first translation buffer of a core holds (more on some).
const PAGE: usize = 4096;
const PAGES: usize = 64;
/// Rows of a panel that are too few to be copied.
const FEW_ROWS: usize = 32;

/// Sets of the first cache, on x86 processors of every size.
const L1_SETS: usize = 64;
/// Bytes after which addresses fall into the same set again.
const L1_PERIOD: isize = (L1_SETS * CACHE_LINE) as isize;
/// Lines that such a set holds (more on some).
const L1_WAYS: usize = 8;

/// The levels of the reduction, from the outermost one: as in the tile, but gathered.
#[derive(Clone, Copy)]
pub(super) struct Levels {
    pub(super) len: [usize; 3],
    pub(super) a_step: [isize; 3],
    pub(super) b_step: [isize; 3],
    /// From a row of B to the one that is asked for meanwhile, in elements.
    pub(super) ahead: isize,
}

/// So many rows ahead a row of B is asked for: rows apart are not always fetched ahead by themselves.
pub(super) const AHEAD: usize = 8;

/// Where the rows of a block lie, in bytes from some row of the tile.
pub(super) struct RowOffsets {
    pub(super) a: [isize; MAX_ROWS],
    pub(super) c: [isize; MAX_ROWS],
    /// Whether each row of A is as far from the one before.
    pub(super) are_even: bool,
}

/// Splits `0..m` into the fewest parts of at most `limit`, as even as can be: `(first, length)`.
pub(super) fn even_parts(m: usize, limit: usize) -> impl Iterator<Item = (usize, usize)> {
    let n = m.div_ceil(limit).max(1);
    let (short, longer) = (m / n, m % n);
    (0..n)
        .map(move |p| (p * short + p.min(longer), short + usize::from(p < longer)))
        .filter(|&(_, length)| length > 0)
}

/// Splits `0..m` into parts of `limit`, and what is left into a part, or two even ones with the last
/// whole part if it is less than half of one: `(first, length)`.
fn full_parts(m: usize, limit: usize) -> impl Iterator<Item = (usize, usize)> {
    let rest = m % limit;
    let last = if rest * 2 < limit { m.min(limit + rest) } else { rest };
    let whole = m - last;
    let parts = even_parts(last, limit).map(move |(first, length)| (whole + first, length));
    (0..whole / limit).map(move |p| (p * limit, limit)).chain(parts)
}

/// Whether so many lines, so many bytes apart, do not fit into the first cache's sets.
fn evicts(lines: usize, apart: usize) -> bool {
    // Whole lines apart fall into every so many-th set.
    let sets = match apart % CACHE_LINE {
        0 => L1_SETS >> (apart / CACHE_LINE).trailing_zeros().min(L1_SETS.ilog2()),
        _ => L1_SETS,
    };
    lines > sets * L1_WAYS
}

/// The rows of a tile: as there, but as one level (the inner one) where they continue each other,
/// and in bytes.
pub(super) struct Rows {
    m: [usize; 2],
    a: [isize; 2],
    c: [isize; 2],
}

impl Rows {
    #[inline(always)]
    pub(super) fn gathered<T>(tile: &Tile) -> Rows {
        let bytes = |step: isize| step.wrapping_mul(size_of::<T>() as isize);
        let (m, a, c) = (tile.m, tile.a_row.map(bytes), tile.c_row.map(bytes));
        let inner = m[1] as isize;
        let continues = |step: [isize; 2]| step[0] == step[1].wrapping_mul(inner);
        if m[1] == 1 {
            Rows { m: [1, m[0]], a: [0, a[0]], c: [0, c[0]] }
        } else if continues(a) && continues(c) {
            Rows { m: [1, m[0] * m[1]], a: [0, a[1]], c: [0, c[1]] }
        } else {
            Rows { m, a, c }
        }
    }

    /// The most rows of a block, given how many the registers take: of rows that evict each other no
    /// more than fit beside each other.
    pub(super) fn at_once(&self, registers: usize) -> usize {
        if self.evict() { registers.min(L1_WAYS) } else { registers }
    }

    /// Whether rows are a multiple of the first cache's period apart, as those of 1024 numbers are.
    fn evict(&self) -> bool {
        self.a[1] != 0 && self.a[1] % L1_PERIOD == 0
    }

    pub(super) fn count(&self) -> usize {
        self.m[0] * self.m[1]
    }

    /// The rows in blocks of at most `limit`: `(first, length)`. If the inner level is long, each of its
    /// runs has blocks of its own where these are of many rows: so all rows lie evenly.
    pub(super) fn blocks(&self, limit: usize) -> impl Iterator<Item = (usize, usize)> {
        let [outer, inner] = self.m;
        let splits = outer > 1 && inner.min(limit) > FEW_OFFSETS;
        let runs = if splits { outer } else { 0 };
        let whole = if runs == 0 { self.count() } else { 0 };
        let in_runs = (0..runs).flat_map(move |run| {
            even_parts(inner, limit).map(move |(first, length)| (run * inner + first, length))
        });
        full_parts(whole, limit).chain(in_runs)
    }

    /// Where `n` rows from the `first` on lie, from the first of the tile.
    pub(super) fn offsets(&self, first: usize, n: usize) -> RowOffsets {
        if self.m[0] == 1 {
            let [a, c] = [self.a, self.c].map(|step| series(first, step[1]));
            return RowOffsets { a, c, are_even: true };
        }
        let (mut outer, mut inner) = (first / self.m[1], first % self.m[1]);
        let are_even = inner + n <= self.m[1];
        let mut offsets = RowOffsets { a: [0; MAX_ROWS], c: [0; MAX_ROWS], are_even };
        for row in 0..n {
            let at = |step: [isize; 2]| outer as isize * step[0] + inner as isize * step[1];
            (offsets.a[row], offsets.c[row]) = (at(self.a), at(self.c));
            inner += 1;
            if inner == self.m[1] {
                (outer, inner) = (outer + 1, 0);
            }
        }
        offsets
    }
}

/// The multiples of a step from the `first` on; those of rows that are not there are not used.
pub(super) fn series(first: usize, step: isize) -> [isize; MAX_ROWS] {
    let mut at = (first as isize).wrapping_mul(step);
    core::array::from_fn(|_| {
        let this = at;
        at = at.wrapping_add(step);
        this
    })
}

impl Levels {
    /// Whether a panel's rows are a page or more apart, or half a page and in more pages than the first
    /// translation buffer holds, and evict each other from the first cache: they come late each time.
    pub(super) fn scatters<T>(&self) -> bool {
        let apart = self.b_step[2].wrapping_mul(size_of::<T>() as isize).unsigned_abs();
        let are_far = apart >= PAGE && self.len[2] >= FEW_ROWS
            || apart >= PAGE / 2 && self.len[2].saturating_mul(apart) > PAGES * PAGE;
        are_far && evicts(self.len[2], apart)
    }

    /// Whether a panel's rows are so far apart that no two of them are fetched ahead together, and
    /// evict each other from the first cache.
    pub(super) fn strides<T>(&self) -> bool {
        let apart = self.b_step[2].wrapping_mul(size_of::<T>() as isize).unsigned_abs();
        apart >= PAGE / 2 && evicts(self.len[2], apart)
    }

    /// The same of the steps of A, where each is in another line.
    pub(super) fn a_strides<T>(&self) -> bool {
        let apart = self.a_step[2].wrapping_mul(size_of::<T>() as isize).unsigned_abs();
        apart >= PAGE / 4 && evicts(self.len[2], apart)
    }

    /// Whether each step of A is in another line.
    pub(super) fn jumps<T>(&self) -> bool {
        self.a_step[2].wrapping_mul(size_of::<T>() as isize).unsigned_abs() >= CACHE_LINE
    }

    /// The same reduction with its levels moved inwards: those of one step vanish, and those that
    /// continue each other become one. So the innermost loop is as long as can be.
    ///
    /// The tile is read word by word and never copied: its caller has just written it word by word,
    /// and a load of two words waits until all earlier stores have left the processor. What is
    /// gathered is in registers for the same reason: no index into it but constants.
    #[inline(always)]
    pub(super) fn gathered<T>(tile: &Tile) -> Levels {
        // Outermost first, each its length and its steps in A and in B.
        let (mut outer, mut middle, mut inner) = ((1, 0, 0), (1, 0, 0), (1, 0, 0));
        for level in 0..3 {
            let (n, a, b) = (tile.len[level], tile.a_step[level], tile.b_step[level]);
            let whole = |step: isize| step.wrapping_mul(n as isize);
            if n == 1 {
                continue;
            }
            if inner.0 == 1 || (inner.1, inner.2) == (whole(a), whole(b)) {
                inner = (inner.0 * n, a, b);
            } else {
                (outer, middle, inner) = (middle, inner, (n, a, b));
            }
        }
        let mut levels = Levels {
            len: [outer.0, middle.0, inner.0],
            a_step: [outer.1, middle.1, inner.1],
            b_step: [outer.2, middle.2, inner.2],
            ahead: 0,
        };
        // Rows that scatter would evict each other.
        if !levels.scatters::<T>() {
            levels.ahead = inner.2.wrapping_mul(AHEAD as isize);
        }
        levels
    }

    pub(super) fn steps(&self) -> usize {
        self.len.into_iter().fold(1, usize::saturating_mul)
    }

    /// The reduction in parts of at most so many steps, in order, each with where it begins in A
    /// and in B. Inner levels stay whole where they can.
    pub(super) fn parts(&self, most: usize, mut part: impl FnMut(&Levels, isize, isize)) {
        if self.steps() <= most {
            return part(self, 0, 0);
        }
        // The level that is cut; those inside of it are whole, those around it go step by step.
        let (mut cut, mut inside) = (2, 1usize);
        while cut > 0 && inside.saturating_mul(self.len[cut]) <= most {
            inside *= self.len[cut];
            cut -= 1;
        }
        let around = |level: usize| if level < cut { self.len[level] } else { 1 };
        let mut levels = *self;
        levels.len[..cut].fill(1);
        for i in 0..around(0) {
            for j in 0..around(1) {
                for (first, n) in even_parts(self.len[cut], most / inside) {
                    let at = |step: [isize; 3]| {
                        i as isize * step[0] + j as isize * step[1] + first as isize * step[cut]
                    };
                    levels.len[cut] = n;
                    part(&levels, at(self.a_step), at(self.b_step));
                }
            }
        }
    }

    /// The steps of the levels where those of the innermost one are so far apart and continue each
    /// other.
    pub(super) fn adjacent(&self, step: usize) -> [isize; 3] {
        let [_, middle, inner] = self.len;
        [middle * inner * step, inner * step, step].map(|step| step as isize)
    }
}

#[cfg(test)]
mod tests;
