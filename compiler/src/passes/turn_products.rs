//! Writes a product of few rows by the transpose of a large matrix as the transpose of a product whose
//! left factor is that matrix: `a · bᵀ = (b · aᵀ)ᵀ`. A tile reads a left factor where it lies, and a
//! right one along its columns, for which that matrix would be copied at every step; of the other way
//! round the smaller factor and the result are. The sum of an element has the same products in the
//! same order. Linear.

use crate::error::CompileError;
use crate::ir::{Costs, Graph, NodeId, Origin};
use crate::ops::{Contract, Leaf, Movement, Op, TypeError};

pub(super) fn run(graph: &mut Graph, costs: &Costs) -> Result<(), CompileError> {
    for node in graph.order() {
        let &Op::Contract(Contract::Matmul { transpose_a, transpose_b: true }) = graph.op(node)
        else {
            continue;
        };
        if is_worth_it(graph, costs, node) {
            let new = turned(graph, node, transpose_a);
            let new = new.map_err(|e| CompileError::of_type(e, graph, node))?;
            graph.replace_uses(node, new);
        }
    }
    Ok(())
}

/// Whether the right factor of a product of two matrices is larger than the left one and the result, and
/// units of rows would all read it. What a loop is given is copied once for all its turns.
fn is_worth_it(graph: &Graph, costs: &Costs, node: NodeId) -> bool {
    let &[a, b] = graph.operands(node) else { return false };
    let of_node = graph.tensor_type(node);
    let elements = |node: NodeId| graph.tensor_type(node).n_elements().unwrap_or(0);
    let bytes = elements(b).saturating_mul(of_node.dtype.size());
    let rows = of_node.shape[0].as_number().and_then(|n| usize::try_from(n).ok());
    of_node.rank() == 2
        && elements(b) > elements(a).saturating_add(elements(node))
        && rows.is_some_and(|rows| costs.streams(rows, bytes))
        && !matches!(graph.op(b), Op::Leaf(Leaf::Parameter { .. }))
}

fn turned(graph: &mut Graph, node: NodeId, transpose_a: bool) -> Result<NodeId, TypeError> {
    let &[a, b] = graph.operands(node) else { unreachable!("a product has two operands") };
    let origin = graph.origin(node);
    let name = format!("{}.t", graph.node(node).name);
    let of_product = Origin::named(&name, origin.provenance.clone());
    let product = Contract::Matmul { transpose_a: false, transpose_b: !transpose_a };
    let product = graph.add(product, &[b, a], &of_product)?;
    graph.add(Movement::Transpose { perm: vec![1, 0] }, &[product], &origin)
}
