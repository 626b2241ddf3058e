//! Logical negation.

use super::{Form, Function, Gradient, Instruction, REALS, Values, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("not", "Logical negation of a bool."),
    values: Values::Bools(|x| !x),
    domain: REALS,
    gradient: Gradient::Stepped,
    form: Form::Instruction(Instruction::Not),
};
