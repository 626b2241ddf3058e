//! What statements read and write.

use rustc_hash::FxHashSet;

use super::{Loop, Stmt};
use crate::ir::{AxisId, Expr, ExprId, Exprs, IndexId, PlaceId, Term, VarId};

/// The value that a variable of a body is bound to, through other variables; any other value itself.
pub(super) fn bound(exprs: &Exprs, body: &[Stmt], value: ExprId) -> ExprId {
    let Expr::Var(var, _) = exprs.expr(value) else { return value };
    let found = body.iter().find_map(|stmt| match stmt {
        Stmt::Let(own, value) if own == var => Some(*value),
        _ => None,
    });
    found.map_or(value, |value| bound(exprs, body, value))
}

/// What statements write: memories and variables.
#[derive(Default)]
pub(super) struct Writes {
    pub(super) places: FxHashSet<PlaceId>,
    pub(super) vars: FxHashSet<VarId>,
}

impl Writes {
    pub(super) fn for_loop(&mut self, l: &Loop) {
        self.stmts(&l.body);
        self.vars.extend(l.folds.iter().flat_map(|fold| fold.vars.iter().copied()));
    }

    pub(super) fn stmts(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::For(l) => self.for_loop(l),
                Stmt::Let(var, _) => {
                    self.vars.insert(*var);
                }
                Stmt::Store { place, .. } => {
                    self.places.insert(*place);
                }
                Stmt::Check { .. } => {}
                Stmt::Tile(tile) => {
                    self.places.insert(tile.c.place);
                }
                Stmt::Chunk(chunk) => {
                    self.places.insert(chunk.to.0);
                }
            }
        }
    }
}

/// What expressions read.
#[derive(Default)]
pub(super) struct Reads {
    seen: FxHashSet<ExprId>,
    pub(super) axes: FxHashSet<AxisId>,
    pub(super) vars: FxHashSet<VarId>,
    pub(super) places: FxHashSet<PlaceId>,
}

impl Reads {
    /// What the bindings of a body read, of variables that are read.
    pub(super) fn through(&mut self, exprs: &Exprs, body: &[Stmt]) {
        for stmt in body.iter().rev() {
            if let Stmt::Let(var, bound) = stmt
                && self.vars.contains(var)
            {
                self.expr(exprs, *bound);
            }
        }
    }

    pub(super) fn expr(&mut self, exprs: &Exprs, id: ExprId) {
        if !self.seen.insert(id) {
            return;
        }
        match exprs.expr(id) {
            Expr::Load { place, index, .. } => {
                self.places.insert(*place);
                self.index(exprs, *index);
            }
            Expr::Index(index, _) => self.index(exprs, *index),
            Expr::Var(var, _) => {
                self.vars.insert(*var);
            }
            Expr::Const(..)
            | Expr::Element { .. }
            | Expr::Unary(..)
            | Expr::Binary(..)
            | Expr::Compare(..)
            | Expr::Select(..)
            | Expr::Cast(..)
            | Expr::Fma(..)
            | Expr::Bitcast(..)
            | Expr::ShiftLeft(..)
            | Expr::ShiftRightSigned(..) => {
                exprs.operands(id).for_each(|x| self.expr(exprs, x));
            }
        }
    }

    fn index(&mut self, exprs: &Exprs, id: IndexId) {
        for &(term, _) in &exprs.index(id).terms {
            match term {
                Term::Axis(axis) => {
                    self.axes.insert(axis);
                }
                Term::Div(x, _) | Term::Mod(x, _) => self.index(exprs, x),
                Term::Data(value, _) => self.expr(exprs, value),
            }
        }
    }
}
