//! The kernels of the tile, compiled for instruction sets of x86.

use super::slide::{Sliding, SlidingKernels, slide};
use super::vector::x86::{F32x8, F32x8Vl, F32x16, F64x4, F64x4Vl, F64x8};
use super::{
    Block, FEW_OFFSETS, Levels, Microkernels, Panels, RowOffsets, Vector, block, pack, pack_rows,
};

/// [`block`] compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn block_avx512<
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

/// [`slide`] compiled for the same.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn slide_avx512<V: Vector, const TAPS: usize, const CHANNELS: usize>(
    at: &Sliding<'_, V::Element>,
) {
    // SAFETY: the caller's promises.
    unsafe { slide::<V, TAPS, CHANNELS>(at) }
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
    const EVEN: bool,
>(
    at: &Block<'_, V::Element>,
) {
    // SAFETY: the caller's promises.
    unsafe { block::<V, R, W, EDGE, COLUMNS, EVEN>(at) }
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

/// [`blocks`] of AVX-512: 14 rows of two vectors, of which 28 of 32 registers accumulate, two hold
/// B, one A.
macro_rules! avx512_blocks {
    ($v:ty, $half:ty, $sliding:expr) => {
        blocks!(
            block_avx512<$v, $half>, $sliding, pack_avx512, pack_rows_avx512, true;
            matrix {
                1: 8 4 3 2, 2: 8 4 3 2, 3: 4 3 2, 4: 4 3 2, 5: 4 3 2, 6: 4 3 2, 7: 4 3 2,
                8: 3 2 1, 9: 3 2 1, 10: 2 1, 11: 2 1, 12: 2 1, 13: 2 1, 14: 2 1,
            }
            columns {
                1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2,
                8: 2, 9: 2, 10: 2, 11: 2, 12: 2, 13: 2, 14: 2,
            }
            short { 1: 4 2, 2: 4 2, 3: 4 2, 4: 4 2, 5: 4 2, 6: 4 2, }
        )
    };
}

/// [`blocks`] of AVX2: 6 rows of two vectors, of which 12 of 16 registers accumulate, two hold B,
/// one A.
macro_rules! avx2_blocks {
    ($v:ty) => {
        blocks!(
            block_avx2<$v, $v>, &[], pack_avx2, pack_rows_avx2, false;
            matrix { 1: 8 4 3 2, 2: 6 4 3 2, 3: 4 3 2, 4: 3 2, 5: 2, 6: 2, }
            columns { 1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, }
            short { 1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, }
        )
    };
}

/// The kernels for so many taps and channels.
macro_rules! sliding {
    ($slide:ident<$v:ty>, $($taps:literal: $($channels:literal)*,)*) => {
        [$(SlidingKernels {
            taps: $taps,
            by_channels: &[$(($channels, $slide::<$v, $taps, $channels>)),*],
        }),*]
    };
}

/// Up to 24 sums, for filters of 3 and of 5 columns.
static F32_SLIDING: [SlidingKernels<f32>; 2] = sliding!(slide_avx512<F32x16>, 3: 8 4, 5: 4,);

/// 14 rows of 32 columns.
pub(super) static F32_AVX512: Microkernels<f32> = avx512_blocks!(F32x16, F32x8Vl, &F32_SLIDING);
/// 14 rows of 16 columns.
pub(super) static F64_AVX512: Microkernels<f64> = avx512_blocks!(F64x8, F64x4Vl, &[]);
/// 6 rows of 16 columns.
pub(super) static F32_AVX2: Microkernels<f32> = avx2_blocks!(F32x8);
/// 6 rows of 8 columns.
pub(super) static F64_AVX2: Microkernels<f64> = avx2_blocks!(F64x4);
