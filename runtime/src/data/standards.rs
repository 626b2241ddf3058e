//! Standardised arrays: each column with the mean 0 and the deviation 1 of what is trained on.
//!
//! The mean and the deviation belong to the model as its weights do: they are computed once, of the
//! rows that are trained on, and whatever is evaluated or predicted is measured by them.

use std::collections::BTreeMap;

use brolga_compiler::ir::{DType, Literal};
use serde_json::{Map, Value, json};

use super::{Array, DataError, DataSet, FeedPlan, TableColumn};

/// Which arrays of a data set are standardised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standardise {
    /// All of floats but `label`: what a model predicts stays what it is.
    Features,
    /// All of floats.
    All,
}

/// The means and deviations of arrays, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standards(BTreeMap<String, Standard>);

/// The mean and the deviation of each column of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Standard {
    /// The means.
    pub mean: Vec<f64>,
    /// The population's standard deviations; 1 where all numbers are the same.
    pub deviation: Vec<f64>,
}

/// The array that `features` leaves out.
const LABEL: &str = "label";

/// Which columns of an array say by 1 whether a row is of a category; empty where none is known to.
fn indicators(data: &DataSet, array: &str) -> Vec<bool> {
    let is_category = |column: &TableColumn| matches!(column, TableColumn::Category { .. });
    let table = data.names().table(array).iter();
    table.flat_map(|column| vec![is_category(column); column.names().len()]).collect()
}

impl Standards {
    /// The standards of the rows of numbers `rows`, or of all: for each column of an array
    /// [rows, columns], each channel of [rows, height, width, channels], and for all numbers of
    /// `[rows]` or `[rows, height, width]` together. The 0 and 1 of a category's column stay what they
    /// are: measured by its deviation, a rare category would be a huge number. Errors: no such
    /// array, a number that is not finite.
    pub fn of(
        data: &DataSet,
        which: Standardise,
        rows: Option<&[u32]>,
    ) -> Result<Standards, DataError> {
        let refused = |reason: String| {
            let source_text = data.name().to_string();
            DataError::Standards { source_text, reason }
        };
        if let (Standardise::All, Some(label)) = (which, data.array(LABEL))
            && !label.dtype().is_float()
        {
            let label = label.tensor_type();
            return Err(refused(format!("`{LABEL}: {label}` holds no floats, as `all` asks for")));
        }
        let is_meant = |name: &str| which == Standardise::All || name != LABEL;
        let is_float = |a: &Array| a.dtype().is_float() && !a.sizes().is_empty();
        let arrays = data.arrays().iter().filter(|(name, a)| is_float(a) && is_meant(name));
        let standards: BTreeMap<String, Standard> = arrays
            .map(|(name, array)| {
                let standard =
                    Standard::of(array, &indicators(data, name), rows).map_err(|row| {
                        refused(format!("`{name}` holds a number that is not finite in row {row}"))
                    })?;
                Ok((name.clone(), standard))
            })
            .collect::<Result<_, DataError>>()?;
        if standards.is_empty() {
            return Err(refused("no array of floats but `label` is there".to_string()));
        }
        Ok(Standards(standards))
    }

    /// The standards by the names of their arrays.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Standard)> {
        self.0.iter().map(|(name, standard)| (name.as_str(), standard))
    }

    /// As JSON, every bit of them.
    pub fn to_json(&self) -> Value {
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
        let of_array = |(name, standard): (&String, &Standard)| {
            let (mean, deviation) = (bits(&standard.mean), bits(&standard.deviation));
            (name.clone(), json!({"mean": mean, "deviation": deviation}))
        };
        Value::Object(self.0.iter().map(of_array).collect::<Map<String, Value>>())
    }

    /// What [`Standards::to_json`] has written.
    pub fn of_json(value: &Value) -> Option<Standards> {
        let numbers = |value: &Value| -> Option<Vec<f64>> {
            value.as_array()?.iter().map(|bits| bits.as_u64().map(f64::from_bits)).collect()
        };
        let standard = |(name, value): (&String, &Value)| {
            let (mean, deviation) = (numbers(&value["mean"])?, numbers(&value["deviation"])?);
            let fits = mean.len() == deviation.len() && !mean.is_empty();
            fits.then(|| (name.clone(), Standard { mean, deviation }))
        };
        Some(Standards(value.as_object()?.iter().map(standard).collect::<Option<_>>()?))
    }
}

