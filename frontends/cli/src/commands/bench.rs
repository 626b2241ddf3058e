//! `brolga bench`: how long compiling and a step take, and what a step consists of.

use brolga::compiler::compile::Timing;
use brolga::compiler::loop_ir::Stmt;
use brolga::compiler::program::Program as Compiled;
use brolga::{Backend, Entry, RunError, Session, SessionOptions};
use serde_json::{Map, Value, json};

use super::timed::{Feeding, Stepping, feeding, quantile};
use crate::arguments::{Against, Bench, Timed};
use crate::failure::Failure;
use crate::model::{ReadFile, check_dims, entry, read, session, session_options};
use crate::output::outln;

/// Steps are timed in so many rounds, and what is compared takes turns: what disturbs the machine
/// for a while then disturbs both.
const ROUNDS: usize = 5;

/// Where of ten steps the slowest takes more than so many times what the fastest does, a ratio of
/// medians is of the machine's other work.
const UNSTEADY: f64 = 2.0;

/// So many losses are reported.
const LOSSES: usize = 20;

pub(crate) fn run(arguments: &Bench) -> Result<(), Failure> {
    let (timed, against) = (&arguments.timed, arguments.against);
    let program = read(&timed.model)?;
    check_dims(&program.module, &timed.model.dims)?;
    let entry = entry(&program.module, timed.entry, &[]);
    let options = session_options(&timed.model.machine);
    let mut session = session(&program, options.clone())?;
    let feeding = feeding(timed, &program, &entry, &mut session)?;
    let mut eager = match against {
        Some(Against::Eager) => {
            let options = SessionOptions { backend: Backend::Eager, ..options };
            Some(crate::model::session(&program, options)?)
        }
        None => None,
    };
    let prepare = |session| Measurement::prepare(timed, &program, &entry, &feeding, session);
    let mut compiled = prepare(&mut session)?;
    let mut eager = eager.as_mut().map(prepare).transpose()?;
    let n = timed.steps.get();
    for round in 0..ROUNDS {
        let steps = n * (round + 1) / ROUNDS - n * round / ROUNDS;
        for measurement in [Some(&mut compiled), eager.as_mut()].into_iter().flatten() {
            measurement.round(steps).map_err(|e| Failure::run(&e, &program.sources))?;
        }
    }
    let (compiled, eager) = (compiled.finish(), eager.map(Measurement::finish));
    if timed.model.machine.json {
        outln!("{}", as_json(&program, &compiled, eager.as_ref()));
    } else {
        print(&program, &compiled, eager.as_ref());
    }
    Ok(())
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
    stepping: Stepping<'a>,
    measured: Measured,
}

impl<'a> Measurement<'a> {
    /// Compiles.
    fn prepare(
        arguments: &Timed,
        program: &ReadFile,
        entry: &Entry,
        feeding: &'a Feeding,
        session: &'a mut Session,
    ) -> Result<Measurement<'a>, Failure> {
        let (stepping, compile_ms) =
            Stepping::prepare(arguments, program, entry, feeding, session)?;
        let phases = stepping.prepared.timings().to_vec();
        let shape = stepping.prepared.program().map(shape);
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
        Ok(Measurement { stepping, measured })
    }

    /// Runs a warm-up, and then so many steps on the clock.
    fn round(&mut self, steps: usize) -> Result<(), RunError> {
        let Measurement { stepping, measured } = self;
        stepping.warm_up(|stepping| measured.step(stepping).map(drop))?;
        for _ in 0..steps {
            let ms = measured.step(stepping)?;
            measured.steps.push(ms);
        }
        Ok(())
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
    /// Runs a step, of which it keeps what is reported but for the time.
    fn step(&mut self, stepping: &mut Stepping<'_>) -> Result<f64, RunError> {
        let (ms, ()) = stepping.step(|prepared, batch| prepared.run(batch))?;
        let prepared = &stepping.prepared;
        self.eval_calls = self.eval_calls.max(prepared.eval_calls());
        if self.losses.len() < LOSSES {
            let metrics = prepared.batch_metrics()?;
            let loss = metrics.get("loss").and_then(|loss| loss.scalars().next());
            self.losses.extend(loss.map(|loss| loss.to_f64()));
        }
        Ok(ms)
    }

    /// The step time below which `part` of the steps lie.
    fn quantile(&self, part: f64) -> f64 {
        quantile(&self.steps, part)
    }

    /// Whether the times of steps lie so far apart that a ratio of them says little.
    fn is_unsteady(&self) -> bool {
        self.quantile(0.9) > UNSTEADY * self.quantile(0.1)
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
        let unsteady = compiled.is_unsteady() || eager.is_unsteady();
        all.insert("unsteady".to_string(), json!(unsteady));
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
        if compiled.is_unsteady() || eager.is_unsteady() {
            outln!(
                "the steps of one side are unsteady (p90 is more than {UNSTEADY} times p10): \
                 something else runs here, so the ratio says little"
            );
        }
    }
}
