//! The values of nodes, node by node through each operation's `eval`: how a region is evaluated,
//! and the oracle that compiled code is compared with.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{EvalContext, EvalError, Movement, Op, OpRules};
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

/// The broadcasts among the nodes of `order` that need not be made: what reads one is elementwise
/// and has an operand of the full shape beside it, and `eval` of such a node repeats a smaller
/// operand. The value of such a broadcast may be its operand's. No root is among them.
pub fn implied_broadcasts(graph: &Graph, order: &[NodeId]) -> FxHashSet<NodeId> {
    let is_broadcast =
        |id: &NodeId| matches!(graph.op(*id), Op::Movement(Movement::Broadcast { .. }));
    let mut implied: FxHashSet<NodeId> = order.iter().copied().filter(is_broadcast).collect();
    graph.roots().iter().for_each(|root| {
        implied.remove(root);
    });
    for &id in order {
        let is_elementwise = matches!(graph.op(id), Op::Elementwise(_));
        let has_full = graph.operands(id).iter().any(|o| !is_broadcast(o));
        if !(is_elementwise && has_full) {
            graph.operands(id).iter().for_each(|operand| {
                implied.remove(operand);
            });
        }
    }
    implied
}
