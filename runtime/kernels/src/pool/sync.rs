//! What the protocol is made of, on a real machine: atomic words, parking, and how to wait.

pub(super) use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
pub(super) use std::thread::{Thread, park};
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
            std::hint::spin_loop();
            return false;
        }
        self.left = self.between;
        std::thread::yield_now();
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
