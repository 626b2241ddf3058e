//! Constant folding: a node whose operands are known is computed by its own `eval`, as long as
//! the result is small. Linear, with a budget of elements for each result.

use crate::error::CompileError;
use crate::ir::{Graph, Literal, NodeId};
use crate::ops::{EvalContext, Leaf, Op, OpRules, Reference};

/// Results above so many elements stay computations: the program would grow by their bytes.
/// Splats are exempt, because a kernel reads them as immediates.
const MAX_ELEMENTS: usize = 1 << 14;

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
    let operands: Option<Vec<&Literal>> =
        graph.operands(node).iter().map(|&o| constant(graph, o)).collect();
    let operands = operands.filter(|o| !o.is_empty())?;
    let n = graph.tensor_type(node).n_elements()?;
    // Broadcasting a constant makes it larger without making it known better.
    let grows = operands.iter().all(|o| o.n_elements() < n);
    if n > MAX_ELEMENTS || grows {
        return None;
    }
    op.eval(cx, &operands).ok()?.pop()
}

fn constant(graph: &Graph, node: NodeId) -> Option<&Literal> {
    if let Op::Leaf(Leaf::Constant(literal)) = graph.op(node) { Some(literal) } else { None }
}
