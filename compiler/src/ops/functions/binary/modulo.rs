//! What the division rounded down leaves.

use super::super::math::expand_remainder;
use super::{Accepts, Form, Function, signature};
use crate::ir::BinaryFn;

pub(super) const FUNCTION: Function = Function {
    signature: signature(
        "mod",
        "y = a - floor(a / b) b, as NumPy's (in f64 0 from |a / b| = 2^53 on); \
         da = dy, db = -dy floor(a / b).",
    ),
    symbol: Some("%"),
    accepts: Accepts::Numbers,
    is_commutative: false,
    gradient: Some(|g, at| {
        let floor = g.binary(BinaryFn::FloorDiv, at.a, at.b)?;
        let db = g.mul(at.dy, floor)?;
        Ok([at.dy, g.neg(db)?])
    }),
    form: Form::Expanded { cost: 16, expand: expand_remainder, library: false },
};
