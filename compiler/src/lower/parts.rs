//! Placements and what is scattered, as nests of loops over their parts.

use rustc_hash::FxHashMap;

use super::{Dimension, KernelBuilder, wrap_checked};
use crate::fuse::{PlacedPart, Work};
use crate::ir::{AxisId, BinaryFn, Expr, ExprId, IndexId, Scalar};
use crate::loop_ir::{Extent, Stmt};

/// A part in the kernel's terms.
struct Terms {
    dims: Vec<Dimension>,
    /// The checks of indices from data.
    checks: Vec<Stmt>,
    element: ExprId,
    /// Where it goes.
    index: Vec<IndexId>,
}

impl KernelBuilder<'_> {
    /// The parts of a placement, each its own nest of loops, after the fill.
    pub(super) fn place(&mut self, at: usize) -> Vec<Stmt> {
        if let Some(stmts) = self.place_in_units(at) {
            return stmts;
        }
        let value = self.value(at);
        let Work::Placement { parts, fill } = &value.work else { return vec![] };
        let mut stmts = fill.map_or(vec![], |fill| self.fill(at, fill));
        for part in parts {
            let dims = self.part_dimensions(at, part);
            stmts.extend(self.part(at, part, dims));
        }
        stmts
    }

    /// A part of a placement, with loops over its dimensions.
    pub(super) fn part(&mut self, at: usize, part: &PlacedPart, dims: Vec<Dimension>) -> Vec<Stmt> {
        let Terms { dims, checks, element, index } = self.terms(part, dims);
        self.store_nest(at, &dims, checks, &index, element)
    }

    /// Zeros, then the elements of the part, each added to what is at its index.
    pub(super) fn scatter(&mut self, at: usize, part: &PlacedPart) -> Vec<Stmt> {
        let dtype = self.value(at).tensor_type.dtype;
        let mut stmts = self.fill(at, Scalar::zero(dtype));
        let dims = self.part_dimensions(at, part);
        let Terms { dims, checks, element, index } = self.terms(part, dims);
        if let Some((place, position)) = self.destination(at, &index) {
            let load = Expr::Load { place, index: position, dtype };
            let before = self.exprs.intern(load);
            let sum = self.exprs.binary(BinaryFn::Add, before, element);
            stmts.extend(self.store_nest(at, &dims, checks, &index, sum));
        }
        stmts
    }

    fn part_dimensions(&mut self, at: usize, part: &PlacedPart) -> Vec<Dimension> {
        let sizes = part.axes.iter().map(|&a| self.values.exprs.extent(a) as usize);
        self.dimensions_of(at, &sizes.collect::<Vec<_>>())
    }

    fn terms(&mut self, part: &PlacedPart, dims: Vec<Dimension>) -> Terms {
        let pairs: Vec<(AxisId, IndexId)> =
            part.axes.iter().copied().zip(dims.iter().map(|d| d.index)).collect();
        let none = FxHashMap::default();
        let checks = self.checks_of(&pairs, &none, &part.indices);
        let element = self.rewrite(&pairs, &none, part.body);
        let index = self.rewrite_with(&pairs, &none, |r| {
            part.index.iter().map(|&i| r.index(i)).collect::<Vec<_>>()
        });
        Terms { dims, checks, element, index }
    }

    /// One value for all elements of a member.
    fn fill(&mut self, at: usize, value: Scalar) -> Vec<Stmt> {
        let dims = self.dimensions(at);
        let index: Vec<IndexId> = dims.iter().map(|d| d.index).collect();
        let value = self.exprs.constant(value);
        self.store_nest(at, &dims, vec![], &index, value)
    }

    /// Loops over `dims` around a store of `value` at `index` of a member, with the checks it needs.
    pub(super) fn store_nest(
        &mut self,
        at: usize,
        dims: &[Dimension],
        checks: Vec<Stmt>,
        index: &[IndexId],
        value: ExprId,
    ) -> Vec<Stmt> {
        let Some((place, index)) = self.destination(at, index) else { return vec![] };
        let store = self.store(place, index, value);
        let axes: Vec<(AxisId, Extent)> = dims.iter().filter_map(|d| d.axis).collect();
        wrap_checked(&self.exprs, &axes, checks, vec![store])
    }
}
