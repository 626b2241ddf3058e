//! The tangent of radians.

use super::math::Turn;
use super::{Form, Function, Gradient, Rare, Values, signature};
use crate::ir::DType;

pub(super) const FUNCTION: Function = Function {
    signature: signature("tan", "y = tan x, dx = dy (1 + y²)."),
    values: Values::Floats(f32::tan, f64::tan),
    // Of its branches, the one around 0.
    domain: (-std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2),
    gradient: Gradient::Smooth(|g, at| {
        let (one, square) = (g.constant_like(at.y, 1.0)?, g.square(at.y)?);
        let slope = g.add(one, square)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded {
        value: |math, x| math.turn(x, Turn::Tangent),
        rare: Some(Rare {
            dtype: DType::F64,
            condition: |math, x| math.is_far(x),
            value: |math, x| math.turn_far(x, Turn::Tangent),
        }),
    },
};
