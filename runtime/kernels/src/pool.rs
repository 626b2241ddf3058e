//! The thread pool of a step: it forks and joins in a fraction of a microsecond.
//!
//! The caller is thread 0 and works too. Workers spin for a while after their last work, so that the
//! next wave finds them awake, and then park. Work is split in as many parts as there are threads. A
//! part that its worker has not begun when the caller is done with its own, the caller takes back: so
//! a worker that is parked, or whose core is busy with something else, costs no more than its share,
//! and a wave that is too short to be shared is not.
//!
//! A pool serves one caller at a time; whoever comes meanwhile (another session, or work that itself
//! forks) does its work alone, on its own thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long a worker stays awake without work. Waking a parked thread takes some 50 us: far more than
/// a wave, far less than this, which in turn is little to the time between two trainings.
const AWAKE: Duration = Duration::from_micros(1500);
/// Looks at the work before a waiting thread first offers its core to others: some 10 us, as a pause
/// takes up to 50 ns. A wave is seldom longer, and what it waits for may need this very core.
const SPINS: u32 = 200;
/// Looks after that from one offer to the next. An offer that nobody takes costs less than half a
/// microsecond, a quarter of these.
const SPINS_BETWEEN: u32 = 50;
/// Looks before each offer when there are more threads than cores: someone surely needs the core.
const SPINS_CROWDED: u32 = 20;

/// A fixed number of threads that work together, of which the caller is the first.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Handles of the workers, to wake them.
    threads: Vec<Thread>,
    /// True while a caller forks.
    busy: AtomicBool,
}

impl Pool {
    /// A pool of so many threads, at least one; all but the caller's are spawned now.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(threads: usize) -> std::io::Result<Pool> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let shared = Arc::new(Shared {
            slots: (1..threads)
                .map(|_| Slot { word: AtomicPtr::new(IDLE), parked: AtomicBool::new(false) })
                .collect(),
            panic: Mutex::new(None),
            crowded: threads > cores,
        });
        let mut pool =
            Pool { shared, workers: vec![], threads: vec![], busy: AtomicBool::new(false) };
        for thread in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let name = format!("brolga-{thread}");
            let worker =
                std::thread::Builder::new().name(name).spawn(move || shared.work(thread))?;
            pool.threads.push(worker.thread().clone());
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
        self.shared.unpark(&self.threads);
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
        if self.workers.is_empty() || self.busy.swap(true, Ordering::Acquire) {
            return false;
        }
        let outcome = self.shared.fork_join(&self.threads, &Job(work));
        self.busy.store(false, Ordering::Release);
        if let Err(payload) = outcome {
            resume_unwind(payload);
        }
        true
    }
}

/// Makes a pool, for programs in other languages: null if the system refuses a thread.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_pool_new(threads: usize) -> *mut Pool {
    Pool::new(threads).map_or(std::ptr::null_mut(), |pool| Box::into_raw(Box::new(pool)))
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
        self.shared.publish(&self.threads, END);
        for worker in self.workers.drain(..) {
            // A worker catches what its work throws, so there is nothing to report.
            let _ = worker.join();
        }
    }
}

/// Work for every thread, called with the number of the part.
struct Job<'a>(&'a (dyn Fn(usize) + Sync));

/// What is thrown.
type Payload = Box<dyn Any + Send>;

/// What callers and workers share.
struct Shared {
    /// One of each worker.
    slots: Box<[Slot]>,
    /// What a worker's part threw in this turn.
    panic: Mutex<Option<Payload>>,
    /// True if there are more threads than cores.
    crowded: bool,
}

/// Where a worker finds its part. Alone on its cache line (two, as the processor fetches pairs).
#[repr(align(128))]
struct Slot {
    /// [`IDLE`], a job whose part is open, [`TAKEN`] or [`END`]. A part is taken by its worker, or
    /// back by the caller: whoever exchanges the word. The job is borrowed until the word is idle.
    word: AtomicPtr<Job<'static>>,
    /// True while the worker is parked, or about to be.
    parked: AtomicBool,
}

/// There is no job, or its part is done.
const IDLE: *mut Job<'static> = std::ptr::null_mut();
/// The worker computes its part.
const TAKEN: *mut Job<'static> = std::ptr::without_provenance_mut(1);
/// The worker is to end.
const END: *mut Job<'static> = std::ptr::without_provenance_mut(2);

