//! A program of a session with its feeds and results: fed, run, read, again and again.

use brolga_compiler::compile::Compiled;
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, Graph, Literal, Metric, Name, Scalar, TensorType};
use brolga_compiler::ops::{Contraction, Reference};
use brolga_compiler::program::{Output, OutputKind, Program};
use indexmap::IndexMap;

use super::eager::{Call, Eager};
use super::interpreted::Interpreted;
use super::native::{Native, Place};
use super::{Backend, Clock, Results, Session};
use crate::RunError;
use crate::arena::{Block, Budget};
use crate::eager::{Kernels, eval_calls};
use crate::train::batch_metrics;

/// An input of a program with the memory that it is fed through.
#[derive(Debug)]
pub struct Feed {
    /// The input.
    pub name: Name,
    /// Its type; every dimension is a number.
    pub tensor_type: TensorType,
    n_bytes: usize,
    block: Block,
}

/// An input of a program, to be fed. The memory itself stays where it is, as machine code knows it.
#[derive(Debug)]
pub struct FeedMut<'a> {
    /// The input.
    pub name: &'a Name,
    /// Its type; every dimension is a number.
    pub tensor_type: &'a TensorType,
    /// The elements in row-major order, little-endian; what is written stays for the following runs.
    pub bytes: &'a mut [u8],
}

impl Feed {
    pub(super) fn new(
        name: &Name,
        tensor_type: &TensorType,
        budget: &Budget,
    ) -> Result<Feed, RunError> {
        let n_bytes = n_bytes(tensor_type)?;
        let block = budget.block(n_bytes, &format!("the input `{name}`"))?;
        Ok(Feed { name: name.clone(), tensor_type: tensor_type.clone(), n_bytes, block })
    }

    /// The elements in row-major order, little-endian.
    pub fn bytes(&self) -> &[u8] {
        &self.block.bytes()[..self.n_bytes]
    }

    /// The elements as a tensor; a copy.
    pub fn literal(&self) -> Literal {
        let sizes = self.tensor_type.sizes().expect("a program has only numbers");
        Literal::from_bytes(self.tensor_type.dtype, &sizes, self.bytes())
            .expect("the bytes are those of the type")
    }

    pub(super) fn pointer(&self) -> *mut u8 {
        self.block.pointer()
    }
}

/// What a run is told of its place among others.
#[derive(Clone, Copy)]
pub(super) struct Clocks {
    pub(super) seed: i64,
    /// What the variables have been trained for.
    pub(super) clock: Clock,
    /// The number of the batch.
    pub(super) batch: i64,
}

/// The bytes of a type of numbers.
pub(super) fn n_bytes(tensor_type: &TensorType) -> Result<usize, RunError> {
    tensor_type.n_bytes().ok_or_else(|| RunError::MemoryLimit {
        purpose: format!("a tensor of {tensor_type}"),
        bytes: u64::MAX,
        taken: 0,
        limit: i64::MAX as u64,
    })
}

/// A program, what it is for, and the memories of its own.
pub(super) struct Instance {
    entry: Entry,
    binding: Binding,
    pub(super) last_use: u64,
    /// Bytes that it needs of the session's arena, and of scratch for each thread.
    pub(super) room: (usize, usize),
    feeds: Vec<Feed>,
    metrics: Vec<Metric>,
    timings: Vec<(&'static str, f64)>,
    /// How often the last run called an operation's `eval`.
    eval_calls: u64,
    engine: Engine,
}

#[expect(clippy::large_enum_variant, reason = "there are few, and each is large elsewhere too")]
enum Engine {
    Native(Native),
    Interpreted(Box<Interpreted>),
    Eager(Eager),
}

impl Instance {
    /// A program that is run as machine code or by the interpreter. The session's variables are
    /// bound.
    pub(super) fn of_program(
        (entry, binding): (Entry, Binding),
        session: &Session,
        compiled: Compiled,
    ) -> Result<Instance, RunError> {
        let Compiled { program, optimized, mut timings, .. } = compiled;
        let feeds = feeds(program.feeds.iter().map(|(name, t)| (name, t)), &session.budget)?;
        let mut room = (0, 0);
        let engine = if session.options.backend == Backend::Jit {
            room = (program.arena_bytes, program.scratch_bytes);
            let native = Native::new(program, session, &feeds)?;
            timings.extend(native.timings());
            Engine::Native(native)
        } else {
            let target = session.options.target.clone();
            Engine::Interpreted(Interpreted::new(program, target)?.into())
        };
        let metrics = optimized.metrics;
        Ok(Instance {
            entry,
            binding,
            last_use: 0,
            room,
            feeds,
            metrics,
            timings,
            eval_calls: 0,
            engine,
        })
    }

