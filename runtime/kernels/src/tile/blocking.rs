//! In which order the blocks of a tile are computed, so that operands are read from near caches.

use super::levels::{Levels, Rows};
use super::packed::packed;
use super::slide::sliding;
use super::{Block, Microkernels, Tile};

/// Half of a second cache of 1 MB, in bytes: what is to stay there.
const L2_SHARE: usize = 512 << 10;

/// Of so many blocks of rows each panel of a B of which a part of the sum is larger than that is copied
/// once: a copy takes most of a block's time.
const BLOCKS_TO_PACK: usize = 4;
/// Of so many where the whole panel is at least half as large: part by part it comes from the second
/// cache in time, or nearly. Of fewer where B's rows evict each other.
const NEAR_TO_PACK: usize = 20;
const STRIDES_TO_PACK: usize = 6;
/// Of so many where the rows of B scatter.
const SCATTERED_TO_PACK: usize = 3;
/// Steps of a sum of which so much is read of A that it is worth a copy.
const LONG_SUM: usize = 256;

/// Bytes of a row of C for which a copy of A's rows is made: it takes as long as to compute some of them.
/// Fewer where A's steps evict each other.
const ROW_TO_COPY: usize = 1 << 10;
const STRIDES_TO_COPY: usize = 512;

/// Bytes of the steps of a sum, in a row of A, that are gone through at once where what is read of A
/// or of B meanwhile would leave the near caches else: C is read and written once for so many.
const PART_BYTES: usize = 1 << 10;

/// Computes the tile. Goes through parts of the sum; in each through strips of columns, whose part of
/// B stays in the second cache; in each through blocks of rows, whose part of A stays in the first; in
/// each through panels of columns: blocks, whose C stays in registers. For many rows and a far B see
/// [`packed`].
///
/// # Safety
/// As for [`super::brolga_tile_f32`], with elements `T`; the instruction set must be available.
pub(super) unsafe fn product<T>(blocks: &Microkernels<T>, tile: &Tile) {
    if tile.within != [0; 2] {
        // SAFETY: the caller's promises.
        return unsafe { shifting(blocks, tile) };
    }
    let (levels, rows) = (&Levels::gathered::<T>(tile), &Rows::gathered::<T>(tile));
    let steps = levels.steps();
    let registers = rows.at_once(blocks.rows(tile, steps));
    let row = tile.n.saturating_mul(size_of::<T>());
    let whole = steps.saturating_mul(row);
    let a_column = usize::from(tile.a_columns != 0);
    let panel = 2 * blocks.lanes;
    let jumps = levels.jumps::<T>();
    let part = PART_BYTES / size_of::<T>();
    let splits = steps > 2 * part && (jumps || whole >= L2_SHARE / 2);
    let at_once = if splits { part } else { steps };
    let bytes = at_once.saturating_mul(row);
    let copies_rows = steps >= LONG_SUM
        && (jumps && row >= ROW_TO_COPY || levels.a_strides::<T>() && row >= STRIDES_TO_COPY);
    let near = if levels.strides::<T>() { STRIDES_TO_PACK } else { NEAR_TO_PACK };
    let has_blocks = |n: usize| rows.count() > (n - 1) * registers;
    let is_far = levels.scatters::<T>() && has_blocks(SCATTERED_TO_PACK)
        || bytes > L2_SHARE && has_blocks(BLOCKS_TO_PACK)
        || whole >= L2_SHARE / 2 && has_blocks(near)
        || copies_rows && levels.a_strides::<T>() && has_blocks(BLOCKS_TO_PACK);
    // Of an A with columns as much is read as of B.
    if is_far && tile.a_columns == 0 {
        // SAFETY: the caller's promises.
        return unsafe { packed(blocks, tile, rows, levels, copies_rows) };
    }
    // As many panels as fit in the second cache, at least one.
    let panels = L2_SHARE / at_once.saturating_mul(panel * size_of::<T>()).max(1);
    let strip = panels.max(1) * panel;
    let mut accumulates = tile.accumulate != 0;
    levels.parts(at_once, |levels, a, b| {
        for first in (0..tile.n).step_by(strip) {
            let end = tile.n.min(first.saturating_add(strip));
            for (i, n) in rows.blocks(registers) {
                let rows = &rows.offsets(i, n);
                let kernels = blocks.panels(tile, steps, rows.are_even);
                let mut j = first;
                while j < end {
                    let (kernel, columns) = kernels.panel(n, (blocks.lanes, usize::MAX), end - j);
                    let block = Block {
                        c: tile.c.cast::<T>().wrapping_add(j),
                        a: tile.a.cast::<T>().wrapping_offset(a).wrapping_add(j * a_column),
                        b: tile.b.cast::<T>().wrapping_offset(b).wrapping_add(j),
                        columns,
                        rows,
                        levels,
                        accumulates,
                    };
                    // SAFETY: the block lies within the tile, whose elements are accessible.
                    unsafe { kernel(&block) };
                    j += columns;
                }
            }
        }
        accumulates = true;
    });
}

/// Computes a tile that is [`Tile::within`]: by kernels that slide along the places if there are some
/// for it, else as a product for each tap.
///
/// # Safety
/// As for [`product`].
unsafe fn shifting<T>(blocks: &Microkernels<T>, tile: &Tile) {
    let kernels = blocks.sliding.iter().find(|kernels| kernels.compute(tile));
    let fills = tile.n > blocks.lanes / 2 && tile.n <= blocks.lanes;
    // SAFETY: the caller's promises.
    unsafe {
        match kernels.filter(|_| fills) {
            Some(kernels) => sliding(kernels, tile, L2_SHARE),
            None => by_taps(blocks, tile),
        }
    }
}

/// A product for each tap.
///
/// # Safety
/// As for [`product`].
unsafe fn by_taps<T>(blocks: &Microkernels<T>, tile: &Tile) {
    let ([taps, channels], [first, end]) = (tile.m, tile.within);
    let [.., places] = tile.len;
    for tap in 0..taps {
        let from = first.saturating_sub(tap).min(places);
        let to = end.saturating_sub(tap).clamp(from, places);
        let a =
            tile.a.cast::<T>().wrapping_offset((tap.max(first) - first) as isize * tile.a_row[0]);
        let b = tile.b.cast::<T>().wrapping_offset(from as isize * tile.b_step[2]);
        let c = tile.c.cast::<T>().wrapping_offset(tap as isize * tile.c_row[0]);
        let of_tap = Tile {
            c: c.cast(),
            a: a.cast(),
            b: b.cast(),
            m: [1, channels],
            len: [tile.len[0], tile.len[1], to - from],
            within: [0; 2],
            ..*tile
        };
        // SAFETY: the terms are of the tile.
        unsafe { product(blocks, &of_tap) };
    }
}
