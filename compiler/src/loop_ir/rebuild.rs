//! The walk that passes over expressions share: the same statements with other expressions.

use super::{Fold, Loop, Stmt};
use crate::ir::{Expr, ExprId, Exprs, IndexId, Rewrite};

/// Says what takes the place of an expression, and with it of every statement.
pub(super) trait Rebuild {
    /// What takes the place of an expression.
    fn expr(&mut self, id: ExprId) -> ExprId;

    /// What takes the place of the index of a store; the index itself, unless a pass says more.
    fn index(&mut self, id: IndexId) -> IndexId {
        id
    }

    /// Statements with their expressions replaced, in order; of a loop, its folds before its body.
    fn stmts(&mut self, stmts: Vec<Stmt>) -> Vec<Stmt> {
        stmts.into_iter().map(|stmt| self.stmt(stmt)).collect()
    }

    /// A statement with its expressions replaced.
    fn stmt(&mut self, stmt: Stmt) -> Stmt {
        match stmt {
            Stmt::For(l) => Stmt::For(self.rebuilt(l)),
            Stmt::Let(var, value) => Stmt::Let(var, self.expr(value)),
            Stmt::Store { place, index, value } => {
                Stmt::Store { place, index: self.index(index), value: self.expr(value) }
            }
            Stmt::Check { value, size, number } => {
                Stmt::Check { value: self.expr(value), size, number }
            }
            // Their offsets read axes alone.
            Stmt::Tile(_) | Stmt::Chunk(_) => stmt,
        }
    }

    /// A loop with its expressions replaced.
    fn rebuilt(&mut self, l: Loop) -> Loop {
        let mut fold = |fold: Fold| Fold {
            init: fold.init.iter().map(|&v| self.expr(v)).collect(),
            values: fold.values.iter().map(|&v| self.expr(v)).collect(),
            ..fold
        };
        let folds = l.folds.into_iter().map(&mut fold).collect();
        Loop { body: self.stmts(l.body), folds, ..l }
    }
}

impl<F> Rebuild for Rewrite<'_, F>
where
    F: FnMut(&mut Exprs, u32, &[IndexId], crate::ir::DType) -> ExprId,
{
    fn expr(&mut self, id: ExprId) -> ExprId {
        Rewrite::expr(self, id)
    }

    fn index(&mut self, id: IndexId) -> IndexId {
        Rewrite::index(self, id)
    }
}

/// The same expression with other operands; indices stay.
pub(super) fn map_operands(expr: &Expr, f: &mut impl FnMut(ExprId) -> ExprId) -> Expr {
    match expr {
        Expr::Const(..)
        | Expr::Element { .. }
        | Expr::Load { .. }
        | Expr::Var(..)
        | Expr::Index(..) => expr.clone(),
        Expr::Unary(g, x) => Expr::Unary(*g, f(*x)),
        Expr::Cast(d, x) => Expr::Cast(*d, f(*x)),
        Expr::Bitcast(d, x) => Expr::Bitcast(*d, f(*x)),
        Expr::ShiftLeft(x, n) => Expr::ShiftLeft(f(*x), *n),
        Expr::ShiftRightSigned(x, n) => Expr::ShiftRightSigned(f(*x), *n),
        Expr::Binary(g, a, b) => Expr::Binary(*g, f(*a), f(*b)),
        Expr::Compare(g, a, b) => Expr::Compare(*g, f(*a), f(*b)),
        Expr::Select(a, b, c) => Expr::Select(f(*a), f(*b), f(*c)),
        Expr::Fma(a, b, c) => Expr::Fma(f(*a), f(*b), f(*c)),
    }
}
