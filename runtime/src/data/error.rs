//! Why data cannot be read, matched or written: one closed list, each with a code, a sentence
//! and what to change.

use std::path::{Path, PathBuf};

use brolga_compiler::ir::{Symbol, TensorType};

/// An input and the array that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPair {
    /// The input.
    pub input: String,
    /// Its declared type.
    pub ty: TensorType,
    /// The array.
    pub array: String,
    /// Its type, the rows first.
    pub array_ty: TensorType,
}

/// Why data cannot be read, matched or written.
#[derive(Clone, PartialEq, thiserror::Error)]
pub enum DataError {
    /// The text of `--data` names no source. The user is at fault.
    #[error("`{text}` names no source of data")]
    UnknownSource {
        /// The text.
        text: String,
    },
    /// An option after `?` that the source does not have, or a value it does not take. The user
    /// is at fault.
    #[error("the option `{option}` of the source `{source_text}` {reason}")]
    SourceOption {
        /// The source's text.
        source_text: String,
        /// The option as written.
        option: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be opened or read. The user or the machine is at fault.
    #[error("`{}` cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// A file whose bytes are not what its format asks for. The file is at fault.
    #[error("`{}` is damaged or of another format: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An element type that no tensor has. The file is at fault.
    #[error("`{}` holds elements of type `{found}`, which is not supported", path.display())]
    ElementType {
        /// The file (and array).
        path: PathBuf,
        /// The type as the file writes it.
        found: String,
    },
    /// More bytes or rows than can be held.
    #[error("`{name}` is too large: {reason}")]
    TooLarge {
        /// The file or source.
        name: String,
        /// What is too much.
        reason: String,
    },
    /// Two arrays of different first dimension. The data are at fault.
    #[error(
        "the arrays of `{source_text}` differ in their first dimension: `{first}` has {first_rows} rows and \
         `{second}` has {second_rows}"
    )]
    RowCounts {
        /// The source.
        source_text: String,
        /// The name of an array.
        first: String,
        /// Its rows.
        first_rows: usize,
        /// The name of the other.
        second: String,
        /// Its rows.
        second_rows: usize,
    },
    /// Two arrays of one name. The data are at fault.
    #[error("`{source_text}` holds two arrays named `{name}`")]
    RepeatedName {
        /// The source.
        source_text: String,
        /// The name.
        name: String,
    },
    /// No array, or no row. The data are at fault.
    #[error("`{source_text}` holds no rows")]
    Empty {
        /// The source.
        source_text: String,
    },
    /// An array without an element. The data are at fault.
    #[error(
        "the input `{}: {}` cannot take the array `{}: {}`: it holds no element, and a dimension is \
         at least 1", pair.input, pair.ty, pair.array, pair.array_ty
    )]
    NoElement {
        /// The input and the array.
        pair: Box<FeedPair>,
    },
    /// An input of a single call that no array is given for. The user is at fault.
    #[error("the input `{input}: {ty}` is needed, but not fed")]
    Unfed {
        /// The input.
        input: String,
        /// Its type.
        ty: TensorType,
    },
    /// An input for which no array is left. The user is at fault.
    #[error("no array is left for the input `{input}: {ty}`; the data hold {arrays}")]
    MissingArray {
        /// The input.
        input: String,
        /// Its type.
        ty: TensorType,
        /// The arrays with their types.
        arrays: String,
    },
    /// An array that does not fit its input. The user is at fault.
    #[error(
        "the input `{}: {}` cannot take the array `{}: {}` (first dimension: rows)",
        pair.input, pair.ty, pair.array, pair.array_ty
    )]
    Mismatch {
        /// What does not fit.
        pair: Box<FeedPair>,
    },
    /// A dimension symbol that two places of the data bind to two sizes. The user is at fault.
    #[error(
        "the dimension `{symbol}` is {bound} (by {bound_by}), but the input `{}: {}` and its array \
         `{}: {}` make it {size}",
        pair.input, pair.ty, pair.array, pair.array_ty
    )]
    SymbolConflict {
        /// The symbol.
        symbol: Symbol,
        /// The number bound first.
        bound: u64,
        /// What bound it.
        bound_by: String,
        /// The other number.
        size: u64,
        /// What makes it so.
        pair: Box<FeedPair>,
    },
    /// A dimension symbol that the data do not decide. The user is at fault.
    #[error("the data do not tell how large `{symbol}` is in the input `{input}: {ty}`")]
    Undecided {
        /// The symbol.
        symbol: Symbol,
        /// The input.
        input: String,
        /// Its type.
        ty: TensorType,
    },
    /// Inputs whose first dimensions are not one and the same symbol or number. The user is at
    /// fault.
    #[error("the inputs `{first}` and `{second}` do not have the same batch dimension")]
    BatchDimension {
        /// An input with its type.
        first: String,
        /// Another with its type.
        second: String,
    },
    /// A first dimension that is neither a symbol nor a number of at least 1. The user is at
    /// fault.
    #[error(
        "the first dimension of the input `{input}: {ty}` is neither one symbol nor a number of at \
         least 1, so it cannot be the batch"
    )]
    BatchForm {
        /// The input.
        input: String,
        /// Its type.
        ty: TensorType,
    },
    /// A number that the input's type cannot hold, or a label outside of the one-hot classes.
    /// The data are at fault.
    #[error(
        "the array `{array}` holds {value} in row {row}, but the input `{input}: {ty}` {limit}"
    )]
    OutOfRange {
        /// The array.
        array: String,
        /// The number.
        value: i64,
        /// Where it stands.
        row: usize,
        /// The input.
        input: String,
        /// Its type.
        ty: TensorType,
        /// What the input takes.
        limit: String,
    },
    /// A fraction for validation that leaves one part without rows. The user is at fault.
    #[error("a validation split of {fraction} of {rows} rows leaves one part empty")]
    Fraction {
        /// The fraction, as printed.
        fraction: String,
        /// The rows to split.
        rows: usize,
    },
    /// A folder that does not hold what its source asks for. The user is at fault.
    #[error("`{}`: {reason}", path.display())]
    Folder {
        /// The folder, or what it should not hold.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A line of a table that is not as the others, or a cell that is not what its column is. The
    /// file is at fault.
    #[error("`{}`, line {line}{column}: {reason}", path.display())]
    Cell {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Its column, `, column "age"`; empty where the whole line is meant.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// A value that is missing, where nothing says what to do about it. The file is at fault.
    #[error("`{}`, line {line}, column `{column}`: the value is missing", path.display())]
    MissingValue {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// Whether it is the label, for which no value is made up.
        is_label: bool,
    },
    /// A column that an option names and the table does not have. The user is at fault.
    #[error(
        "`{}` has no column `{column}`, which `{option}=` asks for; its columns are: {columns}",
        path.display()
    )]
    NoColumn {
        /// The table.
        path: PathBuf,
        /// The option.
        option: String,
        /// The name that it gives.
        column: String,
        /// The names that there are.
        columns: String,
    },
    /// A column of texts that are hardly ever the same. The user is at fault.
    #[error(
        "the column `{column}` of `{}` holds {n_texts} different texts in {n_rows} rows, which are \
         hardly categories", path.display()
    )]
    FreeText {
        /// The table.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its different texts.
        n_texts: usize,
        /// The rows.
        n_rows: usize,
    },
    /// An array that is no row of pictures. The user is at fault.
    #[error("`{}` would be a picture, which no array of this type is: {reason}", path.display())]
    Undrawn {
        /// The picture's file.
        path: PathBuf,
        /// The array's type.
        reason: String,
    },
    /// Weights of classes for data that have no such classes. The user is at fault.
    #[error("the data `{source_text}` cannot be weighed by class: {reason}")]
    ClassWeights {
        /// The source.
        source_text: String,
        /// What does not fit.
        reason: String,
    },
    /// Weights of examples that a training does not read. The user is at fault.
    #[error("the training reads no input `weight`, so weights of classes would change nothing")]
    UnreadWeights,
    /// Changes of pictures that are not known. The user is at fault.
    #[error("`{text}` does not say how pictures are changed: {reason}")]
    Augment {
        /// The text.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// Changes of pictures for inputs that are none, or too small. The user is at fault.
    #[error("no pictures can be changed: {reason}")]
    NoPictures {
        /// What does not fit.
        reason: String,
    },
    /// Data that cannot be standardised. The user is at fault.
    #[error("the data `{source_text}` cannot be standardised: {reason}")]
    Standards {
        /// The source.
        source_text: String,
        /// Why.
        reason: String,
    },
    /// A column, category or character that has no number in the training whose terms are to be
    /// used, or a column that is missing. The user is at fault.
    #[error("{place}: {reason}")]
    OtherNames {
        /// The file, and where in it.
        place: String,
        /// What is not as it was.
        reason: String,
    },
    /// A line of a file of names that does not fit. The user is at fault.
    #[error("`{}`: line {line} {reason}", path.display())]
    Renaming {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What does not fit.
        reason: String,
    },
    /// A file that cannot be fetched. The machine is at fault.
    #[error("`{url}` cannot be fetched: {reason}")]
    Fetch {
        /// Where it is.
        url: String,
        /// What the transfer says.
        reason: String,
    },
    /// A file of other variables than those of the model that is to have them. The user is at fault.
    #[error("`{}` is of another model: {}", path.display(), Differing { missing, unknown })]
    OtherVariables {
        /// The file.
        path: PathBuf,
        /// The variables that it has no value for.
        missing: Vec<String>,
        /// Its tensors that are no variables.
        unknown: Vec<String>,
    },
    /// A file that cannot be written. The machine is at fault.
    #[error("`{}` cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system or the format says.
        reason: String,
    },
}

