//! Sessions: a module's variables, and the programs of its entries that run on them.
//!
//! Variables are shared by the programs of all entries and bindings. Programs are made when they
//! are first needed and kept, the oldest of many go; all of them run in one arena of the largest
//! size. Nothing is allocated while a program runs.

mod calls;
mod checked;
mod eager;
mod feed;
mod finite;
mod first;
mod indexed;
mod initial;
mod interpreted;
mod metrics;
mod native;
mod prepared;
mod whole;
mod within;

use std::sync::Arc;
use std::time::Instant;

use brolga_compiler::compile::{Compiled, Options, Timing, compile, verified};
use brolga_compiler::entry::{check_rows, entry_graph};
use brolga_compiler::ir::{
    Binding, Literal, Module, Name, NodeId, Target, TensorType, Variable, VariableKind,
};
use brolga_compiler::loop_ir::CACHE_LINE;
use brolga_compiler::ops::{Leaf, Op};
use brolga_compiler::program::Program;
use brolga_compiler::specialise::specialise;
use brolga_kernels::Pool;
use indexmap::IndexMap;

use crate::arena::{Budget, Memory, Taken, keep_freed_blocks};
use crate::data::DataSet;
use crate::link::Making;
use crate::store::{Keep, Loaded, Store};
use crate::{RunError, host_memory, host_target, host_threads};

pub use brolga_compiler::entry::{Entry, EntryGraph, SymbolInput};
pub use checked::MadeNotFinite;
pub use feed::{Feed, FeedMut};
pub use finite::{NotFinite, Range};
use initial::InitialPrograms;
pub use metrics::finish_metric;
use prepared::Instance;
pub use prepared::Prepared;

/// How programs are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// As machine code.
    Jit,
    /// By the interpreter of the loop IR, which the machine code is checked against.
    Interpreter,
    /// Node by node, with the kernels that machine code calls.
    Eager,
    /// Node by node, with the reference product: what the others are checked against.
    Oracle,
}

/// What a session is made with.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The seed of initial values and of all randomness.
    pub seed: i64,
    /// The number of threads, at least 1. It changes no result.
    pub threads: usize,
    /// How programs are run.
    pub backend: Backend,
    /// Bytes that variables, data, feeds, results and the arena may take together.
    pub memory_limit: usize,
    /// What the code is made for.
    pub target: Target,
    /// What the compiler is told.
    pub compiler: Options,
    /// Make machine code whose calls can be observed: for profiles, and to find what is not finite.
    pub observe: bool,
    /// Tell `perf` (Linux) of the machine code: kernels by name in `/tmp/perf-PID.map`, and with the
    /// lines of the file in `jit-PID.dump` in the process's folder.
    pub perf: bool,
}

impl Default for SessionOptions {
    /// Machine code for this machine, on all of its cores, with all of its memory, from seed 0.
    fn default() -> SessionOptions {
        SessionOptions {
            seed: 0,
            threads: host_threads(),
            backend: Backend::Jit,
            memory_limit: host_memory(),
            target: host_target(),
            compiler: Options::default(),
            observe: false,
            perf: false,
        }
    }
}

/// What the parameters have been trained for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clock {
    /// Batches.
    pub step: i64,
    /// Epochs.
    pub epoch: i64,
}

/// Results of one call by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// The outputs, or what was fetched.
    pub outputs: IndexMap<Name, Literal>,
    /// The metrics of this batch alone, losses among them.
    pub metrics: IndexMap<Name, Literal>,
}

/// Programs that are kept; each has its feeds and results in memory.
const MAX_PROGRAMS: usize = 16;

/// A module with variables, threads and programs.
pub struct Session {
    module: Arc<Module>,
    options: SessionOptions,
    clock: Clock,
    store: Store,
    /// The graphs of the entries that were asked for, with their own dimensions.
    entries: Vec<(Entry, Arc<EntryGraph>)>,
    pool: Option<Pool>,
    budget: Budget,
    /// The memory that all programs run in, one after the other.
    arena: Memory,
    /// One part a thread.
    scratch: Memory,
    instances: Vec<Instance>,
    /// The programs of initial values, while variables get theirs.
    initial: InitialPrograms,
    /// Counts preparations, to know which program is the oldest.
    uses: u64,
}

