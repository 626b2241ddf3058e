//! The batch-reduce product tile: the one kernel under matrix products and convolutions.
//!
//! `C[i, j] = C[i, j] or 0, plus the sum over r0, r1, r2 of A[i, r0, r1, r2] · B[r0, r1, r2, j]`
//!
//! The three strided reduction levels let it read operands where they lie: a transposed matrix, the
//! windows of a convolution (rows of the filter; its columns and channels), the images of a batch.
//! Nothing is packed or copied.
//!
//! Each element is *one chain* of fused multiply-adds in reduction order, starting from 0 or from C.
//! So its bits do not depend on how rows and columns are split, here, by the caller or over threads,
//! nor on the instruction set, as long as that has fused multiply-add ([`Isa::fuses`]).
//!
//! A panel of two vectors of columns and up to so many rows is held in registers (`Microkernels`).

mod vector;

use crate::isa::Isa;
use vector::{Lanes, Vector};

/// A product to compute. Strides are in elements; the columns of B and C are contiguous.
///
/// `A[i, r] = a[i·a_row + Σ r_l·a_step[l]]`, `B[r, j] = b[j + Σ r_l·b_step[l]]`,
/// `C[i, j] = c[i·c_row + j]`, for `i < m`, `j < n`, `r_l < len[l]`; level 0 is the outermost.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// The result, aligned to its element.
    pub c: *mut u8,
    /// The left operand, aligned to its element.
    pub a: *const u8,
    /// The right operand, aligned to its element.
    pub b: *const u8,
    /// Rows of A and C; may be 0.
    pub m: usize,
    /// Columns of B and C; may be 0.
    pub n: usize,
    /// From a row of C to the next.
    pub c_row: isize,
    /// From a row of A to the next.
    pub a_row: isize,
    /// The lengths of the reduction's levels. If one is 0 the sum is empty.
    pub len: [usize; 3],
    /// The steps of the levels in A.
    pub a_step: [isize; 3],
    /// The steps of the levels in B.
    pub b_step: [isize; 3],
    /// Not 0 to start from what C holds, 0 to start from zero, without reading C.
    pub accumulate: usize,
}

/// Computes a product of f32: see [`Tile`].
///
/// # Safety
/// `tile` and every element of A and B that it names must be readable, every element of C writable
/// (and initialised if it accumulates); C overlaps neither operand.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_tile_f32(tile: *const Tile) {
    // SAFETY: the caller's promises; a detected set is available.
    unsafe { tile_f32(Isa::detect(), tile) }
}

/// Computes a product of f64: see [`Tile`].
///
/// # Safety
/// As for [`brolga_tile_f32`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_tile_f64(tile: *const Tile) {
    // SAFETY: the caller's promises; a detected set is available.
    unsafe { tile_f64(Isa::detect(), tile) }
}

/// Computes a product of f32 with the kernels of one instruction set.
///
/// # Safety
/// As for [`brolga_tile_f32`]; the set must be available.
pub unsafe fn tile_f32(isa: Isa, tile: *const Tile) {
    let blocks = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &x86::F32_AVX512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &x86::F32_AVX2,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx512 | Isa::Avx2 => &F32_PORTABLE,
        Isa::Portable => &F32_PORTABLE,
    };
    // SAFETY: the caller's promises.
    unsafe { product(blocks, &*tile) }
}

/// Computes a product of f64 with the kernels of one instruction set.
///
/// # Safety
/// As for [`brolga_tile_f64`]; the set must be available.
pub unsafe fn tile_f64(isa: Isa, tile: *const Tile) {
    let blocks = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &x86::F64_AVX512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &x86::F64_AVX2,
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx512 | Isa::Avx2 => &F64_PORTABLE,
        Isa::Portable => &F64_PORTABLE,
    };
    // SAFETY: the caller's promises.
    unsafe { product(blocks, &*tile) }
}

/// Computes some rows of a panel of columns; the corner is that of the block.
type Microkernel<T> = unsafe fn(tile: &Tile, levels: &Levels, corner: Corner<T>, columns: usize);

/// The levels of the reduction, from the outermost one: as in the tile, but gathered.
struct Levels {
    len: [usize; 3],
    a_step: [isize; 3],
    b_step: [isize; 3],
}

/// Where a block's first row and column lie.
#[derive(Clone, Copy)]
struct Corner<T> {
    c: *mut T,
    a: *const T,
    b: *const T,
}

/// The kernels of one instruction set, each a list by the number of rows less one.
struct Microkernels<T: 'static> {
    /// Columns of a vector.
    lanes: usize,
    /// Two whole vectors of columns.
    wide: &'static [Microkernel<T>],
    /// More than one vector of columns, at most two.
    edge: &'static [Microkernel<T>],
    /// At most one vector of columns.
    narrow: &'static [Microkernel<T>],
    /// At most half a vector of columns.
    slim: &'static [Microkernel<T>],
}

