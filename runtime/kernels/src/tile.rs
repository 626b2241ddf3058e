//! The batch-reduce product tile: the one kernel under matrix products and convolutions.
//!
//! `C[i, j] = C[i, j] or 0, plus the sum over r0, r1, r2 of A[i, r0, r1, r2] · B[r0, r1, r2, j]`
//!
//! The three strided reduction levels let it read operands where they lie: a transposed matrix, the
//! windows of a convolution (rows of the filter; its columns and channels), the images of a batch.
//! The rows have two levels, as those of an image's window. Nothing is copied unless many
//! rows read a B that no near cache holds, or long sums an A whose steps are lines apart ([`packed`]).
//!
//! A may have columns too, `A[i, r, j]`: as many products as there are columns, side by side, such
//! as those of the channels of a depthwise convolution. Then vectors of A are loaded where else a
//! number is for all columns.
//!
//! Each element is *one chain* of fused multiply-adds in reduction order, starting from 0 or from
//! C. So its bits do not depend on how rows and columns are split, here, by the caller or over
//! threads, nor on the instruction set, as long as that has fused multiply-add ([`Isa::fuses`]).
//!
//! A panel of two vectors of columns and up to so many rows is held in registers (`Microkernels`);
//! of four and fewer rows where A has columns and the sum is short, so that what is read of A is
//! longer.

mod blocking;
mod levels;
mod packed;
mod vector;

use crate::isa::Isa;
use blocking::product;
use levels::{Levels, RowOffsets};
use vector::{Lanes, Vector, fetch};

/// A product to compute. Strides are in elements; the columns of B and C are contiguous, and those
/// of A if it has any.
///
/// `A[i, r] = a[Σ i_l·a_row[l] + Σ r_l·a_step[l] (+ j)]`, `B[r, j] = b[j + Σ r_l·b_step[l]]`,
/// `C[i, j] = c[Σ i_l·c_row[l] + j]`, for `i_l < m[l]`, `j < n`, `r_l < len[l]`; level 0 is the
/// outermost.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// The result, aligned to its element.
    pub c: *mut u8,
    /// The left operand, aligned to its element.
    pub a: *const u8,
    /// The right operand, aligned to its element.
    pub b: *const u8,
    /// Rows of A and C, in two levels; may be 0.
    pub m: [usize; 2],
    /// Columns of B and C; may be 0.
    pub n: usize,
    /// From a row of C to the next of a level.
    pub c_row: [isize; 2],
    /// From a row of A to the next of a level.
    pub a_row: [isize; 2],
    /// The lengths of the reduction's levels. If one is 0 the sum is empty.
    pub len: [usize; 3],
    /// The steps of the levels in A.
    pub a_step: [isize; 3],
    /// The steps of the levels in B.
    pub b_step: [isize; 3],
    /// Not 0 to start from what C holds, 0 to start from zero, without reading C.
    pub accumulate: usize,
    /// Not 0 if A has columns.
    pub a_columns: usize,
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

/// Steps of a sum of which B's part for a panel of four vectors stays in half of the first cache:
/// then more blocks of fewer rows do not read it from further away.
const SHORT_SUM: usize = 64;

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

/// Computes some rows of a panel of columns.
type Microkernel<T> = unsafe fn(block: &Block<'_, T>);

/// Copies so many rows of A that lie there.
type PackRows<T> = unsafe fn(to: *mut T, a: *const T, levels: &Levels, rows: (&RowOffsets, usize));

/// What is held in registers: some rows of a panel of columns, and the sum that they are.
struct Block<'a, T> {
    /// The panel's first element of C, in the tile's first row.
    c: *mut T,
    /// The left factor of the tile's first row; of the panel's first column, if it has columns.
    a: *const T,
    /// The right factor of the panel's first column.
    b: *const T,
    /// Columns of the panel.
    columns: usize,
    /// Where the rows lie.
    rows: &'a RowOffsets,
    levels: &'a Levels,
    /// Whether to start from what C holds.
    accumulates: bool,
}

/// The kernels of one instruction set.
struct Microkernels<T: 'static> {
    /// Columns of a vector.
    lanes: usize,
    /// Those where A has no columns.
    matrix: Panels<T>,
    /// Those where it has.
    columns: Panels<T>,
    /// Those where it has and the sum is short.
    short: Panels<T>,
    /// Copies panels of B, each row after row of two vectors, in the order of the levels.
    pack: unsafe fn(to: *mut T, b: *const T, levels: &Levels, columns: usize),
    /// Copies some rows of A, one step of all after the other, in the order of the levels.
    pack_rows: PackRows<T>,
}

