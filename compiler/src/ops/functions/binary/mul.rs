//! The product.

use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("mul", "y = a b, da = dy b, db = dy a."),
    symbol: Some("*"),
    accepts: Accepts::Numbers,
    is_commutative: true,
    gradient: Some(|g, at| Ok([g.mul(at.dy, at.b)?, g.mul(at.dy, at.a)?])),
    form: Form::Instruction(1),
};
