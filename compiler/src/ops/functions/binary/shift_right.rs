//! Bits moved right.

use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("shift_right", "a shifted right by b bits, zeros moving in."),
    symbol: None,
    accepts: Accepts::Integers,
    is_commutative: false,
    gradient: None,
    form: Form::Instruction(1),
};
