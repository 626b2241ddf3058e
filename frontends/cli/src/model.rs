//! A file as a module in a session: read, bound, given its weights.

use std::collections::HashSet;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use brolga::compiler::ir::{Dim, Module, Symbol, TensorType};
use brolga::runtime::data::{
    DataError, DataSet, Names, Source, Split, load as load_data, load_as, taken_by_place,
};
use brolga::runtime::train::BatchSize;
use brolga::runtime::{host_memory, host_threads};
use brolga::text::diagnostics::{Diagnostics, render};
use brolga::text::source::Sources;
use brolga::text::{GradientCall, Layer, Limits, LoadOptions, Loaded, load, parser, unused};
use brolga::{Backend, Binding, Entry, Session, SessionOptions};

use crate::arguments::{self, BackendName, EntryName, Machine, Model};
use crate::failure::{Failure, render_options};

/// The largest number of bytes that a file may have before it is read.
const MAX_FILE: u64 = 1 << 30;

/// A program that was read.
pub(crate) struct ReadFile {
    /// What the file says.
    pub(crate) module: Arc<Module>,
    /// The calls in the file that made variables.
    pub(crate) layers: Vec<Layer>,
    /// The texts that it comes from.
    pub(crate) sources: Sources,
    /// How long reading, parsing and elaborating took, in milliseconds.
    pub(crate) ms: f64,
}

impl ReadFile {
    /// What tells programs apart: a text with other remarks and lines, but the same graphs, has the
    /// same.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = crc32fast::Hasher::new();
        for graph in [&self.module.train, &self.module.infer] {
            for line in graph.to_string().lines() {
                let (code, _place) = line.split_once("#@").unwrap_or((line, ""));
                hasher.update(code.trim_end().as_bytes());
            }
        }
        format!("{:08x}", hasher.finalize())
    }
}

/// Reads the file that the arguments name; `-` is standard input.
pub(crate) fn text_of(file: &str) -> Result<(String, Vec<u8>), Failure> {
    let unreadable = |error: &std::io::Error| {
        let message = format!("`{file}` cannot be read: {error}");
        Failure::input("E0603", &message, "give the path of a .graph file, or - for standard input")
    };
    let mut bytes = vec![];
    if file == "-" {
        let read = std::io::stdin().lock().take(MAX_FILE).read_to_end(&mut bytes);
        read.map_err(|e| unreadable(&e))?;
        return Ok(("<stdin>".to_string(), bytes));
    }
    let opened = std::fs::File::open(file).map_err(|e| unreadable(&e))?;
    opened.take(MAX_FILE).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    Ok((file.to_string(), bytes))
}

/// Reads and elaborates a file; warnings go to standard error.
pub(crate) fn read(model: &Model) -> Result<ReadFile, Failure> {
    let (name, text) = text_of(&model.file)?;
    check_options(model)?;
    program(&name, &text, &model.consts, limits(&model.limits))
}

/// Refuses a const or a dimension that is given twice.
fn check_options(model: &Model) -> Result<(), Failure> {
    check_once("--const", model.consts.iter().map(|(name, _)| name.as_str()))?;
    check_once("--dim", model.dims.iter().map(|(name, _)| name.as_str()))
}

/// Refuses a name that is given twice.
pub(crate) fn check_once<'a>(
    option: &str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => {
            Err(Failure::Usage(format!("error: `{option} {name}=...` is given more than once\n")))
        }
    }
}

/// The limits of the language, as far as others are not asked for.
pub(crate) fn limits(asked: &arguments::Limits) -> Limits {
    let usual = Limits::default();
    let levels = |asked: Option<u64>, usual: usize| {
        asked.and_then(|n| usize::try_from(n).ok()).unwrap_or(usual)
    };
    Limits {
        syntax: parser::Limits {
            nesting: levels(asked.max_nesting, usual.syntax.nesting),
            bytes: asked.max_file_bytes.unwrap_or(usual.syntax.bytes),
        },
        depth: levels(asked.max_depth, usual.depth),
        iterations: asked.max_iterations.unwrap_or(usual.iterations),
        calls: asked.max_calls.unwrap_or(usual.calls),
        nodes: asked.max_nodes.unwrap_or(usual.nodes),
        list: asked.max_list.unwrap_or(usual.list),
        bytes: asked.max_tensor_bytes.unwrap_or(usual.bytes),
    }
}

/// Reads and elaborates a file, and keeps its calls of `grad`.
pub(crate) fn read_gradients(model: &Model) -> Result<(ReadFile, Vec<GradientCall>), Failure> {
    let (name, text) = text_of(&model.file)?;
    check_options(model)?;
    loaded(&name, &text, &model.consts, (limits(&model.limits), true))
}

/// Elaborates a text.
pub(crate) fn program(
    name: &str,
    text: &[u8],
    consts: &[(String, String)],
    limits: Limits,
) -> Result<ReadFile, Failure> {
    loaded(name, text, consts, (limits, false)).map(|(file, _)| file)
}

