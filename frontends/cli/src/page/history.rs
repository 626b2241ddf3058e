//! What a training's report remembers of its batches: enough for a curve, however many there are.

use std::ops::ControlFlow;

use brolga::compiler::ir::{Literal, Name, Scalar};
use brolga::runtime::RunError;
use brolga::runtime::session::{Prepared, Session};
use brolga::runtime::train::{self, BatchReport, Callbacks, EpochReport};

/// Points of a curve: more are not seen on a screen.
const MAX_POINTS: usize = 1500;

/// A batch of a curve.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    /// How many epochs the training had after the batch.
    pub(crate) epochs: f64,
    /// The mean of the losses since the moment before.
    pub(crate) loss: Option<f64>,
    /// The learning rates.
    pub(crate) rates: Vec<(Name, Scalar)>,
}

/// The batches of a training, thinned out as they become many.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) moments: Vec<Moment>,
    /// Batches that make a moment.
    stride: usize,
    /// Losses since the last moment, and their number.
    sum: f64,
    n: usize,
    /// Batches that were trained.
    pub(crate) batches: usize,
    /// Milliseconds of compiling, before the first batch of each size.
    pub(crate) compile_ms: f64,
}

impl History {
    fn add(&mut self, epochs: f64, loss: Option<f64>, rates: &[(Name, Scalar)]) {
        self.stride = self.stride.max(1);
        self.batches += 1;
        self.sum += loss.unwrap_or(f64::NAN);
        self.n += 1;
        if self.n < self.stride {
            return;
        }
        let mean = self.sum / self.n as f64;
        (self.sum, self.n) = (0.0, 0);
        self.moments.push(Moment { epochs, loss: loss.map(|_| mean), rates: rates.to_vec() });
        if self.moments.len() >= 2 * MAX_POINTS {
            let joined = self.moments.chunks_exact(2).map(|pair| Moment {
                loss: pair[0].loss.zip(pair[1].loss).map(|(a, b)| (a + b) / 2.0),
                ..pair[1].clone()
            });
            self.moments = joined.collect();
            self.stride *= 2;
        }
    }
}

/// The first number of a scalar.
pub(super) fn number(value: &Literal) -> Option<f64> {
    if value.sizes().is_empty() { value.scalars().next().map(|x| x.to_f64()) } else { None }
}

impl Callbacks for History {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        results: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        if report.batch == 0 && self.batches == 0 {
            self.compile_ms = results.timings().iter().map(|timing| timing.ms).sum();
        }
        let within = (report.batch + 1) as f64 / report.n_batches as f64;
        let loss = results.batch_metrics()?.get("loss").and_then(number);
        self.add(report.epoch as f64 + within, loss, report.rates);
        Ok(ControlFlow::Continue(()))
    }

    fn epoch(
        &mut self,
        _: &EpochReport,
        _: &Session,
        _: &train::Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_batches_are_thinned_out_to_their_means() {
        let mut history = History::default();
        for batch in 0..100_000 {
            history.add(f64::from(batch + 1) / 1e5, Some(f64::from(batch % 2)), &[]);
        }
        let n = history.moments.len();
        assert!((MAX_POINTS..2 * MAX_POINTS).contains(&n), "{n}");
        assert!(history.moments.windows(2).all(|pair| pair[0].epochs < pair[1].epochs));
        assert!(history.moments.iter().all(|moment| moment.loss == Some(0.5)));
        assert_eq!(history.batches, 100_000);
    }
}
