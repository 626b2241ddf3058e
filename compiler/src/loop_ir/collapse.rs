//! Joins two loops that run over adjacent elements into one: `for i < 4: for j < 3` over
//! `3 i + j` is one loop of 12. Long loops vectorise; short ones do not.
//!
//! In: nests as `lower` makes them. Two perfectly nested serial loops without folds are joined when
//! every index inside depends on them as `n i + j` does, `n` being the extent of the inner one.
//! The order of elements stays. Linear in the expressions for each pair.

use rustc_hash::FxHashSet;

use super::rebuild::Rebuild;
use super::{Extent, Kernel, Loop, LoopKind, Stmt};
use crate::ir::{AxisId, Expr, ExprId, Exprs, IndexId, Reindex, Term};

/// Joins what can be joined in a kernel.
pub fn collapse(kernel: &mut Kernel) {
    let mut body = std::mem::take(&mut kernel.body);
    stmts(&mut kernel.exprs, &mut body);
    kernel.body = body;
}

fn stmts(exprs: &mut Exprs, body: &mut [Stmt]) {
    for stmt in body {
        if let Stmt::For(l) = stmt {
            stmts(exprs, &mut l.body);
            if let Some(joined) = join(exprs, l) {
                *l = joined;
            }
        }
    }
}

/// The one loop that does what a loop and the loop that is its whole body do.
fn join(exprs: &mut Exprs, outer: &Loop) -> Option<Loop> {
    let [Stmt::For(inner)] = outer.body.as_slice() else { return None };
    let Extent::Const(n) = inner.extent else { return None };
    let plain = outer.folds.is_empty() && inner.folds.is_empty();
    let serial = outer.kind == LoopKind::Serial && inner.kind == LoopKind::Serial;
    if !plain || !serial || !inner.body.iter().all(is_simple) {
        return None;
    }
    let mut seen =
        Seen { exprs, axes: (outer.axis, inner.axis), n: n as i64, done: FxHashSet::default() };
    if !inner.body.iter().all(|s| seen.stmt(s)) {
        return None;
    }
    let extent = outer.extent.times(n);
    let axis = exprs.axis(extent.max());
    let (zero, both) = (exprs.index_constant(0), exprs.index_axis(axis));
    let pairs = [(outer.axis, zero), (inner.axis, both)];
    let body = Reindex::new(exprs, pairs).stmts(inner.body.clone());
    let kind = LoopKind::Serial;
    Some(Loop { axis, extent, kind, body, folds: vec![] })
}

fn is_simple(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Let(..) | Stmt::Store { .. })
}

/// Checks that everything depends on two axes as on one.
struct Seen<'a> {
    exprs: &'a Exprs,
    axes: (AxisId, AxisId),
    n: i64,
    done: FxHashSet<ExprId>,
}

impl Seen<'_> {
    fn stmt(&mut self, stmt: &Stmt) -> bool {
        match stmt {
            Stmt::Let(_, value) => self.expr(*value),
            Stmt::Store { index, value, .. } => self.index(*index) && self.expr(*value),
            Stmt::For(_) | Stmt::Check { .. } | Stmt::Tile(_) | Stmt::Chunk(_) => false,
        }
    }

    fn expr(&mut self, id: ExprId) -> bool {
        if !self.done.insert(id) {
            return true;
        }
        let own = match self.exprs.expr(id) {
            Expr::Load { index, .. } | Expr::Index(index, _) => self.index(*index),
            Expr::Element { .. } => false,
            _ => true,
        };
        own && self.exprs.operands(id).all(|o| self.expr(o))
    }

    fn index(&self, id: IndexId) -> bool {
        let index = self.exprs.index(id);
        let (mut i, mut j) = (0, 0);
        for (term, coefficient) in &index.terms {
            match term {
                Term::Axis(a) if *a == self.axes.0 => i = *coefficient,
                Term::Axis(a) if *a == self.axes.1 => j = *coefficient,
                Term::Axis(_) => {}
                Term::Div(..) | Term::Mod(..) | Term::Data(..) => return false,
            }
        }
        i == j * self.n
    }
}