/// Prints how the variables of a file differ from a model's.
struct Differing<'a> {
    missing: &'a [String],
    unknown: &'a [String],
}

impl std::fmt::Display for Differing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.missing, self.unknown) {
            (missing, []) => write!(f, "it has no value for `{}`", missing.join("`, `")),
            ([], unknown) => write!(f, "there is no variable `{}`", unknown.join("`, `")),
            (missing, unknown) => write!(
                f,
                "it has no value for `{}`, and there is no variable `{}`",
                missing.join("`, `"),
                unknown.join("`, `")
            ),
        }
    }
}

/// An error with its code, and what to change.
pub(crate) fn with_help(code: &str, message: &str, help: &str) -> String {
    match help {
        "" => format!("error[{code}]: {message}"),
        help => format!("error[{code}]: {message}\n  help: {help}"),
    }
}

/// What `main` shows of an error that it returns.
impl std::fmt::Debug for DataError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&with_help(self.code(), &self.to_string(), &self.help()))
    }
}

impl DataError {
    /// The code: `E0601`.
    pub const fn code(&self) -> &'static str {
        match self {
            DataError::UnknownSource { .. } => "E0601",
            DataError::SourceOption { .. } => "E0602",
            DataError::Read { .. } => "E0603",
            DataError::Corrupt { .. } => "E0604",
            DataError::ElementType { .. } => "E0605",
            DataError::TooLarge { .. } => "E0606",
            DataError::RowCounts { .. } => "E0607",
            DataError::RepeatedName { .. } => "E0608",
            DataError::Empty { .. } | DataError::NoElement { .. } => "E0609",
            DataError::Unfed { .. } => "E0656",
            DataError::MissingArray { .. } => "E0610",
            DataError::Mismatch { .. } => "E0611",
            DataError::SymbolConflict { .. } => "E0612",
            DataError::Undecided { .. } => "E0613",
            DataError::BatchDimension { .. } => "E0614",
            DataError::BatchForm { .. } => "E0615",
            DataError::OutOfRange { .. } => "E0616",
            DataError::Fraction { .. } => "E0617",
            DataError::Write { .. } => "E0618",
            DataError::Cell { .. } => "E0621",
            DataError::MissingValue { .. } => "E0622",
            DataError::NoColumn { .. } => "E0623",
            DataError::FreeText { .. } => "E0624",
            DataError::Folder { .. } => "E0625",
            DataError::Undrawn { .. } => "E0633",
            DataError::Renaming { .. } => "E0634",
            DataError::Fetch { .. } => "E0635",
            DataError::ClassWeights { .. } => "E0626",
            DataError::UnreadWeights => "E0627",
            DataError::Augment { .. } => "E0628",
            DataError::NoPictures { .. } => "E0629",
            DataError::Standards { .. } => "E0630",
            DataError::OtherNames { .. } => "E0631",
            DataError::OtherVariables { .. } => "E0637",
        }
    }

    /// Whether the machine is at fault (disk full, no permission) and not what was given.
    pub const fn is_machine_fault(&self) -> bool {
        matches!(self, DataError::Write { .. } | DataError::Fetch { .. })
    }

    /// What to change.
    pub fn help(&self) -> String {
        match self {
            DataError::UnknownSource { .. } => {
                "the sources are `digits`, `dates`, `ratings`, `tones`, `mnist:DIR`, \
                `fashion-mnist:DIR`, `cifar10:DIR`, `idx:IMAGES,LABELS`, `FILE.npz`, \
                `FILE.safetensors`, `x=a.npy,y=b.npy`, `FILE.csv?label=COLUMN`, `images:DIR`, \
                `text:FILE` and `lines:A,B,...`"
                    .to_string()
            }
            DataError::SourceOption { .. } => {
                "options follow the source, joined by `&`: `mnist:DIR?rows=1000&split=test`".to_string()
            }
            DataError::Read { path, .. } if path.to_string_lossy().contains("-idx3-ubyte") => {
                "check that the folder has `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, \
                 `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, plain or as .gz"
                    .to_string()
            }
            DataError::Read { path, .. } => {
                format!("check that `{}` is a file that may be read", path.display())
            }
            DataError::Corrupt { path, .. } => {
                format!("fetch or write `{}` again", path.display())
            }
            DataError::ElementType { .. } => {
                "save the array as float32, float64, int32, int64, uint8 or bool".to_string()
            }
            DataError::TooLarge { .. } => "use fewer rows, or several files".to_string(),
            DataError::RowCounts { .. } => {
                "give every array one row for each example, in the same order".to_string()
            }
            DataError::RepeatedName { .. } => "give each array a name of its own".to_string(),
            DataError::Empty { .. } => "give at least one array of at least one row".to_string(),
            DataError::NoElement { .. } => "give an array of at least one row".to_string(),
            DataError::Unfed { input, .. } => {
                format!("give it an array with `--input {input}=FILE.npy`")
            }
            DataError::MissingArray { input, .. } => {
                let more = match input.as_str() {
                    "label" => "; of a table, `?label=COLUMN` says which column it is",
                    "weight" => {
                        "; `--class-weight` makes it of a training's labels, and what is evaluated \
                         does not need it where the file reads it under `if training` alone"
                    }
                    _ => "",
                };
                format!("add an array named `{input}`{more}")
            }
            DataError::Mismatch { pair } => {
                if pair.array_ty.dtype.is_float() && !pair.ty.dtype.is_float() {
                    "floats are not made integers: change the type of the input, or save the array \
                     as integers"
                } else {
                    "change the type of the input, or the array, so that they agree"
                }
                .to_string()
            }
            DataError::SymbolConflict { symbol, .. } => {
                format!(
                    "give the two dimensions different names, or make both sizes of `{symbol}` equal"
                )
            }
            DataError::Undecided { symbol, .. } => format!("say it with `--dim {symbol}=N`"),
            DataError::BatchDimension { .. } => {
                "begin the shape of every input that data feed with the same dimension, such as \
                 `batch`"
                    .to_string()
            }
            DataError::BatchForm { .. } => {
                "begin its shape with a symbol of its own, such as `batch`".to_string()
            }
            DataError::OutOfRange { .. } => {
                "correct the data, or the type of the input".to_string()
            }
            DataError::Fraction { .. } => {
                "give a fraction above 0 and below 1, such as 0.1, and at least two rows"
                    .to_string()
            }
            DataError::Cell { .. } => {
                "correct the file; `ignore=COLUMN` leaves a column out, `categories=COLUMN` takes \
                 numbers for categories"
                    .to_string()
            }
            DataError::MissingValue { is_label: true, .. } => {
                "leave such rows out with `missing=drop`".to_string()
            }
            DataError::MissingValue { is_label: false, column, .. } => {
                format!(
                    "leave such rows out with `missing=drop`, put the column's mean there with \
                     `missing=mean`, or leave the column out with `ignore={column}`"
                )
            }
            DataError::NoColumn { .. } => {
                "names are as in the first line, or with `header=no` the numbers from 1".to_string()
            }
            DataError::Folder { .. } => {
                "`brolga explain E0601` says what the folders of a source hold".to_string()
            }
            DataError::FreeText { column, .. } => {
                format!(
                    "leave the column out with `ignore={column}`, or ask for a column a text with \
                     `categories={column}` (`label-type=classes` for the label)"
                )
            }
            DataError::Undrawn { .. } => {
                "a picture is made of f32 `[rows, height, width]`, or of `[rows, height, width, \
                 channels]` with one channel or three"
                    .to_string()
            }
            DataError::Fetch { .. } => {
                "fetch the four files by other means and name their folder: `mnist:DIR`, \
                 `fashion-mnist:DIR`"
                    .to_string()
            }
            DataError::Renaming { .. } => {
                "`brolga explain E0634` says what a line is made of".to_string()
            }
            DataError::ClassWeights { .. } => {
                "`brolga explain E0626` says what weights of classes need".to_string()
            }
            DataError::UnreadWeights => {
                "declare `input weight: f32[batch]` and give it to the loss: `brolga explain E0627` \
                 shows how"
                    .to_string()
            }
            DataError::Augment { .. } => {
                "write any of `flip,shift:2,crop:4,rotate:10,noise:0.1`, in the order of the changes"
                    .to_string()
            }
            DataError::NoPictures { .. } => {
                "declare pictures as `f32[batch, 28, 28]` or `f32[batch, 32, 32, 3]`, and `reshape` \
                 or `flatten` them in the file"
                    .to_string()
            }
            DataError::Standards { .. } => {
                "`brolga explain E0630` says what is standardised, and by what".to_string()
            }
            DataError::OtherNames { .. } => {
                "data are read in the terms of the training that the weights are of: \
                 `brolga explain E0631` says how, `brolga data` lists what weights know"
                    .to_string()
            }
            DataError::OtherVariables { .. } => {
                "give a file of this model; `brolga data FILE` lists what a file has".to_string()
            }
            DataError::Write { .. } => {
                "check that the folder exists, may be written, and has room".to_string()
            }
        }
    }

    pub(crate) fn read(path: &Path, error: &std::io::Error) -> DataError {
        DataError::Read { path: path.to_path_buf(), reason: error.to_string() }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl Into<String>) -> DataError {
        DataError::Corrupt { path: path.to_path_buf(), reason: reason.into() }
    }

    pub(crate) fn write(path: &Path, error: &dyn std::fmt::Display) -> DataError {
        DataError::Write { path: path.to_path_buf(), reason: error.to_string() }
    }
}
