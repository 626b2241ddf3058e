//! Claims, before a product, the memory that a unit writes after it.
//!
//! A core that stores to a cache line which another core has read must first ask for the line, and
//! ordinary stores ask almost one by one. Weights are such memory: every thread reads all of them in
//! the forward pass, and then each updates its own part. Asked for before the product whose result
//! they take, the lines arrive while it is computed.
//!
//! In: nests after `collapse`. Out: before the first product of a unit, a `Chunk` that claims what
//! each later loop of the unit stores, element by element, in a buffer that other kernels read. No
//! value changes. Linear in the statements.

use super::{Chunk, ChunkFn, Extent, Kernel, Stmt};
use crate::ir::{AxisId, Exprs, IndexId, OriginId, PlaceId, Term};

/// The most bytes to claim in a unit: half of a small first-level cache, which the product needs too.
const MOST: usize = 16 << 10;

/// Claims what can be claimed in a kernel; `exchanged` says of each buffer whether other kernels read
/// what this one writes there.
pub fn claim(kernel: &mut Kernel, exchanged: &[bool]) {
    let is_tile = |stmt: &Stmt| matches!(stmt, Stmt::Tile(_));
    let Some(first) = kernel.body.iter().position(is_tile) else { return };
    let extent = |&unit: &AxisId| kernel.exprs.extent(unit);
    let units = kernel.units.iter().copied().filter(|unit| extent(unit) > 1).collect();
    let mut search = Search { exchanged, units, loops: vec![], claims: vec![] };
    search.stmts(&mut kernel.exprs, &kernel.body[first..]);
    let claims = search.claims;
    let bytes = |c: &Chunk| c.n.max() * kernel.place_dtype(c.to.0).size();
    if claims.iter().map(bytes).sum::<usize>() <= MOST {
        kernel.body.splice(first..first, claims.into_iter().map(Stmt::Chunk));
    }
}

/// Looks for stores to claim.
struct Search<'a> {
    exchanged: &'a [bool],
    /// The unit axes that tell units apart.
    units: Vec<AxisId>,
    /// The loops around the statement.
    loops: Vec<(AxisId, Extent)>,
    claims: Vec<Chunk>,
}

impl Search<'_> {
    fn stmts(&mut self, exprs: &mut Exprs, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::For(l) => {
                    self.loops.push((l.axis, l.extent));
                    self.stmts(exprs, &l.body);
                    self.loops.pop();
                }
                Stmt::Store { place: PlaceId::Buffer(b), index, origin, .. }
                    if self.exchanged[*b as usize] =>
                {
                    let chunk = self.elements(exprs, PlaceId::Buffer(*b), *index, *origin);
                    let is_new = |c: &Chunk| self.claims.iter().all(|o| (o.to, o.n) != (c.to, c.n));
                    let chunk = chunk.filter(is_new);
                    self.claims.extend(chunk);
                }
                Stmt::Store { .. }
                | Stmt::Let(..)
                | Stmt::Check { .. }
                | Stmt::Tile(_)
                | Stmt::Chunk(_) => {}
            }
        }
    }

    /// The claim of all elements that a store reaches, if they are adjacent and of this unit alone.
    fn elements(
        &self,
        exprs: &mut Exprs,
        place: PlaceId,
        index: IndexId,
        origin: OriginId,
    ) -> Option<Chunk> {
        let terms = &exprs.index(index).terms;
        let factor = |axis: AxisId| {
            let term = terms.iter().find(|(term, _)| *term == Term::Axis(axis));
            term.map_or(0, |&(_, factor)| factor)
        };
        let is_known =
            |axis: &AxisId| self.units.contains(axis) || self.loops.iter().any(|(l, _)| l == axis);
        let affine = terms.iter().all(|(term, _)| matches!(term, Term::Axis(a) if is_known(a)));
        if !affine || self.units.iter().any(|&unit| factor(unit) == 0) {
            return None;
        }
        let mut n = Extent::Const(1);
        for &(axis, extent) in self.loops.iter().rev() {
            let Extent::Const(inner) = n else { return None };
            if factor(axis) != inner as i64 {
                return None;
            }
            n = extent.times(inner);
        }
        let mut first = index;
        for &(axis, _) in &self.loops {
            let step = exprs.coefficient(first, axis)?;
            let axis = exprs.index_axis(axis);
            first = exprs.index_add(first, axis, -step);
        }
        Some(Chunk { function: ChunkFn::Claim, to: (place, first), n, origin })
    }
}
