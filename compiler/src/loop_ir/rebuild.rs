//! The walk that passes over expressions share: the same statements with other expressions.

use super::{Fold, Loop, Stmt, View};
use crate::ir::{ExprId, Exprs, IndexId, Reindex};

/// Says what takes the place of an expression, and with it of every statement.
pub(super) trait Rebuild {
    /// The pool of the expressions.
    fn exprs(&mut self) -> &mut Exprs;

    /// What takes the place of an expression. What is interned there is for the nodes that the
    /// expression is for.
    fn replace(&mut self, id: ExprId) -> ExprId;

    /// What takes the place of an expression.
    fn expr(&mut self, id: ExprId) -> ExprId {
        let own = self.exprs().origin_of(id);
        let before = self.exprs().set_origin(own);
        let new = self.replace(id);
        self.exprs().set_origin(before);
        new
    }

    /// What takes the place of the index of a store or the offset of a view; itself, unless a pass says
    /// more.
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
            other => self.plain(other),
        }
    }

    /// A statement that is no loop, with its expressions replaced; a loop as it is.
    fn plain(&mut self, stmt: Stmt) -> Stmt {
        match stmt {
            Stmt::Let(var, value) => Stmt::Let(var, self.expr(value)),
            Stmt::Store { place, index, value, origin } => {
                Stmt::Store { place, index: self.index(index), value: self.expr(value), origin }
            }
            Stmt::Check { value, size, number, origin } => {
                Stmt::Check { value: self.expr(value), size, number, origin }
            }
            Stmt::Tile(tile) => {
                Stmt::Tile(tile.map_views(|view| View { offset: self.index(view.offset), ..view }))
            }
            // Offsets read axes alone.
            Stmt::For(_) | Stmt::Chunk(_) => stmt,
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

impl Rebuild for Reindex<'_> {
    fn exprs(&mut self) -> &mut Exprs {
        self.exprs
    }

    fn replace(&mut self, id: ExprId) -> ExprId {
        Reindex::expr(self, id)
    }

    fn index(&mut self, id: IndexId) -> IndexId {
        Reindex::index(self, id)
    }
}
