//! What a training learns from and what is evaluated beside it: the rows of each, and what the
//! options make of the arrays.

use super::feeding::Feeding;
use super::options::{FitOptions, Validation};
use crate::RunError;
use crate::data::{DataError, DataSet, Standards, WEIGHT, fold_rows, split_rows};
use crate::session::{Entry, Session};

/// Data, and the rows of them that are meant; all without.
struct Part {
    data: DataSet,
    rows: Option<Vec<u32>>,
}

/// How the rows that are trained on feed a session, and those that are evaluated.
pub(super) fn feedings(
    session: &mut Session,
    data: &DataSet,
    options: &FitOptions,
) -> Result<(Feeding, Option<Feeding>), RunError> {
    let seed = session.options().seed as u64;
    let shuffle = options.shuffle.then_some(seed);
    let (training, validation) = parts(data, options, seed)?;
    let size = &options.batches;
    let mut feeding = Feeding::new(session, Entry::Train, &training.data, size, shuffle)?;
    if options.class_weights.is_some() && !feeding.reads(WEIGHT) {
        return Err(DataError::UnreadWeights.into());
    }
    if let Some(rows) = training.rows {
        feeding.select(&training.data, rows)?;
    }
    if let Some(augment) = &options.augment {
        feeding.augment(augment, seed)?;
    }
    let of_validation = |Part { data, rows }: Part| {
        let mut feeding = Feeding::new(session, Entry::Eval, &data, size, None)?;
        if let Some(rows) = rows {
            feeding.select(&data, rows)?;
        }
        Ok::<Feeding, RunError>(feeding)
    };
    Ok((feeding, validation.map(of_validation).transpose()?))
}

/// What is trained on, and what is evaluated.
fn parts(
    data: &DataSet,
    options: &FitOptions,
    seed: u64,
) -> Result<(Part, Option<Part>), DataError> {
    let (rows, validation) = match &options.validation {
        Validation::None => (None, None),
        Validation::Data(data) => (None, Some(Part { data: data.clone(), rows: None })),
        Validation::Fraction(fraction) => halves(data, split_rows(data.n_rows(), *fraction, seed)?),
        Validation::Fold { fold, of } => {
            halves(data, fold_rows(data.n_rows(), (*fold, *of), seed)?)
        }
    };
    let standards = match (data.standards(), data.standardise()) {
        (Ok(known), _) => known.cloned(),
        (Err(_), Some(which)) => Some(Standards::of(data, which, rows.as_deref())?.into()),
        (Err(error), None) => return Err(error),
    };
    let measured = |data: DataSet| match &standards {
        Some(standards) => data.with_standards(standards.clone()),
        None => data,
    };
    let validation = validation.map(|Part { data, rows }| Part { data: measured(data), rows });
    let data = &measured(data.clone());
    let data = match &options.class_weights {
        Some(weights) => weights.weigh(data, rows.as_deref())?,
        None => data.clone(),
    };
    Ok((Part { data, rows }, validation))
}

/// The rows that are kept, and the part that is held out.
fn halves(
    data: &DataSet,
    (kept, held_out): (Vec<u32>, Vec<u32>),
) -> (Option<Vec<u32>>, Option<Part>) {
    (Some(kept), Some(Part { data: data.clone(), rows: Some(held_out) }))
}

/// The data with the standards that a training with these options gives them, if they are to be
/// standardised: those of the rows that it learns from.
///
/// # Errors
/// Data that cannot be standardised, or a part of them without rows.
pub fn with_standards(
    data: &DataSet,
    options: &FitOptions,
    seed: i64,
) -> Result<DataSet, DataError> {
    let (training, _) =
        parts(data, &FitOptions { class_weights: None, ..options.clone() }, seed as u64)?;
    Ok(training.data)
}
