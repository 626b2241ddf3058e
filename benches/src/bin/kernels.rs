//! The precompiled kernels, alone: products, convolutions, fork-join, functions, random words,
//! transposes.
//!
//! `kernels [--smoke]`; medians, in GFLOP/s, microseconds, nanoseconds and GB/s. Products and
//! convolutions run on one and on two threads, their rows (or images) split over the pool. With
//! `--smoke` everything runs once, at a small size.

#![allow(unsafe_code, reason = "the kernels are C functions over raw views")]

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use brolga_benches::quantile;
use brolga_kernels::math;
use brolga_kernels::philox::brolga_philox;
use brolga_kernels::tile::{Tile, brolga_tile_f32};
use brolga_kernels::transpose::{brolga_transpose_f32, brolga_transpose_f64};
use brolga_kernels::{Isa, Pool};

fn main() -> std::io::Result<()> {
    run(if std::env::args().any(|arg| arg == "--smoke") { &SMOKE } else { &FULL })
}

fn run(effort: &Effort) -> std::io::Result<()> {
    let pool = Pool::new(2)?;
    println!("instruction set: {:?}", Isa::detect());
    products(effort, &pool);
    convolutions(effort, &pool);
    fork_join(effort, &pool);
    functions(effort, &pool);
    random_words(effort);
    transposes(effort);
    Ok(())
}

/// How long to measure.
struct Effort {
    /// Measurements, of which the median is reported.
    samples: usize,
    /// The least duration of a measurement, reached by repetition.
    sample: Duration,
    /// The greatest length of a dimension.
    limit: usize,
}

const FULL: Effort = Effort { samples: 31, sample: Duration::from_micros(500), limit: usize::MAX };
const SMOKE: Effort = Effort { samples: 1, sample: Duration::ZERO, limit: 16 };

impl Effort {
    /// The median duration of a call, in seconds.
    fn time(&self, mut call: impl FnMut()) -> f64 {
        call();
        let start = Instant::now();
        call();
        let once = start.elapsed().as_secs_f64().max(1e-9);
        let calls = (self.sample.as_secs_f64() / once).ceil().max(1.0) as usize;
        let measure = |_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_secs_f64() / calls as f64
        };
        quantile((0..self.samples).map(measure).collect(), 0.5)
    }

    fn cut<const N: usize>(&self, dims: [usize; N]) -> [usize; N] {
        dims.map(|dim| dim.min(self.limit))
    }
}

/// A tile that threads compute parts of.
struct Shared(Tile);

// SAFETY: the parts of a tile are disjoint in C and only read A and B.
unsafe impl Sync for Shared {}

impl Shared {
    /// Computes part `part` of `parts` of the rows, if there are more of them, or else the columns.
    fn part(&self, part: usize, parts: usize) {
        let mut tile = self.0;
        let bounds = |n: usize| (n * part / parts, n * (part + 1) / parts);
        if tile.m[1] >= tile.n {
            let (first, end) = bounds(tile.m[1]);
            tile.m[1] = end - first;
            tile.a = tile.a.cast::<f32>().wrapping_offset(first as isize * tile.a_row[1]).cast();
            tile.c = tile.c.cast::<f32>().wrapping_offset(first as isize * tile.c_row[1]).cast();
        } else {
            let (first, end) = bounds(tile.n);
            tile.n = end - first;
            tile.b = tile.b.cast::<f32>().wrapping_add(first).cast();
            tile.c = tile.c.cast::<f32>().wrapping_add(first).cast();
        }
        // SAFETY: the operands outlive the benchmark that made this tile.
        unsafe { brolga_tile_f32(&tile) }
    }
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 17) as f32 * 0.125 - 1.0).collect()
}

/// `m × k × n`, and whether A is stored transposed.
const PRODUCTS: [([usize; 3], bool); 13] = [
    ([32, 784, 128], false),
    ([16, 784, 128], false),
    ([8, 784, 128], false),
    ([784, 32, 128], true),
    ([32, 128, 784], false),
    ([32, 128, 10], false),
    ([128, 32, 10], true),
    ([1, 784, 128], false),
    ([256, 256, 256], false),
    ([512, 512, 512], false),
    ([32, 1024, 1024], false),
    ([1024, 1024, 1024], false),
    ([2048, 2048, 2048], false),
];

fn products(effort: &Effort, pool: &Pool) {
    println!("\nproduct, m x k x n         1T us   GFLOP/s     2T us   GFLOP/s");
    for (dims, transposed) in PRODUCTS {
        let [m, k, n] = effort.cut(dims);
        let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0f32; m * n]);
        let (a_row, a_step) = if transposed { (1, m as isize) } else { (k as isize, 1) };
        let tile = Shared(Tile {
            c: c.as_mut_ptr().cast(),
            a: a.as_ptr().cast(),
            b: b.as_ptr().cast(),
            m: [1, m],
            n,
            c_row: [0, n as isize],
            a_row: [0, a_row],
            len: [1, 1, k],
            a_step: [0, 0, a_step],
            b_step: [0, 0, n as isize],
            accumulate: 0,
            a_columns: 0,
            within: [0; 2],
        });
        let one = effort.time(|| tile.part(0, 1));
        let two = effort.time(|| pool.run(2, &|part| tile.part(part, 2)));
        let name = format!("{m} x {k} x {n}{}", if transposed { " A^T" } else { "" });
        print_rates(&name, (2 * m * k * n) as f64, one, two);
    }
}

