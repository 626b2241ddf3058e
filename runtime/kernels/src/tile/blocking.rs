//! In which order the blocks of a tile are computed, so that operands are read from near caches.

use super::levels::{Levels, Rows, even_parts};
use super::packed::{PACKED_STEPS, packed};
use super::{Block, Microkernels, Tile};

/// Half of a second cache of 1 MB, in bytes: what is to stay there.
const L2_SHARE: usize = 512 << 10;

/// Of so many blocks of rows each panel of a B that is larger than the second cache is copied once:
/// a copy costs about a third of a block.
const BLOCKS_TO_PACK: usize = 4;
/// Of so many where the rows of B or the steps of A scatter: to read them three times costs more.
const SCATTERED_TO_PACK: usize = 3;

/// Of so many panels of columns a copy of A's rows is read at least: it takes as long as a block or
/// two.
const PANELS_TO_COPY: usize = 16;

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
    let at_once = rows.at_once(kernels.rows());
    let bytes = steps.saturating_mul(tile.n).saturating_mul(size_of::<T>());
    let a_column = usize::from(tile.a_columns != 0);
    let panel = 2 * blocks.lanes;
    let jumps = steps >= PACKED_STEPS && levels.jumps::<T>();
    let evict = steps >= PACKED_STEPS && rows.evict();
    let copies_rows = (jumps || evict) && tile.n >= PANELS_TO_COPY * panel;
    let scatters = jumps || levels.scatters::<T>();
    let is_far = scatters && rows.count() > (SCATTERED_TO_PACK - 1) * at_once
        || bytes > L2_SHARE && rows.count() > (BLOCKS_TO_PACK - 1) * at_once;
    // Of an A with columns as much is read as of B.
    if is_far && tile.a_columns == 0 {
        // SAFETY: the caller's promises.
        return unsafe { packed(blocks, tile, rows, levels, copies_rows) };
    }
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
