//! Indices that may lie outside of what they index.

use crate::ir::{BinaryFn, CompareFn, DType, Expr, ExprId, Exprs, IndexId, Reading, Scalar};

/// Indices brought inside of their dimensions, and what must hold where they were.
pub(in crate::ops) struct Within<'a> {
    pub(in crate::ops) exprs: &'a mut Exprs,
    conditions: Vec<ExprId>,
}

impl<'a> Within<'a> {
    pub(in crate::ops) fn new(exprs: &'a mut Exprs) -> Within<'a> {
        Within { exprs, conditions: vec![] }
    }

    /// The index along a dimension of that size; where there is none another one, whose element
    /// counts for nothing.
    pub(in crate::ops) fn index(&mut self, at: Reading, size: usize) -> IndexId {
        let rest = self.exprs.index_mod(at.index, at.step);
        self.holds(CompareFn::Eq, rest, 0);
        let at = self.exprs.index_div(at.index, at.step);
        self.holds(CompareFn::Ge, at, 0);
        self.holds(CompareFn::Lt, at, size as i64);
        self.exprs.index_mod(at, size as i64)
    }

    /// Asks for a comparison to hold, unless it always does.
    pub(in crate::ops) fn holds(&mut self, f: CompareFn, at: IndexId, number: i64) {
        let (first, last) = self.exprs.range(at);
        let holds = |i: i64| f.eval(Scalar::I64(i), Scalar::I64(number));
        if holds(first) && holds(last) {
            return;
        }
        let fits = [first, last, number].iter().all(|&i| i32::try_from(i).is_ok());
        let dtype = if fits { DType::I32 } else { DType::I64 };
        let at = self.exprs.intern(Expr::Index(at, dtype));
        let number = self.exprs.constant(Scalar::I64(number).cast(dtype));
        let condition = self.exprs.compare(f, at, number);
        self.conditions.push(condition);
    }

    /// Asks for a comparison of values to hold.
    pub(in crate::ops) fn also(&mut self, f: CompareFn, a: ExprId, b: ExprId) {
        let condition = self.exprs.compare(f, a, b);
        self.conditions.push(condition);
    }

    /// All that must hold; `None` where that is nothing.
    pub(in crate::ops) fn all(self) -> Option<ExprId> {
        let Within { exprs, conditions } = self;
        conditions.into_iter().reduce(|a, b| exprs.binary(BinaryFn::And, a, b))
    }
}
