//! Splits a long reduction to few results into partial results and their combination, so that
//! the partial ones can be units of work: one for each index of the outermost axis, or where that is
//! long for each of its chunks, all of one length; what is left of the axis is combined last. So with
//! the sums of long columns, which have adjacent results but no axis before them that makes units; with
//! a product of few elements over a long axis, as the gradient of a small weight is, and the gradient
//! by a filter of few channels. The order of the
//! combination depends on shapes alone. Linear.

mod places;

use std::ops::Range;

use crate::error::CompileError;
use crate::ir::{BinaryFn, Costs, Dim, Graph, NodeId, Origin};
use crate::ops::{
    Contract, Conv, ConvResult, Einsum, Elementwise, Movement, Op, Reduce, ReduceFn, TypeError,
};

pub(super) fn run(graph: &mut Graph, costs: &Costs) -> Result<(), CompileError> {
    for node in graph.order() {
        let new = match graph.op(node).clone() {
            Op::Reduce(reduce) => split(graph, costs, node, &reduce),
            Op::Contract(product) => split_product(graph, costs, node, product),
            Op::Einsum(product) => split_letters(graph, costs, node, &product),
            Op::Conv(conv) => split_filter(graph, costs, node, &conv),
            _ => None,
        };
        if let Some(new) = new {
            let new = new.map_err(|e| CompileError::of_type(e, graph, node))?;
            graph.replace_uses(node, new);
        }
    }
    Ok(())
}

type Split = Option<Result<NodeId, TypeError>>;

fn split(graph: &mut Graph, costs: &Costs, node: NodeId, reduce: &Reduce) -> Split {
    let x = graph.operands(node)[0];
    let sizes = graph.tensor_type(x).sizes()?;
    let all = graph.tensor_type(x).n_elements()?;
    let few = graph.tensor_type(node).n_elements()?;
    let combine = match reduce.f {
        ReduceFn::ArgMin => BinaryFn::Min,
        ReduceFn::ArgMax => BinaryFn::Max,
        f => f.combine()?,
    };
    let mut parts = Parts::new(graph, costs, node, reduce.f, combine);
    if few > costs.few_results || all / few.max(1) < costs.long_reduction {
        let columns = is_long_column(costs, reduce, &sizes);
        return columns.then(|| parts.of_columns(x, &reduce.axes, &sizes));
    }
    let &axis = reduce.axes.first()?;
    if reduce.f.is_index() {
        return Some(parts.place(x, axis, sizes[axis], costs.parts));
    }
    Some(parts.over(x, &reduce.axes, &sizes, costs.parts, 2))
}

/// Whether the last axis is kept of a tensor whose leading axes are too few units, and whose rows are
/// so many that those of partial results do not count.
fn is_long_column(costs: &Costs, reduce: &Reduce, sizes: &[usize]) -> bool {
    let outer = reduce.axes.first().copied().unwrap_or(sizes.len());
    let keeps_last = reduce.axes.last().is_some_and(|&last| last + 1 < sizes.len());
    let units: usize = sizes[..outer].iter().product();
    keeps_last
        && units < costs.min_units
        && column_parts(costs, &reduce.axes, sizes) >= costs.fewest_column_parts
}

/// Into how many parts the rows of columns are cut.
fn column_parts(costs: &Costs, axes: &[usize], sizes: &[usize]) -> usize {
    let all: usize = sizes.iter().product();
    let rows: usize = axes.iter().map(|&axis| sizes[axis]).product();
    (rows / costs.shortest_column.max(1)).min(all / costs.long_column.max(1)).min(costs.parts)
}

/// A product of few elements over a long axis, as the sum of products over parts of it.
fn split_product(graph: &mut Graph, costs: &Costs, node: NodeId, product: Contract) -> Split {
    let Contract::Matmul { transpose_a, transpose_b } = product;
    let [a, b] = *graph.operands(node) else { return None };
    let rank = graph.tensor_type(a).rank();
    let (of_a, of_b) =
        (rank - if transpose_a { 2 } else { 1 }, rank - if transpose_b { 1 } else { 2 });
    let n = graph.tensor_type(a).sizes()?[of_a];
    let parts = product_parts(graph, costs, node, n)?;
    let mut split = Parts::new(graph, costs, node, ReduceFn::Sum, BinaryFn::Add);
    let each = [product.into(), product.into()];
    Some(split.product(each, [(a, of_a), (b, of_b)], rank - 2, even(n, parts)))
}

