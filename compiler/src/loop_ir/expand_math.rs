//! Rewrites transcendental functions into polynomials of primitive expressions, for any element
//! type and in straight line, so that vector loops run them as they are (`ops/functions` holds the
//! expansion of each, which the library's chunk functions are made from too); and so the division of
//! floats with a remainder, and powers of integers, which are exact. Runs after `fma`, which would
//! change roundings that are chosen there. Linear.

use rustc_hash::FxHashMap;

use super::Kernel;
use super::rebuild::Rebuild;
use crate::ir::{BinaryFn, Expr, ExprId, Exprs, Index, IndexId, Target, Term, UnaryFn};

/// Expands all transcendental functions of a kernel; chunks stay as they are.
pub fn expand_math(kernel: &mut Kernel, target: &Target) {
    let body = std::mem::take(&mut kernel.body);
    let mut expander = Expander {
        exprs: &mut kernel.exprs,
        target,
        done: FxHashMap::default(),
        done_indices: FxHashMap::default(),
    };
    kernel.body = expander.stmts(body);
}

/// The expression of primitive operations that computes `f(x)`; `f(x)` itself where `f` is
/// primitive or `x` is no float.
pub fn expand_unary(exprs: &mut Exprs, f: UnaryFn, x: ExprId, target: &Target) -> ExprId {
    match f.expand(exprs, x, target) {
        Some(expansion) => expansion.whole(exprs),
        None => exprs.unary(f, x),
    }
}

/// The expression of primitive operations that computes `f(a, b)`; that itself where it is
/// primitive for the element type.
pub fn expand_binary(
    exprs: &mut Exprs,
    f: BinaryFn,
    [a, b]: [ExprId; 2],
    target: &Target,
) -> ExprId {
    f.expand(exprs, [a, b], target).unwrap_or_else(|| exprs.binary(f, a, b))
}

struct Expander<'a> {
    exprs: &'a mut Exprs,
    target: &'a Target,
    done: FxHashMap<ExprId, ExprId>,
    done_indices: FxHashMap<IndexId, IndexId>,
}

impl Rebuild for Expander<'_> {
    fn exprs(&mut self) -> &mut Exprs {
        self.exprs
    }

    fn replace(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let expr = self.exprs.expr(id).clone();
        let expr = expr.map_operands(&mut |x| self.expr(x));
        let new = match expr {
            Expr::Unary(f, x) => expand_unary(self.exprs, f, x, self.target),
            Expr::Binary(f, a, b) => expand_binary(self.exprs, f, [a, b], self.target),
            Expr::Load { place, index, dtype } => {
                let index = self.index(index);
                self.exprs.intern(Expr::Load { place, index, dtype })
            }
            Expr::Index(index, dtype) => {
                let index = self.index(index);
                self.exprs.intern(Expr::Index(index, dtype))
            }
            Expr::Const(..)
            | Expr::Element { .. }
            | Expr::Var(..)
            | Expr::Compare(..)
            | Expr::Select(..)
            | Expr::Cast(..)
            | Expr::Fma(..)
            | Expr::Bitcast(..)
            | Expr::ShiftLeft(..)
            | Expr::ShiftRightSigned(..) => self.exprs.intern(expr),
        };
        self.done.insert(id, new);
        new
    }

    /// An index whose elements are expanded.
    fn index(&mut self, id: IndexId) -> IndexId {
        if let Some(&done) = self.done_indices.get(&id) {
            return done;
        }
        let Index { mut terms, constant } = self.exprs.index(id).clone();
        for (term, _) in &mut terms {
            *term = match *term {
                Term::Axis(axis) => Term::Axis(axis),
                Term::Div(x, n) => Term::Div(self.index(x), n),
                Term::Mod(x, n) => Term::Mod(self.index(x), n),
                Term::Data(value, n) => Term::Data(self.expr(value), n),
            };
        }
        terms.sort_unstable();
        let new = self.exprs.intern_index(Index { terms, constant });
        self.done_indices.insert(id, new);
        new
    }
}

#[cfg(test)]
mod tests;
