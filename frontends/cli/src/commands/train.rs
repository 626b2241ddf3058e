//! `brolga train`: fits the params of a file to data.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use brolga::Session;
use brolga::compiler::ir::VariableKind;
use brolga::runtime::checkpoint::Checkpoint;
use brolga::runtime::data::{DataError, DataSet, Split};
use brolga::runtime::train::{EpochReport, FitOptions, Log, Validation, fit, metrics_json};
use serde_json::json;

use crate::arguments::Train;
use crate::failure::Failure;
use crate::interrupt;
use crate::model::{
    ReadFile, batch_size, check_dims, check_place, data_set, load_weights, read, session,
    session_options,
};
use crate::output::outln;
use crate::progress::{Progress, metrics_text};

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
    load_weights(&mut session, &program, &arguments.weights)?;
    let options = FitOptions {
        epochs: session.clock().epoch + i64::from(arguments.epochs),
        batches,
        shuffle: !arguments.no_shuffle,
        validation,
        resume: None,
    };
    let log = arguments.log.as_deref().map(log_file).transpose()?;
    let reports = train(&mut session, &program, &data, &options, log)?;
    if let Some(path) = &arguments.save {
        save(&session, path)?;
    }
    report(&session, &reports, arguments.model.machine.json);
    Ok(())
}

/// Trains with progress on standard error.
pub(crate) fn train(
    session: &mut Session,
    program: &ReadFile,
    data: &DataSet,
    options: &FitOptions,
    log: Option<Log<BufWriter<File>>>,
) -> Result<Vec<EpochReport>, Failure> {
    let mut progress = Progress::new(options.epochs, log);
    interrupt::watch(progress.bar())?;
    let reports = fit(session, data, options, &mut progress);
    progress.clear();
    reports.map_err(|e| Failure::run(&e, &program.sources))
}

fn log_file(path: &Path) -> Result<Log<BufWriter<File>>, Failure> {
    let file = File::create(path).map_err(|error| {
        Failure::data(&DataError::Write { path: path.to_path_buf(), reason: error.to_string() })
    })?;
    Ok(Log::new(BufWriter::new(file)))
}

/// Writes params, states and the clock.
fn save(session: &Session, path: &Path) -> Result<(), Failure> {
    let kept = session.variables().filter(|(_, kind, _)| match kind {
        VariableKind::Param | VariableKind::State => true,
        VariableKind::Slot => false,
    });
    let clock = session.clock();
    let checkpoint = Checkpoint {
        variables: kept.map(|(name, _, value)| (name.to_string(), value)).collect(),
        step: clock.step,
        epoch: clock.epoch,
        ..Checkpoint::default()
    };
    checkpoint.save(path).map_err(|e| Failure::data(&e))
}

fn report(session: &Session, reports: &[EpochReport], as_json: bool) {
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
    let Some(last) = reports.last() else {
        outln!("ended after {} batches, within an epoch", clock.step);
        return;
    };
    outln!("trained {} batches, {} epochs", clock.step, clock.epoch);
    outln!("train: {}", metrics_text(&last.train));
    if let Some(validation) = &last.validation {
        outln!("validation: {}", metrics_text(validation));
    }
}
