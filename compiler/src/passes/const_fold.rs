//! Constant folding: a node whose operands are known is computed by its own `eval`, as long as
//! the result is small. Linear, with a budget of elements for each result.

use std::borrow::Cow;

use crate::error::CompileError;
use crate::ir::{Graph, Literal, NodeId, Scalar};
use crate::ops::{EvalContext, Leaf, Movement, Op, OpRules, Reference};

/// Results above so many elements stay computations: the program would grow by their bytes.
/// Splats are exempt, because a kernel reads them as immediates.
const MAX_ELEMENTS: usize = 1 << 14;

/// Operands of one value everywhere have at most so many elements: some milliseconds to go through.
const MAX_SPREAD: usize = 1 << 18;

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    let cx = EvalContext::new(&(), &Reference);
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
    let n = graph.tensor_type(node).n_elements().filter(|n| *n <= MAX_ELEMENTS)?;
    let operands = graph.operands(node);
    let is_known = |&o: &NodeId| constant(graph, o).is_some() || spread(graph, o, n).is_some();
    if operands.is_empty() || !operands.iter().all(is_known) {
        return None;
    }
    let value = |&o: &NodeId| match constant(graph, o) {
        Some(literal) => Some(Cow::Borrowed(literal)),
        None => {
            let (sizes, value) = spread(graph, o, n)?;
            Some(Cow::Owned(Literal::filled(&sizes, value)))
        }
    };
    let operands: Vec<Cow<'_, Literal>> = operands.iter().map(value).collect::<Option<_>>()?;
    // Broadcasting a constant makes it larger without making it known better.
    if operands.iter().all(|o| o.n_elements() < n) {
        return None;
    }
    let operands: Vec<&Literal> = operands.iter().map(|o| &**o).collect();
    op.eval(cx, &operands).ok()?.pop()
}

fn constant(graph: &Graph, node: NodeId) -> Option<&Literal> {
    if let Op::Leaf(Leaf::Constant(literal)) = graph.op(node) { Some(literal) } else { None }
}

/// The sizes and the one value of an operand of which a node of `n` elements makes less, as the number
/// of elements that a window sees is a sum of ones.
fn spread(graph: &Graph, operand: NodeId, n: usize) -> Option<(Vec<usize>, Scalar)> {
    let Op::Movement(Movement::Broadcast { .. }) = graph.op(operand) else { return None };
    let of = constant(graph, graph.operands(operand)[0])?;
    let spread = graph.tensor_type(operand);
    let fits = (n + 1..=MAX_SPREAD).contains(&spread.n_elements()?);
    Some((spread.sizes()?, of.splat_value()?)).filter(|_| fits)
}
