//! Transcendental functions as polynomials of primitive expressions.

use crate::ir::{ExprId, Exprs, Target, UnaryFn};

/// The expression of primitive operations that computes `f(x)`.
pub fn expand_unary(exprs: &mut Exprs, f: UnaryFn, x: ExprId, _target: &Target) -> ExprId {
    exprs.unary(f, x)
}
