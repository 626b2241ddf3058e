//! `brolga bench`: how long compiling and a step take, and what a step consists of.

use std::time::{Duration, Instant};

use brolga::compiler::compile::Timing;
use brolga::compiler::ir::{Literal, Name};
use brolga::compiler::loop_ir::Stmt;
use brolga::compiler::program::Program as Compiled;
use brolga::compiler::specialise::specialise;
use brolga::runtime::data::{
    BatchDimension, BatchOptions, Batches, DataError, DataSet, FeedPlan, Split, Standardiser,
    Standards, Tail, feed_plan,
};
use brolga::runtime::session::{Clock, Prepared};
use brolga::runtime::train::BatchSize;
use brolga::{Backend, Binding, Entry, RunError, Session, SessionOptions};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::arguments::{Against, Bench};
use crate::drawn;
use crate::failure::Failure;
use crate::model::{
    ReadFile, batch_size, check_dims, data_set, entry, read, session, session_options, symbols,
};
use crate::output::outln;
use crate::weights::{Purpose, load_weights};

/// Steps are timed in so many rounds, and what is compared takes turns: what disturbs the machine
/// for a while then disturbs both.
const ROUNDS: usize = 5;

/// Before a round, steps run untimed for so long: caches, branch predictors, pages, and threads
/// of the other side that still wait for work.
const WARM_UP: Duration = Duration::from_millis(5);

/// At most so many steps of a warm-up, and at least [`LEAST_WARM_UP`].
const MOST_WARM_UP: usize = 40;
const LEAST_WARM_UP: usize = 2;

/// So many losses are reported.
const LOSSES: usize = 20;

pub(crate) fn run(arguments: &Bench) -> Result<(), Failure> {
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let entry = entry(&program.module, arguments.entry, &[]);
    let options = session_options(&arguments.model.machine);
    let mut session = session(&program, options.clone())?;
    let feeding = feeding(arguments, &program, &entry, &mut session)?;
    let mut eager = match arguments.against {
        Some(Against::Eager) => {
            let options = SessionOptions { backend: Backend::Eager, ..options };
            Some(crate::model::session(&program, options)?)
        }
        None => None,
    };
    let prepare = |session| Measurement::prepare(arguments, &program, &entry, &feeding, session);
    let mut compiled = prepare(&mut session)?;
    let mut eager = eager.as_mut().map(prepare).transpose()?;
    let n = arguments.steps.get();
    for round in 0..ROUNDS {
        let steps = n * (round + 1) / ROUNDS - n * round / ROUNDS;
        for measurement in [Some(&mut compiled), eager.as_mut()].into_iter().flatten() {
            measurement.round(steps).map_err(|e| Failure::run(&e, &program.sources))?;
        }
    }
    let (compiled, eager) = (compiled.finish(), eager.map(Measurement::finish));
    if arguments.model.machine.json {
        outln!("{}", as_json(&program, &compiled, eager.as_ref()));
    } else {
        print(&program, &compiled, eager.as_ref());
    }
    Ok(())
}

/// What the steps are fed with, in turn.
struct Feeding {
    binding: Binding,
    batches: Vec<IndexMap<Name, Literal>>,
}

/// At most so many batches of data are kept; steps take them in turn.
const MAX_BATCHES: usize = 256;

fn feeding(
    arguments: &Bench,
    program: &ReadFile,
    entry: &Entry,
    session: &mut Session,
) -> Result<Feeding, Failure> {
    let size = batch_size(&program.module, arguments.batch_size, &arguments.model.dims)?;
    match &arguments.data {
        Some(text) => from_data(program, entry, session, text, &size),
        None => {
            let BatchSize { rows, mut given } = size;
            for symbol in symbols(&program.module) {
                let is_given = given.iter().any(|(name, _)| *name.0 == *symbol);
                if !is_given {
                    given.bind(&symbol, rows.get() as u64);
                }
            }
            drawn_batch(arguments, program, entry, session, given)
        }
    }
}

fn drawn_batch(
    arguments: &Bench,
    program: &ReadFile,
    entry: &Entry,
    session: &mut Session,
    binding: Binding,
) -> Result<Feeding, Failure> {
    let graph = session.entry(entry).map_err(|e| Failure::run(&e, &program.sources))?;
    let graph =
        specialise(&graph.graph, &binding).map_err(|e| Failure::compile(&e, &program.sources))?;
    let ranges = drawn::ranges(&graph, &arguments.ranges)?;
    let seed = arguments.model.machine.seed as u64;
    let batches = vec![drawn::inputs(&graph, &ranges, seed)];
    Ok(Feeding { binding, batches })
}

