//! Tables of text (RFC 4180): columns of numbers and of categories become the rows of `x`, one
//! column may be the label.

mod column;
mod written;

use std::path::Path;

use ::csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use brolga_compiler::ir::Literal;

use self::column::Column;
pub use self::written::write_table;
use super::classes::LABEL;
use super::input::open;
use super::names::listed;
use super::{DataError, HeldBackOptions, Names, Split, TableColumn};

/// Cells that say that nothing is known, in any case.
const MISSING: [&str; 6] = ["", "?", "na", "n/a", "nan", "null"];

/// How a table is read.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvOptions {
    /// The column of the label, if there is one.
    pub label: Option<String>,
    /// What the label is, if its cells are not to tell.
    pub label_type: Option<LabelType>,
    /// What becomes of missing values; without, they are errors.
    pub missing: Option<Missing>,
    /// What is the test part.
    pub held_back: HeldBackOptions,
    /// Whether the first line names the columns.
    pub header: bool,
    /// What stands between cells.
    pub separator: u8,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// Columns that are categories whatever their cells look like.
    pub categories: Vec<String>,
}

/// What a label is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelType {
    /// The number of a class, from 0 on, in the order of the classes.
    Classes,
    /// A number.
    Number,
}

/// What becomes of missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Their rows are left out.
    Drop,
    /// Of a number, the mean of its column in the training part; a category is none of them. Rows
    /// without a label stay an error.
    Mean,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions {
            label: None,
            label_type: None,
            missing: None,
            held_back: HeldBackOptions::default(),
            header: true,
            separator: b',',
            ignore: vec![],
            categories: vec![],
        }
    }
}

