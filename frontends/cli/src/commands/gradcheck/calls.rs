//! What a call of `grad` says, against differences of what it is a gradient of.

use std::sync::Arc;

use brolga::compiler::ir::{Graph, Module, Name, NodeId, Origin};
use brolga::compiler::ops::{Leaf, Op};
use brolga::compiler::specialise::specialise;
use brolga::compiler::widen::{wide_literal, widened};
use brolga::text::GradientCall;
use brolga::{Binding, RunError, Session};
use indexmap::IndexMap;

use crate::drawn;
use crate::failure::Failure;

use super::difference::{Context, Values, alone, compared, number, run_at};
use super::report::{Of, Report};

/// The name of the scalar among what is computed.
const SCALAR: &str = "gradient.of";

/// The name of a value that is moved.
const MOVED: &str = "gradient.moved";

/// The gradients of one call. Any value can be what they are with respect to: it becomes an input
/// of what follows from it. In the body of a loop the carries, the elements of sequences and what is
/// captured are drawn as inputs are.
pub(super) fn of_call(
    cx: &Context<'_>,
    (call, binding): (&GradientCall, &Binding),
    values: &Values,
    session: &dyn Fn(Arc<Module>) -> Result<Session, RunError>,
) -> Result<Report, Failure> {
    let refused = |e| cx.refused(&e);
    let graph = specialise(&rooted(call), binding).map_err(refused)?;
    let mut values = values.clone();
    for (name, value) in drawn::inputs(&graph, &IndexMap::new(), cx.seed as u64) {
        values.entry(name).or_insert_with(|| wide_literal(&value));
    }
    let wide = widened(&graph).map_err(refused)?;
    let fail = |e| cx.failed(&e);
    let mut whole = session(module(wide.clone())).map_err(fail)?;
    let all = run_at(&mut whole, vec![], &values).map_err(fail)?;
    let value = number(&all[SCALAR]);
    let mut gradients = vec![];
    for (k, (x, _)) in call.gradients.iter().enumerate() {
        let mut after = session(module(moved(&wide, k))).map_err(fail)?;
        let mut scalar_at = |moved| {
            let mut values = values.clone();
            values.insert(MOVED.into(), moved);
            Ok(number(&run_at(&mut after, vec![], &values).map_err(fail)?[SCALAR]))
        };
        let (name, of) = (call.graph.node(*x).name.clone(), graph.tensor_type(x_of(&graph, k)));
        let at = (name, of.to_string(), value);
        let [x, dx] = [x_name(k), dx_name(k)].map(|name| &all[&name]);
        gradients.push(compared(cx.seed, at, (x, dx), &mut scalar_at)?);
    }
    Ok(Report { of: Of::Call(call.provenance.to_string()), value, gradients })
}

fn x_name(k: usize) -> Name {
    format!("gradient.x.{k}").into()
}

fn dx_name(k: usize) -> Name {
    format!("gradient.dx.{k}").into()
}

/// The graph of a call, whose outputs are the scalar, then each value with its gradient; parameters of
/// a body are inputs.
fn rooted(call: &GradientCall) -> Graph {
    let mut graph = alone(&call.graph);
    graph.steps.clear();
    graph.outputs.push((SCALAR.into(), call.y));
    for (k, (x, dx)) in call.gradients.iter().enumerate() {
        graph.outputs.extend([(x_name(k), *x), (dx_name(k), *dx)]);
    }
    let is_input = |id: &NodeId| matches!(graph.op(*id), Op::Leaf(Leaf::Input { .. }));
    graph.inputs = graph.inputs.iter().copied().filter(is_input).collect();
    for id in graph.ids() {
        if matches!(graph.op(id), Op::Leaf(Leaf::Parameter { .. })) {
            let name = format!("gradient.parameter.{}", id.number());
            let input = input(&mut graph, &name, id);
            graph.replace_uses(id, input);
        }
    }
    graph
}

/// A new input of the type of a node.
fn input(graph: &mut Graph, name: &str, like: NodeId) -> NodeId {
    let leaf = Leaf::Input { name: name.into(), tensor_type: graph.tensor_type(like).clone() };
    let input = graph.add(leaf, &[], &Origin::named(name, Default::default()));
    let input = input.expect("a leaf has no operands that it could refuse");
    graph.inputs.push(input);
    input
}

/// A module that computes the outputs of a graph.
fn module(mut graph: Graph) -> Arc<Module> {
    graph.dissolve_bindings();
    Arc::new(Module { infer: graph, ..Module::default() })
}

/// The scalar alone, where an input takes the place of a value.
fn moved(wide: &Graph, k: usize) -> Graph {
    let mut after = wide.clone();
    let x = x_of(&after, k);
    after.outputs.truncate(1);
    let moved = input(&mut after, MOVED, x);
    after.replace_uses(x, moved);
    after
}

/// What the gradient of a number is with respect to.
fn x_of(rooted: &Graph, k: usize) -> NodeId {
    rooted.outputs[1 + 2 * k].1
}
