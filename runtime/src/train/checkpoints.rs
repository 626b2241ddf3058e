//! Checkpoints: a training that was cut off at any moment goes on from the last one with the same
//! bits as one that was not.
//!
//! A checkpoint is a file of its own: every variable, the clock, how far the epoch is, and what
//! early stopping knows. It is written aside, synced and renamed, and has a checksum; the one
//! before stays beside it. Everything else that a training depends on (the order of rows,
//! randomness) is a function of the seed and the clock.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use brolga_compiler::ir::{Literal, Name};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::fit::{BatchReport, Callbacks, EpochReport};
use super::progress::Progress;
use super::stopping::Best;
use crate::RunError;
use crate::checkpoint::{Checkpoint, metadata_of};
use crate::data::{DataError, DataSet};
use crate::session::{Clock, Prepared, Session};

/// Writes checkpoints: after each epoch and, if asked, after every so many batches.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    every: Option<NonZeroU64>,
    /// What tells this training from others, by what it is called.
    identity: BTreeMap<String, String>,
    /// What is kept of the data.
    metadata: BTreeMap<String, String>,
}

/// A checkpoint that was found.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// The variables, the optimisers' slots among them.
    pub variables: IndexMap<Name, Literal>,
    /// The clock.
    pub clock: Clock,
    /// How far the training is.
    pub progress: Progress,
    /// Later checkpoints that are damaged, each with what is wrong.
    pub damaged: Vec<(PathBuf, DataError)>,
}

/// How the files are called: this, the step in as many digits that names have the order of steps,
/// and the ending.
const NAME: &str = "checkpoint-";
const DIGITS: usize = 12;
const ENDING: &str = ".safetensors";

/// What precedes the names of the best epoch's variables; no variable's name has a slash.
const BEST: &str = "best/";

/// The entries of the metadata.
const PROGRESS: &str = "progress";
const STOPPING: &str = "early stopping";
const IDENTITY: &str = "training";

/// How many checkpoints are kept.
const KEPT: usize = 2;

