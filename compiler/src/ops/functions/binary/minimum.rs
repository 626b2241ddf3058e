//! The smaller of two.

use super::maximum::shared;
use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("minimum", "The smaller; NaN if either is. A tie halves dy."),
    symbol: None,
    accepts: Accepts::Numbers,
    is_commutative: false,
    gradient: Some(|g, at| shared(g, at, false)),
    form: Form::Instruction(1),
};
