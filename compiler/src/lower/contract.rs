//! A contraction as a product tile inside serial loops over the axes that a tile has not.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use super::{Dimension, KernelBuilder, wrap};
use crate::fuse::{Factor, ProductBox, Span, Within};
use crate::ir::{AxisId, DType, IndexId, PlaceId};
use crate::loop_ir::{Extent, Stmt, Tile, View};

/// A tile of so many full blocks of rows reads the right factor often enough for each time it comes.
const BLOCKS: usize = 4;

/// A factor or the result in a memory.
#[derive(Clone, Copy)]
struct Strided {
    place: PlaceId,
    position: IndexId,
}

/// A loop of a contraction: how far it counts, and how far apart neighbours are.
#[derive(Clone)]
struct Level {
    /// Its axes, the innermost first: more than one where together they are as one.
    axes: Vec<AxisId>,
    extent: Extent,
    a: i64,
    b: i64,
    c: i64,
}

impl Level {
    /// What counts once.
    fn one() -> Level {
        Level { axes: vec![], extent: Extent::Const(1), a: 0, b: 0, c: 0 }
    }

    /// This level and `outer` around it as one, if neighbours of `outer` are as far apart as the
    /// first of this level and the one after its last.
    fn joined(&self, outer: &Level) -> Option<Level> {
        let Extent::Const(n) = self.extent else { return None };
        let continues = |step: i64, outer: i64| outer == step * n as i64;
        if !continues(self.a, outer.a) || !continues(self.b, outer.b) || !continues(self.c, outer.c)
        {
            return None;
        }
        let axes = self.axes.iter().chain(&outer.axes).copied().collect();
        Some(Level { axes, extent: outer.extent.times(n), ..*self })
    }
}

/// Takes the two levels of the tile's rows, the outer one first, out of the loops around it: levels
/// that only the left factor and the result have, each with those that continue it. The inner two that
/// have so many rows together, whose parts of the factor lie near each other, else the longest.
fn take_rows(outer: &mut Vec<Level>, enough: usize) -> [Level; 2] {
    let mut rows: Vec<(Level, Vec<usize>)> = vec![];
    for at in (0..outer.len()).rev().filter(|&at| outer[at].b == 0) {
        let taken: Vec<usize> = rows.iter().flat_map(|(_, taken)| taken.clone()).collect();
        if !taken.contains(&at) {
            rows.push(continued(outer, at, &taken));
        }
    }
    // Innermost first; a level that is not there counts once.
    rows.resize_with(rows.len().max(2), || (Level::one(), vec![]));
    let pairs = (0..rows.len()).flat_map(|o| (0..o).map(move |i| (o, i)));
    let number = |&(o, i): &(usize, usize)| {
        let n = |at: usize| rows[at].0.extent.max();
        (n(o).saturating_mul(n(i)).min(enough), Reverse(o + i))
    };
    let (o, i) = pairs.max_by_key(number).expect("there are two levels or more");
    let taken: Vec<usize> = [o, i].iter().flat_map(|&at| rows[at].1.clone()).collect();
    let mut at = 0..;
    outer.retain(|_| at.next().is_some_and(|at| !taken.contains(&at)));
    [o, i].map(|at| rows[at].0.clone())
}

/// Takes the two levels of rows that shift with the sum: the one along the axis, and of the others
/// that only the left factor and the result have the longest.
fn take_shifting_rows(outer: &mut Vec<Level>, axis: AxisId) -> [Level; 2] {
    let shifting = outer.iter().position(|level| level.axes[..] == [axis]);
    let shifting = outer.remove(shifting.expect("it has more than one index"));
    let rows = (0..outer.len()).filter(|&at| outer[at].b == 0);
    let inner = rows.max_by_key(|&at| outer[at].extent.max()).map(|at| outer.remove(at));
    [shifting, inner.unwrap_or_else(Level::one)]
}

/// A level and all that continue it as one, with their positions. Some are others' already: where nothing
/// is computed, several may continue into the same one.
fn continued(levels: &[Level], at: usize, of_others: &[usize]) -> (Level, Vec<usize>) {
    let (mut level, mut taken) = (levels[at].clone(), vec![at]);
    let next = |level: &Level, taken: &[usize]| {
        let is_free = |at: &usize| !taken.contains(at) && !of_others.contains(at);
        let others = (0..levels.len()).filter(is_free);
        others.filter_map(|at| Some((at, level.joined(&levels[at])?))).next()
    };
    while let Some((at, joined)) = next(&level, &taken) {
        level = joined;
        taken.push(at);
    }
    (level, taken)
}