/// Kernels by the columns of a panel, each a list by the number of rows less one.
struct Panels<T: 'static> {
    /// Four whole vectors of columns, if there are such kernels.
    broad: &'static [Microkernel<T>],
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
    /// The kernels for a sum of so many steps.
    fn panels(&self, tile: &Tile, steps: usize) -> &Panels<T> {
        match tile.a_columns {
            0 => &self.matrix,
            _ if steps <= SHORT_SUM && tile.n >= 4 * self.lanes => &self.short,
            _ => &self.columns,
        }
    }
}

impl<T> Panels<T> {
    /// The most rows of a block.
    fn rows(&self) -> usize {
        if self.broad.is_empty() { self.wide.len() } else { self.broad.len() }
    }

    /// The widest kernels that `columns` fill, or that hold them all; and how many columns they do.
    /// A vector has so many lanes.
    fn panel(&self, lanes: usize, columns: usize) -> (&'static [Microkernel<T>], usize) {
        if columns >= 4 * lanes && !self.broad.is_empty() {
            (self.broad, 4 * lanes)
        } else if columns >= 2 * lanes {
            (self.wide, 2 * lanes)
        } else if columns > lanes {
            (self.edge, columns)
        } else if columns > lanes / 2 {
            (self.narrow, columns)
        } else {
            (self.slim, columns)
        }
    }
}

/// The block of `R` rows and `W` vectors of columns, all in registers. If it is an `EDGE`, the last
/// vector is cut to the block's columns. `COLUMNS` says whether A has columns.
///
/// # Safety
/// The host has the instructions of `V`, and the block's elements are accessible.
#[expect(clippy::needless_range_loop, reason = "rows and vectors index memory and registers alike")]
#[inline(always)]
unsafe fn block<
    V: Vector,
    const R: usize,
    const W: usize,
    const EDGE: bool,
    const COLUMNS: bool,
