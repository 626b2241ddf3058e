//! `brolga profile`: where the time of a step goes.

mod limits;
mod report;
mod trace;

use brolga::compiler::program::Work;
use brolga::runtime::profile::{Profile, Recorder, StepRecord};
use brolga::{Backend, SessionOptions};

use self::report::Report;
use super::timed::{Stepping, feeding, quantile};
use crate::arguments::{self, Timed};
use crate::failure::Failure;
use crate::model::{check_dims, entry, read, session, session_options};
use crate::output::outln;

/// Steps are run in so many rounds, those of which calls are recorded in turns with those that are
/// not: what disturbs the machine for a while then disturbs both.
const ROUNDS: usize = 10;

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
    let mut plain = session(&program, options.clone())?;
    let feeding = feeding(timed, &program, &entry, &mut plain)?;
    let mut observed = session(&program, SessionOptions { observe: true, ..options })?;
    let prepare =
        |session| Stepping::prepare(timed, &program, &entry, &feeding, session).map(|(s, _)| s);
    let (mut plain, mut observed) = (prepare(&mut plain)?, prepare(&mut observed)?);
    let steps =
        steps(timed, &mut plain, &mut observed).map_err(|e| Failure::run(&e, &program.sources))?;
    let compiled = observed.prepared.program().expect("it is machine code");
    if let Some(file) = &arguments.trace {
        let traced = &steps.records[..steps.records.len().min(MAX_TRACED)];
        trace::write(file, compiled, plain.prepared.timings(), traced)?;
    }
    let profile = Profile::of(compiled, limits.threads, &steps.records);
    let work: Vec<Work> = compiled.work();
    let report = Report {
        file: &program,
        program: compiled,
        timings: plain.prepared.timings(),
        kernel_code_ms: plain.prepared.kernel_code_ms(),
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

fn steps(
    timed: &Timed,
    plain: &mut Stepping<'_>,
    observed: &mut Stepping<'_>,
) -> Result<Steps, brolga::RunError> {
    let recorder = Recorder::default();
    let (mut steps, n) = (Steps { plain: vec![], records: vec![] }, timed.steps.get());
    for round in 0..ROUNDS {
        let of_round = n * (round + 1) / ROUNDS - n * round / ROUNDS;
        plain.warm_up(|s| s.step(|prepared, batch| prepared.run(batch)).map(drop))?;
        for _ in 0..of_round {
            steps.plain.push(plain.step(|prepared, batch| prepared.run(batch))?.0);
        }
        observed.warm_up(|s| s.step(|p, batch| recorder.step(p, batch)).map(drop))?;
        for _ in 0..of_round {
            steps.records.push(observed.step(|p, batch| recorder.step(p, batch))?.1);
        }
    }
    steps.plain.sort_unstable_by(f64::total_cmp);
    Ok(steps)
}
