//! Tensors as tables that are read by eye.

use brolga::compiler::ir::Literal;

/// A matrix with the numbers of its rows and columns, each column as wide as its widest entry;
/// `None` of anything else. Of a confusion matrix the rows are the labels, the columns the
/// predictions.
pub(crate) fn matrix(value: &Literal) -> Option<String> {
    let &[rows, columns] = value.sizes() else { return None };
    let numbers: Vec<f64> = value.scalars().map(|x| x.to_f64()).collect();
    let is_counted = numbers.iter().all(|x| x.fract() == 0.0);
    let text = |x: &f64| if is_counted { format!("{x}") } else { format!("{x:.4}") };
    let entries: Vec<String> = numbers.iter().map(text).collect();
    let width = |column: usize| {
        let of_column = (0..rows).map(|row| entries[row * columns + column].len());
        of_column.chain([column.to_string().len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let first = rows.saturating_sub(1).to_string().len();
    let line = |name: String, entries: &[String]| {
        let cells = entries.iter().zip(&widths).map(|(entry, &width)| format!("  {entry:>width$}"));
        format!("{name:>first$}{}", cells.collect::<String>())
    };
    let head: Vec<String> = (0..columns).map(|column| column.to_string()).collect();
    let body = (0..rows).map(|row| line(row.to_string(), &entries[row * columns..][..columns]));
    Some([line(String::new(), &head)].into_iter().chain(body).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sizes: &[usize], numbers: Vec<f32>) -> Option<String> {
        matrix(&Literal::from_vec(sizes, numbers).expect("as many numbers as elements"))
    }

    #[test]
    fn columns_are_aligned() {
        let counts = table(&[2, 3], vec![1.0, 200.0, 3.0, 4.0, 5.0, 60.0]);
        assert_eq!(counts.as_deref(), Some("   0    1   2\n0  1  200   3\n1  4    5  60"));
        let shares = table(&[1, 1], vec![0.25]);
        assert_eq!(shares.as_deref(), Some("        0\n0  0.2500"));
        assert_eq!(table(&[0, 0], vec![]).as_deref(), Some(" "));
        assert_eq!(table(&[2], vec![1.0, 2.0]), None);
    }
}
