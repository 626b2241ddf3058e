//! The protocol of `handoff.rs` in every interleaving, and under every reordering that the memory
//! model allows, with a bounded number of preemptions. `loom` runs each scenario anew for every
//! execution, and finds parts that do not happen one after the other where they touch the same cell,
//! and executions in which all threads wait for ever.

use super::thrown;
use std::panic::panic_any;
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::thread::JoinHandle;

#[path = "handoff.rs"]
#[allow(dead_code, reason = "not everything that the pool's own tests ask")]
#[allow(clippy::duplicate_mod, reason = "the very code that runs, on other types")]
mod handoff;

/// As the `sync` of a real machine, without time: a worker looks once before it parks, as looking
/// longer only makes fewer orders possible, and a caller lets the others go on.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
    pub(super) use loom::thread::{Thread, park};

    pub(super) struct Spin;

    impl Spin {
        pub(super) fn new(_crowded: bool) -> Spin {
            Spin
        }

        pub(super) fn wait(&mut self) {
            loom::thread::yield_now();
        }
    }

    pub(super) struct Awake;

    impl Awake {
        pub(super) fn new(_crowded: bool) -> Awake {
            Awake
        }

        pub(super) fn wait(&mut self) -> bool {
            false
        }
    }
}

use handoff::Handoff;

/// As the pool, with loom's threads.
struct Pool {
    handoff: Arc<Handoff>,
    workers: Vec<JoinHandle<()>>,
    threads: Vec<sync::Thread>,
}

impl Pool {
    fn new(threads: usize) -> Pool {
        let handoff = Arc::new(Handoff::new(threads - 1, true));
        let spawn = |part| {
            let handoff = Arc::clone(&handoff);
            loom::thread::spawn(move || handoff.work(part))
        };
        let workers: Vec<JoinHandle<()>> = (1..threads).map(spawn).collect();
        let threads = workers.iter().map(|worker| worker.thread().clone()).collect();
        Pool { handoff, workers, threads }
    }

    /// A turn in which every part, and only it, may touch its cell; the caller touches all of them
    /// before and after. Returns whether it was this caller's turn.
    fn turn(&self) -> bool {
        let cells: Vec<Cell> = (0..=self.workers.len()).map(|_| Cell(UnsafeCell::new(0))).collect();
        cells.iter().for_each(|cell| cell.set(1));
        let outcome =
            self.handoff.fork(&self.threads, &|part| cells[part].set(cells[part].get() + 1));
        let is_ours = outcome.is_some();
        assert!(outcome.is_none_or(|outcome| outcome.is_ok()));
        let wanted = if is_ours { 2 } else { 1 };
        assert!(cells.iter().all(|cell| cell.get() == wanted), "each part is run once");
        is_ours
    }

    fn end(self) {
        self.handoff.end(&self.threads);
        self.workers.into_iter().for_each(|worker| worker.join().expect("a worker never unwinds"));
    }
}

/// A number that loom watches: accesses that are not ordered are an error.
struct Cell(UnsafeCell<u32>);

// SAFETY: that accesses are ordered is what loom checks.
unsafe impl Sync for Cell {}

impl Cell {
    fn get(&self) -> u32 {
        // SAFETY: loom panics if someone writes meanwhile.
        self.0.with(|number| unsafe { *number })
    }

    fn set(&self, to: u32) {
        // SAFETY: loom panics if someone reads or writes meanwhile.
        self.0.with_mut(|number| unsafe { *number = to });
    }
}

/// Runs a scenario in all executions with at most so many preemptions; all of them if there is no
/// bound.
fn check(preemptions: Option<usize>, scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(scenario);
}

#[test]
fn a_pool_that_is_not_used_ends() {
    check(None, || Pool::new(2).end());
    check(Some(3), || Pool::new(3).end());
}

#[test]
fn turn_after_turn_with_a_worker_that_parks() {
    check(Some(3), || {
        let pool = Pool::new(2);
        assert!(pool.turn());
        assert!(pool.turn());
        pool.end();
    });
}

#[test]
fn two_workers() {
    check(Some(2), || {
        let pool = Pool::new(3);
        assert!(pool.turn());
        pool.end();
    });
}

#[test]
fn workers_are_woken_while_another_forks() {
    check(Some(2), || {
        let pool = Arc::new(Pool::new(2));
        let other = {
            let pool = Arc::clone(&pool);
            loom::thread::spawn(move || pool.handoff.wake(&pool.threads))
        };
        assert!(pool.turn());
        other.join().expect("waking does not unwind");
        let pool = Arc::into_inner(pool).expect("the other has ended");
        pool.end();
    });
}

#[test]
fn two_callers() {
    check(Some(2), || {
        let pool = Arc::new(Pool::new(2));
        let other = {
            let pool = Arc::clone(&pool);
            loom::thread::spawn(move || pool.turn())
        };
        let ours = pool.turn();
        let theirs = other.join().expect("a turn does not unwind");
        assert!(ours || theirs, "someone has had a turn");
        let pool = Arc::into_inner(pool).expect("the other has ended");
        pool.end();
    });
}

#[test]
fn what_parts_throw_reaches_the_caller() {
    check(Some(2), || {
        let pool = Pool::new(2);
        let outcome = pool.handoff.fork(&pool.threads, &|part| panic_any(part));
        let payload = outcome.expect("nobody else forks").expect_err("both parts throw");
        assert!(payload.downcast_ref::<usize>().is_some_and(|part| *part < 2));
        assert!(pool.turn(), "the pool lives on");
        pool.end();
    });
}
