//! `brolga gradcheck`: every gradient of a training step against central differences, in f64.

use std::fmt::Write;
use std::sync::Arc;

use brolga::compiler::autodiff::differentiate;
use brolga::compiler::error::codes;
use brolga::compiler::ir::{Graph, Literal, Module, Name, NodeId, Scalar, TrainingStep};
use brolga::compiler::specialise::specialise;
use brolga::compiler::widen::{wide_literal, widened};
use brolga::runtime::data::Counter;
use brolga::{Binding, Entry, Session};
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::arguments::Gradcheck;
use crate::drawn;
use crate::failure::Failure;
use crate::model::{ReadFile, assumed, check_dims, read, session, session_options};
use crate::output::{out, outln};

/// How long a step along a direction is: the difference then has some five places of the slope
/// where the loss has sixteen, and its third derivative does not count.
const STEP: f64 = 1e-5;

/// A gradient's element along a direction may be off by this part of its size.
const ALLOWED: f64 = 1e-4;

/// Roundings of a loss, in units of its last place, that a difference of two may show.
const ROUNDINGS: f64 = 1e3;

/// Each parameter is moved in so many directions, in each of which all its elements move.
const DIRECTIONS: u64 = 3;

/// The name of the loss among what is computed.
const LOSS: &str = "loss";

type Values = IndexMap<Name, Literal>;

/// A gradient along the direction in which it is farthest off.
struct Checked {
    parameter: Name,
    /// The type in the file.
    of: String,
    gradient: f64,
    difference: f64,
    /// The part of its size by which it is off.
    off: f64,
    holds: bool,
}

/// What was found of a training step.
struct Report {
    step: Name,
    loss: f64,
    gradients: Vec<Checked>,
}

