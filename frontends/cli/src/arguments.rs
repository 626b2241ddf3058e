//! The command line: commands, their arguments, and how the texts of arguments are read.

use std::path::PathBuf;
use std::sync::LazyLock;

use brolga::compiler::stages;
use brolga::runtime::train::{Better, EarlyStop};
use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::failure::Failure;

mod timed;

pub(crate) use timed::{Against, Bench, Profile, Timed};

/// A graph compiler for neural networks: a .graph file in, a trained model out.
#[derive(Debug, Parser)]
#[command(name = "brolga", version, max_term_width = 100, disable_help_subcommand = true)]
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
    /// Write a model that ships with the command, to begin with.
    New(New),
    /// Check a file: types of every entry, gradients, parameters, memory and work of a step.
    Check(Check),
    /// Run a file once on arrays.
    Run(Run),
    /// Train a model.
    Train(Box<Train>),
    /// Loss and metrics of a model over a data set.
    Eval(Eval),
    /// Outputs of a model for every row of a data set.
    Predict(Predict),
    /// Show what a source of data holds: types, ranges, classes, examples.
    Data(Inspect),
    /// Compile a model to a library for programs in C: object file, static or shared, and header.
    Compile(Box<Compile>),
    /// Print a file at a stage of the compiler.
    Dump(Dump),
    /// Time compiling and steps.
    Bench(Bench),
    /// Show where the time of a step goes: by kernel, line and layer, and against the machine's limits.
    Profile(Profile),
    /// Check every gradient of a file against central differences, in f64.
    Gradcheck(Gradcheck),
    /// Show the standard library, or one function of it.
    Std(Named),
    /// List the operations, or describe one.
    Ops(Named),
    /// Explain an error code.
    Explain(Explain),
    /// Print the reference of the language, another page, or the usage of a command.
    Help(Help),
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

/// What the help calls them; the heading of a group would go on to what follows it.
const LIMITS: &str = "Limits";