/// The same of a product by letters: over parts of the longest axis that is summed over.
fn split_letters(graph: &mut Graph, costs: &Costs, node: NodeId, product: &Einsum) -> Split {
    let [a, b] = *graph.operands(node) else { return None };
    let sizes = graph.tensor_type(a).sizes()?;
    let is_summed = |(_, label, _): &(usize, &char, usize)| !product.y.contains(label);
    let axes = product.a.iter().zip(sizes).enumerate().map(|(d, (label, n))| (d, label, n));
    let summed: Vec<(usize, &char, usize)> = axes.filter(is_summed).collect();
    let all = summed.iter().fold(1, |all: usize, (_, _, n)| all.saturating_mul(*n));
    let &(of_a, label, n) = summed.iter().rev().max_by_key(|(_, _, n)| *n)?;
    let of_b = product.b.iter().position(|other| other == label)?;
    let parts = product_parts(graph, costs, node, all)?.min(n);
    let free = product.free_letter().filter(|_| parts > 1)?;
    let with = |labels: &[char]| [&[free], labels].concat();
    let Einsum { a: left, b: right, y } = product;
    let main = Einsum { a: with(left), b: with(right), y: with(y) };
    let mut split = Parts::new(graph, costs, node, ReduceFn::Sum, BinaryFn::Add);
    let each = [main.into(), product.clone().into()];
    Some(split.product(each, [(a, of_a), (b, of_b)], 0, even(n, parts)))
}

/// Into how many parts a sum of `n` products for each element of a node is cut; `None` if it is not.
fn product_parts(graph: &Graph, costs: &Costs, node: NodeId, n: usize) -> Option<usize> {
    let few = graph.tensor_type(node).n_elements()?;
    let parts = (n / costs.shortest_product.max(1)).min(costs.parts);
    let is_long = n.saturating_mul(few) >= costs.long_product;
    (few > 0 && few <= costs.few_products && is_long && parts > 1).then_some(parts)
}

/// The gradient by a filter as the sum of those over parts of the examples.
fn split_filter(graph: &mut Graph, costs: &Costs, node: NodeId, conv: &Conv) -> Split {
    let is_filter = matches!(conv.result, ConvResult::Filter { .. });
    let [x, dy] = *graph.operands(node) else { return None };
    let places = graph.tensor_type(dy).sizes()?;
    let sizes = graph.tensor_type(node).sizes()?;
    let (&n, places) = places.split_first()?;
    let positions: usize = places[..conv.windows.len()].iter().product();
    let all: usize = sizes.iter().product();
    let products = all.saturating_mul(n).saturating_mul(positions);
    if !is_filter || conv.parts > 0 || products == 0 {
        return None;
    }
    let channels: usize = sizes[conv.windows.len()..].iter().product();
    let parts = if channels <= costs.few_products {
        // Parts that are worth a kernel each: an example each, if that is worth the partial results,
        // since then a unit is an example all the way.
        let most = (products / costs.long_product.max(1)).min(costs.parts).min(n);
        let each = products / n >= costs.long_example && n <= costs.most_parts;
        if each { n } else { (2..=most).rev().find(|&parts| n.is_multiple_of(parts))? }
    } else {
        near_parts(graph, costs, [x, dy, node], (n, positions))?
    };
    let mut split = Parts::new(graph, costs, node, ReduceFn::Sum, BinaryFn::Add);
    Some(split.filter(Conv { parts, ..conv.clone() }, x, dy))
}

