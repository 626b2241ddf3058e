//! The place of the largest or the smallest element along a long axis: of each chunk the best value and
//! its place, then the chunk whose best is the best of all, then the rest. The first of equal ones and
//! the first NaN stay so, as the chunks are in order.

use super::{Parts, even};
use crate::ir::{BinaryFn, CompareFn, NodeId, UnaryFn};
use crate::ops::{Build, Elementwise, Indexing, Reduce, ReduceFn, TypeError};

/// Adjacent rows of columns of which the best is found first: what is compared with that of other rows
/// is a quarter then.
const ROWS: usize = 4;

/// The best value along an axis, and its place.
type Best = (NodeId, NodeId);

impl Parts<'_> {
    /// The place along an axis, by at least so many chunks of it.
    pub(super) fn place(
        &mut self,
        x: NodeId,
        axis: usize,
        n: usize,
        least: usize,
    ) -> Result<NodeId, TypeError> {
        let of_columns = axis + 1 < self.graph.tensor_type(x).rank() && n >= ROWS;
        let rows = if of_columns { ROWS } else { 1 };
        let parts = n.div_ceil(self.costs.longest_part.max(1));
        let chunk = even(n / rows, parts.max(least).min(self.costs.most_parts));
        let whole = n - n % (chunk * rows);
        let main = self.slice(x, axis, 0..whole)?;
        let (value, place) = match of_columns {
            true => self.of_blocks(main, axis, chunk)?,
            false => self.of_chunks(main, axis, chunk)?,
        };
        if whole == n {
            return Ok(place);
        }
        let last = self.slice(x, axis, whole..n)?;
        let last = self.best(last, axis)?;
        self.later((value, place), last, whole)
    }

    /// The best along an axis. The value of a row is looked up, which is less than to read the row
    /// once more; those of columns are found in the same pass.
    fn best(&mut self, x: NodeId, axis: usize) -> Result<Best, TypeError> {
        let place = self.graph.add(Reduce::new(self.f, &[axis]), &[x], &self.partial)?;
        if axis + 1 == self.graph.tensor_type(x).rank() {
            return Ok((self.chosen(x, place, axis)?, place));
        }
        let f = if self.f == ReduceFn::ArgMin { ReduceFn::Min } else { ReduceFn::Max };
        Ok((self.graph.add(Reduce::new(f, &[axis]), &[x], &self.partial)?, place))
    }

    /// The elements of `x` at places along an axis.
    fn chosen(&mut self, x: NodeId, places: NodeId, axis: usize) -> Result<NodeId, TypeError> {
        let mut build = Build { graph: self.graph, origin: &self.partial };
        let ids = build.expand_dims(places, axis)?;
        let found = build.node(Indexing::TakeAlongAxis { axis }, &[x, ids])?;
        let shape = build.shape(places);
        build.reshape(found, &shape)
    }

    /// The best along an axis by way of its chunks, which have so many elements each.
    fn of_chunks(&mut self, x: NodeId, axis: usize, chunk: usize) -> Result<Best, TypeError> {
        let chunks = self.chunks(x, axis, chunk)?;
        let (values, places) = self.best(chunks, axis + 1)?;
        let (best, chosen) = self.best(values, axis)?;
        let within = self.chosen(places, chosen, axis)?;
        Ok((best, self.joined(chosen, chunk, within)?))
    }

    /// The same by way of the best of adjacent rows: of those that are best it is found which row.
    fn of_blocks(&mut self, x: NodeId, axis: usize, chunk: usize) -> Result<Best, TypeError> {
        let blocks = self.chunks(x, axis, ROWS)?;
        let mut best = self.row(blocks, axis + 1, 0)?;
        for k in 1..ROWS {
            let row = self.row(blocks, axis + 1, k)?;
            let combine = Elementwise::Binary(self.combine);
            best = self.graph.add(combine, &[best, row], &self.partial)?;
        }
        let (value, block) = self.of_chunks(best, axis, chunk)?;
        let rows = self.rows_of(blocks, block, axis)?;
        let (_, row) = self.best(rows, axis)?;
        Ok((value, self.joined(block, ROWS, row)?))
    }

    /// One index of an axis.
    fn row(&mut self, x: NodeId, axis: usize, k: usize) -> Result<NodeId, TypeError> {
        let row = self.slice(x, axis, k..k + 1)?;
        let mut build = Build { graph: self.graph, origin: &self.partial };
        let mut shape = build.shape(row);
        shape.remove(axis);
        build.reshape(row, &shape)
    }

    /// The rows of a chosen block.
    fn rows_of(&mut self, x: NodeId, block: NodeId, axis: usize) -> Result<NodeId, TypeError> {
        let mut build = Build { graph: self.graph, origin: &self.partial };
        let ids = build.expand_dims(block, axis)?;
        let ids = build.expand_dims(ids, axis)?;
        let mut shape = build.shape(x);
        shape[axis] = 1.into();
        let ids = build.broadcast_to(ids, &shape)?;
        let rows = build.node(Indexing::TakeAlongAxis { axis }, &[x, ids])?;
        shape.remove(axis);
        build.reshape(rows, &shape)
    }

    /// `outer · n + inner`.
    fn joined(&mut self, outer: NodeId, n: usize, inner: NodeId) -> Result<NodeId, TypeError> {
        let mut build = Build { graph: self.graph, origin: &self.origin };
        let n = build.constant_like(outer, n as f64)?;
        let before = build.mul(outer, n)?;
        build.add(before, inner)
    }

    /// The place of the better of two, the second of which comes so many elements later.
    fn later(
        &mut self,
        (value, place): Best,
        (last, of_last): Best,
        after: usize,
    ) -> Result<NodeId, TypeError> {
        let mut build = Build { graph: self.graph, origin: &self.origin };
        let within = if self.f == ReduceFn::ArgMin { CompareFn::Ge } else { CompareFn::Le };
        let within = build.compare(within, last, value)?;
        let beyond = build.unary(UnaryFn::Not, within)?;
        // Nothing is beyond a NaN.
        let number = build.compare(CompareFn::Eq, value, value)?;
        let replaces = build.binary(BinaryFn::And, beyond, number)?;
        let after = build.constant_like(of_last, after as f64)?;
        let of_last = build.add(of_last, after)?;
        build.select(replaces, of_last, place)
    }
}
