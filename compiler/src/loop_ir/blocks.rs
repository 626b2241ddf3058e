//! Moves through blocks in the first-level cache where what is read runs along another loop than what is
//! written: `for j: for i: y[j, i] = x[i, j]` becomes `for i / 16: for j: for 16 i`, so that the cache
//! lines of `x` that an iteration of the outer loop touches are whole when it is through with them.
//!
//! In: nests after `vectorise`. A vector loop whose body reads elements far apart, with serial loops
//! around it, each the whole body of the one before, one of which runs along what is read: that one
//! moves next to the vector loop, and the vector loop is cut into blocks around it. No iteration may
//! touch what another one writes. No value changes. Linear in the statements.

use super::rebuild::Rebuild;
use super::vectorise::Nest;
use super::{Extent, Kernel, Loop, LoopKind, Stmt};
use crate::ir::{AxisId, Exprs, Reindex};

/// Elements of a block: those of a cache line of f32.
const BLOCK: usize = 16;

/// A shorter loop leaves lines half used whatever the order.
const SHORTEST: usize = 4;

/// Cuts what pays in a kernel.
pub fn blocks(kernel: &mut Kernel) {
    let body = std::mem::take(&mut kernel.body);
    kernel.body = stmts(&mut kernel.exprs, body);
}

fn stmts(exprs: &mut Exprs, body: Vec<Stmt>) -> Vec<Stmt> {
    let cut = |stmt: Stmt| match stmt {
        Stmt::For(l) => match Moves::of(exprs, &l) {
            Some(moves) => moves.in_blocks(exprs),
            None => Stmt::For(Loop { body: stmts(exprs, l.body.clone()), ..l }),
        },
        other => other,
    };
    body.into_iter().map(cut).collect()
}

/// A nest that moves elements.
struct Moves {
    /// The serial loops, outermost first; the last runs along what is read.
    around: Vec<(AxisId, Extent)>,
    vector: Loop,
    n: usize,
}

impl Moves {
    fn of(exprs: &Exprs, l: &Loop) -> Option<Moves> {
        let (mut around, mut at) = (vec![], l);
        let vector = loop {
            match (at.kind, at.body.as_slice()) {
                (LoopKind::Vector(_), _) if at.folds.is_empty() => break at,
                (LoopKind::Serial, [Stmt::For(within)]) if at.folds.is_empty() => {
                    around.push((at.axis, at.extent));
                    at = within;
                }
                _ => return None,
            }
        };
        let Extent::Const(n) = vector.extent else { return None };
        if n <= BLOCK {
            return None;
        }
        let nest = serial(l);
        let nest = Nest::of(exprs, &nest)?;
        let along = nest.read_along(&around, vector.axis, BLOCK, SHORTEST)?;
        let all = around.len() + 1;
        if !nest.may_change_places(along..all) {
            return None;
        }
        around[along..].rotate_left(1);
        Some(Moves { around, vector: vector.clone(), n })
    }

    fn in_blocks(mut self, exprs: &mut Exprs) -> Stmt {
        let block = exprs.axis(self.n.div_ceil(BLOCK));
        let within = exprs.axis(BLOCK);
        let (first, rest) = (exprs.index_axis(block), exprs.index_axis(within));
        let index = exprs.index_add(rest, first, BLOCK as i64);
        let body = Reindex::new(exprs, [(self.vector.axis, index)]).stmts(self.vector.body);
        let extent = match self.n % BLOCK {
            0 => Extent::Const(BLOCK),
            _ => Extent::Block { axis: block, block: BLOCK, total: self.n },
        };
        let inner = Loop { axis: within, extent, body, ..self.vector };
        let at = self.around.len() - 1;
        self.around.insert(at, (block, Extent::Const(self.n.div_ceil(BLOCK))));
        self.around.into_iter().rev().fold(Stmt::For(inner), |body, (axis, extent)| {
            Stmt::For(Loop {
                axis,
                extent,
                kind: LoopKind::Serial,
                body: vec![body],
                folds: vec![],
            })
        })
    }
}

/// The nest as it was before its last loop ran at once.
fn serial(l: &Loop) -> Loop {
    let within = |stmt: &Stmt| match stmt {
        Stmt::For(l) => Stmt::For(serial(l)),
        other => other.clone(),
    };
    Loop { kind: LoopKind::Serial, body: l.body.iter().map(within).collect(), ..l.clone() }
}
