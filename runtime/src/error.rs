//! What can go wrong between a module and its results.

use std::path::PathBuf;

use brolga_compiler::error::{CompileError, codes};
use brolga_compiler::ir::{Dim, DimError, Name, Provenance, TensorType};
use brolga_compiler::loop_ir::{IndexCheck, failed_check};
use brolga_compiler::ops::EvalError;
use brolga_compiler::program::Program;

use crate::data::{DataError, with_help};
use crate::session::{Clock, MadeNotFinite, NotFinite, Range};

/// An error of the runtime. [`RunError::fault`] says who has to change something.
#[derive(Clone, thiserror::Error)]
pub enum RunError {
    /// The module was refused by the compiler.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The data cannot be read, matched or written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The dimensions of a variable or input cannot be computed.
    #[error("the dimensions of `{name}` are not known: {error}")]
    Dimension {
        /// The variable or input.
        name: Name,
        /// What is wrong.
        error: DimError,
    },
    /// The machine has no memory left.
    #[error("the machine has no {bytes} bytes of memory for {purpose}")]
    OutOfMemory {
        /// What the memory was for.
        purpose: String,
        /// How many bytes were asked for.
        bytes: u64,
    },
    /// More memory is needed than is allowed.
    #[error(
        "{purpose} needs {bytes} bytes; with the {taken} that are taken, that is beyond the memory limit of {limit} bytes"
    )]
    MemoryLimit {
        /// What the memory was for.
        purpose: String,
        /// How many bytes were asked for.
        bytes: u64,
        /// How many bytes were taken already.
        taken: u64,
        /// How many bytes the session may have in all.
        limit: u64,
    },
    /// Machine code calls what the runtime does not have: a bug.
    #[error("the program calls `{0}`, which the runtime does not have")]
    UnknownSymbol(String),
    /// Machine code could not be made: a bug.
    #[error("no machine code could be made: {0}")]
    Code(String),
    /// The values of a node cannot be computed from the data.
    #[error("{error}, in `{node}`{}{}", At(provenance), Fed(fed.as_deref()))]
    Eval {
        /// The node.
        node: Name,
        /// Where it came from.
        provenance: Provenance,
        /// What is wrong.
        error: EvalError,
        /// The element of an input that is at fault, if one is.
        fed: Option<Box<FedElement>>,
    },
    /// An input was not fed.
    #[error("the input `{0}` is needed, but not fed")]
    Unfed(Name),
    /// There is no such input.
    #[error("there is no input `{0}`")]
    UnknownInput(Name),
    /// An input was fed with something else.
    #[error("the input `{name}` is {declared}, but it is fed with {fed}")]
    FeedType {
        /// The input.
        name: Name,
        /// Its type.
        declared: TensorType,
        /// The type of what it was fed with.
        fed: TensorType,
    },
    /// Two inputs give a dimension different sizes.
    #[error("the input `{name}` makes `{symbol}` {found}, but it is {bound} already")]
    Symbol {
        /// The input.
        name: Name,
        /// The dimension.
        symbol: String,
        /// What the input makes it.
        found: u64,
        /// What it is by other inputs, or because it was given.
        bound: u64,
    },
    /// A variable is needed with another type than it has.
    #[error("the variable `{name}` is {bound} since its first use, and cannot become {wanted}")]
    VariableType {
        /// The variable.
        name: Name,
        /// The type that it has.
        bound: TensorType,
        /// The type that it is needed with.
        wanted: TensorType,
    },
    /// Variables were loaded with other types than they have.
    #[error("{}", Differing(differing))]
    LoadedType {
        /// Each variable, at least one, with its type and that of what was loaded.
        differing: Vec<(Name, TensorType, TensorType)>,
    },
    /// The system refused a thread.
    #[error("the system refused a thread: {0}")]
    Threads(String),
    /// The outputs of several batches cannot be joined.
    #[error(
        "the output `{name}` is {tensor_type}: its first dimension is not the batch's ({batch}), so batches cannot be joined"
    )]
    NoBatchDimension {
        /// The output.
        name: Name,
        /// Its type.
        tensor_type: TensorType,
        /// The dimension of the batch.
        batch: Dim,
    },
    /// The file fixes the rows of a batch, and the data cannot be cut so.
    #[error("the file has batches of {batch} rows, which {rows} rows do not fill")]
    FixedBatch {
        /// The rows of the data.
        rows: usize,
        /// The rows of a batch.
        batch: usize,
    },
    /// A loss is NaN or infinite.
    #[error(
        "the loss is not finite at step {step}{}", FirstNotFinite(clock, *batch, first.as_deref())
    )]
    NotFinite {
        /// The step, from 0.
        step: i64,
        /// The clock of the step in which the first value was not finite: this one or one before.
        clock: Clock,
        /// The number of its batch in the epoch, from 0.
        batch: usize,
        /// The value; `None` where it is not known.
        first: Option<Box<NotFinite>>,
    },
    /// A kernel made a NaN or an infinity.
    #[error(
        "a value is not finite at step {}{}, made by the kernel `{}`",
        clock.step,
        FirstNotFinite(clock, *batch, Some(&made.first)),
        made.kernel
    )]
    MadeNotFinite {
        /// The clock of the step.
        clock: Clock,
        /// The number of its batch in the epoch, from 0.
        batch: usize,
        /// The kernel and the value.
        made: Box<MadeNotFinite>,
    },
    /// Early stopping looks at a metric that there is not.
    #[error("there is no metric `{name}` that is a number")]
    NoMetric {
        /// The metric.
        name: Name,
        /// Those that there are.
        known: Vec<Name>,
    },
    /// A checkpoint does not belong to the training that is to go on.
    #[error("`{}` is of another training: {what} is {there} in it and {here} here", path.display())]
    OtherTraining {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        what: String,
        /// What it is in the checkpoint.
        there: String,
        /// What it is now.
        here: String,
    },
    /// A log could not be written.
    #[error("the log cannot be written: {0}")]
    Log(String),
}

