//! In which order the blocks of a tile are computed, so that operands are read from near caches.

use core::mem::MaybeUninit;

use super::{Block, CACHE_LINE, Microkernels, Panels, Tile};

/// The most rows of a block, of any instruction set.
const MAX_ROWS: usize = 14;

/// Half of a second cache of 1 MB, in bytes: what is to stay there.
const L2_SHARE: usize = 512 << 10;

/// Of so many blocks of rows each panel of a B that is larger than the second cache is copied once:
/// a copy costs about a third of a block.
const BLOCKS_TO_PACK: usize = 4;
/// Of so many where its rows scatter: to read them three times costs more.
const SCATTERED_TO_PACK: usize = 3;

/// Steps of a sum of which a panel of B is copied at once: with A's for a block of rows they are in
/// the first cache.
const PACKED_STEPS: usize = 256;

/// Bytes of a copied panel: two vectors of at most 64 bytes for each step.
const PACKED_BYTES: usize = PACKED_STEPS * 128;

/// Bytes of a page, and pages that the first translation buffer of a core holds (more on some).
const PAGE: usize = 4096;
const PAGES: usize = 64;

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
const AHEAD: isize = 8;

/// Where the rows of a block lie, in bytes from the first of the tile.
pub(super) struct RowOffsets {
    pub(super) a: [isize; MAX_ROWS],
    pub(super) c: [isize; MAX_ROWS],
}

/// Computes the tile. Goes through strips of columns, whose part of B stays in the second cache; in
/// each through blocks of rows, whose part of A stays in the first; in each through panels of
/// columns: blocks, whose C stays in registers. For many rows and a far B see [`packed`].
///
/// # Safety
/// As for [`super::brolga_tile_f32`], with elements `T`; the instruction set must be available.
pub(super) unsafe fn product<T>(blocks: &Microkernels<T>, tile: &Tile) {
    let (levels, rows) = (&Levels::gathered::<T>(tile), &Rows::gathered::<T>(tile));
    let steps = levels.steps();
    let kernels = blocks.panels(tile, steps);
    let at_once = rows_at_once(kernels, rows);
    let bytes = steps.saturating_mul(tile.n).saturating_mul(size_of::<T>());
    let a_column = usize::from(tile.a_columns != 0);
    let is_far = levels.scatters::<T>() && rows.count() > (SCATTERED_TO_PACK - 1) * at_once
        || bytes > L2_SHARE && rows.count() > (BLOCKS_TO_PACK - 1) * at_once;
    // Of an A with columns as much is read as of B.
    if is_far && tile.a_columns == 0 {
        // SAFETY: the caller's promises.
        return unsafe { packed(blocks, tile, rows, levels) };
    }
    let panel = 2 * blocks.lanes;
    // As many panels as fit in the second cache, at least one.
    let panels = L2_SHARE / steps.saturating_mul(panel * size_of::<T>()).max(1);
    let strip = panels.max(1) * panel;
    for first in (0..tile.n).step_by(strip) {
        let end = tile.n.min(first.saturating_add(strip));
        for (i, n) in even_parts(rows.count(), at_once) {
            let rows = &rows.offsets(i, n);
            let mut j = first;
            while j < end {
                let (by_rows, columns) = kernels.panel(blocks.lanes, end - j);
                let block = Block {
                    c: tile.c.cast::<T>().wrapping_add(j),
                    a: tile.a.cast::<T>().wrapping_add(j * a_column),
                    b: tile.b.cast::<T>().wrapping_add(j),
                    columns,
                    rows,
                    levels,
                    accumulates: tile.accumulate != 0,
                };
                // SAFETY: the block lies within the tile, whose elements are accessible.
                unsafe { by_rows[n - 1](&block) };
                j += columns;
            }
        }
    }
}

/// Computes a tile of many rows with a far B, whose A has no columns: goes through parts of the
/// sum; in each through panels of columns, of which B is copied to where it stays in the first
/// cache, and is in adjacent lines; in each through blocks of rows, whose A stays in the second.
/// Sums go on from what C holds, so they are the chains that they are without.
///
/// # Safety
/// As for [`product`].
unsafe fn packed<T>(blocks: &Microkernels<T>, tile: &Tile, rows: &Rows, levels: &Levels) {
    let mut buffer = MaybeUninit::<Aligned>::uninit();
    let copy = buffer.as_mut_ptr().cast::<T>();
    let kernels = &blocks.matrix;
    let at_once = rows_at_once(kernels, rows);
    let mut accumulates = tile.accumulate != 0;
    levels.parts(PACKED_STEPS, |part, a, b| {
        let part_of_copy = &part.packed(2 * blocks.lanes);
        let mut j = 0;
        while j < tile.n {
            let (by_rows, columns) = kernels.panel(blocks.lanes, tile.n - j);
            let from = tile.b.cast::<T>().wrapping_offset(b).wrapping_add(j);
            // SAFETY: the part has at most `PACKED_STEPS` steps, of two vectors each.
            unsafe { (blocks.pack)(copy, from, part, columns) };
            for (i, n) in even_parts(rows.count(), at_once) {
                let block = Block {
                    c: tile.c.cast::<T>().wrapping_add(j),
                    a: tile.a.cast::<T>().wrapping_offset(a),
                    b: copy.cast_const(),
                    columns,
                    rows: &rows.offsets(i, n),
                    levels: part_of_copy,
                    accumulates,
                };
                // SAFETY: the block lies within the tile and the copy.
                unsafe { by_rows[n - 1](&block) };
            }
            j += columns;
        }
        accumulates = true;
    });
}

