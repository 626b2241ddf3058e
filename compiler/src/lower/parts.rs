//! Placements and what is scattered, as nests of loops over their parts.

use rustc_hash::FxHashMap;

use super::{Dimension, KernelBuilder, wrap, wrap_checked};
use crate::fuse::{PlacedPart, Work};
use crate::ir::{AxisId, BinaryFn, Expr, ExprId, IndexId, Scalar};
use crate::loop_ir::{Extent, Stmt};

impl KernelBuilder<'_> {
    /// The parts of a placement, each its own nest of loops, after the fill.
    pub(super) fn place(&mut self, at: usize) -> Vec<Stmt> {
        let value = self.value(at);
        let Work::Placement { parts, fill } = &value.work else { return vec![] };
        let mut stmts = fill.map_or(vec![], |fill| self.fill(at, fill));
        for part in parts {
            let dims = self.part_dimensions(at, part);
            let pairs: Vec<(AxisId, IndexId)> =
                part.axes.iter().copied().zip(dims.iter().map(|d| d.index)).collect();
            let none = FxHashMap::default();
            let mut body = self.checks_of(&pairs, &none, &part.indices);
            let element = self.rewrite(&pairs, &none, part.body);
            let index = self.rewrite_with(&pairs, &none, |r| {
                part.index.iter().map(|&i| r.index(i)).collect::<Vec<_>>()
            });
            if body.is_empty() {
                stmts.extend(self.store_nest(at, &dims, &index, element));
            } else if let Some((place, index)) = self.destination(at, &index) {
                body.push(Stmt::Store { place, index, value: element });
                let axes: Vec<_> = dims.iter().filter_map(|d| d.axis).collect();
                stmts.extend(wrap(&axes, body));
            }
        }
        stmts
    }

    /// Zeros, then the elements of the part, each added to what is at its index.
    pub(super) fn scatter(&mut self, at: usize, part: &PlacedPart) -> Vec<Stmt> {
        let dtype = self.value(at).tensor_type.dtype;
        let mut stmts = self.fill(at, Scalar::zero(dtype));
        let units = &self.group.members[at].dims;
        let sizes = part.axes.iter().map(|&a| self.values.exprs.extent(a) as usize);
        let sizes: Vec<usize> = sizes.collect();
        let dims: Vec<Dimension> = sizes
            .iter()
            .enumerate()
            .map(|(d, &n)| match units.iter().position(|along| along.dim == d) {
                Some(u) => self.unit_dimension(u, units[u].scale),
                None => self.free_dimension(n),
            })
            .collect();
        let pairs: Vec<(AxisId, IndexId)> =
            part.axes.iter().copied().zip(dims.iter().map(|d| d.index)).collect();
        let none = FxHashMap::default();
        let checks = self.checks_of(&pairs, &none, &part.indices);
        let element = self.rewrite(&pairs, &none, part.body);
        let index = self.rewrite_with(&pairs, &none, |r| {
            part.index.iter().map(|&i| r.index(i)).collect::<Vec<_>>()
        });
        let Some((place, index)) = self.destination(at, &index) else { return vec![] };
        let before = self.exprs.intern(Expr::Load { place, index, dtype });
        let value = self.exprs.binary(BinaryFn::Add, before, element);
        let axes: Vec<(AxisId, Extent)> = dims.iter().filter_map(|d| d.axis).collect();
        let body = vec![Stmt::Store { place, index, value }];
        stmts.extend(wrap_checked(&self.exprs, &axes, checks, body));
        stmts
    }

    /// One value for all elements of a member.
    fn fill(&mut self, at: usize, value: Scalar) -> Vec<Stmt> {
        let dims = self.dimensions(at);
        let index: Vec<IndexId> = dims.iter().map(|d| d.index).collect();
        let value = self.exprs.constant(value);
        self.store_nest(at, &dims, &index, value)
    }

    /// The loops over a part; its rows are those of the unit, where units are rows.
    fn part_dimensions(&mut self, at: usize, part: &PlacedPart) -> Vec<Dimension> {
        let by_rows = !self.group.members[at].dims.is_empty();
        let sizes = part.axes.iter().map(|&a| self.values.exprs.extent(a) as usize);
        let sizes: Vec<usize> = sizes.collect();
        sizes
            .iter()
            .enumerate()
            .map(|(d, &n)| match d {
                0 if by_rows => self.unit_dimension(0, 1),
                _ => self.free_dimension(n),
            })
            .collect()
    }

    /// Loops over `dims` around a store of `value` at `index` of a member.
    pub(super) fn store_nest(
        &mut self,
        at: usize,
        dims: &[Dimension],
        index: &[IndexId],
        value: ExprId,
    ) -> Vec<Stmt> {
        let Some((place, index)) = self.destination(at, index) else { return vec![] };
        let store = Stmt::Store { place, index, value };
        let axes: Vec<(AxisId, Extent)> = dims.iter().filter_map(|d| d.axis).collect();
        wrap(&axes, vec![store])
    }
}