/// An element of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FedElement {
    /// The input.
    pub input: Name,
    /// Its element, an integer.
    pub value: i64,
    /// Where it stands in what was fed.
    pub position: Vec<usize>,
    /// The row, from 0, of the data set of that name which it comes from.
    pub row: Option<(usize, String)>,
}

impl std::fmt::Display for FedElement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is {}", self.input, self.value)?;
        let within = match &self.row {
            Some((row, data)) => {
                write!(f, " in row {row} of `{data}`, counted from 0")?;
                self.position.get(1..).unwrap_or_default()
            }
            None => &self.position,
        };
        if within.is_empty() { Ok(()) } else { write!(f, " at {within:?}") }
    }
}

/// Prints `: FED`, or nothing where it is not known.
struct Fed<'a>(Option<&'a FedElement>);

impl std::fmt::Display for Fed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |fed| write!(f, ": {fed}"))
    }
}

/// Who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The user: the file, the data or the arguments.
    Input,
    /// The machine: no memory, no threads, a full disk.
    Machine,
    /// Brolga: to be reported.
    Bug,
}

impl RunError {
    /// What the status word of a program's frame says after a run.
    pub(crate) fn of_status(status: u64, program: &Program) -> Result<(), RunError> {
        let Some((number, index)) = failed_check(status) else { return Ok(()) };
        let IndexCheck { node, provenance, size } = program.checks[number as usize].clone();
        let error = EvalError::IndexOutOfRange { index: index.into(), size: size as usize };
        Err(RunError::Eval { node, provenance, error, fed: None })
    }

