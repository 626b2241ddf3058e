//! `--params`: variables that take their values from files, and what is said of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use brolga::compiler::ir::Name;
use brolga::compiler::optimizer::SLOTS;
use brolga::runtime::RunError;
use brolga::runtime::checkpoint::Checkpoint;
use brolga::runtime::data::{DataError, Names, Renaming, Standards, hdf5, npy};
use brolga::runtime::session::Clock;
use brolga::text::spelling::similar;
use brolga::{DataSet, Literal, Session};
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::arguments::Weights;
use crate::failure::Failure;
use crate::model::ReadFile;

/// What weights are loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Results.
    Results,
    /// A training that goes on from them: with the optimisers' slots.
    Training,
}

/// What became of the files.
pub(crate) struct Loaded {
    /// Each of them.
    pub(crate) files: Vec<LoadedFile>,
    /// What the data were measured by that the weights were trained on.
    pub(crate) standards: Option<Standards>,
}

/// What became of the tensors of a file.
pub(crate) struct LoadedFile {
    path: PathBuf,
    /// The variables that took their values.
    matched: Vec<Name>,
    /// The optimisers' slots among the tensors that were taken.
    n_slots: usize,
    /// The tensors that no variable has the name of.
    unused: Vec<Name>,
    /// The variables that the file could have a value for, and has none.
    missing: Vec<Name>,
}

/// Loads weights into a session; what did not fit by name is said on standard error, and for a
/// training also what did. The clock is taken from a file that gives every variable its value, and
/// so are the optimisers' slots where they are of use.
pub(crate) fn load_weights(
    session: &mut Session,
    program: &ReadFile,
    weights: &Weights,
    purpose: Purpose,
) -> Result<Loaded, Failure> {
    let names = weights.names.as_deref().map(Renaming::read).transpose();
    let names = names.map_err(|e| Failure::data(&e))?;
    let mut standards = None;
    let files = weights.params.iter().map(|text| {
        let (scope, path) = scope_and_path(text);
        let saved = read_weights(&path, names.as_ref())?;
        let file = load_file(session, program, (scope, path, saved.tensors, saved.clock), purpose)?;
        standards = saved.standards.or(standards.take());
        if purpose == Purpose::Training || !(file.unused.is_empty() && file.missing.is_empty()) {
            eprint!("{}", file.text());
        }
        Ok(file)
    });
    let files = files.collect::<Result<_, Failure>>()?;
    Ok(Loaded { files, standards })
}

/// Refuses results of a model of which a part was trained and a part was not.
pub(crate) fn check_whole(
    session: &Session,
    program: &ReadFile,
    weights: &Weights,
) -> Result<(), Failure> {
    let given: HashSet<&Name> = session.variables().map(|(name, _, _)| name).collect();
    let missing = program.module.variables.keys().filter(|name| !given.contains(name));
    let missing: Vec<String> = missing.map(|name| format!("`{name}`")).collect();
    if weights.params.is_empty() || missing.is_empty() {
        return Ok(());
    }
    let message =
        format!("`{}` has no values for {}", weights.params.join("`, `"), missing.join(", "));
    let help = "give weights of this model, those that are missing by another `--params`; \
                `brolga data FILE` lists what a file has";
    Err(Failure::input("E0610", &message, help))
}

/// The data, measured as those were that the weights were trained on.
pub(crate) fn as_trained(data: DataSet, loaded: Loaded) -> DataSet {
    match loaded.standards {
        Some(standards) => data.with_standards(standards),
        None => data,
    }
}

/// What numbers and columns stood for where weights were trained.
pub(crate) fn trained_names(weights: &Weights) -> Result<Names, Failure> {
    let mut names = Names::default();
    for text in &weights.params {
        let (_, path) = scope_and_path(text);
        if format(&path) == Format::Safetensors {
            names.extend(Checkpoint::read_names(&path).map_err(|e| Failure::data(&e))?);
        }
    }
    Ok(names)
}

/// The scope and the file of `SCOPE=FILE`, or the file alone.
fn scope_and_path(text: &str) -> (Option<&str>, PathBuf) {
    match text.split_once('=') {
        Some((scope, path)) => (Some(scope), PathBuf::from(path)),
        None => (None, PathBuf::from(text)),
    }
}

fn load_file(
    session: &mut Session,
    program: &ReadFile,
    (scope, path, values, clock): (Option<&str>, PathBuf, Vec<(String, Literal)>, Clock),
    purpose: Purpose,
) -> Result<LoadedFile, Failure> {
    let scoped = |name: String| match scope {
        Some(scope) => format!("{scope}.{name}"),
        None => name,
    };
    let is_slot =
        |name: &str| name.starts_with(SLOTS) && !program.module.variables.contains_key(name);
    let (slots, values): (Vec<_>, Vec<_>) = values.into_iter().partition(|(name, _)| is_slot(name));
    let values: IndexMap<Name, Literal> =
        values.into_iter().map(|(name, value)| (scoped(name).into(), value)).collect();
    let loaded = session.set_variables(values).map_err(|e| match e {
        RunError::LoadedType { .. } => {
            let message = format!("`{}`: {e}", path.display());
            let help = "what is to begin anew needs another name in the model than in the file: a \
                        layer is called as the value that it makes, `head = dense(hidden, 5)`";
            Failure::input(e.code(), &message, help)
        }
        other => Failure::run(&other, &program.sources),
    })?;
    if loaded.matched.is_empty() {
        let message = format!("no variable has the name of a tensor in `{}`", path.display());
        let scopes = program.module.variables.keys().filter_map(|name| name.split_once('.'));
        let near = scope.and_then(|scope| similar(scope, scopes.map(|(scope, _)| scope)));
        let help = match near {
            Some(near) => format!("is `{near}=` meant?"),
            None => "`brolga check` lists the variables, `brolga data` those of a file".to_string(),
        };
        return Err(Failure::input("E0610", &message, &help));
    }
    let is_whole = scope.is_none() && loaded.missing.is_empty();
    let mut missing = loaded.missing;
    missing.retain(|name| is_below(name, scope));
    let (matched, unused) = (loaded.matched, loaded.unknown);
    let mut file = LoadedFile { path, matched, n_slots: 0, unused, missing };
    if is_whole {
        session.set_clock(clock);
        if purpose == Purpose::Training {
            load_slots(session, program, &mut file, slots)?;
        }
    }
    Ok(file)
}

