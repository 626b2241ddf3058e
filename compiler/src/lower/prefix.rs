//! Running values: one loop along the axis, outside of all others of the unit, beside a local that
//! holds the elements of the last step. So the inner loops run along memory, in vectors, where the
//! axis is not the last; where it is, the rows of a unit take turns, and none waits for itself.

use rustc_hash::FxHashMap;

use super::{Dimension, KernelBuilder, wrap_checked};
use crate::fuse::DataIndex;
use crate::ir::{AxisId, BinaryFn, Expr, ExprId, IndexId, PlaceId, Running, strides};
use crate::loop_ir::{Extent, Local, Stmt};

/// The elements of the last step.
struct Last {
    place: PlaceId,
    index: IndexId,
}

impl KernelBuilder<'_> {
    /// The first elements, then those of each step.
    pub(super) fn prefix(&mut self, at: usize, running: &Running) -> Vec<Stmt> {
        let dims = self.dimensions(at);
        let others: Vec<Dimension> =
            dims.iter().enumerate().filter(|(d, _)| *d != running.along).map(|(_, d)| *d).collect();
        let loops: Vec<(AxisId, Extent)> = others.iter().filter_map(|d| d.axis).collect();
        let last = self.last(at, &loops);
        let steps = self.free_dimension(self.values.exprs.extent(running.steps) as usize);
        let axes = running.axes.iter().enumerate().filter(|(d, _)| *d != running.along);
        let mut pairs: Vec<(AxisId, IndexId)> =
            axes.map(|(_, &axis)| axis).zip(others.iter().map(|d| d.index)).collect();
        pairs.push((running.steps, steps.index));
        let none = FxHashMap::default();
        let all = &self.value(at).indices;
        let (later, once): (Vec<DataIndex>, Vec<DataIndex>) =
            all.iter().partition(|i| self.values.exprs.follows(i.value, running.steps));
        let once = self.checks_of(&pairs, &none, &once);
        let later = self.checks_of(&pairs, &none, &later);
        let first = self.rewrite(&pairs, &none, running.first);
        let next = self.next(&pairs, running, &last);
        let mut index = |dims: &[Dimension], along: IndexId| {
            let along = self.rewrite_with(&pairs, &none, |r| r.index(along));
            let index = dims.iter().enumerate();
            index.map(|(d, dim)| if d == running.along { along } else { dim.index }).collect()
        };
        let (first_at, at_step): (Vec<_>, Vec<_>) =
            (index(&dims, running.first_at), index(&dims, running.at));
        let first = self.write(at, &last, &first_at, first);
        let next = self.write(at, &last, &at_step, next);
        let mut stmts = wrap_checked(&self.exprs, &loops, once, first);
        let every: Vec<(AxisId, Extent)> = steps.axis.into_iter().chain(loops).collect();
        stmts.extend(wrap_checked(&self.exprs, &every, later, next));
        stmts
    }

    /// A local with an element for each index of the loops.
    fn last(&mut self, at: usize, loops: &[(AxisId, Extent)]) -> Last {
        let sizes: Vec<usize> = loops.iter().map(|(_, extent)| extent.max()).collect();
        let value = self.value(at);
        let place = PlaceId::Local(self.locals.len() as u32);
        self.locals.push(Local {
            name: format!("{}.last", self.graph.node(value.node).name),
            dtype: value.tensor_type.dtype,
            len: sizes.iter().product(),
        });
        let axes: Vec<IndexId> =
            loops.iter().map(|&(axis, _)| self.exprs.index_axis(axis)).collect();
        let index = self.exprs.index_dot(&axes, &strides(&sizes));
        Last { place, index }
    }

    /// What follows the last element.
    fn next(&mut self, pairs: &[(AxisId, IndexId)], running: &Running, last: &Last) -> ExprId {
        let none = FxHashMap::default();
        let mut body = |body: ExprId| self.rewrite(pairs, &none, body);
        let (factor, term) = (running.factor.map(&mut body), running.term.map(&mut body));
        let dtype = self.values.exprs.dtype(running.first);
        let Last { place, index } = *last;
        let before = self.exprs.intern(Expr::Load { place, index, dtype });
        let mut join =
            |f, other: Option<ExprId>, x| other.map_or(x, |other| self.exprs.binary(f, other, x));
        let scaled = join(BinaryFn::Mul, factor, before);
        match term {
            Some(term) => self.exprs.binary(BinaryFn::Add, scaled, term),
            None => scaled,
        }
    }

    /// Stores of an element in the result and in the local.
    fn write(&mut self, at: usize, last: &Last, index: &[IndexId], value: ExprId) -> Vec<Stmt> {
        let mut stmts = vec![];
        let value = self.bind(value, &mut stmts);
        stmts.push(self.store(last.place, last.index, value));
        if let Some((place, index)) = self.destination(at, index) {
            stmts.push(self.store(place, index, value));
        }
        stmts
    }
}