    /// The code: `E0652`.
    pub fn code(&self) -> &'static str {
        match self {
            RunError::Compile(error) => error.code,
            RunError::Data(error) => error.code(),
            RunError::OutOfMemory { .. } => "E0651",
            RunError::MemoryLimit { .. } => "E0652",
            RunError::UnknownSymbol(_) => "E0653",
            RunError::Code(_) => "E0654",
            RunError::Eval { .. } => "E0655",
            RunError::Unfed(_) => "E0656",
            RunError::UnknownInput(_) => "E0657",
            RunError::FeedType { .. } => "E0658",
            RunError::Symbol { .. } => "E0659",
            RunError::VariableType { .. } => "E0660",
            RunError::LoadedType { .. } => "E0661",
            RunError::Threads(_) => "E0662",
            RunError::NoBatchDimension { .. } => "E0663",
            RunError::Log(_) => "E0664",
            RunError::Dimension { .. } => "E0665",
            RunError::FixedBatch { .. } => "E0666",
            RunError::NotFinite { .. } => "E0669",
            RunError::MadeNotFinite { .. } => "E0672",
            RunError::NoMetric { .. } => "E0667",
            RunError::OtherTraining { .. } => "E0668",
        }
    }

    /// What to change, where there is more to say than the message does.
    pub fn help(&self) -> String {
        match self {
            RunError::NoMetric { known, .. } => {
                let known: Vec<&str> = known.iter().map(|name| &**name).collect();
                format!("the metrics that are numbers are {}", known.join(", "))
            }
            RunError::MadeNotFinite { made, .. } => {
                let operands = operands(&made.first);
                let role = made.first.role();
                if operands.is_empty() { role } else { format!("{operands}; {role}") }
            }
            RunError::NotFinite { first, .. } => {
                let operands = first.as_ref().map_or(String::new(), |first| operands(first));
                let more = "`--allow-nan` goes on all the same";
                if operands.is_empty() { more.to_string() } else { format!("{operands}; {more}") }
            }
            RunError::OtherTraining { path, .. } => format!(
                "give what it was begun with, or begin another training from its weights by \
                 `--params {}`",
                path.display()
            ),
            RunError::FixedBatch { rows, batch } => {
                let whole = rows / batch * batch;
                let fill = match whole {
                    0 => String::new(),
                    whole => format!("give rows that fill them (`?rows={whole}`), or "),
                };
                format!("{fill}call the dimension `batch` in the file, which leaves it open")
            }
            _ => String::new(),
        }
    }

    /// Who has to change something.
    pub fn fault(&self) -> Fault {
        match self {
            RunError::OutOfMemory { .. } | RunError::Threads(_) | RunError::Log(_) => {
                Fault::Machine
            }
            RunError::UnknownSymbol(_) | RunError::Code(_) => Fault::Bug,
            RunError::Compile(error) if error.code == codes::BUG => Fault::Bug,
            RunError::Data(error) if error.is_machine_fault() => Fault::Machine,
            RunError::Compile(_)
            | RunError::Data(_)
            | RunError::Dimension { .. }
            | RunError::MemoryLimit { .. }
            | RunError::Eval { .. }
            | RunError::Unfed(_)
            | RunError::UnknownInput(_)
            | RunError::FeedType { .. }
            | RunError::Symbol { .. }
            | RunError::VariableType { .. }
            | RunError::LoadedType { .. }
            | RunError::NoBatchDimension { .. }
            | RunError::FixedBatch { .. }
            | RunError::NotFinite { .. }
            | RunError::MadeNotFinite { .. }
            | RunError::NoMetric { .. }
            | RunError::OtherTraining { .. } => Fault::Input,
        }
    }
}

/// What the operands of a value are.
fn operands(first: &NotFinite) -> String {
    let operand = |(name, range): &(Name, Range)| format!("`{name}` is {range}");
    first.operands.iter().map(operand).collect::<Vec<String>>().join("; ")
}

/// What `main` shows of an error that it returns.
impl std::fmt::Debug for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RunError::Compile(error) => write!(f, "{error:?}"),
            RunError::Data(error) => write!(f, "{error:?}"),
            other => f.write_str(&with_help(other.code(), &other.to_string(), &other.help())),
        }
    }
}

/// Prints `: log is NaN at [3, 0] in batch 4 of epoch 0`, or nothing where it is not known.
struct FirstNotFinite<'a>(&'a Clock, usize, Option<&'a NotFinite>);

impl std::fmt::Display for FirstNotFinite<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let FirstNotFinite(clock, batch, first) = self;
        write!(f, ", batch {batch} of epoch {}", clock.epoch)?;
        let Some(first) = first else { return Ok(()) };
        let what = if first.range.n_nan > 0 { "NaN" } else { "infinite" };
        write!(f, ": the first such value is {what}, at {:?} of `{}`", first.position, first.node)?;
        if let Some(iteration) = first.iteration {
            write!(f, ", in iteration {iteration} of its loop")?;
        }
        match &first.row {
            Some((row, data)) => write!(f, ", row {row} of `{data}`, counted from 0"),
            None => Ok(()),
        }
    }
}

/// Prints every variable with both types.
struct Differing<'a>(&'a [(Name, TensorType, TensorType)]);

impl std::fmt::Display for Differing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, (name, declared, loaded)) in self.0.iter().enumerate() {
            match number {
                0 => write!(
                    f,
                    "the variable `{name}` is {declared}, but {loaded} was loaded for it"
                )?,
                _ => write!(f, "; `{name}` is {declared}, but {loaded}")?,
            }
        }
        Ok(())
    }
}

/// Prints ` (mlp.graph:8:15)`, or nothing where the place is not known.
struct At<'a>(&'a Provenance);

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.sites().is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}