fn from_data(
    program: &ReadFile,
    entry: &Entry,
    session: &mut Session,
    text: &str,
    size: &BatchSize,
) -> Result<Feeding, Failure> {
    let data = data_set(text, Split::Train)?;
    let _held = session.hold(&data).map_err(|e| Failure::run(&e, &program.sources))?;
    let inputs = session.data_inputs(entry, &size.given, true);
    let inputs = inputs.map_err(|e| Failure::run(&e, &program.sources))?;
    let plan = feed_plan(&inputs, &data, &size.given).map_err(|e| Failure::data(&e))?;
    let standardiser = standardiser(&data, &plan).map_err(|e| Failure::data(&e))?;
    let mut binding = plan.binding.clone();
    let batch_size = plan.batch.rows(size);
    if let BatchDimension::Symbol(symbol) = &plan.batch {
        binding.bind(&symbol.0, batch_size.get() as u64);
    }
    let options = BatchOptions { batch_size, tail: Tail::Drop, shuffle: None };
    let all = Batches::new(&data, &plan, options);
    if all.n_batches() == 0 {
        let message = format!("`{text}` has fewer rows than a batch of {batch_size}");
        return Err(Failure::input("E0609", &message, "use a smaller --batch-size"));
    }
    let batch = |batch: usize| {
        let feeds = all.feeds().iter().enumerate();
        let value = |i: usize| match &standardiser {
            Some(standardiser) => standardiser.literal(i, &all.literal(batch, i)),
            None => all.literal(batch, i),
        };
        feeds.map(|(i, feed)| (feed.input.as_str().into(), value(i))).collect()
    };
    let batches = (0..all.n_batches().min(MAX_BATCHES)).map(batch).collect();
    Ok(Feeding { binding, batches })
}

/// What measures data that are to be standardised, by all of their rows.
fn standardiser(data: &DataSet, plan: &FeedPlan) -> Result<Option<Standardiser>, DataError> {
    let Some(which) = data.standardise() else { return Ok(None) };
    let standards = Standards::of(data, which, None)?;
    Standardiser::new(&standards, plan, data).map(Some)
}

/// What was measured of one backend.
struct Measured {
    /// From the module to code that runs, in milliseconds.
    compile_ms: f64,
    phases: Vec<Timing>,
    /// Milliseconds of each step, ascending.
    steps: Vec<f64>,
    losses: Vec<f64>,
    /// The most calls of an operation's `eval` in a step.
    eval_calls: u64,
    shape: Option<Shape>,
    peak_rss_bytes: Option<u64>,
}

/// What a compiled step consists of.
struct Shape {
    kernels: usize,
    kernel_calls: usize,
    library_calls: usize,
    waves: usize,
    arena_bytes: usize,
}

/// A backend that is being measured.
struct Measurement<'a> {
    prepared: Prepared<'a>,
    feeding: &'a Feeding,
    /// The clock before the first step, and the number of steps since.
    clock: Clock,
    n: usize,
    measured: Measured,
}

impl<'a> Measurement<'a> {
    /// Compiles.
    fn prepare(
        arguments: &Bench,
        program: &ReadFile,
        entry: &Entry,
        feeding: &'a Feeding,
        session: &'a mut Session,
    ) -> Result<Measurement<'a>, Failure> {
        let purpose = match entry {
            Entry::Train => Purpose::Training,
            Entry::Eval | Entry::Run { .. } => Purpose::Results,
        };
        load_weights(session, program, &arguments.weights, purpose)?;
        let clock = session.clock();
        let start = Instant::now();
        let prepared = session.prepare(entry, &feeding.binding);
        let prepared = prepared.map_err(|e| Failure::run(&e, &program.sources))?;
        let compile_ms = start.elapsed().as_secs_f64() * 1e3;
        let phases = prepared.timings().to_vec();
        let shape = prepared.program().map(shape);
        let (steps, losses) = (vec![], vec![]);
        let measured = Measured {
            compile_ms,
            phases,
            steps,
            losses,
            eval_calls: 0,
            shape,
            peak_rss_bytes: None,
        };
        Ok(Measurement { prepared, feeding, clock, n: 0, measured })
    }

    /// Runs a warm-up, and then so many steps on the clock.
    fn round(&mut self, steps: usize) -> Result<(), RunError> {
        let start = Instant::now();
        for warm_up in 0..MOST_WARM_UP {
            if warm_up >= LEAST_WARM_UP && start.elapsed() > WARM_UP {
                break;
            }
            self.step()?;
        }
        for _ in 0..steps {
            let ms = self.step()?;
            self.measured.steps.push(ms);
        }
        Ok(())
    }

    /// Runs a step; returns how long it took, its feeds included, in milliseconds.
    fn step(&mut self) -> Result<f64, RunError> {
        let batch = self.clock.step + self.n as i64;
        let batches = &self.feeding.batches;
        let start = Instant::now();
        if self.n == 0 || batches.len() > 1 {
            self.prepared.feed_all(&batches[self.n % batches.len()])?;
        }
        self.prepared.run(batch)?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        self.measured.eval_calls = self.measured.eval_calls.max(self.prepared.eval_calls());
        self.prepared.set_clock(Clock { step: batch + 1, ..self.clock });
        self.n += 1;
        if self.measured.losses.len() < LOSSES {
            let metrics = self.prepared.results()?.metrics;
            let loss = metrics.get("loss").and_then(|loss| loss.scalars().next());
            self.measured.losses.extend(loss.map(|loss| loss.to_f64()));
        }
        Ok(ms)
    }

    fn finish(mut self) -> Measured {
        self.measured.steps.sort_unstable_by(f64::total_cmp);
        self.measured.peak_rss_bytes = peak_rss_bytes();
        self.measured
    }
}

