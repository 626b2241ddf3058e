//! How a caller hands work to the workers of a pool and gets it back: the protocol.
//!
//! **State.** Each worker has a slot with a *word*: [`IDLE`], a job whose part is open, [`TAKEN`], or
//! [`END`], and a flag *parked*. A caller has its *turn* while it has set `busy`.
//!
//! **Who writes what.** Only the caller whose turn it is makes an idle word a job. An open part goes to
//! whoever exchanges the word: its worker, to `TAKEN`, or the caller, back to `IDLE`. Only the worker
//! makes `TAKEN` idle, when the part is done. The turn ends when every word is idle. `END` is written
//! once, by the pool's end, which nothing else overlaps.
//!
//! **Invariants.**
//! 1. Each part is run once: by whoever exchanged its word.
//! 2. The job and all that it borrows outlive their use: a worker dereferences the word only after its
//!    exchange, and the caller returns only after it has seen that worker idle. (The word that a worker
//!    has read may be of an earlier turn, whose job had the same address; the exchange then takes the
//!    part of the present one, and nothing was read before.)
//! 3. What happens before the fork happens before every part (the word is published with release and
//!    exchanged with acquire), and every part happens before the join (released by the worker's idle,
//!    acquired by the caller), turn after turn (`busy`).
//! 4. A caller waits only for workers that run a part. It ends if the parts do, whether or not other
//!    workers are parked, slow to start, without a core, or (in a process forked by the system, where
//!    only the forking thread goes on) do not exist.
//! 5. No wake-up is lost. The caller writes the word, then looks whether its worker is parked; the worker
//!    says that it is parked, then looks at the word; between both stands a sequentially consistent
//!    fence. Whichever fence is first, the other side sees the write before it: the worker does not
//!    park, or the caller wakes it. Whoever turns `parked` from true to false owes the worker an
//!    unpark; one that comes late, or for a worker that has gone on, makes the next park return at
//!    once, and the worker looks again.
//! 6. Nothing unwinds past the protocol: what a part throws is kept, and handed to the caller.
//!
//! `model.rs` checks all of this but the turns' fairness (there is none: a caller that finds the pool
//! busy works alone) by running this very file on the types of `loom`.

use alloc::boxed::Box;

use super::sync::{AtomicBool, AtomicPtr, Awake, Ordering, Spin, Thread, fence, park};
use super::thrown::{Payload, Thrown, caught, keep_first};

/// Work for every thread, called with the number of the part.
struct Job<'a>(&'a (dyn Fn(usize) + Sync));

/// What callers and workers share.
pub(super) struct Handoff {
    /// One of each worker.
    slots: Box<[Slot]>,
    /// True while a caller has its turn.
    busy: AtomicBool,
    /// What the first worker's part that threw in this turn has thrown.
    thrown: Thrown,
    /// True if there are more threads than cores.
    crowded: bool,
}

/// Where a worker finds its part. Alone on its cache line (two, as the processor fetches pairs).
#[repr(align(128))]
struct Slot {
    /// [`IDLE`], a job whose part is open, [`TAKEN`] or [`END`].
    word: AtomicPtr<Job<'static>>,
    /// True while the worker is parked, or about to be.
    parked: AtomicBool,
}

/// There is no job, or its part is done.
const IDLE: *mut Job<'static> = core::ptr::null_mut();
/// The worker computes its part.
const TAKEN: *mut Job<'static> = core::ptr::without_provenance_mut(1);
/// The worker is to end.
const END: *mut Job<'static> = core::ptr::without_provenance_mut(2);

impl Handoff {
    /// For so many workers, each of which then calls [`Handoff::work`]; `crowded` if they and the
    /// caller are more threads than there are cores.
    pub(super) fn new(workers: usize, crowded: bool) -> Handoff {
        let slot = |_| Slot { word: AtomicPtr::new(IDLE), parked: AtomicBool::new(false) };
        Handoff {
            slots: (0..workers).map(slot).collect(),
            busy: AtomicBool::new(false),
            thrown: Thrown::default(),
            crowded,
        }
    }

