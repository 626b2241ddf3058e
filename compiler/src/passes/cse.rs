//! Common subexpression elimination: two nodes with the same op and the same operands are one.
//! Every op is pure (randomness takes its key, seed and step), so this changes nothing. Linear.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::error::CompileError;
use crate::ir::{Graph, NodeId};
use crate::ops::{Elementwise, Leaf, Op, OpRules};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    // Attributes are compared by the op's equality; the key finds the candidates.
    let mut seen: FxHashMap<(&'static str, Vec<NodeId>), Vec<NodeId>> = FxHashMap::default();
    for node in graph.order() {
        let op = graph.op(node);
        if matches!(op, Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. })) {
            continue;
        }
        let mut operands = graph.operands(node).to_vec();
        if matches!(op, Op::Elementwise(Elementwise::Binary(f)) if f.is_commutative()) {
            operands.sort_unstable();
        }
        let candidates = match seen.entry((op.signature().name, operands)) {
            Entry::Vacant(entry) => {
                entry.insert(vec![node]);
                continue;
            }
            Entry::Occupied(entry) => entry.into_mut(),
        };
        match candidates.iter().copied().find(|&c| same(graph, c, node)) {
            Some(first) => graph.replace_uses(node, first),
            None => candidates.push(node),
        }
    }
    Ok(())
}

/// Whether two nodes over the same operands compute the same bits.
fn same(graph: &Graph, a: NodeId, b: NodeId) -> bool {
    match (graph.op(a), graph.op(b)) {
        // Equality of floats would merge 0.0 with -0.0 and keep NaN apart.
        (Op::Leaf(Leaf::Constant(x)), Op::Leaf(Leaf::Constant(y))) => x.same_bits(y),
        (x, y) => x == y && graph.node(a).types == graph.node(b).types,
    }
}
