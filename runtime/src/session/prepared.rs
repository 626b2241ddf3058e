//! A program of a session with its feeds and results: fed, run, read, again and again.

use std::collections::BTreeSet;
use std::time::Instant;

use brolga_compiler::compile::{Compiled, Timing};
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, Graph, Literal, Metric, MetricKind, Name, Scalar, TensorType};
use brolga_compiler::ops::{Contraction, Reference};
use brolga_compiler::program::{Output, OutputKind, Program};
use indexmap::IndexMap;

use super::eager::{Eager, Given};
use super::feed::{Clocks, Feed, FeedMut};
use super::interpreted::Interpreted;
use super::metrics::finish_metric;
use super::native::{Lent, Native};
use super::whole::Stops;
use super::{Backend, Clock, Results, Session};
use crate::RunError;
use crate::arena::Budget;
use crate::eager::{Kernels, eval_calls};
use crate::link::Observer;

/// A program, what it is for, and the memories of its own.
pub(super) struct Instance {
    entry: Entry,
    binding: Binding,
    pub(super) last_use: u64,
    /// Bytes that it needs of the session's arena, and of scratch for each thread.
    pub(super) room: (usize, usize),
    pub(super) feeds: Vec<Feed>,
    metrics: Vec<Metric>,
    timings: Vec<Timing>,
    /// What may stop a run after it has begun to write variables.
    pub(super) stops: Stops,
    /// How often the last run called an operation's `eval`.
    eval_calls: u64,
    /// Whether there was room for it once.
    has_room: bool,
    /// The graph of the program, if its code is to be observed.
    pub(super) graph: Option<Box<Graph>>,
    /// The calls and arguments in which an infinity was found that is meant.
    pub(super) meant: BTreeSet<(usize, usize)>,
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
        let stops = Stops::new(&compiled);
        let Compiled { program, optimized, fusion, mut timings, .. } = compiled;
        let graph = session.options.observe.then(|| Box::new(fusion.graph));
        let start = Instant::now();
        let feeds = feeds(program.feeds.iter().map(|(name, t)| (name, t)), &session.budget)?;
        let mut room = (0, 0);
        let engine = if session.options.backend == Backend::Jit {
            room = (program.arena_bytes, program.scratch_bytes);
            let native = Native::new(program, session, &feeds)?;
            let of_native = native.timings().into_iter();
            let mut memory = Timing::since("memory", start);
            for (name, ms) in of_native {
                memory.ms -= ms;
                timings.push(Timing { name, ms, passes: vec![] });
            }
            timings.push(memory);
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
            stops,
            eval_calls: 0,
            has_room: false,
            graph,
            meant: BTreeSet::new(),
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
        // Updates are written when all is computed.
        let stops = Stops::default();
        Ok(Instance {
            entry,
            binding,
            last_use: 0,
            room,
            feeds,
            metrics,
            timings,
            stops,
            eval_calls: 0,
            has_room: false,
            graph: None,
            meant: BTreeSet::new(),
            engine,
        })
    }

    /// What the program is for, and the numbers of its dimensions.
    pub(super) fn key(&self) -> (Entry, Binding) {
        (self.entry.clone(), self.binding.clone())
    }

    /// Adds what making room for the program took, the first time that it did.
    pub(super) fn add_memory_time(&mut self, room: Timing) {
        let memory = self.timings.iter_mut().find(|timing| timing.name == room.name);
        if let (Some(memory), false) = (memory, std::mem::replace(&mut self.has_room, true)) {
            memory.ms += room.ms;
        }
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
///
/// ```
/// use brolga::{Binding, Clock, Entry, Graph, Session, SessionOptions};
///
/// let text = "input x: f32[n]\nparam w: f32 = 4\nminimize mean(x) * w with sgd(lr=1)\n";
/// let mut session = Session::new(Graph::from_text("w.graph", text)?, SessionOptions::default())?;
/// let mut program = session.prepare(&Entry::Train, &Binding::from_iter([("n", 2)]))?;
/// for step in 0..2 {
///     for feed in program.feeds_mut() {
///         let places = feed.bytes.chunks_exact_mut(4);
///         places.zip([1f32, 3.]).for_each(|(place, x)| place.copy_from_slice(&x.to_le_bytes()));
///     }
///     program.run(step)?;
///     program.set_clock(Clock { step: step + 1, epoch: 0 });
/// }
/// // The first step has made `w` 2, the second saw it.
/// assert_eq!(program.metrics()[0].name, "loss".into());
/// assert_eq!(program.scalar(0).map(|loss| loss.to_f64()), Some(4.0));
/// assert_eq!(program.results()?.metrics["loss"].to_string(), "4.0");
/// assert_eq!(program.session().clock().step, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Prepared<'s> {
    pub(super) session: &'s mut Session,
    pub(super) at: usize,
}

impl Prepared<'_> {
    pub(super) fn instance(&self) -> &Instance {
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
        self.session.instances[self.at].feeds.iter_mut().map(Feed::writable)
    }

