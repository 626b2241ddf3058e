//! What a training shows while it runs: a bar on a terminal, and a line an epoch.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use brolga::compiler::ir::{Literal, Name};
use brolga::runtime::RunError;
use brolga::runtime::session::{Prepared, Session};
use brolga::runtime::train::{BatchReport, Callbacks, EpochReport, Log};
use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt;

/// The bar is drawn anew at most so often.
const REDRAW: Duration = Duration::from_millis(100);

/// The callbacks of `train`: the log, the bar, the interrupt.
pub(crate) struct Progress<W: Write> {
    log: Option<Log<W>>,
    bar: ProgressBar,
    epochs: i64,
    drawn: Option<Instant>,
    /// Milliseconds and batches of the epoch.
    ms: f64,
    batches: usize,
}

impl<W: Write> Progress<W> {
    /// Shows a training until `epochs`; batches and epochs are written to `log`.
    pub(crate) fn new(epochs: i64, log: Option<Log<W>>) -> Progress<W> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg} eta {eta}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress { log, bar, epochs, drawn: None, ms: 0.0, batches: 0 }
    }

    fn draw(&mut self, report: &BatchReport<'_>) -> Result<(), RunError> {
        let last = report.batch + 1 == report.n_batches;
        if self.bar.is_hidden() || (!last && self.drawn.is_some_and(|at| at.elapsed() < REDRAW)) {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        self.bar.set_length(report.n_batches as u64);
        self.bar.set_prefix(format!("epoch {}/{}", report.epoch + 1, self.epochs));
        let metrics = metrics_text(&report.averages.values()?);
        let per_step = self.ms / self.batches.max(1) as f64;
        self.bar.set_message(format!("{metrics}, {per_step:.2} ms a step"));
        self.bar.set_position(report.batch as u64 + 1);
        Ok(())
    }
}

impl<W: Write> Callbacks for Progress<W> {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        results: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        self.ms += report.ms;
        self.batches += 1;
        if let Some(log) = &mut self.log {
            let _: ControlFlow<()> = log.batch(report, results)?;
        }
        self.draw(report)?;
        Ok(if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn epoch(
        &mut self,
        report: &EpochReport,
        session: &Session,
    ) -> Result<ControlFlow<()>, RunError> {
        if let Some(log) = &mut self.log {
            let _: ControlFlow<()> = log.epoch(report, session)?;
        }
        let per_step = self.ms / self.batches.max(1) as f64;
        let validation = report.validation.as_ref().map(metrics_text);
        let validation = validation.map_or(String::new(), |v| format!("; validation {v}"));
        let line = format!(
            "epoch {}/{}: {}{validation}; {:.2} s, {per_step:.3} ms a step",
            report.epoch + 1,
            self.epochs,
            metrics_text(&report.train),
            report.ms / 1e3,
        );
        self.bar.finish_and_clear();
        self.bar.reset();
        eprintln!("{line}");
        (self.ms, self.batches, self.drawn) = (0.0, 0, None);
        Ok(ControlFlow::Continue(()))
    }
}

/// `loss 0.2514, accuracy 0.9312`; a tensor by its type.
pub(crate) fn metrics_text(metrics: &IndexMap<Name, Literal>) -> String {
    let text = |(name, value): (&Name, &Literal)| match value.scalars().next() {
        Some(x) if value.sizes().is_empty() => format!("{name} {:.4}", x.to_f64()),
        Some(_) | None => format!("{name} {}", value.tensor_type()),
    };
    metrics.iter().map(text).collect::<Vec<String>>().join(", ")
}
