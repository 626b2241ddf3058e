//! The commands of headers: what comes out of a file.

use brolga_compiler::compile::{Options, compile_graph};
use brolga_compiler::entry::{Entry, EntryGraph, entry_graph};
use brolga_compiler::error::CompileError;
use brolga_compiler::fuse::FuseOptions;
use brolga_compiler::ir::{Binding, Costs, Graph, GraphText, Module, Target, verify};
use brolga_compiler::passes::{PIPELINE, PassOptions, optimize};
use brolga_compiler::specialise::specialise;
use brolga_compiler::stages::{Stage, Subject, snapshot};
use brolga_text::{LoadOptions, Loaded, load};

use super::header::Header;
use super::run;
use crate::read_back::reads_back;

/// What every file is compiled for.
pub(super) const TARGET: Target = Target::X86_64_V4;

/// The text that a file's command makes of it.
pub(crate) fn execute(header: &Header, name: &str, text: &str) -> Result<String, String> {
    let loaded = load(name, text.as_bytes(), &LoadOptions::default());
    if header.command == "error" {
        return error(header, loaded);
    }
    let module = loaded.map_err(|error| error.to_string())?.module;
    match header.command.as_str() {
        "pass" => pass(header, &module),
        "printed" => printed(header, &module),
        "run" => run::execute(header, &module),
        other => match Stage::ALL.into_iter().find(|stage| stage.name() == other) {
            Some(stage) => at(stage, header, &module),
            None => Err(format!("there is no command `{other}`")),
        },
    }
}

/// What `dump` prints of a stage, for the fixed target.
fn at(stage: Stage, header: &Header, module: &Module) -> Result<String, String> {
    let entry = &entry_name(header, module)?;
    let binding = header.bindings()?.first().cloned().unwrap_or_default();
    let (binding, options) = (&binding, &options(header));
    let subject = Subject { module, entry, binding, target: &TARGET, options };
    let found = snapshot(&subject, stage).map_err(|error| error.to_string())?;
    match found.refused {
        Some(error) => Err(error.to_string()),
        None => Ok(without_provenance(&found.form.to_string())),
    }
}

/// The typed graph, when the texts of all stages have been read back, those of the other entry
/// included.
fn printed(header: &Header, module: &Module) -> Result<String, String> {
    let binding = header.bindings()?.first().cloned().unwrap_or_default();
    let asked = entry_name(header, module)?;
    let run = Entry::Run { fetch: vec![] };
    for entry in [&asked, &run] {
        reads_back(module, entry, &binding).map_err(|why| format!("{entry:?}: {why}"))?;
    }
    Ok(graph_text(module, None, mode(header, module)))
}

/// What is refused: by the language, or with numbers by the compiler.
fn error(
    header: &Header,
    loaded: Result<Loaded, Box<brolga_text::LoadError>>,
) -> Result<String, String> {
    let module = match loaded {
        Err(error) => return Ok(error.to_string()),
        Ok(loaded) => loaded.module,
    };
    let refused = entry_graph(&module, &entry_name(header, &module)?).and_then(|entry| {
        let binding = header.bindings().ok().and_then(|b| b.first().cloned()).unwrap_or_default();
        let specialised = specialise(&entry.graph, &binding)?;
        compile_graph(specialised, &TARGET, &options(header))
    });
    match refused {
        Err(error) => Ok(format!("{error}\n")),
        Ok(_) => Err("it compiles".to_string()),
    }
}

/// The entry of `--entry`, or the natural one.
pub(crate) fn entry_name(header: &Header, module: &Module) -> Result<Entry, String> {
    let run = || Entry::Run { fetch: vec![] };
    match header.option("entry") {
        Some("train") => Ok(Entry::Train),
        Some("eval") => Ok(Entry::Eval),
        Some("run") => Ok(run()),
        Some(other) => Err(format!("there is no entry `{other}`")),
        None if !module.train.steps.is_empty() || !module.train.updates.is_empty() => {
            Ok(Entry::Train)
        }
        None if !module.infer.outputs.is_empty() => Ok(run()),
        None => Ok(Entry::Eval),
    }
}

fn mode<'a>(header: &Header, module: &'a Module) -> &'a Graph {
    match entry_name(header, module) {
        Ok(Entry::Train) => &module.train,
        Ok(Entry::Eval | Entry::Run { .. }) | Err(_) => &module.infer,
    }
}

fn said(error: CompileError) -> String {
    error.to_string()
}

fn entry_of(header: &Header, module: &Module) -> Result<EntryGraph, String> {
    entry_graph(module, &entry_name(header, module)?).map_err(said)
}

fn specialised(header: &Header, module: &Module) -> Result<(EntryGraph, Graph), String> {
    let entry = entry_of(header, module)?;
    let binding = header.bindings()?.first().cloned().unwrap_or_else(Binding::default);
    let graph = specialise(&entry.graph, &binding).map_err(said)?;
    Ok((entry, graph))
}

fn options(header: &Header) -> Options {
    let list = |name: &str| -> Vec<String> {
        let text = header.option(name).unwrap_or_default();
        text.split(',').filter(|n| !n.is_empty()).map(str::to_string).collect()
    };
    let passes = PassOptions {
        disable: list("disable"),
        stop_after: header.option("stop-after").map(str::to_string),
        verify: true,
    };
    let memory_limit = header.number("memory-limit", Options::default().memory_limit);
    let fuse = match header.option("fuse") {
        Some("off") => FuseOptions::nothing(),
        Some("nodes") => FuseOptions { iterations: false, ..FuseOptions::default() },
        Some(_) | None => FuseOptions::default(),
    };
    Options { passes, fuse, costs: Costs::default(), memory_limit }
}

/// The graph after one pass alone, which must change nothing when it runs again.
fn pass(header: &Header, module: &Module) -> Result<String, String> {
    let (entry, mut graph) = specialised(header, module)?;
    let name = header.arguments.first().ok_or("which pass?")?;
    let pass = PIPELINE.iter().find(|p| p.name == name).ok_or(format!("no pass `{name}`"))?;
    let mut texts = vec![];
    for _ in 0..2 {
        (pass.run)(&mut graph, &Costs::default()).map_err(said)?;
        verify(&graph, pass.name).map_err(|e| e.to_string())?;
        texts.push(graph_text(module, Some(&entry), &graph));
    }
    if texts[0] != texts[1] {
        return Err(format!("`{name}` is not idempotent:\n{}\nthen\n{}", texts[0], texts[1]));
    }
    // Every pass works in every order: the pipeline takes the result.
    let options = PassOptions { verify: true, ..PassOptions::default() };
    optimize(&mut graph, &Costs::default(), &options, &mut |_, _| {}).map_err(said)?;
    Ok(texts.swap_remove(0))
}

/// A graph without its provenance, which a change of the library would move.
fn graph_text(module: &Module, entry: Option<&EntryGraph>, graph: &Graph) -> String {
    let slots = entry.iter().flat_map(|e| &e.slots);
    let variables = module.variables.iter().chain(slots).collect();
    let text = GraphText { name: module.name.as_deref(), variables, graph };
    without_provenance(&text.to_string())
}

fn without_provenance(text: &str) -> String {
    let line = |line: &str| line.split(" #@").next().unwrap_or_default().trim_end().to_string();
    text.lines().map(|l| line(l) + "\n").collect()
}
