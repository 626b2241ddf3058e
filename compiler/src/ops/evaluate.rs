//! The values of nodes, node by node through each operation's `eval`: how a region is evaluated,
//! and the oracle that compiled code is compared with.

use rustc_hash::FxHashMap;

use super::{EvalContext, EvalError, OpRules};
use crate::ir::{Graph, Literal, NodeId};

/// Which node could not be evaluated, and why. The data are at fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct EvalFailure {
    /// The node.
    pub node: NodeId,
    /// Why.
    pub error: EvalError,
}

/// The first result of each of the `wanted` nodes of a graph whose dimensions are all numbers.
/// A value is dropped after its last use. Errors: the first node that cannot be evaluated.
pub fn evaluate(
    graph: &Graph,
    cx: &EvalContext<'_>,
    wanted: &[NodeId],
) -> Result<Vec<Literal>, EvalFailure> {
    let order = graph.order_from(wanted);
    let mut uses: FxHashMap<NodeId, usize> = FxHashMap::default();
    let read = order.iter().flat_map(|&n| graph.operands(n)).chain(wanted);
    read.for_each(|&n| *uses.entry(n).or_insert(0) += 1);
    let mut values: FxHashMap<NodeId, Vec<Literal>> = FxHashMap::default();
    for node in order {
        let op = graph.op(node);
        let of_operand = |o: &NodeId| {
            let all = &values[o];
            if op.picks_result() { all.as_slice() } else { &all[..1] }
        };
        let operands: Vec<&Literal> = graph.operands(node).iter().flat_map(of_operand).collect();
        let results = op.eval(cx, &operands).map_err(|error| EvalFailure { node, error })?;
        values.insert(node, results);
        for operand in graph.operands(node) {
            if let Some(n) = uses.get_mut(operand) {
                *n -= 1;
                if *n == 0 {
                    values.remove(operand);
                }
            }
        }
    }
    Ok(wanted.iter().map(|n| values[n][0].clone()).collect())
}