/// Into how many parts of one length the examples are cut so that those of a part stay in a cache, or each
/// is a part; if they are more than one, and a part sums up enough, or the partial results are much
/// smaller than the operands.
fn near_parts(
    graph: &Graph,
    costs: &Costs,
    [x, dy, filter]: [NodeId; 3],
    (examples, positions): (usize, usize),
) -> Option<usize> {
    let bytes = |node: NodeId| {
        let of_node = graph.tensor_type(node);
        Some(of_node.n_elements()?.saturating_mul(of_node.dtype.size()))
    };
    let (operands, partial) = (bytes(x)?.saturating_add(bytes(dy)?), bytes(filter)?);
    let least = operands.div_ceil(costs.large_factor.max(1)).min(examples);
    let parts = (least..=examples).find(|&parts| examples.is_multiple_of(parts))?;
    let are_small = parts.saturating_mul(partial) <= operands / 2
        || examples / parts * positions >= costs.shortest_product;
    (parts > 1 && are_small).then_some(parts)
}

/// A reduction that is split.
struct Parts<'a> {
    graph: &'a mut Graph,
    costs: &'a Costs,
    f: ReduceFn,
    /// The same of two values.
    combine: BinaryFn,
    /// The origin of the partial results.
    partial: Origin,
    /// The origin of the reduction.
    origin: Origin,
}

