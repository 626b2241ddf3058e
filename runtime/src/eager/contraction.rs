//! Sums of products for eager mode: by the tile that compiled programs call too, or by a library where
//! that is faster, see `product`.

use brolga_compiler::ir::Literal;
use brolga_compiler::ops::{Contraction, Conv, OpRules};
use brolga_kernels::Pool;

use crate::link::convolution::convolution;
use crate::link::product::product;

/// The runtime's kernels on the threads of a pool, or on this thread.
pub struct Kernels<'a> {
    /// The threads.
    pub pool: Option<&'a Pool>,
}

impl Contraction for Kernels<'_> {
    fn matmul(&self, a: &Literal, b: &Literal) -> Literal {
        if let (Some(a), Some(b)) = (a.array::<f64>(), b.array::<f64>()) {
            return Literal::new(product(a.view(), b.view(), self.pool));
        }
        let floats = "inference lets only products of one float type pass";
        let (a, b) = (a.array::<f32>().expect(floats), b.array::<f32>().expect(floats));
        Literal::new(product(a.view(), b.view(), self.pool))
    }

    fn convolve(&self, conv: &Conv, a: &Literal, b: &Literal) -> Literal {
        let result = conv.infer(&[&a.tensor_type(), &b.tensor_type()]);
        let floats = "inference lets only convolutions of one float type pass";
        let sizes = result.ok().and_then(|result| result[0].sizes()).expect(floats);
        if let (Some(a), Some(b)) = (a.array::<f64>(), b.array::<f64>()) {
            return Literal::new(convolution(conv, [a.view(), b.view()], &sizes, self.pool));
        }
        let (a, b) = (a.array::<f32>().expect(floats), b.array::<f32>().expect(floats));
        Literal::new(convolution(conv, [a.view(), b.view()], &sizes, self.pool))
    }
}

#[cfg(test)]
mod tests {
    use brolga_compiler::ir::Dim;
    use brolga_compiler::ops::{ConvResult, Reference, Window};
    use brolga_kernels::Isa;
    use ndarray::{ArrayD, IxDyn, s};

    use super::*;