    /// Calls `work(part)` for as many parts as there are threads, each on one thread, and returns
    /// what one of them threw, if any did; or nothing, without a call, if another caller has its
    /// turn or there are no workers. `threads` are the workers that have started, in order.
    pub(super) fn fork(
        &self,
        threads: &[Thread],
        work: &(dyn Fn(usize) + Sync),
    ) -> Option<Result<(), Payload>> {
        if self.slots.is_empty() || self.busy.swap(true, Ordering::Acquire) {
            return None;
        }
        let outcome = self.fork_join(threads, &Job(work));
        self.busy.store(false, Ordering::Release);
        Some(outcome)
    }

    /// Wakes parked workers, without waiting for them and without work.
    pub(super) fn wake(&self, threads: &[Thread]) {
        for (slot, thread) in self.slots.iter().zip(threads) {
            // Looked at first, as an exchange takes the line from a worker that is awake.
            if slot.parked.load(Ordering::Relaxed) && slot.parked.swap(false, Ordering::Relaxed) {
                thread.unpark();
            }
        }
    }

    /// Tells all workers to end. Nobody forks now or later.
    pub(super) fn end(&self, threads: &[Thread]) {
        self.publish(threads, END);
    }

    /// Whether all workers are parked, or about to be.
    #[cfg(test)]
    pub(super) fn all_parked(&self) -> bool {
        self.slots.iter().all(|slot| slot.parked.load(Ordering::Relaxed))
    }

    /// What the worker of a part does all its life.
    pub(super) fn work(&self, part: usize) {
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
            if let Err(payload) = job.run(part) {
                self.thrown.keep(payload);
            }
            slot.word.store(IDLE, Ordering::Release);
        }
    }

    /// Runs all parts of a job; returns what one of them threw, if any did.
    fn fork_join(&self, threads: &[Thread], job: &Job<'_>) -> Result<(), Payload> {
        let open: *mut Job<'static> = core::ptr::from_ref(job).cast_mut().cast();
        self.publish(threads, open);
        let mut first = job.run(0).err();
        for (slot, part) in self.slots.iter().zip(1..) {
            if slot.exchange(open, IDLE)
                && let Err(payload) = job.run(part)
            {
                keep_first(&mut first, payload);
            }
        }
        for slot in &self.slots {
            let mut spin = Spin::new(self.crowded);
            while slot.word.load(Ordering::Acquire) != IDLE {
                spin.wait();
            }
        }
        if let Some(payload) = self.thrown.take() {
            keep_first(&mut first, payload);
        }
        first.map_or(Ok(()), Err)
    }

    /// Tells every worker a word, and wakes those that are parked; all are idle.
    fn publish(&self, threads: &[Thread], word: *mut Job<'static>) {
        for slot in &self.slots {
            slot.word.store(word, Ordering::Release);
        }
        // Between the words and the look at who is parked; its counterpart is in `next_word`.
        fence(Ordering::SeqCst);
        self.wake(threads);
    }

    /// Waits for a word other than idle: looks for a while, then parks.
    fn next_word(&self, slot: &Slot) -> *mut Job<'static> {
        loop {
            if let Some(word) = self.look_for_word(slot) {
                return word;
            }
            slot.parked.swap(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            while slot.parked.load(Ordering::Relaxed) && slot.word.load(Ordering::Relaxed) == IDLE {
                park();
            }
            slot.parked.swap(false, Ordering::Relaxed);
        }
    }

    /// Looks for a word other than idle, as long as a worker stays awake.
    fn look_for_word(&self, slot: &Slot) -> Option<*mut Job<'static>> {
        let mut awake = Awake::new(self.crowded);
        loop {
            let word = slot.word.load(Ordering::Relaxed);
            if word != IDLE {
                return Some(word);
            }
            if !awake.wait() {
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

impl Job<'_> {
    /// Runs a part; returns what it threw.
    fn run(&self, part: usize) -> Result<(), Payload> {
        caught(|| self.0(part))
    }
}
