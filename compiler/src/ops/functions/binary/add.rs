//! The sum.

use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("add", "y = a + b, da = db = dy."),
    symbol: Some("+"),
    accepts: Accepts::Numbers,
    is_commutative: true,
    gradient: Some(|_, at| Ok([at.dy, at.dy])),
    form: Form::Instruction(1),
};
