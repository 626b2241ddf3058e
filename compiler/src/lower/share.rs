//! A placement whose parts lie anywhere in the result, cut into units.
//!
//! No dimension of a group is units where a part begins after others, as the rows of a concatenation
//! or of what is padded. So every nest has its own blocks: unit u takes the u-th block of some
//! dimension of each part, and of each box that is filled. Boxes do not overlap, so no unit touches
//! what another one writes.

use super::{Dimension, KernelBuilder};
use crate::fuse::{PlacedPart, Residence, Value, Work};
use crate::ir::{AxisId, Scalar, Term};
use crate::loop_ir::{Extent, Stmt};

/// Elements of a result: where they begin in each dimension, and how many there are.
struct Boxed {
    start: Vec<i64>,
    sizes: Vec<usize>,
}

impl KernelBuilder<'_> {
    /// A placement that is a kernel of its own and has no units, in some; `None` if it stays whole.
    pub(super) fn place_in_units(&mut self, at: usize) -> Option<Vec<Stmt>> {
        let value = self.value(at);
        let Work::Placement { parts, fill } = &value.work else { return None };
        let alone = self.group.members.len() == 1
            && self.group.units.is_empty()
            && self.group.members[at].residence == Residence::Memory
            && !self.bound.contains_key(&value.node);
        let checked = parts.iter().any(|part| !part.indices.is_empty());
        if !alone || checked || self.costs.is_cheap(value.cost) {
            return None;
        }
        let filled = match fill {
            Some(_) => self.around(value, parts)?,
            None => vec![],
        };
        let of_part = |part: &PlacedPart| -> Vec<usize> {
            part.axes.iter().map(|&a| self.values.exprs.extent(a) as usize).collect()
        };
        let sizes: Vec<Vec<usize>> = parts.iter().map(of_part).collect();
        let all: Vec<&[usize]> =
            sizes.iter().chain(filled.iter().map(|b| &b.sizes)).map(Vec::as_slice).collect();
        let most = 2 * self.costs.min_units;
        let n =
            (2..=most).rev().find(|&n| all.iter().all(|sizes| dimension(sizes, n).is_some()))?;
        let unit = self.exprs.axis(n);
        self.units.push(unit);
        let mut stmts = vec![];
        for Boxed { start, sizes } in filled {
            let dims = self.in_blocks(unit, n, &sizes);
            let index: Vec<_> = dims
                .iter()
                .zip(start)
                .map(|(dim, start)| self.exprs.index_scale(dim.index, 1, start))
                .collect();
            let value = self.exprs.constant(fill.unwrap_or(Scalar::I64(0)));
            stmts.extend(self.store_nest(at, &dims, vec![], &index, value));
        }
        for (part, sizes) in parts.iter().zip(&sizes) {
            let dims = self.in_blocks(unit, n, sizes);
            stmts.extend(self.part(at, part, dims));
        }
        Some(stmts)
    }

    /// The boxes of a result that its one part leaves, none of which is empty; `None` if there are more
    /// parts, or it is no box.
    fn around(&self, value: &Value, parts: &[PlacedPart]) -> Option<Vec<Boxed>> {
        let [part] = parts else { return None };
        let start = part.index.iter().zip(&part.axes).map(|(&index, &axis)| {
            let index = self.values.exprs.index(index);
            (index.terms[..] == [(Term::Axis(axis), 1)]).then_some(index.constant)
        });
        let start: Vec<i64> = start.collect::<Option<_>>()?;
        let sizes: Vec<usize> =
            part.axes.iter().map(|&a| self.values.exprs.extent(a) as usize).collect();
        let mut boxes = vec![];
        for d in 0..sizes.len() {
            let end = start[d] as usize + sizes[d];
            for (first, n) in [(0, start[d] as usize), (end, value.sizes[d] - end)] {
                // Within the part in the dimensions before, of any index in those after.
                let mut found = Boxed { start: start[..d].to_vec(), sizes: sizes[..d].to_vec() };
                found.start.push(first as i64);
                found.sizes.push(n);
                found.start.resize(sizes.len(), 0);
                found.sizes.extend(&value.sizes[d + 1..]);
                boxes.extend((!found.sizes.contains(&0)).then_some(found));
            }
        }
        Some(boxes)
    }

    /// Loops over dimensions of these sizes, one of them in the unit's block.
    fn in_blocks(&mut self, unit: AxisId, n: usize, sizes: &[usize]) -> Vec<Dimension> {
        let cut = dimension(sizes, n);
        sizes
            .iter()
            .enumerate()
            .map(|(d, &total)| {
                if cut == Some(d) { self.block(unit, total, n) } else { self.free_dimension(total) }
            })
            .collect()
    }

    /// The unit's block of `total` indices in `n` blocks.
    fn block(&mut self, unit: AxisId, total: usize, n: usize) -> Dimension {
        let block = total.div_ceil(n);
        let first = self.exprs.index_axis(unit);
        if block == 1 {
            return Dimension { axis: None, index: first };
        }
        let row = self.exprs.axis(block);
        let extent = match total % block {
            0 => Extent::Const(block),
            _ => Extent::Block { axis: unit, block, total },
        };
        let within = self.exprs.index_axis(row);
        let index = self.exprs.index_add(within, first, block as i64);
        Dimension { axis: Some((row, extent)), index }
    }
}

/// The first dimension that `n` equal blocks cover, none of which is empty.
fn dimension(sizes: &[usize], n: usize) -> Option<usize> {
    sizes.iter().position(|&total| total >= n && total.div_ceil(total.div_ceil(n)) == n)
}
