//! Statistics of named values while a training runs.

use std::ops::ControlFlow;

use brolga::Session;
use brolga::compiler::ir::{Literal, Name};
use brolga::runtime::RunError;
use brolga::runtime::session::Prepared;
use brolga::runtime::train::{BatchReport, Callbacks, EpochReport, Progress};

use crate::output::outln;

/// Prints what values are after the first batch and after the last of each epoch.
pub(crate) struct Traced {
    names: Vec<Name>,
    /// Whether nothing was printed yet.
    is_first: bool,
}

impl Traced {
    /// Of these names, if there are any.
    pub(crate) fn new(names: &[String]) -> Option<Traced> {
        let names: Vec<Name> = names.iter().map(|name| name.as_str().into()).collect();
        (!names.is_empty()).then_some(Traced { names, is_first: true })
    }
}

impl Callbacks for Traced {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        results: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        let is_last = report.batch + 1 == report.n_batches;
        if !std::mem::take(&mut self.is_first) && !is_last {
            return Ok(ControlFlow::Continue(()));
        }
        for name in &self.names {
            let number = results.outputs().iter().position(|output| output.name == *name);
            if let Some(number) = number {
                let value = results.value(number);
                outln!("step {}: {name}: {}", report.step, statistics(&value));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn epoch(
        &mut self,
        _: &EpochReport,
        _: &Session,
        _: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        Ok(ControlFlow::Continue(()))
    }
}

/// `f32[32, 128], mean 0.25, deviation 0.4, 0 to 2.5, 51.2 % are 0`.
fn statistics(value: &Literal) -> String {
    let of_type = value.tensor_type();
    let all: Vec<f64> = value.scalars().map(|x| x.to_f64()).collect();
    let finite: Vec<f64> = all.iter().copied().filter(|x| x.is_finite()).collect();
    let n = finite.len() as f64;
    let mut text = of_type.to_string();
    if !finite.is_empty() {
        let mean = finite.iter().sum::<f64>() / n;
        let deviation = (finite.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let zeros = finite.iter().filter(|x| **x == 0.0).count() as f64;
        text += &format!(
            ", mean {}, deviation {}, {} to {}, {:.1} % are 0",
            number(mean),
            number(deviation),
            number(low),
            number(high),
            100.0 * zeros / all.len() as f64
        );
    }
    let nan = all.iter().filter(|x| x.is_nan()).count();
    let infinite = all.iter().filter(|x| x.is_infinite()).count();
    for (count, what) in [(nan, "NaN"), (infinite, "infinite")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}

fn number(x: f64) -> String {
    match x.abs() {
        0.0 | 1e-3..1e6 => format!("{}", (x * 1e4).round() / 1e4),
        _ => format!("{x:.3e}"),
    }
}