    /// A graph that is run node by node. The session's variables are bound.
    pub(super) fn of_graph(
        (entry, binding): (Entry, Binding),
        session: &Session,
        graph: Graph,
    ) -> Result<Instance, RunError> {
        let metrics = graph.metrics.clone();
        let eager = Eager::new(graph, &session.budget)?;
        let feeds = feeds(eager.inputs(), &session.budget)?;
        let (engine, timings, room) = (Engine::Eager(eager), vec![], (0, 0));
        Ok(Instance {
            entry,
            binding,
            last_use: 0,
            room,
            feeds,
            metrics,
            timings,
            eval_calls: 0,
            engine,
        })
    }

    pub(super) fn is_for(&self, entry: &Entry, binding: &Binding) -> bool {
        self.binding == *binding && self.entry == *entry
    }
}

/// Memories for inputs.
fn feeds<'a>(
    inputs: impl Iterator<Item = (&'a Name, &'a TensorType)>,
    budget: &Budget,
) -> Result<Vec<Feed>, RunError> {
    inputs.map(|(name, tensor_type)| Feed::new(name, tensor_type, budget)).collect()
}

/// A program of a session that can be fed and run. After [`Session::prepare`], feeding through
/// [`Prepared::feeds_mut`], running and reading scalars allocate nothing (eager mode aside).
pub struct Prepared<'s> {
    pub(super) session: &'s mut Session,
    pub(super) at: usize,
}

