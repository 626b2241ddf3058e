//! `brolga check`: what every entry needs and makes, the parameters, memory and work of a step.

use brolga::compiler::compile::{Options, compile_graph};
use brolga::compiler::ir::{Graph, MetricKind, VariableKind};
use brolga::compiler::ops::flops;
use brolga::compiler::specialise::specialise;
use brolga::runtime::train::bytes_ahead;
use brolga::runtime::{RunError, host_target};
use brolga::text::diagnostics::{Diagnostics, record};
use brolga::text::{Layer, variables_of_layers};
use brolga::{Binding, Entry, Session};
use serde_json::{Value, json};

use crate::arguments::Check;
use crate::failure::Failure;
use crate::model::{ReadFile, assumed, check_dims, read, say_unused, session, session_options};
use crate::output::outln;

pub(crate) fn run(arguments: &Check) -> Result<(), Failure> {
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let (binding, assumed) = assumed(&program.module, &arguments.model.dims)?;
    let mut options = session_options(&arguments.model.machine);
    // Nothing is run, so no thread is started.
    let threads = std::mem::replace(&mut options.threads, 1);
    let mut session = session(&program, options)?;
    let mut entries = vec![];
    for (name, entry) in present(&program) {
        entries.push((name, checked(&mut session, &program, (name, &entry), (&binding, threads))?));
    }
    let warnings = say_unused(&program);
    if arguments.model.machine.json {
        outln!("{}", as_json(&program, &entries, &binding, &warnings));
    } else {
        print(&program, &entries, &binding, &assumed);
    }
    Ok(())
}

/// The entries that a file has.
fn present(program: &ReadFile) -> Vec<(&'static str, Entry)> {
    let (train, infer) = (&program.module.train, &program.module.infer);
    let mut entries = vec![];
    if !train.steps.is_empty() || !train.updates.is_empty() {
        entries.push(("train", Entry::Train));
    }
    if !infer.steps.is_empty() || !infer.metrics.is_empty() {
        entries.push(("eval", Entry::Eval));
    }
    if !infer.outputs.is_empty() {
        entries.push(("run", Entry::Run { fetch: vec![] }));
    }
    entries
}

/// What was found of an entry.
struct Report {
    inputs: Vec<(String, String)>,
    results: Vec<(String, String)>,
    peak_bytes: usize,
    flops: u64,
}

fn checked(
    session: &mut Session,
    program: &ReadFile,
    (name, entry): (&str, &Entry),
    (binding, threads): (&Binding, usize),
) -> Result<Report, Failure> {
    let fail = |e| Failure::run(&e, &program.sources);
    let inputs = session.inputs(entry).map_err(fail)?;
    let memory_limit = session.options().memory_limit;
    let graph = session.entry(entry).map_err(fail)?;
    let refused = |e| Failure::compile(&e, &program.sources);
    let specialised = specialise(&graph.graph, binding).map_err(refused)?;
    let options = Options { memory_limit, ..Options::default() };
    let compiled = compile_graph(specialised, &host_target(), &options).map_err(refused)?;
    let ahead = match entry {
        Entry::Train => bytes_ahead(&compiled.program),
        Entry::Eval | Entry::Run { .. } => 0,
    };
    let bytes = session.n_bytes(&compiled.program, binding, threads).saturating_add(ahead);
    if bytes > memory_limit {
        let purpose = format!("`{name}`");
        let (bytes, limit) = (bytes as u64, memory_limit as u64);
        return Err(fail(RunError::MemoryLimit { purpose, bytes, taken: 0, limit }));
    }
    Ok(Report {
        inputs: inputs.into_iter().map(|(name, t)| (name, t.to_string())).collect(),
        results: results(&graph.graph),
        peak_bytes: bytes,
        flops: flops(&compiled.optimized),
    })
}

fn results(graph: &Graph) -> Vec<(String, String)> {
    let outputs = graph.outputs.iter();
    let outputs = outputs.map(|(name, id)| (name.to_string(), graph.tensor_type(*id).to_string()));
    let metrics = graph.metrics.iter().map(|m| (m.name.to_string(), metric_type(graph, &m.kind)));
    outputs.chain(metrics).collect()
}

/// The type of what a metric reports, whatever sums it is made of.
fn metric_type(graph: &Graph, kind: &MetricKind) -> String {
    match kind {
        MetricKind::Mean(node) => graph.tensor_type(*node).to_string(),
        MetricKind::Total { finish, .. } => finish.tensor_type(finish.outputs[0].1).to_string(),
    }
}

/// The numbers that variables of a kind hold.
fn count(program: &ReadFile, kind: VariableKind, binding: &Binding) -> usize {
    let of_kind = program.module.variables.values().filter(|v| v.kind == kind);
    let bound = of_kind.filter_map(|v| v.tensor_type.bind(binding).ok());
    bound.filter_map(|t| t.n_elements()).fold(0, usize::saturating_add)
}

fn kind_name(kind: VariableKind) -> &'static str {
    match kind {
        VariableKind::Param => "param",
        VariableKind::State => "state",
        VariableKind::Slot => "slot",
    }
}

