//! The batch-reduce product tile: the one kernel under matrix products and convolutions.
//!
//! `C[i, j] = C[i, j] or 0, plus the sum over r0, r1, r2 of A[i, r0, r1, r2] · B[r0, r1, r2, j]`
//!
//! The three strided reduction levels let it read operands where they lie: a transposed matrix, the
//! windows of a convolution (rows of the filter; its columns and channels), the images of a batch.
//! The rows have two levels, as those of an image's window. Nothing is copied unless many
//! rows read a B that is far, or whose lines or A's evict each other from the first cache, or long sums
//! for many columns an A whose steps are lines apart ([`packed`]).
//!
//! Where the rows of A shift with the sum, as those of a filter's gradient do, each may have the terms
//! alone that are within an image ([`slide`]).
//!
//! A may have columns too, `A[i, r, j]`: as many products as there are columns, side by side, such
//! as those of the channels of a depthwise convolution. Then vectors of A are loaded where else a
//! number is for all columns.
//!
//! Each element is *one chain* of fused multiply-adds in reduction order, starting from 0 or from
//! C. So its bits do not depend on how rows and columns are split, here, by the caller or over
//! threads, nor on the instruction set, as long as that has fused multiply-add ([`Isa::fuses`]).
//!
//! A panel of columns and up to so many rows is held in registers (`Microkernels`): two vectors of
//! columns, and more where the rows are few, as a dozen sums must be under way for none to wait. Where A
//! has columns and the sum is short the rows are few and the vectors four, so that what is read of A
//! is longer. A step of a sum reads a number of each row; so that it reads no addresses beside them,
//! there are kernels of many rows that lie evenly ([`RowOffsets::are_even`]).

mod blocking;
mod levels;
mod packed;
mod slide;
mod vector;

use core::array;

use crate::isa::Isa;
use blocking::product;
use levels::{FEW_OFFSETS, Levels, MAX_ROWS, RowOffsets};
use slide::SlidingKernels;
use vector::{Lanes, Vector, fetch, opaque, opaque_step};

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
    /// Unless it is 0 and 0, the terms are those for which `i_0 + r_2` is at least the first and less
    /// than the second, and `a` is where it is the first: `a_row[0]` is `a_step[2]`, and A has no
    /// columns.
    pub within: [usize; 2],
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

/// So many rows have addresses of one register and multiples of how far they are apart.
const GROUP: usize = 5;

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
    /// Whether processors that have these instructions have second caches of 1 MB and more.
    has_wide_copies: bool,
    /// Those where A has no columns.
    matrix: Panels<T>,
    /// The same where the rows of A lie evenly.
    even: Panels<T>,
    /// Those where it has.
    columns: Panels<T>,
    /// Those where it has and the sum is short.
    short: Panels<T>,
    /// Those where it has none, and its rows shift with the sum.
    sliding: &'static [SlidingKernels<T>],
    /// Copies panels of B, each row after row of two vectors, in the order of the levels.
    pack: unsafe fn(to: *mut T, b: *const T, levels: &Levels, columns: usize),
    /// Copies some rows of A, one step of all after the other, in the order of the levels.
    pack_rows: PackRows<T>,
}

/// Kernels by the columns of a panel, each a list by the number of rows less one.
struct Panels<T: 'static> {
    /// Whole vectors of columns: how many there are, the most first; two are in each.
    whole: &'static [&'static [(usize, Microkernel<T>)]],
    /// More than one vector of columns, at most two.
    edge: &'static [Microkernel<T>],
    /// At most one vector of columns.
    narrow: &'static [Microkernel<T>],
    /// At most half a vector of columns.
    slim: &'static [Microkernel<T>],
}

impl<T> Microkernels<T> {
    /// The most rows of a block, for a sum of so many steps.
    fn rows(&self, tile: &Tile, steps: usize) -> usize {
        self.panels(tile, steps, false).rows()
    }

