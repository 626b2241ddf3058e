//! The sign; ±0 and NaN stay.

use super::{Form, Function, Gradient, Instruction, REALS, Values, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("sign", "-1, 0 or 1; dx = 0."),
    values: Values::Numbers(
        |x| if x == 0.0 || x.is_nan() { x } else { x.signum() },
        |x| if x == 0.0 || x.is_nan() { x } else { x.signum() },
        i32::signum,
        i64::signum,
        |x| x.min(1),
    ),
    domain: REALS,
    gradient: Gradient::Stepped,
    form: Form::Instruction(Instruction::Sign),
};
