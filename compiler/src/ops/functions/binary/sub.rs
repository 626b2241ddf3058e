//! The difference.

use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("sub", "y = a - b, da = dy, db = -dy."),
    symbol: Some("-"),
    accepts: Accepts::Numbers,
    is_commutative: false,
    gradient: Some(|g, at| Ok([at.dy, g.neg(at.dy)?])),
    form: Form::Instruction(1),
};
