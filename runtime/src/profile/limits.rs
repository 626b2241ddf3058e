//! What the machine can do at most, measured.

use std::time::{Duration, Instant};

use brolga_kernels::Pool;
use brolga_kernels::limits::multiply_adds;

use crate::RunError;

/// What so many threads of the machine can do at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The threads.
    pub threads: usize,
    /// Operations on f32 in a second: multiply-adds that wait for nothing count as two.
    pub operations: f64,
    /// For sets of so many bytes, all threads together: bytes that they read and write in a second,
    /// two thirds of them read.
    pub bytes: Vec<(usize, f64)>,
}

impl Limits {
    /// Bytes in a second where a set of so many is gone through again and again.
    pub fn bytes_within(&self, set: usize) -> f64 {
        let found = self.bytes.iter().find(|(size, _)| *size >= set).or(self.bytes.last());
        found.map_or(f64::INFINITY, |(_, bytes)| *bytes)
    }

    /// The seconds that so many operations and bytes take at least.
    pub fn least(&self, operations: f64, bytes: f64, set: usize) -> f64 {
        (operations / self.operations).max(bytes / self.bytes_within(set))
    }
}

/// The sets whose bandwidth is measured: from the first cache to beyond the last.
const SETS: [usize; 6] = [32 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20];

/// Each is measured so often, of which the best counts: what disturbs the machine makes it slower.
const TIMES: usize = 7;

/// At least so long.
const LEAST: Duration = Duration::from_millis(8);

/// Multiply-adds of a chain at a time.
const CHAIN: usize = 100_000;

/// Measures what so many threads can do; takes about a second.
///
/// # Errors
/// If the system refuses the threads.
pub fn measure_limits(threads: usize) -> Result<Limits, RunError> {
    let pool = Pool::new(threads).map_err(|error| RunError::Threads(error.to_string()))?;
    let of_chain = multiply_adds(CHAIN);
    let operations = best(|| {
        pool.run(threads, &|_| {
            multiply_adds(CHAIN);
        });
        threads as f64 * of_chain
    });
    let bytes = SETS.iter().map(|&set| (set * threads, bandwidth(&pool, set))).collect();
    Ok(Limits { threads, operations, bytes })
}

/// `y += x` over a set of so many bytes for each thread.
fn bandwidth(pool: &Pool, set: usize) -> f64 {
    let (threads, n) = (pool.threads(), set / 2 / size_of::<f32>());
    let all: Vec<std::sync::Mutex<(Vec<f32>, Vec<f32>)>> =
        (0..threads).map(|_| (vec![1.0; n], vec![0.0; n]).into()).collect();
    let repeat = (4usize << 20).div_ceil(set);
    best(|| {
        pool.run(threads, &|thread| {
            let mut own = all[thread].lock().unwrap_or_else(|e| e.into_inner());
            let (x, y) = &mut *own;
            for _ in 0..repeat {
                y.iter_mut().zip(&*x).for_each(|(y, x)| *y += x);
                std::hint::black_box(&mut *y);
            }
        });
        (threads * repeat * n * 3 * size_of::<f32>()) as f64
    })
}

/// The most that is done in a second.
fn best(work: impl Fn() -> f64) -> f64 {
    let mut best = 0.0f64;
    for _ in 0..TIMES {
        let (start, mut done) = (Instant::now(), 0.0);
        while start.elapsed() < LEAST {
            done += work();
        }
        best = best.max(done / start.elapsed().as_secs_f64());
    }
    best
}
