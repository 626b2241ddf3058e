//! Epochs over a data set: training, evaluation, prediction.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::Instant;

use brolga_compiler::entry::{Entry, check_rows};
use brolga_compiler::ir::{Binding, Dim, Literal, Name};
use brolga_compiler::program::OutputKind;
use indexmap::IndexMap;

use super::metrics::{Averages, Sum};
use crate::RunError;
use crate::data::{
    BatchDimension, BatchOptions, Batches, DataSet, FeedPlan, Tail, feed_plan, split_rows,
};
use crate::session::{Clock, Prepared, Session};

/// How to train.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// Train until the clock has so many epochs; one that was begun is ended.
    pub epochs: i64,
    /// How rows become batches.
    pub batches: BatchSize,
    /// Whether each epoch has an order of its own, from the session's seed.
    pub shuffle: bool,
    /// What is evaluated after each epoch.
    pub validation: Validation,
    /// Where in its epoch a training that is resumed stands.
    pub resume: Option<Progress>,
}

impl FitOptions {
    /// So many epochs of shuffled batches of 32 rows, without validation.
    pub fn new(epochs: i64) -> FitOptions {
        FitOptions {
            epochs,
            batches: BatchSize::default(),
            shuffle: true,
            validation: Validation::None,
            resume: None,
        }
    }
}

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

/// What is evaluated after each epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Validation {
    /// Nothing.
    None,
    /// Another data set.
    Data(DataSet),
    /// This fraction of the rows, which are then not trained on.
    Fraction(f64),
}

/// How far into an epoch a training is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Batches of the epoch that were trained.
    pub batches: usize,
    /// Their rows.
    pub rows: f64,
    /// The sums of the metrics, in the order of [`Averages::sums`].
    pub sums: Vec<Sum>,
}

/// A batch that was trained.
pub struct BatchReport<'a> {
    /// The number of the batch among all, from 0.
    pub step: i64,
    /// The number of the epoch, from 0.
    pub epoch: i64,
    /// The number of the batch in its epoch, from 0.
    pub batch: usize,
    /// Batches of an epoch.
    pub n_batches: usize,
    /// Rows of the batch.
    pub rows: usize,
    /// How long feeding and running took, in milliseconds.
    pub ms: f64,
    /// What the epoch's batches up to this one have reported.
    pub averages: &'a Averages,
}

/// An epoch that was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// The number of the epoch, from 0.
    pub epoch: i64,
    /// How long the epoch took, in milliseconds, without validation.
    pub ms: f64,
    /// The metrics over the epoch's batches.
    pub train: IndexMap<Name, Literal>,
    /// The metrics of the validation, if there was one.
    pub validation: Option<IndexMap<Name, Literal>>,
}

/// What is called while a training runs. Each may end it: it then stops with that batch or epoch.
pub trait Callbacks {
    /// After a batch; its results can be read, and the session's variables after
    /// [`Prepared::session`].
    ///
    /// # Errors
    /// What the callback itself meets; it ends the training.
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        results: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError>;

    /// After an epoch and its validation.
    ///
    /// # Errors
    /// As for [`Callbacks::batch`].
    fn epoch(
        &mut self,
        report: &EpochReport,
        session: &Session,
    ) -> Result<ControlFlow<()>, RunError>;
}

/// No callbacks.
impl Callbacks for () {
    fn batch(
        &mut self,
        _: &BatchReport<'_>,
        _: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        Ok(ControlFlow::Continue(()))
    }

    fn epoch(&mut self, _: &EpochReport, _: &Session) -> Result<ControlFlow<()>, RunError> {
        Ok(ControlFlow::Continue(()))
    }
}