impl Checkpoints {
    /// Checkpoints in a folder, which is made if it is not there, of the training that `identity`
    /// describes: what must be the same for it to go on, by what it is called.
    ///
    /// ```
    /// use brolga::{Checkpoints, FitOptions, Session, fit};
    /// # let text = "input x: f32[n]\nparam w: f32 = 3\nminimize w * mean(x) with sgd(lr=0.01)\n";
    /// # let graph = brolga::Graph::from_text("w.graph", text)?;
    /// # let x = brolga::Literal::from_vec(&[64], vec![1f32; 64]).ok_or("64 elements")?;
    /// # let data = brolga::DataSet::new("x", vec![("x".to_string(), x)])?;
    /// # let folder = std::env::temp_dir().join(format!("checkpoints-new-{}", std::process::id()));
    ///
    /// # let mut session = Session::new(graph, Default::default())?;
    /// let identity = [("graph".to_string(), "w.graph".to_string())].into_iter().collect();
    /// let mut checkpoints = Checkpoints::new(&folder, 100.try_into().ok(), identity)?;
    /// fit(&mut session, &data, &FitOptions::new(3), &mut checkpoints)?;
    /// // The two newest of three epochs.
    /// assert_eq!(checkpoints.files()?.len(), 2);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn new(
        folder: &Path,
        every: Option<NonZeroU64>,
        identity: BTreeMap<String, String>,
    ) -> Result<Checkpoints, DataError> {
        std::fs::create_dir_all(folder).map_err(|e| DataError::write(folder, &e))?;
        let (folder, metadata) = (folder.to_path_buf(), BTreeMap::new());
        Ok(Checkpoints { folder, every, identity, metadata })
    }

    /// The same checkpoints, which keep what the data are measured by, and what their numbers and
    /// columns stand for.
    ///
    /// ```
    /// use brolga::{Checkpoint, Checkpoints, FitOptions, Session, fit};
    /// # let text = "input x: f32[n]\nparam w: f32 = 3\nminimize w * mean(x) with sgd(lr=0.01)\n";
    /// # let graph = brolga::Graph::from_text("w.graph", text)?;
    /// # let x = brolga::Literal::from_vec(&[64], vec![1f32; 64]).ok_or("64 elements")?;
    /// # let data = brolga::DataSet::new("x", vec![("x".to_string(), x)])?;
    /// # let name = format!("checkpoints-data-{}", std::process::id());
    /// # let folder = std::env::temp_dir().join(name);
    ///
    /// # let mut session = Session::new(graph, Default::default())?;
    /// let data = data.with_classes("x", ["cat".to_string(), "dog".to_string()]);
    /// let checkpoints = Checkpoints::new(&folder, None, Default::default())?;
    /// let mut checkpoints = checkpoints.with_data(&data)?;
    /// fit(&mut session, &data, &FitOptions::new(1), &mut checkpoints)?;
    /// let file = &checkpoints.files()?[0];
    /// assert_eq!(Checkpoint::load(file)?.names(file)?.classes("x"), ["cat", "dog"]);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Data that are to be standardised, where nothing says by what.
    pub fn with_data(mut self, data: &DataSet) -> Result<Checkpoints, DataError> {
        self.metadata.extend(metadata_of(data)?);
        Ok(self)
    }

    /// The newest checkpoint that is whole; `None` if there is none at all.
    ///
    /// ```
    /// use brolga::{Checkpoints, FitOptions, Session, fit};
    /// # let text = "input x: f32[n]\nparam w: f32 = 3\nminimize w * mean(x) with sgd(lr=0.01)\n";
    /// # let graph = brolga::Graph::from_text("w.graph", text)?;
    /// # let x = brolga::Literal::from_vec(&[64], vec![1f32; 64]).ok_or("64 elements")?;
    /// # let data = brolga::DataSet::new("x", vec![("x".to_string(), x)])?;
    /// # let name = format!("checkpoints-newest-{}", std::process::id());
    /// # let folder = std::env::temp_dir().join(name);
    ///
    /// # let mut session = Session::new(graph.clone(), Default::default())?;
    /// # let mut checkpoints = Checkpoints::new(&folder, None, Default::default())?;
    /// # fit(&mut session, &data, &FitOptions::new(1), &mut checkpoints)?;
    /// // What another program has begun goes on, to three epochs in all.
    /// let mut session = Session::new(graph, Default::default())?;
    /// let mut options = FitOptions::new(3);
    /// if let Some(kept) = checkpoints.newest()? {
    ///     session.set_variables(kept.variables)?;
    ///     session.set_clock(kept.clock);
    ///     options.resume = Some(kept.progress);
    /// }
    /// assert_eq!(fit(&mut session, &data, &options, &mut checkpoints)?.len(), 2);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A folder that cannot be read, checkpoints that are all damaged, or one of another training.
    pub fn newest(&self) -> Result<Option<Kept>, RunError> {
        let mut damaged = vec![];
        for path in self.files()?.into_iter().rev() {
            match Checkpoint::load(&path).and_then(|file| kept(&path, file)) {
                Ok((mut kept, identity)) => {
                    self.check(&path, &identity)?;
                    kept.damaged = damaged;
                    return Ok(Some(kept));
                }
                Err(error) => damaged.push((path, error)),
            }
        }
        match damaged.into_iter().next() {
            Some((_, error)) => Err(error.into()),
            None => Ok(None),
        }
    }

    /// The files, oldest first.
    ///
    /// ```
    /// use brolga::{Checkpoints, Graph, Progress, Session};
    /// # let name = format!("checkpoints-files-{}", std::process::id());
    /// # let folder = std::env::temp_dir().join(name);
    ///
    /// # let graph = Graph::from_text("y.graph", "output y = 1\n")?;
    /// # let session = Session::new(graph, Default::default())?;
    /// let checkpoints = Checkpoints::new(&folder, None, Default::default())?;
    /// checkpoints.write(&session, &Progress::default())?;
    /// assert_eq!(checkpoints.files()?, [folder.join("checkpoint-000000000000.safetensors")]);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, DataError> {
        let entries =
            std::fs::read_dir(&self.folder).map_err(|e| DataError::read(&self.folder, &e))?;
        let is_ours = |name: &str| {
            let digits = name.strip_prefix(NAME).and_then(|rest| rest.strip_suffix(ENDING));
            digits.is_some_and(|d| d.len() >= DIGITS && d.bytes().all(|b| b.is_ascii_digit()))
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| is_ours(name)).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        Ok(names.into_iter().map(|name| self.folder.join(name)).collect())
    }

    fn check(&self, path: &Path, there: &BTreeMap<String, String>) -> Result<(), RunError> {
        let differs = |what: &&String| self.identity.get(*what) != there.get(*what);
        let mut all = self.identity.keys().chain(there.keys());
        let Some(what) = all.find(differs) else { return Ok(()) };
        let said = |of: &BTreeMap<String, String>| of.get(what).cloned().unwrap_or_default();
        Err(RunError::OtherTraining {
            path: path.to_path_buf(),
            what: what.clone(),
            there: said(there),
            here: said(&self.identity),
        })
    }

    /// Writes a checkpoint and removes all but the newest ones.
    ///
    /// ```
    /// use brolga::{Checkpoints, Clock, Graph, Progress, Session};
    /// # let name = format!("checkpoints-write-{}", std::process::id());
    /// # let folder = std::env::temp_dir().join(name);
    ///
    /// # let graph = Graph::from_text("y.graph", "output y = 1\n")?;
    /// # let mut session = Session::new(graph, Default::default())?;
    /// let checkpoints = Checkpoints::new(&folder, None, Default::default())?;
    /// session.set_clock(Clock { step: 100, epoch: 1 });
    /// checkpoints.write(&session, &Progress { batches: 20, ..Progress::default() })?;
    /// let kept = checkpoints.newest()?.ok_or("it was written")?;
    /// assert_eq!((kept.clock.step, kept.progress.batches), (100, 20));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, session: &Session, progress: &Progress) -> Result<(), DataError> {
        let Clock { step, epoch } = session.clock();
        let own = session.variables().map(|(name, _, value)| (name.to_string(), value));
        let mut variables: Vec<(String, Literal)> = own.collect();
        let mut metadata = self.metadata.clone();
        metadata.extend([
            (PROGRESS.to_string(), progress.to_json().to_string()),
            (IDENTITY.to_string(), json!(self.identity).to_string()),
        ]);
        if let Some(best) = &progress.best {
            let named = |(name, value): &(Name, Literal)| (format!("{BEST}{name}"), value.clone());
            variables.extend(best.variables.iter().map(named));
            metadata.insert(STOPPING.to_string(), stopping_json(best).to_string());
        }
        let file = Checkpoint { variables, step, epoch, metadata };
        file.save(&self.folder.join(format!("{NAME}{step:0DIGITS$}{ENDING}")))?;
        let files = self.files()?;
        for old in files.iter().take(files.len().saturating_sub(KEPT)) {
            std::fs::remove_file(old).map_err(|e| DataError::write(old, &e))?;
        }
        Ok(())
    }
}

