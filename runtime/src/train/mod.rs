//! Training: epochs of batches, what they report, the log of it, and what is kept so that a
//! training can go on.

mod checkpoints;
mod feeding;
mod filler;
mod finite;
mod fit;
mod loader;
mod log;
mod metrics;
mod options;
mod parts;
mod progress;
mod rates;
mod stopping;
mod tensorboard;

pub use checkpoints::{Checkpoints, Kept};
pub use feeding::BatchSize;
pub use fit::{BatchReport, Callbacks, EpochReport, evaluate, fit, predict};
pub use loader::bytes_ahead;
pub use log::{Log, lines_before, literal_json, metrics_json, rates_json};
pub use metrics::{Averages, Sum};
pub use options::{FitOptions, Validation};
pub use parts::with_standards;
pub use progress::Progress;
pub use stopping::{Best, Better, EarlyStop};
pub use tensorboard::TensorBoard;

#[cfg(test)]
mod tests;
