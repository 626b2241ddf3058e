//! Weights of classes: what the examples of a training weigh, by their labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use brolga_compiler::ir::{Literal, Scalar};
use serde_json::Value;

use super::{DataError, DataSet, read_all};

/// The array that holds what each example weighs, and the input that takes it.
pub const WEIGHT: &str = "weight";

/// The array of the classes.
const LABEL: &str = "label";

/// What the examples of each class weigh.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeights {
    /// A class of n examples among N of K classes weighs N / (K n): all classes weigh the same.
    Balanced,
    /// By the class's name, else its number; a class that is not among them weighs 1.
    Given(Vec<(String, f32)>),
}

impl ClassWeights {
    /// Reads a file: a JSON object (`{"cat": 1, "dog": 2.5}`) or a line for each class, its name or
    /// number and its weight; `#` begins a remark. Errors: a file that cannot be read or is neither,
    /// a class given twice, a weight that is no finite number of at least 0.
    pub fn read(path: &Path) -> Result<ClassWeights, DataError> {
        let bytes = read_all(path)?;
        let text =
            String::from_utf8(bytes).map_err(|_| DataError::corrupt(path, "it is no text"))?;
        ClassWeights::parse(&text).map_err(|reason| DataError::corrupt(path, reason))
    }

    fn parse(text: &str) -> Result<ClassWeights, String> {
        let given =
            if text.trim_start().starts_with('{') { of_json(text) } else { of_lines(text) }?;
        let mut seen = BTreeSet::new();
        if let Some((class, _)) = given.iter().find(|(class, _)| !seen.insert(class)) {
            return Err(format!("the class `{class}` is given twice"));
        }
        if let Some((class, x)) = given.iter().find(|(_, x)| !(x.is_finite() && *x >= 0.0)) {
            return Err(format!(
                "the weight of the class `{class}` is {x}, not a number from 0 on"
            ));
        }
        Ok(ClassWeights::Given(given))
    }

    /// The data with another array, `weight`: `f32[rows]`, what each row weighs by its `label`. A
    /// label is an integer, a float that is one, or one-hot: the place of its largest number. What
    /// is balanced is the rows of numbers `rows`, those that are trained on; all of them without.
    /// Errors: data without such labels or with such an array, a class that they do not have.
    pub fn weigh(&self, data: &DataSet, rows: Option<&[u32]>) -> Result<DataSet, DataError> {
        let refused =
            |reason: String| DataError::ClassWeights { source_text: data.name().into(), reason };
        if data.array(WEIGHT).is_some() {
            return Err(refused(format!("they hold an array `{WEIGHT}` already")));
        }
        let labels = labels(data).map_err(refused)?;
        let weights = match self {
            ClassWeights::Balanced => balanced(&labels, rows),
            ClassWeights::Given(given) => by_class(given, &labels, data).map_err(refused)?,
        };
        let of_row = |label: &i64| weights.get(label).copied().unwrap_or(1.0);
        let each: Vec<f32> = labels.iter().map(of_row).collect();
        let each = Literal::from_vec(&[each.len()], each).expect("one a row");
        Ok(data.with_array(WEIGHT, each))
    }
}

fn of_json(text: &str) -> Result<Vec<(String, f32)>, String> {
    let object = serde_json::from_str::<BTreeMap<String, Value>>(text);
    let object = object.map_err(|e| format!("it is no JSON object: {e}"))?;
    let weight = |(class, value): (String, Value)| match value.as_f64() {
        Some(x) => Ok((class, x as f32)),
        None => Err(format!("the weight of the class `{class}` is {value}, not a number")),
    };
    object.into_iter().map(weight).collect()
}

/// The last word of a line is the weight, as names may have spaces.
fn of_lines(text: &str) -> Result<Vec<(String, f32)>, String> {
    let lines = text.lines().enumerate().map(|(i, line)| {
        let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
        (i + 1, line)
    });
    let weight = |(number, line): (usize, &str)| {
        let pair = line.rsplit_once(char::is_whitespace);
        let pair = pair.and_then(|(class, x)| Some((class.trim().to_string(), x.parse().ok()?)));
        pair.ok_or_else(|| format!("line {number}, `{line}`, is not a class and its weight"))
    };
    lines.filter(|(_, line)| !line.is_empty()).map(weight).collect()
}

/// The class of each row. Errors: why there is none.
fn labels(data: &DataSet) -> Result<Vec<i64>, String> {
    let array = data.array(LABEL).ok_or_else(|| format!("they hold no array `{LABEL}`"))?;
    let n_columns: usize = array.sizes().iter().skip(1).product();
    let elements: Vec<Scalar> = array.whole().scalars().collect();
    if array.sizes().is_empty() || array.sizes().len() > 2 || n_columns == 0 {
        return Err(format!("`{LABEL}: {}` is not a class a row", array.tensor_type()));
    }
    if n_columns > 1 {
        return Ok(elements.chunks(n_columns).map(|row| largest(row) as i64).collect());
    }
    let class = |(row, x): (usize, Scalar)| match x {
        Scalar::I64(x) => Ok(x),
        x if x.to_f64().fract() == 0.0 => Ok(x.to_f64() as i64),
        x => Err(format!("`{LABEL}` is {} in row {row}, which is no class", x.to_f64())),
    };
    elements.into_iter().enumerate().map(class).collect()
}

/// The place of the first of the largest numbers.
fn largest(row: &[Scalar]) -> usize {
    let place = (0..row.len()).rev().max_by(|&a, &b| row[a].to_f64().total_cmp(&row[b].to_f64()));
    place.unwrap_or(0)
}

