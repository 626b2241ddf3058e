//! Forms fused multiply-adds where the target has them: `a · b + c` becomes one rounding. A
//! product that something else uses too keeps its own value. Linear.

use rustc_hash::FxHashMap;

use super::rebuild::Rebuild;
use super::{Kernel, Stmt};
use crate::ir::{BinaryFn, Expr, ExprId, Exprs};

/// Forms the fused multiply-adds of a kernel.
pub fn fma(kernel: &mut Kernel) {
    let body = std::mem::take(&mut kernel.body);
    let mut uses = FxHashMap::default();
    count(&kernel.exprs, &body, &mut uses);
    let mut former = Former { exprs: &mut kernel.exprs, uses, done: FxHashMap::default() };
    kernel.body = former.stmts(body);
}

fn count(exprs: &Exprs, stmts: &[Stmt], uses: &mut FxHashMap<ExprId, u32>) {
    let mut visit = |root: ExprId| {
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            let n = uses.entry(id).or_insert(0);
            *n += 1;
            if *n == 1 {
                stack.extend(exprs.operands(id));
            }
        }
    };
    for stmt in stmts {
        match stmt {
            Stmt::Let(_, v) | Stmt::Store { value: v, .. } | Stmt::Check { value: v, .. } => {
                visit(*v)
            }
            Stmt::For(l) => l.folds.iter().flat_map(|f| &f.values).for_each(|&v| visit(v)),
            Stmt::Tile(_) | Stmt::Chunk(_) => {}
        }
    }
    for stmt in stmts {
        if let Stmt::For(l) = stmt {
            count(exprs, &l.body, uses);
        }
    }
}

struct Former<'a> {
    exprs: &'a mut Exprs,
    uses: FxHashMap<ExprId, u32>,
    done: FxHashMap<ExprId, ExprId>,
}

impl Rebuild for Former<'_> {
    fn exprs(&mut self) -> &mut Exprs {
        self.exprs
    }

    fn replace(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let expr = self.exprs.expr(id).clone();
        let product = |s: &Self, x: ExprId| match s.exprs.expr(x) {
            Expr::Binary(BinaryFn::Mul, a, b) if s.uses.get(&x) == Some(&1) => Some((*a, *b)),
            _ => None,
        };
        let new = match expr {
            Expr::Binary(BinaryFn::Add, x, y) if self.exprs.dtype(id).is_float() => {
                match (product(self, x), product(self, y)) {
                    (Some((a, b)), _) => self.fused(a, b, y),
                    (None, Some((a, b))) => self.fused(a, b, x),
                    (None, None) => self.same(id, &expr),
                }
            }
            _ => self.same(id, &expr),
        };
        self.done.insert(id, new);
        new
    }
}

impl Former<'_> {
    fn fused(&mut self, a: ExprId, b: ExprId, c: ExprId) -> ExprId {
        let (a, b, c) = (self.expr(a), self.expr(b), self.expr(c));
        self.exprs.intern(Expr::Fma(a, b, c))
    }

    fn same(&mut self, id: ExprId, expr: &Expr) -> ExprId {
        let new = expr.map_operands(&mut |o| self.expr(o));
        if new == *expr { id } else { self.exprs.intern(new) }
    }
}
