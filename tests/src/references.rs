//! Values and gradients that other people's software has computed: `tests/references/*.jsonl`,
//! written by `tests/references/generate.py`. Each line is a case: a `.graph` text, its inputs,
//! what comes out of it, and how far it may be off. The oracle, eager mode, the loop interpreter
//! and machine code are compared with it, and machine code with the loop interpreter bit for bit.
//!
//! `waiting.txt` names the cases that are known to fail, with the reason; each of them must fail, so
//! that none stays there when it is mended. `exempt.txt` names the functions without a case; each
//! other operation, optimiser and function of the library has one. `REFERENCE=losses` runs the
//! cases whose names contain that.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use brolga_compiler::compile::Options;
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, DType, Literal, Module, Name, Scalar};
use brolga_compiler::optimizer;
use brolga_compiler::passes::PassOptions;
use brolga_runtime::session::{Backend, Clock, Session, SessionOptions};
use brolga_text::{LoadOptions, load, operations, std_functions};
use indexmap::IndexMap;
use serde_json::Value;

use crate::compare::{Tolerance, close, same};

/// Bytes of the stack of a thread that runs cases.
const STACK: usize = 64 << 20;

/// Tensors by name.
type Tensors = IndexMap<Name, Literal>;

/// One line of a file.
struct Case {
    name: String,
    graph: String,
    entry: Entry,
    /// What is fed, step by step, and again from the first.
    feeds: Vec<Tensors>,
    /// The number of steps.
    steps: usize,
    /// Values that variables begin with.
    variables: Tensors,
    /// What is wanted after so many steps; that of the last comes last.
    wanted: Vec<(usize, Vec<Wanted>)>,
    relative: f64,
}

/// What an output, metric or variable is at some point.
struct Wanted {
    name: Name,
    value: Literal,
    absolute: f64,
}

#[test]
fn other_software_computes_the_same() {
    let mut cases = cases();
    let waiting = list("waiting.txt");
    let unknown: Vec<&String> =
        waiting.keys().filter(|name| cases.iter().all(|case| case.name != **name)).collect();
    assert!(unknown.is_empty(), "waiting.txt names cases that do not exist: {unknown:?}");
    let only = std::env::var("REFERENCE").unwrap_or_default();
    cases.retain(|case| case.name.contains(&only));
    let outcome = |case: &Case| {
        let checked = catch_unwind(AssertUnwindSafe(|| check(case)));
        let checked = checked.unwrap_or_else(|_| Err("it panicked, see above".to_string()));
        match (checked, waiting.contains_key(&case.name)) {
            (Ok(()), false) | (Err(_), true) => None,
            (Ok(()), true) => Some(format!("--- {}: holds: take it off waiting.txt", case.name)),
            (Err(why), false) => Some(format!("--- {}: {why}\n{}", case.name, case.graph)),
        }
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let spawn = |part: usize| {
            let (cases, outcome) = (&cases, &outcome);
            let builder = std::thread::Builder::new().stack_size(STACK);
            let run = move || cases.iter().skip(part).step_by(2).filter_map(outcome).collect();
            builder.spawn_scoped(scope, run).expect("two threads are few")
        };
        let threads = [spawn(0), spawn(1)];
        let failures = |thread: std::thread::ScopedJoinHandle<'_, Vec<String>>| thread.join();
        threads.into_iter().flat_map(|t| failures(t).expect("panics are caught within")).collect()
    });
    assert!(
        failures.is_empty(),
        "\n{}\n{} of {} cases failed\n",
        failures.join("\n"),
        failures.len(),
        cases.len()
    );
}

#[test]
fn every_function_has_a_case() {
    let cases = cases();
    let exempt = list("exempt.txt");
    let operations = operations().into_iter().map(|operation| operation.name.to_string());
    let library = std_functions().into_iter().map(|(name, _)| name);
    let optimisers = optimizer::signatures().into_iter().map(|o| o.name.to_string());
    let all: Vec<String> = operations.chain(library).chain(optimisers).collect();
    let has_case = |name: &str| cases.iter().any(|case| calls(&case.graph, name));
    let wrong = |name: &&String| has_case(name) == exempt.contains_key(*name);
    let wrong: Vec<&String> = all.iter().filter(wrong).collect();
    assert!(wrong.is_empty(), "without a case and not in exempt.txt, or in both: {wrong:?}");
    let unknown: Vec<&String> = exempt.keys().filter(|name| !all.contains(name)).collect();
    assert!(unknown.is_empty(), "exempt.txt names functions that do not exist: {unknown:?}");
}

/// Whether a graph calls a function by name, writes it as an operator, or hands it on.
fn calls(graph: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    graph.match_indices(name).any(|(at, _)| {
        let before = graph[..at].chars().next_back();
        let is_whole = !before.is_some_and(is_part);
        match graph[at + name.len()..].chars().next() {
            Some('(') => is_whole,
            Some(' ') => is_whole && matches!(name, "and" | "or" | "not"),
            Some(')' | ',') => before == Some('='),
            Some(_) | None => false,
        }
    })
}

