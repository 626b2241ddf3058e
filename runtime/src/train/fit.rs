//! Epochs over a data set: training, evaluation, prediction.

use std::ops::ControlFlow;
use std::time::Instant;

use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Literal, Name, Scalar};
use brolga_compiler::program::OutputKind;
use indexmap::IndexMap;

use super::feeding::{BatchSize, Feeding};
use super::finite::{Start, loss_is_finite};
use super::metrics::Averages;
use super::options::{FitOptions, Validation};
use super::parts::feedings;
use super::progress::Progress;
use super::rates::Rates;
use crate::RunError;
use crate::data::DataSet;
use crate::session::{Clock, Prepared, Session};

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
    /// The learning rates of the batch: `lr`, or of several steps `STEP.lr`.
    pub rates: &'a [(Name, Scalar)],
    /// How far the training was when the epoch began.
    before: &'a Progress,
}

impl BatchReport<'_> {
    /// How far the training is after the batch.
    pub fn progress(&self) -> Progress {
        let sums = self.averages.sums().map(|(_, sum)| sum.clone()).collect();
        let (batches, rows) = (self.batch + 1, self.averages.rows);
        Progress { batches, rows, sums, ..self.before.clone() }
    }
}

/// An epoch that was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// The number of the epoch, from 0.
    pub epoch: i64,
    /// How long the epoch took, in milliseconds, without validation.
    pub ms: f64,
    /// The learning rates of its last batch, as in [`BatchReport::rates`].
    pub rates: Vec<(Name, Scalar)>,
    /// The metrics over the epoch's batches.
    pub train: IndexMap<Name, Literal>,
    /// The metrics of the validation, if there was one.
    pub validation: Option<IndexMap<Name, Literal>>,
}

impl EpochReport {
    /// The metrics that say how good the model is: of the validation, if there was one.
    ///
    /// ```
    /// use brolga::{FitOptions, Session, Validation, fit};
    /// # let text = "input x: f32[n]\nparam w: f32 = 3\nminimize w * mean(x) with sgd(lr=0.01)\n";
    /// # let graph = brolga::Graph::from_text("w.graph", text)?;
    /// # let x = brolga::Literal::from_vec(&[64], vec![1f32; 64]).ok_or("64 elements")?;
    /// # let data = brolga::DataSet::new("x", vec![("x".to_string(), x)])?;
    ///
    /// # let mut session = Session::new(graph, Default::default())?;
    /// let options = FitOptions { validation: Validation::Fraction(0.5), ..FitOptions::new(1) };
    /// let epochs = fit(&mut session, &data, &options, &mut ())?;
    /// assert_eq!(Some(epochs[0].monitored()), epochs[0].validation.as_ref());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn monitored(&self) -> &IndexMap<Name, Literal> {
        self.validation.as_ref().unwrap_or(&self.train)
    }
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

    /// After an epoch and its validation, with how far the training is then.
    ///
    /// # Errors
    /// As for [`Callbacks::batch`].
    fn epoch(
        &mut self,
        report: &EpochReport,
        session: &Session,
        progress: &Progress,
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

    fn epoch(
        &mut self,
        _: &EpochReport,
        _: &Session,
        _: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        Ok(ControlFlow::Continue(()))
    }
}