fn loaded(
    name: &str,
    text: &[u8],
    consts: &[(String, String)],
    (limits, keep_gradients): (Limits, bool),
) -> Result<(ReadFile, Vec<GradientCall>), Failure> {
    let start = Instant::now();
    let folder = Path::new(name).parent().map(Path::to_path_buf).unwrap_or_default();
    let import = |path: &str| std::fs::read(folder.join(path)).map_err(|error| error.to_string());
    let options = LoadOptions { consts, import: &import, limits, keep_gradients };
    match load(name, text, &options) {
        Ok(Loaded { module, layers, gradients, warnings, sources }) => {
            if !warnings.is_empty() {
                eprint!("{}", render(&warnings, &sources, &render_options()));
            }
            let ms = start.elapsed().as_secs_f64() * 1e3;
            Ok((ReadFile { module: Arc::new(module), layers, sources, ms }, gradients))
        }
        Err(error) => {
            let text = render(&error.diagnostics, &error.sources, &render_options());
            Err(Failure::Input(text))
        }
    }
}

/// What a file declares and does not use, said on standard error.
pub(crate) fn say_unused(program: &ReadFile) -> Diagnostics {
    let warnings = unused(&program.module, &program.layers, &program.sources);
    if !warnings.is_empty() {
        eprintln!("{}", render(&warnings, &program.sources, &render_options()));
    }
    warnings
}

/// The numbers that `--dim` gives.
pub(crate) fn binding(dims: &[(String, String)]) -> Result<Binding, Failure> {
    let mut binding = Binding::default();
    for (name, number) in dims {
        let n = number.parse().ok().filter(|n| (1..=i64::MAX as u64).contains(n));
        let n = n.ok_or_else(|| {
            Failure::Usage(format!("error: `--dim {name}={number}`: it must be at least 1\n"))
        })?;
        binding.bind(name, n);
    }
    Ok(binding)
}

/// Refuses a `--dim` of a name that no input has.
pub(crate) fn check_dims(module: &Module, dims: &[(String, String)]) -> Result<(), Failure> {
    let symbols = symbols(module);
    let Some((unknown, _)) = dims.iter().find(|(name, _)| !symbols.contains(name)) else {
        return Ok(());
    };
    let mut names: Vec<&String> = symbols.iter().collect();
    names.sort();
    let names: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    let known = if names.is_empty() { "none".to_string() } else { names.join(", ") };
    Err(Failure::Usage(format!(
        "error: `--dim {unknown}`: no input has that dimension; the dimensions are: {known}\n"
    )))
}

/// The names of the dimensions of a module's inputs.
pub(crate) fn symbols(module: &Module) -> HashSet<String> {
    let graphs = [&module.train, &module.infer];
    let types = graphs.into_iter().flat_map(|g| g.inputs.iter().map(|&i| g.tensor_type(i)));
    let dims = types.flat_map(|t| &t.shape);
    dims.flat_map(|d| d.symbols()).map(|s| s.to_string()).collect()
}

/// The rows of a batch, where the file says them.
pub(crate) fn fixed_rows(module: &Module) -> Option<u64> {
    let types = module.train.inputs.iter().map(|&i| module.train.tensor_type(i));
    let first = types.filter_map(|t| t.shape.first()).next()?;
    first.as_number().and_then(|n| u64::try_from(n).ok())
}

/// The rows of a batch and the numbers of the other dimensions. `--dim` says the rows as well as
/// `--batch-size`, but not another number.
pub(crate) fn batch_size(
    module: &Module,
    rows: Option<NonZeroUsize>,
    dims: &[(String, String)],
) -> Result<BatchSize, Failure> {
    let given = binding(dims)?;
    if let (Some(rows), Some(fixed)) = (rows, fixed_rows(module))
        && rows.get() as u64 != fixed
    {
        return Err(Failure::Usage(format!(
            "error: `--batch-size {rows}`: the file has batches of {fixed} rows; call that dimension \
             `batch` there to leave it open\n"
        )));
    }
    let Some(rows) = rows else { return Ok(BatchSize { given, ..BatchSize::default() }) };
    let graphs = [&module.train, &module.infer];
    let mut types = graphs.into_iter().flat_map(|g| g.inputs.iter().map(|&i| g.tensor_type(i)));
    let differs = |(symbol, n): &(&Symbol, u64)| {
        let is_first = |t: &TensorType| t.shape.first() == Some(&Dim::symbol(&symbol.0));
        *n != rows.get() as u64 && types.any(is_first)
    };
    if let Some((symbol, n)) = given.iter().find(differs) {
        return Err(Failure::Usage(format!(
            "error: `--batch-size {rows}` and `--dim {symbol}={n}` differ: give one of them\n"
        )));
    }
    Ok(BatchSize { rows, given })
}

