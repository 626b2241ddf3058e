//! The largest integer not above x.

use super::{Form, Function, Gradient, Instruction, REALS, Values, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("floor", "The largest integer not above x; dx = 0."),
    values: Values::Floats(f32::floor, f64::floor),
    domain: REALS,
    gradient: Gradient::Stepped,
    form: Form::Instruction(Instruction::Floor),
};
