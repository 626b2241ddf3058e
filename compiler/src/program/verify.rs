//! Whether a program may run. What holds afterwards, in every turn of every loop:
//!
//! - each call has one place for each buffer of its kernel, the buffer lies within its memory, and
//!   what is written may be;
//! - what a kernel's code is for are nodes of each of its calls;
//! - what a call of a wave writes, no other call of the wave reads or writes;
//! - a place moves with loops around it alone; a thread's scratch is as large as each kernel's.
//!
//! What the calls of a kernel may share among its own buffers, the schedule decides.

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::{Address, Call, Location, Motion, Phase, Program, Wave};

/// A program that breaks a rule: a bug of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProgramError {
    /// A call has another number of places than its kernel has buffers.
    #[error("kernel `{kernel}` has {wanted} buffers and is called with {found} places")]
    Count {
        /// The kernel's name.
        kernel: String,
        /// Its buffers.
        wanted: usize,
        /// The places.
        found: usize,
    },
    /// Code is for a node that the call does not compute.
    #[error("kernel `{kernel}` has code for node {node} of a call that computes {n_nodes}")]
    NoNode {
        /// The kernel's name.
        kernel: String,
        /// The number of the node.
        node: u32,
        /// How many nodes the call computes.
        n_nodes: usize,
    },
    /// A buffer reaches beyond its memory.
    #[error("`{buffer}` of kernel `{kernel}` reaches byte {end} of a memory of {size}")]
    OutOfBounds {
        /// The kernel's name.
        kernel: String,
        /// The buffer's name.
        buffer: String,
        /// The first byte after the last one that it reaches.
        end: usize,
        /// The bytes of the memory.
        size: usize,
    },
    /// A memory that is read only is written.
    #[error("kernel `{kernel}` writes `{buffer}`, whose memory is read only")]
    ReadOnly {
        /// The kernel's name.
        kernel: String,
        /// The buffer's name.
        buffer: String,
    },
    /// A place moves with a loop, or is the number of one, that is not around it.
    #[error("`{buffer}` of kernel `{kernel}` is in loop {depth}, and there are {loops} around it")]
    NoLoop {
        /// The kernel's name.
        kernel: String,
        /// The buffer's name.
        buffer: String,
        /// The loop.
        depth: usize,
        /// How many loops there are.
        loops: usize,
    },
    /// A call writes what another call of the wave reads or writes.
    #[error("`{buffer}`, which kernel `{kernel}` writes, is in use by `{other}` in the same wave")]
    Conflict {
        /// The kernel that writes.
        kernel: String,
        /// The buffer that it writes.
        buffer: String,
        /// The other kernel.
        other: String,
    },
    /// A kernel needs more scratch than a thread has.
    #[error("kernel `{kernel}` needs {wanted} bytes of scratch of {found}")]
    Scratch {
        /// The kernel's name.
        kernel: String,
        /// What it needs.
        wanted: usize,
        /// What there is.
        found: usize,
    },
}

/// Checks a program; what holds afterwards is listed in the module's header. Linear in the calls but
/// for places of a wave that lie in the same bytes at some time.
///
/// # Errors
/// The first rule that is broken.
pub fn verify(program: &Program) -> Result<(), ProgramError> {
    for kernel in &program.kernels {
        let (_, wanted) = kernel.scratch_layout();
        if wanted > program.scratch_bytes {
            let found = program.scratch_bytes;
            return Err(ProgramError::Scratch { kernel: kernel.name.clone(), wanted, found });
        }
    }
    Verifier { program, lengths: vec![] }.phases(&program.phases)
}

struct Verifier<'a> {
    program: &'a Program,
    /// The lengths of the loops around, the outermost first.
    lengths: Vec<usize>,
}

/// What a call does with bytes of a memory.
struct Access<'a> {
    place: &'a Address,
    /// The first byte that the place would reach without moves.
    start: usize,
    bytes: usize,
    /// The last byte that it reaches in any turn, and one more.
    end: usize,
    written: bool,
    call: usize,
    buffer: usize,
}