    /// Numbers in [-1, 1), the same each time.
    fn numbers(sizes: &[usize], mut state: u32) -> ArrayD<f32> {
        ArrayD::from_shape_simple_fn(IxDyn(sizes), || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
    }

    fn check(a: ArrayD<f32>, b: ArrayD<f32>) {
        let pools = [1, 2, 3].map(|n| Pool::new(n).expect("threads for a test"));
        let results = pools.each_ref().map(|pool| product(a.view(), b.view(), Some(pool)));
        assert!(results[1] == results[0] && results[2] == results[0], "bits depend on threads");
        let [m, k, n] = [a.shape()[a.ndim() - 2], a.shape()[a.ndim() - 1], b.shape()[b.ndim() - 1]];
        let batch = a.len() / (m * k).max(1);
        let matrices = |x: &ArrayD<f32>, r: usize, c: usize| {
            let x = x.mapv(f64::from).as_standard_layout().into_owned();
            x.into_shape_with_order((batch, r, c)).expect("the number of elements stays")
        };
        let (a, b, c) = (matrices(&a, m, k), matrices(&b, k, n), matrices(&results[0], m, n));
        for i in 0..batch {
            let exact = a.slice(s![i, .., ..]).dot(&b.slice(s![i, .., ..]));
            let error = (&exact - &c.slice(s![i, .., ..])).mapv(f64::abs);
            let worst = error.iter().fold(0.0, |x: f64, &y| x.max(y));
            assert!(worst <= 1e-6 * k as f64, "{m} x {k} x {n}: {worst}");
        }
    }

    #[test]
    fn products_of_all_sizes_and_layouts() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 7), (32, 78, 128), (33, 64, 10), (5, 300, 131)] {
            check(numbers(&[m, k], 1), numbers(&[k, n], 2));
            check(numbers(&[k, m], 1).reversed_axes(), numbers(&[k, n], 2));
            check(numbers(&[m, k], 1), numbers(&[n, k], 2).reversed_axes());
        }
        check(numbers(&[520, 530], 1), numbers(&[530, 540], 2));
        check(numbers(&[520, 530], 1), numbers(&[540, 530], 2).reversed_axes());
    }

    #[test]
    fn products_of_batches() {
        check(numbers(&[2, 3, 5, 7], 1), numbers(&[2, 3, 7, 4], 2));
        let mut heads = numbers(&[2, 40, 4, 16], 1);
        heads.swap_axes(1, 2);
        let mut keys = numbers(&[2, 40, 4, 16], 2);
        keys.swap_axes(1, 2);
        keys.swap_axes(2, 3);
        check(heads, keys);
    }

    #[test]
    fn empty_sums_are_zero_and_empty_products_are_empty() {
        let pool = Pool::new(2).expect("threads for a test");
        let sizes = [0, 1, 3];
        for [m, k, n] in sizes.map(|m| sizes.map(|k| sizes.map(|n| [m, k, n]))).concat().concat() {
            let (a, b) = (numbers(&[m, k], 1), numbers(&[n, k], 1).reversed_axes());
            let c = product::<f32>(a.view(), b.view(), Some(&pool));
            assert_eq!(c.shape(), [m, n]);
            assert!(k > 0 || c.iter().all(|&x| x == 0.0));
        }
        let none =
            product::<f32>(numbers(&[0, 2, 3], 1).view(), numbers(&[0, 3, 4], 1).view(), None);
        assert_eq!(none.shape(), [0, 2, 4]);
    }

    #[test]
    fn convolutions_have_the_bits_of_the_reference() {
        let fuses = Isa::detect().fuses();
        let pools = [1, 2, 3].map(|n| Pool::new(n).expect("threads for a test"));
        let window = |[stride, dilation, before, after]: [i64; 4]| Window {
            stride,
            dilation,
            before,
            after,
        };
        // Stride, dilation and padding; a size of the input and of the filter; parts.
        let windows = [
            ([1, 1, 0, 0], 1, 1, 0),
            ([1, 1, 1, 1], 7, 3, 0),
            ([2, 1, 1, 2], 8, 3, 2),
            ([3, 2, 2, 1], 13, 4, 3),
            ([2, 3, 7, 0], 5, 3, 0),
            ([4, 1, 0, 0], 9, 2, 2),
            ([2, 4, 9, 9], 2, 3, 0),
        ];
        for (at, one) in windows.iter().enumerate() {
            for other in [None, Some(windows[(at + 2) % windows.len()])] {
                let axes: Vec<_> = [Some(*one), other].into_iter().flatten().collect();
                let windows: Vec<Window> = axes.iter().map(|axis| window(axis.0)).collect();
                let parts = one.3;
                let conv = |result| Conv { result, windows: windows.clone(), parts, groups: 0 };
                let spatial: Vec<usize> = axes.iter().map(|axis| axis.1).collect();
                let places: Vec<usize> = axes.iter().map(|axis| axis.2).collect();
                let dims = |sizes: &[usize]| sizes.iter().copied().map(Dim::from).collect();
                let leading: &[usize] = if parts > 0 { &[parts] } else { &[] };
                let x = Literal::new(numbers(&[&[6], &spatial[..], &[5]].concat(), 1));
                let w = Literal::new(numbers(&[leading, &places, &[5, 19]].concat(), 2));
                let output = conv(ConvResult::Output);
                let y = Reference.convolve(&output, &x, &w);
                let input = conv(ConvResult::Input { size: dims(&spatial) });
                let filter = conv(ConvResult::Filter { size: dims(&places) });
                for (conv, a, b) in [(&output, &x, &w), (&input, &y, &w), (&filter, &x, &y)] {
                    let wanted = Reference.convolve(conv, a, b);
                    let pools = pools.iter().map(Some).chain([None]);
                    for found in pools.map(|pool| Kernels { pool }.convolve(conv, a, b)) {
                        assert_eq!(found.tensor_type(), wanted.tensor_type());
                        assert!(!fuses || found == wanted, "{conv:?} has other bits");
                    }
                }
            }
        }
    }
}
