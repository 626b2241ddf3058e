//! Runs a step again and again: how often, and what is kept, is as with the other frameworks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::machine::{Usage, peak_mb};

/// Runs the step of a number and returns its loss, if it has one, when all is computed.
pub(crate) type Step = Box<dyn FnMut(usize) -> Result<Option<f32>>>;

/// Steps before those that are timed.
const WARM_UP: usize = 20;
/// The steps, from one, whose losses are kept.
const KEPT: [usize; 3] = [1, 10, 20];
/// Steps that are timed at least, unless they take longer than `MOST`.
const LEAST_STEPS: usize = 50;
const MOST: Duration = Duration::from_secs(30);

/// What came of running a step.
pub(crate) struct Measured {
    pub(crate) losses: BTreeMap<usize, f32>,
    /// The timed steps in milliseconds, sorted.
    steps: Vec<f64>,
    /// From what was read to the end of the first step, and from the start of the program.
    first: [Duration; 2],
    cores: [(&'static str, f64); 5],
}

/// Builds the step, warms it up, and times it for so long.
pub(crate) fn measure(
    start: Instant,
    least: Duration,
    build: impl FnOnce() -> Result<Step>,
) -> Result<Measured> {
    let read = Instant::now();
    let mut step = build()?;
    let mut losses = BTreeMap::new();
    let loss = step(0)?;
    let first = [read.elapsed(), start.elapsed()];
    losses.extend(loss.map(|loss| (1, loss)));
    for i in 1..WARM_UP {
        let loss = step(i)?;
        losses.extend(loss.filter(|_| KEPT.contains(&(i + 1))).map(|loss| (i + 1, loss)));
    }
    let (mut steps, before, begin) = (vec![], Usage::now()?, Instant::now());
    while (steps.len() < LEAST_STEPS || begin.elapsed() < least) && begin.elapsed() < MOST {
        let at = Instant::now();
        step(WARM_UP + steps.len())?;
        steps.push(at.elapsed().as_secs_f64() * 1e3);
    }
    let cores = Usage::now()?.since(&before);
    steps.sort_by(f64::total_cmp);
    Ok(Measured { losses, steps, first, cores })
}

impl Measured {
    /// The time below which so large a part of the steps lie, in milliseconds, between two steps
    /// where it falls there.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let at = (self.steps.len() - 1) as f64 * part;
        let (low, high) = (self.steps[at.floor() as usize], self.steps[at.ceil() as usize]);
        low + (high - low) * at.fract()
    }

    /// The fields that every framework's result has.
    pub(crate) fn report(&self) -> serde_json::Value {
        let mut report = serde_json::json!({
            "median_ms": rounded(self.quantile(0.5), 5),
            "p10_ms": rounded(self.quantile(0.1), 5),
            "p90_ms": rounded(self.quantile(0.9), 5),
            "timed_steps": self.steps.len(),
            "ttfs_s": rounded(self.first[0].as_secs_f64(), 4),
            "wall_ttfs_s": rounded(self.first[1].as_secs_f64(), 3),
            "peak_rss_mb": peak_mb().map(|mb| rounded(mb, 1)),
        });
        for (name, value) in self.cores {
            report[name] = rounded(value, 2).into();
        }
        for (step, loss) in &self.losses {
            report["loss_at"][step.to_string()] = rounded(f64::from(*loss), 6).into();
        }
        report
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    (value * unit).round() / unit
}