    /// The kernels for a sum of so many steps, and for rows that are even or not.
    fn panels(&self, tile: &Tile, steps: usize, are_even: bool) -> &Panels<T> {
        match tile.a_columns {
            0 if are_even => &self.even,
            0 => &self.matrix,
            _ if steps <= SHORT_SUM && tile.n >= 4 * self.lanes => &self.short,
            _ => &self.columns,
        }
    }
}

impl<T> Panels<T> {
    /// The most rows of a block.
    fn rows(&self) -> usize {
        self.whole.len()
    }

    /// For so many rows the widest kernel of at most so many vectors that `columns` fill, and of which
    /// none, or more than a vector, are left; or one that holds them all. And how many columns it does.
    /// A vector has so many lanes.
    fn panel(
        &self,
        rows: usize,
        (lanes, most): (usize, usize),
        columns: usize,
    ) -> (Microkernel<T>, usize) {
        let fills = |&&(vectors, _): &&(usize, Microkernel<T>)| {
            let rest = columns.checked_sub(vectors * lanes);
            vectors <= most && rest.is_some_and(|rest| rest == 0 || rest > lanes || vectors == 2)
        };
        if let Some(&(vectors, kernel)) = self.whole[rows - 1].iter().find(fills) {
            return (kernel, vectors * lanes);
        }
        let kernels = if columns > lanes {
            self.edge
        } else if columns > lanes / 2 {
            self.narrow
        } else {
            self.slim
        };
        (kernels[rows - 1], columns)
    }
}

