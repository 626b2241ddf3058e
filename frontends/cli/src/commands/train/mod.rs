//! `brolga train`: fits the params of a file to data.

mod folds;
mod freeze;
mod kept;
mod report;

use std::path::Path;
use std::sync::Arc;

use brolga::runtime::data::{Augment, ClassWeights, Split};
use brolga::runtime::train::{FitOptions, TensorBoard, Validation, with_standards};

use crate::arguments::{EarlyStopText, Train};
use crate::failure::Failure;
use crate::model::{
    Purpose, ReadFile, batch_size, check_dims, check_place, data_set, load_weights, read, session,
    session_options,
};
use crate::watch::{Kept, train};

pub(crate) fn run(arguments: &Train) -> Result<(), Failure> {
    let mut program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    arguments.save.as_deref().map(|path| check_place(path, "safetensors")).transpose()?;
    freeze::freeze(&mut program, &arguments.freeze)?;
    Arc::make_mut(&mut program.module).accumulate(arguments.accumulate);
    let data = data_set(&arguments.data.data, Split::Train)?;
    let options = options(arguments, &program)?;
    if let Some(folds) = arguments.folds {
        return folds::run(arguments, &program, &data, &options, folds);
    }
    let mut session = session(&program, session_options(&arguments.model.machine))?;
    let of_weights = load_weights(&mut session, &program, &arguments.weights, Purpose::Training)?;
    let seed = arguments.model.machine.seed;
    let data = with_standards(&data, &options, seed).map_err(|e| Failure::data(&e))?;
    let standards = data.standards().map_err(|e| Failure::data(&e))?.cloned();
    if of_weights.is_some() && standards.is_none() {
        eprintln!(
            "warning: the weights were trained on standardised data, these are not; write \
             `?standardise` behind the source to standardise them"
        );
    }
    let checkpoints = kept::checkpoints(arguments, &program, &session, &data, &options)?;
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
    let kept = Kept { log, tensorboard, checkpoints };
    let reports = train(&mut session, &program, &data, &options, kept)?;
    if let Some(path) = &arguments.save {
        kept::save(&session, path, standards.as_deref(), arguments.weights_only)?;
    }
    report::report(&session, &reports, &options, arguments.model.machine.json);
    Ok(())
}

fn options(arguments: &Train, program: &ReadFile) -> Result<FitOptions, Failure> {
    let validation = match (&arguments.validation, arguments.validation_split) {
        (Some(text), _) => Validation::Data(data_set(text, Split::Test)?),
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
