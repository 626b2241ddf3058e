//! The absolute value; that of the smallest integer wraps.

use super::{Form, Function, Gradient, Instruction, REALS, UnaryFn, Values, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("abs", "y = |x|, dx = dy sign(x)."),
    values: Values::Numbers(f32::abs, f64::abs, i32::wrapping_abs, i64::wrapping_abs, |x| x),
    domain: REALS,
    gradient: Gradient::Kinked(|g, at| {
        let sign = g.unary(UnaryFn::Sign, at.x)?;
        g.mul(at.dy, sign)
    }),
    form: Form::Instruction(Instruction::Abs),
};
