//! Brings products into the form that a tile takes: a transposed left factor is free (its rows
//! are strided), a transposed right factor is a transpose of its own, which is stored once with
//! adjacent columns. Linear.

use crate::error::CompileError;
use crate::ir::{Graph, NodeId, Origin};
use crate::ops::{Contract, Movement, Op};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for node in graph.order() {
        if let Op::Contract(op) = graph.op(node) {
            let op = *op;
            let new = rewrite(graph, node, op)?;
            if new != node {
                graph.replace_uses(node, new);
            }
        }
    }
    Ok(())
}

fn rewrite(graph: &mut Graph, node: NodeId, op: Contract) -> Result<NodeId, CompileError> {
    let Contract::Matmul { mut transpose_a, mut transpose_b } = op;
    let (mut a, mut b) = (graph.operands(node)[0], graph.operands(node)[1]);
    if let Some(inner) = transposed(graph, a) {
        a = inner;
        transpose_a = !transpose_a;
    }
    if transpose_b {
        b = match transposed(graph, b) {
            Some(inner) => inner,
            None => transpose(graph, b)?,
        };
        transpose_b = false;
    }
    let new = Contract::Matmul { transpose_a, transpose_b };
    if new == op && graph.operands(node) == [a, b] {
        return Ok(node);
    }
    let origin = graph.origin(node);
    graph.add(new, &[a, b], &origin).map_err(|e| CompileError::of_type(e, graph, node))
}

/// What a node is the transpose of, if it swaps the last two dimensions and nothing else.
fn transposed(graph: &Graph, node: NodeId) -> Option<NodeId> {
    if let Op::Movement(Movement::Transpose { perm }) = graph.op(node) {
        (*perm == swap_last(perm.len())).then(|| graph.operands(node)[0])
    } else {
        None
    }
}

fn swap_last(rank: usize) -> Vec<usize> {
    let mut perm: Vec<usize> = (0..rank).collect();
    if rank >= 2 {
        perm.swap(rank - 2, rank - 1);
    }
    perm
}

fn transpose(graph: &mut Graph, node: NodeId) -> Result<NodeId, CompileError> {
    let perm = swap_last(graph.tensor_type(node).rank());
    let n = graph.node(node);
    let origin = Origin::named(&format!("{}.t", n.name), n.provenance.clone());
    graph
        .add(Movement::Transpose { perm }, &[node], &origin)
        .map_err(|e| CompileError::of_type(e, graph, node))
}
