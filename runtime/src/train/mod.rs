//! Training: epochs of batches, what they report, and the log of it.

mod fit;
mod log;
mod metrics;

pub use fit::{
    BatchReport, BatchSize, Callbacks, EpochReport, FitOptions, Progress, Validation, evaluate,
    fit, predict,
};
pub use log::{Log, literal_json, metrics_json};
pub use metrics::{Averages, Sum};

#[cfg(test)]
mod tests;
