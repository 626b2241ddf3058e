//! The rectifier: NaN stays NaN, and the gradient at 0 is 0.

use super::{Form, Function, Gradient, Instruction, REALS, Values, signature};
use crate::ir::CompareFn;

pub(super) const FUNCTION: Function = Function {
    signature: signature("relu", "y = max(x, 0), dx = dy where x > 0, else 0."),
    values: Values::Numbers(
        |x| if x < 0.0 { 0.0 } else { x },
        |x| if x < 0.0 { 0.0 } else { x },
        |x| x.max(0),
        |x| x.max(0),
        |x| x,
    ),
    domain: REALS,
    // Of y, not x: so x need not be kept for the backward pass.
    gradient: Gradient::Kinked(|g, at| {
        let zero = g.zeros_like(at.y)?;
        let positive = g.compare(CompareFn::Gt, at.y, zero)?;
        g.select(positive, at.dy, zero)
    }),
    form: Form::Instruction(Instruction::Relu),
};
