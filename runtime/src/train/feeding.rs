//! How a data set feeds an entry.

use std::num::NonZeroUsize;

use brolga_compiler::entry::{Entry, check_rows};
use brolga_compiler::ir::{Binding, Dim};

use super::filler::{Filler, Place};
use super::loader::Loader;
use crate::RunError;
use crate::data::{
    Augment, Augmenter, BatchDimension, BatchOptions, Batches, DataError, DataSet, FeedPlan,
    Standardiser, Tail, feed_plan,
};
use crate::session::{Prepared, Session};

/// Rows of a batch, and numbers for the other dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchSize {
    /// Rows of a batch, where neither the file nor `given` says how many.
    pub rows: NonZeroUsize,
    /// Dimensions that are known beforehand.
    pub given: Binding,
}

impl BatchDimension {
    /// The rows of a batch: what the file fixes, else what is given for the dimension, else what
    /// is asked for.
    pub fn rows(&self, size: &BatchSize) -> NonZeroUsize {
        let said = match self {
            BatchDimension::Number(n) => Some(*n),
            BatchDimension::Symbol(symbol) => {
                size.given.get(symbol).and_then(|n| usize::try_from(n).ok())
            }
            BatchDimension::None => None,
        };
        said.and_then(NonZeroUsize::new).unwrap_or(size.rows)
    }
}

impl Default for BatchSize {
    /// 32 rows, nothing else.
    fn default() -> BatchSize {
        BatchSize {
            rows: const { NonZeroUsize::new(32).expect("not 0") },
            given: Binding::default(),
        }
    }
}

/// How a data set feeds an entry, batch by batch.
pub(super) struct Feeding {
    entry: Entry,
    plan: FeedPlan,
    options: BatchOptions,
    filler: Filler,
    /// The thread that fills batches ahead, once there was one to load.
    loader: Option<Loader>,
    /// The bindings of whole batches and of the last one, by rows.
    bindings: Vec<(usize, Binding)>,
}

impl Feeding {
    pub(super) fn new(
        session: &mut Session,
        entry: Entry,
        data: &DataSet,
        size: &BatchSize,
        shuffle: Option<u64>,
    ) -> Result<Feeding, RunError> {
        let graph = session.entry(&entry)?;
        check_rows(&graph.graph, &graph.graph.inputs)?;
        let inputs = session.data_inputs(&entry, &size.given, true)?;
        let plan = feed_plan(&inputs, data, &size.given)?;
        let batch_size = plan.batch.rows(size);
        let tail = match plan.batch {
            BatchDimension::Number(_) => Tail::Drop,
            BatchDimension::Symbol(_) | BatchDimension::None => Tail::Keep,
        };
        let options = BatchOptions { batch_size, tail, shuffle };
        let mut filler = Filler::new(Batches::new(data, &plan, options));
        if let Some(standards) = data.standards()? {
            filler.standardiser = Some(Standardiser::new(standards, &plan, data)?);
        }
        let (loader, bindings) = (None, vec![]);
        let feeding = Feeding { entry, plan, options, filler, loader, bindings };
        feeding.check_rows(data.n_rows(), false)?;
        Ok(feeding)
    }

    /// Whether the entry reads an input of that name.
    pub(super) fn reads(&self, input: &str) -> bool {
        self.plan.feeds.iter().any(|feed| feed.input == input)
    }

    /// Goes through these rows alone.
    pub(super) fn select(&mut self, data: &DataSet, rows: Vec<u32>) -> Result<(), RunError> {
        let n_rows = rows.len();
        self.filler.batches = Batches::of_rows(data, &self.plan, self.options, rows);
        self.check_rows(n_rows, false)
    }

    /// Changes the pictures of every batch.
    pub(super) fn augment(&mut self, augment: &Augment, seed: u64) -> Result<(), DataError> {
        self.filler.augmenter = Some(Augmenter::new(augment, seed, &self.plan)?);
        Ok(())
    }

    /// The batches of the epoch.
    pub(super) fn batches(&self) -> &Batches {
        &self.filler.batches
    }

    /// Takes the order of another epoch.
    pub(super) fn set_epoch(&mut self, epoch: u64) {
        self.filler.batches.set_epoch(epoch);
    }

    /// Checks that so many rows make a batch, and if `all` matter, that none is left over.
    pub(super) fn check_rows(&self, rows: usize, all: bool) -> Result<(), RunError> {
        let batch = self.options.batch_size.get();
        let left_out = rows - self.filler.batches.n_rows();
        if self.filler.batches.n_batches() == 0 || (all && left_out > 0) {
            return Err(RunError::FixedBatch { rows, batch });
        }
        Ok(())
    }

