//! A compiled step as plain data: kernels, calls in waves and loops of waves, addresses of every memory, signature.

mod counts;
mod interpret;
mod print;
mod verify;
mod work;

pub use interpret::{Memories, run_program};
pub use verify::{ProgramError, verify};
pub use work::{Work, shares};

use crate::ir::{Literal, Name, Provenance, TensorType};
use crate::loop_ir::{IndexCheck, Kernel};

/// All that a step does, before machine code.
#[derive(Clone, Debug)]
pub struct Program {
    /// The kernels, each once however often it is called.
    pub kernels: Vec<Kernel>,
    /// What runs, one after the other.
    pub phases: Vec<Phase>,
    /// The variables that are read or written, with their types: the order of the frame's table.
    pub variables: Vec<(Name, TensorType)>,
    /// The feeds: the order of the frame's table.
    pub feeds: Vec<(Name, TensorType)>,
    /// The results: the order of the frame's table. Metrics and losses come after the outputs.
    pub outputs: Vec<Output>,
    /// The constants that are no immediates, with their offset in the constants block.
    pub constants: Vec<(usize, Literal)>,
    /// Which of the constants, by their offset, are keys of streams of random numbers.
    pub keys: Vec<(usize, Name)>,
    /// Bytes of the constants block.
    pub constants_bytes: usize,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// The bytes of it that are used at the same time at most: no layout of this schedule has fewer.
    pub arena_least_bytes: usize,
    /// Bytes of scratch that one thread needs.
    pub scratch_bytes: usize,
    /// What the numbers in the status word stand for.
    pub checks: Vec<IndexCheck>,
}

/// A result of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The name.
    pub name: Name,
    /// The type.
    pub tensor_type: TensorType,
    /// What it is.
    pub kind: OutputKind,
}

/// What a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputKind {
    /// An output or a fetched value.
    Output,
    /// The value of a metric, or the part of one (number `part`) that is summed over an epoch.
    Metric {
        /// The number of the metric among the graph's metrics.
        metric: usize,
        /// The number of the part.
        part: usize,
    },
}

/// A part of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Calls side by side; all are done before the next phase begins.
    Wave(Wave),
    /// Phases again and again.
    Repeat(Repeat),
}

/// Phases that run a number of times, in the order of their list each time.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// The loop's node: its name and provenance.
    pub node: (Name, Provenance),
    /// How many times; may be 0.
    pub length: usize,
    /// Whether the iteration's number counts down.
    pub reverse: bool,
    /// What runs each time.
    pub phases: Vec<Phase>,
}

impl Repeat {
    /// The number of the iteration that runs as number `turn`, from 0.
    pub fn iteration(&self, turn: usize) -> usize {
        if self.reverse { self.length - 1 - turn } else { turn }
    }
}

/// Calls that do not depend on each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// The calls.
    pub calls: Vec<Call>,
    /// Too cheap to share: one thread runs it.
    pub serial: bool,
}

/// A kernel on addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The kernel's number in [`Program::kernels`].
    pub kernel: usize,
    /// One address per buffer of the kernel.
    pub arguments: Vec<Address>,
    /// The nodes whose values the call computes: their names and provenance.
    pub nodes: Vec<(Name, Provenance)>,
}

/// Where an argument of a call is: a memory, and how the address moves in the loops around.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The memory, and where in it the address would be without moves.
    pub location: Location,
    /// The moves, at most one of each kind for each loop.
    pub moves: Vec<Move>,
}

/// How an address moves with a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Move {
    /// Which loop: 0 is the outermost around the call.
    pub depth: usize,
    /// How.
    pub motion: Motion,
}

/// What a loop adds to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Motion {
    /// So many bytes times the number of the iteration.
    Along {
        /// Bytes from one iteration's part to the next's.
        step: usize,
    },
    /// So many bytes in every other turn: the second one and on, or the first one and on.
    Alternate {
        /// Bytes from one memory to the other.
        bytes: usize,
        /// Whether the first turn is at the second memory.
        from_second: bool,
    },
}

/// Where a loop is: which turn it runs, and the number of the iteration that this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The turn, from 0.
    pub turn: usize,
    /// The number of the iteration.
    pub iteration: usize,
}

impl Address {
    /// How many bytes the moves add in these turns of the loops around, the outermost first.
    pub fn moved(&self, turns: &[Turn]) -> usize {
        let moved = |m: &Move| match m.motion {
            Motion::Along { step } => step * turns[m.depth].iteration,
            Motion::Alternate { bytes, from_second } => {
                bytes * ((turns[m.depth].turn + usize::from(from_second)) % 2)
            }
        };
        self.moves.iter().map(moved).sum()
    }
}

impl From<Location> for Address {
    fn from(location: Location) -> Address {
        Address { location, moves: vec![] }
    }
}

/// A memory that a step knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// A variable of the frame's table.
    Variable(usize),
    /// A feed of the frame's table.
    Feed(usize),
    /// An output of the frame's table.
    Output(usize),
    /// At so many bytes in the arena.
    Arena(usize),
    /// At so many bytes in the constants block.
    Constant(usize),
    /// The frame's seed.
    Seed,
    /// The frame's step.
    Step,
    /// The frame's epoch.
    Epoch,
    /// The frame's batch.
    Batch,
    /// The number of the iteration of a loop around, an i64; loop 0 is the outermost.
    Iteration(usize),
}

/// All that machine code sees of the world, the same for the JIT and for object files. Tables
/// hold one pointer per entry of the program's signature; every memory is aligned to 64 bytes.
#[repr(C)]
#[derive(Debug)]
pub struct Frame {
    /// The variables' memories.
    pub variables: *const *mut u8,
    /// The feeds' memories.
    pub feeds: *const *mut u8,
    /// The outputs' memories.
    pub outputs: *const *mut u8,
    /// The arena, [`Program::arena_bytes`] long.
    pub arena: *mut u8,
    /// The constants block.
    pub constants: *const u8,
    /// The scratch of thread 0; thread `t`'s begins `t · scratch_bytes` (rounded up to a cache
    /// line) later.
    pub scratch: *mut u8,
    /// The thread pool, or null for one thread.
    pub pool: *const u8,
    /// The seed of all randomness.
    pub seed: i64,
    /// The batches that the variables have been trained for.
    pub step: i64,
    /// The epochs that they have been trained for.
    pub epoch: i64,
    /// The number of the batch; in training the step.
    pub batch: i64,
    /// 0, or which of [`Program::checks`] failed, see [`failed_check`](crate::loop_ir::failed_check).
    pub status: u64,
}

impl Location {
    /// Whether a step may write there.
    pub fn is_writable(self) -> bool {
        match self {
            Location::Variable(_) | Location::Output(_) | Location::Arena(_) => true,
            Location::Feed(_) | Location::Constant(_) => false,
            Location::Seed | Location::Step | Location::Epoch | Location::Batch => false,
            Location::Iteration(_) => false,
        }
    }
}
