//! `brolga dump`: a file at a stage of the compiler, as text, drawing or data.

use brolga::compiler::codegen::{self, CodeText};
use brolga::compiler::compile::{
    Options, check_passes, fused, kernels, optimized, program as planned, verified,
};
use brolga::compiler::ir::{Dim, Dot, Graph, GraphText, Json, Module, Name, Symbol, Variable};
use brolga::compiler::loop_ir::{Kernel, LoopPass};
use brolga::compiler::passes::{PIPELINE, Pass, PassOptions, optimize};
use brolga::compiler::program::Program as Planned;
use brolga::compiler::specialise::{specialise, specialise_variable};
use brolga::runtime::host_target;
use brolga::runtime::session::EntryGraph;
use brolga::text::diagnostics::render;
use brolga::text::parser;
use brolga::text::source::Sources;
use brolga::{Binding, CompileError, Entry};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::arguments::{Dump, EntryName, Format, Stage};
use crate::failure::{Failure, render_options};
use crate::model::{
    ReadFile, assumed, check_dims, entry, limits, read, session, session_options, text_of,
};
use crate::output::{out, outln};

pub(crate) fn run(arguments: &Dump) -> Result<(), Failure> {
    check_kernel(arguments)?;
    if arguments.format != Format::Text
        && !(Stage::Typed..=Stage::Optimized).contains(&arguments.stage)
    {
        let message = "error: only graphs (typed, gradient, optimized) have another format\n";
        return Err(Failure::Usage(message.to_string()));
    }
    if arguments.stage == Stage::Parsed {
        return parsed(arguments);
    }
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let entry = entry(&program.module, arguments.entry, &[]);
    if arguments.stage == Stage::Typed {
        let graph = typed(&program.module, arguments.entry, &entry);
        print_graph(arguments, &program.module, &[], graph);
        return Ok(());
    }
    let mut session = session(&program, session_options(&arguments.model.machine))?;
    let entry = session.entry(&entry).map_err(|e| Failure::run(&e, &program.sources))?;
    if arguments.stage == Stage::Gradient {
        let graph = with_dimensions(&program.module, &entry);
        print_graph(arguments, &program.module, &slots(&entry), &graph);
        return Ok(());
    }
    let (binding, assumed) = assumed(&program.module, &arguments.model.dims)?;
    let refused = |e| Failure::compile(&e, &program.sources);
    let specialised = specialise(&entry.graph, &binding).map_err(refused)?;
    let options = options(arguments);
    if !assumed.is_empty() && arguments.format == Format::Text && !arguments.model.machine.json {
        outln!("# for {}; see --dim", assumed.join(", "));
    }
    if arguments.pass_by_pass || arguments.pass.is_some() {
        return pass_by_pass(arguments, &program, specialised, &options);
    }
    let graph = optimized(specialised, &options, &mut |_, _| {}).map_err(refused)?;
    if arguments.stage == Stage::Optimized {
        return optimized_stage(arguments, &program, &entry, &graph, &binding);
    }
    let target = host_target();
    let fusion = fused(&graph, &target, &options);
    if arguments.stage == Stage::Fused {
        print_text(arguments, &fusion);
        return Ok(());
    }
    let (lowered, checks) = kernels(&fusion, &target, &options, &mut |_, _| {});
    let planned = planned(&fusion, lowered, checks, &options).map_err(refused)?;
    // What is wrong with a program shows in its loops and places.
    let allowed = verified(&planned, &options).map_err(refused);
    match arguments.stage {
        Stage::Loops | Stage::Memory => {
            program_stage(arguments, &planned)?;
            allowed
        }
        _ => allowed.and_then(|()| program_stage(arguments, &planned)),
    }
}

fn parsed(arguments: &Dump) -> Result<(), Failure> {
    let (name, text) = text_of(&arguments.model.file)?;
    let mut sources = Sources::new();
    let id = sources.add(name, &text);
    let parsed = parser::parse(sources.get(id), &limits(&arguments.model.limits).syntax);
    if parsed.diagnostics.has_errors() {
        return Err(Failure::Input(render(&parsed.diagnostics, &sources, &render_options())));
    }
    print_text(arguments, &parsed.file);
    Ok(())
}

/// Refuses to choose a kernel of what has none.
fn check_kernel(arguments: &Dump) -> Result<(), Failure> {
    match arguments.stage {
        Stage::Loops | Stage::Clif | Stage::Asm => Ok(()),
        Stage::Parsed
        | Stage::Typed
        | Stage::Gradient
        | Stage::Optimized
        | Stage::Fused
        | Stage::Memory => match &arguments.kernel {
            None => Ok(()),
            Some(_) => {
                let message = "error: `--kernel` chooses at the stages loops, clif and asm\n";
                Err(Failure::Usage(message.to_string()))
            }
        },
    }
}

