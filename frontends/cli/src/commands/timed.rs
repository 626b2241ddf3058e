//! Steps that are timed: what they are fed with, and how each is run.

use std::time::{Duration, Instant};

use brolga::compiler::ir::{Literal, Name};
use brolga::compiler::specialise::specialise;
use brolga::runtime::data::{
    BatchDimension, BatchOptions, Batches, DataError, DataSet, FeedPlan, Split, Standardiser,
    Standards, Tail, feed_plan,
};
use brolga::runtime::session::{Clock, Prepared};
use brolga::runtime::train::BatchSize;
use brolga::{Binding, Entry, RunError, Session};
use indexmap::IndexMap;

use crate::arguments::Timed;
use crate::drawn;
use crate::failure::Failure;
use crate::model::{ReadFile, batch_size, data_set, symbols};
use crate::weights::{Purpose, load_weights};

/// Before steps are timed, some run untimed for so long: caches, branch predictors, pages, and
/// threads of another side that still wait for work.
const WARM_UP: Duration = Duration::from_millis(5);

/// At most so many steps of a warm-up, and at least [`LEAST_WARM_UP`].
const MOST_WARM_UP: usize = 40;
const LEAST_WARM_UP: usize = 2;

/// What the steps are fed with, in turn.
pub(crate) struct Feeding {
    pub(crate) binding: Binding,
    batches: Vec<IndexMap<Name, Literal>>,
}

/// At most so many batches of data are kept; steps take them in turn.
const MAX_BATCHES: usize = 256;

/// What a command's arguments ask for.
pub(crate) fn feeding(
    arguments: &Timed,
    program: &ReadFile,
    entry: &Entry,
    session: &mut Session,
) -> Result<Feeding, Failure> {
    let size = batch_size(&program.module, arguments.batch_size, &arguments.model.dims)?;
    match &arguments.data {
        Some(text) => from_data(program, entry, session, text, &size),
        None => {
            let BatchSize { rows, mut given } = size;
            for symbol in symbols(&program.module) {
                let is_given = given.iter().any(|(name, _)| *name.0 == *symbol);
                if !is_given {
                    given.bind(&symbol, rows.get() as u64);
                }
            }
            drawn_batch(arguments, program, entry, session, given)
        }
    }
}

fn drawn_batch(
    arguments: &Timed,
    program: &ReadFile,
    entry: &Entry,
    session: &mut Session,
    binding: Binding,
) -> Result<Feeding, Failure> {
    let graph = session.entry(entry).map_err(|e| Failure::run(&e, &program.sources))?;
    let graph =
        specialise(&graph.graph, &binding).map_err(|e| Failure::compile(&e, &program.sources))?;
    let ranges = drawn::ranges(&graph, &arguments.ranges)?;
    let seed = arguments.model.machine.seed as u64;
    let batches = vec![drawn::inputs(&graph, &ranges, seed)];
    Ok(Feeding { binding, batches })
}

fn from_data(
    program: &ReadFile,
    entry: &Entry,
    session: &mut Session,
    text: &str,
    size: &BatchSize,
) -> Result<Feeding, Failure> {
    let data = data_set(text, Split::Train)?;
    let _held = session.hold(&data).map_err(|e| Failure::run(&e, &program.sources))?;
    let inputs = session.data_inputs(entry, &size.given, true);
    let inputs = inputs.map_err(|e| Failure::run(&e, &program.sources))?;
    let plan = feed_plan(&inputs, &data, &size.given).map_err(|e| Failure::data(&e))?;
    let standardiser = standardiser(&data, &plan).map_err(|e| Failure::data(&e))?;
    let mut binding = plan.binding.clone();
    let batch_size = plan.batch.rows(size);
    if let BatchDimension::Symbol(symbol) = &plan.batch {
        binding.bind(&symbol.0, batch_size.get() as u64);
    }
    let options = BatchOptions { batch_size, tail: Tail::Drop, shuffle: None };
    let all = Batches::new(&data, &plan, options);
    if all.n_batches() == 0 {
        let message = format!("`{text}` has fewer rows than a batch of {batch_size}");
        return Err(Failure::input("E0609", &message, "use a smaller --batch-size"));
    }
    let batch = |batch: usize| {
        let feeds = all.feeds().iter().enumerate();
        let value = |i: usize| match &standardiser {
            Some(standardiser) => standardiser.literal(i, &all.literal(batch, i)),
            None => all.literal(batch, i),
        };
        feeds.map(|(i, feed)| (feed.input.as_str().into(), value(i))).collect()
    };
    let batches = (0..all.n_batches().min(MAX_BATCHES)).map(batch).collect();
    Ok(Feeding { binding, batches })
}

/// What measures data that are to be standardised, by all of their rows.
fn standardiser(data: &DataSet, plan: &FeedPlan) -> Result<Option<Standardiser>, DataError> {
    let Some(which) = data.standardise() else { return Ok(None) };
    let standards = Standards::of(data, which, None)?;
    Standardiser::new(&standards, plan, data).map(Some)
}

/// A program that is run step after step.
pub(crate) struct Stepping<'a> {
    pub(crate) prepared: Prepared<'a>,
    feeding: &'a Feeding,
    /// The clock before the first step, and the number of steps since.
    clock: Clock,
    n: usize,
}

impl<'a> Stepping<'a> {
    /// Compiles; returns also how long that took, in milliseconds.
    pub(crate) fn prepare(
        arguments: &Timed,
        program: &ReadFile,
        entry: &Entry,
        feeding: &'a Feeding,
        session: &'a mut Session,
    ) -> Result<(Stepping<'a>, f64), Failure> {
        let purpose = match entry {
            Entry::Train => Purpose::Training,
            Entry::Eval | Entry::Run { .. } => Purpose::Results,
        };
        load_weights(session, program, &arguments.weights, purpose)?;
        let clock = session.clock();
        let start = Instant::now();
        let prepared = session.prepare(entry, &feeding.binding);
        let prepared = prepared.map_err(|e| Failure::run(&e, &program.sources))?;
        let compile_ms = start.elapsed().as_secs_f64() * 1e3;
        Ok((Stepping { prepared, feeding, clock, n: 0 }, compile_ms))
    }

    /// Runs steps untimed.
    pub(crate) fn warm_up(
        &mut self,
        mut step: impl FnMut(&mut Self) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let start = Instant::now();
        for warm_up in 0..MOST_WARM_UP {
            if warm_up >= LEAST_WARM_UP && start.elapsed() > WARM_UP {
                break;
            }
            step(self)?;
        }
        Ok(())
    }

    /// Runs a step, by `run`; returns how long it took, its feeds included, in milliseconds.
    pub(crate) fn step<T>(
        &mut self,
        run: impl FnOnce(&mut Prepared<'a>, i64) -> Result<T, RunError>,
    ) -> Result<(f64, T), RunError> {
        let batch = self.clock.step + self.n as i64;
        let batches = &self.feeding.batches;
        let start = Instant::now();
        if self.n == 0 || batches.len() > 1 {
            self.prepared.feed_all(&batches[self.n % batches.len()])?;
        }
        let done = run(&mut self.prepared, batch)?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        self.prepared.set_clock(Clock { step: batch + 1, ..self.clock });
        self.n += 1;
        Ok((ms, done))
    }
}

/// The step time below which `part` of the steps lie, of times in ascending order.
pub(crate) fn quantile(steps: &[f64], part: f64) -> f64 {
    let last = steps.len().saturating_sub(1);
    steps.get((part * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
}
