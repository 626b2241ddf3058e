//! Common subexpression elimination: two nodes with the same op and the same operands are one.
//! Every op is pure (randomness takes its key, seed and step), so this changes nothing. Linear.

use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use crate::error::CompileError;
use crate::ir::{Graph, Literal, NodeId};
use crate::ops::{Attribute, Elementwise, Leaf, Op, OpRules};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    // Attributes are compared by the op's equality; the key finds the candidates.
    let mut seen: FxHashMap<(&'static str, u64, Vec<NodeId>), Vec<NodeId>> = FxHashMap::default();
    for node in graph.order() {
        let op = graph.op(node);
        if matches!(op, Op::Leaf(Leaf::Input { .. } | Leaf::Parameter { .. })) {
            continue;
        }
        let mut operands = graph.operands(node).to_vec();
        if matches!(op, Op::Elementwise(Elementwise::Binary(f)) if f.is_commutative()) {
            operands.sort_unstable();
        }
        let candidates = match seen.entry((op.signature().name, fingerprint(op), operands)) {
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

/// So many elements of a constant tell it from others.
const LOOKED_AT: usize = 64;

/// A number that is the same for ops with the same attributes, and seldom else.
fn fingerprint(op: &Op) -> u64 {
    let mut hasher = FxHasher::default();
    if let Op::Leaf(Leaf::Constant(literal)) = op {
        hash_literal(literal, &mut hasher);
        return hasher.finish();
    }
    for attribute in op.attributes() {
        match attribute {
            Attribute::Bool(x) => x.hash(&mut hasher),
            Attribute::Dim(x) => x.hash(&mut hasher),
            Attribute::Dims(x) => x.hash(&mut hasher),
            Attribute::DimLists(x) => x.hash(&mut hasher),
            Attribute::DType(x) => x.hash(&mut hasher),
            Attribute::Scalar(x) => x.hash(&mut hasher),
            Attribute::Name(x) => x.hash(&mut hasher),
            Attribute::Literal(x) => hash_literal(&x, &mut hasher),
        }
    }
    hasher.finish()
}

fn hash_literal(literal: &Literal, hasher: &mut FxHasher) {
    literal.sizes().hash(hasher);
    let first = literal.scalars().take(LOOKED_AT);
    first.for_each(|element| element.hash(hasher));
}

/// Whether two nodes over the same operands compute the same bits.
fn same(graph: &Graph, a: NodeId, b: NodeId) -> bool {
    graph.op(a) == graph.op(b) && graph.node(a).types == graph.node(b).types
}