fn balanced(labels: &[i64], rows: Option<&[u32]>) -> BTreeMap<i64, f32> {
    let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
    let mut count = |label: i64| *counts.entry(label).or_default() += 1;
    match rows {
        Some(rows) => rows.iter().for_each(|&row| count(labels[row as usize])),
        None => labels.iter().for_each(|&label| count(label)),
    }
    let n_rows: u32 = counts.values().sum();
    let even = f64::from(n_rows) / counts.len() as f64;
    counts.into_iter().map(|(label, n)| (label, (even / f64::from(n)) as f32)).collect()
}

/// What is given, by the number of the class.
fn by_class(
    given: &[(String, f32)],
    labels: &[i64],
    data: &DataSet,
) -> Result<BTreeMap<i64, f32>, String> {
    let there: BTreeSet<i64> = labels.iter().copied().collect();
    let names = data.classes(LABEL);
    let unknown = |class: &str| {
        let number = |n: &i64| match usize::try_from(*n).ok().and_then(|n| names.get(n)) {
            Some(name) => format!("{n} `{name}`"),
            None => n.to_string(),
        };
        let mut list: Vec<String> = there.iter().take(LISTED).map(number).collect();
        list.extend((there.len() > LISTED).then(|| format!("{} others", there.len() - LISTED)));
        format!(
            "a weight is given for the class `{class}`, but the classes are {}",
            list.join(", ")
        )
    };
    let number = |class: &str| {
        let by_name = names.iter().position(|name| name == class).map(|n| n as i64);
        by_name.or_else(|| class.parse().ok().filter(|n| there.contains(n)))
    };
    let mut weights = BTreeMap::new();
    for (class, weight) in given {
        let number = number(class).ok_or_else(|| unknown(class))?;
        if weights.insert(number, *weight).is_some() {
            return Err(format!("two weights are given for the class {number}"));
        }
    }
    Ok(weights)
}

/// Classes that a message lists.
const LISTED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn data(label: Literal) -> DataSet {
        DataSet::new("test", vec![(LABEL.to_string(), label)]).expect("a data set")
    }

    fn labelled(labels: &[i32]) -> DataSet {
        data(Literal::from_vec(&[labels.len()], labels.to_vec()).expect("one a row"))
    }

    fn weights(data: &DataSet, of: &ClassWeights, rows: Option<&[u32]>) -> Vec<f32> {
        let weighed = of.weigh(data, rows).expect("they fit");
        let array = weighed.array(WEIGHT).expect("it was added").whole();
        let array = array.array::<f32>().expect("f32");
        array.iter().copied().collect()
    }

    #[test]
    fn classes_that_are_balanced_weigh_the_same() {
        let few = labelled(&[0, 0, 0, 2, 2, 5]);
        assert_eq!(
            weights(&few, &ClassWeights::Balanced, None),
            [2. / 3., 2. / 3., 2. / 3., 1., 1., 2.]
        );
        // Of the rows that are trained on alone; a class that is not among them weighs 1.
        let of_rows = weights(&few, &ClassWeights::Balanced, Some(&[0, 1, 3]));
        assert_eq!(of_rows, [0.75, 0.75, 0.75, 1.5, 1.5, 1.0]);
    }

    #[test]
    fn weights_are_given_by_name_or_number() {
        let of = |text: &str| ClassWeights::parse(text).expect("weights");
        let plain = labelled(&[0, 3, 1, 0]);
        assert_eq!(weights(&plain, &of("# two\n0 2.5\n3 0 # none\n"), None), [2.5, 0.0, 1.0, 2.5]);
        assert_eq!(weights(&plain, &of(r#"{"1": 4, "0": 0.5}"#), None), [0.5, 1.0, 4.0, 0.5]);
        let names: Vec<String> = ["a b", "0"].map(String::from).into();
        let named = labelled(&[0, 1]).with_classes(LABEL, names);
        assert_eq!(
            weights(&named, &of("a b 3\n0 7"), None),
            [3.0, 7.0],
            "a name is before a number"
        );
        let one_hot = Literal::from_vec(&[3, 2], vec![0f32, 1., 1., 0., 0.5, 0.5]).expect("six");
        assert_eq!(weights(&data(one_hot), &of("1 9"), None), [9.0, 1.0, 1.0]);
        let column = Literal::from_vec(&[2, 1], vec![1f64, 0.]).expect("two");
        assert_eq!(weights(&data(column), &of("1 9"), None), [9.0, 1.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in ["1", "a x", "0 1\n0 2", "0 -1", "0 nan", "0 inf", "{", r#"{"a": "b"}"#, "{}x"]
        {
            assert!(ClassWeights::parse(text).is_err(), "{text}");
        }
        let none = DataSet::new(
            "test",
            labelled(&[0]).with_array("x", Literal::filled(&[1], Scalar::F32(0.))).arrays()[1..]
                .to_vec(),
        );
        let half = data(Literal::from_vec(&[2], vec![0f32, 0.5]).expect("two"));
        let cubes = data(Literal::filled(&[2, 2, 2], Scalar::I32(0)));
        let twice = labelled(&[0]).with_array(WEIGHT, Literal::filled(&[1], Scalar::F32(0.)));
        for data in [none.expect("a data set"), half, cubes, twice] {
            let error = ClassWeights::Balanced.weigh(&data, None).expect_err("no classes");
            assert_eq!(error.code(), "E0626", "{error}");
        }
        let names: Vec<String> = ["a", "b"].map(String::from).into();
        let named = labelled(&[0, 1]).with_classes(LABEL, names);
        for text in ["2 1", "c 1", "a 1\n0 2"] {
            let given = ClassWeights::parse(text).expect("weights");
            assert_eq!(given.weigh(&named, None).expect_err(text).code(), "E0626", "{text}");
        }
    }
}
