//! Matrix products by the native kernels, for arrays: what eager mode calls.
//!
//! The tile, which compiled programs call too, computes products where the operands lie, split over
//! the threads (its bits do not depend on how). It copies for itself what it reads again from far,
//! once a thread; where there is much to compute of a `b` that no cache holds, the `gemm` crate, which
//! copies more, has been faster, and eager mode is there to be hard to beat. The crate's bits depend on the size of what it is given: it gets blocks of fixed size.

use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

use brolga_compiler::ir::Element;
use brolga_kernels::{Pool, Tile, tile, transpose};
use ndarray::{
    Array2, Array3, ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2, Axis, Dimension, Ix2, IxDyn,
};

/// Multiplications from which packing the operands may pay.
const LARGE: usize = 512 * 512 * 512;
/// Bytes of `b` up to which the tile reads it from a core's own cache, half of one of 2 MiB: then
/// packing does not pay (measured: 4096 × 256 × 1024 takes the tile a third of the time, 1024 ×
/// 1024 × 1024 twice the time that it takes the crate).
const CACHED: usize = 1 << 20;
/// Multiplications below which one thread is as fast as several: about a microsecond of work.
const SMALL: usize = 1 << 16;
/// Rows and columns of the block that one call of `gemm` computes.
const BLOCK: (usize, usize) = (256, 512);
/// Columns of a vector of the widest kind: columns are split at its multiples.
const VECTOR: usize = 16;
/// Rows of the largest tile: with fewer for each thread, columns are split.
const TILE_ROWS: usize = 14;

/// An element type that has product kernels.
pub(crate) trait Multiply: Element {
    /// The tile's entry.
    const TILE: unsafe extern "C" fn(*const Tile);

    /// The entry of transposed copies.
    const TRANSPOSE: unsafe extern "C" fn(*mut Self, *const Self, usize, usize, isize, isize);

    /// The product by the `gemm` crate, on this thread.
    ///
    /// # Safety
    /// The elements that the product names are accessible, those of `c` to nobody else.
    unsafe fn gemm(product: &Part<Self>);
}

macro_rules! multiply {
    ($t:ty, $tile:path, $transpose:path, $gemm:path) => {
        impl Multiply for $t {
            const TILE: unsafe extern "C" fn(*const Tile) = $tile;
            const TRANSPOSE: unsafe extern "C" fn(*mut $t, *const $t, usize, usize, isize, isize) =
                $transpose;

            unsafe fn gemm(product: &Part<$t>) {
                let Part { sizes: [m, n, k], c, c_row, a, a_steps, b, b_steps } = *product;
                let [a_row, a_column] = a_steps;
                let [b_row, b_column] = b_steps;
                let serial = gemm_common::Parallelism::None;
                // SAFETY: the caller's promises; `c` is not read.
                unsafe {
                    $gemm()(
                        m, n, k, c, 1, c_row, false, a, a_column, a_row, b, b_column, b_row, 0.0,
                        1.0, false, false, false, serial,
                    );
                }
            }
        }
    };
}
multiply!(
    f32,
    tile::brolga_tile_f32,
    transpose::brolga_transpose_f32,
    gemm_f32::gemm::f32::get_gemm_fn
);
multiply!(
    f64,
    tile::brolga_tile_f64,
    transpose::brolga_transpose_f64,
    gemm_f64::gemm::f64::get_gemm_fn
);

/// A product to compute, or a part of one; distances in elements.
#[derive(Clone, Copy)]
pub(crate) struct Part<T> {
    /// Rows of the result, its columns, and the length of the sums.
    sizes: [usize; 3],
    /// The result, whose columns are adjacent.
    c: *mut T,
    c_row: isize,
    a: *const T,
    /// From a row to the next, and from a column to the next.
    a_steps: [isize; 2],
    b: *const T,
    b_steps: [isize; 2],
}

// SAFETY: `multiply_matrices` gives each thread another part of the result.
unsafe impl<T> Sync for Part<T> {}

/// `a · b` for `a: [..., m, k]` and `b: [..., k, n]` with equal leading sizes: `[..., m, n]`, in
/// row-major order.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn product<T: Multiply>(
    a: ArrayViewD<'_, T>,
    b: ArrayViewD<'_, T>,
    pool: Option<&Pool>,
) -> ArrayD<T> {
    let leading = &a.shape()[..a.ndim() - 2];
    let (m, n) = (a.shape()[a.ndim() - 2], b.shape()[b.ndim() - 1]);
    assert_eq!(leading, &b.shape()[..b.ndim() - 2], "the leading sizes of a product are equal");
    let mut c = Array3::uninit((leading.iter().product(), m, n));
    let matrices: Vec<_> = ndarray::indices(IxDyn(leading))
        .into_iter()
        .zip(c.outer_iter_mut())
        .map(|(at, c)| Mutex::new((matrix(&a, at.slice()), matrix(&b, at.slice()), c)))
        .collect();
    let one = |i: usize, pool: Option<&Pool>| {
        let mut operands = matrices[i].lock().unwrap_or_else(PoisonError::into_inner);
        let (a, b, c) = &mut *operands;
        multiply_matrices(a.view(), b.view(), c, pool);
    };
    match pool {
        Some(pool) if matrices.len() >= 2 * pool.threads() => {
            pool.run(matrices.len(), &|i| one(i, None));
        }
        Some(_) | None => (0..matrices.len()).for_each(|i| one(i, pool)),
    }
    drop(matrices);
    // SAFETY: every element of every matrix is written.
    let c = unsafe { c.assume_init() };
    let sizes = [leading, &[m, n]].concat();
    c.into_shape_with_order(IxDyn(&sizes)).expect("the same number of elements, in the same order")
}

