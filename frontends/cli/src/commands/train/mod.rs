//! `brolga train`: fits the params of a file to data.

mod folds;
mod freeze;
mod kept;
mod report;

use std::path::Path;
use std::sync::Arc;

use brolga::runtime::data::{
    Augment, ClassWeights, DataError, Names, Source, Split, fold_rows, load_as, split_rows,
};
use brolga::runtime::train::{FitOptions, TensorBoard, Validation, with_standards};
use brolga::{Backend, DataSet, Entry, SessionOptions};

use crate::arguments::{EarlyStopText, Train};
use crate::failure::Failure;
use crate::model::{
    ReadFile, batch_size, check_dims, check_place, data_set, data_set_as, fixed_rows, read,
    say_taken, say_unused, session,
};
use crate::page::{self, History, Told};
use crate::traced::Traced;
use crate::watch::{Kept, train};
use crate::weights::{Purpose, load_weights, trained_names};

pub(crate) fn run(arguments: &Train) -> Result<(), Failure> {
    let mut program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    arguments.save.as_deref().map(|path| check_place(path, "safetensors")).transpose()?;
    arguments.report.as_deref().map(|path| check_place(path, "html")).transpose()?;
    say_unused(&program);
    freeze::freeze(&mut program, &arguments.freeze)?;
    let module = Arc::make_mut(&mut program.module);
    module.accumulate(arguments.accumulate);
    module.watched = arguments.trace_values.iter().map(|name| name.as_str().into()).collect();
    let data = training_data(arguments)?;
    let options = options(arguments, &program, data.names())?;
    say_left_out(&program, &data, &options);
    if let Some(folds) = arguments.folds {
        return folds::run(arguments, &program, &data, &options, folds);
    }
    let mut session = session(&program, session_options(arguments)?)?;
    let loaded = load_weights(&mut session, &program, &arguments.weights, Purpose::Training)?;
    let seed = arguments.model.machine.seed;
    let data = with_standards(&data, &options, seed).map_err(|e| Failure::data(&e))?;
    let standards = data.standards().map_err(|e| Failure::data(&e))?.cloned();
    if loaded.standards.is_some() && standards.is_none() {
        eprintln!(
            "warning: the weights were trained on standardised data, these are not; write \
             `?standardise` behind the source to standardise them"
        );
    }
    say_taken(&mut session, &Entry::Train, &data);
    let begun = session.clock();
    let checkpoints = kept::checkpoints(arguments, &program, &session, &data, &options)?;
    if let (Some(checkpoints), false) = (&checkpoints, arguments.resume) {
        kept::check_new(checkpoints)?;
    }
    let mut options = options;
    if arguments.resume
        && let Some(checkpoints) = &checkpoints
    {
        options.resume = kept::resume(&mut session, &program, checkpoints)?;
    }
    let log = arguments.log.as_deref();
    let clock = options.resume.as_ref().map(|_| session.clock());
    let log = log.map(|path| kept::log_file(path, clock)).transpose()?;
    let tensorboard = arguments.tensorboard.as_deref();
    let tensorboard = tensorboard.map(|folder| TensorBoard::new(folder, clock)).transpose();
    let tensorboard = tensorboard.map_err(|e| Failure::data(&e))?;
    let history = arguments.report.is_some().then(History::default);
    let traced = Traced::new(&arguments.trace_values);
    let mut kept = Kept { log, tensorboard, checkpoints, history, traced };
    let reports = train(&mut session, &program, &data, &options, &mut kept)?;
    if let Some(path) = &arguments.save {
        kept::save(&session, path, &data, arguments.weights_only)?;
    }
    if let (Some(path), Some(history)) = (&arguments.report, &kept.history) {
        let held_back = held_back(&data, &options, arguments.model.machine.seed)?;
        let other = match &options.validation {
            Validation::Data(other) => Some(match &standards {
                Some(standards) => other.clone().with_standards(standards.clone()),
                None => other.clone(),
            }),
            Validation::None | Validation::Fraction(_) | Validation::Fold { .. } => None,
        };
        let tried = match &other {
            Some(other) => (other, None),
            None => (&data, held_back.as_deref()),
        };
        let (options, reports) = (&options, &reports[..]);
        let file = &arguments.model.file;
        let told = Told { program: &program, file, options, history, reports, tried };
        page::write(path, &mut session, &told)?;
    }
    report::report(
        (&session, begun),
        &reports,
        (&options, &loaded.files),
        arguments.model.machine.json,
    );
    Ok(())
}

