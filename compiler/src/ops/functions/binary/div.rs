//! The quotient.

use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("div", "y = a / b, da = dy / b, db = -dy y / b."),
    symbol: Some("/"),
    accepts: Accepts::Floats(Some(
        "write `//`, which rounds down, or `cast(..., f32)` around the operands",
    )),
    is_commutative: false,
    gradient: Some(|g, at| {
        let da = g.div(at.dy, at.b)?;
        let db = g.mul(da, at.y)?;
        Ok([da, g.neg(db)?])
    }),
    form: Form::Instruction(4),
};