impl<'a> Parts<'a> {
    fn new(
        graph: &'a mut Graph,
        costs: &'a Costs,
        node: NodeId,
        f: ReduceFn,
        combine: BinaryFn,
    ) -> Parts<'a> {
        let origin = graph.origin(node);
        let name = format!("{}.partial", graph.node(node).name);
        let partial = Origin::named(&name, origin.provenance.clone());
        Parts { graph, costs, f, combine, partial, origin }
    }

    /// Over the inner axes, then over the outer one.
    fn by_index(&mut self, x: NodeId, outer: usize, inner: &[usize]) -> Result<NodeId, TypeError> {
        let f = self.f;
        let first = Reduce { f, axes: inner.to_vec() };
        let partial = self.graph.add(first, &[x], &self.partial)?;
        self.graph.add(Reduce { f, axes: vec![outer] }, &[partial], &self.origin)
    }

    /// Of columns, whose parts have many rows each.
    fn of_columns(
        &mut self,
        x: NodeId,
        axes: &[usize],
        sizes: &[usize],
    ) -> Result<NodeId, TypeError> {
        let parts = column_parts(self.costs, axes, sizes);
        if self.f.is_index() {
            return self.place(x, axes[0], sizes[axes[0]], parts);
        }
        self.over(x, axes, sizes, parts, self.costs.shortest_column)
    }

    /// Over the inner axes, if that makes parts enough of at least `shortest` rows, so that a part is
    /// what one index of the outer axis makes; else over at least so many chunks of the outer axis and
    /// of those that are adjacent to it.
    fn over(
        &mut self,
        x: NodeId,
        axes: &[usize],
        sizes: &[usize],
        parts: usize,
        shortest: usize,
    ) -> Result<NodeId, TypeError> {
        let outer = axes[0];
        let inner: usize = axes[1..].iter().map(|&axis| sizes[axis]).product();
        let enough = self.costs.min_units.min(parts)..=self.costs.most_parts;
        if inner >= shortest && enough.contains(&sizes[outer]) {
            return self.by_index(x, outer, &axes[1..]);
        }
        let adjacent = (0..axes.len()).take_while(|&k| axes[k] == outer + k).count();
        let rows: usize = sizes[outer..outer + adjacent].iter().product();
        let mut merged = self.graph.tensor_type(x).shape.clone();
        merged.splice(outer..outer + adjacent, [Dim::from(rows)]);
        let x = match adjacent {
            1 => x,
            _ => self.graph.add(Movement::Reshape { shape: merged }, &[x], &self.partial)?,
        };
        let sizes = self.graph.tensor_type(x).sizes().expect("a specialised graph has numbers");
        let rest: Vec<usize> = axes[adjacent..].iter().map(|axis| axis + 1 - adjacent).collect();
        self.by_chunks(x, outer, &rest, &sizes, parts)
    }

    /// Over the inner axes and at least so many chunks of the outer one, then over the chunks, then with
    /// the rest.
    fn by_chunks(
        &mut self,
        x: NodeId,
        outer: usize,
        inner: &[usize],
        sizes: &[usize],
        least: usize,
    ) -> Result<NodeId, TypeError> {
        let n = sizes[outer];
        let parts = n.div_ceil(self.costs.longest_part.max(1));
        let chunk = even(n, parts.max(least).min(self.costs.most_parts));
        let whole = n - n % chunk;
        let main = self.slice(x, outer, 0..whole)?;
        let main = self.chunks(main, outer, chunk)?;
        let axes: Vec<usize> = inner.iter().map(|axis| axis + 1).collect();
        let main = self.by_index(main, outer, &[&[outer + 1], axes.as_slice()].concat())?;
        if whole == n {
            return Ok(main);
        }
        let last = self.slice(x, outer, whole..n)?;
        let axes = [&[outer], inner].concat();
        let last = self.graph.add(Reduce { f: self.f, axes }, &[last], &self.partial)?;
        self.graph.add(Elementwise::Binary(self.combine), &[main, last], &self.origin)
    }

    /// Products over chunks of the axis, then their sum, then with the rest. Each operand comes with
    /// the axis of its own that is summed over. `main` is the product with the chunks as the axis
    /// `leading` of its operands and its result.
    fn product(
        &mut self,
        [main, rest]: [Op; 2],
        operands: [(NodeId, usize); 2],
        leading: usize,
        chunk: usize,
    ) -> Result<NodeId, TypeError> {
        let [(a, of_a), _] = operands;
        let n = self.graph.tensor_type(a).sizes().expect("the caller has looked")[of_a];
        let whole = n - n % chunk;
        let mut parts = operands.map(|(x, _)| x);
        for (x, (_, axis)) in parts.iter_mut().zip(operands) {
            *x = self.slice(*x, axis, 0..whole)?;
            *x = self.chunks(*x, axis, chunk)?;
            *x = self.moved(*x, axis, leading)?;
        }
        let main = self.graph.add(main, &parts, &self.partial)?;
        let sum = Reduce { f: self.f, axes: vec![leading] };
        let main = self.graph.add(sum, &[main], &self.origin)?;
        if whole == n {
            return Ok(main);
        }
        let mut last = operands.map(|(x, _)| x);
        for (x, (_, axis)) in last.iter_mut().zip(operands) {
            *x = self.slice(*x, axis, whole..n)?;
        }
        let last = self.graph.add(rest, &last, &self.partial)?;
        self.graph.add(Elementwise::Binary(self.combine), &[main, last], &self.origin)
    }

    /// The gradients over parts of the examples, then their sum.
    fn filter(&mut self, conv: Conv, x: NodeId, dy: NodeId) -> Result<NodeId, TypeError> {
        let parts = self.graph.add(conv, &[x, dy], &self.partial)?;
        self.graph.add(Reduce { f: self.f, axes: vec![0] }, &[parts], &self.origin)
    }

    /// An axis as chunks of so many indices and the indices in a chunk.
    fn chunks(&mut self, x: NodeId, axis: usize, chunk: usize) -> Result<NodeId, TypeError> {
        let mut shape = self.graph.tensor_type(x).shape.clone();
        let n = shape[axis].as_number().and_then(|n| usize::try_from(n).ok());
        let chunks = n.expect("a specialised graph has numbers") / chunk;
        shape.splice(axis..=axis, [Dim::from(chunks), Dim::from(chunk)]);
        self.graph.add(Movement::Reshape { shape }, &[x], &self.partial)
    }

    /// An axis in the place of another one before it.
    fn moved(&mut self, x: NodeId, axis: usize, to: usize) -> Result<NodeId, TypeError> {
        if axis == to {
            return Ok(x);
        }
        let mut perm: Vec<usize> = (0..self.graph.tensor_type(x).rank()).collect();
        perm[to..=axis].rotate_right(1);
        self.graph.add(Movement::Transpose { perm }, &[x], &self.partial)
    }

    fn slice(&mut self, x: NodeId, axis: usize, range: Range<usize>) -> Result<NodeId, TypeError> {
        let sizes = self.graph.tensor_type(x).sizes().expect("a specialised graph has numbers");
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

/// The length of the chunks when an axis is cut into about so many: one that cuts it evenly, if there
/// is one of a fitting length.
fn even(n: usize, parts: usize) -> usize {
    let even = (parts..=2 * parts).find(|&p| n.is_multiple_of(p));
    even.map_or(n.div_ceil(parts), |parts| n / parts)
}
