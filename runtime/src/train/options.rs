//! How to train.

use super::feeding::BatchSize;
use super::progress::Progress;
use super::stopping::EarlyStop;
use crate::data::{Augment, ClassWeights, DataSet};

/// How to train.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// Epochs to train, after those that the clock has when the training begins.
    pub epochs: i64,
    /// How rows become batches.
    pub batches: BatchSize,
    /// Whether each epoch has an order of its own, from the session's seed.
    pub shuffle: bool,
    /// What is evaluated after each epoch.
    pub validation: Validation,
    /// What the examples weigh that are trained on, by their class: an array `weight`, which the
    /// training must read as an input.
    pub class_weights: Option<ClassWeights>,
    /// How the pictures are changed that are trained on, anew in each epoch.
    pub augment: Option<Augment>,
    /// Whether to go on with a loss that is not finite.
    pub allow_nan: bool,
    /// Whether to look at what every kernel writes, and to end at the first that makes what is not
    /// finite; the session must make code to be observed.
    pub check_nan: bool,
    /// When to end before, and to take back the variables of the best epoch.
    pub early_stop: Option<EarlyStop>,
    /// How far a training that is resumed is.
    pub resume: Option<Progress>,
}

impl FitOptions {
    /// So many epochs of shuffled batches of 32 rows, without validation.
    ///
    /// ```
    /// use brolga::FitOptions;
    ///
    /// let options = FitOptions { shuffle: false, ..FitOptions::new(3) };
    /// assert_eq!((options.epochs, options.batches.rows.get()), (3, 32));
    /// ```
    pub fn new(epochs: i64) -> FitOptions {
        FitOptions {
            epochs,
            batches: BatchSize::default(),
            shuffle: true,
            validation: Validation::None,
            class_weights: None,
            augment: None,
            allow_nan: false,
            check_nan: false,
            early_stop: None,
            resume: None,
        }
    }
}

/// What is evaluated after each epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Validation {
    /// Nothing.
    None,
    /// Another data set.
    Data(DataSet),
    /// This fraction of the rows, which are then not trained on.
    Fraction(f64),
    /// This part, from 0, of so many parts of the rows, which is then not trained on.
    Fold {
        /// The number of the part.
        fold: u32,
        /// The parts.
        of: u32,
    },
}
