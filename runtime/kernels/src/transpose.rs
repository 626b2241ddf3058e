//! Transposed copies: where a kernel wants contiguous columns and the operand has them strided.

use core::ops::Range;

use crate::isa::Isa;

/// Copies `dst[j·dst_row + i] = src[i·src_row + j]` for `i < rows`, `j < columns`; strides in
/// elements.
///
/// # Safety
/// The elements of `src` are readable, those of `dst` writable, all aligned; they do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_transpose_f32(
    dst: *mut f32,
    src: *const f32,
    rows: usize,
    columns: usize,
    dst_row: isize,
    src_row: isize,
) {
    let views = Views { dst, src, dst_row, src_row };
    // SAFETY: the caller's promises; a detected set is available.
    unsafe { transpose_f32(Isa::detect(), views, rows, columns) }
}

/// The same as [`brolga_transpose_f32`] for f64.
///
/// # Safety
/// As for [`brolga_transpose_f32`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_transpose_f64(
    dst: *mut f64,
    src: *const f64,
    rows: usize,
    columns: usize,
    dst_row: isize,
    src_row: isize,
) {
    let views = Views { dst, src, dst_row, src_row };
    // SAFETY: the caller's promises; a detected set is available.
    unsafe { transpose_f64(Isa::detect(), views, rows, columns) }
}

/// The copy with the code for one instruction set, which must be available.
///
/// # Safety
/// As for [`brolga_transpose_f32`].
unsafe fn transpose_f32(isa: Isa, views: Views<f32>, rows: usize, columns: usize) {
    // SAFETY: the caller's promises.
    unsafe {
        match isa {
            // A register of 512 bits takes twice as long to shuffle.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx2 => x86::transpose::<x86::F32>(views, rows, columns),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx512 | Isa::Avx2 => transpose::<Plain<f32>>(views, rows, columns),
            Isa::Portable => transpose::<Plain<f32>>(views, rows, columns),
        }
    }
}

/// The copy with the code for one instruction set, which must be available.
///
/// # Safety
/// As for [`brolga_transpose_f64`].
unsafe fn transpose_f64(isa: Isa, views: Views<f64>, rows: usize, columns: usize) {
    // SAFETY: the caller's promises.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx2 => x86::transpose::<x86::F64>(views, rows, columns),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx512 | Isa::Avx2 => transpose::<Plain<f64>>(views, rows, columns),
            Isa::Portable => transpose::<Plain<f64>>(views, rows, columns),
        }
    }
}

/// Source and destination of a copy.
#[derive(Clone, Copy)]
struct Views<T> {
    dst: *mut T,
    src: *const T,
    dst_row: isize,
    src_row: isize,
}

impl<T> Views<T> {
    /// The views from a row and a column of the source on.
    #[inline(always)]
    fn from(self, row: usize, column: usize) -> Self {
        let (i, j) = (row as isize, column as isize);
        let dst = self.dst.wrapping_offset(j.wrapping_mul(self.dst_row)).wrapping_offset(i);
        let src = self.src.wrapping_offset(i.wrapping_mul(self.src_row)).wrapping_offset(j);
        Views { dst, src, ..self }
    }
}

/// A piece of fixed size that is copied through registers.
trait Piece {
    type Element: Copy;
    const ROWS: usize;
    const COLUMNS: usize;

    /// Copies one piece, the first of the views.
    ///
    /// # Safety
    /// The piece's elements are accessible, and the host has the instructions.
    unsafe fn copy(views: Views<Self::Element>);
}

/// The copy piece by piece: all columns of so many rows as fill a cache line of the destination, so
/// that each of its lines is written at once, and the source is read in as many streams. What fills
/// no piece is copied element by element.
///
/// # Safety
/// As for [`brolga_transpose_f32`]; the host has the piece's instructions.
#[inline(always)]
unsafe fn transpose<P: Piece>(views: Views<P::Element>, rows: usize, columns: usize) {
    let line = 64 / size_of::<P::Element>();
    let (whole_rows, whole_columns) = (rows - rows % P::ROWS, columns - columns % P::COLUMNS);
    for first in (0..whole_rows).step_by(line) {
        for j in (0..whole_columns).step_by(P::COLUMNS) {
            for i in (first..whole_rows.min(first + line)).step_by(P::ROWS) {
                // SAFETY: the piece is within the rows and columns.
                unsafe { P::copy(views.from(i, j)) }
            }
        }
    }
    // SAFETY: the ranges are within the rows and columns.
    unsafe {
        copy_elements(views, whole_rows..rows, 0..whole_columns);
        copy_elements(views, 0..rows, whole_columns..columns);
    }
}