/// The block of `R` rows and `W` vectors of columns, all in registers. If it is an `EDGE`, the last
/// vector is cut to the block's columns. `COLUMNS` says whether A has columns, `EVEN` whether it is for
/// rows that lie evenly alone.
///
/// # Safety
/// The host has the instructions of `V`, the block's elements are accessible, and its rows lie so.
#[expect(clippy::needless_range_loop, reason = "rows and vectors index memory and registers alike")]
#[inline(always)]
unsafe fn block<
    V: Vector,
    const R: usize,
    const W: usize,
    const EDGE: bool,
    const COLUMNS: bool,
    const EVEN: bool,
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
        // Read once: nothing says that what is asked for is not where it lies.
        let ahead = levels.ahead;
        // The first rows of the groups are named by pointers, those after them by multiples.
        let mut apart = if EVEN { rows.a[1] - rows.a[0] } else { 0 };
        let mut thrice = 3 * apart;
        let groups = if EVEN { R.div_ceil(GROUP) } else { 1 };
        let a = if EVEN { a.byte_offset(rows.a[0]) } else { a };
        let (mut a0, mut b0) = (a, b);
        for _ in 0..levels.len[0] {
            let (mut a1, mut b1) = (a0, b0);
            for _ in 0..levels.len[1] {
                let mut b2 = b1;
                let mut a2: [_; MAX_ROWS.div_ceil(GROUP)] =
                    array::from_fn(|g| a1.wrapping_byte_offset((g * GROUP) as isize * apart));
                for _ in 0..levels.len[2] {
                    if EVEN {
                        // Or the compiler makes pointers to all rows of them, for which there are
                        // no registers.
                        a2[..groups].iter_mut().for_each(|first| *first = opaque(*first));
                        (apart, thrice) = (opaque_step(apart), opaque_step(thrice));
                    }
                    let multiples = [0, apart, 2 * apart, thrice, 4 * apart];
                    let row: [_; R] = array::from_fn(|i| {
                        if EVEN {
                            a2[i / GROUP].wrapping_byte_offset(multiples[i % GROUP])
                        } else {
                            a2[0].wrapping_byte_offset(rows.a[i])
                        }
                    });
                    let column = |w: usize| load::<V>(b2.add(w * V::LANES), last(w), mask);
                    for w in 0..W {
                        if (w * size_of::<V>()).is_multiple_of(CACHE_LINE) {
                            fetch(b2.wrapping_offset(ahead).wrapping_add(w * V::LANES));
                        }
                    }
                    // The side of fewer vectors stays in registers.
                    if W > R && !COLUMNS {
                        let x: [V; R] = array::from_fn(|i| V::splat(row[i]));
                        for w in 0..W {
                            let y = column(w);
                            for i in 0..R {
                                acc[i][w] = x[i].mul_add(y, acc[i][w]);
                            }
                        }
                    } else {
                        let y: [V; W] = array::from_fn(column);
                        for i in 0..R {
                            for w in 0..W {
                                let x = if COLUMNS {
                                    load::<V>(row[i].add(w * V::LANES), last(w), mask)
                                } else {
                                    V::splat(row[i])
                                };
                                acc[i][w] = x.mul_add(y[w], acc[i][w]);
                            }
                        }
                    }
                    for first in &mut a2[..groups] {
                        *first = first.wrapping_offset(levels.a_step[2]);
                    }
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
    ($block:ident<$v:ty, $w:literal, $edge:literal, $columns:literal, $even:literal>, $($rows:literal)*) => {
        &[$($block::<$v, $rows, $w, $edge, $columns, { $even && $rows > FEW_OFFSETS }>),*]
    };
}

/// The lists of [`Panels`], given the vectors of a panel by its rows; `$half` is the vector for at most
/// half the columns.
macro_rules! panels {
    (
        $block:ident<$v:ty, $half:ty, $columns:literal, $even:literal>,
        $($rows:literal: $($vectors:literal)*,)*
    ) => {
        Panels {
            whole: &[$(&[
                $(($vectors, $block::<$v, $rows, $vectors, false, $columns, { $even && $rows > FEW_OFFSETS }>)),*
            ]),*],
            edge: by_rows!($block<$v, 2, true, $columns, $even>, $($rows)*),
            narrow: by_rows!($block<$v, 1, true, $columns, $even>, $($rows)*),
            slim: by_rows!($block<$half, 1, true, $columns, $even>, $($rows)*),
        }
    };
}

/// The [`Microkernels`] of an instruction set: by the rows of a block, the whole vectors of its panels
/// where A has no columns, where it has, and where it has and the sum is short.
macro_rules! blocks {
    (
        $block:ident<$v:ty, $half:ty>, $sliding:expr, $pack:ident, $pack_rows:ident, $has_wide_copies:literal;
        matrix { $($matrix:tt)* } columns { $($by_columns:tt)* } short { $($short:tt)* }
    ) => {
        Microkernels {
            lanes: <$v as Vector>::LANES,
            has_wide_copies: $has_wide_copies,
            matrix: panels!($block<$v, $half, false, false>, $($matrix)*),
            even: panels!($block<$v, $half, false, true>, $($matrix)*),
            columns: panels!($block<$v, $v, true, false>, $($by_columns)*),
            short: panels!($block<$v, $v, true, false>, $($short)*),
            sliding: $sliding,
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
    const EVEN: bool,
>(
    at: &Block<'_, V::Element>,
) {
    // SAFETY: the caller's promises.
    unsafe { block::<V, R, W, EDGE, COLUMNS, EVEN>(at) }
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

/// [`blocks`] of any instruction set: 4 rows of two vectors, 8 accumulators of 128 bits.
macro_rules! portable_blocks {
    ($v:ty) => {
        blocks!(
            block_portable<$v, $v>, &[], pack_portable, pack_rows_portable, false;
            matrix { 1: 8 4 3 2, 2: 4 3 2, 3: 2, 4: 2, }
            columns { 1: 2, 2: 2, 3: 2, 4: 2, }
            short { 1: 2, 2: 2, 3: 2, 4: 2, }
        )
    };
}

#[cfg(target_arch = "x86_64")]
mod x86;

/// 4 rows of 8 columns.
static F32_PORTABLE: Microkernels<f32> = portable_blocks!(Lanes<f32, 4>);
/// 4 rows of 4 columns.
static F64_PORTABLE: Microkernels<f64> = portable_blocks!(Lanes<f64, 2>);

#[cfg(test)]
mod tests;