/// Trains until the clock has the epochs that are asked for, or a callback ends it. Returns the
/// reports of the epochs that were ended.
///
/// # Errors
/// Data that do not fit the inputs or make no batch, whatever [`Session::prepare`] and [`Prepared::run`] refuse,
/// and what callbacks meet. The clock then counts the batches that were trained.
pub fn fit(
    session: &mut Session,
    data: &DataSet,
    options: &FitOptions,
    callbacks: &mut dyn Callbacks,
) -> Result<Vec<EpochReport>, RunError> {
    let seed = session.options().seed as u64;
    let shuffle = options.shuffle.then_some(seed);
    let _held = session.hold(data)?;
    let _held_too = match &options.validation {
        Validation::Data(data) => Some(session.hold(data)?),
        Validation::None | Validation::Fraction(_) => None,
    };
    let mut training = Feeding::new(session, Entry::Train, data, &options.batches, shuffle)?;
    let validation = match &options.validation {
        Validation::None => None,
        Validation::Data(data) => Some(data),
        Validation::Fraction(_) => Some(data),
    };
    let mut validation = validation
        .map(|data| Feeding::new(session, Entry::Eval, data, &options.batches, None))
        .transpose()?;
    if let (Validation::Fraction(fraction), Some(validation)) =
        (&options.validation, &mut validation)
    {
        let (kept, held_out) = split_rows(data.n_rows(), *fraction, seed)?;
        training.select(data, kept)?;
        validation.select(data, held_out)?;
    }
    let mut progress = options.resume.clone();
    let mut reports = vec![];
    while session.clock().epoch < options.epochs {
        let start = Instant::now();
        let (averages, flow) = train_epoch(session, &mut training, progress.take(), callbacks)?;
        let Some(averages) = averages else { break };
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let validation =
            validation.as_mut().map(|feeding| evaluate_all(session, feeding)).transpose()?;
        let Clock { step, epoch } = session.clock();
        session.set_clock(Clock { step, epoch: epoch + 1 });
        let report = EpochReport { epoch, ms, train: averages.values()?, validation };
        let ended = callbacks.epoch(&report, session)?;
        reports.push(report);
        if flow.is_break() || ended.is_break() {
            break;
        }
    }
    Ok(reports)
}

/// Trains the batches of an epoch; returns what they reported, unless a callback ended it before
/// the last.
fn train_epoch(
    session: &mut Session,
    feeding: &mut Feeding,
    resume: Option<Progress>,
    callbacks: &mut dyn Callbacks,
) -> Result<(Option<Averages>, ControlFlow<()>), RunError> {
    let epoch = session.clock().epoch;
    feeding.batches.set_epoch(epoch as u64);
    let n_batches = feeding.batches.n_batches();
    let resume = resume.unwrap_or_default();
    let mut averages: Option<Averages> = None;
    for batch in resume.batches..n_batches {
        let step = session.clock().step;
        let mut prepared = feeding.prepare(session, batch)?;
        let start = Instant::now();
        feeding.fill(&mut prepared, batch);
        prepared.run(step)?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        prepared.set_clock(Clock { step: step + 1, epoch });
        let averages = averages.get_or_insert_with(|| {
            let mut averages = Averages::new(prepared.metrics());
            averages.restore(resume.rows, resume.sums.iter().cloned());
            averages
        });
        let rows = feeding.batches.rows(batch).len();
        averages.add(&prepared, rows);
        let report = BatchReport { step, epoch, batch, n_batches, rows, ms, averages };
        let flow = callbacks.batch(&report, &prepared)?;
        if flow.is_break() {
            let averages = averages.clone();
            return Ok(((batch + 1 == n_batches).then_some(averages), flow));
        }
    }
    Ok((averages, ControlFlow::Continue(())))
}

/// The metrics over all rows of a data set, with `training` false; batches are numbered from 0.
/// Where the file fixes the rows of a batch, those that do not fill one are left out.
///
/// # Errors
/// Data that do not fit the inputs or make no batch, and what [`Session::prepare`] and [`Prepared::run`] refuse.
pub fn evaluate(
    session: &mut Session,
    data: &DataSet,
    size: &BatchSize,
) -> Result<IndexMap<Name, Literal>, RunError> {
    let _held = session.hold(data)?;
    let mut feeding = Feeding::new(session, Entry::Eval, data, size, None)?;
    evaluate_all(session, &mut feeding)
}

fn evaluate_all(
    session: &mut Session,
    feeding: &mut Feeding,
) -> Result<IndexMap<Name, Literal>, RunError> {
    let mut averages: Option<Averages> = None;
    for batch in 0..feeding.batches.n_batches() {
        let mut prepared = feeding.prepare(session, batch)?;
        feeding.fill(&mut prepared, batch);
        prepared.run(batch as i64)?;
        let averages = averages.get_or_insert_with(|| Averages::new(prepared.metrics()));
        averages.add(&prepared, feeding.batches.rows(batch).len());
    }
    averages.map_or_else(|| Ok(IndexMap::new()), |averages| averages.values())
}

