//! `brolga train`: fits the params of a file to data.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use brolga::Session;
use brolga::compiler::ir::VariableKind;
use brolga::runtime::RunError;
use brolga::runtime::checkpoint::Checkpoint;
use brolga::runtime::data::{DataError, DataSet, Split};
use brolga::runtime::session::Clock;
use brolga::runtime::train::{
    Checkpoints, EpochReport, FitOptions, Log, Validation, lines_before, metrics_json,
};
use serde_json::json;

use crate::arguments::{EarlyStopText, Train};
use crate::failure::Failure;
use crate::model::{
    Purpose, ReadFile, batch_size, check_dims, check_place, data_set, load_weights, read, session,
    session_options,
};
use crate::output::outln;
use crate::progress::metrics_text;
use crate::watch::{Kept, train};

pub(crate) fn run(arguments: &Train) -> Result<(), Failure> {
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    arguments.save.as_deref().map(check_place).transpose()?;
    let data = data_set(&arguments.data.data, Split::Train)?;
    let validation = match (&arguments.validation, arguments.validation_split) {
        (Some(text), _) => Validation::Data(data_set(text, Split::Test)?),
        (None, Some(fraction)) => Validation::Fraction(fraction),
        (None, None) => Validation::None,
    };
    let batches = batch_size(&program.module, arguments.data.batch_size, &arguments.model.dims)?;
    let mut session = session(&program, session_options(&arguments.model.machine))?;
    load_weights(&mut session, &program, &arguments.weights, Purpose::Training)?;
    let mut options = FitOptions {
        epochs: i64::from(arguments.epochs),
        batches,
        shuffle: !arguments.no_shuffle,
        validation,
        allow_nan: arguments.allow_nan,
        early_stop: arguments.early_stop.as_ref().map(EarlyStopText::rule).transpose()?,
        resume: None,
    };
    let checkpoints = checkpoints(arguments, &program, &session, &data, &options)?;
    if arguments.resume
        && let Some(checkpoints) = &checkpoints
    {
        options.resume = resume(&mut session, &program, checkpoints)?;
    }
    let log = arguments.log.as_deref();
    let clock = options.resume.as_ref().map(|_| session.clock());
    let log = log.map(|path| log_file(path, clock)).transpose()?;
    let reports = train(&mut session, &program, &data, &options, Kept { log, checkpoints })?;
    if let Some(path) = &arguments.save {
        save(&session, path, arguments.weights_only)?;
    }
    report(&session, &reports, &options, arguments.model.machine.json);
    Ok(())
}

/// The checkpoints that are asked for. Whatever the bits of a training depend on tells it from others.
fn checkpoints(
    arguments: &Train,
    program: &ReadFile,
    session: &Session,
    data: &DataSet,
    options: &FitOptions,
) -> Result<Option<Checkpoints>, Failure> {
    let Some(folder) = &arguments.checkpoint else { return Ok(None) };
    let rows = |data: &DataSet| format!("{} with {} rows", data.name(), data.n_rows());
    let validation = match &options.validation {
        Validation::None => "none".to_string(),
        Validation::Data(data) => rows(data),
        Validation::Fraction(fraction) => format!("{fraction} of the rows"),
    };
    let stop = arguments.early_stop.as_ref().map_or("none", |text| &text.0);
    let mut dims: Vec<String> =
        arguments.model.dims.iter().map(|(name, n)| format!("{name}={n}")).collect();
    dims.sort();
    let dims = if dims.is_empty() { "none".to_string() } else { dims.join(", ") };
    let identity = [
        ("the program", program.fingerprint()),
        ("the seed", session.options().seed.to_string()),
        ("the data", rows(data)),
        ("the batch size", options.batches.rows.to_string()),
        ("what --dim gives", dims),
        ("the order of rows", if options.shuffle { "shuffled" } else { "kept" }.to_string()),
        ("the validation", validation),
        ("early stopping", stop.to_string()),
    ];
    let identity = identity.map(|(what, value)| (what.to_string(), value)).into();
    let made = Checkpoints::new(folder, arguments.every, identity);
    made.map(Some).map_err(|e| Failure::data(&e))
}