impl Verifier<'_> {
    fn phases(&mut self, phases: &[Phase]) -> Result<(), ProgramError> {
        for phase in phases {
            match phase {
                Phase::Wave(wave) => self.wave(wave)?,
                Phase::Repeat(repeat) if repeat.length == 0 => {}
                Phase::Repeat(repeat) => {
                    self.lengths.push(repeat.length);
                    self.phases(&repeat.phases)?;
                    self.lengths.pop();
                }
            }
        }
        Ok(())
    }

    fn wave(&self, wave: &Wave) -> Result<(), ProgramError> {
        let mut memories: FxHashMap<Location, Vec<Access<'_>>> = FxHashMap::default();
        for (number, call) in wave.calls.iter().enumerate() {
            let kernel = &self.program.kernels[call.kernel];
            let (wanted, found) = (kernel.buffers.len(), call.arguments.len());
            if wanted != found {
                let kernel = kernel.name.clone();
                return Err(ProgramError::Count { kernel, wanted, found });
            }
            let n_nodes = call.nodes.len();
            if let Some(node) = kernel.exprs.origins().largest().filter(|&n| n as usize >= n_nodes)
            {
                let kernel = kernel.name.clone();
                return Err(ProgramError::NoNode { kernel, node, n_nodes });
            }
            for (buffer, place) in call.arguments.iter().enumerate() {
                let access = self.access(call, number, buffer, place)?;
                let (memory, _) = memory_of(place.location);
                memories.entry(memory).or_default().push(access);
            }
        }
        memories.into_values().try_for_each(|accesses| self.conflicts(wave, accesses))
    }

    fn access<'p>(
        &self,
        call: &Call,
        number: usize,
        buffer: usize,
        place: &'p Address,
    ) -> Result<Access<'p>, ProgramError> {
        let kernel = &self.program.kernels[call.kernel];
        let described = &kernel.buffers[buffer];
        let names = || (kernel.name.clone(), described.name.clone());
        let is_number = match place.location {
            Location::Iteration(depth) => Some(depth),
            _ => None,
        };
        let mut depths = place.moves.iter().map(|m| m.depth).chain(is_number);
        if let Some(depth) = depths.find(|&depth| depth >= self.lengths.len()) {
            let ((kernel, buffer), loops) = (names(), self.lengths.len());
            return Err(ProgramError::NoLoop { kernel, buffer, depth, loops });
        }
        if described.written && !place.location.is_writable() {
            let (kernel, buffer) = names();
            return Err(ProgramError::ReadOnly { kernel, buffer });
        }
        let (_, start) = memory_of(place.location);
        let bytes = described.len.saturating_mul(described.dtype.size());
        let furthest = place.moves.iter().map(|m| match m.motion {
            Motion::Along { step } => step.saturating_mul(self.lengths[m.depth] - 1),
            Motion::Alternate { bytes, .. } => bytes,
        });
        let end = furthest.fold(start.saturating_add(bytes), usize::saturating_add);
        let size = self.size(place.location);
        if end > size && bytes > 0 {
            let (kernel, buffer) = names();
            return Err(ProgramError::OutOfBounds { kernel, buffer, end, size });
        }
        let written = described.written;
        Ok(Access { place, start, bytes, end, written, call: number, buffer })
    }

    /// The bytes of the memory that a location is in.
    fn size(&self, location: Location) -> usize {
        let program = self.program;
        let bytes = match location {
            Location::Variable(i) => program.variables[i].1.n_bytes(),
            Location::Feed(i) => program.feeds[i].1.n_bytes(),
            Location::Output(i) => program.outputs[i].tensor_type.n_bytes(),
            Location::Arena(_) => Some(program.arena_bytes),
            Location::Constant(_) => Some(program.constants_bytes),
            Location::Seed | Location::Step | Location::Epoch => Some(size_of::<i64>()),
            Location::Batch | Location::Iteration(_) => Some(size_of::<i64>()),
        };
        bytes.unwrap_or(0)
    }

    /// Looks at the accesses to one memory in the order of their first bytes.
    fn conflicts(&self, wave: &Wave, mut accesses: Vec<Access<'_>>) -> Result<(), ProgramError> {
        accesses.sort_by_key(|a| a.start);
        for (i, a) in accesses.iter().enumerate() {
            for b in accesses[i + 1..].iter().take_while(|b| b.start < a.end) {
                let shared = a.call != b.call && (a.written || b.written);
                if shared && self.meet(a, b) {
                    let (writer, other) = if a.written { (a, b) } else { (b, a) };
                    let kernel =
                        |of: &Access<'_>| &self.program.kernels[wave.calls[of.call].kernel];
                    return Err(ProgramError::Conflict {
                        kernel: kernel(writer).name.clone(),
                        buffer: kernel(writer).buffers[writer.buffer].name.clone(),
                        other: kernel(other).name.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Whether two accesses to a memory reach a common byte in some turn. Even and odd turns of the
    /// loops in which a place alternates, of which there is at most one for each place, are looked at
    /// apart; within them the distance is taken for any that lies between its extremes.
    fn meet(&self, a: &Access<'_>, b: &Access<'_>) -> bool {
        let apart = b.start as i128 - a.start as i128;
        let mut distances = vec![(apart, apart)];
        for (depth, &length) in self.lengths.iter().enumerate() {
            let (of_a, of_b) = (motion(a.place, depth), motion(b.place, depth));
            let along = (of_b.0 - of_a.0) * (length as i128 - 1);
            let mut turns = vec![of_b.1[0] - of_a.1[0], of_b.1[1] - of_a.1[1]];
            turns.dedup();
            let moved = |&(least, most): &(i128, i128)| {
                let ends = (least + along.min(0), most + along.max(0));
                turns.iter().map(|turn| (ends.0 + turn, ends.1 + turn)).collect::<Vec<_>>()
            };
            distances = distances.iter().flat_map(moved).collect();
        }
        let meets =
            |(least, most): (i128, i128)| least < a.bytes as i128 && -most < b.bytes as i128;
        a.bytes > 0 && b.bytes > 0 && distances.into_iter().any(meets)
    }
}

/// What a loop adds to a place: bytes for each iteration, and bytes in even and in odd turns.
fn motion(place: &Address, depth: usize) -> (i128, [i128; 2]) {
    let mut sum = (0, [0, 0]);
    for m in place.moves.iter().filter(|m| m.depth == depth) {
        match m.motion {
            Motion::Along { step } => sum.0 += step as i128,
            Motion::Alternate { bytes, from_second } => {
                sum.1[usize::from(!from_second)] += bytes as i128;
            }
        }
    }
    sum
}

/// The memory that a location is in, and the position in it.
fn memory_of(location: Location) -> (Location, usize) {
    match location {
        Location::Arena(at) => (Location::Arena(0), at),
        Location::Constant(at) => (Location::Constant(0), at),
        Location::Variable(_) | Location::Feed(_) | Location::Output(_) => (location, 0),
        Location::Seed | Location::Step | Location::Epoch | Location::Batch => (location, 0),
        Location::Iteration(_) => (location, 0),
    }
}
