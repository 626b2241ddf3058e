//! `brolga gradcheck`: every gradient of a file against central differences, in f64: those of its
//! steps' losses, and what its calls of `grad` say.

mod calls;
mod difference;
mod report;

use std::sync::Arc;

use brolga::compiler::autodiff::differentiate;
use brolga::compiler::error::codes;
use brolga::compiler::ir::{Graph, Module, Name, NodeId, TrainingStep};
use brolga::compiler::specialise::specialise;
use brolga::compiler::widen::{wide_literal, widened};
use brolga::text::GradientCall;
use brolga::{Binding, Session};

use crate::arguments::Gradcheck;
use crate::drawn;
use crate::failure::Failure;
use crate::model::{
    ReadFile, assumed, batch_dims, check_dims, entry, read_gradients, session, session_options,
};
use crate::output::outln;

use difference::{Context, Values, alone, compared, number, run_at};
use report::{Of, Report};

/// The name of the loss among what is computed.
const LOSS: &str = "loss";

pub(crate) fn run(arguments: &Gradcheck) -> Result<(), Failure> {
    let (program, calls) = read_gradients(&arguments.model)?;
    check_dims(&program.module, &arguments.model.dims)?;
    let dims = batch_dims(&program.module, arguments.batch_size, &arguments.model.dims)?;
    let (binding, assumed) = assumed(&program.module, &dims)?;
    if program.module.train.steps.is_empty() && calls.is_empty() {
        let message = "there is no gradient to check: the program has no step and no `grad`";
        return Err(Failure::input(codes::NOTHING_TO_COMPUTE, message, "add a `minimize`"));
    }
    let reports = reports(arguments, &program, (&calls, &binding))?;
    if arguments.model.machine.json {
        outln!("{}", report::as_json(&reports));
    } else {
        report::print(&reports, &assumed);
    }
    let all = || reports.iter().flat_map(|report| &report.gradients);
    let wrong = all().filter(|gradient| !gradient.holds).count();
    if wrong > 0 {
        let n = all().count();
        return Err(Failure::Reported(format!("error: {wrong} of {n} gradients are no slopes\n")));
    }
    Ok(())
}

/// What is found of each step, then of each call.
fn reports(
    arguments: &Gradcheck,
    program: &ReadFile,
    (calls, binding): (&[GradientCall], &Binding),
) -> Result<Vec<Report>, Failure> {
    let cx = Context { seed: arguments.model.machine.seed, program };
    let refused = |e| cx.refused(&e);
    let graph = specialise(&program.module.train, binding).map_err(refused)?;
    let seed = cx.seed as u64;
    let ranges = drawn::ranges(&graph, &arguments.ranges)?;
    let mut values: Values = drawn::inputs(&graph, &ranges, seed);
    values.extend(variables(arguments, program, binding)?);
    values.values_mut().for_each(|value| *value = wide_literal(value));
    let options = || session_options(&arguments.model.machine);
    let mut reports = vec![];
    for step in &graph.steps {
        let session = |module| Session::new(module, options());
        reports.push(of_step(&cx, (&graph, step), &values, &session)?);
    }
    for call in calls {
        let session = |module| Session::new(module, options());
        reports.push(calls::of_call(&cx, (call, binding), &values, &session)?);
    }
    Ok(reports)
}

/// What the variables are at first.
fn variables(
    arguments: &Gradcheck,
    program: &ReadFile,
    binding: &Binding,
) -> Result<Values, Failure> {
    if program.module.variables.is_empty() {
        return Ok(Values::new());
    }
    let mut session = session(program, session_options(&arguments.model.machine))?;
    let entry = entry(&program.module, None, &[]);
    session.prepare(&entry, binding).map_err(|e| Failure::run(&e, &program.sources))?;
    Ok(session.variables().map(|(name, _, value)| (name.clone(), value)).collect())
}

/// The gradients of a step's loss with respect to its parameters.
fn of_step(
    cx: &Context<'_>,
    (graph, step): (&Graph, &TrainingStep),
    values: &Values,
    session: &dyn Fn(Arc<Module>) -> Result<Session, brolga::RunError>,
) -> Result<Report, Failure> {
    let refused = |e| cx.refused(&e);
    let parameters: Vec<Name> =
        step.groups.iter().flat_map(|group| &group.variables).cloned().collect();
    let mut wide = widened(&alone(graph)).map_err(refused)?;
    let nodes: Vec<NodeId> = parameters.iter().filter_map(|name| wide.find(name)).collect();
    let found = differentiate(&mut wide, step.loss, &nodes).map_err(refused)?;
    let gradients = parameters.iter().zip(found).filter_map(|(name, dx)| Some((name.clone(), dx?)));
    wide.outputs = gradients.collect();
    wide.outputs.push((LOSS.into(), step.loss));
    let fail = |e| cx.failed(&e);
    let module = Arc::new(Module { infer: wide, ..Module::default() });
    let mut session = session(module).map_err(fail)?;
    let all = run_at(&mut session, vec![], values).map_err(fail)?;
    let value = number(&all[LOSS]);
    let mut gradients = vec![];
    for (name, gradient) in all.iter().filter(|(name, _)| &***name != LOSS) {
        let mut loss_at = |moved| {
            let mut values = values.clone();
            values.insert(name.clone(), moved);
            let fetched = vec![Name::from(LOSS)];
            Ok(number(&run_at(&mut session, fetched, &values).map_err(fail)?[LOSS]))
        };
        let of = graph.find(name).map_or(String::new(), |id| graph.tensor_type(id).to_string());
        let at = (name.clone(), of, value);
        gradients.push(compared(cx.seed, at, (&values[name], gradient), &mut loss_at)?);
    }
    Ok(Report { of: Of::Step(step.name.clone()), value, gradients })
}
