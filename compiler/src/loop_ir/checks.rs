//! Moves the checks of indices before the loops that they are in. A loop with a check is not run in
//! vectors; and within a loop over what an index does not depend on it is checked again and again, as
//! that of a row for each of the row's elements.
//!
//! In: nests as `lower` makes them. Out: a check whose index reads nothing that the outermost loop
//! around it writes, or else the next one, stands before that, in loops over what the index depends on;
//! but one that would be run as often in a loop as small stays. The checks of a loop keep their order;
//! what is checked twice is checked once. Linear in the statements and expressions for each loop around
//! them.

use rustc_hash::FxHashSet;

use super::effects::{Reads, Writes, bound};
use super::rebuild::Rebuild;
use super::{Extent, Kernel, Loop, LoopKind, Stmt};
use crate::ir::{AxisId, ExprId, Exprs, Reindex};

/// Moves the checks of a kernel.
pub fn checks(kernel: &mut Kernel) {
    if has_checks(&kernel.body) {
        let body = std::mem::take(&mut kernel.body);
        kernel.body = moved(&mut kernel.exprs, body);
    }
}

fn has_checks(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::For(l) => has_checks(&l.body),
        Stmt::Check { .. } => true,
        Stmt::Let(..) | Stmt::Store { .. } | Stmt::Tile(_) | Stmt::Chunk(_) => false,
    })
}

/// A body with checks before its loops, and the same of the loops' bodies.
fn moved(exprs: &mut Exprs, body: Vec<Stmt>) -> Vec<Stmt> {
    let mut all = Vec::with_capacity(body.len());
    for stmt in body {
        let Stmt::For(l) = stmt else {
            all.push(stmt);
            continue;
        };
        let mut writes = Writes::default();
        writes.for_loop(&l);
        let mut search =
            Search { exprs, writes, around: vec![], found: vec![], known: FxHashSet::default() };
        let rest = search.without_checks(l);
        let found = search.found;
        found.into_iter().for_each(|(loops, checks)| all.extend(nest(exprs, &loops, checks)));
        if let Some(Stmt::For(l)) = rest {
            let body = moved(exprs, l.body);
            all.push(Stmt::For(Loop { body, ..l }));
        }
    }
    all
}

/// A loop's axis and extent.
type Count = (AxisId, Extent);

/// Looks for the checks that can stand before a loop.
struct Search<'a> {
    exprs: &'a Exprs,
    /// What the loop writes.
    writes: Writes,
    /// The loop and those in it that are around the statement.
    around: Vec<Count>,
    /// The checks, in order, with the loops that they need.
    found: Vec<(Vec<Count>, Vec<Stmt>)>,
    /// Their indices and the sizes: what is checked again is right.
    known: FxHashSet<(ExprId, i64)>,
}

impl Search<'_> {
    /// A loop without the checks that are found, if anything is left of it.
    fn without_checks(&mut self, l: Loop) -> Option<Stmt> {
        self.around.push((l.axis, l.extent));
        let has_loops = l.body.iter().any(|stmt| matches!(stmt, Stmt::For(_)));
        let mut body = vec![];
        for stmt in l.body {
            match stmt {
                Stmt::For(inner) => body.extend(self.without_checks(inner)),
                Stmt::Check { value, size, number, origin } => {
                    let value = bound(self.exprs, &body, value);
                    let check = Stmt::Check { value, size, number, origin };
                    match self.loops_for(value, has_loops) {
                        Some(_) if !self.known.insert((value, size)) => {}
                        Some(loops) => match self.found.last_mut() {
                            Some((last, checks)) if *last == loops => checks.push(check),
                            _ => self.found.push((loops, vec![check])),
                        },
                        None => body.push(check),
                    }
                }
                Stmt::Let(..) | Stmt::Store { .. } | Stmt::Tile(_) | Stmt::Chunk(_) => {
                    body.push(stmt);
                }
            }
        }
        self.around.pop();
        (!body.is_empty() || !l.folds.is_empty()).then_some(Stmt::For(Loop { body, ..l }))
    }

    /// The loops in which an index can be checked before the loop, if that is worth it.
    fn loops_for(&self, index: ExprId, has_loops: bool) -> Option<Vec<Count>> {
        let mut reads = Reads::default();
        reads.expr(self.exprs, index);
        let is_free = reads.places.is_disjoint(&self.writes.places)
            && reads.vars.is_disjoint(&self.writes.vars);
        // What is never run checks nothing.
        let is_run = self.around.iter().all(|(_, extent)| extent.max() > 0);
        let depends = |(axis, _): &&Count| reads.axes.contains(axis);
        let loops: Vec<Count> = self.around.iter().filter(depends).copied().collect();
        let is_worth_it = has_loops || loops.len() < self.around.len();
        (is_free && is_run && is_worth_it).then_some(loops)
    }
}

/// Checks in loops of their own.
fn nest(exprs: &mut Exprs, loops: &[Count], checks: Vec<Stmt>) -> Vec<Stmt> {
    let axes: Vec<AxisId> = loops.iter().map(|(_, extent)| exprs.axis(extent.max())).collect();
    let pairs: Vec<_> =
        loops.iter().zip(&axes).map(|(&(old, _), &new)| (old, exprs.index_axis(new))).collect();
    let body = Reindex::new(exprs, pairs).stmts(checks);
    let around = loops.iter().zip(axes).rev();
    around.fold(body, |body, (&(_, extent), axis)| {
        vec![Stmt::For(Loop { axis, extent, kind: LoopKind::Serial, body, folds: vec![] })]
    })
}
