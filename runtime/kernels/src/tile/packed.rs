//! Tiles whose factors are copied to where they are near, and in adjacent lines.

use core::mem::MaybeUninit;

use super::levels::{Levels, Rows, even_parts, series};
use super::vector::fetch;
use super::{Block, Microkernels, Tile};

/// The most bytes of a panel of B, and of a row of A, of the steps of a sum that are copied at once: the
/// panel is in the first cache while blocks of rows stream through it, and C is read and written
/// once for so many steps.
const PANEL_BYTES: usize = 32 << 10;
const ROW_BYTES: usize = 2 << 10;

/// Bytes of B's copy, in the second cache: as many panels as fit. Rows of B may be in a page each, and
/// so several lines of each are read.
const COLUMN_BYTES: usize = 128 << 10;

/// The most rows of which A's copy is in the second cache beside B's: all blocks of them read that.
const COPIED_ROWS: usize = 132;
/// The most rows of which A's part is in a cache from one strip of columns to the next, if it is not
/// copied: a copy of B's is made for so many.
const ROWS: usize = 264;

/// The most bytes that are written after the end of a copy: two vectors.
const SLACK: usize = 128;

/// Memory of a copy, in whole cache lines.
#[repr(align(64))]
struct Aligned<const N: usize>([u8; N]);

/// A part of the sum of a tile.
struct Part<'a, T: 'static> {
    blocks: &'a Microkernels<T>,
    tile: &'a Tile,
    rows: &'a Rows,
    levels: &'a Levels,
    /// The factors at the part's first step.
    a: *const T,
    b: *const T,
    /// Where B is copied to, and A if it is.
    columns: *mut T,
    row_copy: Option<*mut T>,
    /// Whether to start from what C holds.
    accumulates: bool,
}

/// Computes a tile of many rows whose A has no columns. Goes through parts of the sum; in each
/// through groups of rows, of which A is copied if `copies_rows` and stays in the second cache; in
/// each through strips of columns, of which B is copied; in each through panels and blocks of rows.
/// Sums go on from what C holds, so they are the chains that they are without. (The order is that
/// of Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008, section 4.)
///
/// # Safety
/// As for [`super::blocking::product`].
pub(super) unsafe fn packed<T>(
    blocks: &Microkernels<T>,
    tile: &Tile,
    rows: &Rows,
    levels: &Levels,
    copies_rows: bool,
) {
    // SAFETY: the caller's promises.
    unsafe {
        if copies_rows {
            with_row_copy(blocks, tile, rows, levels);
        } else {
            with_column_copy(blocks, tile, rows, levels, None);
        }
    }
}

/// [`packed`], with memory for a copy of rows.
///
/// # Safety
/// As there.
// Memory for copies is that of a function of its own, never inlined: each page of it is touched when
// the function begins, which takes as long as a small tile.
#[inline(never)]
unsafe fn with_row_copy<T>(blocks: &Microkernels<T>, tile: &Tile, rows: &Rows, levels: &Levels) {
    let mut copy = MaybeUninit::<Aligned<{ COPIED_ROWS * ROW_BYTES + SLACK }>>::uninit();
    // SAFETY: the caller's promises.
    unsafe { with_column_copy(blocks, tile, rows, levels, Some(copy.as_mut_ptr().cast())) }
}

/// [`packed`], with memory for a copy of columns, and of rows if they are copied.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn with_column_copy<T>(
    blocks: &Microkernels<T>,
    tile: &Tile,
    rows: &Rows,
    levels: &Levels,
    row_copy: Option<*mut T>,
) {
    let mut copy = MaybeUninit::<Aligned<{ COLUMN_BYTES + SLACK }>>::uninit();
    let columns = copy.as_mut_ptr().cast::<T>();
    let mut accumulates = tile.accumulate != 0;
    levels.parts(blocks.steps(), |levels, a, b| {
        let a = tile.a.cast::<T>().wrapping_offset(a);
        let b = tile.b.cast::<T>().wrapping_offset(b);
        let part = Part { blocks, tile, rows, levels, a, b, columns, row_copy, accumulates };
        // SAFETY: the part lies within the tile.
        unsafe { part.compute() };
        accumulates = true;
    });
}

