//! What the protocol is made of, on a real machine: atomic words, parking, and how to wait.

pub(super) use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
use core::time::Duration;

#[cfg(not(any(feature = "std", test)))]
pub use super::bare::Refused;
#[cfg(not(any(feature = "std", test)))]
use super::bare::{Instant, yield_now};
#[cfg(not(any(feature = "std", test)))]
pub(super) use super::bare::{Thread, Worker, cores, park, spawn};
#[cfg(any(feature = "std", test))]
pub use library::Refused;
#[cfg(any(feature = "std", test))]
pub(super) use library::{Worker, cores, spawn};
#[cfg(any(feature = "std", test))]
pub(super) use std::thread::{Thread, park};
#[cfg(any(feature = "std", test))]
use std::{thread::yield_now, time::Instant};

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

/// Waits a little, again and again: with a pause, and after so many pauses by offering the core to
/// other threads.
pub(super) struct Spin {
    left: u32,
    between: u32,
}

impl Spin {
    pub(super) fn new(crowded: bool) -> Self {
        if crowded {
            Spin { left: SPINS_CROWDED, between: SPINS_CROWDED }
        } else {
            Spin { left: SPINS, between: SPINS_BETWEEN }
        }
    }

    /// Waits; returns true if it yielded.
    #[inline]
    pub(super) fn wait(&mut self) -> bool {
        if self.left > 0 {
            self.left -= 1;
            core::hint::spin_loop();
            return false;
        }
        self.left = self.between;
        yield_now();
        true
    }
}

/// How a worker without work waits before it parks.
pub(super) struct Awake {
    spin: Spin,
    start: Instant,
}

impl Awake {
    pub(super) fn new(crowded: bool) -> Awake {
        Awake { spin: Spin::new(crowded), start: Instant::now() }
    }

    /// Waits a little; returns false when it is time to park.
    #[inline]
    pub(super) fn wait(&mut self) -> bool {
        let yielded = self.spin.wait();
        !(yielded && self.start.elapsed() > AWAKE)
    }
}

/// Threads of the standard library.
#[cfg(any(feature = "std", test))]
mod library {
    use std::thread::{Builder, JoinHandle, Thread, available_parallelism};

    /// The system refuses a thread.
    pub type Refused = std::io::Error;

    /// A thread that was started, to be joined.
    pub(crate) struct Worker(JoinHandle<()>);

    impl Worker {
        /// Waits for its end.
        pub(crate) fn join(self) {
            // A worker catches what its work throws, so there is nothing to report.
            let _ = self.0.join();
        }
    }

    /// Starts a thread.
    pub(crate) fn spawn(
        number: usize,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(Worker, Thread), Refused> {
        let worker = Builder::new().name(format!("brolga-{number}")).spawn(work)?;
        let thread = worker.thread().clone();
        Ok((Worker(worker), thread))
    }

    /// The cores that this process may use.
    pub(crate) fn cores() -> usize {
        available_parallelism().map_or(1, |n| n.get())
    }
}
