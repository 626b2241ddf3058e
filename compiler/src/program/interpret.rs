//! The meaning of programs, executed: their kernels by the interpreter of the loop IR, on the memories
//! that the plan says.

use super::{Address, Call, Location, Phase, Program, Repeat, Turn};
use crate::ir::Target;
use crate::loop_ir::{Pointer, run_units};

/// All memories of a program that is interpreted; the same order as in its signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Memories {
    /// The variables' bytes, little-endian.
    pub variables: Vec<Vec<u8>>,
    /// The feeds' bytes.
    pub feeds: Vec<Vec<u8>>,
    /// The outputs' bytes.
    pub outputs: Vec<Vec<u8>>,
    /// The arena.
    pub arena: Vec<u8>,
    /// The constants block.
    pub constants: Vec<u8>,
    /// The seed of all randomness.
    pub seed: i64,
    /// The batches that the variables have been trained for.
    pub step: i64,
    /// The epochs that they have been trained for.
    pub epoch: i64,
    /// The number of the batch; in training the step.
    pub batch: i64,
    /// 0, or the [`failure`](crate::loop_ir::failure) of the first check that failed.
    pub status: u64,
}

impl Memories {
    /// Memories of a program's sizes: constants as they are, all else zero; `None` if a type of
    /// the signature has no size.
    pub fn new(program: &Program) -> Option<Memories> {
        let zeros = |bytes: Option<usize>| bytes.map(|n| vec![0u8; n]);
        let variables = program.variables.iter().map(|(_, t)| zeros(t.n_bytes()));
        let feeds = program.feeds.iter().map(|(_, t)| zeros(t.n_bytes()));
        let outputs = program.outputs.iter().map(|o| zeros(o.tensor_type.n_bytes()));
        let mut constants = vec![0; program.constants_bytes];
        for (offset, literal) in &program.constants {
            let bytes = literal.to_bytes();
            constants[*offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
        Some(Memories {
            variables: variables.collect::<Option<_>>()?,
            feeds: feeds.collect::<Option<_>>()?,
            outputs: outputs.collect::<Option<_>>()?,
            arena: vec![0; program.arena_bytes],
            constants,
            seed: 0,
            step: 0,
            epoch: 0,
            batch: 0,
            status: 0,
        })
    }

    /// The memories as one list, in which [`Memories::slot`] finds places.
    fn take(&mut self) -> Vec<Vec<u8>> {
        let tables = [&mut self.variables, &mut self.feeds, &mut self.outputs];
        let mut all: Vec<Vec<u8>> =
            tables.into_iter().flat_map(|t| t.iter_mut().map(std::mem::take)).collect();
        all.push(std::mem::take(&mut self.arena));
        all.push(std::mem::take(&mut self.constants));
        let clocks = [self.seed, self.step, self.epoch, self.batch];
        all.extend(clocks.map(|x| x.to_le_bytes().to_vec()));
        all
    }

    fn put_back(&mut self, all: Vec<Vec<u8>>) {
        let mut all = all.into_iter();
        let tables = [&mut self.variables, &mut self.feeds, &mut self.outputs];
        let places = tables.into_iter().flat_map(|t| t.iter_mut());
        for place in places.chain([&mut self.arena, &mut self.constants]) {
            *place = all.next().unwrap_or_default();
        }
    }

    /// The place of an argument in these turns of the loops around.
    fn pointer(&self, place: &Address, turns: &[Turn]) -> Pointer {
        let (v, f, o) = (self.variables.len(), self.feeds.len(), self.outputs.len());
        let tables = v + f + o;
        let (memory, offset) = match place.location {
            Location::Variable(i) => (i, 0),
            Location::Feed(i) => (v + i, 0),
            Location::Output(i) => (v + f + i, 0),
            Location::Arena(offset) => (tables, offset),
            Location::Constant(offset) => (tables + 1, offset),
            Location::Seed => (tables + 2, 0),
            Location::Step => (tables + 3, 0),
            Location::Epoch => (tables + 4, 0),
            Location::Batch => (tables + 5, 0),
            Location::Iteration(depth) => (tables + 6 + depth, 0),
        };
        Pointer { memory, offset: offset + place.moved(turns) }
    }
}

/// Runs a step: wave after wave, call after call.
pub fn run_program(program: &Program, target: &Target, memories: &mut Memories) {
    let all = memories.take();
    let mut run = Run { program, target, memories, all, turns: vec![] };
    run.phases(&program.phases);
    let all = run.all;
    memories.put_back(all);
}

/// A step that runs.
struct Run<'a> {
    program: &'a Program,
    target: &'a Target,
    /// Where things are in `all`, and the status.
    memories: &'a mut Memories,
    /// The memories, the clocks, and the number of the iteration of each loop around.
    all: Vec<Vec<u8>>,
    turns: Vec<Turn>,
}

impl Run<'_> {
    fn phases(&mut self, phases: &[Phase]) {
        for phase in phases {
            match phase {
                Phase::Wave(wave) => wave.calls.iter().for_each(|call| self.call(call)),
                Phase::Repeat(repeat) => self.repeat(repeat),
            }
        }
    }

    fn repeat(&mut self, repeat: &Repeat) {
        for turn in 0..repeat.length {
            let iteration = repeat.iteration(turn);
            self.turns.push(Turn { turn, iteration });
            self.all.push((iteration as i64).to_le_bytes().to_vec());
            self.phases(&repeat.phases);
            self.all.pop();
            self.turns.pop();
        }
    }

    fn call(&mut self, call: &Call) {
        let kernel = &self.program.kernels[call.kernel];
        let pointers = call.arguments.iter().map(|p| self.memories.pointer(p, &self.turns));
        let pointers: Vec<Pointer> = pointers.collect();
        let (units, status) = (0..kernel.n_units(), &mut self.memories.status);
        run_units(kernel, self.target, &pointers, &mut self.all, units, status);
    }
}
