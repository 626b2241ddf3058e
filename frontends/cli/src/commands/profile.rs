//! `brolga profile`: where the time of a step goes.

mod limits;
mod report;
mod trace;

use std::time::Instant;

use brolga::compiler::program::Work;
use brolga::runtime::profile::{Profile, Recorder, StepRecord};
use brolga::{Backend, SessionOptions};

use self::report::Report;
use super::timed::{Stepping, feeding, quantile};
use crate::arguments::{self, Timed};
use crate::failure::Failure;
use crate::model::{check_dims, entry, read, session, session_options};
use crate::output::outln;

/// So many steps whose calls are recorded take turns with as many whose calls are not, in the same
/// memory: what disturbs the machine for a while then disturbs both.
const TURN: usize = 4;

/// A trace has at most so many steps: a viewer must hold them.
const MAX_TRACED: usize = 100;

pub(crate) fn run(arguments: &arguments::Profile) -> Result<(), Failure> {
    let timed = &arguments.timed;
    let program = read(&timed.model)?;
    check_dims(&program.module, &timed.model.dims)?;
    let entry = entry(&program.module, timed.entry, &[]);
    let options = session_options(&timed.model.machine);
    if options.backend != Backend::Jit {
        let message = "error: a profile is of machine code: `--backend jit`\n";
        return Err(Failure::Usage(message.into()));
    }
    let limits = limits::limits(options.threads, arguments.measure_limits)?;
    let mut session = session(&program, SessionOptions { observe: true, ..options })?;
    let feeding = feeding(timed, &program, &entry, &mut session)?;
    let (mut stepping, _) = Stepping::prepare(timed, &program, &entry, &feeding, &mut session)?;
    let steps = steps(timed, &mut stepping).map_err(|e| Failure::run(&e, &program.sources))?;
    let compiled = stepping.prepared.program().expect("it is machine code");
    if let Some(file) = &arguments.trace {
        let traced = &steps.records[..steps.records.len().min(MAX_TRACED)];
        trace::write(file, compiled, stepping.prepared.timings(), traced)?;
    }
    let profile = Profile::of(compiled, limits.threads, &steps.records);
    let work: Vec<Work> = compiled.work();
    let report = Report {
        file: &program,
        program: compiled,
        timings: stepping.prepared.timings(),
        kernel_code_ms: stepping.prepared.kernel_code_ms(),
        steps: &steps,
        profile: &profile,
        work: &work,
        limits: &limits,
    };
    match timed.model.machine.json {
        true => outln!("{}", report.json()),
        false => report.print(),
    }
    Ok(())
}

/// Steps that were run.
struct Steps {
    /// Milliseconds of each step that was not recorded, in ascending order.
    plain: Vec<f64>,
    records: Vec<StepRecord>,
}

impl Steps {
    /// Milliseconds of a step, and of one whose calls are recorded: medians.
    fn medians(&self) -> [f64; 2] {
        let mut recorded: Vec<f64> =
            self.records.iter().map(|step| (step.end - step.begin) as f64 / 1e6).collect();
        recorded.sort_unstable_by(f64::total_cmp);
        [quantile(&self.plain, 0.5), quantile(&recorded, 0.5)]
    }
}

fn steps(timed: &Timed, stepping: &mut Stepping<'_>) -> Result<Steps, brolga::RunError> {
    let recorder = Recorder::default();
    let (mut steps, n) = (Steps { plain: vec![], records: vec![] }, timed.steps.get());
    stepping.warm_up(|s| s.step(|prepared, batch| recorder.step(prepared, batch)).map(drop))?;
    while steps.plain.len() < n {
        let turn = TURN.min(n - steps.plain.len());
        for _ in 0..turn {
            let ms = stepping.step(|prepared, batch| {
                let start = Instant::now();
                prepared.run(batch)?;
                Ok(start.elapsed().as_secs_f64() * 1e3)
            });
            steps.plain.push(ms?.1);
        }
        for _ in 0..turn {
            let record = stepping.step(|prepared, batch| recorder.step(prepared, batch))?.1;
            steps.records.push(record);
        }
    }
    steps.plain.sort_unstable_by(f64::total_cmp);
    Ok(steps)
}
