//! Negation.

use super::{Form, Function, Gradient, Instruction, REALS, Values, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("neg", "y = -x, dx = -dy."),
    values: Values::Numbers(
        |x| -x,
        |x| -x,
        i32::wrapping_neg,
        i64::wrapping_neg,
        u8::wrapping_neg,
    ),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| g.neg(at.dy)),
    form: Form::Instruction(Instruction::Neg),
};
