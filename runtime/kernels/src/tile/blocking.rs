//! In which order the blocks of a tile are computed, so that operands are read from near caches.

use super::levels::{Levels, Rows, full_parts};
use super::packed::packed;
use super::{Block, Microkernels, Tile};

/// Half of a second cache of 1 MB, in bytes: what is to stay there.
const L2_SHARE: usize = 512 << 10;

/// Of so many blocks of rows each panel of a B that is larger than that is copied once: a copy takes
/// most of a block's time.
const BLOCKS_TO_PACK: usize = 4;
/// Of so many where B is at least half as large: from the second cache it comes nearly in time. Of
/// fewer where its rows evict each other.
const NEAR_TO_PACK: usize = 12;
const STRIDES_TO_PACK: usize = 6;
/// Of so many where the rows of B scatter: to read them three times costs more.
const SCATTERED_TO_PACK: usize = 3;
/// Where the steps of A are lines apart, of so many rows times steps: its lines crowd a B that fills it
/// out of a first cache of 32 KB. Out of one of 48 KB if they evict each other besides: else B comes as
/// fast from a second one of 1 MB and more.
const JUMPS_TO_PACK: usize = 9 << 10;
/// Bytes of the first cache.
const L1: usize = 32 << 10;
/// Steps of a sum of which so much is read of A that it is worth a copy.
const LONG_SUM: usize = 256;

/// Bytes of a row of C for which a copy of A's rows is made: it takes as long as to compute some of them.
/// Fewer where A's steps evict each other.
const ROW_TO_COPY: usize = 1 << 10;
const STRIDES_TO_COPY: usize = 512;

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
    let row = tile.n.saturating_mul(size_of::<T>());
    let bytes = steps.saturating_mul(row);
    let a_column = usize::from(tile.a_columns != 0);
    let panel = 2 * blocks.lanes;
    let jumps = levels.jumps::<T>();
    let crowds = jumps && (!blocks.has_wide_copies || levels.a_strides::<T>());
    let copies_rows = steps >= LONG_SUM
        && (jumps && row >= ROW_TO_COPY || levels.a_strides::<T>() && row >= STRIDES_TO_COPY);
    let near = if levels.strides::<T>() { STRIDES_TO_PACK } else { NEAR_TO_PACK };
    let has_blocks = |n: usize| rows.count() > (n - 1) * at_once;
    let is_far = levels.scatters::<T>() && has_blocks(SCATTERED_TO_PACK)
        || bytes > L2_SHARE && has_blocks(BLOCKS_TO_PACK)
        || bytes >= L2_SHARE / 2 && has_blocks(near)
        || crowds && bytes > L1 && steps.saturating_mul(rows.count()) > JUMPS_TO_PACK;
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
        for (i, n) in full_parts(rows.count(), at_once) {
            let rows = &rows.offsets(i, n);
            let mut j = first;
            while j < end {
                let (kernel, columns) = kernels.panel(n, (blocks.lanes, usize::MAX), end - j);
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
                unsafe { kernel(&block) };
                j += columns;
            }
        }
    }
}