impl Session {
    /// A session in which nothing is compiled yet and no variable has a value.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "param w: f32[2] = normal(0, 1)\noutput y = w\n")?;
    /// let y = |seed| {
    ///     let options = SessionOptions { seed, threads: 1, ..SessionOptions::default() };
    ///     Session::new(graph.clone(), options)?.outputs([])
    /// };
    /// assert!(y(1)? == y(1)? && y(1)? != y(2)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the system refuses the threads.
    pub fn new(
        module: impl Into<Arc<Module>>,
        options: SessionOptions,
    ) -> Result<Session, RunError> {
        let pool = pool(options.threads)?;
        let budget = Budget::new(options.memory_limit);
        match options.backend {
            Backend::Eager => keep_freed_blocks(),
            Backend::Jit | Backend::Interpreter | Backend::Oracle => {}
        }
        let keep = match options.backend {
            Backend::Jit => Keep::Blocks,
            Backend::Interpreter | Backend::Eager | Backend::Oracle => Keep::Arrays,
        };
        Ok(Session {
            module: module.into(),
            clock: Clock::default(),
            store: Store::new(keep, budget.clone()),
            entries: vec![],
            pool,
            arena: budget.block(0, "the arena")?,
            scratch: budget.block(0, "the threads' scratch")?,
            budget,
            instances: vec![],
            initial: InitialPrograms::default(),
            uses: 0,
            options,
        })
    }

    /// The module.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let text = "graph sum\ninput x: f32[n]\noutput y = sum(x)\n";
    /// let session = Session::new(Graph::from_text("y.graph", text)?, SessionOptions::default())?;
    /// assert_eq!(session.module().name.as_deref(), Some("sum"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// What the session was made with.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let options = SessionOptions { seed: 7, ..SessionOptions::default() };
    /// let session = Session::new(Graph::from_text("y.graph", "output y = 1\n")?, options)?;
    /// assert_eq!(session.options().seed, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// What the parameters have been trained for.
    ///
    /// ```
    /// use brolga::{Clock, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("w.graph", "param w: f32 = 3\nminimize w with sgd(lr=1)\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// assert_eq!(session.clock(), Clock { step: 1, epoch: 0 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Sets what the parameters have been trained for: after a batch, or a load.
    ///
    /// ```
    /// use brolga::{Clock, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "output later = step + 1\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.set_clock(Clock { step: 100, epoch: 3 });
    /// assert_eq!(session.outputs([])?["later"].to_string(), "101");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Runs on so many threads from now on, at least 1. It changes no result.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "output y = sum(random_normal([1000]))\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.set_threads(1)?;
    /// let alone = session.outputs([])?;
    /// session.set_threads(2)?;
    /// assert_eq!(session.outputs([])?, alone);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the system refuses the threads.
    pub fn set_threads(&mut self, threads: usize) -> Result<(), RunError> {
        self.pool = pool(threads)?;
        self.options.threads = threads;
        Ok(())
    }