impl<T> Microkernels<T> {
    /// The widest kernels that `columns` fill, or that hold them all; and how many columns they do.
    fn panel(&self, columns: usize) -> (&'static [Microkernel<T>], usize) {
        if columns >= 2 * self.lanes {
            (self.wide, 2 * self.lanes)
        } else if columns > self.lanes {
            (self.edge, columns)
        } else if columns > self.lanes / 2 {
            (self.narrow, columns)
        } else {
            (self.slim, columns)
        }
    }
}

/// Goes through strips of columns, whose part of B stays in the second cache; in each through blocks
/// of rows, whose part of A stays in the first; in each through panels of columns: blocks, whose C
/// stays in registers.
///
/// # Safety
/// As for [`brolga_tile_f32`], with elements `T`; the instruction set must be available.
unsafe fn product<T>(blocks: &Microkernels<T>, tile: &Tile) {
    let levels = &Levels::gathered(tile);
    let (rows_at_once, strip) = (rows_at_once(blocks, tile), columns_of_strip(blocks, levels));
    for first in (0..tile.n).step_by(strip) {
        let end = tile.n.min(first.saturating_add(strip));
        for (i, rows) in even_parts(tile.m, rows_at_once) {
            let mut j = first;
            while j < end {
                let (kernels, columns) = blocks.panel(end - j);
                let corner = Corner {
                    c: tile.c.cast::<T>().wrapping_offset(i as isize * tile.c_row).wrapping_add(j),
                    a: tile.a.cast::<T>().wrapping_offset(i as isize * tile.a_row),
                    b: tile.b.cast::<T>().wrapping_add(j),
                };
                // SAFETY: the block lies within the tile, whose elements are accessible.
                unsafe { kernels[rows - 1](tile, levels, corner, columns) };
                j += columns;
            }
        }
    }
}

/// Half of a second cache of 1 MB, in bytes.
const L2_SHARE: usize = 512 << 10;

/// The columns of a strip: as many panels as fit in the second cache, at least one.
fn columns_of_strip<T>(blocks: &Microkernels<T>, levels: &Levels) -> usize {
    let panel = 2 * blocks.lanes;
    let steps = levels.len.into_iter().fold(1, usize::saturating_mul);
    let panels = L2_SHARE / steps.saturating_mul(panel * size_of::<T>()).max(1);
    panels.max(1) * panel
}

/// Bytes after which addresses fall into the same set of the first cache again: 64 sets of 64 bytes,
/// on x86 processors of every size.
const L1_PERIOD: isize = 4096;
/// Lines that such a set holds (more on some).
const L1_WAYS: usize = 8;