    /// The inputs, to be given other memories.
    pub(crate) fn feed_memories(&mut self) -> &mut [Feed] {
        &mut self.session.instances[self.at].feeds
    }

    /// Feeds every input by name; names that the program does not need are ignored.
    ///
    /// ```
    /// use brolga::{Binding, Entry, Graph, Literal, Name, Session, SessionOptions};
    ///
    /// let text = "input x: f32[n]\noutput y = x * 2\n";
    /// let graph = Graph::from_text("y.graph", text)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let mut program =
    ///     session.prepare(&Entry::Run { fetch: vec![] }, &Binding::from_iter([("n", 2)]))?;
    /// let x = Literal::from_vec(&[2], vec![1f32, 2.]).ok_or("two elements")?;
    /// program.feed_all(&[(Name::from("x"), x)].into_iter().collect())?;
    /// program.run(0)?;
    /// assert_eq!(program.value(0).to_string(), "[2.0, 4.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        self.run_observed(batch, None)
    }

    pub(crate) fn run_observed(
        &mut self,
        batch: i64,
        observer: Option<&dyn Observer>,
    ) -> Result<(), RunError> {
        let session = &mut *self.session;
        assert!(observer.is_none() || session.options.observe, "the code is made to be observed");
        let instance = &mut session.instances[self.at];
        let clocks = Clocks { seed: session.options.seed, clock: session.clock, batch };
        let before = eval_calls();
        let done = match &mut instance.engine {
            Engine::Native(native) => native.run(Lent {
                feeds: &instance.feeds,
                store: &mut session.store,
                arena: &mut session.arena,
                scratch: &mut session.scratch,
                pool: session.pool.as_ref(),
                clocks,
                observer,
            }),
            Engine::Interpreted(program) => {
                program.run(&instance.feeds, &mut session.store, clocks)
            }
            Engine::Eager(eager) => {
                let call = Given { feeds: &instance.feeds, clocks };
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
        done.map_err(|error| self.with_element(error))
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
    ///
    /// ```
    /// use brolga::{Binding, Entry, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "output y = random_normal([3]) * 2\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let prepared = session.prepare(&Entry::Run { fetch: vec![] }, &Binding::default())?;
    /// // Both operations share a kernel.
    /// assert_eq!(prepared.program().map(|program| program.kernels.len()), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use brolga::{Backend, Binding, Entry, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "output y = random_normal([3])\n")?;
    /// for (backend, has_code) in [(Backend::Jit, true), (Backend::Eager, false)] {
    ///     let options = SessionOptions { backend, ..SessionOptions::default() };
    ///     let mut session = Session::new(graph.clone(), options)?;
    ///     let prepared = session.prepare(&Entry::Run { fetch: vec![] }, &Binding::default())?;
    ///     assert_eq!(prepared.code_bytes() > 0, has_code);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn code_bytes(&self) -> usize {
        match &self.instance().engine {
            Engine::Native(native) => native.code_bytes(),
            Engine::Interpreted(_) | Engine::Eager(_) => 0,
        }
    }

    /// How long making the machine code of each kernel took, in milliseconds; nothing where there is
    /// none.
    pub fn kernel_code_ms(&self) -> &[f64] {
        match &self.instance().engine {
            Engine::Native(native) => native.kernel_ms(),
            Engine::Interpreted(_) | Engine::Eager(_) => &[],
        }
    }

    /// How long each phase of compiling took; none for what is run node by node.
    pub fn timings(&self) -> &[Timing] {
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
        Ok(Results { outputs, metrics: self.batch_metrics()? })
    }

    /// The metrics of the batch that ran last, by name.
    ///
    /// # Errors
    /// If a formula cannot be evaluated.
    pub fn batch_metrics(&self) -> Result<IndexMap<Name, Literal>, RunError> {
        let mut metrics = IndexMap::new();
        for (number, metric) in self.metrics().iter().enumerate() {
            let of_metric = |o: &Output| matches!(o.kind, OutputKind::Metric { metric, .. } if metric == number);
            let numbers = (0..self.outputs().len()).filter(|&i| of_metric(&self.outputs()[i]));
            let mut values: Vec<Literal> = numbers.map(|i| self.value(i)).collect();
            let value = match &metric.kind {
                MetricKind::Mean(_) => values.swap_remove(0),
                MetricKind::Total { finish, .. } => finish_metric(finish, &values)?,
            };
            metrics.insert(metric.name.clone(), value);
        }
        Ok(metrics)
    }
}

/// The number of a scalar.
fn scalar_of(value: &Literal) -> Option<Scalar> {
    if value.sizes().is_empty() { value.scalars().next() } else { None }
}
