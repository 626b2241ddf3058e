//! Gives every loop elements that lie together in memory: it runs along axis 0 of transposed sequences,
//! and what it emits is transposed back. Along another axis an element would lie in pieces; along the
//! last, even neighbours would be a whole sequence apart. Between the loop of a forward pass and
//! the one of its gradient the transposes cancel. No value changes. Linear.

use crate::error::CompileError;
use crate::ir::{Graph, NodeId, Origin};
use crate::ops::{Movement, Scan, TypeError};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for node in graph.order() {
        let Some(scan) = graph.op(node).scan().cloned() else { continue };
        if scan.axis > 0 {
            rewrite(graph, node, &scan).map_err(|e| CompileError::of_type(e, graph, node))?;
        }
    }
    Ok(())
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