/// Trains the epochs that are asked for, or until a callback or early stopping ends it; the best
/// epoch's variables and clock are taken back then, if that is asked for. Returns the reports of
/// the epochs that were ended.
///
/// ```
/// use brolga::{FitOptions, Session, SessionOptions, Validation, fit, load_data};
/// # let text = "input image: f32[batch, 28, 28]\ninput label: i32[batch]\n\
/// #     logits = dense(flatten(image), 10)\noutput probability = softmax(logits)\n\
/// #     metric accuracy = accuracy(logits, label)\n\
/// #     minimize sparse_softmax_cross_entropy(logits, label) with adam(lr=1e-3)\n";
/// # let graph = brolga::Graph::from_text("digits.graph", text)?;
///
/// // `graph` has the inputs `image` and `label`, and a metric `accuracy`.
/// let mut session = Session::new(graph, SessionOptions::default())?;
/// let validation = Validation::Fraction(0.25);
/// let options = FitOptions { validation, ..FitOptions::new(2) };
/// let epochs = fit(&mut session, &load_data("digits?rows=200")?, &options, &mut ())?;
/// assert_eq!(epochs.len(), 2);
/// assert!(epochs[1].train.contains_key("accuracy"));
/// assert_eq!(session.clock().step, 10, "150 rows are 5 batches");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Data that do not fit the inputs or make no batch, whatever [`Session::prepare`] and
/// [`Prepared::run`] refuse, and what callbacks meet. The clock then counts the batches that were
/// trained.
pub fn fit(
    session: &mut Session,
    data: &DataSet,
    options: &FitOptions,
    callbacks: &mut dyn Callbacks,
) -> Result<Vec<EpochReport>, RunError> {
    let _held = session.hold(data)?;
    let _held_too = match &options.validation {
        Validation::Data(data) => Some(session.hold(data)?),
        Validation::None | Validation::Fraction(_) | Validation::Fold { .. } => None,
    };
    let (mut training, mut validation) = feedings(session, data, options)?;
    let mut progress = match &options.resume {
        Some(progress) => progress.clone(),
        None => Progress { first_epoch: session.clock().epoch, ..Progress::default() },
    };
    let mut rates = Rates::new(session.module());
    let (mut reports, mut well) = (vec![], None);
    while session.clock().epoch < progress.first_epoch + options.epochs {
        let start = Instant::now();
        let watch = (!options.allow_nan).then_some(&mut well);
        let check = options.check_nan;
        let mut seen = Seen { rates: &mut rates, well: watch, check };
        let (averages, mut flow) =
            train_epoch(session, &mut training, &progress, &mut seen, callbacks)?;
        let Some(averages) = averages else { break };
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let validation =
            validation.as_mut().map(|feeding| evaluate_all(session, feeding)).transpose()?;
        let Clock { step, epoch } = session.clock();
        session.set_clock(Clock { step, epoch: epoch + 1 });
        let (rates, train) = (rates.values().to_vec(), averages.values()?);
        let report = EpochReport { epoch, ms, rates, train, validation };
        progress.begin_epoch();
        if let Some(rule) = &options.early_stop
            && rule.look(report.monitored(), session, &mut progress.best)?
        {
            flow = ControlFlow::Break(());
        }
        let ended = callbacks.epoch(&report, session, &progress)?;
        reports.push(report);
        if flow.is_break() || ended.is_break() {
            break;
        }
    }
    if let Some(best) = &progress.best {
        best.restore(session)?;
    }
    Ok(reports)
}

/// What is seen of a training while it runs.
struct Seen<'a> {
    rates: &'a mut Rates,
    /// A moment to begin again from where a loss is not finite, if that is to be told.
    well: Option<&'a mut Option<Start>>,
    /// Whether every kernel is looked at.
    check: bool,
}

/// Trains the batches of an epoch from where the training is; returns what they reported, unless a
/// callback ended it before the last.
fn train_epoch(
    session: &mut Session,
    feeding: &mut Feeding,
    before: &Progress,
    Seen { rates, well, check }: &mut Seen<'_>,
    callbacks: &mut dyn Callbacks,
) -> Result<(Option<Averages>, ControlFlow<()>), RunError> {
    let epoch = session.clock().epoch;
    feeding.set_epoch(epoch as u64);
    let n_batches = feeding.batches().n_batches();
    let mut averages: Option<Averages> = None;
    for batch in before.batches..n_batches {
        let step = session.clock().step;
        let mut prepared = feeding.prepare(session, batch)?;
        if let Some(start) = well {
            Start::keep(start, &prepared, batch);
        }
        let start = Instant::now();
        match check {
            true => feeding.run_checked(&mut prepared, batch, step)?,
            false => feeding.run_loaded(&mut prepared, batch, step)?,
        }
        let ms = start.elapsed().as_secs_f64() * 1e3;
        if let Some(well) = well
            && !loss_is_finite(&prepared)
            && let Some(start) = well.take()
        {
            return Err(start.explain(session, feeding, step));
        }
        prepared.set_clock(Clock { step: step + 1, epoch });
        let averages = averages.get_or_insert_with(|| {
            let mut averages = Averages::new(prepared.metrics());
            averages.restore(before.rows, before.sums.iter().cloned());
            averages
        });
        let rows = feeding.batches().rows(batch).len();
        averages.add(&prepared, rows);
        rates.read(&prepared);
        let rates = rates.values();
        let report =
            BatchReport { step, epoch, batch, n_batches, rows, ms, averages, rates, before };
        let flow = callbacks.batch(&report, &prepared)?;
        if flow.is_break() {
            let averages = averages.clone();
            return Ok(((batch + 1 == n_batches).then_some(averages), flow));
        }
    }
    Ok((averages, ControlFlow::Continue(())))
}

