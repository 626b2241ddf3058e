//! `brolga dump`: a file at a stage of the compiler, as text, drawing or data.

use std::sync::Arc;

use brolga::Binding;
use brolga::compiler::compile::{Options, check_passes, fused, kernels};
use brolga::compiler::entry::entry_graph;
use brolga::compiler::ir::Graph;
use brolga::compiler::loop_ir::{Kernel, LoopPass};
use brolga::compiler::passes::{PIPELINE, Pass, PassOptions, optimize};
use brolga::compiler::specialise::specialise;
use brolga::compiler::stages::{Form, KernelText, StageError, Subject, snapshot};
use brolga::runtime::host_target;
use brolga::text::diagnostics::render;
use brolga::text::parser;
use brolga::text::source::Sources;
use serde_json::{Value, json};
use similar::TextDiff;

use crate::arguments::{Dump, Format};
use crate::failure::{Failure, render_options};
use crate::model::{ReadFile, assumed, check_dims, entry, limits, read, text_of};
use crate::output::{out, outln};

pub(crate) fn run(arguments: &Dump) -> Result<(), Failure> {
    let Some(stage) = arguments.stage.of_compiler() else { return parsed(arguments) };
    if arguments.kernel.is_some() && !stage.is_by_kernel() {
        return Err(usage("`--kernel` chooses at the stages loops, clif and asm"));
    }
    if arguments.format != Format::Text && !stage.is_graph() {
        return Err(usage("only graphs (typed, gradient, optimized) have another format"));
    }
    let mut program = read(&arguments.model)?;
    Arc::make_mut(&mut program.module).accumulate(arguments.accumulate);
    let module = &program.module;
    check_dims(module, &arguments.model.dims)?;
    let entry = entry(module, arguments.entry, &[]);
    let mut binding = Binding::default();
    if stage.has_numbers() {
        let (all, assumed) = assumed(module, &arguments.model.dims)?;
        binding = all;
        if !assumed.is_empty() && format(arguments) == Format::Text {
            outln!("# for {}; see --dim", assumed.join(", "));
        }
    }
    let (target, options) = (&host_target(), &options(arguments));
    let subject = Subject { module, entry: &entry, binding: &binding, target, options };
    if stage.has_numbers() && (arguments.pass_by_pass || arguments.pass.is_some()) {
        return pass_by_pass(arguments, &program, &subject);
    }
    let found = snapshot(&subject, stage).map_err(|error| match error {
        StageError::Compile(error) => Failure::compile(&error, &program.sources),
        StageError::Codegen(error) => Failure::Machine(format!("error: {error}\n")),
    })?;
    let form = match found.form {
        Form::Kernels(kernels) => Form::Kernels(chosen(arguments, kernels)?),
        form => form,
    };
    match format(arguments) {
        Format::Text => out!("{form}"),
        Format::Json => out!("{}", form.json()),
        Format::Dot => out!("{}", form.dot().unwrap_or_default()),
    }
    found.refused.map_or(Ok(()), |error| Err(Failure::compile(&error, &program.sources)))
}

fn usage(message: &str) -> Failure {
    Failure::Usage(format!("error: {message}\n"))
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
    subject: &Subject<'_>,
) -> Result<(), Failure> {
    let refused = |e| Failure::compile(&e, &program.sources);
    let symbolic = entry_graph(subject.module, subject.entry).map_err(refused)?;
    let mut graph = specialise(&symbolic.graph, subject.binding).map_err(refused)?;
    let mut options = subject.options.clone();
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

/// The kernels that were asked for: all, or one.
fn chosen(arguments: &Dump, all: Vec<KernelText>) -> Result<Vec<KernelText>, Failure> {
    let Some(asked) = &arguments.kernel else { return Ok(all) };
    let is_asked = |k: &KernelText| *asked == k.name || asked.parse() == Ok(k.number);
    if !all.iter().any(is_asked) {
        let names: Vec<String> = all.iter().map(|k| format!("{} {}", k.number, k.name)).collect();
        let message =
            format!("there is no kernel `{asked}`; the kernels are: {}", names.join(", "));
        return Err(usage(&message));
    }
    Ok(all.into_iter().filter(is_asked).collect())
}