/// The most rows of a block. Rows of A a multiple of the cache's period apart, as those of 1024
/// numbers are, evict each other when they are more than its ways.
fn rows_at_once<T>(blocks: &Microkernels<T>, tile: &Tile) -> usize {
    let registers = blocks.wide.len();
    let apart = tile.a_row.wrapping_mul(size_of::<T>() as isize);
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

impl Levels {
    /// The same reduction with its levels moved inwards: those of one step vanish, and those that
    /// continue each other become one. So the innermost loop is as long as can be.
    ///
    /// The tile is read word by word and never copied: its caller has just written it word by word,
    /// and a load of two words waits until all earlier stores have left the processor.
    fn gathered(tile: &Tile) -> Levels {
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
        Levels { len, a_step, b_step }
    }
}

/// The block of `R` rows and `W` vectors of columns, all in registers. If it is an `EDGE`, the last
/// vector is cut to the block's columns.
///
/// # Safety
/// The host has the instructions of `V`, and the block's elements are accessible.
#[expect(clippy::needless_range_loop, reason = "rows and vectors index memory and registers alike")]
#[inline(always)]
unsafe fn block<V: Vector, const R: usize, const W: usize, const EDGE: bool>(
    tile: &Tile,
    levels: &Levels,
    corner: Corner<V::Element>,
    columns: usize,
) {
    let Corner { c, a, b } = corner;
    // SAFETY: the host has the instructions of `V`. Rows `i < R` and columns `w·LANES ..` up to
    // `columns` are of the block, and the mask keeps the last vector within them. A pointer to
    // beyond the last step of a level is made (wrapping) but not read.
    unsafe {
        let mask = V::mask(if EDGE { columns - (W - 1) * V::LANES } else { V::LANES });
        let last = |w: usize| EDGE && w == W - 1;
        let at = |i: usize, w: usize| c.offset(i as isize * tile.c_row).add(w * V::LANES);
        let mut acc = [[V::zero(); W]; R];
        if tile.accumulate != 0 {
            for i in 0..R {
                for w in 0..W {
                    acc[i][w] =
                        if last(w) { V::load_masked(at(i, w), mask) } else { V::load(at(i, w)) };
                }
            }
        }
        let (mut a0, mut b0) = (a, b);
        for _ in 0..levels.len[0] {
            let (mut a1, mut b1) = (a0, b0);
            for _ in 0..levels.len[1] {
                let (mut a2, mut b2) = (a1, b1);
                for _ in 0..levels.len[2] {
                    let mut row = [V::zero(); W];
                    for w in 0..W {
                        let from = b2.add(w * V::LANES);
                        row[w] = if last(w) { V::load_masked(from, mask) } else { V::load(from) };
                    }
                    for i in 0..R {
                        let x = V::splat(a2.offset(i as isize * tile.a_row));
                        for w in 0..W {
                            acc[i][w] = x.mul_add(row[w], acc[i][w]);
                        }
                    }
                    a2 = a2.wrapping_offset(levels.a_step[2]);
                    b2 = b2.wrapping_offset(levels.b_step[2]);
                }
                a1 = a1.wrapping_offset(levels.a_step[1]);
                b1 = b1.wrapping_offset(levels.b_step[1]);
            }
            a0 = a0.wrapping_offset(levels.a_step[0]);
            b0 = b0.wrapping_offset(levels.b_step[0]);
        }
        for i in 0..R {
            for w in 0..W {
                if last(w) {
                    acc[i][w].store_masked(at(i, w), mask);
                } else {
                    acc[i][w].store(at(i, w));
                }
            }
        }
    }
}

/// Lists a block for each number of rows.
macro_rules! by_rows {
    ($block:ident<$v:ty, $w:literal, $edge:literal>, $($rows:literal)*) => {
        &[$($block::<$v, $rows, $w, $edge>),*]
    };
}

/// The four lists of [`Microkernels`]; `$half` is the vector for at most half the columns.
macro_rules! blocks {
    ($block:ident<$v:ty, $half:ty>, $($rows:literal)*) => {
        Microkernels {
            lanes: <$v as Vector>::LANES,
            wide: by_rows!($block<$v, 2, false>, $($rows)*),
            edge: by_rows!($block<$v, 2, true>, $($rows)*),
            narrow: by_rows!($block<$v, 1, true>, $($rows)*),
            slim: by_rows!($block<$half, 1, true>, $($rows)*),
        }
    };
}

/// [`block`] without any instruction set in particular.
unsafe fn block_portable<V: Vector, const R: usize, const W: usize, const EDGE: bool>(
    tile: &Tile,
    levels: &Levels,
    corner: Corner<V::Element>,
    columns: usize,
) {
    // SAFETY: the caller's promises.
    unsafe { block::<V, R, W, EDGE>(tile, levels, corner, columns) }
}

/// 4 rows of 8 columns: 8 accumulators of 128 bits.
static F32_PORTABLE: Microkernels<f32> =
    blocks!(block_portable<Lanes<f32, 4>, Lanes<f32, 2>>, 1 2 3 4);
/// 4 rows of 4 columns: 8 accumulators of 128 bits.
static F64_PORTABLE: Microkernels<f64> =
    blocks!(block_portable<Lanes<f64, 2>, Lanes<f64, 1>>, 1 2 3 4);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::vector::x86::{F32x8, F32x8Vl, F32x16, F64x4, F64x4Vl, F64x8};
    use super::{Corner, Levels, Microkernels, Tile, Vector, block};

    /// [`block`] compiled for AVX-512.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn block_avx512<V: Vector, const R: usize, const W: usize, const EDGE: bool>(
        tile: &Tile,
        levels: &Levels,
        corner: Corner<V::Element>,
        columns: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe { block::<V, R, W, EDGE>(tile, levels, corner, columns) }
    }

    /// [`block`] compiled for AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn block_avx2<V: Vector, const R: usize, const W: usize, const EDGE: bool>(
        tile: &Tile,
        levels: &Levels,
        corner: Corner<V::Element>,
        columns: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe { block::<V, R, W, EDGE>(tile, levels, corner, columns) }
    }

    /// 14 rows of 32 columns: 28 of 32 registers accumulate, two hold B, one A.
    pub(super) static F32_AVX512: Microkernels<f32> =
        blocks!(block_avx512<F32x16, F32x8Vl>, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    /// 14 rows of 16 columns.
    pub(super) static F64_AVX512: Microkernels<f64> =
        blocks!(block_avx512<F64x8, F64x4Vl>, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    /// 6 rows of 16 columns: 12 of 16 registers accumulate, two hold B, one A.
    pub(super) static F32_AVX2: Microkernels<f32> = blocks!(block_avx2<F32x8, F32x8>, 1 2 3 4 5 6);
    /// 6 rows of 8 columns.
    pub(super) static F64_AVX2: Microkernels<f64> = blocks!(block_avx2<F64x4, F64x4>, 1 2 3 4 5 6);
}

#[cfg(test)]
mod tests;
