//! The loader's thread: it fills batches ahead, into a few memories that go round, while steps run.
//!
//! A batch is a function of its place, the epoch and its number in it, so what is filled ahead and
//! not taken is lost without a trace. Batches follow one another; whoever asks for another one than
//! the next (a training that is resumed within an epoch) lets the thread begin anew there. The
//! memories change hands: that of a batch becomes the input's, the input's goes back to be filled.
//! Nothing is allocated once the thread runs.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use super::feeding::Filler;
use crate::RunError;
use crate::arena::{Budget, Memory};

/// Batches that are filled ahead at most. The thread rests until half of them are wanted, so that
/// it is woken for several steps at once.
const AHEAD: usize = 4;

/// The place of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) epoch: u64,
    /// The number in the epoch.
    pub(super) batch: usize,
}

/// The memories of one batch, in the order of the feeds.
pub(super) type Filled = Vec<Memory>;

/// What the thread and its user share.
struct Ring {
    /// The batches of an epoch.
    n_batches: usize,
    state: Mutex<State>,
    /// There is a batch to take, or the thread has ended.
    filled: Condvar,
    /// There are memories to fill, another place to begin at, or it is time to end.
    wanted: Condvar,
}

struct State {
    /// What is filled next.
    next: Place,
    /// What is taken next, the first of `ready` once it is there.
    expected: Place,
    ready: VecDeque<Filled>,
    free: Vec<Filled>,
    /// Counts the beginnings, so that what was being filled meanwhile is not taken for what follows.
    beginnings: u64,
    /// The thread waits for memories. A wake-up is a call of the system, and made only then.
    rests: bool,
    /// The user waits for a batch.
    is_awaited: bool,
    is_over: bool,
}

/// A thread that fills batches ahead; it ends with this.
pub(super) struct Loader {
    ring: Arc<Ring>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Begins to fill batches at a place.
    ///
    /// # Errors
    /// A memory limit that leaves no room for them, or if the system refuses the thread.
    pub(super) fn new(filler: Filler, first: Place, budget: &Budget) -> Result<Loader, RunError> {
        let memories = |_| {
            let block = |bytes| budget.block(bytes, "the batches that are loaded ahead");
            filler.bytes().map(block).collect::<Result<Filled, RunError>>()
        };
        let free = (0..AHEAD).map(memories).collect::<Result<Vec<Filled>, RunError>>()?;
        let ready = VecDeque::with_capacity(AHEAD);
        let (next, expected) = (first, first);
        let (rests, is_awaited, is_over) = (false, false, false);
        let beginnings = 0;
        let state = State { next, expected, ready, free, beginnings, rests, is_awaited, is_over };
        let (filled, wanted) = Default::default();
        let n_batches = filler.batches.n_batches();
        let ring = Arc::new(Ring { n_batches, state: Mutex::new(state), filled, wanted });
        let of_thread = Ending(ring.clone());
        let thread = std::thread::Builder::new()
            .name("brolga-loader".to_string())
            .spawn(move || of_thread.0.fill(filler))
            .map_err(|error| RunError::Threads(error.to_string()))?;
        Ok(Loader { ring, thread: Some(thread) })
    }

