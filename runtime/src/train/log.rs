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
/// `{"epoch_end": 0, "lr": .., "train": {..}, "validation": {..}}` for each epoch, at once, the keys in
/// alphabetical order. Metrics
/// that are tensors are in the lines of epochs alone; learning rates are those of
/// [`BatchReport::rates`].
pub struct Log<W: Write> {
    to: W,
}

impl<W: Write> Log<W> {
    /// A log that is written to `to`.
    ///
    /// ```
    /// use brolga::{FitOptions, Log, Session, fit};
    /// # let text = "input x: f32[n]\nparam w: f32 = 3\nminimize w * mean(x) with sgd(lr=0.01)\n";
    /// # let graph = brolga::Graph::from_text("w.graph", text)?;
    /// # let x = brolga::Literal::from_vec(&[64], vec![1f32; 64]).ok_or("64 elements")?;
    /// # let data = brolga::DataSet::new("x", vec![("x".to_string(), x)])?;
    ///
    /// # let mut session = Session::new(graph, Default::default())?;
    /// let mut lines = vec![];
    /// fit(&mut session, &data, &FitOptions::new(1), &mut Log::new(&mut lines))?;
    /// let text = String::from_utf8(lines)?;
    /// let lines: Vec<&str> = text.lines().collect();
    /// // Two batches, one epoch.
    /// assert!(lines[0].contains(r#""loss":3.0,"#) && lines[2].contains(r#""epoch_end":0,"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let mut line = Map::new();
        line.insert("step".to_string(), json!(report.step));
        line.insert("epoch".to_string(), json!(report.epoch));
        line.insert("ms".to_string(), json!(report.ms));
        line.extend(rates_json(report.rates));
        line.extend(metrics_json(&metrics));
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
///
/// ```
/// use brolga::{Clock, runtime::train::lines_before};
///
/// let text = "{\"step\": 0}\n{\"step\": 1}\n{\"epoch_end\": 0}\n{\"step\": 2}\n{\"st";
/// let kept = lines_before(text, Clock { step: 2, epoch: 0 });
/// assert_eq!(kept, "{\"step\": 0}\n{\"step\": 1}\n");
/// ```
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
///
/// ```
/// use brolga::{Literal, Metrics, Scalar, runtime::train::metrics_json};
///
/// let metrics = Metrics::from_iter([("loss".into(), Literal::scalar(Scalar::F32(0.1)))]);
/// assert_eq!(metrics_json(&metrics)["loss"].to_string(), "0.1");
/// ```
pub fn metrics_json(metrics: &IndexMap<Name, Literal>) -> Map<String, Value> {
    metrics.iter().map(|(name, value)| (name.to_string(), literal_json(value))).collect()
}

/// Learning rates by name as JSON.
///
/// ```
/// use brolga::{Scalar, runtime::train::rates_json};
///
/// assert_eq!(rates_json(&[("lr".into(), Scalar::F32(0.001))])["lr"].to_string(), "0.001");
/// ```
pub fn rates_json(rates: &[(Name, Scalar)]) -> Map<String, Value> {
    rates.iter().map(|(name, rate)| (name.to_string(), scalar_json(*rate))).collect()
}

/// A tensor as JSON: nested lists of numbers, null for what JSON has no number.
///
/// ```
/// use brolga::{Literal, runtime::train::literal_json};
///
/// let x = Literal::from_vec(&[2, 1], vec![0.5f32, f32::NAN]).ok_or("two elements")?;
/// assert_eq!(literal_json(&x).to_string(), "[[0.5],[null]]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
