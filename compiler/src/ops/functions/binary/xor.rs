//! The bits that one of two has.

use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("xor", "Exclusive or of bools or of bits."),
    symbol: None,
    accepts: Accepts::Bits,
    is_commutative: true,
    gradient: None,
    form: Form::Instruction(1),
};
