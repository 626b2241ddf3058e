//! What a classifier takes for what: the matrix of confusion, and the examples that it is most
//! wrong about.

use brolga::compiler::ir::{Name, TensorType};
use brolga::runtime::RunError;
use brolga::runtime::data::{Array, feed_plan};
use brolga::runtime::train::{BatchSize, predict};
use brolga::{DType, DataSet, Entry, Session};

/// Examples that are shown.
const EXAMPLES: usize = 24;

/// A classifier's answers for some rows of a data set.
pub(super) struct Classified {
    /// The output that was read.
    pub(super) output: Name,
    /// What each class is called.
    pub(super) names: Vec<String>,
    /// How often class i (row) was taken for class j (column).
    pub(super) counts: Vec<Vec<usize>>,
    /// The mistakes, the worst first.
    pub(super) mistakes: Vec<Mistake>,
}

/// A row that was taken for another class than its own.
pub(super) struct Mistake {
    pub(super) row: usize,
    pub(super) label: usize,
    pub(super) found: usize,
    /// How much the wrong class scores, and how much the right one.
    pub(super) scores: (f64, f64),
}

/// The rows that are looked at.
pub(super) struct Looked<'a> {
    pub(super) data: &'a DataSet,
    /// Some rows in order; `None` for all.
    pub(super) rows: Option<&'a [u32]>,
    pub(super) size: &'a BatchSize,
}

/// What a session's variables make of rows; `None` where the data hold no labels, or no output is
/// a score for each class.
pub(super) fn classified(
    session: &mut Session,
    looked: &Looked<'_>,
) -> Result<Option<Classified>, RunError> {
    let Some((array, labels)) = labels(session, looked)? else { return Ok(None) };
    let n = labels.iter().max().map_or(0, |largest| largest + 1);
    let Some((output, form)) = scored(session, n) else { return Ok(None) };
    let outputs = predict(session, looked.data, std::slice::from_ref(&output), looked.size)?;
    let Some(scores) = outputs.get(&output) else { return Ok(None) };
    let mut scores: Vec<f64> = scores.scalars().map(|x| x.to_f64()).collect();
    let n = match form {
        Scores::Each(n) => n,
        Scores::Second if scores.iter().all(|x| (0.0..=1.0).contains(x) || x.is_nan()) => {
            scores = scores.iter().flat_map(|&x| [1.0 - x, x]).collect();
            2
        }
        // Whatever it is, it is no probability.
        Scores::Second => return Ok(None),
    };
    let all: Vec<u32>;
    let rows = match looked.rows {
        Some(rows) => rows,
        None => {
            all = (0..looked.data.n_rows() as u32).collect();
            &all
        }
    };
    let mut counts = vec![vec![0; n]; n];
    let mut mistakes = vec![];
    for row in rows.iter().map(|&row| row as usize) {
        let of_row = &scores[row * n..(row + 1) * n];
        let (label, found) = (labels[row], largest(of_row));
        counts[label][found] += 1;
        if label != found {
            let scores = (of_row[found], of_row[label]);
            mistakes.push(Mistake { row, label, found, scores });
        }
    }
    mistakes.sort_by(|a, b| b.margin().total_cmp(&a.margin()).then(a.row.cmp(&b.row)));
    mistakes.truncate(EXAMPLES);
    let known = looked.data.classes(&array);
    let name = |class: usize| known.get(class).cloned().unwrap_or_else(|| class.to_string());
    let names = (0..n).map(name).collect();
    Ok(Some(Classified { output, names, counts, mistakes }))
}

impl Mistake {
    fn margin(&self) -> f64 {
        self.scores.0 - self.scores.1
    }
}

/// The first of the largest scores; NaN is below all.
fn largest(scores: &[f64]) -> usize {
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] || (scores[best].is_nan() && !score.is_nan()) {
            best = class;
        }
    }
    best
}

/// The array of whole numbers, one a row, that feeds an input, with its numbers; `None` where there
/// is none or one is negative.
fn labels(
    session: &mut Session,
    looked: &Looked<'_>,
) -> Result<Option<(String, Vec<usize>)>, RunError> {
    let inputs = session.data_inputs(&Entry::Eval, &looked.size.given, true)?;
    let plan = feed_plan(&inputs, looked.data, &looked.size.given)?;
    let arrays = plan.feeds.iter().map(|feed| &looked.data.arrays()[feed.array]);
    let is_label =
        |(_, array): &&(String, Array)| array.sizes().len() == 1 && array.dtype().is_int();
    let Some((name, array)) = arrays.into_iter().find(is_label) else { return Ok(None) };
    let numbers = array.whole();
    let numbers = numbers.scalars().map(|x| x.to_f64());
    let classes: Option<Vec<usize>> =
        numbers.map(|x| if x >= 0.0 { Some(x as usize) } else { None }).collect();
    Ok(classes.map(|classes| (name.clone(), classes)))
}

/// How an output scores classes.
#[derive(Clone, Copy)]
enum Scores {
    /// A number for each of so many classes.
    Each(usize),
    /// A number for the second of two classes, if it is from 0 to 1.
    Second,
}

/// The first output that has a score for each of at least so many classes, else of two classes
/// the first that has one number a row.
fn scored(session: &Session, n: usize) -> Option<(Name, Scores)> {
    let graph = &session.module().infer;
    let form = |of_output: &TensorType| {
        let is_float = of_output.dtype.is_float();
        match &of_output.shape[..] {
            [_] if is_float || of_output.dtype == DType::Bool => Some(Scores::Second),
            [_, one] if is_float && one.is_one() => Some(Scores::Second),
            [_, classes] if is_float => {
                let classes = classes.as_number().and_then(|n| usize::try_from(n).ok());
                classes.map(Scores::Each)
            }
            _ => None,
        }
    };
    let all = || {
        let outputs = graph.outputs.iter();
        outputs.filter_map(|(name, node)| {
            form(graph.tensor_type(*node)).map(|form| (name.clone(), form))
        })
    };
    let of_each = |form: &Scores| matches!(form, Scores::Each(classes) if *classes >= n.max(2));
    let of_second = |form: &Scores| matches!(form, Scores::Second) && n <= 2;
    all().find(|(_, form)| of_each(form)).or_else(|| all().find(|(_, form)| of_second(form)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_score_is_found_beside_nan() {
        assert_eq!(largest(&[0.1, 0.7, 0.7]), 1);
        assert_eq!(largest(&[f64::NAN, -1.0, -2.0]), 1);
        assert_eq!(largest(&[f64::NAN, f64::NAN]), 0);
    }
}
