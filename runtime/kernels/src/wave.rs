//! Waves: independent kernel calls whose units the threads of a pool share.
//!
//! The units of all calls are one range, in which a unit is as long as it is costly, and each thread
//! takes a contiguous part of equal length. A unit belongs to the part that its middle lies in.

use crate::pool::{Pool, share};

/// A kernel: computes the units `first_unit .. end_unit` of its group. `args` are its own; `scratch`
/// is for the calling thread alone.
pub type Kernel = unsafe extern "C" fn(
    frame: *mut u8,
    args: *const usize,
    first_unit: usize,
    end_unit: usize,
    scratch: *mut u8,
);

/// One kernel call of a wave.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// What to call.
    pub kernel: Kernel,
    /// Its arguments.
    pub args: *const usize,
    /// How many units it has; may be 0.
    pub units: usize,
    /// The relative cost of a unit, at least 1. The sum of `units · cost` over a wave is below 2^62.
    pub cost: usize,
}

/// Runs the calls of one wave and returns when all are done. Every unit is computed once, by a call
/// for it and its neighbours on the same thread.
///
/// If the pool is null or busy, or `serial` is not 0, the calling thread does everything. Thread `t`
/// uses `scratch + t · scratch_stride`; `scratch_stride` is in bytes.
///
/// # Safety
/// `calls` points to `n_calls` calls, which may run with this frame, side by side in any order, and
/// with this scratch, on any thread; kernels do not unwind. The pool is alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_wave(
    pool: *const Pool,
    frame: *mut u8,
    calls: *const Task,
    n_calls: usize,
    serial: usize,
    scratch: *mut u8,
    scratch_stride: usize,
) {
    if n_calls == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    let calls = unsafe { core::slice::from_raw_parts(calls, n_calls) };
    let wave = Wave { frame, calls, scratch, scratch_stride };
    // SAFETY: the caller's promise.
    let pool = unsafe { pool.as_ref() }.filter(|_| serial == 0 && wave.is_divisible());
    let total = wave.cost();
    let forked = pool.is_some_and(|pool| {
        let part = |thread| share(total, thread, pool.threads());
        // SAFETY: the caller's promises; the parts of the threads are disjoint.
        pool.fork(&|thread| unsafe { wave.run(thread, part(thread), part(thread + 1)) })
    });
    if !forked {
        // SAFETY: the caller's promises.
        unsafe { wave.run(0, 0, total) }
    }
}

/// A wave that runs. Places in it are costs before them.
struct Wave<'a> {
    frame: *mut u8,
    calls: &'a [Task],
    scratch: *mut u8,
    scratch_stride: usize,
}

// SAFETY: the calls of a wave may run on any thread, says the caller of `brolga_wave`, and each thread
// has its own scratch.
unsafe impl Sync for Wave<'_> {}

impl Wave<'_> {
    /// True if it has more than one unit.
    fn is_divisible(&self) -> bool {
        self.calls.iter().map(|call| call.units.min(2)).sum::<usize>() > 1
    }

    /// The cost of all its units.
    fn cost(&self) -> u64 {
        self.calls.iter().map(Task::total).sum()
    }

    /// Computes the units between two places.
    ///
    /// # Safety
    /// The caller of `brolga_wave` allows it, and no other thread computes these units or has the
    /// number `thread`.
    unsafe fn run(&self, thread: usize, from: u64, to: u64) {
        let scratch = self.scratch.wrapping_add(thread * self.scratch_stride);
        let mut start = 0;
        for call in self.calls {
            let (first, end) = (call.units_before(start, from), call.units_before(start, to));
            if first < end {
                // SAFETY: the caller's promises.
                unsafe { (call.kernel)(self.frame, call.args, first, end, scratch) }
            }
            start += call.total();
        }
    }
}

impl Task {
    /// The cost of a unit; 0 is read as 1.
    fn unit(&self) -> u64 {
        self.cost.max(1) as u64
    }

    /// The cost of all units.
    fn total(&self) -> u64 {
        self.units as u64 * self.unit()
    }

