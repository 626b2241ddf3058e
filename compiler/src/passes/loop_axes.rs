//! Gives every loop elements that lie together in memory: where a sequence or what is emitted runs
//! along its last axis, neighbours within an element would be a whole sequence apart, and neither a
//! tile nor a vector could take them. Such a loop runs along axis 0 of transposed sequences, and
//! what it emits is transposed back. No other loop changes, and no value. Linear.

use crate::error::CompileError;
use crate::ir::{Graph, NodeId, Origin};
use crate::ops::{Movement, Scan, TypeError};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for node in graph.order() {
        let Some(scan) = graph.op(node).scan().cloned() else { continue };
        if scatters(graph, node, &scan) {
            rewrite(graph, node, &scan).map_err(|e| CompileError::of_type(e, graph, node))?;
        }
    }
    Ok(())
}

/// Whether an element of a sequence or of what is emitted has its own last axis apart.
fn scatters(graph: &Graph, node: NodeId, scan: &Scan) -> bool {
    let operands = graph.operands(node)[scan.sequences()].iter();
    let sequences = operands.map(|&o| graph.tensor_type(o).rank());
    let emitted = graph.node(node).types[scan.n_carries..].iter().map(|t| t.rank());
    sequences.chain(emitted).any(|rank| rank >= 2 && rank == scan.axis + 1)
}

fn rewrite(graph: &mut Graph, node: NodeId, scan: &Scan) -> Result<(), TypeError> {
    let mut operands = graph.operands(node).to_vec();
    for operand in &mut operands[scan.sequences()] {
        let rank = graph.tensor_type(*operand).rank();
        let order = std::iter::once(scan.axis).chain((0..rank).filter(|&d| d != scan.axis));
        *operand = transpose(graph, *operand, order.collect())?;
    }
    graph.rebuild(node, Scan { axis: 0, ..scan.clone() }, &operands)?;
    for result in graph.users(node) {
        let index = graph.op(result).picked_result().expect("a loop is read by its results alone");
        if index >= scan.n_carries {
            graph.rebuild(result, graph.op(result).clone(), &[node])?;
            let rank = graph.tensor_type(result).rank();
            let order = (1..=scan.axis).chain([0]).chain(scan.axis + 1..rank);
            let back = transpose(graph, result, order.collect())?;
            graph.replace_uses(result, back);
        }
    }
    Ok(())
}

fn transpose(graph: &mut Graph, node: NodeId, perm: Vec<usize>) -> Result<NodeId, TypeError> {
    let described = graph.node(node);
    let origin = Origin::named(&format!("{}.t", described.name), described.provenance.clone());
    graph.add(Movement::Transpose { perm }, &[node], &origin)
}