impl Shared {
    /// Runs all parts of a job; returns what one of them threw, if any did.
    fn fork_join(&self, threads: &[Thread], job: &Job<'_>) -> Result<(), Payload> {
        let open: *mut Job<'static> = std::ptr::from_ref(job).cast_mut().cast();
        self.publish(threads, open);
        let run = |part: usize| catch_unwind(AssertUnwindSafe(|| job.0(part)));
        let mut outcome = run(0);
        for (slot, part) in self.slots.iter().zip(1..) {
            if slot.exchange(open, IDLE) {
                outcome = outcome.and(run(part));
            }
        }
        for slot in &self.slots {
            let mut spin = Spin::new(self.crowded);
            while slot.word.load(Ordering::Acquire) != IDLE {
                spin.wait();
            }
        }
        let theirs = self.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.and(theirs.map_or(Ok(()), Err))
    }

    /// Tells every worker a word; all are idle.
    fn publish(&self, threads: &[Thread], word: *mut Job<'static>) {
        for slot in &self.slots {
            // Sequentially consistent, as is the worker's side: either the worker sees the word
            // before it parks, or the caller sees that it parks.
            slot.word.store(word, Ordering::SeqCst);
        }
        self.unpark(threads);
    }

    /// Wakes the workers that are parked.
    fn unpark(&self, threads: &[Thread]) {
        for (slot, thread) in self.slots.iter().zip(threads) {
            if slot.parked.load(Ordering::SeqCst) && slot.parked.swap(false, Ordering::SeqCst) {
                thread.unpark();
            }
        }
    }

    /// What the worker of a part does all its life.
    fn work(&self, part: usize) {
        let slot = &self.slots[part - 1];
        loop {
            let word = self.next_word(slot);
            if word == END {
                return;
            }
            if !slot.exchange(word, TAKEN) {
                continue;
            }
            // SAFETY: the part was open, so the word is a job, which its caller keeps alive until
            // this worker is idle.
            let job = unsafe { &*word };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.0(part))) {
                *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
            }
            slot.word.store(IDLE, Ordering::Release);
        }
    }

    /// Waits for a word other than idle: spins for a while, then parks.
    fn next_word(&self, slot: &Slot) -> *mut Job<'static> {
        loop {
            if let Some(word) = self.spin_for_word(slot) {
                return word;
            }
            slot.parked.store(true, Ordering::SeqCst);
            while slot.parked.load(Ordering::SeqCst) && slot.word.load(Ordering::SeqCst) == IDLE {
                std::thread::park();
            }
            slot.parked.store(false, Ordering::SeqCst);
        }
    }

    /// Spins for a word other than idle, for [`AWAKE`] at most.
    fn spin_for_word(&self, slot: &Slot) -> Option<*mut Job<'static>> {
        let mut spin = Spin::new(self.crowded);
        let start = Instant::now();
        loop {
            let word = slot.word.load(Ordering::Relaxed);
            if word != IDLE {
                return Some(word);
            }
            let yielded = spin.wait();
            if yielded && start.elapsed() > AWAKE {
                return None;
            }
        }
    }
}

impl Slot {
    /// Replaces the word if it is `from`; returns true if it was.
    fn exchange(&self, from: *mut Job<'static>, to: *mut Job<'static>) -> bool {
        self.word.load(Ordering::Relaxed) == from
            && self.word.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

/// Waits a little, again and again: with a pause, and after so many pauses by offering the core to
/// other threads.
struct Spin {
    left: u32,
    between: u32,
}

impl Spin {
    fn new(crowded: bool) -> Self {
        if crowded {
            Spin { left: SPINS_CROWDED, between: SPINS_CROWDED }
        } else {
            Spin { left: SPINS, between: SPINS_BETWEEN }
        }
    }

    /// Waits; returns true if it yielded.
    #[inline]
    fn wait(&mut self) -> bool {
        if self.left > 0 {
            self.left -= 1;
            std::hint::spin_loop();
            return false;
        }
        self.left = self.between;
        std::thread::yield_now();
        true
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
    use std::sync::atomic::AtomicU32;

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
        let parked = || pool.shared.slots.iter().all(|slot| slot.parked.load(Ordering::SeqCst));
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
