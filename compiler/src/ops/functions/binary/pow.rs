//! Powers.

use super::super::super::{Build, TypeError};
use super::super::math::expand_power;
use super::At;
use super::{Accepts, Form, Function, signature};
use crate::ir::{BinaryFn, CompareFn, NodeId, UnaryFn};

pub(super) const FUNCTION: Function = Function {
    signature: signature(
        "pow",
        "y = a^b, da = dy b a^(b - 1), db = dy y ln a (0 at a = 0). Integers wrap; a \
         negative b gives 0, but ±1 for a base of ±1.",
    ),
    symbol: Some("**"),
    accepts: Accepts::Numbers,
    is_commutative: false,
    gradient: Some(gradient),
    form: Form::Expanded { cost: 32, expand: expand_power, library: true },
};

fn gradient(g: &mut Build<'_>, at: At) -> Result<[NodeId; 2], TypeError> {
    let At { a, b, y, dy } = at;
    let (zero, one) = (g.zeros_like(a)?, g.constant_like(a, 1.0)?);
    let size = g.unary(UnaryFn::Abs, a)?;
    let some = g.compare(CompareFn::Gt, size, zero)?;
    let constant = g.compare(CompareFn::Eq, b, zero)?;
    // Where a and b are 0 the slope is 0, not the 0 · ∞ of b a^(b - 1). Where b alone is 0 it is
    // that product, which has a derivative by b.
    let cut = g.unary(UnaryFn::Not, some)?;
    let cut = g.binary(BinaryFn::And, cut, constant)?;
    let base = g.select(cut, one, a)?;
    let less_one = g.sub(b, one)?;
    let power = g.binary(BinaryFn::Pow, base, less_one)?;
    let slope = g.mul(b, power)?;
    let slope = g.select(cut, zero, slope)?;
    let at_zero = g.compare(CompareFn::Eq, a, zero)?;
    let base = g.select(at_zero, one, a)?;
    let log = g.unary(UnaryFn::Log, base)?;
    let growth = g.mul(y, log)?;
    Ok([g.mul(dy, slope)?, g.mul(dy, growth)?])
}