/// Memory of a copied panel, in whole cache lines.
#[repr(align(64))]
struct Aligned(#[expect(dead_code, reason = "memory alone")] [u8; PACKED_BYTES]);

/// The most rows of a block. Rows of A a multiple of the cache's period apart, as those of 1024
/// numbers are, evict each other when they are more than its ways.
fn rows_at_once<T>(kernels: &Panels<T>, rows: &Rows) -> usize {
    let registers = kernels.rows();
    let apart = rows.a[1];
    if apart != 0 && apart % L1_PERIOD == 0 { registers.min(L1_WAYS) } else { registers }
}

/// Splits `0..m` into the fewest parts of at most `limit`, as even as can be: `(first, length)`.
fn even_parts(m: usize, limit: usize) -> impl Iterator<Item = (usize, usize)> {
    let n = m.div_ceil(limit).max(1);
    let (short, longer) = (m / n, m % n);
    (0..n)
        .map(move |p| (p * short + p.min(longer), short + usize::from(p < longer)))
        .filter(|&(_, length)| length > 0)
}

/// The rows of a tile: as there, but as one level (the inner one) where they continue each other,
/// and in bytes.
struct Rows {
    m: [usize; 2],
    a: [isize; 2],
    c: [isize; 2],
}

impl Rows {
    fn gathered<T>(tile: &Tile) -> Rows {
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

    fn count(&self) -> usize {
        self.m[0] * self.m[1]
    }

    /// Where `n` rows from the `first` on lie.
    fn offsets(&self, first: usize, n: usize) -> RowOffsets {
        if self.m[0] == 1 {
            return RowOffsets { a: series(first, self.a[1]), c: series(first, self.c[1]) };
        }
        let mut offsets = RowOffsets { a: [0; MAX_ROWS], c: [0; MAX_ROWS] };
        let (mut outer, mut inner) = (first / self.m[1], first % self.m[1]);
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
fn series(first: usize, step: isize) -> [isize; MAX_ROWS] {
    let mut at = (first as isize).wrapping_mul(step);
    core::array::from_fn(|_| {
        let this = at;
        at = at.wrapping_add(step);
        this
    })
}

impl Levels {
    /// Whether a panel's rows are half a page or more apart, in more pages than the first translation
    /// buffer holds, and evict each other from the first cache: they come late each time.
    fn scatters<T>(&self) -> bool {
        let apart = self.b_step[2].wrapping_mul(size_of::<T>() as isize).unsigned_abs();
        // Whole lines apart fall into every so many-th set.
        let sets = match apart % CACHE_LINE {
            0 => L1_SETS >> (apart / CACHE_LINE).trailing_zeros().min(L1_SETS.ilog2()),
            _ => L1_SETS,
        };
        apart >= PAGE / 2
            && self.len[2].saturating_mul(apart) > PAGES * PAGE
            && self.len[2] > sets * L1_WAYS
    }

    /// The same reduction with its levels moved inwards: those of one step vanish, and those that
    /// continue each other become one. So the innermost loop is as long as can be.
    ///
    /// The tile is read word by word and never copied: its caller has just written it word by word,
    /// and a load of two words waits until all earlier stores have left the processor.
    fn gathered<T>(tile: &Tile) -> Levels {
        let (mut len, mut a_step, mut b_step) = ([1; 3], [0isize; 3], [0isize; 3]);
        let mut to = 3;
        for from in (0..3).rev().filter(|&from| tile.len[from] != 1) {
            let (n, a, b) = (tile.len[from], tile.a_step[from], tile.b_step[from]);
            let continues = to < 3
                && a == a_step[to].wrapping_mul(len[to] as isize)
                && b == b_step[to].wrapping_mul(len[to] as isize);
            if continues {
                len[to] *= n;
            } else {
                to -= 1;
                (len[to], a_step[to], b_step[to]) = (n, a, b);
            }
        }
        let mut levels = Levels { len, a_step, b_step, ahead: 0 };
        // Rows that scatter would evict each other.
        if !levels.scatters::<T>() {
            levels.ahead = b_step[2].wrapping_mul(AHEAD);
        }
        levels
    }

    fn steps(&self) -> usize {
        self.len.into_iter().fold(1, usize::saturating_mul)
    }

    /// The reduction in parts of at most so many steps, in order, each with where it begins in A
    /// and in B. Inner levels stay whole where they can.
    fn parts(&self, most: usize, mut part: impl FnMut(&Levels, isize, isize)) {
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

    /// The same where the rows of B are copied behind each other, so far apart.
    fn packed(&self, row: usize) -> Levels {
        let row = row as isize;
        let inner = self.len[2] as isize * row;
        Levels { b_step: [self.len[1] as isize * inner, inner, row], ahead: 0, ..*self }
    }
}

#[cfg(test)]
mod tests;