/// Prints what has no form of its own as data.
fn print_text(arguments: &Dump, text: &dyn std::fmt::Display) {
    if arguments.model.machine.json {
        outln!("{}", json!({"text": text.to_string()}));
    } else {
        out!("{text}");
    }
}

/// How a graph is printed: `--json` is short for `--format json`.
fn format(arguments: &Dump) -> Format {
    if arguments.model.machine.json { Format::Json } else { arguments.format }
}

/// The graph of a mode as it was elaborated.
fn typed<'a>(module: &'a Module, name: Option<EntryName>, entry: &Entry) -> &'a Graph {
    match (name, entry) {
        (Some(EntryName::Train), _) | (None, Entry::Train) => &module.train,
        (Some(EntryName::Eval | EntryName::Run), _) | (None, Entry::Eval | Entry::Run { .. }) => {
            &module.infer
        }
    }
}

/// The graph of an entry with the inputs that it does not read, but whose dimensions it or a variable
/// has and no input that it reads: without them its text would not say what these are.
fn with_dimensions(module: &Module, entry: &EntryGraph) -> Graph {
    let mut graph = entry.graph.clone();
    let variables = module.variables.values().flat_map(|v| &v.tensor_type.shape);
    let mut wanted: Vec<Symbol> = variables.flat_map(Dim::symbols).collect();
    wanted.extend(entry.symbol_inputs.iter().flat_map(|input| input.symbols.clone()));
    let declared = &module.infer;
    for &id in &declared.inputs {
        let brings = |graph: &Graph, id, s: &Symbol| {
            graph.tensor_type(id).shape.contains(&Dim::symbol(&s.0))
        };
        wanted.retain(|s| !graph.inputs.iter().any(|&input| brings(&graph, input, s)));
        if !wanted.iter().any(|s| brings(declared, id, s)) {
            continue;
        }
        // A node that nothing reads may still be there.
        let input = match graph.find(&declared.node(id).name) {
            Some(known) if graph.op(known) == declared.op(id) => known,
            Some(_) => continue,
            None => {
                let added = graph.add(declared.op(id).clone(), &[], &declared.origin(id));
                added.expect("an input has no operands")
            }
        };
        graph.inputs.push(input);
    }
    graph
}

fn slots(entry: &EntryGraph) -> Vec<(&Name, &Variable)> {
    entry.slots.iter().collect()
}

fn print_graph(arguments: &Dump, module: &Module, slots: &[(&Name, &Variable)], graph: &Graph) {
    let variables = module.variables.iter().chain(slots.iter().copied()).collect();
    let text = GraphText { name: module.name.as_deref(), variables, graph };
    match format(arguments) {
        Format::Text => out!("{text}"),
        Format::Dot => out!("{}", Dot(&text)),
        Format::Json => out!("{}", Json(&text)),
    }
}

fn options(arguments: &Dump) -> Options {
    let passes = PassOptions {
        disable: arguments.disable.clone(),
        stop_after: arguments.stop_after.clone(),
        ..PassOptions::default()
    };
    let defaults = Options::default();
    let memory_limit = arguments.model.machine.memory_limit.unwrap_or(defaults.memory_limit);
    Options { passes, memory_limit, ..defaults }
}

/// Prints what each pass, or the chosen one, changes in the text of the graph or of a kernel.
fn pass_by_pass(
    arguments: &Dump,
    program: &ReadFile,
    mut graph: Graph,
    options: &Options,
) -> Result<(), Failure> {
    let refused = |e| Failure::compile(&e, &program.sources);
    let mut options = options.clone();
    if options.passes.stop_after.is_none() {
        options.passes.stop_after.clone_from(&arguments.pass);
    }
    check_passes(&options.passes).map_err(refused)?;
    let mut changes = Changes { arguments, list: vec![] };
    let mut before = graph.to_string();
    let mut observe = |pass: &Pass, graph: &Graph| {
        let after = graph.to_string();
        changes.note((pass.name, pass.doc), None, &before, &after);
        before = after;
    };
    optimize(&mut graph, &options.costs, &options.passes, &mut observe).map_err(refused)?;
    if !PIPELINE.iter().any(|p| Some(p.name) == options.passes.stop_after.as_deref()) {
        loop_passes(&graph, &options, &mut changes);
    }
    if arguments.model.machine.json {
        outln!("{}", Value::Array(changes.list));
    }
    Ok(())
}

/// Notes what the passes over loops change in each kernel.
fn loop_passes(graph: &Graph, options: &Options, changes: &mut Changes<'_>) {
    let target = host_target();
    let fusion = fused(graph, &target, options);
    let mut before = String::new();
    let mut observe = |pass: Option<&LoopPass>, kernel: &Kernel| {
        let after = kernel.to_string();
        if let Some(pass) = pass {
            changes.note((pass.name, pass.doc), Some(&kernel.name), &before, &after);
        }
        before = after;
    };
    kernels(&fusion, &target, options, &mut observe);
}

