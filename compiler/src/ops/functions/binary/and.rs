//! Logical and, and the bits that both have.

use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("and", "Logical and of bools."),
    symbol: Some("and"),
    accepts: Accepts::Bools,
    is_commutative: true,
    gradient: None,
    form: Form::Instruction(1),
};