/// A call that made variables: its path, function and results, and how many numbers are trained.
struct LayerRow<'p> {
    layer: &'p Layer,
    outputs: String,
    /// `None` where a dimension is not known.
    params: Option<usize>,
}

/// The layers of a file, in the order of their calls.
fn layers(program: &ReadFile) -> Vec<LayerRow<'_>> {
    let module = &program.module;
    let of_layers = variables_of_layers(module, &program.layers);
    let params = |layer: usize| {
        let own = of_layers.iter().filter(|(of, _)| *of == layer);
        own.map(|(_, name)| &module.variables[*name])
            .filter(|variable| variable.kind == VariableKind::Param)
            .map(|variable| variable.tensor_type.n_elements())
            .try_fold(0, |sum: usize, n| Some(sum.saturating_add(n?)))
    };
    let outputs = |layer: &Layer| {
        let outputs: Vec<String> = layer.outputs.iter().map(|t| t.to_string()).collect();
        outputs.join(", ")
    };
    let rows = program.layers.iter().enumerate();
    rows.map(|(number, layer)| LayerRow { layer, outputs: outputs(layer), params: params(number) })
        .collect()
}

/// Rows of texts as columns, the last one aligned to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                match column + 1 == N {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:width$}"),
                }
            });
        text.push_str(&cells.collect::<Vec<String>>().join("  "));
        text.push('\n');
    }
    text
}

fn print_layers(program: &ReadFile) {
    let layers = layers(program);
    if layers.is_empty() {
        return;
    }
    let head = ["layer", "function", "output", "params"].map(str::to_string);
    let row = |row: &LayerRow<'_>| {
        let count = row.params.map_or("?".to_string(), |n| n.to_string());
        [row.layer.path.to_string(), row.layer.function.to_string(), row.outputs.clone(), count]
    };
    let rows: Vec<[String; 4]> = [head].into_iter().chain(layers.iter().map(row)).collect();
    outln!("{}", aligned(&rows));
}

fn print(program: &ReadFile, entries: &[(&str, Report)], binding: &Binding, assumed: &[String]) {
    print_layers(program);
    let rows: Vec<[String; 4]> = program
        .module
        .variables
        .iter()
        .map(|(name, v)| {
            let count = v.tensor_type.n_elements().map_or("?".to_string(), |n| n.to_string());
            let kind = kind_name(v.kind).to_string();
            [name.to_string(), v.tensor_type.to_string(), count, kind]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (a, b, c) = (width(0), width(1), width(2));
    for [name, tensor_type, count, kind] in &rows {
        outln!("{name:a$}  {tensor_type:b$}  {count:>c$}  {kind}");
    }
    let (params, states) = (
        count(program, VariableKind::Param, binding),
        count(program, VariableKind::State, binding),
    );
    outln!("{params} trainable, {states} other numbers");
    for (name, report) in entries {
        let typed = |list: &[(String, String)]| {
            let texts: Vec<String> = list.iter().map(|(n, t)| format!("{n}: {t}")).collect();
            texts.join(", ")
        };
        outln!("\n{name}({})", typed(&report.inputs));
        if !report.results.is_empty() {
            outln!("    gives  {}", typed(&report.results));
        }
        outln!("    memory {} bytes", report.peak_bytes);
        outln!("    work   {} floating-point operations", report.flops);
    }
    if !assumed.is_empty() {
        outln!("\nmemory and work are for {}; see --dim", assumed.join(", "));
    }
}

fn as_json(
    program: &ReadFile,
    entries: &[(&str, Report)],
    binding: &Binding,
    warnings: &Diagnostics,
) -> Value {
    let layer = |row: &LayerRow<'_>| {
        json!({
            "name": &*row.layer.path,
            "function": &*row.layer.function,
            "outputs": row.layer.outputs.iter().map(|t| t.to_string()).collect::<Vec<String>>(),
            "params": row.params,
        })
    };
    let warning = |diagnostic| {
        let record = record(diagnostic, &program.sources);
        let place = record.labels.first().map(|label| &label.place);
        json!({
            "code": record.code,
            "text": record.message,
            "line": place.map(|place| place.line),
            "column": place.map(|place| place.column),
        })
    };
    let variables = program.module.variables.iter().map(|(name, v)| {
        json!({
            "name": &**name,
            "kind": kind_name(v.kind),
            "type": v.tensor_type.to_string(),
            "count": v.tensor_type.n_elements(),
        })
    });
    let typed = |list: &[(String, String)]| -> Value {
        list.iter().map(|(name, t)| json!({"name": name, "type": t})).collect()
    };
    let entry = |(name, report): &(&str, Report)| {
        json!({
            "name": name,
            "inputs": typed(&report.inputs),
            "results": typed(&report.results),
            "peak_bytes": report.peak_bytes,
            "flops": report.flops,
        })
    };
    json!({
        "layers": layers(program).iter().map(layer).collect::<Vec<Value>>(),
        "variables": variables.collect::<Vec<Value>>(),
        "trainable": count(program, VariableKind::Param, binding),
        "entries": entries.iter().map(entry).collect::<Vec<Value>>(),
        "warnings": warnings.iter().map(warning).collect::<Vec<Value>>(),
    })
}
