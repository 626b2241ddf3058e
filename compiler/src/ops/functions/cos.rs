//! The cosine of radians.

use super::math::Turn;
use super::{Form, Function, Gradient, REALS, Rare, UnaryFn, Values, signature};
use crate::ir::DType;

pub(super) const FUNCTION: Function = Function {
    signature: signature("cos", "y = cos x, dx = -dy sin x."),
    values: Values::Floats(f32::cos, f64::cos),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let sin = g.unary(UnaryFn::Sin, at.x)?;
        let dx = g.mul(at.dy, sin)?;
        g.neg(dx)
    }),
    form: Form::Expanded {
        value: |math, x| math.turn(x, Turn::Cosine),
        rare: Some(Rare {
            dtype: DType::F64,
            condition: |math, x| math.is_far(x),
            value: |math, x| math.turn_far(x, Turn::Cosine),
        }),
    },
};