/// The outputs (or the values named by `fetch`) for every row, batches joined in the data's order.
///
/// # Errors
/// As for [`evaluate`], if an output's first dimension is not the batch's, and if a row would be left
/// out.
pub fn predict(
    session: &mut Session,
    data: &DataSet,
    fetch: &[Name],
    size: &BatchSize,
) -> Result<IndexMap<Name, Literal>, RunError> {
    let _held = session.hold(data)?;
    let entry = Entry::Run { fetch: fetch.to_vec() };
    let mut feeding = Feeding::new(session, entry, data, size, None)?;
    feeding.check_outputs(session)?;
    feeding.check_rows(data.n_rows(), true)?;
    let mut joined: IndexMap<Name, Vec<u8>> = IndexMap::new();
    let mut types = IndexMap::new();
    for batch in 0..feeding.batches.n_batches() {
        let mut prepared = feeding.prepare(session, batch)?;
        feeding.fill(&mut prepared, batch);
        prepared.run(batch as i64)?;
        for (number, output) in prepared.outputs().iter().enumerate() {
            if output.kind == OutputKind::Output {
                let bytes = prepared.value(number).to_bytes();
                joined.entry(output.name.clone()).or_default().extend(bytes);
                types.entry(output.name.clone()).or_insert_with(|| output.tensor_type.clone());
            }
        }
    }
    let rows = feeding.batches.n_rows();
    let value = |(name, bytes): (Name, Vec<u8>)| {
        let mut sizes = types[&name].sizes().expect("a program has only numbers");
        sizes[0] = rows;
        let literal = Literal::from_bytes(types[&name].dtype, &sizes, &bytes);
        (name, literal.expect("each batch gave its rows"))
    };
    Ok(joined.into_iter().map(value).collect())
}

/// How a data set feeds an entry, batch by batch.
struct Feeding {
    entry: Entry,
    plan: FeedPlan,
    options: BatchOptions,
    batches: Batches,
    /// The bindings of whole batches and of the last one, by rows.
    bindings: Vec<(usize, Binding)>,
}

impl Feeding {
    fn new(
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
        let batches = Batches::new(data, &plan, options);
        let feeding = Feeding { entry, plan, options, batches, bindings: vec![] };
        feeding.check_rows(data.n_rows(), false)?;
        Ok(feeding)
    }

    /// Goes through these rows alone.
    fn select(&mut self, data: &DataSet, rows: Vec<u32>) -> Result<(), RunError> {
        let n_rows = rows.len();
        self.batches = Batches::of_rows(data, &self.plan, self.options, rows);
        self.check_rows(n_rows, false)
    }

    /// Checks that so many rows make a batch, and if `all` matter, that none is left over.
    fn check_rows(&self, rows: usize, all: bool) -> Result<(), RunError> {
        let batch = self.options.batch_size.get();
        let left_out = rows - self.batches.n_rows();
        if self.batches.n_batches() == 0 || (all && left_out > 0) {
            return Err(RunError::FixedBatch { rows, batch });
        }
        Ok(())
    }

    /// The program for a batch.
    fn prepare<'s>(
        &mut self,
        session: &'s mut Session,
        batch: usize,
    ) -> Result<Prepared<'s>, RunError> {
        let rows = self.batches.rows(batch).len();
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
    fn fill(&self, prepared: &mut Prepared<'_>, batch: usize) {
        for feed in prepared.feeds_mut() {
            let number = self.batches.feeds().iter().position(|f| *f.input == **feed.name);
            if let Some(number) = number {
                self.batches.fill(batch, number, feed.bytes);
            }
        }
    }

    /// Checks that every output has the batch's rows.
    fn check_outputs(&self, session: &mut Session) -> Result<(), RunError> {
        let rows = match &self.plan.batch {
            BatchDimension::Symbol(symbol) => Dim::symbol(&symbol.0),
            BatchDimension::Number(n) => Dim::from(*n),
            // Nothing that depends on the data has rows.
            BatchDimension::None => Dim::from(self.batches.n_rows()),
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
