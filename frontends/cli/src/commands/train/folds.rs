//! Cross-validation: the rows in parts, each of which is held back by one training.

use brolga::Literal;
use brolga::compiler::ir::Name;
use brolga::runtime::data::DataSet;
use brolga::runtime::train::{FitOptions, Validation, metrics_json};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::session_options;
use crate::arguments::Train;
use crate::failure::Failure;
use crate::model::{ReadFile, session};
use crate::output::outln;
use crate::progress::metrics_text;
use crate::watch::{Kept, train};
use crate::weights::{Purpose, load_weights};

/// Trains once for each part, from the same initial values; says how good each is on its own part,
/// and the mean and the spread.
pub(super) fn run(
    arguments: &Train,
    program: &ReadFile,
    data: &DataSet,
    options: &FitOptions,
    folds: u32,
) -> Result<(), Failure> {
    if folds as usize > data.n_rows() {
        return Err(Failure::Usage(format!(
            "error: `--folds {folds}`: there are {} rows to hold back\n",
            data.n_rows()
        )));
    }
    let mut found: Vec<IndexMap<Name, Literal>> = vec![];
    for fold in 0..folds {
        let validation = Validation::Fold { fold, of: folds };
        let options = FitOptions { validation, ..options.clone() };
        let mut session = session(program, session_options(arguments)?)?;
        load_weights(&mut session, program, &arguments.weights, Purpose::Training)?;
        eprintln!("fold {} of {folds}", fold + 1);
        let reports = train(&mut session, program, data, &options, &mut Kept::default())?;
        // With early stopping the variables are those of the best epoch.
        let is_kept = |epoch: i64| epoch + 1 == session.clock().epoch;
        let Some(report) = reports.iter().find(|report| is_kept(report.epoch)) else {
            eprintln!("ended in fold {}", fold + 1);
            break;
        };
        found.push(report.monitored().clone());
        if reports.len() < options.epochs as usize && options.early_stop.is_none() {
            break;
        }
    }
    report(&found, arguments.model.machine.json);
    Ok(())
}

fn report(found: &[IndexMap<Name, Literal>], as_json: bool) {
    let names = found.first().into_iter().flat_map(|metrics| metrics.keys());
    let spreads: Vec<(&Name, f64, f64)> = names
        .filter_map(|name| {
            let values: Option<Vec<f64>> = found.iter().map(|m| number(&m[name])).collect();
            let (mean, deviation) = spread(&values?);
            Some((name, mean, deviation))
        })
        .collect();
    if as_json {
        let each: Vec<Value> = found.iter().map(|m| Value::Object(metrics_json(m))).collect();
        let of = |which: fn(&(&Name, f64, f64)) -> f64| {
            let values = spreads.iter().map(|s| (s.0.to_string(), json!(which(s))));
            Value::Object(values.collect())
        };
        outln!("{}", json!({"folds": each, "mean": of(|s| s.1), "deviation": of(|s| s.2)}));
        return;
    }
    for (fold, metrics) in found.iter().enumerate() {
        outln!("fold {}: {}", fold + 1, metrics_text(metrics));
    }
    for (name, mean, deviation) in spreads {
        outln!("{name}: {mean:.4} ± {deviation:.4}");
    }
}

fn number(value: &Literal) -> Option<f64> {
    let is_scalar = value.sizes().is_empty();
    is_scalar.then(|| value.scalars().next().map(|x| x.to_f64())).flatten()
}

/// The mean and the standard deviation of a sample.
fn spread(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}
