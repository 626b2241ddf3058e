//! What a data set holds, in numbers: ranges, what is not a number, how often each class occurs.

use std::collections::BTreeMap;

use brolga_compiler::ir::{Element, Literal, TensorType};
use brolga_compiler::with_array;
use ndarray::{ArcArray, Axis, IxDyn};

use super::DataSet;

/// More different numbers than this in one array are no classes, and are not counted.
const MAX_CLASSES: usize = 1000;

/// One array of a data set, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ArraySummary {
    /// Its name.
    pub name: String,
    /// Its type, the rows first.
    pub ty: TensorType,
    /// What its elements are.
    pub statistics: Statistics,
    /// What the elements of each column are, where the positions of its last axis have names.
    pub columns: Vec<(String, Statistics)>,
}

/// The elements of an array, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Statistics {
    /// Of floats.
    Floats {
        /// Smallest, largest and mean of those that are finite; `None` if none is.
        finite: Option<(f64, f64, f64)>,
        /// How many are no number.
        n_nan: usize,
        /// How many are infinite.
        n_infinite: usize,
    },
    /// Of integers.
    Integers {
        /// The smallest and the largest; `None` where there is no element.
        range: Option<(i64, i64)>,
        /// How often each occurs, in their order: of arrays of one number a row, where at most a
        /// thousand do.
        counts: Option<BTreeMap<i64, usize>>,
    },
    /// Of truth values.
    Bools {
        /// How many are true.
        n_true: usize,
        /// How many are false.
        n_false: usize,
    },
}

/// Returns what each array of `data` holds, in their order. Linear in the elements.
pub fn summarise(data: &DataSet) -> Vec<ArraySummary> {
    let summary = |(name, array): &(String, Literal)| ArraySummary {
        name: name.clone(),
        ty: array.tensor_type(),
        statistics: statistics(array),
        columns: columns(array, data.columns(name)),
    };
    data.arrays().iter().map(summary).collect()
}

fn columns(array: &Literal, names: &[String]) -> Vec<(String, Statistics)> {
    let Some(&n) = array.sizes().last().filter(|&&n| n == names.len()) else { return vec![] };
    let last = Axis(array.sizes().len() - 1);
    let column = |i: usize| {
        let column = with_array!(array, a => Literal::new(a.index_axis(last, i).to_owned()));
        (names[i].clone(), statistics(&column))
    };
    (0..n).map(column).collect()
}

fn statistics(array: &Literal) -> Statistics {
    let is_label = array.sizes().iter().skip(1).all(|&d| d == 1);
    match array {
        Literal::F32(a) => floats(a),
        Literal::F64(a) => floats(a),
        Literal::I32(a) => integers(a, is_label),
        Literal::I64(a) => integers(a, is_label),
        Literal::U8(a) => integers(a, is_label),
        Literal::Bool(a) => {
            let n_true = a.iter().filter(|&&x| x).count();
            Statistics::Bools { n_true, n_false: a.len() - n_true }
        }
    }
}

fn floats<T: Element + Into<f64>>(a: &ArcArray<T, IxDyn>) -> Statistics {
    let (mut n_nan, mut n_infinite, mut n, mut sum) = (0, 0, 0usize, 0.0f64);
    let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
    for &x in a {
        let x: f64 = x.into();
        if x.is_finite() {
            (lo, hi, n, sum) = (lo.min(x), hi.max(x), n + 1, sum + x);
        } else if x.is_nan() {
            n_nan += 1;
        } else {
            n_infinite += 1;
        }
    }
    let finite = (n > 0).then(|| (lo, hi, sum / n as f64));
    Statistics::Floats { finite, n_nan, n_infinite }
}

fn integers<T: Element + Into<i64>>(a: &ArcArray<T, IxDyn>, is_label: bool) -> Statistics {
    let mut range: Option<(i64, i64)> = None;
    let mut counts = is_label.then(BTreeMap::new);
    for &x in a {
        let x: i64 = x.into();
        range = Some(range.map_or((x, x), |(lo, hi)| (lo.min(x), hi.max(x))));
        if let Some(map) = &mut counts {
            *map.entry(x).or_insert(0) += 1;
            if map.len() > MAX_CLASSES {
                counts = None;
            }
        }
    }
    Statistics::Integers { range, counts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: Element>(elements: Vec<T>) -> Statistics {
        let array = Literal::from_vec(&[elements.len()], elements).expect("one axis");
        let data = DataSet::new("x", vec![("a".to_string(), array)]).expect("it has rows");
        summarise(&data).remove(0).statistics
    }

    #[test]
    fn what_is_no_number_does_not_spoil_the_range() {
        let floats = of(vec![f32::NAN, 1.0, -2.5, f32::INFINITY, f32::NEG_INFINITY, 3.0]);
        let finite = Some((-2.5, 3.0, 0.5));
        assert_eq!(floats, Statistics::Floats { finite, n_nan: 1, n_infinite: 2 });
        let none = of(vec![f64::NAN]);
        assert_eq!(none, Statistics::Floats { finite: None, n_nan: 1, n_infinite: 0 });
    }

    #[test]
    fn columns_with_names_are_looked_at_one_by_one() {
        let array = Literal::from_vec(&[2, 2], vec![1f32, f32::NAN, 3.0, 7.0]).expect("two by two");
        let data = DataSet::new("t", vec![("x".to_string(), array)]).expect("it has rows");
        assert!(summarise(&data)[0].columns.is_empty());
        let data = data.with_columns("x", vec!["a".to_string(), "b".to_string()]);
        let floats = |lo, hi, mean, n_nan| Statistics::Floats {
            finite: Some((lo, hi, mean)),
            n_nan,
            n_infinite: 0,
        };
        let expected = [
            ("a".to_string(), floats(1.0, 3.0, 2.0, 0)),
            ("b".to_string(), floats(7.0, 7.0, 7.0, 1)),
        ];
        assert_eq!(summarise(&data)[0].columns, expected);
    }

    #[test]
    fn integers_are_counted_where_they_are_few() {
        let counts = Some(BTreeMap::from([(-1, 1), (7, 2)]));
        let range = Some((-1, 7));
        assert_eq!(of(vec![7i32, -1, 7]), Statistics::Integers { range, counts });
        let many = of((0..=MAX_CLASSES as i64).collect());
        assert_eq!(many, Statistics::Integers { range: Some((0, 1000)), counts: None });
        let large = of(vec![i64::MIN, i64::MAX]);
        let Statistics::Integers { range, .. } = large else { panic!("integers") };
        assert_eq!(range, Some((i64::MIN, i64::MAX)));
        assert_eq!(of(vec![true, false, true]), Statistics::Bools { n_true: 2, n_false: 1 });
    }
}