>(
    block: &Block<'_, V::Element>,
) {
    let &Block { c, a, b, columns, rows, levels, accumulates } = block;
    // SAFETY: the host has the instructions of `V`. Rows `i < R` and columns `w·LANES ..` up to
    // `columns` are of the block, and the mask keeps the last vector within them. A pointer to
    // beyond the last step of a level is made (wrapping) but not read.
    unsafe {
        let mask = V::mask(if EDGE { columns - (W - 1) * V::LANES } else { V::LANES });
        let last = |w: usize| EDGE && w == W - 1;
        let at = |i: usize, w: usize| c.byte_offset(rows.c[i]).add(w * V::LANES);
        let mut acc = [[V::zero(); W]; R];
        if accumulates {
            for i in 0..R {
                for w in 0..W {
                    acc[i][w] = load::<V>(at(i, w), last(w), mask);
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
                        row[w] = load::<V>(b2.add(w * V::LANES), last(w), mask);
                        if (w * size_of::<V>()).is_multiple_of(CACHE_LINE) {
                            fetch(b2.wrapping_offset(levels.ahead).wrapping_add(w * V::LANES));
                        }
                    }
                    for i in 0..R {
                        let of_row = a2.byte_offset(rows.a[i]);
                        if COLUMNS {
                            for w in 0..W {
                                let x = load::<V>(of_row.add(w * V::LANES), last(w), mask);
                                acc[i][w] = x.mul_add(row[w], acc[i][w]);
                            }
                        } else {
                            let x = V::splat(of_row);
                            for w in 0..W {
                                acc[i][w] = x.mul_add(row[w], acc[i][w]);
                            }
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

/// A vector from memory, cut to the mask if it is the last one.
///
/// # Safety
/// The host has the instructions of `V`; the lanes that are read are accessible.
#[inline(always)]
unsafe fn load<V: Vector>(from: *const V::Element, is_last: bool, mask: V::Mask) -> V {
    // SAFETY: the caller's promises.
    unsafe { if is_last { V::load_masked(from, mask) } else { V::load(from) } }
}

/// Copies the `columns` of each row of B that the levels name: panel after panel of two vectors of
/// columns, of which the rows stand behind each other.
///
/// # Safety
/// The host has the instructions of `V`; the elements of B are readable, and `to` is writable for
/// two vectors a row of each panel.
#[inline(always)]
unsafe fn pack<V: Vector>(
    mut to: *mut V::Element,
    b: *const V::Element,
    levels: &Levels,
    columns: usize,
) {
    let panel = 2 * V::LANES;
    let (whole, rest) = (columns / panel, columns % panel);
    let next_panel = levels.steps() * panel;
    // SAFETY: the masks keep both vectors within the columns. They are stored whole: a store under a
    // mask takes a dozen times as long on some processors.
    unsafe {
        let first = V::mask(rest.min(V::LANES));
        let second = V::mask(rest.saturating_sub(V::LANES));
        let mut b0 = b;
        for _ in 0..levels.len[0] {
            let mut b1 = b0;
            for _ in 0..levels.len[1] {
                let mut b2 = b1;
                for _ in 0..levels.len[2] {
                    let (mut from, mut at) = (b2, to);
                    for _ in 0..whole {
                        V::load(from).store(at);
                        V::load(from.add(V::LANES)).store(at.add(V::LANES));
                        (from, at) = (from.wrapping_add(panel), at.wrapping_add(next_panel));
                    }
                    if rest > 0 {
                        V::load_masked(from, first).store(at);
                        let from = from.wrapping_add(V::LANES);
                        V::load_masked(from, second).store(at.add(V::LANES));
                    }
                    to = to.wrapping_add(panel);
                    b2 = b2.wrapping_offset(levels.b_step[2]);
                }
                b1 = b1.wrapping_offset(levels.b_step[1]);
            }
            b0 = b0.wrapping_offset(levels.b_step[0]);
        }
    }
}

/// Copies `n` rows of A, the elements of each step that the levels name behind those of the one before.
///
/// # Safety
/// The host has the instructions of `V`; the elements of A are readable, and `to` is writable for
/// them and two vectors more.
#[inline(always)]
unsafe fn pack_rows<V: Vector>(
    mut to: *mut V::Element,
    a: *const V::Element,
    levels: &Levels,
    (rows, n): (&RowOffsets, usize),
) {
    let rows = &rows.a[..n];
    let element = size_of::<V::Element>() as isize;
    let are_adjacent = rows.windows(2).all(|pair| pair[1] - pair[0] == element);
    // SAFETY: the masks keep what is read within the rows. What is written of a step beyond them is
    // written again by the next.
    unsafe {
        let first = V::mask(n.min(V::LANES));
        let second = V::mask(n.saturating_sub(V::LANES));
        let mut a0 = a;
        for _ in 0..levels.len[0] {
            let mut a1 = a0;
            for _ in 0..levels.len[1] {
                let mut a2 = a1;
                for _ in 0..levels.len[2] {
                    if are_adjacent {
                        let from = a2.wrapping_byte_offset(rows[0]);
                        V::load_masked(from, first).store(to);
                        if n > V::LANES {
                            let from = from.wrapping_add(V::LANES);
                            V::load_masked(from, second).store(to.add(V::LANES));
                        }
                    } else {
                        for (i, &row) in rows.iter().enumerate() {
                            *to.add(i) = *a2.byte_offset(row);
                        }
                    }
                    to = to.add(n);
                    a2 = a2.wrapping_offset(levels.a_step[2]);
                }
                a1 = a1.wrapping_offset(levels.a_step[1]);
            }
            a0 = a0.wrapping_offset(levels.a_step[0]);
        }
    }
}

/// Lists a block for each number of rows.
macro_rules! by_rows {
    ($block:ident<$v:ty, $w:literal, $edge:literal, $columns:literal>, $($rows:literal)*) => {
        &[$($block::<$v, $rows, $w, $edge, $columns>),*]
    };
}

/// The lists of [`Panels`]; `$half` is the vector for at most half the columns.
macro_rules! panels {
    ($block:ident<$v:ty, $half:ty, $columns:literal>, $($rows:literal)*; $($few:literal)*) => {
        Panels {
            broad: by_rows!($block<$v, 4, false, $columns>, $($few)*),
            wide: by_rows!($block<$v, 2, false, $columns>, $($rows)*),
            edge: by_rows!($block<$v, 2, true, $columns>, $($rows)*),
            narrow: by_rows!($block<$v, 1, true, $columns>, $($rows)*),
            slim: by_rows!($block<$half, 1, true, $columns>, $($rows)*),
        }
    };
}

/// The [`Microkernels`] of so many rows; of so few where A has columns and a panel is broad.
macro_rules! blocks {
    ($block:ident<$v:ty, $half:ty>, $pack:ident, $pack_rows:ident, $($rows:literal)*; $($few:literal)*) => {
        Microkernels {
            lanes: <$v as Vector>::LANES,
            matrix: panels!($block<$v, $half, false>, $($rows)*;),
            columns: panels!($block<$v, $half, true>, $($rows)*;),
            short: panels!($block<$v, $half, true>, $($rows)*; $($few)*),
            pack: $pack::<$v>,
            pack_rows: $pack_rows::<$v>,
        }
    };
}

/// [`block`] without any instruction set in particular.
unsafe fn block_portable<
    V: Vector,
    const R: usize,
    const W: usize,
    const EDGE: bool,
    const COLUMNS: bool,
>(
    at: &Block<'_, V::Element>,
) {
    // SAFETY: the caller's promises.
    unsafe { block::<V, R, W, EDGE, COLUMNS>(at) }
}

/// [`pack`] compiled for the same.
unsafe fn pack_portable<V: Vector>(
    to: *mut V::Element,
    b: *const V::Element,
    levels: &Levels,
    columns: usize,
) {
    // SAFETY: the caller's promises.
    unsafe { pack::<V>(to, b, levels, columns) }
}

/// [`pack_rows`] compiled for the same.
unsafe fn pack_rows_portable<V: Vector>(
    to: *mut V::Element,
    a: *const V::Element,
    levels: &Levels,
    rows: (&RowOffsets, usize),
) {
    // SAFETY: the caller's promises.
    unsafe { pack_rows::<V>(to, a, levels, rows) }
}

/// 4 rows of 8 columns: 8 accumulators of 128 bits.
static F32_PORTABLE: Microkernels<f32> = blocks!(block_portable<Lanes<f32, 4>, Lanes<f32, 2>>, pack_portable, pack_rows_portable, 1 2 3 4;);
/// 4 rows of 4 columns: 8 accumulators of 128 bits.
static F64_PORTABLE: Microkernels<f64> = blocks!(block_portable<Lanes<f64, 2>, Lanes<f64, 1>>, pack_portable, pack_rows_portable, 1 2 3 4;);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::vector::x86::{F32x8, F32x8Vl, F32x16, F64x4, F64x4Vl, F64x8};
    use super::{Block, Levels, Microkernels, Panels, RowOffsets, Vector, block, pack, pack_rows};

    /// [`block`] compiled for AVX-512.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn block_avx512<
        V: Vector,
        const R: usize,
        const W: usize,
        const EDGE: bool,
        const COLUMNS: bool,
    >(
        at: &Block<'_, V::Element>,
    ) {
        // SAFETY: the caller's promises.
        unsafe { block::<V, R, W, EDGE, COLUMNS>(at) }
    }

    /// [`pack`] compiled for the same.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn pack_avx512<V: Vector>(
        to: *mut V::Element,
        b: *const V::Element,
        levels: &Levels,
        columns: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe { pack::<V>(to, b, levels, columns) }
    }

    /// [`pack_rows`] compiled for the same.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn pack_rows_avx512<V: Vector>(
        to: *mut V::Element,
        a: *const V::Element,
        levels: &Levels,
        rows: (&RowOffsets, usize),
    ) {
        // SAFETY: the caller's promises.
        unsafe { pack_rows::<V>(to, a, levels, rows) }
    }

    /// [`block`] compiled for AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn block_avx2<
        V: Vector,
        const R: usize,
        const W: usize,
        const EDGE: bool,
        const COLUMNS: bool,
    >(
        at: &Block<'_, V::Element>,
    ) {
        // SAFETY: the caller's promises.
        unsafe { block::<V, R, W, EDGE, COLUMNS>(at) }
    }

    /// [`pack`] compiled for the same.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn pack_avx2<V: Vector>(
        to: *mut V::Element,
        b: *const V::Element,
        levels: &Levels,
        columns: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe { pack::<V>(to, b, levels, columns) }
    }

    /// [`pack_rows`] compiled for the same.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn pack_rows_avx2<V: Vector>(
        to: *mut V::Element,
        a: *const V::Element,
        levels: &Levels,
        rows: (&RowOffsets, usize),
    ) {
        // SAFETY: the caller's promises.
        unsafe { pack_rows::<V>(to, a, levels, rows) }
    }

    /// 14 rows of 32 columns: 28 of 32 registers accumulate, two hold B, one A.
    pub(super) static F32_AVX512: Microkernels<f32> = blocks!(block_avx512<F32x16, F32x8Vl>, pack_avx512, pack_rows_avx512, 1 2 3 4 5 6 7 8 9 10 11 12 13 14; 1 2 3 4 5 6);
    /// 14 rows of 16 columns.
    pub(super) static F64_AVX512: Microkernels<f64> = blocks!(block_avx512<F64x8, F64x4Vl>, pack_avx512, pack_rows_avx512, 1 2 3 4 5 6 7 8 9 10 11 12 13 14; 1 2 3 4 5 6);
    /// 6 rows of 16 columns: 12 of 16 registers accumulate, two hold B, one A.
    pub(super) static F32_AVX2: Microkernels<f32> =
        blocks!(block_avx2<F32x8, F32x8>, pack_avx2, pack_rows_avx2, 1 2 3 4 5 6;);
    /// 6 rows of 8 columns.
    pub(super) static F64_AVX2: Microkernels<f64> =
        blocks!(block_avx2<F64x4, F64x4>, pack_avx2, pack_rows_avx2, 1 2 3 4 5 6;);
}

#[cfg(test)]
mod tests;
