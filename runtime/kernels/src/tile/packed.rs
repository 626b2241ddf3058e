//! Tiles whose factors are copied to where they are near, and in adjacent lines.

use core::mem::MaybeUninit;

use super::levels::{AHEAD, Levels, Rows, even_parts, series};
use super::{Block, Microkernels, Tile};

/// Bytes of the steps of a sum that are gone through at once, in a row of A: C is read and written once
/// for so many.
const ROW_BYTES: usize = 2 << 10;

/// Bytes of B's copy in a second cache of 512 KB, beside one of A or where that is read as it lies; and
/// alone in one of 1 MB. Copies are on the stack, of which a step may take 512 KB in all.
const COLUMN_BYTES: usize = 128 << 10;
const WIDE_COLUMN_BYTES: usize = 256 << 10;
/// The most rows of which A's copy is in the second cache beside B's: all blocks of them read that.
const COPIED_ROWS: usize = 132;
/// The most rows for which a copy of B's is made, if A is not copied: what it takes is little then.
const ROWS: usize = 1056;

/// The most bytes that are written after the end of a copy: two vectors.
const SLACK: usize = 128;

/// Memory of a copy of so many bytes, in whole cache lines.
#[repr(C, align(64))]
struct Aligned<const N: usize>([u8; N], [u8; SLACK]);

/// A part of the sum of a tile.
struct Part<'a, T: 'static> {
    blocks: &'a Microkernels<T>,
    tile: &'a Tile,
    rows: &'a Rows,
    levels: &'a Levels,
    /// The factors at the part's first step.
    a: *const T,
    b: *const T,
    /// Where B is copied to, so many bytes of it at once, and A if it is.
    columns: *mut T,
    column_bytes: usize,
    row_copy: Option<*mut T>,
    /// Whether to start from what C holds.
    accumulates: bool,
}

/// Computes a tile of many rows whose A has no columns. Goes through parts of the sum; in each
/// through groups of rows, of which A is copied if `copies_rows` and stays in the second cache; in
/// each through strips of columns, of which B is copied and stays there too; in each through blocks
/// of rows, of which A's part stays in the first cache; in each through panels, along the rows of C.
/// Sums go on from what C holds, so they are the chains that they are without. (What is copied and
/// where it stays: Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008,
/// section 4.)
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
        } else if blocks.has_wide_copies {
            with_column_copy::<T, WIDE_COLUMN_BYTES>(blocks, tile, rows, levels, None);
        } else {
            with_column_copy::<T, COLUMN_BYTES>(blocks, tile, rows, levels, None);
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
    let mut copy = MaybeUninit::<Aligned<{ COPIED_ROWS * ROW_BYTES }>>::uninit();
    let copy = Some(copy.as_mut_ptr().cast());
    // SAFETY: the caller's promises.
    unsafe { with_column_copy::<T, COLUMN_BYTES>(blocks, tile, rows, levels, copy) }
}

/// [`packed`], with memory for a copy of columns, and of rows if they are copied.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn with_column_copy<T, const BYTES: usize>(
    blocks: &Microkernels<T>,
    tile: &Tile,
    rows: &Rows,
    levels: &Levels,
    row_copy: Option<*mut T>,
) {
    let mut copy = MaybeUninit::<Aligned<BYTES>>::uninit();
    let columns = copy.as_mut_ptr().cast::<T>();
    let mut accumulates = tile.accumulate != 0;
    levels.parts(blocks.steps(), |levels, a, b| {
        let a = tile.a.cast::<T>().wrapping_offset(a);
        let b = tile.b.cast::<T>().wrapping_offset(b);
        let column_bytes = BYTES;
        let part =
            Part { blocks, tile, rows, levels, a, b, columns, column_bytes, row_copy, accumulates };
        // SAFETY: the part lies within the tile.
        unsafe { part.compute() };
        accumulates = true;
    });
}

impl<T> Microkernels<T> {
    /// The most steps of a sum that are gone through at once.
    fn steps(&self) -> usize {
        ROW_BYTES / size_of::<T>()
    }

    /// Columns of a panel of a copy.
    fn panel(&self) -> usize {
        2 * self.lanes
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
        let panel = self.blocks.panel();
        let strip = self.column_bytes / (self.blocks.steps() * panel * size_of::<T>()) * panel;
        for (first, n) in even_parts(self.rows.count(), most) {
            let blocks = || even_parts(n, at_once);
            // SAFETY: rows of a group and panels of a strip are no more than fit.
            unsafe {
                blocks().for_each(|(i, n)| self.copy_rows(first, i, n));
                for left in (0..self.tile.n).step_by(strip) {
                    let right = self.tile.n.min(left + strip);
                    let from = self.b.wrapping_add(left);
                    (self.blocks.pack)(self.columns, from, self.levels, right - left);
                    blocks().for_each(|(i, n)| self.panels((first, i, n), left, right));
                }
            }
        }
    }

    /// Copies the `n` rows from the `i`-th of a group on, which begins with the `first` row, if rows are
    /// copied.
    ///
    /// # Safety
    /// As for [`Part::compute`].
    unsafe fn copy_rows(&self, first: usize, i: usize, n: usize) {
        let Some(copy) = self.row_copy else { return };
        let rows = self.rows.offsets(first + i, n);
        // SAFETY: the caller's promises.
        unsafe {
            let to = copy.add(i * self.levels.steps());
            (self.blocks.pack_rows)(to, self.a, self.levels, (&rows, n));
        }
    }

    /// Computes the columns from `left` to `right`, those of which B is copied, of a block of rows,
    /// named as in [`Part::copy_rows`].
    ///
    /// # Safety
    /// As for [`Part::compute`].
    unsafe fn panels(&self, (first, i, n): (usize, usize, usize), left: usize, right: usize) {
        let panel = self.blocks.panel();
        let mut levels = Levels {
            b_step: self.levels.adjacent(panel),
            ahead: (AHEAD * panel) as isize,
            ..*self.levels
        };
        let (mut a, mut rows) = (self.a, self.rows.offsets(first + i, n));
        if let Some(copy) = self.row_copy {
            a = copy.wrapping_add(i * levels.steps());
            (rows.a, rows.are_even) = (series(0, size_of::<T>() as isize), true);
            levels.a_step = levels.adjacent(n);
        }
        let kernels = self.blocks.panels(self.tile, levels.steps(), rows.are_even);
        for j in (left..right).step_by(panel) {
            let columns = panel.min(right - j);
            let (kernel, _) = kernels.panel(n, (self.blocks.lanes, 2), columns);
            let block = Block {
                c: self.tile.c.cast::<T>().wrapping_add(j),
                a,
                b: self.columns.wrapping_add((j - left) * levels.steps()),
                columns,
                rows: &rows,
                levels: &levels,
                accumulates: self.accumulates,
            };
            // SAFETY: the block lies within the part.
            unsafe { kernel(&block) };
        }
    }
}