/// What passes have changed, printed as it comes or kept for a report.
struct Changes<'a> {
    arguments: &'a Dump,
    list: Vec<Value>,
}

impl Changes<'_> {
    /// Notes the difference of two texts, of the graph or of a kernel, if its pass is asked for.
    fn note(&mut self, pass: (&str, &str), kernel: Option<&str>, before: &str, after: &str) {
        let (name, doc) = pass;
        let asked = self.arguments.pass.as_deref().is_none_or(|asked| asked == name);
        if !asked || kernel.is_some() && before == after {
            return;
        }
        let diff = TextDiff::from_lines(before, after);
        let diff = diff.unified_diff().context_radius(0).to_string();
        match (self.arguments.model.machine.json, kernel) {
            (true, Some(kernel)) => {
                self.list.push(json!({"pass": name, "doc": doc, "kernel": kernel, "diff": diff}));
            }
            (true, None) => self.list.push(json!({"pass": name, "doc": doc, "diff": diff})),
            (false, Some(kernel)) => out!("# {name}: {doc} (kernel {kernel})\n{diff}"),
            (false, None) => out!("# {name}: {doc}\n{diff}"),
        }
    }
}

fn optimized_stage(
    arguments: &Dump,
    program: &ReadFile,
    entry: &EntryGraph,
    graph: &Graph,
    binding: &Binding,
) -> Result<(), Failure> {
    let all = program.module.variables.iter().chain(&entry.slots);
    let bound: Result<Vec<(&Name, Variable)>, CompileError> =
        all.map(|(name, variable)| Ok((name, specialise_variable(variable, binding)?))).collect();
    let bound = bound.map_err(|e| Failure::compile(&e, &program.sources))?;
    let variables = bound.iter().map(|(name, variable)| (*name, variable)).collect();
    let name = program.module.name.as_deref();
    let text = GraphText { name, variables, graph };
    match format(arguments) {
        Format::Text => out!("{text}"),
        Format::Dot => out!("{}", Dot(&text)),
        Format::Json => out!("{}", Json(&text)),
    }
    Ok(())
}

/// The stages from the loops on.
fn program_stage(arguments: &Dump, program: &Planned) -> Result<(), Failure> {
    match arguments.stage {
        Stage::Memory => print_text(arguments, program),
        Stage::Clif | Stage::Asm => {
            let texts = codegen::texts(program, &host_target())
                .map_err(|e| Failure::Machine(format!("error: {e}\n")))?;
            let is_assembly = arguments.stage == Stage::Asm;
            let text = |text: CodeText| if is_assembly { text.assembly } else { text.clif };
            let texts = texts.into_iter().enumerate();
            print_kernels(arguments, texts.map(|(i, t)| (i, t.name.clone(), text(t))))?;
        }
        Stage::Parsed
        | Stage::Typed
        | Stage::Gradient
        | Stage::Optimized
        | Stage::Fused
        | Stage::Loops => {
            let kernels = program.kernels.iter().enumerate();
            let texts = kernels.map(|(i, kernel)| (i, kernel.name.clone(), kernel.to_string()));
            print_kernels(arguments, texts)?;
        }
    }
    Ok(())
}

/// Prints the chosen kernels, or all.
fn print_kernels(
    arguments: &Dump,
    texts: impl Iterator<Item = (usize, String, String)>,
) -> Result<(), Failure> {
    let all: Vec<(usize, String, String)> = texts.collect();
    let is_chosen = |(i, name, _): &&(usize, String, String)| {
        arguments.kernel.as_ref().is_none_or(|k| k == name || k.parse() == Ok(*i))
    };
    let chosen: Vec<&(usize, String, String)> = all.iter().filter(is_chosen).collect();
    if let (Some(kernel), true) = (&arguments.kernel, chosen.is_empty()) {
        let names: Vec<String> = all.iter().map(|(i, name, _)| format!("{i} {name}")).collect();
        let names = names.join(", ");
        return Err(Failure::Usage(format!(
            "error: there is no kernel `{kernel}`; the kernels are: {names}\n"
        )));
    }
    if arguments.model.machine.json {
        let kernel = |(i, name, text): &&(usize, String, String)| json!({"number": i, "name": name, "text": text.trim_end()});
        outln!("{}", chosen.iter().map(kernel).collect::<Value>());
        return Ok(());
    }
    for (i, name, text) in chosen {
        outln!("# {i} {name}\n{}\n", text.trim_end());
    }
    Ok(())
}
