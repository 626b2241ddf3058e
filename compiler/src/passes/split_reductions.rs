//! Splits a long reduction to few results into partial results and their combination, so that
//! the partial ones can be units of work: one for each index of the outermost axis, or where that is
//! long for each of its chunks, all of one length; what is left of the axis is combined last. The
//! order of the combination depends on shapes alone. Linear.

use std::ops::Range;

use crate::error::CompileError;
use crate::ir::{BinaryFn, Dim, Graph, NodeId, Origin};
use crate::ops::{Elementwise, Movement, Op, Reduce, ReduceFn, TypeError};

/// Reductions to more results than this have units enough.
const FEW: usize = 16;

/// Reductions of fewer elements than this are not worth a second kernel (some 2 microseconds).
const LONG: usize = 1 << 15;

/// At least so many partial results are made of an axis: enough for several threads to share.
const PARTS: usize = 64;

/// A longer chunk of an axis is not wanted: its functions are computed in the first-level cache.
const CHUNK: usize = 4096;

/// An axis of at most so many indices has a partial result for each, if other axes are reduced too.
const MOST_PARTS: usize = 1024;

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

fn split(graph: &mut Graph, node: NodeId, reduce: &Reduce) -> Option<Result<NodeId, TypeError>> {
    let x = graph.operands(node)[0];
    let sizes = graph.tensor_type(x).sizes()?;
    let all = graph.tensor_type(x).n_elements()?;
    let few = graph.tensor_type(node).n_elements()?;
    let combine = reduce.f.combine()?;
    if few > FEW || all / few.max(1) < LONG {
        return None;
    }
    let (&outer, inner) = reduce.axes.split_first()?;
    let origin = graph.origin(node);
    let name = format!("{}.partial", graph.node(node).name);
    let partial = Origin::named(&name, origin.provenance.clone());
    let mut parts = Parts { graph, f: reduce.f, combine, partial, origin };
    Some(if inner.is_empty() || sizes[outer] > MOST_PARTS {
        parts.by_chunks(x, outer, inner, &sizes)
    } else {
        parts.by_index(x, outer, inner)
    })
}

/// A reduction that is split.
struct Parts<'a> {
    graph: &'a mut Graph,
    f: ReduceFn,
    /// The same of two values.
    combine: BinaryFn,
    /// The origin of the partial results.
    partial: Origin,
    /// The origin of the reduction.
    origin: Origin,
}

impl Parts<'_> {
    /// Over the inner axes, then over the outer one.
    fn by_index(&mut self, x: NodeId, outer: usize, inner: &[usize]) -> Result<NodeId, TypeError> {
        let f = self.f;
        let first = Reduce { f, axes: inner.to_vec() };
        let partial = self.graph.add(first, &[x], &self.partial)?;
        self.graph.add(Reduce { f, axes: vec![outer] }, &[partial], &self.origin)
    }

    /// Over the inner axes and chunks of the outer one, then over the chunks, then with the rest.
    fn by_chunks(
        &mut self,
        x: NodeId,
        outer: usize,
        inner: &[usize],
        sizes: &[usize],
    ) -> Result<NodeId, TypeError> {
        let n = sizes[outer];
        let chunk = chunk(n);
        let (whole, rest) = (n - n % chunk, n % chunk);
        let main = self.slice(x, sizes, outer, 0..whole)?;
        let mut shape: Vec<Dim> = sizes.iter().map(|&n| Dim::from(n)).collect();
        shape.splice(outer..=outer, [Dim::from(whole / chunk), Dim::from(chunk)]);
        let main = self.graph.add(Movement::Reshape { shape }, &[main], &self.partial)?;
        let axes: Vec<usize> = inner.iter().map(|axis| axis + 1).collect();
        let main = self.by_index(main, outer, &[&[outer + 1], axes.as_slice()].concat())?;
        if rest == 0 {
            return Ok(main);
        }
        let last = self.slice(x, sizes, outer, whole..n)?;
        let axes = [&[outer], inner].concat();
        let last = self.graph.add(Reduce { f: self.f, axes }, &[last], &self.partial)?;
        self.graph.add(Elementwise::Binary(self.combine), &[main, last], &self.origin)
    }

    fn slice(
        &mut self,
        x: NodeId,
        sizes: &[usize],
        axis: usize,
        range: Range<usize>,
    ) -> Result<NodeId, TypeError> {
        if range == (0..sizes[axis]) {
            return Ok(x);
        }
        let dims = |of_axis: usize, other: &dyn Fn(usize) -> usize| {
            let dim = |(d, &n)| Dim::from(if d == axis { of_axis } else { other(n) });
            sizes.iter().enumerate().map(dim).collect::<Vec<Dim>>()
        };
        let (start, len) = (dims(range.start, &|_| 0), dims(range.len(), &|n| n));
        let slice = Movement::Slice { start, len, step: vec![1; sizes.len()] };
        self.graph.add(slice, &[x], &self.partial)
    }
}

/// The length of the chunks of an axis: one that cuts it evenly, if there is one of a fitting length.
fn chunk(n: usize) -> usize {
    let parts = n.div_ceil(CHUNK).clamp(PARTS, MOST_PARTS);
    let even = (parts..=2 * parts).find(|&p| n.is_multiple_of(p));
    even.map_or(n.div_ceil(parts), |parts| n / parts)
}