    /// The program for a batch. Errors also if a file in which its rows lie was cut.
    pub(super) fn prepare<'s>(
        &mut self,
        session: &'s mut Session,
        batch: usize,
    ) -> Result<Prepared<'s>, RunError> {
        self.filler.batches.check_files()?;
        let rows = self.filler.batches.rows(batch).len();
        let known = self.bindings.iter().position(|(n, _)| *n == rows);
        let at = known.unwrap_or_else(|| {
            let mut binding = self.plan.binding.clone();
            if let BatchDimension::Symbol(symbol) = &self.plan.batch {
                binding.bind(&symbol.0, rows as u64);
            }
            self.bindings.push((rows, binding));
            self.bindings.len() - 1
        });
        session.prepare(&self.entry, &self.bindings[at].1)
    }

    /// Writes a batch into the program's feeds.
    pub(super) fn fill(&mut self, prepared: &mut Prepared<'_>, batch: usize) {
        for feed in prepared.feeds_mut() {
            let feeds = self.filler.batches.feeds();
            if let Some(number) = feeds.iter().position(|f| *f.input == **feed.name) {
                self.filler.fill(batch, number, feed.bytes);
            }
        }
    }

    /// Gives the program's feeds a batch of the epoch as [`Feeding::fill`] writes it, but one that a
    /// thread has filled ahead.
    ///
    /// # Errors
    /// If the thread cannot begin.
    fn load(&mut self, prepared: &mut Prepared<'_>, batch: usize) -> Result<(), RunError> {
        let place = Place { epoch: self.filler.batches.epoch(), batch };
        let budget = prepared.session().budget();
        let loader = match &self.loader {
            Some(loader) => loader,
            None => self.loader.insert(Loader::new(self.filler.clone(), place, budget)?),
        };
        let mut filled = loader.take(place, &mut self.filler);
        let feeds = self.filler.batches.feeds();
        for feed in prepared.feed_memories() {
            if let Some(number) = feeds.iter().position(|f| *f.input == *feed.name) {
                feed.take(&mut filled[number]);
            }
        }
        loader.give_back(filled);
        Ok(())
    }

    /// The same with a batch that was filled ahead.
    pub(super) fn run_loaded(
        &mut self,
        prepared: &mut Prepared<'_>,
        batch: usize,
        count: i64,
    ) -> Result<(), RunError> {
        self.load(prepared, batch)?;
        prepared.run(count).map_err(|error| self.located(error, batch))
    }

    /// The same, ended at the first value that is not finite.
    pub(super) fn run_checked(
        &mut self,
        prepared: &mut Prepared<'_>,
        batch: usize,
        count: i64,
    ) -> Result<(), RunError> {
        self.load(prepared, batch)?;
        let made = prepared.run_checked(count).map_err(|error| self.located(error, batch))?;
        let Some(mut made) = made else { return Ok(()) };
        made.first.row = self.row(&made.first.node, &made.first.position, batch);
        let clock = prepared.session().clock();
        Err(RunError::MadeNotFinite { clock, batch, made: Box::new(made) })
    }

    /// Feeds a batch and runs it as the number `count`; an index that is out of range is told with
    /// the row of the data that holds it.
    pub(super) fn run(
        &mut self,
        prepared: &mut Prepared<'_>,
        batch: usize,
        count: i64,
    ) -> Result<(), RunError> {
        self.fill(prepared, batch);
        prepared.run(count).map_err(|error| self.located(error, batch))
    }

    /// The error with the row of the data that an element of the batch comes from.
    fn located(&self, mut error: RunError, batch: usize) -> RunError {
        if let RunError::Eval { fed: Some(fed), .. } = &mut error {
            fed.row = self.row(&fed.input, &fed.position, batch);
        }
        error
    }

    /// The row of the data that an element of an input comes from, and what the data are called;
    /// `None` of what is no input, or fed as a whole.
    pub(super) fn row(
        &self,
        input: &str,
        position: &[usize],
        batch: usize,
    ) -> Option<(usize, String)> {
        let is_fed = self.filler.batches.feeds().iter().any(|feed| feed.input == input);
        let row = *self.filler.batches.rows(batch).get(*position.first()?)?;
        is_fed.then(|| (row as usize, self.filler.batches.data_name().to_owned()))
    }

    /// Checks that every output has the batch's rows.
    pub(super) fn check_outputs(&self, session: &mut Session) -> Result<(), RunError> {
        let rows = match &self.plan.batch {
            BatchDimension::Symbol(symbol) => Dim::symbol(&symbol.0),
            BatchDimension::Number(n) => Dim::from(*n),
            // Nothing that depends on the data has rows.
            BatchDimension::None => Dim::from(self.filler.batches.n_rows()),
        };
        let entry = session.entry(&self.entry)?;
        for (name, node) in &entry.graph.outputs {
            let tensor_type = entry.graph.tensor_type(*node);
            if tensor_type.shape.first() != Some(&rows) {
                let (name, tensor_type) = (name.clone(), tensor_type.clone());
                return Err(RunError::NoBatchDimension { name, tensor_type, batch: rows });
            }
        }
        Ok(())
    }
}