/// Runs a case everywhere.
fn check(case: &Case) -> Result<(), String> {
    let loaded = load("case.graph", case.graph.as_bytes(), &LoadOptions::default());
    let module = Arc::new(loaded.map_err(|e| e.to_string())?.module);
    let mut interpreted = None;
    for backend in [Backend::Oracle, Backend::Eager, Backend::Interpreter, Backend::Jit] {
        let found = run(case, &module, backend).map_err(|why| format!("{backend:?}: {why}"))?;
        for ((step, wanted), found) in case.wanted.iter().zip(&found) {
            for wanted in wanted {
                let at = |why| format!("{backend:?}, step {step}: `{}`: {why}", wanted.name);
                let value = found.get(&wanted.name).ok_or_else(|| at("it is missing".into()))?;
                let by = Tolerance { relative: case.relative, absolute: wanted.absolute };
                close(value, &wanted.value, by).map_err(at)?;
            }
        }
        let last = found.into_iter().next_back().unwrap_or_default();
        match backend {
            Backend::Interpreter => interpreted = Some(last),
            Backend::Jit => {
                for (name, value) in interpreted.iter().flatten() {
                    let why = same(&last[name], value);
                    why.map_err(|why| format!("code against loops: `{name}`: {why}"))?;
                }
            }
            Backend::Oracle | Backend::Eager => {}
        }
    }
    Ok(())
}

/// What is there at each point where something is wanted: the outputs and metrics of the step, and
/// in training the variables after it.
fn run(case: &Case, module: &Arc<Module>, backend: Backend) -> Result<Vec<Tensors>, String> {
    let passes = PassOptions { verify: true, ..PassOptions::default() };
    let compiler = Options { passes, ..Options::default() };
    let options = SessionOptions { threads: 1, backend, compiler, ..SessionOptions::default() };
    let said = |e: brolga_runtime::RunError| e.to_string();
    let mut session = Session::new(module.clone(), options).map_err(said)?;
    session.set_variables(case.variables.clone()).map_err(said)?;
    let mut prepared = session.prepare(&case.entry, &Binding::default()).map_err(said)?;
    let (mut found, mut points) = (Tensors::new(), vec![]);
    for ((step, done), feeds) in (0..).zip(1..=case.steps).zip(case.feeds.iter().cycle()) {
        prepared.feed_all(feeds).map_err(said)?;
        prepared.run(step).map_err(said)?;
        prepared.set_clock(Clock { step: step + 1, epoch: 0 });
        let results = prepared.results().map_err(said)?;
        found.extend(results.outputs.into_iter().chain(results.metrics));
        if case.wanted.iter().any(|(after, _)| *after == done) {
            let mut at = found.clone();
            if case.entry == Entry::Train {
                let all = prepared.session().variables();
                at.extend(all.map(|(name, _, value)| (name.clone(), value)));
            }
            points.push(at);
        }
    }
    Ok(points)
}

/// The folder of the cases.
fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("references")
}

/// The lines `name: reason` of a file.
fn list(file: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join(file)).expect("the list stands beside the cases");
    let entries = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let (name, reason) = line.split_once(": ").expect("a line is `name: reason`");
        (name.to_string(), reason.to_string())
    };
    entries.map(entry).collect()
}

/// Every case of every file.
fn cases() -> Vec<Case> {
    let files = fs::read_dir(folder()).expect("the cases are in the repository");
    let mut files: Vec<_> =
        files.map(|file| file.expect("the folder can be read").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let mut cases: Vec<Case> = vec![];
    for file in files {
        let text = fs::read_to_string(&file).expect("the cases can be read");
        cases.extend(text.lines().map(|line| {
            read(line).unwrap_or_else(|| panic!("{}: no case: {line}", file.display()))
        }));
    }
    cases
}

fn read(line: &str) -> Option<Case> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| value[key].as_str();
    let tensors = |value: &Value| -> Option<Tensors> {
        let entry =
            |(name, text): (&String, &Value)| Some((Name::from(&**name), tensor(text.as_str()?)?));
        value.as_object()?.iter().map(entry).collect()
    };
    let wanted = |(name, of): (&String, &Value)| {
        let value = tensor(of[0].as_str()?)?;
        Some(Wanted { name: Name::from(&**name), value, absolute: of[1].as_f64()? })
    };
    let all_wanted =
        |value: &Value| -> Option<Vec<Wanted>> { value.as_object()?.iter().map(wanted).collect() };
    let feeds: Vec<Tensors> =
        value["feeds"].as_array()?.iter().map(tensors).collect::<Option<_>>()?;
    let steps = value["steps"].as_u64().map_or(feeds.len(), |steps| steps as usize);
    let mut points = vec![];
    for (after, wanted) in value["after"].as_object().into_iter().flatten() {
        points.push((after.parse().ok()?, all_wanted(wanted)?));
    }
    points.push((steps, all_wanted(&value["wanted"])?));
    points.sort_by_key(|(after, _)| *after);
    Some(Case {
        name: text("name")?.to_string(),
        graph: text("graph")?.to_string(),
        entry: match text("entry")? {
            "run" => Entry::Run { fetch: vec![] },
            "eval" => Entry::Eval,
            "train" => Entry::Train,
            _ => return None,
        },
        feeds,
        steps,
        variables: tensors(&value["variables"])?,
        wanted: points,
        relative: value["relative"].as_f64()?,
    })
}

/// A tensor as text: the element type, the sizes, the elements: `f32 2 1 = 0.5 -inf`.
fn tensor(text: &str) -> Option<Literal> {
    let (head, elements) = text.split_once('=')?;
    let mut head = head.split_whitespace();
    let dtype = DType::from_name(head.next()?)?;
    let sizes: Vec<usize> = head.map(|size| size.parse().ok()).collect::<Option<_>>()?;
    let mut bytes = vec![];
    for element in elements.split_whitespace() {
        let scalar = match dtype {
            DType::F32 | DType::F64 => Scalar::F64(element.parse().ok()?),
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => Scalar::I64(element.parse().ok()?),
        };
        bytes.extend(&scalar.cast(dtype).bits().to_le_bytes()[..dtype.size()]);
    }
    Literal::from_bytes(dtype, &sizes, &bytes)
}
