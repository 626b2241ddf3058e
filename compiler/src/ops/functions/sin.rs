//! The sine of radians.

use super::math::Turn;
use super::{Form, Function, Gradient, REALS, Rare, UnaryFn, Values, signature};
use crate::ir::DType;

pub(super) const FUNCTION: Function = Function {
    signature: signature("sin", "y = sin x, dx = dy cos x."),
    values: Values::Floats(f32::sin, f64::sin),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let cos = g.unary(UnaryFn::Cos, at.x)?;
        g.mul(at.dy, cos)
    }),
    form: Form::Expanded {
        value: |math, x| math.turn(x, Turn::Sine),
        rare: Some(Rare {
            dtype: DType::F64,
            condition: |math, x| math.is_far(x),
            value: |math, x| math.turn_far(x, Turn::Sine),
        }),
    },
};