/// How large a file and what it expands to may be.
#[derive(Clone, Debug, Args)]
pub(crate) struct Limits {
    /// How deep brackets and blocks may nest.
    #[arg(long, help_heading = LIMITS, value_name = "N", value_parser = levels(MAX_NESTING))]
    pub(crate) max_nesting: Option<u64>,
    /// How deep expressions and calls of functions may nest, together.
    #[arg(long, help_heading = LIMITS, value_name = "N", value_parser = levels(MAX_DEPTH))]
    pub(crate) max_depth: Option<u64>,
    /// Bytes of a file.
    #[arg(long, help_heading = LIMITS, value_name = "BYTES")]
    pub(crate) max_file_bytes: Option<usize>,
    /// Iterations of `for` that are expanded, all loops together.
    #[arg(long, help_heading = LIMITS, value_name = "N")]
    pub(crate) max_iterations: Option<usize>,
    /// Calls of functions that are expanded.
    #[arg(long, help_heading = LIMITS, value_name = "N")]
    pub(crate) max_calls: Option<usize>,
    /// Operations of a graph.
    #[arg(long, help_heading = LIMITS, value_name = "N")]
    pub(crate) max_nodes: Option<usize>,
    /// Members of a list.
    #[arg(long, help_heading = LIMITS, value_name = "N")]
    pub(crate) max_list: Option<usize>,
    /// Bytes of a tensor, where its dimensions are numbers.
    #[arg(long, help_heading = LIMITS, value_name = "BYTES")]
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
#[derive(Clone, Debug, Args)]
pub(crate) struct Machine {
    /// Threads; by default one per core. The results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Bytes that variables, data and values of a step may take together: `800MB`, `2GiB`.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory_limit: Option<usize>,
    /// How steps are run.
    #[arg(long, value_enum, default_value_t = BackendName::Jit)]
    pub(crate) backend: BackendName,
    /// The seed of initial values, order and randomness.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: i64,
    /// Name kernels and lines for `perf`: a map in /tmp, and jit-PID.dump here (`perf record -k mono`).
    #[arg(long)]
    pub(crate) perf: bool,
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

/// `new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// What to call the file; `.graph` is added if it is not there.
    #[arg(conflicts_with = "list", required_unless_present = "list")]
    pub(crate) name: Option<String>,
    /// The model.
    #[arg(long, value_name = "M", default_value = "mlp")]
    pub(crate) model: String,
    /// List the models.
    #[arg(long)]
    pub(crate) list: bool,
    /// Report as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
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
    /// The array of an input: `x=x.npy`, a whole .npz, or a text for tokens: `x=text:Once` (repeatable).
    #[arg(long = "input", value_name = "NAME=FILE")]
    pub(crate) inputs: Vec<String>,
    /// Print whole numbers as the characters that the array of this name had in the training.
    #[arg(long, value_name = "NAME", requires = "params")]
    pub(crate) text: Option<String>,
    /// Results to compute instead of the outputs: any named value (repeatable).
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) fetch: Vec<String>,
    #[command(flatten)]
    pub(crate) weights: Weights,
    /// Write the results to this .npz instead of printing them, or draw the one result as a grid of
    /// pictures in this .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Weights to start from.
#[derive(Debug, Args)]
pub(crate) struct Weights {
    /// Values of variables, by name, from .safetensors, .npz, or Keras's .h5 and .keras; with a scope,
    /// of the variables below it (repeatable).
    #[arg(long = "params", value_name = "[SCOPE=]FILE")]
    pub(crate) params: Vec<String>,
    /// What variables are called in those files, and how their tensors become ours, a line each:
    /// `fc1.w = fc1.weight: transpose 1 0`.
    #[arg(long, value_name = "FILE", requires = "params")]
    pub(crate) names: Option<PathBuf>,
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
    /// Train K times, each time without a K-th part of the rows, which is evaluated then; say each
    /// result, the mean and the standard deviation.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..),
          conflicts_with_all = ["validation", "validation_split", "save", "checkpoint", "log", "tensorboard",
                                "report"])]
    pub(crate) folds: Option<u32>,
    /// Leave params as they are, by name or scope; `*` stands for any characters (repeatable).
    #[arg(long, value_name = "PATTERN")]
    pub(crate) freeze: Vec<String>,
    /// Update the params with the mean of the gradients of N batches, as a batch of N times as many
    /// rows would; what is left at the end of an epoch goes on in the next.
    #[arg(long, value_name = "N", default_value_t = std::num::NonZeroU64::MIN)]
    pub(crate) accumulate: std::num::NonZeroU64,
    /// Weigh the examples by class, through the input `weight` of the file: a file of a class and its
    /// weight a line, or as JSON; `balanced` lets all classes weigh the same.
    #[arg(long, value_name = "FILE|balanced")]
    pub(crate) class_weight: Option<String>,
    /// Change the pictures that are trained on, anew in each epoch and in this order: any of
    /// `flip,shift:2,crop:4,rotate:10,noise:0.1`. The pictures are the inputs of f32[batch, h, w] or
    /// f32[batch, h, w, c]; `brolga explain E0628` says what each change is.
    #[arg(long, value_name = "CHANGES")]
    pub(crate) augment: Option<String>,
    /// Keep the rows in the order of the data.
    #[arg(long)]
    pub(crate) no_shuffle: bool,
    #[command(flatten)]
    pub(crate) weights: Weights,
    /// Write params, states, the optimiser's slots, step and epoch when the training ends.
    #[arg(long, value_name = "OUT.safetensors")]
    pub(crate) save: Option<PathBuf>,
    /// Write params and states alone: a training that goes on from them begins at step 0.
    #[arg(long, requires = "save")]
    pub(crate) weights_only: bool,
    /// Keep checkpoints in this folder, after each epoch: all that a training needs to go on.
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Keep one after every N batches too.
    #[arg(long, value_name = "N", requires = "checkpoint")]
    pub(crate) every: Option<std::num::NonZeroU64>,
    /// Go on from the newest checkpoint, to the same bits as without the break.
    #[arg(long, requires = "checkpoint", conflicts_with = "params")]
    pub(crate) resume: bool,
    /// Go on when the loss is NaN or infinite.
    #[arg(long)]
    pub(crate) allow_nan: bool,
    /// Print what a value is after the first batch and each epoch, by any name of `dump --stage
    /// gradient` (repeatable).
    #[arg(long, value_name = "NAME")]
    pub(crate) trace_values: Vec<String>,
    /// End at the first kernel that makes a NaN or an infinity, and say which operation on what.
    #[arg(long)]
    pub(crate) check_nan: bool,
    /// End after so many epochs without a better value of a metric, and keep the best epoch's
    /// variables; `+METRIC` if higher values are better, `-METRIC` if lower ones are.
    #[arg(long, value_name = "METRIC:PATIENCE", allow_hyphen_values = true)]
    pub(crate) early_stop: Option<EarlyStopText>,
    /// Write a line of JSON for each batch and each epoch.
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) log: Option<PathBuf>,
    /// Write event files for TensorBoard into this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) tensorboard: Option<PathBuf>,
    /// Write a page with curves, learning rates, what a classifier takes for what, and times.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

/// The text of `--early-stop`.
#[derive(Clone, Debug)]
pub(crate) struct EarlyStopText(pub(crate) String);

impl std::str::FromStr for EarlyStopText {
    type Err = String;

    fn from_str(text: &str) -> Result<EarlyStopText, String> {
        EarlyStopText(text.to_string()).parsed().map(|_| EarlyStopText(text.to_string()))
    }
}

impl EarlyStopText {
    /// The rule.
    pub(crate) fn rule(&self) -> Result<EarlyStop, Failure> {
        self.parsed().map_err(|reason| Failure::Usage(format!("error: {reason}\n")))
    }