impl KernelBuilder<'_> {
    pub(super) fn contract(&mut self, at: usize, boxes: &[ProductBox]) -> Vec<Stmt> {
        boxes.iter().flat_map(|product| self.product(at, product)).collect()
    }

    fn product(&mut self, at: usize, product: &ProductBox) -> Vec<Stmt> {
        let value = self.value(at);
        let dims = self.kept_dimensions(at, product);
        let extent = |&axis: &AxisId| self.values.exprs.extent(axis) as usize;
        let sizes: Vec<usize> = product.reduced.iter().map(extent).collect();
        let sums: Vec<Dimension> = sizes.into_iter().map(|n| self.free_dimension(n)).collect();
        let axes = product.kept.iter().map(|span| span.axis).chain(product.reduced.iter().copied());
        let indices = dims.iter().chain(&sums).map(|d| d.index);
        let pairs: Vec<(AxisId, IndexId)> = axes.zip(indices).collect();
        let a = self.strided(&product.a, &pairs);
        let b = self.strided(&product.b, &pairs);
        let spans = dims.iter().zip(&product.kept);
        let index = spans.map(|(d, s)| self.exprs.index_scale(d.index, s.step, s.first));
        let index: Vec<IndexId> = index.collect();
        let Some((place, position)) = self.destination(at, &index) else { return vec![] };
        let abc = [a, b, Strided { place, position }];

        let level = |d: &Dimension| d.axis.map(|loops| self.level(abc, loops));
        let column = level(&dims[product.column]).unwrap_or_else(Level::one);
        let mut outer: Vec<Level> = dims[..product.column].iter().filter_map(level).collect();
        let sums: Vec<Level> = sums.iter().filter_map(level).collect();
        let rows = match &product.within {
            Some(within) => {
                let is_kept = |span: &Span| span.axis == within.kept;
                let dim = product.kept.iter().position(is_kept).expect("a dimension of the box");
                assert_eq!(
                    product.reduced.last(),
                    Some(&within.summed),
                    "the innermost sum shifts"
                );
                take_shifting_rows(&mut outer, dims[dim].axis.expect("a free dimension").0)
            }
            None => take_rows(&mut outer, BLOCKS * self.target.tile.0),
        };
        let mut tile = self.tile(value.tensor_type.dtype, abc, &rows, &column, &sums);
        tile.accumulate = product.accumulates;
        if let Some(Within { first, end, .. }) = product.within {
            tile.a.offset = self.exprs.index_scale(tile.a.offset, 1, first * tile.a_step[2]);
            tile.within = Some([first, end].map(|sum| sum as usize));
        }
        let outer: Vec<(AxisId, Extent)> = outer.iter().map(|l| (l.axes[0], l.extent)).collect();
        wrap(&outer, vec![Stmt::Tile(Box::new(tile))])
    }

    /// The loops over the result: the member's where the box has all of a dimension.
    fn kept_dimensions(&mut self, at: usize, product: &ProductBox) -> Vec<Dimension> {
        let value = self.value(at);
        let mut dims = self.dimensions(at);
        for ((dim, span), &own) in dims.iter_mut().zip(&product.kept).zip(&value.axes) {
            if span.axis != own {
                *dim = self.free_dimension(self.values.exprs.extent(span.axis) as usize);
            }
        }
        dims
    }

    fn tile(
        &mut self,
        dtype: DType,
        [a, b, c]: [Strided; 3],
        rows: &[Level; 2],
        column: &Level,
        sums: &[Level],
    ) -> Tile {
        let inside = sums.iter().chain(rows).chain([column]);
        let inside: Vec<AxisId> = inside.flat_map(|l| &l.axes).copied().collect();
        let [outer, inner] = rows;
        let (mut len, mut a_step, mut b_step) = ([1; 3], [0; 3], [0; 3]);
        // Levels are numbered from the outermost; unused ones are the outer ones.
        for (level, sum) in (0..3).rev().zip(sums.iter().rev()) {
            (len[level], a_step[level], b_step[level]) = (sum.extent.max(), sum.a, sum.b);
        }
        Tile {
            dtype,
            c: self.view(c, &inside, ([outer.c, inner.c], column.c)),
            a: self.view(a, &inside, ([outer.a, inner.a], column.a)),
            b: self.view(b, &inside, ([0, 0], column.b)),
            m: [outer.extent, inner.extent],
            n: column.extent,
            len,
            a_step,
            b_step,
            accumulate: false,
            within: None,
            origin: self.exprs.origin(),
        }
    }

    fn strided(&mut self, factor: &Factor, pairs: &[(AxisId, IndexId)]) -> Strided {
        let none = FxHashMap::default();
        let index = self.rewrite_with(pairs, &none, |r| {
            factor.index.iter().map(|&i| r.index(i)).collect::<Vec<_>>()
        });
        let (place, position) = self.position(factor.source, &index);
        Strided { place, position }
    }

    fn level(&self, abc: [Strided; 3], (axis, extent): (AxisId, Extent)) -> Level {
        let [a, b, c] = abc.map(|x| self.step(x, axis));
        Level { axes: vec![axis], extent, a, b, c }
    }

    /// The distance in elements of neighbours along an axis.
    fn step(&self, x: Strided, axis: AxisId) -> i64 {
        self.exprs.coefficient(x.position, axis).expect("a factor is a strided view")
    }

    /// The view with the axes that the tile itself runs over at 0.
    fn view(&mut self, x: Strided, inside: &[AxisId], (row, column): ([i64; 2], i64)) -> View {
        let mut offset = x.position;
        for &axis in inside {
            let step = self.step(x, axis);
            let index = self.exprs.index_axis(axis);
            offset = self.exprs.index_add(offset, index, -step);
        }
        View { place: x.place, offset, row, column }
    }
}
