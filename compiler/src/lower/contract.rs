//! A contraction as a product tile inside serial loops over the axes that a tile has not.

use rustc_hash::FxHashMap;

use super::{Builder, Dimension, wrap};
use crate::fuse::Factor;
use crate::ir::{AxisId, IndexId, PlaceId};
use crate::loop_ir::{Extent, Stmt, Tile, View};

/// A factor in a memory: the steps of each loop.
struct Strided {
    place: PlaceId,
    position: IndexId,
}

impl Builder<'_> {
    pub(super) fn contract(
        &mut self,
        at: usize,
        reduced: &[AxisId],
        a: &Factor,
        b: &Factor,
    ) -> Vec<Stmt> {
        let value = self.value(at);
        let dims = self.dimensions(at);
        let sums: Vec<Dimension> = reduced
            .iter()
            .map(|&r| self.free_dimension(self.values.exprs.extent(r) as usize))
            .collect();
        let pairs: Vec<(AxisId, IndexId)> = value
            .axes
            .iter()
            .chain(reduced)
            .copied()
            .zip(dims.iter().chain(&sums).map(|d| d.index))
            .collect();
        let a = self.strided(a, &pairs);
        let b = self.strided(b, &pairs);
        let index: Vec<IndexId> = dims.iter().map(|d| d.index).collect();
        let Some((place, position)) = self.destination(at, &index) else { return vec![] };
        let c = Strided { place, position };

        let column = dims.last().and_then(|d| d.axis);
        // Rows: the last dimension that only the left factor has.
        let others = dims.split_last().map_or(&[][..], |(_, others)| others);
        let axes: Vec<(AxisId, Extent)> = others.iter().filter_map(|d| d.axis).collect();
        let row = axes.iter().rev().copied().find(|(axis, _)| self.step(&b, *axis) == 0);
        let inside: Vec<AxisId> = column
            .iter()
            .chain(&row)
            .map(|(axis, _)| *axis)
            .chain(sums.iter().filter_map(|d| d.axis.map(|(axis, _)| axis)))
            .collect();
        let along = |s: &Self, x: &Strided, loops: Option<(AxisId, Extent)>| {
            loops.map_or(0, |(axis, _)| s.step(x, axis))
        };
        let (a_row, c_row) = (along(self, &a, row), along(self, &c, row));
        let (b_column, c_column) = (along(self, &b, column), along(self, &c, column));
        let mut len = [1; 3];
        let (mut a_step, mut b_step) = ([0; 3], [0; 3]);
        // Levels are numbered from the outermost; unused ones are the outer ones.
        for (level, sum) in (0..3).rev().zip(sums.iter().rev()) {
            match sum.axis {
                Some((axis, extent)) => {
                    len[level] = extent.max();
                    a_step[level] = self.step(&a, axis);
                    b_step[level] = self.step(&b, axis);
                }
                None => len[level] = 1,
            }
        }
        let tile = Tile {
            dtype: value.tensor_type.dtype,
            c: self.view(&c, &inside, (c_row, c_column)),
            a: self.view(&a, &inside, (a_row, 0)),
            b: self.view(&b, &inside, (0, b_column)),
            m: row.map_or(Extent::Const(1), |(_, extent)| extent),
            n: column.map_or(Extent::Const(1), |(_, extent)| extent),
            len,
            a_step,
            b_step,
            accumulate: false,
        };
        let outer: Vec<(AxisId, Extent)> =
            axes.into_iter().filter(|(axis, _)| !inside.contains(axis)).collect();
        wrap(&outer, vec![Stmt::Tile(tile)])
    }

    fn strided(&mut self, factor: &Factor, pairs: &[(AxisId, IndexId)]) -> Strided {
        let none = FxHashMap::default();
        let index = self.rewrite_with(pairs, &none, |r| {
            factor.index.iter().map(|&i| r.index(i)).collect::<Vec<_>>()
        });
        let (place, position) = self.position(factor.source, &index);
        Strided { place, position }
    }

    /// The distance in elements of neighbours along an axis.
    fn step(&self, x: &Strided, axis: AxisId) -> i64 {
        self.exprs.coefficient(x.position, axis).expect("a factor is a strided view")
    }

    /// The view with the axes that the tile itself runs over at 0.
    fn view(&mut self, x: &Strided, inside: &[AxisId], (row, column): (i64, i64)) -> View {
        let mut offset = x.position;
        for &axis in inside {
            let step = self.step(x, axis);
            let index = self.exprs.index_axis(axis);
            offset = self.exprs.index_add(offset, index, -step);
        }
        View { place: x.place, offset, row, column }
    }
}
