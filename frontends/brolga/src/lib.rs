//! Brolga: a static dataflow graph in, a native training program out.
//!
//! A [`Graph`] is a whole training program: inputs, variables, model, loss and optimiser. It comes
//! from a `.graph` file ([`Graph::from_file`]) or from Rust ([`Graph::build`]); a [`Session`] compiles what is asked of it
//! for each size of batch, holds the variables, trains and predicts. The [`guide`] shows how.
//!
//! ```
//! use brolga::{BatchSize, FitOptions, Optimizer, Session, SessionOptions};
//! use brolga::{Graph, evaluate, f32, fit, i32, load_data};
//!
//! // A classifier of digits. Layers and losses are those of the language's library.
//! let graph = Graph::build(|g| {
//!     let batch = g.dim("batch");
//!     let image = g.input("image", f32([batch.clone(), 28.into(), 28.into()]));
//!     let label = g.input("label", i32([batch]));
//!     let hidden = g.named("hidden").dense(image.flatten(), 32).relu();
//!     let logits = g.named("logits").dense(g.dropout(hidden, 0.1), 10);
//!     g.output("probability", logits.softmax());
//!     g.metric("accuracy", g.accuracy(logits, label));
//!     g.minimize(g.sparse_softmax_cross_entropy(logits, label), Optimizer::adam(1e-3));
//! })
//! ?;
//!
//! let data = load_data("digits?rows=500")?;
//! let batches = BatchSize { rows: 32.try_into()?, given: Default::default() };
//! let options = FitOptions { batches: batches.clone(), ..FitOptions::new(2) };
//! let mut session = Session::new(graph, SessionOptions::default())?;
//! let before = evaluate(&mut session, &data, &batches)?;
//! fit(&mut session, &data, &options, &mut ())?;
//! let after = evaluate(&mut session, &data, &batches)?;
//! let loss = |metrics: &brolga::Metrics| metrics["loss"].scalars().next().map(|x| x.to_f64());
//! assert!(loss(&after) < loss(&before));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod builder;
mod error;
mod graph;
#[cfg(feature = "library")]
pub mod library;
#[doc = include_str!("../GUIDE.md")]
pub mod guide {}
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub mod readme {}
mod report;

pub use brolga_compiler::error::CompileError;
pub use brolga_compiler::ir::{
    Binding, DType, Dim, Element, Literal, Module, Name, Scalar, Target, TensorType,
};
pub use brolga_runtime::checkpoint::Checkpoint;
#[cfg(feature = "fit")]
pub use brolga_runtime::data::Source;
pub use brolga_runtime::data::{self, DataError, DataSet, Split};
pub use brolga_runtime::session::{
    Backend, Clock, Entry, Prepared, Results, Session, SessionOptions,
};
#[cfg(feature = "fit")]
pub use brolga_runtime::train::{
    BatchReport, BatchSize, Better, Callbacks, Checkpoints, EarlyStop, EpochReport, FitOptions,
    Log, Progress, Validation, evaluate, fit, predict,
};
pub use brolga_runtime::{Fault, RunError, host_memory, host_target, host_threads};
pub use brolga_text::Argument;
pub use builder::{
    Arguments, GraphBuilder, Optimizer, Turn, Value, With, build_module, f32, function, i32, init,
};
pub use error::{BuildErrors, Error};
pub use graph::Graph;
pub use indexmap::IndexMap;
pub use report::Report;

/// The crates behind this one, for tools that look inside.
pub use {brolga_compiler as compiler, brolga_runtime as runtime, brolga_text as text};

/// Metrics by name.
pub type Metrics = IndexMap<Name, Literal>;

/// The training part of a source of data: `digits`, `mnist:DIR`, `FILE.npz`.
///
/// ```
/// let data = brolga::load_data("digits?rows=200")?;
/// assert_eq!(data.n_rows(), 200);
/// let image = data.array("image").ok_or("digits have pictures")?;
/// assert_eq!(image.tensor_type().to_string(), "f32[200, 28, 28]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the text names no source, or the source cannot be read.
#[cfg(feature = "fit")]
pub fn load_data(source: &str) -> Result<DataSet, DataError> {
    data::load(&Source::parse(source)?, Split::Train)
}