impl CsvOptions {
    /// The names of the options.
    pub(super) const NAMES: &'static str = concat!(
        "`label`, `label-type`, `missing`, `test`, `seed`, ",
        "`header`, `separator`, `ignore`, `categories`",
    );

    /// The option that does not make sense beside the others, and why.
    pub(super) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        if self.label_type.is_some() && self.label.is_none() {
            return Some(("label-type", "has no use without `label=COLUMN`"));
        }
        self.held_back.contradiction().map(|why| ("seed", why))
    }

    /// Takes an option; `false` if it is not known. Errors: why it does not take the value.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let list = || value.split(',').map(|name| name.trim().to_string()).collect();
        match key {
            "label" => self.label = Some(value.to_string()),
            "label-type" => {
                self.label_type = Some(match value {
                    "classes" => LabelType::Classes,
                    "number" => LabelType::Number,
                    _ => return Err("is neither `classes` nor `number`".to_string()),
                });
            }
            "missing" => {
                self.missing = Some(match value {
                    "drop" => Missing::Drop,
                    "mean" => Missing::Mean,
                    _ => return Err("is neither `drop` nor `mean`".to_string()),
                });
            }
            "test" | "seed" => self.held_back.set(key, value)?,
            "header" => {
                self.header = match value {
                    "yes" => true,
                    "no" => false,
                    _ => return Err("is neither `yes` nor `no`".to_string()),
                };
            }
            "separator" => {
                self.separator = match (value, value.as_bytes()) {
                    ("tab", _) => b'\t',
                    (_, [one]) if one.is_ascii_punctuation() && *one != b'"' => *one,
                    _ => return Err("is neither `tab` nor one mark".to_string()),
                };
            }
            "ignore" => self.ignore = list(),
            "categories" => self.categories = list(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A table as arrays.
pub struct Encoded {
    /// `x` (f32 `[rows, columns]`) and, where the table has one, `label` (f32 or i32 `[rows]`).
    pub arrays: Vec<(String, Literal)>,
    /// What `x` is made of.
    pub columns: Vec<TableColumn>,
    /// What the numbers of `label` stand for; empty where they are numbers.
    pub classes: Vec<String>,
}

/// The cells of a table.
struct Table<'a> {
    path: &'a Path,
    options: &'a CsvOptions,
    names: Vec<String>,
    /// Each with the number of its line, from 1.
    rows: Vec<(u64, StringRecord)>,
}

/// Returns a part of the table in the file `path`, plain or gzip.
///
/// A column is of numbers if all its cells are, and of categories if none is; categories are one
/// column of `x` each, in their order, with 1 where a row is of it. A label of text is an i32, the
/// number of its class in the order of classes; one of whole numbers, as written, an i32; one of
/// other numbers an f32. Types and categories are those of the whole table, means those of the
/// training part; where `known` has names for `x` and `label`, they are those instead, and so is the
/// order of the columns. Errors: whatever would have to be guessed, with its line and column.
pub fn read_part(
    path: &Path,
    options: &CsvOptions,
    split: Split,
    known: &Names,
) -> Result<Encoded, DataError> {
    let mut table = Table::read(path, options)?;
    let label = options.label.as_deref().map(|name| table.index(name, "label")).transpose()?;
    let of_x = table.chosen(label)?;
    table.settle_missing(&of_x, label)?;
    let n = table.rows.len();
    let all = || (0..n as u32).collect::<Vec<u32>>();
    let (training, part) = match options.held_back.held_back() {
        Some(held_back) => (held_back.rows(n, Split::Train)?, held_back.rows(n, split)?),
        None => (all(), all()),
    };
    let label = label.map(|i| Column::label(&table, i, known.classes(LABEL))).transpose()?;
    let columns: Vec<Column> = match known.table("x") {
        [] => of_x.iter().map(|&i| Column::of(&table, i)).collect::<Result<_, _>>()?,
        trained => table.as_trained(&of_x, trained)?,
    };
    let width = columns.iter().map(Column::width).sum::<usize>();
    let refused = || DataError::TooLarge {
        name: path.display().to_string(),
        reason: format!("memory for {} rows of {width} numbers is refused", part.len()),
    };
    let mut x: Vec<f32> = vec![];
    let n_numbers = part.len().checked_mul(width).ok_or_else(refused)?;
    x.try_reserve_exact(n_numbers).map_err(|_| refused())?;
    // In the terms of another training the means are that one's.
    let means = match known.table("x") {
        [] => columns.iter().map(|c| c.mean(&table, &training)).collect(),
        trained => trained.iter().map(TableColumn::mean).collect::<Vec<f32>>(),
    };
    for &row in &part {
        for (column, mean) in columns.iter().zip(&means) {
            column.append(&table, row as usize, *mean, &mut x);
        }
    }
    let x = Literal::from_vec(&[part.len(), width], x).expect("each column appends its width");
    let mut arrays = vec![("x".to_string(), x)];
    arrays.extend(label.iter().map(|l| (LABEL.to_string(), l.labels(&table, &part))));
    let columns = columns.iter().zip(means).map(|(column, mean)| column.named(mean)).collect();
    let classes = label.map(|label| label.classes().to_vec()).unwrap_or_default();
    Ok(Encoded { arrays, columns, classes })
}

impl Table<'_> {
    fn read<'a>(path: &'a Path, options: &'a CsvOptions) -> Result<Table<'a>, DataError> {
        let bytes = open(path)?.read_to_end(path)?;
        let mut reader = ReaderBuilder::new()
            .delimiter(options.separator)
            .has_headers(false)
            .trim(Trim::All)
            .from_reader(bytes.as_slice());
        let mut rows: Vec<(u64, StringRecord)> = vec![];
        for record in reader.records() {
            let record = record.map_err(|e| unreadable(path, &e))?;
            rows.push((record.position().map_or(0, ::csv::Position::line), record));
        }
        let mut table = Table { path, options, names: vec![], rows };
        // The reader takes the end of the file for the end of the cell, and the rows in between
        // would be missing without a word.
        if let (Some((line, _)), 1) =
            (table.rows.last(), bytes.iter().filter(|&&b| b == b'"').count() % 2)
        {
            let reason = "a quote in this row or before it is not closed";
            return Err(table.line_error(*line, reason));
        }
        table.check_separator()?;
        table.name_columns()?;
        Ok(table)
    }

    /// Refuses a table of one column that another separator would make several.
    fn check_separator(&self) -> Result<(), DataError> {
        let Some((line, first)) = self.rows.first().filter(|(_, row)| row.len() == 1) else {
            return Ok(());
        };
        let other = [(';', ";"), ('\t', "tab"), (',', ",")];
        match other.into_iter().find(|(mark, _)| first[0].contains(*mark)) {
            None => Ok(()),
            Some((_, name)) => {
                let reason = format!("it is one cell: are its cells parted by `separator={name}`?");
                Err(self.line_error(*line, reason))
            }
        }
    }

    /// Takes the names of the columns from the first line, or counts them from 1.
    fn name_columns(&mut self) -> Result<(), DataError> {
        if self.rows.is_empty() {
            let source_text = self.path.display().to_string();
            return Err(DataError::Empty { source_text });
        }
        if !self.options.header {
            self.names = (1..=self.rows[0].1.len()).map(|i| i.to_string()).collect();
            return Ok(());
        }
        let (line, header) = self.rows.remove(0);
        for (i, name) in header.iter().enumerate() {
            let reason = if name.is_empty() {
                "the column has no name".to_string()
            } else if name.parse::<f64>().is_ok() {
                "the name of a column is a number: is this line a row? (`header=no`)".to_string()
            } else if header.iter().take(i).any(|other| other == name) {
                format!("a column before it is called `{name}` too")
            } else {
                continue;
            };
            return Err(self.cell_error(line, &format!("{}", i + 1), &reason));
        }
        self.names = header.iter().map(str::to_string).collect();
        Ok(())
    }

    /// The column of that name, which the option `option` asks for.
    fn index(&self, name: &str, option: &str) -> Result<usize, DataError> {
        self.names.iter().position(|n| n == name).ok_or_else(|| DataError::NoColumn {
            path: self.path.to_path_buf(),
            option: option.to_string(),
            column: name.to_string(),
            columns: self.names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "),
        })
    }

    /// The columns of `x`: all but the label and those that are left out.
    fn chosen(&self, label: Option<usize>) -> Result<Vec<usize>, DataError> {
        for name in &self.options.categories {
            self.index(name, "categories")?;
        }
        let ignored = self.options.ignore.iter().map(|name| self.index(name, "ignore"));
        let ignored: Vec<usize> = ignored.collect::<Result<_, _>>()?;
        let is_chosen = |i: &usize| Some(*i) != label && !ignored.contains(i);
        let chosen: Vec<usize> = (0..self.names.len()).filter(is_chosen).collect();
        if chosen.is_empty() {
            let source_text = format!("{} (no column is left for `x`)", self.path.display());
            return Err(DataError::Empty { source_text });
        }
        Ok(chosen)
    }

    /// The columns of a training in its order, of those that are chosen. Errors: one that is
    /// missing or too much, or holds what it did not.
    fn as_trained(
        &self,
        chosen: &[usize],
        trained: &[TableColumn],
    ) -> Result<Vec<Column>, DataError> {
        let refused = |reason: String| {
            Err(DataError::OtherNames { place: format!("`{}`", self.path.display()), reason })
        };
        let is_new = |name: &&str| trained.iter().all(|column| column.name() != *name);
        let names = || chosen.iter().map(|&i| self.names[i].as_str());
        let new: Vec<&str> = names().filter(is_new).collect();
        let is_missing = |name: &&str| names().all(|other| other != *name);
        let missing: Vec<&str> = trained.iter().map(TableColumn::name).filter(is_missing).collect();
        if !missing.is_empty() {
            let and =
                if new.is_empty() { String::new() } else { format!("; new is {}", listed(new)) };
            return refused(format!("it has no column {}, trained on{and}", listed(missing)));
        }
        if !new.is_empty() {
            let option = new.join(",");
            return refused(format!(
                "the weights were not trained on {}; `ignore={option}` leaves out what is of no \
                 use to them",
                listed(new),
            ));
        }
        let column = |column: &TableColumn| {
            let index = chosen.iter().copied().find(|&i| self.names[i] == column.name());
            Column::as_trained(self, index.expect("none is missing"), column)
        };
        trained.iter().map(column).collect()
    }

    /// Drops rows with missing values, or refuses those that no option fills.
    fn settle_missing(&mut self, of_x: &[usize], label: Option<usize>) -> Result<(), DataError> {
        let used = || label.into_iter().chain(of_x.iter().copied());
        let refuse = match self.options.missing {
            Some(Missing::Drop) => {
                let used: Vec<usize> = used().collect();
                self.rows.retain(|(_, row)| !used.iter().any(|&i| is_missing(&row[i])));
                vec![]
            }
            Some(Missing::Mean) => label.into_iter().collect(),
            None => used().collect(),
        };
        for (line, row) in &self.rows {
            if let Some(&i) = refuse.iter().find(|&&i| is_missing(&row[i])) {
                return Err(DataError::MissingValue {
                    path: self.path.to_path_buf(),
                    line: *line,
                    column: self.names[i].clone(),
                    is_label: Some(i) == label,
                });
            }
        }
        if self.rows.is_empty() {
            return Err(DataError::Empty { source_text: self.path.display().to_string() });
        }
        Ok(())
    }

    /// The cells of a column that are not missing, with their lines.
    fn cells(&self, column: usize) -> impl Iterator<Item = (u64, &str)> {
        let cells = self.rows.iter().map(move |(line, row)| (*line, &row[column]));
        cells.filter(|(_, cell)| !is_missing(cell))
    }

    fn line_error(&self, line: u64, reason: impl Into<String>) -> DataError {
        let (path, column) = (self.path.to_path_buf(), String::new());
        DataError::Cell { path, line, column, reason: reason.into() }
    }

    fn cell_error(&self, line: u64, column: &str, reason: impl Into<String>) -> DataError {
        DataError::Cell {
            path: self.path.to_path_buf(),
            line,
            column: format!(", column `{column}`"),
            reason: reason.into(),
        }
    }
}

fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|m| cell.eq_ignore_ascii_case(m))
}

/// What the reader says, with the line that it speaks of.
fn unreadable(path: &Path, error: &::csv::Error) -> DataError {
    let line = error.position().map_or(0, ::csv::Position::line);
    let at = |column: String, reason: String| DataError::Cell {
        path: path.to_path_buf(),
        line,
        column,
        reason,
    };
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let reason = format!("it has {len} cells where the first line has {expected_len}");
            at(String::new(), reason)
        }
        ErrorKind::Utf8 { err, .. } => {
            let column = format!(", column {}", err.field() + 1);
            at(column, "the cell is no UTF-8 text".to_string())
        }
        ErrorKind::Io(e) => super::bytes::damaged(path, e),
        _ => DataError::corrupt(path, error.to_string()),
    }
}