/// The matrix at an index of the leading axes.
fn matrix<'a, T>(x: &ArrayViewD<'a, T>, at: &[usize]) -> ArrayView2<'a, T> {
    let x = at.iter().fold(x.clone(), |x, &i| x.index_axis_move(Axis(0), i));
    x.into_dimensionality::<Ix2>().expect("two axes are left")
}

/// `c = a · b` for `a: [m, k]`, `b: [k, n]` and `c: [m, n]`, whose columns are adjacent. Every
/// element of `c` is written.
///
/// # Panics
/// If the sizes do not fit.
fn multiply_matrices<T: Multiply>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    c: &mut ArrayViewMut2<'_, MaybeUninit<T>>,
    pool: Option<&Pool>,
) {
    let sizes @ [m, n, k] = [a.nrows(), b.ncols(), a.ncols()];
    assert_eq!(sizes, [c.nrows(), c.ncols(), b.nrows()], "the sizes of a product fit");
    if c.is_empty() {
        return;
    }
    assert!(n < 2 || c.strides()[1] == 1, "the columns of a product's result are adjacent");
    let work = m.saturating_mul(n).saturating_mul(k);
    let packs = work >= LARGE && k.saturating_mul(n).saturating_mul(T::SIZE) > CACHED;
    // The tile reads adjacent columns of `b`; a copy costs less than doing without the tile.
    let copy = (!packs && n > 1 && b.strides()[1] != 1).then(|| row_major(b, pool));
    let b = copy.as_ref().map_or(b, |copy| copy.view());
    let whole = Part {
        sizes,
        c: c.as_mut_ptr().cast::<T>(),
        c_row: c.strides()[0],
        a: a.as_ptr(),
        a_steps: [a.strides()[0], a.strides()[1]],
        b: b.as_ptr(),
        b_steps: [b.strides()[0], b.strides()[1]],
    };
    let (rows, columns) = if packs { BLOCK } else { share(m, n, pool, work) };
    let (down, across) = (m.div_ceil(rows), n.div_ceil(columns));
    let part = |p: usize| {
        let block = whole.block(p / across * rows, p % across * columns, [rows, columns]);
        // SAFETY: the views' elements are accessible, those of `c` to this call alone, and its
        // blocks are disjoint.
        unsafe { if packs { T::gemm(&block) } else { T::TILE(&block.tile()) } };
    };
    match pool {
        Some(pool) if work >= SMALL => pool.run(down * across, &part),
        Some(_) | None => (0..down * across).for_each(part),
    }
}

/// The same matrix in row-major order.
fn row_major<T: Multiply>(b: ArrayView2<'_, T>, pool: Option<&Pool>) -> Array2<T> {
    let [k, n] = [b.nrows(), b.ncols()];
    if k < 2 || b.strides()[0] != 1 {
        return b.as_standard_layout().into_owned();
    }
    let mut copy = Array2::<T>::uninit((k, n));
    let whole = Part {
        sizes: [k, n, 0],
        c: copy.as_mut_ptr().cast::<T>(),
        c_row: n as isize,
        a: b.as_ptr(),
        a_steps: [1, b.strides()[1]],
        b: b.as_ptr(),
        b_steps: [0, 0],
    };
    let rows = share(k, n, pool, k.saturating_mul(n)).0.min(k);
    let part = |p: usize| {
        let Part { sizes: [k, n, _], c, c_row, a, a_steps, .. } =
            whole.block(p * rows, 0, [rows, n]);
        // SAFETY: the view's elements are accessible, those of the copy to this call alone, and
        // its blocks of rows are disjoint.
        unsafe { T::TRANSPOSE(c, a, n, k, c_row, a_steps[1]) };
    };
    match pool {
        Some(pool) => pool.run(k.div_ceil(rows), &part),
        None => (0..k.div_ceil(rows)).for_each(part),
    }
    // SAFETY: every row was written.
    unsafe { copy.assume_init() }
}

/// Rows and columns of the parts of a product by the tile: as many parts as threads, of rows, or of
/// columns where rows are too few to fill a tile on each thread.
fn share(m: usize, n: usize, pool: Option<&Pool>, work: usize) -> (usize, usize) {
    let threads = pool.map_or(1, Pool::threads);
    if work < SMALL || threads == 1 {
        (m.max(1), n.max(1))
    } else if m >= TILE_ROWS * threads || n < 2 * VECTOR * threads {
        (m.div_ceil(threads).max(1), n.max(1))
    } else {
        (m.max(1), n.div_ceil(threads).next_multiple_of(VECTOR))
    }
}

impl<T> Part<T> {
    /// The part from a row and a column on, of so many rows and columns if there are.
    fn block(&self, row: usize, column: usize, size: [usize; 2]) -> Part<T> {
        let [m, n, k] = self.sizes;
        let (down, across) = (row as isize, column as isize);
        Part {
            sizes: [size[0].min(m - row), size[1].min(n - column), k],
            c: self.c.wrapping_offset(down * self.c_row + across),
            a: self.a.wrapping_offset(down * self.a_steps[0]),
            b: self.b.wrapping_offset(across * self.b_steps[1]),
            ..*self
        }
    }

    /// The product as the tile takes it; columns of `b` are adjacent.
    fn tile(&self) -> Tile {
        let [m, n, k] = self.sizes;
        Tile {
            c: self.c.cast(),
            a: self.a.cast(),
            b: self.b.cast(),
            m: [1, m],
            n,
            c_row: [0, self.c_row],
            a_row: [0, self.a_steps[0]],
            len: [1, 1, k],
            a_step: [0, 0, self.a_steps[1]],
            b_step: [0, 0, self.b_steps[0]],
            accumulate: 0,
            a_columns: 0,
            within: [0; 2],
        }
    }
}