/// The metrics over all rows of a data set, with `training` false; batches are numbered from 0.
///
/// ```
/// use brolga::{BatchSize, DataSet, Graph, Literal, Session, SessionOptions, evaluate};
///
/// let graph = Graph::from_text("x.graph", "input x: f32[batch]\nmetric mean = mean(x)\n")?;
/// let mut session = Session::new(graph, SessionOptions::default())?;
/// let x = Literal::from_vec(&[3], vec![1f32, 2., 6.]).ok_or("three elements")?;
/// let data = DataSet::new("x", vec![("x".to_string(), x)])?;
/// let size = BatchSize { rows: 2.try_into()?, ..BatchSize::default() };
/// assert_eq!(evaluate(&mut session, &data, &size)?["mean"].to_string(), "3.0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Data that do not fit the inputs or make no batch, rows that would be left out as the file fixes
/// those of a batch, and what [`Session::prepare`] and
/// [`Prepared::run`] refuse.
pub fn evaluate(
    session: &mut Session,
    data: &DataSet,
    size: &BatchSize,
) -> Result<IndexMap<Name, Literal>, RunError> {
    let _held = session.hold(data)?;
    let mut feeding = Feeding::new(session, Entry::Eval, data, size, None)?;
    feeding.check_rows(data.n_rows(), true)?;
    evaluate_all(session, &mut feeding)
}

fn evaluate_all(
    session: &mut Session,
    feeding: &mut Feeding,
) -> Result<IndexMap<Name, Literal>, RunError> {
    let mut averages: Option<Averages> = None;
    for batch in 0..feeding.batches().n_batches() {
        let mut prepared = feeding.prepare(session, batch)?;
        feeding.run(&mut prepared, batch, batch as i64)?;
        let averages = averages.get_or_insert_with(|| Averages::new(prepared.metrics()));
        averages.add(&prepared, feeding.batches().rows(batch).len());
    }
    averages.map_or_else(|| Ok(IndexMap::new()), |averages| averages.values())
}

/// The outputs (or the values named by `fetch`) for every row, batches joined in the data's order.
///
/// ```
/// use brolga::{BatchSize, DataSet, Graph, Literal, Session, SessionOptions, predict};
///
/// let graph = Graph::from_text("x.graph", "input x: f32[batch]\noutput y = x * 2\n")?;
/// let mut session = Session::new(graph, SessionOptions::default())?;
/// let x = Literal::from_vec(&[3], vec![1f32, 2., 6.]).ok_or("three elements")?;
/// let data = DataSet::new("x", vec![("x".to_string(), x)])?;
/// let size = BatchSize { rows: 2.try_into()?, ..BatchSize::default() };
/// assert_eq!(predict(&mut session, &data, &[], &size)?["y"].to_string(), "[2.0, 4.0, 12.0]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`evaluate`], if an output's first dimension is not the batch's, and if a row would be
/// left out.
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
    for batch in 0..feeding.batches().n_batches() {
        let mut prepared = feeding.prepare(session, batch)?;
        feeding.run(&mut prepared, batch, batch as i64)?;
        for (number, output) in prepared.outputs().iter().enumerate() {
            if output.kind == OutputKind::Output {
                let bytes = prepared.value(number).to_bytes();
                joined.entry(output.name.clone()).or_default().extend(bytes);
                types.entry(output.name.clone()).or_insert_with(|| output.tensor_type.clone());
            }
        }
    }
    let rows = feeding.batches().n_rows();
    let value = |(name, bytes): (Name, Vec<u8>)| {
        let mut sizes = types[&name].sizes().expect("a program has only numbers");
        sizes[0] = rows;
        let literal = Literal::from_bytes(types[&name].dtype, &sizes, &bytes);
        (name, literal.expect("each batch gave its rows"))
    };
    Ok(joined.into_iter().map(value).collect())
}
