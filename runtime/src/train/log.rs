//! The log of a training as lines of JSON: one a batch, one an epoch.

use std::io::Write;
use std::ops::ControlFlow;

use brolga_compiler::ir::{Literal, Name, Scalar};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::fit::{BatchReport, Callbacks, EpochReport};
use super::progress::Progress;
use crate::RunError;
use crate::session::{Clock, Prepared, Session};

/// Writes `{"step": 0, "epoch": 0, "loss": .., "ms": .., "lr": .., metrics ..}` for each batch and
/// `{"epoch_end": 0, "lr": .., "train": {..}, "validation": {..}}` for each epoch, at once. Metrics
/// that are tensors are in the lines of epochs alone; learning rates are those of
/// [`BatchReport::rates`].
pub struct Log<W: Write> {
    to: W,
}

impl<W: Write> Log<W> {
    /// A log that is written to `to`.
    pub fn new(to: W) -> Log<W> {
        Log { to }
    }

    fn line(&mut self, line: &Value) -> Result<ControlFlow<()>, RunError> {
        let written = writeln!(self.to, "{line}").and_then(|()| self.to.flush());
        written.map_err(|error| RunError::Log(error.to_string()))?;
        Ok(ControlFlow::Continue(()))
    }
}

impl<W: Write> Callbacks for Log<W> {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        results: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        let mut metrics = results.batch_metrics()?;
        metrics.retain(|_, value| value.sizes().is_empty());
        let mut metrics = metrics_json(&metrics);
        let mut line = Map::new();
        line.insert("step".to_string(), json!(report.step));
        line.insert("epoch".to_string(), json!(report.epoch));
        if let Some(loss) = metrics.remove("loss") {
            line.insert("loss".to_string(), loss);
        }
        line.insert("ms".to_string(), json!(report.ms));
        line.extend(rates_json(report.rates));
        line.extend(metrics);
        self.line(&Value::Object(line))
    }

    fn epoch(
        &mut self,
        report: &EpochReport,
        _: &Session,
        _: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        let mut line = Map::new();
        line.insert("epoch_end".to_string(), json!(report.epoch));
        line.extend(rates_json(&report.rates));
        line.insert("train".to_string(), Value::Object(metrics_json(&report.train)));
        if let Some(validation) = &report.validation {
            line.insert("validation".to_string(), Value::Object(metrics_json(validation)));
        }
        self.line(&Value::Object(line))
    }
}

/// The lines of a log that a training at this clock has written; what follows a line that is cut
/// off or of a later moment is left out, as the training will write it again.
pub fn lines_before(text: &str, clock: Clock) -> String {
    let is_before = |line: &str| {
        let number = |line: &Value, key: &str| line.get(key).and_then(Value::as_i64);
        serde_json::from_str::<Value>(line).is_ok_and(|line| {
            let step = number(&line, "step").map(|step| step < clock.step);
            step.or(number(&line, "epoch_end").map(|epoch| epoch < clock.epoch)) == Some(true)
        })
    };
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.take_while(|line| is_before(line)).collect()
}

/// Metrics by name as JSON: numbers, nested lists for tensors, null for what JSON has no number.
pub fn metrics_json(metrics: &IndexMap<Name, Literal>) -> Map<String, Value> {
    metrics.iter().map(|(name, value)| (name.to_string(), literal_json(value))).collect()
}

/// Learning rates by name as JSON.
pub fn rates_json(rates: &[(Name, Scalar)]) -> Map<String, Value> {
    rates.iter().map(|(name, rate)| (name.to_string(), scalar_json(*rate))).collect()
}

/// A tensor as JSON: nested lists of numbers, null for what JSON has no number.
pub fn literal_json(literal: &Literal) -> Value {
    fn nested(sizes: &[usize], elements: &mut dyn Iterator<Item = Scalar>) -> Value {
        match sizes.split_first() {
            None => elements.next().map_or(Value::Null, scalar_json),
            Some((&n, inner)) => (0..n).map(|_| nested(inner, elements)).collect(),
        }
    }
    nested(literal.sizes(), &mut literal.scalars())
}

fn scalar_json(scalar: Scalar) -> Value {
    match scalar {
        // As f64 it would have more digits than it has information.
        Scalar::F32(x) if x.is_finite() => {
            x.to_string().parse::<f64>().map_or(Value::Null, Value::from)
        }
        Scalar::F32(_) => Value::Null,
        Scalar::F64(x) => Value::from(x),
        Scalar::I32(x) => Value::from(x),
        Scalar::I64(x) => Value::from(x),
        Scalar::U8(x) => Value::from(x),
        Scalar::Bool(x) => Value::from(x),
    }
}