impl<T> Microkernels<T> {
    /// The most steps of a sum that are copied at once.
    fn steps(&self) -> usize {
        let panel = 2 * self.lanes * size_of::<T>();
        (PANEL_BYTES / panel).min(ROW_BYTES / size_of::<T>())
    }
}

impl<T> Part<'_, T> {
    /// # Safety
    /// The elements of the part are accessible as the tile's are, and the copies are so large as
    /// they are said to be.
    unsafe fn compute(&self) {
        let registers = self.blocks.matrix.rows();
        let (at_once, most) = match self.row_copy {
            Some(_) => (registers, COPIED_ROWS),
            None => (self.rows.at_once(registers), ROWS),
        };
        let panel = 2 * self.blocks.lanes;
        let strip = COLUMN_BYTES / (self.blocks.steps() * panel * size_of::<T>()) * panel;
        for group in even_parts(self.rows.count(), most) {
            let blocks = || even_parts(group.1, at_once).map(|(i, n)| (group.0, i, n));
            // SAFETY: rows of a group and panels of a strip are no more than fit.
            unsafe {
                blocks().for_each(|block| self.copy_rows(block));
                for first in (0..self.tile.n).step_by(strip) {
                    let end = self.tile.n.min(first + strip);
                    let from = self.b.wrapping_add(first);
                    (self.blocks.pack)(self.columns, from, self.levels, end - first);
                    let mut j = first;
                    while j < end {
                        let panel = self.columns.wrapping_add((j - first) * self.levels.steps());
                        j += self.panel(panel, (j, end), blocks());
                    }
                }
            }
        }
    }

    /// Copies a block of rows, if rows are copied.
    ///
    /// # Safety
    /// As for [`Part::compute`].
    unsafe fn copy_rows(&self, (group, i, n): (usize, usize, usize)) {
        let Some(copy) = self.row_copy else { return };
        let rows = self.rows.offsets(group + i, n);
        // SAFETY: the caller's promises.
        unsafe {
            let to = copy.add(i * self.levels.steps());
            (self.blocks.pack_rows)(to, self.a, self.levels, (&rows, n));
        }
    }

    /// Computes the blocks of a panel, the first of those that are left, of which B's copy is given.
    /// Returns how many columns it has.
    ///
    /// # Safety
    /// As for [`Part::compute`].
    unsafe fn panel(
        &self,
        b: *const T,
        (first, end): (usize, usize),
        blocks: impl Iterator<Item = (usize, usize, usize)>,
    ) -> usize {
        let lanes = self.blocks.lanes;
        let columns = (2 * lanes).min(end - first);
        let c = self.tile.c.cast::<T>().wrapping_add(first);
        let mut levels =
            Levels { b_step: self.levels.adjacent(2 * lanes), ahead: 0, ..*self.levels };
        let (mut rows, mut next) = (self.rows.offsets(0, 0), self.rows.offsets(0, 0));
        for (group, i, n) in blocks {
            let first = group + i;
            let at = self.rows.move_to(first, n, &mut rows);
            let mut a = self.a.wrapping_byte_offset(at.a);
            if let Some(copy) = self.row_copy {
                a = copy.wrapping_add(i * levels.steps());
                rows.a = series(0, size_of::<T>() as isize);
                levels.a_step = levels.adjacent(n);
            }
            // What the next block begins with or ends at is far by now.
            let after = c.wrapping_byte_offset(self.rows.move_to(first + n, n, &mut next).c);
            next.c[..n].iter().for_each(|&row| fetch(after.wrapping_byte_offset(row)));
            let c = c.wrapping_byte_offset(at.c);
            let accumulates = self.accumulates;
            let (kernel, _) = self.blocks.matrix.panel(n, (lanes, 2), columns);
            let (rows, levels) = (&rows, &levels);
            let block = Block { c, a, b, columns, rows, levels, accumulates };
            // SAFETY: the block lies within the part.
            unsafe { kernel(&block) };
        }
        columns
    }
}
