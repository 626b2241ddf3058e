//! Results as a table: a line for each row, a column for each number.

use std::path::Path;

use brolga::runtime::data::csv::write_table;
use brolga::runtime::data::{DataError, Names};
use brolga::{Literal, Scalar};

use crate::tokens;

/// The array whose numbers are classes, which results speak of.
const LABEL: &str = "label";

/// An output, read row by row.
struct Output<'a> {
    name: &'a str,
    values: Box<dyn Iterator<Item = Scalar> + 'a>,
    /// The sizes of what a row has.
    sizes: &'a [usize],
    /// What whole numbers are called, and positions where there are as many.
    classes: &'a [String],
    is_int: bool,
}

/// Writes outputs of equally many rows as a table. One number a row is a column of the output's
/// name, a whole number that has a name in the training is followed by it; several are columns that
/// end in their position, or in the class where there is one for each position.
pub(super) fn write(
    path: &Path,
    arrays: &[(String, Literal)],
    names: &Names,
) -> Result<(), DataError> {
    let mut outputs: Vec<Output<'_>> =
        arrays.iter().map(|(name, array)| Output::new(name, array, names)).collect();
    let header: Vec<String> = outputs.iter().flat_map(Output::header).collect();
    let n_rows = arrays.iter().filter_map(|(_, array)| array.sizes().first()).min();
    let rows = (0..n_rows.copied().unwrap_or(0))
        .map(|_| outputs.iter_mut().flat_map(Output::next_row).collect::<Vec<String>>());
    write_table(path, &header, rows)
}

impl<'a> Output<'a> {
    fn new(name: &'a str, array: &'a Literal, names: &'a Names) -> Output<'a> {
        let own = names.classes(name);
        let classes = if own.is_empty() { names.classes(LABEL) } else { own };
        let sizes = array.sizes().get(1..).unwrap_or_default();
        let is_int = array.dtype().is_int();
        Output { name, values: Box::new(array.scalars()), sizes, classes, is_int }
    }

    /// Whether a row is one whole number that has a name.
    fn is_class(&self) -> bool {
        self.is_int && self.sizes.is_empty() && !self.classes.is_empty()
    }

    fn header(&self) -> Vec<String> {
        let name = self.name;
        match self.sizes {
            [] if self.is_class() => vec![name.to_string(), format!("{name}.name")],
            [] => vec![name.to_string()],
            [n] if *n == self.classes.len() => {
                self.classes.iter().map(|class| format!("{name}.{class}")).collect()
            }
            sizes => positions(sizes).map(|position| format!("{name}.{position}")).collect(),
        }
    }

    /// The cells of the next row.
    fn next_row(&mut self) -> Vec<String> {
        let n = self.sizes.iter().product();
        let row: Vec<Scalar> = self.values.by_ref().take(n).collect();
        let mut cells: Vec<String> = row.iter().map(Scalar::to_string).collect();
        if self.is_class() {
            let number = row.first().map(|x| x.to_f64() as i64);
            let class = number.and_then(|n| tokens::class(self.classes, n));
            cells.push(class.unwrap_or_default().to_string());
        }
        cells
    }
}

/// The positions in an array of these sizes, in its order: `0.0`, `0.1`, ...
fn positions(sizes: &[usize]) -> impl Iterator<Item = String> {
    let n: usize = sizes.iter().product();
    (0..n).map(move |flat| {
        let (mut rest, mut place) = (flat, vec![]);
        for size in sizes.iter().rev() {
            place.push((rest % size).to_string());
            rest /= size;
        }
        place.reverse();
        place.join(".")
    })
}
