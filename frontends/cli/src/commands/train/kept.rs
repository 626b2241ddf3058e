//! What is kept of a training: checkpoints, the log and the weights.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind};
use std::path::Path;

use brolga::Session;
use brolga::compiler::ir::VariableKind;
use brolga::runtime::RunError;
use brolga::runtime::checkpoint::Checkpoint;
use brolga::runtime::data::{ClassWeights, DataError, DataSet};
use brolga::runtime::session::Clock;
use brolga::runtime::train::{Checkpoints, FitOptions, Log, Progress, Validation, lines_before};

use crate::arguments::Train;
use crate::failure::Failure;
use crate::model::ReadFile;

/// The checkpoints that are asked for. Whatever the bits of a training depend on tells it from
/// others.
pub(super) fn checkpoints(
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
        Validation::Fold { fold, of } => format!("part {fold} of {of}"),
    };
    let weights = match &options.class_weights {
        None => "nothing of their own".to_string(),
        Some(ClassWeights::Balanced) => "balanced".to_string(),
        Some(ClassWeights::Given(given)) => {
            let each = given.iter().map(|(class, weight)| format!("{class} {weight}"));
            each.collect::<Vec<String>>().join(", ")
        }
    };
    let augment = options.augment.as_ref().map_or("not".to_string(), ToString::to_string);
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
        ("what an update is made of", format!("{} batches", arguments.accumulate)),
        ("what classes weigh", weights),
        ("how pictures are changed", augment),
        ("early stopping", stop.to_string()),
        ("what is frozen", arguments.freeze.join(", ")),
    ];
    let identity = identity.map(|(what, value)| (what.to_string(), value)).into();
    let made = Checkpoints::new(folder, arguments.every, identity);
    made.and_then(|made| made.with_data(data)).map(Some).map_err(|e| Failure::data(&e))
}

/// Refuses a folder with the checkpoints of an earlier training, which a new one would replace.
pub(super) fn check_new(checkpoints: &Checkpoints) -> Result<(), Failure> {
    let files = checkpoints.files().map_err(|e| Failure::data(&e))?;
    match files.last() {
        None => Ok(()),
        Some(path) => Err(Failure::Usage(format!(
            "error: `{}` is of an earlier training: `--resume` goes on with it, another folder or an \
             empty one begins anew\n",
            path.display()
        ))),
    }
}

/// Brings a session to where the newest checkpoint is; what was found is said on standard error.
pub(super) fn resume(
    session: &mut Session,
    program: &ReadFile,
    checkpoints: &Checkpoints,
) -> Result<Option<Progress>, Failure> {
    let run = |e: RunError| Failure::run(&e, &program.sources);
    let Some(kept) = checkpoints.newest().map_err(run)? else {
        eprintln!("there is no checkpoint yet: the training begins");
        return Ok(None);
    };
    for (_, error) in &kept.damaged {
        eprintln!("warning: {error}; the checkpoint before it is taken");
    }
    session.set_variables(kept.variables).map_err(run)?;
    session.set_clock(kept.clock);
    eprintln!("{}: resumed at step {}", kept.path.display(), kept.clock.step);
    Ok(Some(kept.progress))
}

/// The log, which goes on from a clock if there is one.
pub(super) fn log_file(path: &Path, clock: Option<Clock>) -> Result<Log<BufWriter<File>>, Failure> {
    let refused = |error: std::io::Error| {
        Failure::data(&DataError::Write { path: path.to_path_buf(), reason: error.to_string() })
    };
    let before = match clock.map(|clock| (clock, std::fs::read_to_string(path))) {
        Some((clock, Ok(text))) => lines_before(&text, clock).len() as u64,
        Some((_, Err(error))) if error.kind() != ErrorKind::NotFound => return Err(refused(error)),
        Some((_, Err(_))) | None => 0,
    };
    // What stays is never written again: whenever this is killed, it is there.
    let file = OpenOptions::new().append(true).create(true).open(path).map_err(refused)?;
    if file.metadata().map_err(refused)?.is_file() {
        file.set_len(before).map_err(refused)?;
    }
    Ok(Log::new(BufWriter::new(file)))
}

/// Writes params, states, what the data were measured by and what they call numbers; if not the
/// weights only, the optimisers' slots and the clock too.
pub(super) fn save(
    session: &Session,
    path: &Path,
    data: &DataSet,
    weights_only: bool,
) -> Result<(), Failure> {
    let kept = session.variables().filter(|(_, kind, _)| match kind {
        VariableKind::Param | VariableKind::State => true,
        VariableKind::Slot => !weights_only,
    });
    let clock = if weights_only { Clock::default() } else { session.clock() };
    let mut checkpoint = Checkpoint {
        variables: kept.map(|(name, _, value)| (name.to_string(), value)).collect(),
        step: clock.step,
        epoch: clock.epoch,
        metadata: BTreeMap::new(),
    };
    checkpoint.set_data(data).and_then(|()| checkpoint.save(path)).map_err(|e| Failure::data(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A training may be killed before it has written anything.
    #[test]
    fn a_log_keeps_what_it_had_at_every_moment() {
        let path = std::env::temp_dir().join(format!("brolga-log-{}.jsonl", std::process::id()));
        let lines = "{\"step\": 0}\n{\"step\": 1}\n{\"epoch_end\": 0}\n";
        std::fs::write(&path, format!("{lines}{{\"step\": 2}}\n{{\"st")).expect("a file of ours");
        let clock = Clock { step: 2, epoch: 1 };
        let log = log_file(&path, Some(clock)).expect("it is opened");
        // As if the process had ended here.
        std::mem::forget(log);
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), lines);
        let fresh = log_file(&path, None).expect("it is opened");
        drop(fresh);
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "");
        std::fs::remove_file(&path).expect("it is ours");
    }
}