fn shape(program: &Compiled) -> Shape {
    let in_kernel =
        |call: &brolga::compiler::program::Call| library_calls(&program.kernels[call.kernel].body);
    Shape {
        kernels: program.kernels.len(),
        kernel_calls: program.n_calls(),
        library_calls: program.calls().map(|(call, times)| times * in_kernel(call)).sum(),
        waves: program.n_waves(),
        arena_bytes: program.arena_bytes,
    }
}

/// The places in a kernel that call a precompiled function.
fn library_calls(body: &[Stmt]) -> usize {
    let of_stmt = |stmt: &Stmt| match stmt {
        Stmt::For(l) => library_calls(&l.body),
        Stmt::Tile(_) | Stmt::Chunk(_) => 1,
        Stmt::Let(..) | Stmt::Store { .. } | Stmt::Check { .. } => 0,
    };
    body.iter().map(of_stmt).sum()
}

/// The most memory that the process has had, where the system says it (Linux).
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

impl Measured {
    /// The step time below which `part` of the steps lie.
    fn quantile(&self, part: f64) -> f64 {
        let last = self.steps.len() - 1;
        self.steps[(part * last as f64).round() as usize]
    }

    fn members(&self, language_ms: f64) -> Map<String, Value> {
        let mut phases: Map<String, Value> =
            self.phases.iter().map(|phase| (phase.name.to_string(), json!(phase.ms))).collect();
        let passes = self.phases.iter().flat_map(|phase| &phase.passes);
        let passes = passes.map(|(name, ms)| (name.to_string(), json!(ms))).collect();
        phases.insert("language".to_string(), json!(language_ms));
        let mut all = Map::new();
        all.insert("compile_ms".to_string(), json!(self.compile_ms + language_ms));
        all.insert("compile_phases".to_string(), Value::Object(phases));
        all.insert("compile_passes".to_string(), Value::Object(passes));
        all.insert("median_ms".to_string(), json!(self.quantile(0.5)));
        all.insert("p10_ms".to_string(), json!(self.quantile(0.1)));
        all.insert("p90_ms".to_string(), json!(self.quantile(0.9)));
        if let Some(shape) = &self.shape {
            all.insert("kernels".to_string(), json!(shape.kernels));
            all.insert("waves".to_string(), json!(shape.waves));
            all.insert("calls".to_string(), json!(shape.kernel_calls));
            all.insert("library_calls".to_string(), json!(shape.library_calls));
            all.insert("arena_bytes".to_string(), json!(shape.arena_bytes));
        }
        all.insert("eval_calls".to_string(), json!(self.eval_calls));
        all.insert("peak_rss_bytes".to_string(), json!(self.peak_rss_bytes));
        all.insert("losses".to_string(), json!(self.losses));
        all
    }
}

fn as_json(program: &ReadFile, compiled: &Measured, eager: Option<&Measured>) -> Value {
    let mut all = compiled.members(program.ms);
    if let Some(eager) = eager {
        all.insert("eager".to_string(), Value::Object(eager.members(program.ms)));
        let speedup = eager.quantile(0.5) / compiled.quantile(0.5);
        all.insert("speedup".to_string(), json!(speedup));
    }
    Value::Object(all)
}

fn print(program: &ReadFile, compiled: &Measured, eager: Option<&Measured>) {
    outln!("from file to code {:.2} ms", program.ms + compiled.compile_ms);
    outln!("    {:<12} {:8.3} ms", "language", program.ms);
    for Timing { name, ms, passes } in &compiled.phases {
        outln!("    {name:<12} {ms:8.3} ms");
        // Those that take a part of it.
        for (name, ms) in passes.iter().filter(|(_, of_pass)| *of_pass >= 0.1 * ms) {
            outln!("        {name:<20} {ms:8.3} ms");
        }
    }
    if let Some(shape) = &compiled.shape {
        outln!(
            "a step: {} kernels, {} calls of them, {} library calls, {} waves, {} bytes of arena",
            shape.kernels,
            shape.kernel_calls,
            shape.library_calls,
            shape.waves,
            shape.arena_bytes
        );
    }
    let times = |name: &str, m: &Measured| {
        outln!(
            "{name:<8} median {:.4} ms, p10 {:.4}, p90 {:.4} ({} steps)",
            m.quantile(0.5),
            m.quantile(0.1),
            m.quantile(0.9),
            m.steps.len()
        );
    };
    times("step", compiled);
    if let Some(eager) = eager {
        times("eager", eager);
        outln!("{:.2} times faster than eager", eager.quantile(0.5) / compiled.quantile(0.5));
    }
}