/// Copies a range of rows and columns element by element.
///
/// # Safety
/// The elements are accessible.
#[inline(always)]
unsafe fn copy_elements<T: Copy>(views: Views<T>, rows: Range<usize>, columns: Range<usize>) {
    for j in columns {
        for i in rows.clone() {
            let Views { dst, src, .. } = views.from(i, j);
            // SAFETY: the caller's promise.
            unsafe { *dst = *src }
        }
    }
}

/// Four by four elements, as the compiler likes it.
struct Plain<T>(core::marker::PhantomData<T>);

impl<T: Copy> Piece for Plain<T> {
    type Element = T;
    const ROWS: usize = 4;
    const COLUMNS: usize = 4;

    #[inline(always)]
    unsafe fn copy(views: Views<T>) {
        // SAFETY: the caller's promise; an array is aligned like its element.
        unsafe {
            let rows: [[T; 4]; 4] = core::array::from_fn(|i| *views.from(i, 0).src.cast());
            for j in 0..4 {
                *views.from(0, j).dst.cast() = rows.map(|row| row[j]);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Piece, Views};
    use core::arch::x86_64::*;

    /// [`super::transpose`] compiled for AVX2.
    ///
    /// # Safety
    /// As there.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn transpose<P: Piece>(
        views: Views<P::Element>,
        rows: usize,
        columns: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe { super::transpose::<P>(views, rows, columns) }
    }

    /// Eight rows of four f32: rows `i` and `i + 4` are the halves of a register, and a transpose of
    /// four by four within the halves makes them columns.
    pub(super) struct F32;

    impl Piece for F32 {
        type Element = f32;
        const ROWS: usize = 8;
        const COLUMNS: usize = 4;

        #[inline(always)]
        unsafe fn copy(views: Views<f32>) {
            // SAFETY: the caller's promises.
            unsafe {
                let half = |i: usize| _mm_loadu_ps(views.from(i, 0).src);
                let rows = |i: usize| _mm256_set_m128(half(i + 4), half(i));
                let (r0, r1, r2, r3) = (rows(0), rows(1), rows(2), rows(3));
                let pairs = |x, y| {
                    let (low, high) = (_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y));
                    (_mm256_castps_pd(low), _mm256_castps_pd(high))
                };
                let ((a, c), (b, d)) = (pairs(r0, r1), pairs(r2, r3));
                let store = |j: usize, column: __m256d| {
                    _mm256_storeu_ps(views.from(0, j).dst, _mm256_castpd_ps(column));
                };
                store(0, _mm256_unpacklo_pd(a, b));
                store(1, _mm256_unpackhi_pd(a, b));
                store(2, _mm256_unpacklo_pd(c, d));
                store(3, _mm256_unpackhi_pd(c, d));
            }
        }
    }

    /// Four rows of two f64, in the same way.
    pub(super) struct F64;

    impl Piece for F64 {
        type Element = f64;
        const ROWS: usize = 4;
        const COLUMNS: usize = 2;

        #[inline(always)]
        unsafe fn copy(views: Views<f64>) {
            // SAFETY: the caller's promises.
            unsafe {
                let half = |i: usize| _mm_loadu_pd(views.from(i, 0).src);
                let rows = |i: usize| _mm256_set_m128d(half(i + 2), half(i));
                let (r0, r1) = (rows(0), rows(1));
                _mm256_storeu_pd(views.from(0, 0).dst, _mm256_unpacklo_pd(r0, r1));
                _mm256_storeu_pd(views.from(0, 1).dst, _mm256_unpackhi_pd(r0, r1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same test for each element type.
    macro_rules! check {
        ($t:ty, $transpose:ident, $isa:expr, $rows:expr, $columns:expr) => {{
            let (rows, columns): (usize, usize) = ($rows, $columns);
            let (src_row, dst_row) = (columns + 3, rows + 5);
            let src: Vec<$t> = (0..rows * src_row).map(|i| i as $t).collect();
            let mut want = vec![-1.0 as $t; columns * dst_row];
            let mut got = want.clone();
            for i in 0..rows {
                for j in 0..columns {
                    want[j * dst_row + i] = src[i * src_row + j];
                }
            }
            let views = Views {
                dst: got.as_mut_ptr(),
                src: src.as_ptr(),
                dst_row: dst_row as isize,
                src_row: src_row as isize,
            };
            // SAFETY: the buffers hold the rows and columns.
            unsafe { $transpose($isa, views, rows, columns) }
            assert_eq!(got, want, "{:?} {rows} x {columns}", $isa);
        }};
    }

    #[test]
    fn every_element_arrives_and_nothing_else_is_written() {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for rows in [0, 1, 2, 4, 7, 8, 9, 16, 17, 33, 50] {
                for columns in [0, 1, 3, 4, 8, 10, 17, 64] {
                    check!(f32, transpose_f32, isa, rows, columns);
                    check!(f64, transpose_f64, isa, rows, columns);
                }
            }
        }
    }
}
