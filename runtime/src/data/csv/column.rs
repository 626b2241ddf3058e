//! One column of a table: what its cells are, and how they are written as numbers.

use std::collections::{BTreeSet, HashMap};

use brolga_compiler::ir::Literal;

use super::{LabelType, Table, is_missing, listed};
use crate::data::{DataError, TableColumn};

/// Fewer different texts than this are taken for categories, however few the rows.
const FEW: usize = 16;

/// A column of a table.
pub(super) struct Column {
    /// Its place in the table.
    index: usize,
    name: String,
    kind: Kind,
}

/// What the cells of a column are.
enum Kind {
    /// Numbers, f32.
    Number,
    /// Whole numbers, as written, that i32 holds: of labels alone.
    Integer,
    /// One of these texts, which have the numbers from 0 on.
    Category { texts: Vec<String>, numbers: HashMap<String, usize> },
}

impl Column {
    /// A column of `x`. Errors: numbers and texts mixed, a number that f32 does not hold,
    /// texts that are hardly ever the same.
    pub(super) fn of(table: &Table<'_>, index: usize) -> Result<Column, DataError> {
        let name = table.names[index].clone();
        let forced = table.options.categories.contains(&name);
        let kind = match forced {
            false if is_numeric(table, index)? => Kind::Number,
            false => {
                let category = category(table, index);
                check_few(table, index, category.n_texts())?;
                category
            }
            true => category(table, index),
        };
        Ok(Column { index, name, kind })
    }

    /// A column of `x` that was trained on: with its categories. Errors: a cell that is none.
    pub(super) fn as_trained(
        table: &Table<'_>,
        index: usize,
        trained: &TableColumn,
    ) -> Result<Column, DataError> {
        let kind = match trained {
            TableColumn::Number { .. } => {
                check_numbers(table, index)?;
                Kind::Number
            }
            TableColumn::Category { categories, .. } => known(table, index, categories)?,
        };
        Ok(Column { index, name: trained.name().to_string(), kind })
    }

    /// The column of the label, whose classes are `trained` if there are any. Errors: as for any,
    /// and one that is not what the options say.
    pub(super) fn label(
        table: &Table<'_>,
        index: usize,
        trained: &[String],
    ) -> Result<Column, DataError> {
        let name = table.names[index].clone();
        if !trained.is_empty() {
            return Ok(Column { index, name, kind: known(table, index, trained)? });
        }
        let label_type = match table.options.label_type {
            None if table.options.categories.contains(&name) => Some(LabelType::Classes),
            label_type => label_type,
        };
        let kind = match label_type {
            Some(LabelType::Classes) => category(table, index),
            None if !is_numeric(table, index)? => {
                let category = category(table, index);
                check_few(table, index, category.n_texts())?;
                category
            }
            None if table.cells(index).all(|(_, cell)| cell.parse::<i32>().is_ok()) => {
                Kind::Integer
            }
            Some(LabelType::Number) | None => {
                check_numbers(table, index)?;
                Kind::Number
            }
        };
        Ok(Column { index, name, kind })
    }

    /// How many columns of `x` it is.
    pub(super) fn width(&self) -> usize {
        match &self.kind {
            Kind::Number | Kind::Integer => 1,
            Kind::Category { texts, .. } => texts.len(),
        }
    }

    /// What the columns are called, for data that are to be read in the same terms.
    pub(super) fn named(&self, mean: f32) -> TableColumn {
        let name = self.name.clone();
        match &self.kind {
            Kind::Number | Kind::Integer => TableColumn::Number { name, mean },
            Kind::Category { texts, .. } => {
                TableColumn::Category { name, categories: texts.clone() }
            }
        }
    }

    /// The texts of its categories, in the order of their numbers.
    pub(super) fn classes(&self) -> &[String] {
        match &self.kind {
            Kind::Number | Kind::Integer => &[],
            Kind::Category { texts, .. } => texts,
        }
    }

    /// The mean of the numbers of these rows; 0 where there is none.
    pub(super) fn mean(&self, table: &Table<'_>, rows: &[u32]) -> f32 {
        let cells = rows.iter().filter_map(|&row| {
            let cell = &table.rows[row as usize].1[self.index];
            cell.parse::<f64>().ok().filter(|x| x.is_finite())
        });
        let (sum, n) = cells.fold((0.0, 0usize), |(sum, n), x| (sum + x, n + 1));
        if n == 0 { 0.0 } else { (sum / n as f64) as f32 }
    }

    /// Appends what a row has in this column; `mean` where it has nothing.
    pub(super) fn append(&self, table: &Table<'_>, row: usize, mean: f32, x: &mut Vec<f32>) {
        let cell = &table.rows[row].1[self.index];
        match &self.kind {
            Kind::Number | Kind::Integer => x.push(number(cell).unwrap_or(mean)),
            Kind::Category { texts, numbers } => {
                let start = x.len();
                x.resize(start + texts.len(), 0.0);
                if let Some(&i) = numbers.get(cell) {
                    x[start + i] = 1.0;
                }
            }
        }
    }