/// The dimensions that are given, with those of a batch's rows where `--batch-size` says them.
pub(crate) fn batch_dims(
    module: &Module,
    rows: Option<NonZeroUsize>,
    dims: &[(String, String)],
) -> Result<Vec<(String, String)>, Failure> {
    let given = batch_size(module, rows, dims)?.given;
    let mut dims = dims.to_vec();
    let types = module.train.inputs.iter().map(|&i| module.train.tensor_type(i));
    let first = types.filter_map(|t| t.shape.first());
    let open = |symbol: &String| first.clone().any(|d| *d == Dim::symbol(symbol));
    let mut open: Vec<String> = symbols(module).into_iter().filter(open).collect();
    open.retain(|symbol| given.iter().all(|(name, _)| *name.0 != **symbol));
    dims.extend(rows.iter().flat_map(|n| open.iter().map(|s| (s.clone(), n.to_string()))));
    Ok(dims)
}

/// The number that stands for a dimension without one, where a number is needed.
pub(crate) const ASSUMED: u64 = 32;

/// A number for every dimension, and those that `--dim` does not give: `batch=32`.
pub(crate) fn assumed(
    module: &Module,
    dims: &[(String, String)],
) -> Result<(Binding, Vec<String>), Failure> {
    let mut binding = binding(dims)?;
    let mut open: Vec<String> = symbols(module).into_iter().collect();
    open.sort();
    open.retain(|name| binding.iter().all(|(symbol, _)| *symbol.0 != **name));
    for name in &open {
        binding.bind(name, ASSUMED);
    }
    Ok((binding, open.into_iter().map(|name| format!("{name}={ASSUMED}")).collect()))
}

/// What the arguments ask of the machine.
pub(crate) fn session_options(machine: &Machine) -> SessionOptions {
    SessionOptions {
        seed: machine.seed,
        threads: machine.threads.map_or_else(host_threads, usize::from),
        backend: match machine.backend {
            BackendName::Jit => Backend::Jit,
            BackendName::Eager => Backend::Eager,
        },
        memory_limit: machine.memory_limit.unwrap_or_else(host_memory),
        perf: machine.perf,
        ..SessionOptions::default()
    }
}

/// Says which inputs of an entry take arrays of other names.
pub(crate) fn say_taken(session: &mut Session, entry: &Entry, data: &DataSet) {
    // What is wrong with the entry is said by what runs it.
    let inputs = session.inputs(entry).unwrap_or_default();
    for (input, array) in taken_by_place(&inputs, data) {
        eprintln!("`{input}` takes the array `{array}`, by its place");
    }
}

/// A session for a program.
pub(crate) fn session(program: &ReadFile, options: SessionOptions) -> Result<Session, Failure> {
    Session::new(program.module.clone(), options).map_err(|e| Failure::run(&e, &program.sources))
}

/// Refuses to begin work whose results go to a folder that is not there, or to a file whose name
/// says another format than the one that is written.
pub(crate) fn check_place(path: &Path, format: &str) -> Result<(), Failure> {
    if let Some(other) = path.extension().filter(|ending| *ending != format) {
        let (name, other) = (path.display(), other.display());
        let table = if format == "npz" { "; tables of predictions end in .csv" } else { "" };
        return Err(Failure::Usage(format!(
            "error: `{name}` would be a .{format} file, not .{other}: call it {}{table}\n",
            path.with_extension(format).display()
        )));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.map(std::fs::metadata) {
        None => Ok(()),
        Some(Ok(folder)) if folder.is_dir() => Ok(()),
        Some(Ok(_)) => Err(unwritable(path, "its folder is a file")),
        Some(Err(error)) => Err(unwritable(path, &error.to_string())),
    }
}

fn unwritable(path: &Path, reason: &str) -> Failure {
    Failure::data(&DataError::Write { path: path.to_path_buf(), reason: reason.to_string() })
}

/// Reads a data set.
pub(crate) fn data_set(text: &str, split: Split) -> Result<DataSet, Failure> {
    let source = Source::parse(text).map_err(|e| Failure::data(&e))?;
    read_source(&source, split).map_err(|e| Failure::data(&e))
}

/// Reads a data set in the terms of a training.
pub(crate) fn data_set_as(text: &str, split: Split, names: &Names) -> Result<DataSet, Failure> {
    let source = Source::parse(text).map_err(|e| Failure::data(&e))?;
    say_fetched(&source, split);
    load_as(&source, split, names).map_err(|e| Failure::data(&e))
}

/// Reads a source of data, and says on standard error what it fetches for it.
pub(crate) fn read_source(source: &Source, split: Split) -> Result<DataSet, DataError> {
    say_fetched(source, split);
    load_data(source, split)
}

fn say_fetched(source: &Source, split: Split) {
    if let Some(what) = source.to_fetch(split) {
        eprintln!("{what}");
    }
}

/// The entry that is asked for, or the natural one: a training batch where the file has steps or
/// updates, else its outputs, else its metrics.
pub(crate) fn entry(module: &Module, name: Option<EntryName>, fetch: &[String]) -> Entry {
    let run = || Entry::Run { fetch: fetch.iter().map(|n| n.as_str().into()).collect() };
    match name {
        Some(EntryName::Train) => Entry::Train,
        Some(EntryName::Eval) => Entry::Eval,
        Some(EntryName::Run) => run(),
        None if !module.train.steps.is_empty() || !module.train.updates.is_empty() => Entry::Train,
        None if !module.infer.outputs.is_empty() => run(),
        None => Entry::Eval,
    }
}