/// Brings a session to where the newest checkpoint is; what was found is said on standard error.
fn resume(
    session: &mut Session,
    program: &ReadFile,
    checkpoints: &Checkpoints,
) -> Result<Option<brolga::runtime::train::Progress>, Failure> {
    let run = |e: RunError| Failure::run(&e, &program.sources);
    let Some(kept) = checkpoints.newest().map_err(run)? else {
        eprintln!("there is no checkpoint yet: the training begins");
        return Ok(None);
    };
    for (_, error) in &kept.damaged {
        eprintln!("warning: {error}; the checkpoint before it is taken");
    }
    session.load(kept.variables).map_err(run)?;
    session.set_clock(kept.clock);
    eprintln!("{}: resumed at step {}", kept.path.display(), kept.clock.step);
    Ok(Some(kept.progress))
}

/// The log, which goes on from a clock if there is one.
fn log_file(path: &Path, clock: Option<Clock>) -> Result<Log<BufWriter<File>>, Failure> {
    let refused = |error: std::io::Error| {
        Failure::data(&DataError::Write { path: path.to_path_buf(), reason: error.to_string() })
    };
    let before = match clock.map(|clock| (clock, std::fs::read_to_string(path))) {
        Some((clock, Ok(text))) => lines_before(&text, clock),
        Some((_, Err(error))) if error.kind() != ErrorKind::NotFound => return Err(refused(error)),
        Some((_, Err(_))) | None => String::new(),
    };
    let mut file = BufWriter::new(File::create(path).map_err(refused)?);
    file.write_all(before.as_bytes()).map_err(refused)?;
    Ok(Log::new(file))
}

/// Writes params, states and, if not the weights only, the optimisers' slots and the clock.
fn save(session: &Session, path: &Path, weights_only: bool) -> Result<(), Failure> {
    let kept = session.variables().filter(|(_, kind, _)| match kind {
        VariableKind::Param | VariableKind::State => true,
        VariableKind::Slot => !weights_only,
    });
    let clock = if weights_only { Clock::default() } else { session.clock() };
    let checkpoint = Checkpoint {
        variables: kept.map(|(name, _, value)| (name.to_string(), value)).collect(),
        step: clock.step,
        epoch: clock.epoch,
        ..Checkpoint::default()
    };
    checkpoint.save(path).map_err(|e| Failure::data(&e))
}

fn report(session: &Session, reports: &[EpochReport], options: &FitOptions, as_json: bool) {
    let clock = session.clock();
    if as_json {
        let epochs = reports.iter().map(|report| {
            let mut epoch = json!({
                "epoch": report.epoch,
                "ms": report.ms,
                "train": metrics_json(&report.train),
            });
            if let Some(validation) = &report.validation {
                epoch["validation"] = json!(metrics_json(validation));
            }
            epoch
        });
        let epochs: Vec<serde_json::Value> = epochs.collect();
        outln!("{}", json!({"step": clock.step, "epoch": clock.epoch, "epochs": epochs}));
        return;
    }
    let is_kept = |report: &&EpochReport| report.epoch + 1 == clock.epoch;
    if let Some(rule) = &options.early_stop
        && let Some(best) = reports.iter().find(is_kept)
    {
        outln!("the variables are those of epoch {}, the best by {}", clock.epoch, rule.metric);
        outln!("best: {}", metrics_text(best.monitored()));
    }
    let Some(last) = reports.last() else {
        let first = options.resume.as_ref().map_or(0, |progress| progress.first_epoch);
        match clock.epoch == first + options.epochs {
            true => outln!("it has its {} epochs already", options.epochs),
            false => outln!("ended after {} batches, within an epoch", clock.step),
        }
        return;
    };
    outln!("trained {} batches, {} epochs", clock.step, clock.epoch);
    outln!("train: {}", metrics_text(&last.train));
    if let Some(validation) = &last.validation {
        outln!("validation: {}", metrics_text(validation));
    }
}