/// The columns of an array that have a standard each.
fn n_columns(array: &Array) -> usize {
    match array.sizes() {
        [] | [_] | [_, _, _] => 1,
        [_, .., n] => *n,
    }
}

impl Standard {
    /// Sums in the order of the rows, of f64; of the columns of `indicators` the numbers stay. Errors:
    /// a row with a number that is not finite.
    fn of(array: &Array, indicators: &[bool], rows: Option<&[u32]>) -> Result<Standard, usize> {
        let all: Vec<u32>;
        let rows = match rows {
            Some(rows) => rows,
            None => {
                all = (0..array.sizes()[0] as u32).collect();
                &all
            }
        };
        let width: usize = array.sizes()[1..].iter().product();
        let n_columns = n_columns(array).max(1);
        let count = (rows.len() * width) as f64 / n_columns as f64;
        let mean = summed(array, (rows, width), n_columns, |x, _| x)?;
        let mut mean: Vec<f64> = mean.into_iter().map(|sum| sum / count).collect();
        let square = |x: f64, column: usize| (x - mean[column]) * (x - mean[column]);
        let squares = summed(array, (rows, width), n_columns, square)?;
        let deviation = |sum: f64| match (sum / count).sqrt() {
            // Also of what is subnormal: its reciprocal would be infinite.
            x if x.is_normal() => x,
            _ => 1.0,
        };
        let mut deviation: Vec<f64> = squares.into_iter().map(deviation).collect();
        for (column, _) in indicators.iter().enumerate().filter(|(_, is_indicator)| **is_indicator)
        {
            (mean[column], deviation[column]) = (0.0, 1.0);
        }
        Ok(Standard { mean, deviation })
    }
}

/// Bytes of the rows that are summed at a time.
const BLOCK: usize = 1 << 16;

/// The sums of `term` of the numbers of each column.
fn summed(
    array: &Array,
    (rows, width): (&[u32], usize),
    n_columns: usize,
    term: impl Fn(f64, usize) -> f64,
) -> Result<Vec<f64>, usize> {
    let mut sums = vec![0.0; n_columns];
    let rows_of_block = (BLOCK / (width * 8).max(1)).max(1);
    let mut bytes = vec![0; rows_of_block.min(rows.len()) * width * 8];
    for rows in rows.chunks(rows_of_block) {
        let bytes = &mut bytes[..rows.len() * width * 8];
        array.write_rows(DType::F64, rows, width, bytes);
        for (&row, numbers) in rows.iter().zip(bytes.chunks_exact((width * 8).max(1))) {
            // A row is a whole number of columns.
            for numbers in numbers.as_chunks::<8>().0.chunks(n_columns) {
                for (column, (sum, x)) in sums.iter_mut().zip(numbers).enumerate() {
                    let x = f64::from_le_bytes(*x);
                    if !x.is_finite() {
                        return Err(row as usize);
                    }
                    *sum += term(x, column);
                }
            }
        }
    }
    Ok(sums)
}

/// The element type of a feed, and the mean and the factor of each of its columns.
type FeedStandards = (DType, Vec<(f64, f64)>);

/// Measures the batches of the arrays that have standards by them.
#[derive(Clone, Debug)]
pub struct Standardiser {
    /// For each feed what it is measured by, if it has a standard.
    feeds: Vec<Option<FeedStandards>>,
}

impl Standardiser {
    /// For the feeds of a plan that was made for `data`. Errors: an array that is not there, unless
    /// it is the label, or that has other columns.
    pub fn new(
        standards: &Standards,
        plan: &FeedPlan,
        data: &DataSet,
    ) -> Result<Standardiser, DataError> {
        let refused = |reason: String| {
            let source_text = data.name().to_string();
            DataError::Standards { source_text, reason }
        };
        let is_missing = |name: &&String| data.array(name).is_none() && *name != LABEL;
        if let Some(name) = standards.0.keys().find(is_missing) {
            return Err(refused(format!("they have no array `{name}`, which was standardised")));
        }
        let of_feed = |feed: &super::Feed| {
            let (name, array) = &data.arrays()[feed.array];
            let Some(standard) = standards.0.get(name) else { return Ok(None) };
            if !array.dtype().is_float() || standard.mean.len() != n_columns(array) {
                let (n, here) = (standard.mean.len(), array.tensor_type());
                let reason =
                    format!("`{name}: {here}` is not of the {n} columns that were trained on");
                return Err(refused(reason));
            }
            let columns = standard.mean.iter().zip(&standard.deviation);
            let columns = columns.map(|(mean, deviation)| (*mean, 1.0 / deviation));
            Ok(Some((feed.dtype, columns.collect())))
        };
        let feeds = plan.feeds.iter().map(of_feed).collect::<Result<_, DataError>>()?;
        Ok(Standardiser { feeds })
    }