    /// Bytes that are taken now, and the limit.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let options = SessionOptions { memory_limit: 1 << 20, ..SessionOptions::default() };
    /// let graph = Graph::from_text("w.graph", "param w: f32[1000] = zeros\noutput y = w\n")?;
    /// let mut session = Session::new(graph, options)?;
    /// session.outputs([])?;
    /// let (taken, limit) = session.memory();
    /// assert!((4000..limit).contains(&taken) && limit == 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory(&self) -> (usize, usize) {
        (self.budget.taken(), self.budget.limit())
    }

    /// What memories are taken from.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Counts the bytes of a data set against the limit, until what is returned is dropped.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions, load_data};
    ///
    /// let graph = Graph::from_text("y.graph", "output y = 1\n")?;
    /// let session = Session::new(graph, SessionOptions::default())?;
    /// let (before, data) = (session.memory().0, load_data("digits?rows=10")?);
    /// let held = session.hold(&data)?;
    /// assert!(session.memory().0 >= before + data.n_bytes());
    /// drop(held);
    /// assert_eq!(session.memory().0, before);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If they are beyond it.
    pub fn hold(&self, data: &DataSet) -> Result<Taken, RunError> {
        self.budget.take(data.n_bytes(), &format!("the data `{}`", data.name()))
    }

    /// Bytes that a new session takes to run a program of the module on so many threads: variables,
    /// feeds, results, constants, the arena and scratch, each in whole cache lines. Saturates.
    ///
    /// ```
    /// use brolga::{Binding, Entry, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "input x: f32[n]\noutput y = x * 2\n")?;
    /// let mut session = Session::new(graph.clone(), SessionOptions::default())?;
    /// let binding = Binding::from_iter([("n", 1000)]);
    /// let prepared = session.prepare(&Entry::Run { fetch: vec![] }, &binding)?;
    /// let program = prepared.program().ok_or("it is compiled")?;
    /// // `x` and `y`, of 4000 bytes each, in whole cache lines.
    /// assert_eq!(prepared.session().n_bytes(program, &binding, 1), 2 * 4032);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn n_bytes(&self, program: &Program, binding: &Binding, threads: usize) -> usize {
        let of_module = self.module.variables.iter();
        let unused =
            of_module.filter(|(name, _)| program.variables.iter().all(|(n, _)| n != *name));
        let unused = unused.filter_map(|(_, v)| v.tensor_type.bind(binding).ok());
        let tables = program.variables.iter().chain(&program.feeds).map(|(_, t)| t.clone());
        let types = tables.chain(program.outputs.iter().map(|o| o.tensor_type.clone()));
        let scratch = lines(program.scratch_bytes).saturating_mul(threads.max(1));
        let blocks = [lines(program.constants_bytes), lines(program.arena_bytes), scratch];
        let types = types.chain(unused).map(|t| t.n_bytes().map_or(usize::MAX, lines));
        types.chain(blocks).fold(0, usize::saturating_add)
    }

    /// Every variable that was used already or given a value, with its kind and value.
    ///
    /// ```
    /// use brolga::{Binding, Graph, Session, SessionOptions};
    ///
    /// let text = "param w: f32[2] = ones\nstate n: i32 = 5\noutput y = w\n";
    /// let graph = Graph::from_text("w.graph", text)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// assert_eq!(session.variables().count(), 0);
    /// session.initialise(&Binding::default())?;
    /// let texts: Vec<String> =
    ///     session.variables().map(|(name, _, value)| format!("{name} = {value}")).collect();
    /// assert_eq!(texts, ["w = [1.0, 1.0]", "n = 5"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn variables(&self) -> impl Iterator<Item = (&Name, VariableKind, Literal)> {
        let used = self.store.iter().map(|(name, stored)| (name, stored.kind, stored.literal()));
        let kind = |name: &Name| {
            let declared = self.module.variables.get(name);
            declared.map_or(VariableKind::Slot, |variable| variable.kind)
        };
        let given = self.store.given();
        used.chain(given.map(move |(name, value)| (name, kind(name), value.clone())))
    }

    /// The value of a variable, if it was used already.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("w.graph", "param w: f32 = 3\nminimize w with sgd(lr=1)\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// assert!(session.variable("w").is_none());
    /// session.step([])?;
    /// assert_eq!(session.variable("w").ok_or("it was trained")?.to_string(), "2.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn variable(&self, name: &str) -> Option<Literal> {
        self.store.get(name).map(|stored| stored.literal())
    }

    /// Takes over the values of variables by name, and says what became of them. Optimisers' slots
    /// among them are taken too.
    ///
    /// ```
    /// use brolga::{Graph, Literal, Name, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("w.graph", "param w: f32[2] = ones\noutput y = w\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let w = Literal::from_vec(&[2], vec![3f32, 4.]).ok_or("two elements")?;
    /// let loaded = session.set_variables([(Name::from("w"), w)].into_iter().collect())?;
    /// assert_eq!(loaded.matched, ["w".into()]);
    /// assert_eq!(session.outputs([])?["y"].to_string(), "[3.0, 4.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a value has not its variable's type, or the training entry does not compile.
    pub fn set_variables(&mut self, values: IndexMap<Name, Literal>) -> Result<Loaded, RunError> {
        let module = self.module.clone();
        let known = |name: &Name| module.variables.contains_key(name);
        let none = IndexMap::new();
        if values.keys().all(known) || module.train.steps.is_empty() {
            return self.store.load(values, &module, &none);
        }
        let training = self.entry(&Entry::Train)?;
        self.store.load(values, &module, &training.slots)
    }

    /// The names of the optimisers' slots.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let text = "param w: f32 = 3\nminimize w with sgd(lr=1, momentum=0.9)\n";
    /// let graph = Graph::from_text("w.graph", text)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let slots: Vec<String> = session.slots()?.iter().map(|name| name.to_string()).collect();
    /// assert_eq!(slots, ["optimizer.minimize.m.w"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the training entry does not compile.
    pub fn slots(&mut self) -> Result<Vec<Name>, RunError> {
        if self.module.train.steps.is_empty() {
            return Ok(vec![]);
        }
        Ok(self.entry(&Entry::Train)?.slots.keys().cloned().collect())
    }

    /// The graph of an entry with its own dimensions: what it must be fed, and its results.
    ///
    /// ```
    /// use brolga::{Entry, Graph, Session, SessionOptions};
    ///
    /// let text = "input x: f32[n]\ninput z: f32[n]\noutput y = x * 2\noutput w = z\n";
    /// let graph = Graph::from_text("y.graph", text)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let entry = session.entry(&Entry::Run { fetch: vec!["y".into()] })?;
    /// // `y` asks for `x` alone.
    /// assert_eq!((entry.graph.inputs.len(), entry.graph.outputs.len()), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the compiler refuses.
    pub fn entry(&mut self, entry: &Entry) -> Result<Arc<EntryGraph>, RunError> {
        if let Some((_, graph)) = self.entries.iter().find(|(e, _)| e == entry) {
            return Ok(graph.clone());
        }
        let graph = Arc::new(entry_graph(&self.module, entry)?);
        match entry {
            // A data set feeds them; `run` may be fed anything.
            Entry::Train | Entry::Eval => check_rows(&graph.graph, &graph.graph.inputs)?,
            Entry::Run { .. } => {}
        }
        self.entries.push((entry.clone(), graph.clone()));
        Ok(graph)
    }

    /// The inputs that an entry must be fed, by name, with their own dimensions.
    ///
    /// ```
    /// use brolga::{Entry, Graph, Session, SessionOptions};
    ///
    /// let text = "input x: f32[n, 3]\noutput y = dense(x, 2)\n";
    /// let graph = Graph::from_text("y.graph", text)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let inputs = session.inputs(&Entry::Run { fetch: vec![] })?;
    /// assert_eq!((inputs[0].0.as_str(), inputs[0].1.to_string().as_str()), ("x", "f32[n, 3]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the compiler refuses.
    pub fn inputs(&mut self, entry: &Entry) -> Result<Vec<(String, TensorType)>, RunError> {
        let graph = &self.entry(entry)?.graph;
        let input = |id: &NodeId| match graph.op(*id) {
            Op::Leaf(Leaf::Input { name, tensor_type }) => {
                Some((name.to_string(), tensor_type.clone()))
            }
            _ => None,
        };
        Ok(graph.inputs.iter().filter_map(input).collect())
    }

    /// The inputs that data must be given for: those that the entry needs, and those that only say
    /// what a dimension is, unless `given` says it. If `by_rows`, an input is needed to say what
    /// the batch's dimension is called.
    ///
    /// ```
    /// use brolga::{Binding, Entry, Graph, Session, SessionOptions};
    ///
    /// let text = "input x: f32[n]\noutput y = zeros([n])\n";
    /// let graph = Graph::from_text("y.graph", text)?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let entry = Entry::Run { fetch: vec![] };
    /// // Nothing reads `x`, which says what `n` is.
    /// assert!(session.inputs(&entry)?.is_empty());
    /// assert_eq!(session.data_inputs(&entry, &Binding::default(), false)?[0].0, "x");
    /// assert!(session.data_inputs(&entry, &Binding::from_iter([("n", 3)]), false)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the compiler refuses.
    pub fn data_inputs(
        &mut self,
        entry: &Entry,
        given: &Binding,
        by_rows: bool,
    ) -> Result<Vec<(String, TensorType)>, RunError> {
        let mut inputs = self.inputs(entry)?;
        let has_rows = inputs.iter().any(|(_, of_input)| of_input.rank() > 0);
        let more = &self.entry(entry)?.symbol_inputs;
        let is_wanted = |input: &&SymbolInput| !input.is_decided(given) || (by_rows && !has_rows);
        let more = more.iter().filter(is_wanted);
        inputs.extend(more.map(|input| (input.name.to_string(), input.tensor_type.clone())));
        Ok(inputs)
    }

    /// Gives every variable of the module whose dimensions `binding` fixes a value, as its first
    /// use would.
    ///
    /// ```
    /// use brolga::{Binding, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("w.graph", "param w: f32[2] = ones\noutput y = w\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.initialise(&Binding::default())?;
    /// assert_eq!(session.variable("w").ok_or("it has a value")?.to_string(), "[1.0, 1.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Session::prepare`].
    pub fn initialise(&mut self, binding: &Binding) -> Result<(), RunError> {
        let module = self.module.clone();
        let known = |v: &Variable| v.tensor_type.bind(binding).is_ok();
        let mut known = module.variables.iter().filter(|(_, v)| known(v));
        let bound = known.try_for_each(|(name, variable)| self.bind(name, variable, binding));
        self.initial.clear();
        bound
    }

    /// The program of an entry with numbers for its dimensions, ready to be fed and run; compiled
    /// now if it was not, or not lately.
    ///
    /// ```
    /// use brolga::{Binding, Entry, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("w.graph", "param w: f32 = 3\nminimize w with sgd(lr=1)\n")?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// let mut program = session.prepare(&Entry::Train, &Binding::default())?;
    /// program.run(0)?;
    /// assert_eq!(program.results()?.metrics["loss"].to_string(), "3.0");
    /// assert_eq!(session.variable("w").ok_or("it was trained")?.to_string(), "2.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the compiler refuses, a memory that is too small, or a variable whose type another
    /// binding has fixed.
    pub fn prepare(&mut self, entry: &Entry, binding: &Binding) -> Result<Prepared<'_>, RunError> {
        self.uses += 1;
        let at = match self.instance_for(entry, binding) {
            Some(at) => at,
            None => {
                let instance = self.new_instance(entry, binding)?;
                self.add(instance)
            }
        };
        self.prepared(at)
    }

    /// The same for a program that was compiled already, for this session's target and with its
    /// compiler's options, instead of one that was prepared before.
    ///
    /// ```
    /// use brolga::compiler::compile::compile;
    /// use brolga::{Binding, Entry, Graph, Session, SessionOptions, host_target};
    ///
    /// let graph = Graph::from_text("y.graph", "output y = iota([3]) * 2\n")?;
    /// let (entry, binding) = (Entry::Run { fetch: vec![] }, Binding::default());
    /// let (target, options) = (host_target(), SessionOptions::default());
    /// let compiled = compile(graph.module(), &entry, &binding, &target, &options.compiler)?;
    /// let mut session = Session::new(graph, options)?;
    /// let mut program = session.prepare_compiled(&entry, &binding, compiled)?;
    /// program.run(0)?;
    /// assert_eq!(program.results()?.outputs["y"].to_string(), "[0, 2, 4]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A program that breaks a rule, or the session's limit of memory; one for another module.
    pub fn prepare_compiled(
        &mut self,
        entry: &Entry,
        binding: &Binding,
        compiled: Compiled,
    ) -> Result<Prepared<'_>, RunError> {
        verified(&compiled.program, &self.compiler_options())?;
        if let Some(at) = self.instance_for(entry, binding) {
            self.instances.swap_remove(at);
        }
        self.uses += 1;
        let instance = self.compiled_instance(entry, binding, compiled)?;
        let at = self.add(instance);
        self.prepared(at)
    }

    fn instance_for(&self, entry: &Entry, binding: &Binding) -> Option<usize> {
        self.instances.iter().position(|instance| instance.is_for(entry, binding))
    }

    fn prepared(&mut self, at: usize) -> Result<Prepared<'_>, RunError> {
        let instance = &mut self.instances[at];
        instance.last_use = self.uses;
        // It has its room already, unless what came after it asked for more than there is.
        let (arena, scratch) = instance.room;
        let start = Instant::now();
        self.make_room(arena, scratch)?;
        self.instances[at].add_memory_time(Timing::since("memory", start));
        Ok(Prepared { session: self, at })
    }

    /// What the compiler is told, with the session's limit.
    fn compiler_options(&self) -> Options {
        Options { memory_limit: self.budget.limit(), ..self.options.compiler.clone() }
    }

    fn new_instance(&mut self, entry: &Entry, binding: &Binding) -> Result<Instance, RunError> {
        match self.options.backend {
            Backend::Jit | Backend::Interpreter => {
                let (target, options) = (&self.options.target, self.compiler_options());
                let compiled = compile(&self.module, entry, binding, target, &options)?;
                self.compiled_instance(entry, binding, compiled)
            }
            Backend::Eager | Backend::Oracle => {
                let symbolic = self.entry(entry)?;
                let graph = specialise(&symbolic.graph, binding)?;
                self.bind_variables(&symbolic.slots, binding)?;
                Instance::of_graph((entry.clone(), binding.clone()), self, graph)
            }
        }
    }

    /// How machine code is made.
    fn making(&self) -> Making {
        Making {
            verify: self.options.compiler.passes.verify,
            observe: self.options.observe,
            perf: self.options.perf,
            loops: self.options.compiler.costs.loops,
        }
    }

    fn compiled_instance(
        &mut self,
        entry: &Entry,
        binding: &Binding,
        mut compiled: Compiled,
    ) -> Result<Instance, RunError> {
        let start = Instant::now();
        self.bind_variables(&compiled.slots, binding)?;
        compiled.timings.push(Timing::since("variables", start));
        let key = (entry.clone(), binding.clone());
        match self.options.backend {
            Backend::Jit | Backend::Interpreter => Instance::of_program(key, self, compiled),
            Backend::Eager | Backend::Oracle => Instance::of_graph(key, self, compiled.specialised),
        }
    }

    /// Keeps a program instead of the oldest of many.
    fn add(&mut self, instance: Instance) -> usize {
        if self.instances.len() >= MAX_PROGRAMS {
            let oldest = (0..self.instances.len()).min_by_key(|&i| self.instances[i].last_use);
            self.instances.swap_remove(oldest.expect("there is at least one program"));
        }
        self.instances.push(instance);
        self.instances.len() - 1
    }

    /// Gives the module's variables and an entry's slots a value.
    fn bind_variables(
        &mut self,
        slots: &IndexMap<Name, Variable>,
        binding: &Binding,
    ) -> Result<(), RunError> {
        self.initialise(binding)?;
        let mut slots = slots.iter();
        let bound = slots.try_for_each(|(name, variable)| self.bind(name, variable, binding));
        self.initial.clear();
        bound
    }

    /// Bytes of all threads' scratch: each thread's part begins on a cache line.
    fn scratch_for(&self, bytes: usize) -> usize {
        lines(bytes).saturating_mul(self.options.threads.max(1))
    }

    /// Makes the arena and each thread's scratch at least so large.
    fn make_room(&mut self, arena: usize, scratch: usize) -> Result<(), RunError> {
        let scratch = self.scratch_for(scratch);
        for (block, bytes, purpose) in [
            (&mut self.arena, arena, "the arena"),
            (&mut self.scratch, scratch, "the threads' scratch"),
        ] {
            if block.size() < bytes {
                // The old one goes first, so that both need not fit at once.
                *block = self.budget.block(0, purpose)?;
                *block = self.budget.block(bytes, purpose)?;
            }
        }
        Ok(())
    }
}

/// Threads, where there are to be several.
fn pool(threads: usize) -> Result<Option<Pool>, RunError> {
    if threads < 2 {
        return Ok(None);
    }
    Ok(Some(Pool::new(threads).map_err(|error| RunError::Threads(error.to_string()))?))
}

/// The bytes of the cache lines that hold so many; saturates.
fn lines(bytes: usize) -> usize {
    bytes.saturating_add(CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE
}

#[cfg(test)]
mod tests;
