//! Logical or, and the bits that either has.

use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("or", "Logical or of bools."),
    symbol: Some("or"),
    accepts: Accepts::Bools,
    is_commutative: true,
    gradient: None,
    form: Form::Instruction(1),
};
