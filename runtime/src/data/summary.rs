//! What a data set holds, in numbers: ranges, what is not a number, how often each class occurs.

use std::collections::BTreeMap;

use brolga_compiler::ir::{DType, Literal, TensorType};
use brolga_compiler::with_array;
use ndarray::Axis;

use super::{Array, DataSet};

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
    let summary =
        |(name, array): &(String, Array)| summarise_array(name, array, &data.columns(name));
    data.arrays().iter().map(summary).collect()
}

/// Returns what an array of that name holds, whose last axis has these names if they are as many.
pub fn summarise_array(name: &str, array: &Array, columns: &[String]) -> ArraySummary {
    let (statistics, columns) = measured(array, columns);
    ArraySummary { name: name.to_string(), ty: array.tensor_type(), statistics, columns }
}

/// What the elements of an array are, and those of its columns if they have these names.
fn measured(array: &Array, names: &[String]) -> (Statistics, Vec<(String, Statistics)>) {
    let has_names = array.sizes().last().is_some_and(|&n| n == names.len());
    let names = if has_names { names } else { &[] };
    let mut all = Measure::of(array);
    let mut columns: Vec<Measure> = names.iter().map(|_| Measure::of(array)).collect();
    for (_, block) in array.blocks() {
        all.add(&block);
        for (i, column) in columns.iter_mut().enumerate() {
            let last = Axis(block.sizes().len() - 1);
            column.add(&with_array!(&block, a => Literal::new(a.index_axis(last, i).to_owned())));
        }
    }
    let columns = columns.into_iter().map(Measure::statistics);
    (all.statistics(), names.iter().cloned().zip(columns).collect())
}

/// What was seen of an array's elements.
enum Measure {
    Floats(Floats),
    Integers { range: Option<(i64, i64)>, counts: Option<BTreeMap<i64, usize>> },
    Bools { n_true: usize, n_false: usize },
}

/// Floats that were seen.
struct Floats {
    lo: f64,
    hi: f64,
    sum: f64,
    n: usize,
    n_nan: usize,
    n_infinite: usize,
}

impl Measure {
    /// Nothing was seen yet of the array.
    fn of(array: &Array) -> Measure {
        let is_label = array.sizes().iter().skip(1).all(|&d| d == 1);
        match array.dtype() {
            DType::F32 | DType::F64 => {
                let (lo, hi) = (f64::INFINITY, f64::NEG_INFINITY);
                Measure::Floats(Floats { lo, hi, sum: 0.0, n: 0, n_nan: 0, n_infinite: 0 })
            }
            DType::I32 | DType::I64 | DType::U8 => {
                Measure::Integers { range: None, counts: is_label.then(BTreeMap::new) }
            }
            DType::Bool => Measure::Bools { n_true: 0, n_false: 0 },
        }
    }

    fn add(&mut self, block: &Literal) {
        match block {
            Literal::F32(a) => a.iter().for_each(|&x| self.add_float(f64::from(x))),
            Literal::F64(a) => a.iter().for_each(|&x| self.add_float(x)),
            Literal::I32(a) => a.iter().for_each(|&x| self.add_integer(i64::from(x))),
            Literal::I64(a) => a.iter().for_each(|&x| self.add_integer(x)),
            Literal::U8(a) => a.iter().for_each(|&x| self.add_integer(i64::from(x))),
            Literal::Bool(a) => {
                if let Measure::Bools { n_true, n_false } = self {
                    let here = a.iter().filter(|&&x| x).count();
                    (*n_true, *n_false) = (*n_true + here, *n_false + a.len() - here);
                }
            }
        }
    }

    fn add_float(&mut self, x: f64) {
        let Measure::Floats(of) = self else { return };
        if x.is_finite() {
            (of.lo, of.hi, of.sum, of.n) = (of.lo.min(x), of.hi.max(x), of.sum + x, of.n + 1);
        } else if x.is_nan() {
            of.n_nan += 1;
        } else {
            of.n_infinite += 1;
        }
    }

    fn add_integer(&mut self, x: i64) {
        let Measure::Integers { range, counts } = self else { return };
        *range = Some(range.map_or((x, x), |(lo, hi)| (lo.min(x), hi.max(x))));
        if let Some(map) = counts {
            *map.entry(x).or_insert(0) += 1;
            if map.len() > MAX_CLASSES {
                *counts = None;
            }
        }
    }

    fn statistics(self) -> Statistics {
        match self {
            Measure::Floats(Floats { lo, hi, sum, n, n_nan, n_infinite }) => {
                let finite = (n > 0).then(|| (lo, hi, sum / n as f64));
                Statistics::Floats { finite, n_nan, n_infinite }
            }
            Measure::Integers { range, counts } => Statistics::Integers { range, counts },
            Measure::Bools { n_true, n_false } => Statistics::Bools { n_true, n_false },
        }
    }
}

#[cfg(test)]
mod tests {
    use brolga_compiler::ir::Element;

    use super::super::TableColumn;
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
        let columns = ["a", "b"].map(|name| TableColumn::Number { name: name.into(), mean: 0.0 });
        let data = data.with_table("x", columns.to_vec());
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