    fn parsed(&self) -> Result<EarlyStop, String> {
        let form = "it is not of the form METRIC:PATIENCE, such as loss:3";
        let (metric, patience) = self.0.rsplit_once(':').ok_or(form)?;
        let patience = patience.parse::<u32>().map_err(|_| form)?;
        let signed = metric.split_at_checked(1).and_then(|(sign, rest)| match sign {
            "+" => Some((rest, Better::Higher)),
            "-" => Some((rest, Better::Lower)),
            _ => None,
        });
        let (metric, better) = match signed {
            Some((metric, better)) => (metric, Some(better)),
            None => (metric, Better::of_name(metric)),
        };
        let unknown = || {
            format!(
                "`{metric}` does not say which values are better: write +{metric}:{patience} if \
                 higher ones are, -{metric}:{patience} if lower ones are"
            )
        };
        let better = better.ok_or_else(unknown)?;
        if metric.is_empty() {
            return Err(form.to_string());
        }
        Ok(EarlyStop { metric: metric.into(), better, patience })
    }
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
    /// Where the results go: arrays in an .npz, or a table in a .csv, with the names of classes.
    #[arg(long, value_name = "FILE")]
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

/// `compile`.
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// The .graph file; `-` for standard input.
    #[arg(required_unless_present = "runtime")]
    pub(crate) file: Option<String>,
    /// What is written, by its ending: an object file .o, a static library .a, a shared one .so; the
    /// header is written beside it.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// What is compiled: `train`, `eval`, `predict`, `run`, with dimensions of its own as in
    /// `train:batch=32` (repeatable); by default training and outputs, where the file has them.
    #[arg(long = "entry", value_name = "ENTRY")]
    pub(crate) entries: Vec<String>,
    /// The processor: `host`, `x86-64`, `x86-64-v2`, `x86-64-v3`, `x86-64-v4`.
    #[arg(long, value_name = "TARGET", default_value = "host")]
    pub(crate) target: String,
    /// Write the kernels that object files call, instead of a model.
    #[arg(long, conflicts_with_all = ["file", "entries", "dims", "params"])]
    pub(crate) runtime: bool,
    #[command(flatten)]
    pub(crate) weights: Weights,
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

/// `dump`.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) model: Model,
    /// The stage to print.
    #[arg(long, value_enum, default_value_t = Stage::Of(stages::Stage::Optimized))]
    pub(crate) stage: Stage,
    /// What is computed; by default a training batch where the file has one.
    #[arg(long, value_enum)]
    pub(crate) entry: Option<EntryName>,
    /// Show a training whose updates are made of N batches.
    #[arg(long, value_name = "N", default_value_t = std::num::NonZeroU64::MIN)]
    pub(crate) accumulate: std::num::NonZeroU64,
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

/// The stages of `dump`, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The file as it was read.
    Parsed,
    /// One of the compiler.
    Of(stages::Stage),
}

impl Stage {
    /// The compiler's, if it is one.
    pub(crate) fn of_compiler(self) -> Option<stages::Stage> {
        if let Stage::Of(stage) = self { Some(stage) } else { None }
    }
}

impl ValueEnum for Stage {
    fn value_variants<'a>() -> &'a [Stage] {
        static ALL: LazyLock<Vec<Stage>> = LazyLock::new(|| {
            let of_compiler = stages::Stage::ALL.map(Stage::Of);
            [Stage::Parsed].into_iter().chain(of_compiler).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Stage::Parsed => PossibleValue::new("parsed").help("The file as it was read"),
            Stage::Of(stage) => PossibleValue::new(stage.name()).help(stage.doc()),
        })
    }
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

/// `help`.
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// `language`, `commands`, `keras`, or the name of a command.
    pub(crate) topic: Option<String>,
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

/// A number of bytes: `1000`, `1kB`, `1MB`, `1GB`, `1TB`, in thousands, or `1KiB` and so on, in
/// 1024s.
fn bytes(text: &str) -> Result<usize, String> {
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let form = || format!("`{text}` is no number of bytes, such as 1000000, 800MB or 2GiB");
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(form()),
    };
    if unit.trim().is_empty() {
        return number.parse().map_err(|_| form());
    }
    let number: f64 = number.parse().map_err(|_| form())?;
    let bytes = number * factor;
    // Exactly so many: above 2^53 not every number of bytes is an f64.
    if bytes < (1u64 << 53) as f64 { Ok(bytes as usize) } else { Err(form()) }
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
    fn bytes_have_units() {
        let cases = [("17", 17), ("1kB", 1000), ("1.5GB", 1_500_000_000), ("2 GiB", 2 << 30)];
        cases.iter().for_each(|&(text, n)| assert_eq!(bytes(text), Ok(n), "{text}"));
        for text in ["", "GB", "-1", "1.5", "1 pound", "1e3", "99999999TB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_have_a_name() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_string(), "b=c".to_string())));
        assert!(pair("=1").is_err() && pair("a").is_err());
    }
}
