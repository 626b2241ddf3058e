//! The loader's thread: it fills batches ahead, into a few memories that go round, while steps run.
//!
//! A batch is a function of its place, the epoch and its number in it, so what is filled ahead and
//! not taken is lost without a trace. Whoever wants a batch that is not begun yet, because the thread
//! has no core to run on, fills it without waiting. Batches follow one another; whoever asks for another one than
//! the next (a training that is resumed within an epoch) lets the thread begin anew there. The
//! memories change hands: that of a batch becomes the input's, the input's goes back to be filled.
//! Nothing is allocated once the thread runs.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use brolga_compiler::ir::TensorType;
use brolga_compiler::loop_ir::CACHE_LINE;
use brolga_compiler::program::Program;

use super::filler::{Filler, Place};
use crate::RunError;
use crate::arena::{Budget, Memory};

/// Batches that are filled ahead at most. The thread rests until half of them are wanted, so that
/// it is woken for several steps at once.
const AHEAD: usize = 4;

/// The bytes that the batches take which are filled ahead while a program trains, in whole cache
/// lines. Saturates.
pub fn bytes_ahead(program: &Program) -> usize {
    let bytes = |t: &TensorType| t.n_bytes().and_then(|n| n.checked_next_multiple_of(CACHE_LINE));
    let feeds = program.feeds.iter().map(|(_, t)| bytes(t).unwrap_or(usize::MAX));
    feeds.fold(0, usize::saturating_add).saturating_mul(AHEAD)
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
    /// The thread runs: all that its beginning allocates is there.
    has_begun: bool,
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
        let state = State {
            next: first,
            expected: first,
            ready,
            free,
            beginnings: 0,
            has_begun: false,
            rests: false,
            is_awaited: false,
            is_over: false,
        };
        let (filled, wanted) = Default::default();
        let n_batches = filler.batches.n_batches();
        let ring = Arc::new(Ring { n_batches, state: Mutex::new(state), filled, wanted });
        let of_thread = Ending(ring.clone());
        let thread = std::thread::Builder::new()
            .name("brolga-loader".to_string())
            .spawn(move || of_thread.0.fill(filler))
            .map_err(|error| RunError::Threads(error.to_string()))?;
        ring.await_beginning();
        Ok(Loader { ring, thread: Some(thread) })
    }

    /// The memories of the batch of a place, which go back by [`Loader::give_back`]. Waits for a batch
    /// that the thread is at; one that it has not begun is filled here, by `filler`.
    pub(super) fn take(&self, place: Place, filler: &mut Filler) -> Filled {
        match self.ring.take(place) {
            Taken::Filled(memories) => memories,
            Taken::Empty(mut memories) => {
                filler.fill_all(place, &mut memories);
                memories
            }
        }
    }

    /// Lets memories be filled with another batch.
    pub(super) fn give_back(&self, memories: Filled) {
        self.ring.give_back(memories);
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

/// What is taken from the ring.
enum Taken {
    /// The memories of the batch.
    Filled(Filled),
    /// Memories for it: it is not begun, and the thread leaves it to whoever takes them.
    Empty(Filled),
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

    fn await_beginning(&self) {
        let mut state = self.lock();
        while !state.has_begun {
            state = wait(&self.filled, state);
        }
    }

    /// Fills batches until it is over.
    fn fill(&self, mut filler: Filler) {
        let mut state = self.lock();
        state.has_begun = true;
        self.filled.notify_one();
        while !state.is_over {
            let Some(mut memories) = state.free.pop() else {
                state.rests = true;
                state = wait(&self.wanted, state);
                continue;
            };
            let (place, beginning) = (state.next, state.beginnings);
            state.next = self.following(place);
            drop(state);
            filler.fill_all(place, &mut memories);
            state = self.lock();
            if state.beginnings == beginning {
                state.ready.push_back(memories);
            } else {
                state.free.push(memories);
            }
            if std::mem::take(&mut state.is_awaited) {
                self.filled.notify_one();
            }
        }
    }

    fn following(&self, Place { epoch, batch }: Place) -> Place {
        match batch + 1 < self.n_batches {
            true => Place { epoch, batch: batch + 1 },
            false => Place { epoch: epoch + 1, batch: 0 },
        }
    }

    fn take(&self, place: Place) -> Taken {
        let mut state = self.lock();
        if state.expected != place {
            let State { ready, free, .. } = &mut *state;
            free.extend(ready.drain(..));
            state.next = place;
            state.beginnings += 1;
        }
        state.expected = self.following(place);
        loop {
            if let Some(memories) = state.ready.pop_front() {
                return Taken::Filled(memories);
            }
            // What is being filled for an earlier beginning is no reason to wait.
            if state.next == place
                && let Some(memories) = state.free.pop()
            {
                state.next = self.following(place);
                return Taken::Empty(memories);
            }
            assert!(!state.is_over, "the thread lives until the loader is dropped");
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

    /// The batch that a loader gives and the one that is wanted, both feeds of each.
    fn taken(loader: &Loader, place: Place, own: &mut Filler) -> [Vec<u8>; 2] {
        own.batches.set_epoch(place.epoch);
        let n_rows = own.batches.rows(place.batch).len();
        let mut wanted = [vec![0; 4 * n_rows], vec![0; 3 * n_rows]];
        for (feed_idx, bytes) in wanted.iter_mut().enumerate() {
            own.fill(place.batch, feed_idx, bytes);
        }
        let filled = loader.take(place, own);
        let found = [0, 1].map(|i| filled[i].bytes()[..wanted[i].len()].to_vec());
        loader.give_back(filled);
        [found.concat(), wanted.concat()]
    }

    fn following(Place { epoch, batch }: Place) -> Place {
        match batch {
            2 => Place { epoch: epoch + 1, batch: 0 },
            _ => Place { epoch, batch: batch + 1 },
        }
    }

    #[test]
    fn batches_come_in_order_from_any_place() {
        let mut own = filler();
        let [first, start] = [(2, 1), (0, 0)].map(|(epoch, batch)| Place { epoch, batch });
        let loader = Loader::new(filler(), first, &budget()).expect("a thread");
        // As they follow one another, then elsewhere, before and after what is filled ahead.
        for from in [first, start, first, first, start, Place { epoch: 9, batch: 2 }] {
            let mut place = from;
            for turn in 0..40 {
                let [found, wanted] = taken(&loader, place, &mut own);
                assert_eq!(found, wanted, "{place:?}");
                place = following(place);
                if turn % 9 == 0 {
                    // The thread gets ahead.
                    std::thread::yield_now();
                }
            }
        }
    }

    #[test]
    fn a_thread_ends_with_its_loader_and_gives_its_memories_back() {
        let (budget, mut own) = (budget(), filler());
        for n in 0..20 {
            let place = Place { epoch: 0, batch: 0 };
            let loader = Loader::new(filler(), place, &budget).expect("a thread");
            assert_eq!(budget.taken(), 64 * 2 * AHEAD);
            for batch in 0..n % 3 {
                let [found, wanted] = taken(&loader, Place { epoch: 0, batch }, &mut own);
                assert_eq!(found, wanted);
            }
        }
        assert_eq!(budget.taken(), 0);
        let error = Loader::new(filler(), Place { epoch: 0, batch: 0 }, &Budget::new(200));
        let error = error.err().expect("a memory limit");
        assert_eq!(error.code(), "E0652");
        assert!(error.to_string().contains("the batches that are loaded ahead"), "{error}");
    }
}
