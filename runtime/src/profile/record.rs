//! When each part of a step's calls ran, and on which thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use crate::RunError;
use crate::link::{Observer, Part};
use crate::session::Prepared;

/// Threads write into different lists, unless there are more of them than lists.
const LISTS: usize = 64;

/// A part of a call that ran; times are nanoseconds since the recording began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number of the call, in the order of the program.
    pub call: usize,
    /// The number of the thread; 0 is the one that ran the step.
    pub thread: usize,
    /// How many units of the call it was.
    pub units: usize,
    /// When it began.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
}

/// A step that was recorded; times are nanoseconds since the recording began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// When it was asked for.
    pub begin: u64,
    /// When it was done.
    pub end: u64,
    /// What ran, in the order of beginnings.
    pub events: Vec<Event>,
}

/// Writes down when the calls of steps run.
pub struct Recorder {
    start: Instant,
    lists: Vec<List>,
}

/// What some threads have written, on cache lines of its own (two, as the processor fetches pairs): the
/// others write theirs at the same time.
#[repr(align(128))]
struct List(Mutex<Vec<Event>>);

impl List {
    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Default for Recorder {
    fn default() -> Recorder {
        let list = |_| List(Mutex::new(Vec::with_capacity(1024)));
        Recorder { start: Instant::now(), lists: (0..LISTS).map(list).collect() }
    }
}

/// A number for each thread of the process.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    OWN.with(|own| *own)
}

impl Recorder {
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Runs a program of a session that makes code to be observed, see
    /// [`SessionOptions::observe`](crate::session::SessionOptions::observe).
    ///
    /// # Errors
    /// As for [`Prepared::run`].
    pub fn step(&self, prepared: &mut Prepared<'_>, batch: i64) -> Result<StepRecord, RunError> {
        let begin = self.now();
        prepared.run_observed(batch, Some(self))?;
        let end = self.now();
        let (mut events, own) = (vec![], thread_number());
        for list in &self.lists {
            events.append(&mut list.events());
        }
        let mut threads: Vec<usize> =
            events.iter().map(|e| e.thread).filter(|&t| t != own).collect();
        threads.sort_unstable();
        threads.dedup();
        let number = |thread| 1 + threads.iter().position(|&t| t == thread).unwrap_or(0);
        for event in &mut events {
            event.thread = if event.thread == own { 0 } else { number(event.thread) };
        }
        events.sort_unstable_by_key(|event| (event.begin, event.thread));
        Ok(StepRecord { begin, end, events })
    }
}

impl Observer for Recorder {
    fn call(&self, part: &Part<'_>, run: &mut dyn FnMut()) {
        let begin = self.now();
        run();
        let (end, thread) = (self.now(), thread_number());
        let event = Event { call: part.number, thread, units: part.units.len(), begin, end };
        self.lists[thread % LISTS].events().push(event);
    }
}
