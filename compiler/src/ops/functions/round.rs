//! The nearest integer, ties to even.

use super::{Form, Function, Gradient, Instruction, REALS, Values, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("round", "The nearest integer, ties to even; dx = 0."),
    values: Values::Floats(f32::round_ties_even, f64::round_ties_even),
    domain: REALS,
    gradient: Gradient::Stepped,
    form: Form::Instruction(Instruction::Round),
};