fn print_rates(name: &str, flops: f64, one: f64, two: f64) {
    let rate = |seconds: f64| flops / seconds * 1e-9;
    let (one_us, two_us) = (one * 1e6, two * 1e6);
    println!("{name:22} {one_us:9.2} {:9.1} {two_us:9.2} {:9.1}", rate(one), rate(two));
}

/// A valid convolution of 3 × 3, NHWC by HWIO.
#[derive(Clone, Copy)]
struct Conv {
    images: usize,
    side: usize,
    channels: usize,
    filters: usize,
}

const CONVOLUTIONS: [Conv; 3] = [
    Conv { images: 32, side: 28, channels: 1, filters: 32 },
    Conv { images: 32, side: 13, channels: 32, filters: 64 },
    Conv { images: 64, side: 15, channels: 32, filters: 64 },
];

/// Filters in a part of a weight gradient.
const BLOCK: usize = 32;

/// What a convolution reads and writes.
struct Operands {
    x: Vec<f32>,
    w: Vec<f32>,
    y: Vec<f32>,
}

impl Conv {
    fn out(self) -> usize {
        self.side - 2
    }

    fn operands(self) -> Operands {
        let Conv { images, side, channels, filters } = self;
        Operands {
            x: numbers(images * side * side * channels),
            w: numbers(9 * channels * filters),
            y: numbers(images * self.out() * self.out() * filters),
        }
    }

    fn flops(self) -> f64 {
        (2 * self.images * self.out() * self.out() * 9 * self.channels * self.filters) as f64
    }

    /// An image's result: a reduction over the rows of the filter, and over its columns and
    /// channels, which are contiguous.
    fn forward(self, Operands { x, w, y }: &Operands, image: usize) {
        let Conv { side, channels, filters, .. } = self;
        let out = self.out();
        let tile = Tile {
            c: y[image * out * out * filters..].as_ptr().cast_mut().cast(),
            a: x[image * side * side * channels..].as_ptr().cast(),
            b: w.as_ptr().cast(),
            m: [out, out],
            n: filters,
            c_row: [out * filters, filters].map(|step| step as isize),
            a_row: [side * channels, channels].map(|step| step as isize),
            len: [1, 3, 3 * channels],
            a_step: [0, (side * channels) as isize, 1],
            b_step: [0, (3 * channels * filters) as isize, filters as isize],
            accumulate: 0,
            a_columns: 0,
            within: [0; 2],
        };
        // SAFETY: the views are within the operands; no other thread has this row of the result.
        unsafe { brolga_tile_f32(&tile) }
    }

    /// Parts of the gradient of the filter.
    fn gradient_parts(self) -> usize {
        3 * self.filters / BLOCK
    }

    /// The gradient of a part of the filter: of a block of filters in a row. A reduction over
    /// images and the result's rows and columns.
    fn weight_gradient(self, Operands { x, w, y }: &Operands, part: usize) {
        let Conv { images, side, channels, filters } = self;
        let (out, row, column) = (self.out(), part % 3, part / 3 * BLOCK);
        let image = (side * side * channels, out * out * filters);
        let tile = Tile {
            c: w[row * 3 * channels * filters + column..].as_ptr().cast_mut().cast(),
            a: x[row * side * channels..].as_ptr().cast(),
            b: y[column..].as_ptr().cast(),
            m: [1, 3 * channels],
            n: BLOCK,
            c_row: [0, filters as isize],
            a_row: [0, 1],
            len: [images, out, out],
            a_step: [image.0 as isize, (side * channels) as isize, channels as isize],
            b_step: [image.1 as isize, (out * filters) as isize, filters as isize],
            accumulate: 0,
            a_columns: 0,
            within: [0; 2],
        };
        // SAFETY: the views are within the operands; no other thread has this part of the filter.
        unsafe { brolga_tile_f32(&tile) }
    }
}

fn convolutions(effort: &Effort, pool: &Pool) {
    println!("\nconvolution 3x3            1T us   GFLOP/s     2T us   GFLOP/s");
    for conv in CONVOLUTIONS {
        let [images, side] = effort.cut([conv.images, conv.side]);
        let conv = Conv { images, side, ..conv };
        let operands = &conv.operands();
        let name = format!("{images}x{side}^2x{}->{}", conv.channels, conv.filters);
        let image = |image: usize| conv.forward(operands, image);
        let one = effort.time(|| (0..images).for_each(image));
        let two = effort.time(|| pool.run(images, &image));
        print_rates(&format!("{name} fwd"), conv.flops(), one, two);
        let part = |part: usize| conv.weight_gradient(operands, part);
        let one = effort.time(|| (0..conv.gradient_parts()).for_each(part));
        let two = effort.time(|| pool.run(conv.gradient_parts(), &part));
        print_rates(&format!("{name} dW"), conv.flops(), one, two);
    }
}

