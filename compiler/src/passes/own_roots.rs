//! Gives every root that is written to memory a node of its own: a root that is a leaf, or that
//! another root names too, becomes a copy. Later stages then know one place for each. Linear.

use rustc_hash::FxHashSet;

use crate::error::CompileError;
use crate::ir::{Graph, NodeId, Origin};
use crate::ops::{Movement, Op};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    let mut copies = vec![];
    let mut seen: FxHashSet<NodeId> = FxHashSet::default();
    for root in graph.roots() {
        let shared = !seen.insert(root);
        copies.push(if shared || matches!(graph.op(root), Op::Leaf(_)) {
            Some(copy(graph, root)?)
        } else {
            None
        });
    }
    let mut copies = copies.into_iter();
    graph.map_roots(|root| copies.next().flatten().unwrap_or(root));
    Ok(())
}

fn copy(graph: &mut Graph, root: NodeId) -> Result<NodeId, CompileError> {
    let shape = graph.tensor_type(root).shape.clone();
    let node = graph.node(root);
    let origin = Origin::named(&format!("{}.copy", node.name), node.provenance.clone());
    graph
        .add(Movement::Reshape { shape }, &[root], &origin)
        .map_err(|e| CompileError::of_type(e, graph, root))
}
