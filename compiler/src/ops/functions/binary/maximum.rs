//! The larger of two.

use super::super::super::{Build, TypeError};
use super::At;
use super::{Accepts, Form, Function, signature};
use crate::ir::{CompareFn, NodeId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("maximum", "The larger; NaN if either is. A tie halves dy."),
    symbol: None,
    accepts: Accepts::Numbers,
    is_commutative: false,
    gradient: Some(|g, at| shared(g, at, true)),
    form: Form::Instruction(1),
};

/// `dy` for the larger or the smaller operand, half of it for each where they are equal.
pub(super) fn shared(g: &mut Build<'_>, at: At, larger: bool) -> Result<[NodeId; 2], TypeError> {
    let At { a, b, dy, .. } = at;
    let (zero, half) = (g.zeros_like(dy)?, g.scale(dy, 0.5)?);
    let tie = g.compare(CompareFn::Eq, a, b)?;
    let rest = g.select(tie, half, zero)?;
    let (greater, less) = (g.compare(CompareFn::Gt, a, b)?, g.compare(CompareFn::Lt, a, b)?);
    let (of_a, of_b) = if larger { (greater, less) } else { (less, greater) };
    Ok([g.select(of_a, dy, rest)?, g.select(of_b, dy, rest)?])
}