pub(crate) fn run(arguments: &Gradcheck) -> Result<(), Failure> {
    let program = read(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let (binding, assumed) = assumed(&program.module, &arguments.model.dims)?;
    if program.module.train.steps.is_empty() {
        let message = "there is no gradient to check: the program has no training step";
        return Err(Failure::input(codes::NOTHING_TO_COMPUTE, message, "add a `minimize`"));
    }
    let refused = |e| Failure::compile(&e, &program.sources);
    let graph = specialise(&program.module.train, &binding).map_err(refused)?;
    let seed = arguments.model.machine.seed as u64;
    let mut values: Values =
        drawn::inputs(&graph, &drawn::ranges(&graph, &arguments.ranges)?, seed);
    values.extend(variables(arguments, &program, &binding)?);
    values.values_mut().for_each(|value| *value = wide_literal(value));
    let mut reports = vec![];
    for step in &graph.steps {
        reports.push(checked(arguments, &program, (&graph, step), &values)?);
    }
    if arguments.model.machine.json {
        outln!("{}", as_json(&reports));
    } else {
        print(&reports, &assumed);
    }
    let all = || reports.iter().flat_map(|report| &report.gradients);
    let wrong = all().filter(|gradient| !gradient.holds).count();
    if wrong > 0 {
        let n = all().count();
        return Err(Failure::Input(format!("error: {wrong} of {n} gradients are no slopes\n")));
    }
    Ok(())
}

/// What the variables are at first.
fn variables(
    arguments: &Gradcheck,
    program: &ReadFile,
    binding: &Binding,
) -> Result<Values, Failure> {
    let mut session = session(program, session_options(&arguments.model.machine))?;
    session.prepare(&Entry::Train, binding).map_err(|e| Failure::run(&e, &program.sources))?;
    Ok(session.variables().map(|(name, _, value)| (name.clone(), value)).collect())
}

/// The gradients of a step's loss, each along some directions.
fn checked(
    arguments: &Gradcheck,
    program: &ReadFile,
    (graph, step): (&Graph, &TrainingStep),
    values: &Values,
) -> Result<Report, Failure> {
    let refused = |e| Failure::compile(&e, &program.sources);
    let mut wide = alone(graph);
    let parameters: Vec<Name> =
        step.groups.iter().flat_map(|group| &group.variables).cloned().collect();
    let nodes: Vec<NodeId> = parameters.iter().filter_map(|name| wide.find(name)).collect();
    wide = widened(&wide).map_err(refused)?;
    let found = differentiate(&mut wide, step.loss, &nodes).map_err(refused)?;
    let gradients = parameters.iter().zip(found).filter_map(|(name, dx)| Some((name.clone(), dx?)));
    wide.outputs = gradients.collect();
    wide.outputs.push((LOSS.into(), step.loss));
    let module = Arc::new(Module { infer: wide, ..Module::default() });
    let options = session_options(&arguments.model.machine);
    let fail = |e| Failure::run(&e, &program.sources);
    let mut session = Session::new(module, options).map_err(fail)?;
    let all = run_at(&mut session, vec![], values).map_err(fail)?;
    let mut report =
        Report { step: step.name.clone(), loss: number(&all[LOSS]), gradients: vec![] };
    for (name, gradient) in all.iter().filter(|(name, _)| &***name != LOSS) {
        let mut loss_at = |moved: Literal| {
            let mut values = values.clone();
            values.insert(name.clone(), moved);
            let fetched = vec![Name::from(LOSS)];
            Ok(number(&run_at(&mut session, fetched, &values).map_err(fail)?[LOSS]))
        };
        let value = &values[name];
        let (slope, difference) =
            worst(arguments.model.machine.seed, (value, gradient), &mut loss_at)?;
        let size = size(gradient, slope, difference);
        let off = if size > 0.0 { (slope - difference).abs() / size } else { 0.0 };
        let holds = is_slope(slope, difference, size, rounding(report.loss, value));
        let of = graph.find(name).map_or(String::new(), |id| graph.tensor_type(id).to_string());
        let parameter = name.clone();
        report.gradients.push(Checked { parameter, of, gradient: slope, difference, off, holds });
    }
    Ok(report)
}

/// The graph without what it reports and writes.
fn alone(graph: &Graph) -> Graph {
    let mut alone = graph.clone();
    alone.outputs.clear();
    alone.metrics.clear();
    alone.updates.clear();
    alone
}

/// What is fetched, or all outputs, at these values.
fn run_at(
    session: &mut Session,
    fetch: Vec<Name>,
    values: &Values,
) -> Result<Values, brolga::RunError> {
    let entry = Entry::Run { fetch };
    let wanted = session.inputs(&entry)?;
    let feeds = wanted.iter().filter_map(|(name, _)| values.get_key_value(&**name));
    let feeds: Values = feeds.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(session.run(&entry, &Binding::default(), &feeds)?.outputs)
}

fn number(loss: &Literal) -> f64 {
    loss.scalars().next().map_or(f64::NAN, Scalar::to_f64)
}

/// The gradient and the difference along the direction in which they are farthest from each other.
fn worst(
    seed: i64,
    (value, gradient): (&Literal, &Literal),
    loss_at: &mut impl FnMut(Literal) -> Result<f64, Failure>,
) -> Result<(f64, f64), Failure> {
    let n = value.n_elements();
    let h = STEP / (n.max(1) as f64).sqrt();
    let mut worst = (0.0, 0.0);
    for direction in 0..DIRECTIONS {
        let counter = Counter::new(&[seed as u64, n as u64, direction]);
        let sign = |i: usize| if counter.below(i as u64, 2) == 0 { 1.0 } else { -1.0 };
        let along = gradient.scalars().enumerate().map(|(i, g)| sign(i) * g.to_f64());
        let slope: f64 = along.sum();
        let moved = |by: f64| {
            let elements = value.scalars().enumerate().map(|(i, x)| x.to_f64() + by * sign(i));
            Literal::from_vec(value.sizes(), elements.collect::<Vec<f64>>())
        };
        let (Some(above), Some(below)) = (moved(h), moved(-h)) else { continue };
        let difference = (loss_at(above)? - loss_at(below)?) / (2.0 * h);
        let off = |(a, b): (f64, f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
        if direction == 0 || off((slope, difference)) > off(worst) {
            worst = (slope, difference);
        }
    }
    Ok(worst)
}

/// The size of a gradient along a direction: what it would be if its elements did not cancel.
fn size(gradient: &Literal, slope: f64, difference: f64) -> f64 {
    let squares: f64 = gradient.scalars().map(|g| g.to_f64().powi(2)).sum();
    squares.sqrt().max(slope.abs()).max(difference.abs())
}

/// What roundings of the loss make of a difference.
fn rounding(loss: f64, value: &Literal) -> f64 {
    let h = STEP / (value.n_elements().max(1) as f64).sqrt();
    ROUNDINGS * f64::EPSILON * loss.abs().max(1.0) / h
}

fn is_slope(slope: f64, difference: f64, size: f64, rounding: f64) -> bool {
    (slope - difference).abs() <= ALLOWED * size + rounding
}

fn print(reports: &[Report], assumed: &[String]) {
    if !assumed.is_empty() {
        outln!("with {}", assumed.join(", "));
    }
    for report in reports {
        outln!("step {}: loss {}", report.step, report.loss);
        let rows = report.gradients.iter().map(|g| {
            let holds = if g.holds { "" } else { "  no slope" };
            [
                g.parameter.to_string(),
                g.of.clone(),
                format!("{:.6e}", g.gradient),
                format!("{:.6e}", g.difference),
                format!("{:.1e}{holds}", g.off),
            ]
        });
        let head = ["parameter", "type", "gradient", "difference", "off by"].map(String::from);
        out!("{}", table(std::iter::once(head).chain(rows).collect()));
    }
    let n: usize = reports.iter().map(|report| report.gradients.len()).sum();
    if reports.iter().flat_map(|report| &report.gradients).all(|gradient| gradient.holds) {
        outln!("{n} gradients are slopes, along {DIRECTIONS} directions each");
    }
}

/// Rows with their columns below each other.
fn table(rows: Vec<[String; 5]>) -> String {
    let width = |k: usize| rows.iter().map(|row| row[k].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "  {cell:width$}");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn as_json(reports: &[Report]) -> Value {
    let gradient = |g: &Checked| {
        json!({
            "parameter": &*g.parameter,
            "type": g.of,
            "gradient": g.gradient,
            "difference": g.difference,
            "off": g.off,
            "holds": g.holds,
        })
    };
    let report = |report: &Report| {
        let gradients: Vec<Value> = report.gradients.iter().map(gradient).collect();
        json!({"step": &*report.step, "loss": report.loss, "gradients": gradients})
    };
    json!({"steps": reports.iter().map(report).collect::<Vec<Value>>()})
}
