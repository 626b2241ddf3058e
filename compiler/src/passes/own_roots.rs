//! Gives everything that is written to a memory of its own a node of its own: one for each result of
//! a loop. A root that is a leaf, that another root names too, or that a loop keeps in the memory of
//! its carry becomes a copy; so does the first value of a carry where anything but the loop could
//! see that the loop writes over it. Later stages then know one place for each. Linear.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::CompileError;
use crate::ir::{Graph, NodeId, Origin};
use crate::ops::{Movement, Op};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    merge_results(graph);
    own_carries(graph)?;
    let mut copies = vec![];
    let mut seen: FxHashSet<NodeId> = FxHashSet::default();
    for root in graph.roots() {
        let shared = !seen.insert(root);
        let has_place = matches!(graph.op(root), Op::Leaf(_)) || is_last_carry(graph, root);
        copies.push(if shared || has_place { Some(copy(graph, root)?) } else { None });
    }
    let mut copies = copies.into_iter();
    graph.map_roots(|root| copies.next().flatten().unwrap_or(root));
    Ok(())
}

/// Lets one node stand for each result of a loop.
fn merge_results(graph: &mut Graph) {
    let mut known: FxHashMap<(NodeId, usize), NodeId> = FxHashMap::default();
    for node in graph.order() {
        let Some(index) = graph.op(node).picked_result() else { continue };
        let first = *known.entry((graph.operands(node)[0], index)).or_insert(node);
        if first != node {
            graph.replace_uses(node, first);
        }
    }
}

/// Copies the first values of carries that are not the loop's alone.
fn own_carries(graph: &mut Graph) -> Result<(), CompileError> {
    let roots: FxHashSet<NodeId> = graph.roots().into_iter().collect();
    for node in graph.order() {
        let Some(scan) = graph.op(node).scan().cloned() else { continue };
        let mut operands = graph.operands(node).to_vec();
        for k in 0..scan.n_carries {
            let first = operands[k];
            let n_uses = operands.iter().filter(|&&o| o == first).count();
            let is_own = n_uses == 1
                && graph.users(first) == [node]
                && !roots.contains(&first)
                && !matches!(graph.op(first), Op::Leaf(_))
                && !graph.op(first).picks_result();
            if !is_own {
                operands[k] = copy(graph, first)?;
            }
        }
        if graph.operands(node) != operands {
            graph.replace_op(node, scan.into(), &operands);
        }
    }
    Ok(())
}

/// Whether a node is the last value of a loop's carry.
fn is_last_carry(graph: &Graph, node: NodeId) -> bool {
    let Some(index) = graph.op(node).picked_result() else { return false };
    graph.op(graph.operands(node)[0]).scan().is_some_and(|scan| index < scan.n_carries)
}

fn copy(graph: &mut Graph, source: NodeId) -> Result<NodeId, CompileError> {
    let shape = graph.tensor_type(source).shape.clone();
    let node = graph.node(source);
    let origin = Origin::named(&format!("{}.copy", node.name), node.provenance.clone());
    graph
        .add(Movement::Reshape { shape }, &[source], &origin)
        .map_err(|e| CompileError::of_type(e, graph, source))
}
