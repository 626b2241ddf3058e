//! What a training shows while it runs: a bar on a terminal, and a line an epoch.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use brolga::compiler::ir::{Literal, Name, Scalar};
use brolga::runtime::RunError;
use brolga::runtime::session::{Prepared, Session};
use brolga::runtime::train::{self, BatchReport, Callbacks, EpochReport};
use indexmap::IndexMap;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar is drawn anew at most so often.
const REDRAW: Duration = Duration::from_millis(100);

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Columns of the bar itself: less would show nothing, more no more.
const BAR: std::ops::RangeInclusive<usize> = 5..=30;

/// The callbacks that show a training.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// The epochs that the clock will have.
    epochs: i64,
    /// When the first batch was done, and how many have been since: it alone waits for code.
    first: Option<Instant>,
    since: u64,
    drawn: Option<Instant>,
    /// Milliseconds and batches of the epoch.
    ms: f64,
    batches: usize,
}

impl Progress {
    /// Shows a training until the clock has so many epochs.
    pub(crate) fn new(epochs: i64) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Progress { bar, epochs, first: None, since: 0, drawn: None, ms: 0.0, batches: 0 }
    }

    /// The bar, for what else is written to the terminal.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Takes the bar from the terminal.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn draw(&mut self, report: &BatchReport<'_>) -> Result<(), RunError> {
        let is_last = report.batch + 1 == report.n_batches;
        let is_recent = self.drawn.is_some_and(|at| at.elapsed() < REDRAW);
        if self.bar.is_hidden() || (is_recent && !is_last) {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        let metrics =
            format!("{}{}", metrics_text(&report.averages.values()?), rates_text(report.rates));
        let per_step = self.ms / self.batches.max(1) as f64;
        let count = report.batch + 1;
        let line = Line {
            left: format!("epoch {}/{}", report.epoch + 1, self.epochs),
            right: format!(
                "{count:width$}/{} eta {:#}, {per_step:.2} ms a step, {metrics}",
                report.n_batches,
                HumanDuration(self.remaining(report)),
                width = report.n_batches.to_string().len(),
            ),
        };
        let columns = terminal_size::terminal_size_of(std::io::stderr());
        let columns = columns.map_or(COLUMNS, |(width, _)| usize::from(width.0));
        if let Ok(style) = ProgressStyle::with_template(&line.template(columns)) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        // One draw with all that has changed.
        self.bar.update(|state| {
            state.set_len(report.n_batches as u64);
            state.set_pos(count as u64);
        });
        Ok(())
    }

    /// How long the rest of the training takes if it goes on as it went.
    fn remaining(&self, report: &BatchReport<'_>) -> Duration {
        let epochs = u64::try_from(self.epochs - report.epoch).unwrap_or(0);
        let batches = epochs.saturating_mul(report.n_batches as u64);
        let left = batches.saturating_sub(report.batch as u64 + 1);
        let per_batch = match self.first {
            Some(first) if self.since > 0 => first.elapsed().as_secs_f64() / self.since as f64,
            Some(_) | None => report.ms / 1e3,
        };
        Duration::try_from_secs_f64(per_batch * left as f64).unwrap_or(Duration::MAX)
    }
}

/// A line of a terminal: a bar between two texts.
struct Line {
    left: String,
    right: String,
}

impl Line {
    /// The template of a line that is no wider than `columns`: the bar gives way first, then the
    /// end of the line.
    fn template(&self, columns: usize) -> String {
        // A full last column makes some terminals begin another line.
        let room = columns.saturating_sub(1);
        let texts = self.left.chars().count() + self.right.chars().count() + 1;
        let bar = room.saturating_sub(texts + 1).min(*BAR.end());
        if bar >= *BAR.start() {
            return format!("{} {{bar:{bar}}} {}", literal(&self.left), literal(&self.right));
        }
        let whole = format!("{} {}", self.left, self.right);
        literal(&whole.chars().take(room).collect::<String>())
    }
}

/// A text as it stands in a template.
fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

impl Callbacks for Progress {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        _: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        self.ms += report.ms;
        self.batches += 1;
        match self.first {
            Some(_) => self.since += 1,
            None => self.first = Some(Instant::now()),
        }
        self.draw(report)?;
        Ok(ControlFlow::Continue(()))
    }

    fn epoch(
        &mut self,
        report: &EpochReport,
        _: &Session,
        _: &train::Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        let per_step = self.ms / self.batches.max(1) as f64;
        let validation = report.validation.as_ref().map(metrics_text);
        let validation = validation.map_or(String::new(), |v| format!("; validation {v}"));
        let line = format!(
            "epoch {}/{}: {}{}{validation}; {:.2} s, {per_step:.3} ms a step",
            report.epoch + 1,
            self.epochs,
            metrics_text(&report.train),
            rates_text(&report.rates),
            report.ms / 1e3,
        );
        self.bar.suspend(|| eprintln!("{line}"));
        (self.ms, self.batches, self.drawn) = (0.0, 0, None);
        Ok(ControlFlow::Continue(()))
    }
}

/// `loss 0.2514, accuracy 0.9312`: the metrics that are numbers. What is more, such as a confusion
/// matrix, is for `eval`, logs and reports.
pub(crate) fn metrics_text(metrics: &IndexMap<Name, Literal>) -> String {
    let numbers = metrics.iter().filter(|(_, value)| value.sizes().is_empty());
    let text = |(name, value): (&Name, &Literal)| {
        value.scalars().next().map(|x| format!("{name} {:.4}", x.to_f64()))
    };
    numbers.filter_map(text).collect::<Vec<String>>().join(", ")
}

/// `, lr 0.00075`, with at most four digits.
fn rates_text(rates: &[(Name, Scalar)]) -> String {
    let text = |(name, rate): &(Name, Scalar)| {
        let rounded = format!("{:.3e}", rate.to_f64());
        match rounded.parse::<f64>() {
            Ok(x) if x == 0.0 || (1e-4..1e4).contains(&x.abs()) => format!(", {name} {x}"),
            Ok(x) => format!(", {name} {x:e}"),
            Err(_) => format!(", {name} {rounded}"),
        }
    };
    rates.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_four_digits() {
        let text = |rate: Scalar| rates_text(&[("lr".into(), rate)]);
        assert_eq!(text(Scalar::F32(0.001)), ", lr 0.001");
        assert_eq!(text(Scalar::F32(0.000_123_456)), ", lr 0.0001235");
        assert_eq!(text(Scalar::F64(2.5e-7)), ", lr 2.5e-7");
        assert_eq!(text(Scalar::F64(0.0)), ", lr 0");
        assert_eq!(text(Scalar::F64(f64::NAN)), ", lr NaN");
    }

    fn line(columns: usize) -> String {
        let line = Line { left: "epoch 1/2".to_string(), right: "3/625 eta 4s, {}".to_string() };
        line.template(columns)
    }

    #[test]
    fn a_line_fits_its_terminal() {
        assert_eq!(line(100), "epoch 1/2 {bar:30} 3/625 eta 4s, {{}}");
        assert_eq!(line(40), "epoch 1/2 {bar:12} 3/625 eta 4s, {{}}");
        assert_eq!(line(32), "epoch 1/2 3/625 eta 4s, {{}}");
        assert_eq!(line(20), "epoch 1/2 3/625 eta");
        assert_eq!(line(0), "");
    }
}
