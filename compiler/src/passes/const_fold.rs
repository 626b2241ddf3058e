//! Constant folding: a node whose operands are known is computed by its own `eval`, as long as
//! the result is small. Linear, with a budget of elements for each result.

use std::borrow::Cow;

use crate::error::CompileError;
use crate::ir::{Graph, Literal, NodeId};
use crate::ops::{EvalContext, Leaf, Movement, Op, OpRules, Reference};

/// Results above so many elements stay computations: the program would grow by their bytes.
/// Splats are exempt, because a kernel reads them as immediates.
const MAX_ELEMENTS: usize = 1 << 14;

/// Operands of one value everywhere have at most so many elements: some milliseconds to go through.
const MAX_SPREAD: usize = 1 << 18;

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    let cx = EvalContext { leaves: &(), contraction: &Reference, region: None };
    for node in graph.order() {
        let Some(value) = fold(graph, node, &cx) else { continue };
        let origin = graph.origin(node);
        let constant = graph
            .add(Leaf::constant(value), &[], &origin)
            .map_err(|e| CompileError::of_type(e, graph, node))?;
        graph.replace_uses(node, constant);
    }
    Ok(())
}

fn fold(graph: &Graph, node: NodeId, cx: &EvalContext<'_>) -> Option<Literal> {
    let op = graph.op(node);
    if matches!(op, Op::Leaf(_)) || op.region().is_some() || graph.node(node).types.len() != 1 {
        return None;
    }
    let n = graph.tensor_type(node).n_elements()?;
    let operands: Option<Vec<Cow<'_, Literal>>> =
        graph.operands(node).iter().map(|&o| known(graph, o, n)).collect();
    let operands = operands.filter(|o| !o.is_empty())?;
    // Broadcasting a constant makes it larger without making it known better.
    let grows = operands.iter().all(|o| o.n_elements() < n);
    if n > MAX_ELEMENTS || grows {
        return None;
    }
    let operands: Vec<&Literal> = operands.iter().map(|o| &**o).collect();
    op.eval(cx, &operands).ok()?.pop()
}

/// The value of an operand of a node of `n` elements: a constant, or one value everywhere where the
/// node makes less of it, as the number of elements that a window sees is a sum of ones.
fn known(graph: &Graph, operand: NodeId, n: usize) -> Option<Cow<'_, Literal>> {
    match graph.op(operand) {
        Op::Leaf(Leaf::Constant(literal)) => Some(Cow::Borrowed(literal)),
        Op::Movement(Movement::Broadcast { .. }) => {
            let Op::Leaf(Leaf::Constant(of)) = graph.op(graph.operands(operand)[0]) else {
                return None;
            };
            let spread = graph.tensor_type(operand);
            let fits = (n + 1..=MAX_SPREAD).contains(&spread.n_elements()?);
            fits.then_some(Cow::Owned(Literal::filled(&spread.sizes()?, of.splat_value()?)))
        }
        _ => None,
    }
}