/// What forking and joining adds to two equal parts, of some microseconds, over one part alone.
fn fork_join(effort: &Effort, pool: &Pool) {
    println!("\nfork-join of two threads  median us    p99 us");
    let samples = effort.samples * 30;
    let part = |part: usize| {
        black_box((0..3000).fold(part as u64, |acc, i| black_box(acc) ^ i));
    };
    let alone = effort.time(|| part(0));
    for gap in [0, 10, 100, 1000, 3000] {
        let gap = Duration::from_micros(gap);
        let measure = |_| {
            let start = Instant::now();
            while start.elapsed() < gap {
                black_box(());
            }
            let start = Instant::now();
            pool.run(2, &part);
            (start.elapsed().as_secs_f64() - alone) * 1e6
        };
        let times: Vec<f64> = (0..samples).map(measure).collect();
        let (median, p99) = (quantile(times.clone(), 0.5), quantile(times, 0.99));
        println!("after {:4} us           {median:9.3} {p99:9.3}", gap.as_micros());
    }
    println!("one part alone {:9.3} us", alone * 1e6);
}

/// Functions of consecutive elements; on two threads each has its own results.
fn functions(effort: &Effort, pool: &Pool) {
    println!("\nns an element                 1T        2T");
    let [n] = effort.cut([4096]);
    for (name, kernel) in math::KERNELS {
        let narrow = numbers(n);
        let wide: Vec<f64> = narrow.iter().copied().map(f64::from).collect();
        // SAFETY: `function` passes as many elements as it says.
        let times = unsafe {
            match *kernel {
                math::Kernel::F32(f) => function(effort, pool, &narrow, |to, x, n| f(to, x, n)),
                math::Kernel::F64(f) => function(effort, pool, &wide, |to, x, n| f(to, x, n)),
                math::Kernel::OfTwoF32(f) => {
                    function(effort, pool, &narrow, |to, x, n| f(to, x, x, n))
                }
                math::Kernel::OfTwoF64(f) => {
                    function(effort, pool, &wide, |to, x, n| f(to, x, x, n))
                }
            }
        };
        println!("{:22} {:10.3}{:10.3}", name.trim_start_matches("brolga_"), times[0], times[1]);
    }
}

/// Nanoseconds an element, on one thread and on two.
fn function<T: Copy + Send + Sync>(
    effort: &Effort,
    pool: &Pool,
    source: &[T],
    f: impl Fn(*mut T, *const T, usize) + Sync,
) -> [f64; 2] {
    let n = source.len();
    [1, 2].map(|threads: usize| {
        let parts = (0..threads).map(|_| Mutex::new(source.to_vec())).collect::<Vec<_>>();
        let part = |part: usize| {
            let mut x = parts[part].lock().unwrap_or_else(PoisonError::into_inner);
            (0..16).for_each(|_| f(x.as_mut_ptr(), source.as_ptr(), n));
        };
        effort.time(|| pool.run(threads, &part)) / (16 * n * threads) as f64 * 1e9
    })
}

fn random_words(effort: &Effort) {
    println!("\nphilox                  ns a word");
    for n in effort.cut([4096, 1 << 20]) {
        let mut words = vec![0u32; n];
        // SAFETY: the words are `n`.
        let call = || unsafe { brolga_philox(words.as_mut_ptr(), n, 0, 1, 2, 3) };
        println!("{n:8} words          {:9.3}", effort.time(call) / n as f64 * 1e9);
    }
}

fn transposes(effort: &Effort) {
    println!("\ntranspose                  f32 us      GB/s    f64 us      GB/s");
    for dims in [[784, 128], [128, 784], [128, 10], [1000, 1000], [1024, 1024]] {
        let [rows, columns] = effort.cut(dims);
        let (src, mut dst) = (vec![1f32; rows * columns], vec![0f32; rows * columns]);
        let (to_row, from_row) = (rows as isize, columns as isize);
        // SAFETY: both hold rows × columns elements.
        let single = effort.time(|| unsafe {
            brolga_transpose_f32(dst.as_mut_ptr(), src.as_ptr(), rows, columns, to_row, from_row);
        });
        let (src, mut dst) = (vec![1f64; rows * columns], vec![0f64; rows * columns]);
        // SAFETY: both hold rows × columns elements.
        let double = effort.time(|| unsafe {
            brolga_transpose_f64(dst.as_mut_ptr(), src.as_ptr(), rows, columns, to_row, from_row);
        });
        let rate =
            |bytes: usize, seconds: f64| (2 * bytes * rows * columns) as f64 / seconds * 1e-9;
        let name = format!("{rows} x {columns}");
        let (single_us, double_us) = (single * 1e6, double * 1e6);
        println!(
            "{name:22} {single_us:9.2} {:9.1} {double_us:9.2} {:9.1}",
            rate(4, single),
            rate(8, double)
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs_at_its_smallest_size() {
        super::run(&super::SMOKE).expect("two threads for a test");
    }
}