    /// Rows of one feed, standardised.
    pub fn literal(&self, feed_idx: usize, rows: &Literal) -> Literal {
        let mut bytes = rows.to_bytes();
        self.apply(feed_idx, &mut bytes);
        Literal::from_bytes(rows.dtype(), rows.sizes(), &bytes).expect("as many bytes as before")
    }

    /// Standardises rows of one feed in place, row-major and little-endian. Allocates nothing.
    pub fn apply(&self, feed_idx: usize, bytes: &mut [u8]) {
        let Some((dtype, columns)) = &self.feeds[feed_idx] else { return };
        // A row is a whole number of columns, whatever the input's shape makes of it.
        match dtype {
            DType::F32 => {
                for row in bytes.as_chunks_mut::<4>().0.chunks_mut(columns.len()) {
                    for (x, (mean, factor)) in row.iter_mut().zip(columns) {
                        let z = (f64::from(f32::from_le_bytes(*x)) - mean) * factor;
                        *x = (z as f32).to_le_bytes();
                    }
                }
            }
            DType::F64 => {
                for row in bytes.as_chunks_mut::<8>().0.chunks_mut(columns.len()) {
                    for (x, (mean, factor)) in row.iter_mut().zip(columns) {
                        *x = ((f64::from_le_bytes(*x) - mean) * factor).to_le_bytes();
                    }
                }
            }
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use brolga_compiler::ir::{Binding, Dim, Scalar, TensorType};

    use super::super::feed_plan;
    use super::*;

    fn data(arrays: Vec<(&str, Literal)>) -> DataSet {
        let arrays = arrays.into_iter().map(|(name, a)| (name.to_string(), a)).collect();
        DataSet::new("test", arrays).expect("a data set")
    }

    fn table() -> DataSet {
        let x = vec![1f32, 5., 7., 3., 5., 8., 8., 5., 0.];
        let x = Literal::from_vec(&[3, 3], x).expect("nine");
        let label = Literal::from_vec(&[3], vec![10f64, 20., 60.]).expect("three");
        data(vec![("x", x), ("label", label), ("id", Literal::filled(&[3], Scalar::I32(7)))])
    }

    fn standards(data: &DataSet, which: Standardise, rows: Option<&[u32]>) -> Standards {
        Standards::of(data, which, rows).expect("numbers")
    }

    #[test]
    fn columns_have_means_and_deviations() {
        let all = standards(&table(), Standardise::All, None);
        let x = Standard {
            mean: vec![4.0, 5.0, 5.0],
            deviation: vec![(26f64 / 3.0).sqrt(), 1.0, (38f64 / 3.0).sqrt()],
        };
        let label = Standard { mean: vec![30.0], deviation: vec![(1400f64 / 3.0).sqrt()] };
        assert_eq!(all.iter().collect::<Vec<_>>(), [("label", &label), ("x", &x)]);
        let some = standards(&table(), Standardise::Features, Some(&[2, 0]));
        let x = Standard { mean: vec![4.5, 5.0, 3.5], deviation: vec![3.5, 1.0, 3.5] };
        assert_eq!(some.iter().collect::<Vec<_>>(), [("x", &x)]);
        assert_eq!(Standards::of_json(&all.to_json()), Some(all));
        assert_eq!(Standards::of_json(&json!({"x": {"mean": [0], "deviation": []}})), None);
    }

    #[test]
    fn categories_stay_what_they_are() {
        let x = Literal::from_vec(&[4, 2], vec![1f32, 0., 3., 0., 1., 0., 3., 1.]).expect("eight");
        let category = TableColumn::Category { name: "b".into(), categories: vec!["c".into()] };
        let number = TableColumn::Number { name: "a".into(), mean: 2.0 };
        let data = data(vec![("x", x)]).with_table("x", vec![number, category]);
        let standard = Standard { mean: vec![2.0, 0.0], deviation: vec![1.0, 1.0] };
        let all = standards(&data, Standardise::Features, None);
        assert_eq!(all.iter().collect::<Vec<_>>(), [("x", &standard)]);
    }

    #[test]
    fn pictures_have_channels_and_grey_ones_one() {
        let numbers: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let mean = |sizes: &[usize]| {
            let x = Literal::from_vec(sizes, numbers.clone()).expect("24");
            let standards = standards(&data(vec![("x", x)]), Standardise::Features, None);
            standards.0["x"].mean.clone()
        };
        assert_eq!(mean(&[2, 2, 3, 2]), [11.0, 12.0]);
        assert_eq!(mean(&[2, 4, 3]), [11.5]);
        assert_eq!(mean(&[24]), [11.5]);
        assert_eq!(mean(&[12, 2]), [11.0, 12.0]);
    }

    #[test]
    fn what_has_no_mean_is_refused() {
        let labels = data(vec![("label", Literal::filled(&[3], Scalar::F32(0.0)))]);
        let x = Literal::from_vec(&[3, 1], vec![0f32, f32::NAN, 1.0]).expect("three");
        let broken = data(vec![("x", x)]);
        for (data, reason) in [(&labels, "no array of floats"), (&broken, "not finite in row 1")] {
            let error = Standards::of(data, Standardise::Features, None).expect_err(reason);
            assert!(error.code() == "E0630" && error.to_string().contains(reason), "{error}");
        }
        standards(&broken, Standardise::Features, Some(&[0, 2]));
        let classes = data(vec![("label", Literal::filled(&[3], Scalar::I32(0)))]);
        let error = Standards::of(&classes, Standardise::All, None).expect_err("classes");
        assert!(error.to_string().contains("`label: i32[3]` holds no floats"), "{error}");
        let error = labels.standardised(Standardise::All).standards().expect_err("not known");
        assert_eq!(error.code(), "E0630");
    }

    #[test]
    fn what_is_fed_is_measured_by_the_columns_of_its_array() {
        let (table, batch) = (table(), Dim::symbol("batch"));
        let standards = standards(&table, Standardise::All, None);
        let inputs = [
            ("id".to_string(), TensorType::new(DType::F32, std::slice::from_ref(&batch))),
            ("x".to_string(), TensorType::new(DType::F64, &[batch.clone(), 1.into(), 3.into()])),
            ("label".to_string(), TensorType::new(DType::F32, &[batch, 1.into()])),
        ];
        let plan = feed_plan(&inputs, &table, &Binding::default()).expect("they fit");
        let standardiser = Standardiser::new(&standards, &plan, &table).expect("the same columns");
        let fed = |feed_idx: usize| {
            let feed = &plan.feeds[feed_idx];
            let mut bytes = vec![0; feed.n_bytes(2)];
            feed.write(&table, &[2, 1], &mut bytes);
            standardiser.apply(feed_idx, &mut bytes);
            let fed = Literal::from_bytes(feed.dtype, &feed.sizes(2), &bytes).expect("its bytes");
            fed.scalars().map(|x| x.to_f64()).collect::<Vec<f64>>()
        };
        let (a, c) = ((26f64 / 3.0).sqrt(), (38f64 / 3.0).sqrt());
        let close = |got: Vec<f64>, want: &[f64]| {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?} {want:?}");
        };
        close(fed(0), &[7.0, 7.0]);
        close(fed(1), &[4.0 / a, 0.0, -5.0 / c, -1.0 / a, 0.0, 3.0 / c]);
        close(fed(2), &[30.0 / (1400f64 / 3.0).sqrt(), -10.0 / (1400f64 / 3.0).sqrt()]);
        let other = data(vec![("x", Literal::filled(&[2, 2], Scalar::F32(0.0)))]);
        let inputs =
            [("x".to_string(), TensorType::new(DType::F32, &[Dim::symbol("n"), 2.into()]))];
        let plan = feed_plan(&inputs, &other, &Binding::default()).expect("they fit");
        let error = Standardiser::new(&standards, &plan, &other).expect_err("other columns");
        assert_eq!(error.code(), "E0630", "{error}");
        let renamed = data(vec![("y", Literal::filled(&[2, 3], Scalar::F32(0.0)))]);
        let error = Standardiser::new(&standards, &plan, &renamed).expect_err("no such array");
        assert!(error.to_string().contains("no array `x`"), "{error}");
    }
}