/// Loads the optimisers' slots; those without a value are said if a training goes on.
fn load_slots(
    session: &mut Session,
    program: &ReadFile,
    file: &mut LoadedFile,
    values: Vec<(String, Literal)>,
) -> Result<(), Failure> {
    let values: IndexMap<Name, Literal> =
        values.into_iter().map(|(name, value)| (name.into(), value)).collect();
    let run = |e| Failure::run(&e, &program.sources);
    let mut missing = session.slots().map_err(run)?;
    missing.retain(|name| !values.contains_key(name));
    let loaded = session.set_variables(values).map_err(run)?;
    file.n_slots = loaded.matched.len();
    file.unused.extend(loaded.unknown);
    let step = session.clock().step;
    if step > 0 && !missing.is_empty() {
        eprintln!(
            "warning: {} has no values for {} of the optimiser's slots, which begin anew at step \
             {step}: another training than one that goes on",
            file.path.display(),
            missing.len(),
        );
    }
    Ok(())
}

/// More names in a line than anyone reads.
const MAX_NAMES: usize = 12;

impl LoadedFile {
    /// What became of the file, a line for each kind of name.
    fn text(&self) -> String {
        let path = self.path.display();
        let of = self.matched.len() + self.missing.len();
        let slots = match self.n_slots {
            0 => String::new(),
            n => format!(" and {n} of the optimiser's slots"),
        };
        let mut text = format!("{path}: {} of {of} variables{slots}\n", self.matched.len());
        for (what, names) in [("unused", &self.unused), ("not in the file", &self.missing)] {
            if !names.is_empty() {
                text.push_str(&format!("{path}: {what}: {}\n", listed(names)));
            }
        }
        text
    }

    /// What became of the file, with every name.
    pub(crate) fn json(&self) -> Value {
        let names = |names: &[Name]| names.iter().map(|n| n.to_string()).collect::<Vec<String>>();
        json!({
            "file": self.path.display().to_string(),
            "matched": names(&self.matched),
            "slots": self.n_slots,
            "unused": names(&self.unused),
            "missing": names(&self.missing),
        })
    }
}

fn listed(names: &[Name]) -> String {
    let shown: Vec<&str> = names.iter().take(MAX_NAMES).map(|name| &**name).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Says on standard error, beside results that are meant to be of trained weights, if none were
/// given.
pub(crate) fn say_untrained(program: &ReadFile, weights: &Weights) {
    if weights.params.is_empty() && !program.module.variables.is_empty() {
        eprintln!("warning: no --params, so the variables had their initial values");
    }
}

/// Whether a variable is one that a file for this scope can give a value.
fn is_below(name: &str, scope: Option<&str>) -> bool {
    let Some(scope) = scope else { return true };
    name.strip_prefix(scope).is_some_and(|rest| rest.starts_with('.'))
}

/// What a file of weights holds.
pub(crate) struct Saved {
    /// The tensors under their names.
    pub(crate) tensors: Vec<(String, Literal)>,
    /// The clock that they were saved at.
    pub(crate) clock: Clock,
    /// What their data were measured by.
    pub(crate) standards: Option<Standards>,
    /// What the numbers and columns of those data stood for.
    pub(crate) names: Names,
}

/// How a file of weights is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Npz,
    Keras,
    Safetensors,
}

/// The format that the ending of a file tells.
fn format(path: &Path) -> Format {
    match path.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
        "npz" => Format::Npz,
        ending if OF_KERAS.contains(&ending) => Format::Keras,
        _ => Format::Safetensors,
    }
}

/// The endings of files that Keras writes.
const OF_KERAS: [&str; 3] = ["h5", "hdf5", "keras"];

/// Whether a file is one that Keras writes, by its ending.
pub(crate) fn is_of_keras(file: &str) -> bool {
    format(Path::new(file)) == Format::Keras
}

/// Reads a file of weights, which its ending tells the format of, under the names of variables if
/// there are any, else its own.
pub(crate) fn read_weights(path: &Path, names: Option<&Renaming>) -> Result<Saved, Failure> {
    let failed = |e: DataError| Failure::data(&e);
    let alone = |tensors| {
        let (clock, names) = Default::default();
        Saved { tensors, clock, standards: None, names }
    };
    let mut saved = match format(path) {
        Format::Npz => alone(npy::read_npz(path).map_err(failed)?),
        Format::Keras => alone(hdf5::load_tensors(path).map_err(failed)?),
        Format::Safetensors => {
            let file = Checkpoint::load(path).map_err(failed)?;
            let standards = file.standards(path).map_err(failed)?;
            let names = file.names(path).map_err(failed)?;
            let clock = Clock { step: file.step, epoch: file.epoch };
            Saved { tensors: file.variables, clock, standards, names }
        }
    };
    if let Some(names) = names {
        saved.tensors = names.apply(saved.tensors).map_err(failed)?;
    }
    Ok(saved)
}
