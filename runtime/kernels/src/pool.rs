//! The thread pool of a step: it forks and joins in a fraction of a microsecond.
//!
//! The caller is thread 0 and works too. Workers spin for a while after their last work, so that the
//! next wave finds them awake, and then park. Work is split statically: which thread does what
//! depends on the number of threads alone, and a result must not depend even on that.
//!
//! A pool serves one caller at a time; whoever comes meanwhile (another session, or work that itself
//! forks) does its work alone, on its own thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long a worker stays awake without work. Waking a parked thread takes some 50 us: far more than
/// a wave, far less than this, which in turn is little to the time between two trainings.
const AWAKE: Duration = Duration::from_micros(1500);
/// Looks at the work before a waiting thread offers its core to others, and again after that: some
/// 20 us if nothing else wants the core, as a pause takes 10 to 40 ns.
const SPINS: u32 = 1000;
/// The same when there are more threads than cores, so that someone is surely waiting for the core.
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
            ticket: Ticket(AtomicPtr::new(std::ptr::null_mut())),
            slots: (1..threads).map(|_| Slot::default()).collect(),
            panic: Mutex::new(None),
            spins: if threads > cores { SPINS_CROWDED } else { SPINS },
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

    /// Calls `part(0)` .. `part(parts − 1)`, each once, of which each thread takes a contiguous
    /// range in ascending order; returns when all are done.
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

    /// Calls `work(thread)` on every thread of the pool and returns true; or false, without a call,
    /// if the pool is busy or has one thread.
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
        self.shared.publish(&self.threads, std::ptr::null());
        for worker in self.workers.drain(..) {
            // A worker catches what its work throws, so there is nothing to report.
            let _ = worker.join();
        }
    }
}

/// Work for every thread. Aligned so that the low bits of its address are free for the turn.
#[repr(align(64))]
struct Job<'a>(&'a (dyn Fn(usize) + Sync));

/// The bits of a ticket that count turns.
const TURN: usize = 63;

/// What is thrown.
type Payload = Box<dyn Any + Send>;

/// What callers and workers share.
struct Shared {
    ticket: Ticket,
    /// One of each worker.
    slots: Box<[Slot]>,
    /// What a worker's part threw in this turn.
    panic: Mutex<Option<Payload>>,
    /// Looks at an unchanged place before yielding.
    spins: u32,
}

/// The job of the current turn, borrowed until all workers have done it, or none to tell them to end;
/// its low bits count the turns, so that the next ticket is always another. One word, alone on its
/// cache line (two, as the processor fetches pairs): a turn begins with one write.
#[repr(align(128))]
struct Ticket(AtomicPtr<Job<'static>>);

/// What one worker says.
#[derive(Default)]
#[repr(align(128))]
struct Slot {
    /// The address of the last ticket that it has done.
    done: AtomicUsize,
    /// True while it is parked, or about to be.
    parked: AtomicBool,
}

impl Shared {
    /// Runs a job on all threads, the caller among them; returns what it threw, if it did.
    fn fork_join(&self, threads: &[Thread], job: &Job<'_>) -> Result<(), Payload> {
        let ticket = self.publish(threads, std::ptr::from_ref(job).cast());
        let own = catch_unwind(AssertUnwindSafe(|| job.0(0)));
        for slot in &self.slots {
            let mut spin = Spin::new(self.spins);
            while slot.done.load(Ordering::Acquire) != ticket {
                spin.wait();
            }
        }
        let theirs = self.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        own.and(theirs.map_or(Ok(()), Err))
    }

    /// Begins a turn and returns the address of its ticket. All workers have done the one before.
    fn publish(&self, threads: &[Thread], job: *const Job<'static>) -> usize {
        let turn = (self.ticket.0.load(Ordering::Relaxed).addr() + 1) & TURN;
        let ticket = job.cast_mut().map_addr(|job| job | turn);
        // Sequentially consistent, as is the worker's side: either the worker sees the ticket before
        // it parks, or the caller sees that it parks.
        self.ticket.0.swap(ticket, Ordering::SeqCst);
        self.unpark(threads);
        ticket.addr()
    }

    /// Wakes the workers that are parked.
    fn unpark(&self, threads: &[Thread]) {
        for (slot, thread) in self.slots.iter().zip(threads) {
            if slot.parked.load(Ordering::SeqCst) && slot.parked.swap(false, Ordering::SeqCst) {
                thread.unpark();
            }
        }
    }

    /// What a worker does all its life.
    fn work(&self, thread: usize) {
        let slot = &self.slots[thread - 1];
        let mut last = std::ptr::null_mut();
        loop {
            last = self.next_ticket(slot, last);
            let job = last.map_addr(|ticket| ticket & !TURN);
            // SAFETY: whoever gave out the ticket keeps the job alive until all have done it.
            let Some(job) = (unsafe { job.as_ref() }) else { return };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.0(thread))) {
                *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
            }
            slot.done.store(last.addr(), Ordering::Release);
        }
    }

    /// Waits for a ticket after `last`: spins for a while, then parks.
    fn next_ticket(&self, slot: &Slot, last: *mut Job<'static>) -> *mut Job<'static> {
        loop {
            if let Some(ticket) = self.spin_for_ticket(last) {
                return ticket;
            }
            slot.parked.store(true, Ordering::SeqCst);
            while slot.parked.load(Ordering::SeqCst) && self.ticket.0.load(Ordering::SeqCst) == last
            {
                std::thread::park();
            }
            slot.parked.store(false, Ordering::SeqCst);
        }
    }

    /// Spins for a ticket after `last`, for [`AWAKE`] at most.
    fn spin_for_ticket(&self, last: *mut Job<'static>) -> Option<*mut Job<'static>> {
        let mut spin = Spin::new(self.spins);
        let start = Instant::now();
        loop {
            let ticket = self.ticket.0.load(Ordering::Acquire);
            if ticket != last {
                return Some(ticket);
            }
            let yielded = spin.wait();
            if yielded && start.elapsed() > AWAKE {
                return None;
            }
        }
    }
}

/// Waits a little, again and again: with a pause, and after so many pauses by offering the core to
/// other threads.
struct Spin {
    left: u32,
    between: u32,
}

impl Spin {
    fn new(spins: u32) -> Self {
        Spin { left: spins, between: spins }
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
