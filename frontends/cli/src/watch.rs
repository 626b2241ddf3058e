//! What goes on beside a training: the log, checkpoints, the bar, and the wish to end it.

use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;

use brolga::Session;
use brolga::runtime::RunError;
use brolga::runtime::data::DataSet;
use brolga::runtime::session::Prepared;
use brolga::runtime::train::{
    BatchReport, Callbacks, Checkpoints, EpochReport, FitOptions, Log, Progress, TensorBoard, fit,
};

use crate::failure::Failure;
use crate::model::ReadFile;
use crate::page::History;
use crate::traced::Traced;
use crate::{interrupt, progress};

/// What is kept of a training.
#[derive(Default)]
pub(crate) struct Kept {
    /// A line a batch and an epoch.
    pub(crate) log: Option<Log<BufWriter<File>>>,
    /// What TensorBoard shows.
    pub(crate) tensorboard: Option<TensorBoard>,
    /// All that it needs to go on.
    pub(crate) checkpoints: Option<Checkpoints>,
    /// What a page shows.
    pub(crate) history: Option<History>,
    /// Values that are looked at.
    pub(crate) traced: Option<Traced>,
}

/// Trains with progress on standard error.
pub(crate) fn train(
    session: &mut Session,
    program: &ReadFile,
    data: &DataSet,
    options: &FitOptions,
    kept: &mut Kept,
) -> Result<Vec<EpochReport>, Failure> {
    let first = options.resume.as_ref().map_or(session.clock().epoch, |p| p.first_epoch);
    let mut watch = Watch { kept, shown: progress::Progress::new(first + options.epochs) };
    interrupt::watch(watch.shown.bar())?;
    let reports = fit(session, data, options, &mut watch);
    watch.shown.clear();
    reports.map_err(|e| Failure::run(&e, &program.sources))
}

/// The callbacks of a training.
struct Watch<'k> {
    kept: &'k mut Kept,
    shown: progress::Progress,
}

impl Watch<'_> {
    fn each(&mut self) -> impl Iterator<Item = &mut dyn Callbacks> {
        let log = self.kept.log.as_mut().map(|log| log as &mut dyn Callbacks);
        let board = self.kept.tensorboard.as_mut().map(|board| board as &mut dyn Callbacks);
        let checkpoints = self.kept.checkpoints.as_mut().map(|kept| kept as &mut dyn Callbacks);
        let history = self.kept.history.as_mut().map(|history| history as &mut dyn Callbacks);
        let traced = self.kept.traced.as_mut().map(|traced| traced as &mut dyn Callbacks);
        log.into_iter()
            .chain(board)
            .chain(history)
            .chain(traced)
            .chain(checkpoints)
            .chain([&mut self.shown as &mut dyn Callbacks])
    }
}

impl Callbacks for Watch<'_> {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        results: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        for callbacks in self.each() {
            let _: ControlFlow<()> = callbacks.batch(report, results)?;
        }
        if !interrupt::asked() {
            return Ok(ControlFlow::Continue(()));
        }
        // The epoch's own follows its last batch.
        if let Some(checkpoints) = &self.kept.checkpoints
            && report.batch + 1 < report.n_batches
        {
            checkpoints.write(results.session(), &report.progress())?;
        }
        Ok(ControlFlow::Break(()))
    }

    fn epoch(
        &mut self,
        report: &EpochReport,
        session: &Session,
        progress: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        for callbacks in self.each() {
            let _: ControlFlow<()> = callbacks.epoch(report, session, progress)?;
        }
        Ok(ControlFlow::Continue(()))
    }
}
