//! Splits a long reduction to few results into partial results and their combination, so that
//! the partial ones can be units of work: first over the inner axes, then over the outermost; a
//! single axis is cut into equal chunks first. The order of the combination depends on shapes
//! alone. Linear.

use crate::error::CompileError;
use crate::ir::{Dim, Graph, NodeId, Origin};
use crate::ops::{Movement, Op, Reduce};

/// Reductions to more results than this have units enough.
const FEW: usize = 16;

/// Reductions of fewer elements than this are not worth a second kernel (some 2 microseconds).
const LONG: usize = 1 << 15;

/// About how many partial results are made of one axis.
const PARTS: usize = 64;

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for node in graph.order() {
        let Op::Reduce(reduce) = graph.op(node) else { continue };
        let reduce = reduce.clone();
        if let Some(new) = split(graph, node, &reduce) {
            let new = new.map_err(|e| CompileError::of_type(e, graph, node))?;
            graph.replace_uses(node, new);
        }
    }
    Ok(())
}

fn split(
    graph: &mut Graph,
    node: NodeId,
    reduce: &Reduce,
) -> Option<Result<NodeId, crate::ops::TypeError>> {
    let mut x = graph.operands(node)[0];
    let sizes = graph.tensor_type(x).sizes()?;
    let all = graph.tensor_type(x).n_elements()?;
    let few = graph.tensor_type(node).n_elements()?;
    if reduce.f.is_index() || few > FEW || all / few.max(1) < LONG {
        return None;
    }
    let origin = graph.origin(node);
    let partial =
        Origin::named(&format!("{}.partial", graph.node(node).name), origin.provenance.clone());
    let (&outer, inner) = reduce.axes.split_first()?;
    let mut inner = inner.to_vec();
    if inner.is_empty() {
        let parts = parts(sizes[outer])?;
        let mut shape: Vec<Dim> = sizes.iter().map(|&n| Dim::from(n)).collect();
        shape.splice(outer..=outer, [Dim::from(parts), Dim::from(sizes[outer] / parts)]);
        match graph.add(Movement::Reshape { shape }, &[x], &partial) {
            Ok(reshaped) => x = reshaped,
            Err(e) => return Some(Err(e)),
        }
        inner = vec![outer + 1];
    }
    let first = Reduce { f: reduce.f, axes: inner };
    let last = Reduce { f: reduce.f, axes: vec![outer] };
    Some(graph.add(first, &[x], &partial).and_then(|p| graph.add(last, &[p], &origin)))
}

/// The number of chunks nearest to [`PARTS`] that cuts an axis evenly.
fn parts(n: usize) -> Option<usize> {
    let divides = |p: &usize| n.is_multiple_of(*p);
    (PARTS / 4..=PARTS * 16).filter(divides).min_by_key(|p| p.abs_diff(PARTS))
}
