//! The smallest integer not below x.

use super::{Form, Function, Gradient, Instruction, REALS, Values, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("ceil", "The smallest integer not below x; dx = 0."),
    values: Values::Floats(f32::ceil, f64::ceil),
    domain: REALS,
    gradient: Gradient::Stepped,
    form: Form::Instruction(Instruction::Ceil),
};