    /// Lets `take` use the batch of a place, whose memories go back to be filled afterwards. Waits
    /// until it is there.
    pub(super) fn with<R>(&self, place: Place, take: impl FnOnce(&mut Filled) -> R) -> R {
        let mut batch = self.ring.take(place);
        let result = take(&mut batch);
        self.ring.give_back(batch);
        result
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.ring.end();
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Tells the ring that the thread has ended, however it did.
struct Ending(Arc<Ring>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Ring {
    /// The state. A lock that a panic has left is taken all the same: the state is whole between any
    /// two statements under it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn end(&self) {
        self.lock().is_over = true;
        self.filled.notify_all();
        self.wanted.notify_all();
    }

    /// Fills batches until it is over.
    fn fill(&self, mut filler: Filler) {
        let mut state = self.lock();
        while !state.is_over {
            let Some(mut memories) = state.free.pop() else {
                state.rests = true;
                state = wait(&self.wanted, state);
                continue;
            };
            let (place, beginning) = (state.next, state.beginnings);
            state.next = self.following(place);
            drop(state);
            filler.batches.set_epoch(place.epoch);
            for (feed_idx, memory) in memories.iter_mut().enumerate() {
                filler.fill(place.batch, feed_idx, memory.bytes_mut());
            }
            state = self.lock();
            if state.beginnings == beginning {
                state.ready.push_back(memories);
                if std::mem::take(&mut state.is_awaited) {
                    self.filled.notify_one();
                }
            } else {
                state.free.push(memories);
            }
        }
    }

    fn following(&self, Place { epoch, batch }: Place) -> Place {
        match batch + 1 < self.n_batches {
            true => Place { epoch, batch: batch + 1 },
            false => Place { epoch: epoch + 1, batch: 0 },
        }
    }

    fn take(&self, place: Place) -> Filled {
        let mut state = self.lock();
        if state.expected != place {
            let State { ready, free, .. } = &mut *state;
            free.extend(ready.drain(..));
            state.next = place;
            state.beginnings += 1;
            self.wake(&mut state);
        }
        state.expected = self.following(place);
        loop {
            match state.ready.pop_front() {
                Some(memories) => return memories,
                None => assert!(!state.is_over, "the thread lives until the loader is dropped"),
            }
            state.is_awaited = true;
            state = wait(&self.filled, state);
        }
    }

    fn give_back(&self, memories: Filled) {
        let mut state = self.lock();
        state.free.push(memories);
        if state.free.len() >= AHEAD / 2 {
            self.wake(&mut state);
        }
    }

    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.rests) {
            self.wanted.notify_one();
        }
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use brolga_compiler::ir::{Binding, DType, Dim, Literal, TensorType};

    use super::*;
    use crate::data::{BatchOptions, Batches, DataSet, Tail, feed_plan};

    /// Fills batches of 3 of 7 rows: a number each, and three bytes.
    fn filler() -> Filler {
        let x = Literal::from_vec(&[7], (0..7i32).collect()).expect("seven");
        let y = Literal::from_vec(&[7, 3], (0..21u8).collect()).expect("three each");
        let arrays = vec![("x".to_string(), x), ("y".to_string(), y)];
        let data = DataSet::new("test", arrays).expect("a data set");
        let batch = Dim::symbol("batch");
        let inputs = [
            ("x".to_string(), TensorType::new(DType::I32, std::slice::from_ref(&batch))),
            ("y".to_string(), TensorType::new(DType::U8, &[batch, 3.into()])),
        ];
        let plan = feed_plan(&inputs, &data, &Binding::default()).expect("they fit");
        let batch_size = NonZeroUsize::new(3).expect("not 0");
        let options = BatchOptions { batch_size, tail: Tail::Keep, shuffle: Some(4) };
        Filler::new(Batches::new(&data, &plan, options))
    }

    fn budget() -> Budget {
        Budget::new(1 << 20)
    }

    #[test]
    fn batches_come_in_order_from_any_place() {
        let mut wanted = filler();
        let first = Place { epoch: 2, batch: 1 };
        let loader = Loader::new(filler(), first, &budget()).expect("a thread");
        let follow = |Place { epoch, batch }: Place| match batch {
            2 => Place { epoch: epoch + 1, batch: 0 },
            _ => Place { epoch, batch: batch + 1 },
        };
        // As they follow one another, then elsewhere, before and after what is filled ahead.
        for start in
            [first, Place { epoch: 0, batch: 0 }, first, first, Place { epoch: 9, batch: 2 }]
        {
            let mut place = start;
            for _ in 0..11 {
                wanted.batches.set_epoch(place.epoch);
                for (feed_idx, n_bytes) in [4, 3]
                    .map(|n| n * wanted.batches.rows(place.batch).len())
                    .into_iter()
                    .enumerate()
                {
                    let mut bytes = vec![0; n_bytes];
                    wanted.fill(place.batch, feed_idx, &mut bytes);
                    if feed_idx == 0 {
                        loader
                            .with(place, |filled| assert_eq!(filled[0].bytes()[..n_bytes], bytes));
                        // The same once more begins anew.
                    }
                    loader.with(place, |filled| {
                        assert_eq!(filled[feed_idx].bytes()[..n_bytes], bytes)
                    });
                }
                place = follow(place);
            }
        }
    }

    #[test]
    fn a_thread_ends_with_its_loader_and_gives_its_memories_back() {
        let budget = budget();
        for taken in 0..20 {
            let place = Place { epoch: 0, batch: 0 };
            let loader = Loader::new(filler(), place, &budget).expect("a thread");
            assert_eq!(budget.taken(), 64 * 2 * AHEAD);
            for batch in 0..taken % 3 {
                loader.with(Place { epoch: 0, batch }, |_| ());
            }
        }
        assert_eq!(budget.taken(), 0);
        let error = Loader::new(filler(), Place { epoch: 0, batch: 0 }, &Budget::new(200));
        let error = error.err().expect("a memory limit");
        assert_eq!(error.code(), "E0652");
        assert!(error.to_string().contains("the batches that are loaded ahead"), "{error}");
    }
}