    /// How many of its units have their middle up to a place, where the call begins at `start`.
    fn units_before(&self, start: u64, place: u64) -> usize {
        let within = place.saturating_sub(start);
        if within >= self.total() {
            self.units
        } else {
            ((2 * within + self.unit()) / (2 * self.unit())) as usize
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A call's argument: how often each of its units ran, and on which threads' scratch.
    struct Seen {
        times: Vec<AtomicU32>,
        scratch: Vec<AtomicU32>,
    }

    const STRIDE: usize = 64;

    unsafe extern "C" fn count(
        frame: *mut u8,
        args: *const usize,
        first_unit: usize,
        end_unit: usize,
        scratch: *mut u8,
    ) {
        // SAFETY: the test passes a `Seen` that outlives the wave.
        let seen = unsafe { &*args.cast::<Seen>() };
        for unit in first_unit..end_unit {
            seen.times[unit].fetch_add(1, Ordering::Relaxed);
            let thread = (scratch as usize - frame as usize) / STRIDE;
            seen.scratch[unit].store(thread as u32, Ordering::Relaxed);
        }
    }

    /// Runs a wave of calls with so many units at such costs; returns the thread of each unit.
    fn threads_of(
        pool: Option<&Pool>,
        units_and_costs: &[(usize, usize)],
        serial: usize,
    ) -> Vec<Vec<u32>> {
        let zeros = |n: usize| (0..n).map(|_| AtomicU32::new(0)).collect::<Vec<_>>();
        let seen: Vec<Seen> = units_and_costs
            .iter()
            .map(|&(units, _)| Seen { times: zeros(units), scratch: zeros(units) })
            .collect();
        let calls: Vec<Task> = units_and_costs
            .iter()
            .zip(&seen)
            .map(|(&(units, cost), seen)| Task {
                kernel: count,
                args: std::ptr::from_ref(seen).cast(),
                units,
                cost,
            })
            .collect();
        // The kernel reads no frame; its address tells where scratch begins.
        let frame = std::ptr::without_provenance_mut(4096);
        let pool = pool.map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: `calls` and what they point to live until the wave is done.
        unsafe { brolga_wave(pool, frame, calls.as_ptr(), calls.len(), serial, frame, STRIDE) }
        let values = |list: &[AtomicU32]| -> Vec<u32> {
            list.iter().map(|value| value.load(Ordering::Relaxed)).collect()
        };
        for seen in &seen {
            assert!(values(&seen.times).iter().all(|&times| times == 1), "{units_and_costs:?}");
        }
        seen.iter().map(|seen| values(&seen.scratch)).collect()
    }

    #[test]
    fn every_unit_runs_once() {
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) % below) as usize
        };
        for threads in 1..=8 {
            let pool = Pool::new(threads).expect("threads for a test");
            for _ in 0..100 {
                let calls: Vec<(usize, usize)> =
                    (0..random(6)).map(|_| (random(20), 1 + random(100))).collect();
                let places: Vec<u32> = threads_of(Some(&pool), &calls, 0).concat();
                assert!(places.is_sorted(), "the part of a thread is contiguous: {places:?}");
                threads_of(Some(&pool), &calls, 1);
                threads_of(None, &calls, 0);
            }
        }
    }

    #[test]
    fn parts_are_weighed_by_cost() {
        let pool = Pool::new(2).expect("threads for a test");
        let check = |calls: &[(usize, usize)], want: &[&[u32]]| {
            assert_eq!(threads_of(Some(&pool), calls, 0), want, "{calls:?}");
        };
        check(&[(4, 1)], &[&[0, 0, 1, 1]]);
        check(&[(1, 10), (1, 100)], &[&[0], &[1]]);
        check(&[(1, 100), (1, 10)], &[&[0], &[1]]);
        check(&[(2, 30), (3, 10), (3, 10)], &[&[0, 0], &[1, 1, 1], &[1, 1, 1]]);
        check(&[(1, 7)], &[&[0]]);
        check(&[(0, 7), (3, 1)], &[&[], &[0, 0, 1]]);
    }
}
