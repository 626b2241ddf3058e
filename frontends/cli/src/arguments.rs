//! The command line: commands, their arguments, and how the texts of arguments are read.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A graph compiler for neural networks: a .graph file in, a trained model out.
#[derive(Debug, Parser)]
#[command(name = "brolga", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a classifier of digits on built-in data, from nothing.
    Demo(Demo),
    /// Check a file: types of every entry, gradients, parameters, memory and work of a step.
    Check(Check),
    /// Run a file once on arrays.
    Run(Run),
    /// Train a model.
    Train(Train),
    /// Loss and metrics of a model over a data set.
    Eval(Eval),
    /// Outputs of a model for every row of a data set.
    Predict(Predict),
    /// Show what a source of data holds: types, ranges, classes, examples.
    Data(Inspect),
    /// Print a file at a stage of the compiler.
    Dump(Dump),
    /// Time compiling and steps.
    Bench(Bench),
    /// Check every gradient of a file against central differences, in f64.
    Gradcheck(Gradcheck),
    /// Show the standard library, or one function of it.
    Std(Named),
    /// List the operations, or describe one.
    Ops(Named),
    /// Explain an error code.
    Explain(Explain),
}

/// What every command that reads a file takes.
#[derive(Debug, Args)]
pub(crate) struct Model {
    /// The .graph file; `-` for standard input.
    pub(crate) file: String,
    /// Give a dimension a number (repeatable).
    #[arg(long = "dim", value_name = "NAME=N", value_parser = pair)]
    pub(crate) dims: Vec<(String, String)>,
    /// Give a const of the file another value (repeatable).
    #[arg(long = "const", value_name = "NAME=V", value_parser = pair)]
    pub(crate) consts: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) machine: Machine,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// How large a file and what it expands to may be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// How deep brackets and blocks may nest.
    #[arg(long, value_name = "N", value_parser = levels(MAX_NESTING))]
    pub(crate) max_nesting: Option<u64>,
    /// How deep expressions and calls of functions may nest, together.
    #[arg(long, value_name = "N", value_parser = levels(MAX_DEPTH))]
    pub(crate) max_depth: Option<u64>,
    /// Bytes of a file.
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_file_bytes: Option<usize>,
    /// Iterations of `for` that are expanded, all loops together.
    #[arg(long, value_name = "N")]
    pub(crate) max_iterations: Option<usize>,
    /// Calls of functions that are expanded.
    #[arg(long, value_name = "N")]
    pub(crate) max_calls: Option<usize>,
    /// Operations of a graph.
    #[arg(long, value_name = "N")]
    pub(crate) max_nodes: Option<usize>,
    /// Members of a list.
    #[arg(long, value_name = "N")]
    pub(crate) max_list: Option<usize>,
    /// Bytes of a tensor, where its dimensions are numbers.
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_tensor_bytes: Option<usize>,
}

/// The deepest nesting that may be asked for: a level is at most nine nodes of a tree, and a walk
/// takes up to two kilobytes of the stack for each, of which there are 64 megabytes.
const MAX_NESTING: u64 = 1000;

/// The deepest expressions that may be asked for, of up to two kilobytes of the stack a level.
const MAX_DEPTH: u64 = 10_000;

fn levels(most: u64) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=most)
}

/// What is used of the machine, and how is reported.
#[derive(Debug, Args)]
pub(crate) struct Machine {
    /// Threads; by default one per core. The results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Bytes that variables, data and values of a step may take together.
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory_limit: Option<usize>,
    /// How steps are run.
    #[arg(long, value_enum, default_value_t = BackendName::Jit)]
    pub(crate) backend: BackendName,
    /// The seed of initial values, order and randomness.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: i64,
    /// Report as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How steps are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// As machine code.
    Jit,
    /// Operation by operation.
    Eager,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) machine: Machine,
    /// Epochs to train.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = epochs())]
    pub(crate) epochs: u32,
    /// Print the .graph file instead of training it.
    #[arg(long)]
    pub(crate) source: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) model: Model,
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) model: Model,
    /// The array of an input: `x=x.npy`, or a whole .npz (repeatable).
    #[arg(long = "input", value_name = "NAME=FILE")]
    pub(crate) inputs: Vec<String>,
    /// Results to compute instead of the outputs: any named value (repeatable).
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) fetch: Vec<String>,
    #[command(flatten)]
    pub(crate) weights: Weights,
    /// Write the results to this .npz instead of printing them.
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) output: Option<PathBuf>,
}

/// Weights to start from.
#[derive(Debug, Args)]
pub(crate) struct Weights {
    /// Values of variables, by name; with a scope, of the variables below it (repeatable).
    #[arg(long = "params", value_name = "[SCOPE=]FILE")]
    pub(crate) params: Vec<String>,
}

/// A data set and how it becomes batches.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// The data: `digits`, `mnist:DIR`, `FILE.npz`, `FILE.csv?label=COLUMN` or another source;
    /// `brolga explain E0601` lists them.
    #[arg(long, value_name = "DATA")]
    pub(crate) data: String,
    /// Rows of a batch, where the file leaves them open; by default what --dim says, else 32.
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<std::num::NonZeroUsize>,
}

