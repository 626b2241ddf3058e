//! The arguments of the commands that time steps.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{EntryName, Model, Weights, pair};

/// What steps are timed.
#[derive(Debug, Args)]
pub(crate) struct Timed {
    #[command(flatten)]
    pub(crate) model: Model,
    /// Steps to time.
    #[arg(long, value_name = "N", default_value = "200")]
    pub(crate) steps: std::num::NonZeroUsize,
    /// Draw an integer input from `0..N` (repeatable).
    #[arg(long = "range", value_name = "NAME=N", value_parser = pair, conflicts_with = "data")]
    pub(crate) ranges: Vec<(String, String)>,
    /// Data to feed instead of drawn numbers, batch after batch.
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// Rows of a batch, where the file leaves them open; by default what --dim says, else 32.
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<std::num::NonZeroUsize>,
    /// What is computed; by default a training batch where the file has one.
    #[arg(long, value_enum)]
    pub(crate) entry: Option<EntryName>,
    #[command(flatten)]
    pub(crate) weights: Weights,
}

/// `bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) timed: Timed,
    /// Compare with this backend, on the same graph and data.
    #[arg(long, value_enum)]
    pub(crate) against: Option<Against>,
}

/// `profile`.
#[derive(Debug, Args)]
pub(crate) struct Profile {
    #[command(flatten)]
    pub(crate) timed: Timed,
    /// Write what each thread did in each step, for https://ui.perfetto.dev.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) trace: Option<PathBuf>,
    /// Measure what the machine can do again, instead of reading it from the cache.
    #[arg(long)]
    pub(crate) measure_limits: bool,
}

/// What `bench` compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Against {
    /// Operation by operation.
    Eager,
}
