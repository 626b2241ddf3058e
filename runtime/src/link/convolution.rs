//! Convolutions by the tile, for arrays: what eager mode calls.

use brolga_compiler::ops::{Conv, Strided, StridedProduct};
use brolga_kernels::{Pool, Tile};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::product::Multiply;

/// Parts for each thread: blocks at padding take less time than others.
const PARTS: usize = 4;

/// The first elements of both operands and of the result.
struct Operands<T> {
    a: *const T,
    b: *const T,
    z: *mut T,
}

// SAFETY: the blocks of the result that threads write are disjoint, see `check`.
unsafe impl<T> Sync for Operands<T> {}

/// The result, of those sizes, in row-major order; it is what `infer` says of the operands.
///
/// # Panics
/// If a product leaves an operand or the result.
pub(crate) fn convolution<T: Multiply>(
    conv: &Conv,
    [a, b]: [ArrayViewD<'_, T>; 2],
    sizes: &[usize],
    pool: Option<&Pool>,
) -> ArrayD<T> {
    let products = conv.products(a.shape(), b.shape(), sizes);
    let mut turned = b;
    if conv.swaps_filter() {
        let last = turned.ndim() - 1;
        let channels = conv.windows.len() + usize::from(conv.parts > 0);
        turned.swap_axes(channels, last);
    }
    let (a, b) = (a.as_standard_layout(), turned.as_standard_layout());
    let mut z = ArrayD::<T>::uninit(IxDyn(sizes));
    check(&products, [a.len(), b.len(), z.len()]);
    let products = shared(&products, pool.map_or(1, Pool::threads) * PARTS);
    let operands = Operands { a: a.as_ptr(), b: b.as_ptr(), z: z.as_mut_ptr().cast::<T>() };
    let part = |i: usize| {
        // SAFETY: `check` has seen that the products stay within the tensors.
        unsafe { T::TILE(&tile(&products[i], &operands)) };
    };
    match pool {
        Some(pool) => pool.run(products.len(), &part),
        None => (0..products.len()).for_each(part),
    }
    // SAFETY: `check` has seen every row of the result in a block.
    unsafe { z.assume_init() }
}

/// # Panics
/// If a product leaves its tensors, of so many elements, or if the blocks are not the rows of the
/// result, each once.
fn check(products: &[StridedProduct], [a, b, z]: [usize; 3]) {
    let columns = products.first().map_or(1, |product| product.columns);
    let mut written = vec![false; z.checked_div(columns).unwrap_or(0)];
    for product in products {
        assert_eq!(product.columns, columns, "blocks have the columns of the result");
        for row in 0..product.rows {
            let at = product.z.at + row * product.z.row;
            assert!(columns == 0 || at.is_multiple_of(columns), "a block has whole rows");
            let is_written = written.get_mut(at.checked_div(columns).unwrap_or(0));
            assert!(
                columns == 0 || is_written.is_some_and(|is| !std::mem::replace(is, true)),
                "blocks are disjoint"
            );
        }
        let is_empty = product.rows * columns * product.lengths.iter().product::<usize>() == 0;
        let within = |factor: &Strided, rows: usize, columns: usize, n_elements: usize| {
            let mut ends = [factor.at as isize; 2];
            let row = [(rows, factor.row as isize), (columns, 1)];
            for (length, step) in product.lengths.into_iter().zip(factor.steps).chain(row) {
                let far = step * (length as isize - 1);
                ends = [ends[0] + far.min(0), ends[1] + far.max(0)];
            }
            ends[0] >= 0 && (ends[1] as usize) < n_elements
        };
        let of_a = if product.a_columns { columns } else { 1 };
        let inside = within(&product.a, product.rows, of_a, a) && within(&product.b, 1, columns, b);
        assert!(is_empty || inside, "a product stays within its operands");
    }
    assert!(written.iter().all(|&is| is), "every row of the result is in a block");
}

/// The products in parts by rows, if they are fewer than `wanted`.
fn shared(products: &[StridedProduct], wanted: usize) -> Vec<StridedProduct> {
    let parts = wanted.div_ceil(products.len().max(1));
    let split = |product: &StridedProduct| {
        let product = *product;
        let rows = product.rows.div_ceil(parts).max(1);
        (0..product.rows).step_by(rows).map(move |first| {
            let moved = |x: Strided| Strided { at: x.at + first * x.row, ..x };
            StridedProduct {
                rows: rows.min(product.rows - first),
                a: moved(product.a),
                z: moved(product.z),
                ..product
            }
        })
    };
    products.iter().flat_map(split).collect()
}

/// The product as the tile takes it.
fn tile<T>(product: &StridedProduct, operands: &Operands<T>) -> Tile {
    let StridedProduct { rows, columns, a_columns, lengths, a, b, z } = *product;
    Tile {
        c: operands.z.wrapping_add(z.at).cast(),
        a: operands.a.wrapping_add(a.at).cast(),
        b: operands.b.wrapping_add(b.at).cast(),
        m: [1, rows],
        n: columns,
        c_row: [0, z.row as isize],
        a_row: [0, a.row as isize],
        len: lengths,
        a_step: a.steps,
        b_step: b.steps,
        accumulate: 0,
        a_columns: usize::from(a_columns),
        within: [0; 2],
    }
}