/// `train`.
#[derive(Debug, Args)]
pub(crate) struct Train {
    #[command(flatten)]
    pub(crate) model: Model,
    #[command(flatten)]
    pub(crate) data: Data,
    /// Epochs to train.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = epochs())]
    pub(crate) epochs: u32,
    /// Data to evaluate after each epoch.
    #[arg(long, value_name = "DATA", conflicts_with = "validation_split")]
    pub(crate) validation: Option<String>,
    /// The fraction of the rows to hold back and evaluate after each epoch.
    #[arg(long, value_name = "F")]
    pub(crate) validation_split: Option<f64>,
    /// Keep the rows in the order of the data.
    #[arg(long)]
    pub(crate) no_shuffle: bool,
    #[command(flatten)]
    pub(crate) weights: Weights,
    /// Write params, states, step and epoch when the training ends.
    #[arg(long, value_name = "OUT.safetensors")]
    pub(crate) save: Option<PathBuf>,
    /// Write a line of JSON for each batch and each epoch.
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) log: Option<PathBuf>,
}

/// `eval`.
#[derive(Debug, Args)]
pub(crate) struct Eval {
    #[command(flatten)]
    pub(crate) model: Model,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) weights: Weights,
}

/// `predict`.
#[derive(Debug, Args)]
pub(crate) struct Predict {
    #[command(flatten)]
    pub(crate) model: Model,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) weights: Weights,
    /// Results to compute instead of the outputs: any named value (repeatable).
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) fetch: Vec<String>,
    /// Where the results go.
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) output: PathBuf,
}

/// `data`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The source, as `--data` takes it; `brolga explain E0601` lists them.
    pub(crate) source: String,
    /// The part of a source that comes in two; by default the training part.
    #[arg(long, value_enum)]
    pub(crate) split: Option<Part>,
    /// Rows to show.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) examples: usize,
    /// Report as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A part of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What `train` learns from.
    Train,
    /// What `eval`, `predict` and `--validation` look at.
    Test,
}

/// `dump`.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) model: Model,
    /// The stage to print.
    #[arg(long, value_enum, default_value_t = Stage::Optimized)]
    pub(crate) stage: Stage,
    /// What is computed; by default a training batch where the file has one.
    #[arg(long, value_enum)]
    pub(crate) entry: Option<EntryName>,
    /// Print what each pass changed.
    #[arg(long)]
    pub(crate) pass_by_pass: bool,
    /// Print what this pass changed.
    #[arg(long, value_name = "PASS")]
    pub(crate) pass: Option<String>,
    /// Leave out a pass (repeatable).
    #[arg(long, value_name = "PASS")]
    pub(crate) disable: Vec<String>,
    /// Leave out the passes after this one.
    #[arg(long, value_name = "PASS")]
    pub(crate) stop_after: Option<String>,
    /// Print this kernel alone, by number or name.
    #[arg(long, value_name = "K")]
    pub(crate) kernel: Option<String>,
    /// How a graph is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// The stages of `dump`, in the order of the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Stage {
    /// The file as it was read.
    Parsed,
    /// Functions expanded, types inferred.
    Typed,
    /// With gradients and updates.
    Gradient,
    /// After the passes, with numbers for dimensions.
    Optimized,
    /// What shares a kernel.
    Fused,
    /// The kernels' loops.
    Loops,
    /// Calls in waves, and where every value lives.
    Memory,
    /// The input of the code generator.
    Clif,
    /// Machine code.
    Asm,
}

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EntryName {
    /// A training batch.
    Train,
    /// The loss and the metrics.
    Eval,
    /// The outputs.
    #[value(alias = "predict")]
    Run,
}

/// How a graph is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The language.
    Text,
    /// A drawing for Graphviz.
    Dot,
    /// Data.
    Json,
}

/// `bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) model: Model,
    /// Compare with this backend, on the same graph and data.
    #[arg(long, value_enum)]
    pub(crate) against: Option<Against>,
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

/// `brolga gradcheck`
#[derive(Debug, Args)]
pub(crate) struct Gradcheck {
    #[command(flatten)]
    pub(crate) model: Model,
    /// Draw an integer input from `0..N` (repeatable).
    #[arg(long = "range", value_name = "NAME=N", value_parser = pair)]
    pub(crate) ranges: Vec<(String, String)>,
    /// Rows of a batch, where the file leaves them open; by default what --dim says, else 32.
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<std::num::NonZeroUsize>,
}

/// What `bench` compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Against {
    /// Operation by operation.
    Eager,
}

/// A name, or everything.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The name; everything without.
    pub(crate) name: Option<String>,
    /// Report as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, such as E0203; all codes without.
    pub(crate) code: Option<String>,
    /// Report as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// At least one.
fn epochs() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        Some(_) | None => Err("it is not of the form NAME=VALUE".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn pairs_have_a_name() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_string(), "b=c".to_string())));
        assert!(pair("=1").is_err() && pair("a").is_err());
    }
}