impl Prepared<'_> {
    fn instance(&self) -> &Instance {
        &self.session.instances[self.at]
    }

    /// The session.
    pub fn session(&self) -> &Session {
        self.session
    }

    /// Sets the session's clock.
    pub fn set_clock(&mut self, clock: Clock) {
        self.session.set_clock(clock);
    }

    /// The inputs, with what they were fed with last (zeros at first).
    pub fn feeds(&self) -> &[Feed] {
        &self.instance().feeds
    }

    /// The inputs, to write.
    pub fn feeds_mut(&mut self) -> impl Iterator<Item = FeedMut<'_>> {
        self.session.instances[self.at].feeds.iter_mut().map(|feed| FeedMut {
            name: &feed.name,
            tensor_type: &feed.tensor_type,
            bytes: &mut feed.block.bytes_mut()[..feed.n_bytes],
        })
    }

    /// Feeds every input by name; names that the program does not need are ignored.
    ///
    /// # Errors
    /// If an input is missing or has another type.
    pub fn feed_all(&mut self, values: &IndexMap<Name, Literal>) -> Result<(), RunError> {
        for feed in self.feeds_mut() {
            let unfed = || RunError::Unfed(feed.name.clone());
            let value = values.get(feed.name).ok_or_else(unfed)?;
            let fed = value.tensor_type();
            if fed != *feed.tensor_type {
                let (name, declared) = (feed.name.clone(), feed.tensor_type.clone());
                return Err(RunError::FeedType { name, declared, fed });
            }
            value.write_bytes(feed.bytes);
        }
        Ok(())
    }

    /// Runs the program. `step` and `epoch` are the clock's; randomness counts `batch`, the number
    /// of the batch among those that are evaluated or predicted, or in training the step again.
    /// Updates are written into the session's variables. The clock is left alone.
    ///
    /// # Errors
    /// If the data do not fit, such as an index out of range; variables may be written then.
    pub fn run(&mut self, batch: i64) -> Result<(), RunError> {
        let session = &mut *self.session;
        let instance = &mut session.instances[self.at];
        let clocks = Clocks { seed: session.options.seed, clock: session.clock, batch };
        let before = eval_calls();
        let done = match &mut instance.engine {
            Engine::Native(native) => native.run(Place {
                store: &mut session.store,
                arena: &mut session.arena,
                scratch: &mut session.scratch,
                pool: session.pool.as_ref(),
                clocks,
            }),
            Engine::Interpreted(program) => {
                program.run(&instance.feeds, &mut session.store, clocks)
            }
            Engine::Eager(eager) => {
                let call = Call { feeds: &instance.feeds, clocks };
                let contraction: &dyn Contraction = match session.options.backend {
                    Backend::Jit | Backend::Interpreter | Backend::Eager => {
                        &Kernels { pool: session.pool.as_ref() }
                    }
                    Backend::Oracle => &Reference,
                };
                eager.run(&call, &mut session.store, contraction)
            }
        };
        instance.eval_calls = eval_calls() - before;
        done
    }

    /// The results, in the order of their numbers: outputs, then the metrics' values and parts.
    pub fn outputs(&self) -> &[Output] {
        match &self.instance().engine {
            Engine::Native(native) => native.outputs(),
            Engine::Interpreted(program) => program.outputs(),
            Engine::Eager(eager) => eager.outputs(),
        }
    }

    /// The value of a result after a run.
    pub fn value(&self, number: usize) -> Literal {
        match &self.instance().engine {
            Engine::Native(native) => native.value(number),
            Engine::Interpreted(program) => program.value(number),
            Engine::Eager(eager) => eager.value(number).clone(),
        }
    }

    /// The value of a result after a run, if it is a scalar.
    pub fn scalar(&self, number: usize) -> Option<Scalar> {
        match &self.instance().engine {
            Engine::Native(native) => native.scalar(number),
            Engine::Interpreted(program) => scalar_of(&program.value(number)),
            Engine::Eager(eager) => scalar_of(eager.value(number)),
        }
    }

    /// The metrics, losses among them, that [`OutputKind::Metric`] numbers.
    pub fn metrics(&self) -> &[Metric] {
        &self.instance().metrics
    }

    /// What was compiled; `None` in eager mode.
    pub fn program(&self) -> Option<&Program> {
        match &self.instance().engine {
            Engine::Native(native) => Some(native.program()),
            Engine::Interpreted(program) => Some(program.program()),
            Engine::Eager(_) => None,
        }
    }

    /// How often the last run called an operation's `eval`: 0 where all of it was compiled.
    pub fn eval_calls(&self) -> u64 {
        self.instance().eval_calls
    }

    /// Bytes of machine code; 0 unless there is some.
    pub fn code_bytes(&self) -> usize {
        match &self.instance().engine {
            Engine::Native(native) => native.code_bytes(),
            Engine::Interpreted(_) | Engine::Eager(_) => 0,
        }
    }

    /// How long each phase of compiling took, in milliseconds.
    pub fn timings(&self) -> &[(&'static str, f64)] {
        &self.instance().timings
    }

    /// All results by name after a run. A metric of parts is that of this batch alone.
    ///
    /// # Errors
    /// If a metric's parts do not fit its formula.
    pub fn results(&self) -> Result<Results, RunError> {
        let mut outputs = IndexMap::new();
        for (number, output) in self.outputs().iter().enumerate() {
            if output.kind == OutputKind::Output {
                outputs.insert(output.name.clone(), self.value(number));
            }
        }
        Ok(Results { outputs, metrics: batch_metrics(self)? })
    }
}

/// The number of a scalar.
fn scalar_of(value: &Literal) -> Option<Scalar> {
    if value.sizes().is_empty() { value.scalars().next() } else { None }
}
