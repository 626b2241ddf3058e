//! The square root.

use super::{Form, Function, Gradient, Instruction, Values, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("sqrt", "y = √x, dx = dy / (2 y)."),
    values: Values::Floats(f32::sqrt, f64::sqrt),
    domain: (0.0, f64::INFINITY),
    gradient: Gradient::Smooth(|g, at| {
        let half = g.scale(at.dy, 0.5)?;
        g.div(half, at.y)
    }),
    form: Form::Instruction(Instruction::Sqrt),
};