/// Says how many rows do not fill a batch whose rows the file fixes.
fn say_left_out(program: &ReadFile, data: &DataSet, options: &FitOptions) {
    let Some(batch) = fixed_rows(&program.module).and_then(|n| usize::try_from(n).ok()) else {
        return;
    };
    let rows = data.n_rows();
    let left = rows % batch.max(1);
    if matches!(options.validation, Validation::None | Validation::Data(_)) && left > 0 {
        eprintln!(
            "warning: the file has batches of {batch} rows, so {left} of {rows} are left out in \
             every epoch; call that dimension `batch` to train on all"
        );
    }
}

/// The rows that the validation has held back of the data, if it has.
fn held_back(data: &DataSet, options: &FitOptions, seed: i64) -> Result<Option<Vec<u32>>, Failure> {
    let parts = match options.validation {
        Validation::None | Validation::Data(_) => return Ok(None),
        Validation::Fraction(fraction) => split_rows(data.n_rows(), fraction, seed as u64),
        Validation::Fold { fold, of } => fold_rows(data.n_rows(), (fold, of), seed as u64),
    };
    parts.map(|(_, held_back)| Some(held_back)).map_err(|e| Failure::data(&e))
}

/// What a training asks of the machine: with `--check-nan` code that can be observed.
fn session_options(arguments: &Train) -> Result<SessionOptions, Failure> {
    let options = crate::model::session_options(&arguments.model.machine);
    let observe = arguments.check_nan;
    if observe && options.backend != Backend::Jit {
        let message = "error: `--check-nan` looks at machine code: `--backend jit`\n";
        return Err(Failure::Usage(message.into()));
    }
    Ok(SessionOptions { observe, ..options })
}

/// The data that are learnt from: in the terms of the training that goes on, or in their own, for
/// instance with other classes, which is for the user to know.
fn training_data(arguments: &Train) -> Result<DataSet, Failure> {
    let text = &arguments.data.data;
    let names = trained_names(&arguments.weights)?;
    let source = Source::parse(text).map_err(|e| Failure::data(&e))?;
    let why = match load_as(&source, Split::Train, &names) {
        Err(error @ DataError::OtherNames { .. }) => error.to_string(),
        Ok(data) => match data.left_out() {
            None => return Ok(data),
            Some(reason) => reason.to_string(),
        },
        Err(error) => return Err(Failure::data(&error)),
    };
    eprintln!("warning: numbers and columns are those of `{text}`, not of the weights: {why}");
    data_set(text, Split::Train)
}

fn options(arguments: &Train, program: &ReadFile, names: &Names) -> Result<FitOptions, Failure> {
    let validation = match (&arguments.validation, arguments.validation_split) {
        (Some(text), _) => Validation::Data(data_set_as(text, Split::Test, names)?),
        (None, Some(fraction)) => Validation::Fraction(fraction),
        (None, None) => Validation::None,
    };
    let class_weights = arguments.class_weight.as_deref().map(class_weights).transpose()?;
    let augment = arguments.augment.as_deref().map(str::parse::<Augment>).transpose();
    Ok(FitOptions {
        epochs: i64::from(arguments.epochs),
        batches: batch_size(&program.module, arguments.data.batch_size, &arguments.model.dims)?,
        shuffle: !arguments.no_shuffle,
        validation,
        class_weights,
        augment: augment.map_err(|e| Failure::data(&e))?,
        allow_nan: arguments.allow_nan,
        check_nan: arguments.check_nan,
        early_stop: arguments.early_stop.as_ref().map(EarlyStopText::rule).transpose()?,
        resume: None,
    })
}

/// `balanced`, or the file of that name; a file that is called so is `./balanced`.
fn class_weights(text: &str) -> Result<ClassWeights, Failure> {
    if text == "balanced" {
        return Ok(ClassWeights::Balanced);
    }
    ClassWeights::read(Path::new(text)).map_err(|e| Failure::data(&e))
}