impl Callbacks for Checkpoints {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        results: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        let trained = report.step.unsigned_abs() + 1;
        let is_due = self.every.is_some_and(|every| trained.is_multiple_of(every.get()));
        // That of the epoch follows the last batch.
        if is_due && report.batch + 1 < report.n_batches {
            self.write(results.session(), &report.progress())?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn epoch(
        &mut self,
        _: &EpochReport,
        session: &Session,
        progress: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        self.write(session, progress)?;
        Ok(ControlFlow::Continue(()))
    }
}

fn stopping_json(best: &Best) -> Value {
    json!({
        "value": best.value.to_bits(),
        "step": best.clock.step,
        "epoch": best.clock.epoch,
        "waited": best.waited,
    })
}

/// What a file holds, and of which training.
fn kept(path: &Path, file: Checkpoint) -> Result<(Kept, BTreeMap<String, String>), DataError> {
    let entry = |name: &str| {
        let text = file.metadata.get(name).map(|text| serde_json::from_str(text));
        text.transpose().map_err(|e| DataError::corrupt(path, format!("`{name}`: {e}")))
    };
    let missing = |name: &str| DataError::corrupt(path, format!("it has no `{name}`"));
    let progress: Option<Value> = entry(PROGRESS)?;
    let progress = progress.as_ref().and_then(Progress::of_json);
    let mut progress = progress.ok_or_else(|| missing(PROGRESS))?;
    let identity: Option<Value> = entry(IDENTITY)?;
    let identity = identity.and_then(|value| serde_json::from_value(value).ok());
    let identity = identity.ok_or_else(|| missing(IDENTITY))?;
    let stopping: Option<Value> = entry(STOPPING)?;
    let (mut variables, mut best) = (IndexMap::new(), vec![]);
    for (name, value) in file.variables {
        match name.strip_prefix(BEST) {
            Some(name) => best.push((Name::from(name), value)),
            None => {
                variables.insert(Name::from(name), value);
            }
        }
    }
    if let Some(stopping) = stopping {
        progress.best = Some(best_of(&stopping, best).ok_or_else(|| missing(STOPPING))?);
    }
    let clock = Clock { step: file.step, epoch: file.epoch };
    let path = path.to_path_buf();
    Ok((Kept { path, variables, clock, progress, damaged: vec![] }, identity))
}

fn best_of(value: &Value, variables: Vec<(Name, Literal)>) -> Option<Best> {
    Some(Best {
        value: f64::from_bits(value["value"].as_u64()?),
        clock: Clock { step: value["step"].as_i64()?, epoch: value["epoch"].as_i64()? },
        waited: u32::try_from(value["waited"].as_u64()?).ok()?,
        variables,
    })
}