    /// The labels of these rows, none of which is missing.
    pub(super) fn labels(&self, table: &Table<'_>, rows: &[u32]) -> Literal {
        let cells = rows.iter().map(|&row| &table.rows[row as usize].1[self.index]);
        let checked = "the column's cells were looked at when its kind was decided";
        let labels = match &self.kind {
            Kind::Number => {
                let numbers = cells.map(|cell| number(cell).expect(checked)).collect();
                Literal::from_vec::<f32>(&[rows.len()], numbers)
            }
            Kind::Integer => {
                let numbers = cells.map(|cell| cell.parse().expect(checked)).collect();
                Literal::from_vec::<i32>(&[rows.len()], numbers)
            }
            Kind::Category { numbers, .. } => {
                let numbers = cells.map(|cell| numbers[cell] as i32).collect();
                Literal::from_vec::<i32>(&[rows.len()], numbers)
            }
        };
        labels.expect("a label a row")
    }
}

impl Kind {
    fn n_texts(&self) -> usize {
        match self {
            Kind::Number | Kind::Integer => 0,
            Kind::Category { texts, .. } => texts.len(),
        }
    }
}

/// The categories of a column: in the order of numbers if all are, else of code points.
fn category(table: &Table<'_>, index: usize) -> Kind {
    let texts: BTreeSet<&str> = table.cells(index).map(|(_, cell)| cell).collect();
    let mut texts: Vec<String> = texts.into_iter().map(str::to_string).collect();
    let numbers: Option<Vec<f32>> = texts.iter().map(|text| number(text).ok()).collect();
    if numbers.is_some() {
        // Stable, and every text was just seen to be a finite number.
        let value = |text: &String| number(text).unwrap_or_default();
        texts.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    numbered(texts)
}

/// The categories of a training. Errors: a cell that is none of them.
fn known(table: &Table<'_>, index: usize, texts: &[String]) -> Result<Kind, DataError> {
    let kind = numbered(texts.to_vec());
    let Kind::Category { numbers, .. } = &kind else { return Ok(kind) };
    match table.cells(index).find(|(_, cell)| !numbers.contains_key(*cell)) {
        None => Ok(kind),
        Some((line, cell)) => Err(DataError::OtherNames {
            place: format!("`{}`, line {line}", table.path.display()),
            reason: format!(
                "`{cell}` is no {} that was trained on: {}",
                table.names[index],
                listed(texts.iter().map(String::as_str)),
            ),
        }),
    }
}

fn numbered(texts: Vec<String>) -> Kind {
    let numbers = texts.iter().cloned().zip(0..).collect();
    Kind::Category { texts, numbers }
}

/// Refuses cells that are no numbers.
fn check_numbers(table: &Table<'_>, index: usize) -> Result<(), DataError> {
    let refused = |line, reason| table.cell_error(line, &table.names[index], reason);
    let check = |(line, cell)| number(cell).map(drop).map_err(|reason| refused(line, reason));
    table.cells(index).try_for_each(check)
}

/// Whether all cells are numbers; none may be where one is not.
fn is_numeric(table: &Table<'_>, index: usize) -> Result<bool, DataError> {
    let name = &table.names[index];
    let mut first_text = None;
    let mut first_number = None;
    for (line, cell) in table.cells(index) {
        if cell.parse::<f64>().is_err() {
            first_text.get_or_insert((line, cell));
        } else {
            number(cell).map_err(|reason| table.cell_error(line, name, reason))?;
            first_number.get_or_insert((line, cell));
        }
    }
    match (first_text, first_number) {
        (Some((line, text)), Some((other, number))) => Err(table.cell_error(
            line,
            name,
            format!("`{text}` is no number, but `{number}` in line {other} is"),
        )),
        (Some(_), None) => Ok(false),
        (None, Some(_) | None) => Ok(true),
    }
}

/// Refuses texts that are hardly ever the same, such as names, as categories.
fn check_few(table: &Table<'_>, index: usize, n_texts: usize) -> Result<(), DataError> {
    let n_rows = table.rows.len();
    if n_texts <= FEW || n_texts <= n_rows / 2 {
        return Ok(());
    }
    Err(DataError::FreeText {
        path: table.path.to_path_buf(),
        column: table.names[index].clone(),
        n_texts,
        n_rows,
    })
}

/// The number in a cell. Errors: why there is none.
fn number(cell: &str) -> Result<f32, String> {
    let x = cell.parse::<f64>().ok().filter(|_| !is_missing(cell));
    let x = x.ok_or_else(|| format!("`{cell}` is no number"))? as f32;
    if x.is_finite() { Ok(x) } else { Err(format!("`{cell}` is larger than f32 holds")) }
}
