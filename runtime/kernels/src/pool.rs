//! The thread pool of a step: it forks and joins in a fraction of a microsecond.
//!
//! The caller is thread 0 and works too. Workers spin for a while after their last work, so that the
//! next wave finds them awake, and then park. Work is split in as many parts as there are threads. A
//! part that its worker has not begun when the caller is done with its own, the caller takes back: so
//! a worker that is parked, or whose core is busy with something else, costs no more than its share,
//! and a wave that is too short to be shared is not.
//!
//! A pool serves one caller at a time; whoever comes meanwhile (another session, or work that itself
//! forks) does its work alone, on its own thread. How work is handed over and back is in `handoff.rs`.
//!
//! **Beginning and end.** A worker that has not started yet is one that has not begun its part: nobody
//! waits for it. If the system refuses a thread, those that have started end with the pool. The pool's
//! end tells every worker and joins it; nothing else is under way then, as the pool is borrowed by
//! nobody. No pool is static, so none ends while its process does; a process that exits takes its
//! workers with it, wherever they are. In a process that the system has forked a pool has no workers:
//! its caller does everything, and the pool is to be leaked, as its end would join threads that are
//! not there.

#[cfg(not(any(feature = "std", test)))]
mod bare;
mod handoff;
#[cfg(test)]
mod model;
mod sync;
mod thrown;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::null_mut;

use handoff::Handoff;
use sync::{Thread, Worker, cores, spawn};

pub use sync::Refused;

/// A fixed number of threads that work together, of which the caller is the first.
pub struct Pool {
    handoff: Arc<Handoff>,
    workers: Vec<Worker>,
    /// Handles of the workers, to wake them.
    threads: Vec<Thread>,
}

impl Pool {
    /// A pool of so many threads, at least one; all but the caller's are spawned now.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(threads: usize) -> Result<Pool, Refused> {
        let handoff = Arc::new(Handoff::new(threads.max(1) - 1, threads > cores()));
        let mut pool = Pool { handoff, workers: Vec::new(), threads: Vec::new() };
        for thread in 1..threads {
            let handoff = Arc::clone(&pool.handoff);
            let (worker, handle) = spawn(thread, move || handoff.work(thread))?;
            pool.threads.push(handle);
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// The number of threads, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Wakes parked workers, without waiting for them: for the beginning of a step, whose first
    /// waves then find them awake.
    pub fn wake(&self) {
        self.handoff.wake(&self.threads);
    }

    /// Calls `part(0)` .. `part(parts − 1)`, each once, as so many contiguous ranges as there are
    /// threads, within a range in ascending order; returns when all are done.
    ///
    /// # Panics
    /// If a part panics, with its payload (one of them, if several do), after the others are done.
    pub fn run(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        let threads = self.threads();
        let share = |thread: usize| share(parts as u64, thread, threads) as usize;
        let whole = |thread: usize| (share(thread)..share(thread + 1)).for_each(part);
        if parts < 2 || !self.fork(&whole) {
            (0..parts).for_each(part);
        }
    }

    /// Calls `work(part)` for as many parts as the pool has threads, each on one thread, and returns
    /// true; or false, without a call, if the pool is busy or has one thread.
    pub(crate) fn fork(&self, work: &(dyn Fn(usize) + Sync)) -> bool {
        match self.handoff.fork(&self.threads, work) {
            None => false,
            Some(Ok(())) => true,
            Some(Err(payload)) => thrown::resume(payload),
        }
    }
}

/// Makes a pool, for programs in other languages: null if the system refuses a thread.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_pool_new(threads: usize) -> *mut Pool {
    Pool::new(threads).map_or(null_mut(), |pool| Box::into_raw(Box::new(pool)))
}

/// Ends a pool.
///
/// # Safety
/// `pool` is null, or from [`brolga_pool_new`], not yet ended, and used by nobody.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_pool_free(pool: *mut Pool) {
    if !pool.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(pool) });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.handoff.end(&self.threads);
        self.workers.drain(..).for_each(Worker::join);
    }
}

/// Where the part of a thread begins, of a total that is split evenly: `total · thread / threads`,
/// rounded up (the caller, who starts first, has the longest part), without overflow in between.
pub(crate) fn share(total: u64, thread: usize, threads: usize) -> u64 {
    let (thread, threads) = (thread as u64, threads as u64);
    total / threads * thread + (total % threads * thread).div_ceil(threads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Runs so many parts and checks that each ran once.
    fn check(pool: &Pool, parts: usize) {
        let times: Vec<AtomicU32> = (0..parts).map(|_| AtomicU32::new(0)).collect();
        pool.run(parts, &|part| {
            times[part].fetch_add(1, Ordering::Relaxed);
        });
        let times: Vec<u32> = times.iter().map(|times| times.load(Ordering::Relaxed)).collect();
        assert_eq!(times, vec![1; parts]);
    }

    fn pool(threads: usize) -> Pool {
        Pool::new(threads).expect("threads for a test")
    }

    #[test]
    fn every_part_runs_once() {
        for threads in 1..=8 {
            let pool = pool(threads);
            assert_eq!(pool.threads(), threads);
            for parts in [0, 1, 2, 3, 7, 8, 9, 100] {
                for _ in 0..20 {
                    check(&pool, parts);
                }
            }
        }
    }

    #[test]
    fn parked_workers_wake() {
        let pool = pool(3);
        let parked = || pool.handoff.all_parked();
        for round in 0..3 {
            while !parked() {
                std::thread::yield_now();
            }
            if round == 1 {
                pool.wake();
            }
            check(&pool, 10);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = pool(4);
        for bad in [0, 1, 3] {
            let thrown = catch_unwind(AssertUnwindSafe(|| {
                pool.run(4, &|part| assert!(part != bad, "part {part}"));
            }));
            let payload = thrown.expect_err("the part panics");
            assert_eq!(payload.downcast_ref::<String>(), Some(&format!("part {bad}")));
            check(&pool, 9);
        }
    }

    #[test]
    fn a_payload_whose_destructor_panics_does_no_harm() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("a payload was dropped by the pool");
            }
        }
        let pool = pool(4);
        for _ in 0..20 {
            // Every thread has its own part: nobody goes on before all have begun.
            let begun = std::sync::Barrier::new(4);
            let thrown = catch_unwind(AssertUnwindSafe(|| {
                pool.run(4, &|_| {
                    begun.wait();
                    std::panic::panic_any(Bomb)
                });
            }));
            let payload = thrown.expect_err("every part panics");
            assert!(payload.is::<Bomb>());
            std::mem::forget(payload);
            assert!(pool.fork(&|_| ()), "the turn has ended");
        }
    }

    #[test]
    fn several_callers_and_nested_calls() {
        let pool = pool(3);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..200).for_each(|_| check(&pool, 5)));
            }
        });
        pool.run(3, &|_| check(&pool, 4));
    }

    #[test]
    fn shares_cover_the_total() {
        for total in [0, 1, 7, 100, u64::MAX] {
            for threads in 1..9 {
                assert_eq!((share(total, 0, threads), share(total, threads, threads)), (0, total));
                assert!(
                    (0..threads).all(|t| share(total, t, threads) <= share(total, t + 1, threads))
                );
            }
        }
    }
}
