//! The quotient rounded down.

use super::super::math::expand_quotient;
use super::{Accepts, Form, Function, signature};

pub(super) const FUNCTION: Function = Function {
    signature: signature("floor_div", "a / b rounded down; 0 where an integer b is 0."),
    symbol: Some("//"),
    accepts: Accepts::Numbers,
    is_commutative: false,
    gradient: None,
    form: Form::Expanded { cost: 16, expand: expand_quotient, library: false },
};
