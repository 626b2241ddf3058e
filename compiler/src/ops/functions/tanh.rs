//! The hyperbolic tangent.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, Values, signature};
use crate::ir::{BinaryFn, ExprId, UnaryFn};

pub(super) const FUNCTION: Function = Function {
    signature: signature("tanh", "y = tanh x, dx = dy (1 - y²)."),
    values: Values::Floats(f32::tanh, f64::tanh),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let (one, square) = (g.constant_like(at.y, 1.0)?, g.square(at.y)?);
        let slope = g.sub(one, square)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded { value: |math, x| math.tanh(x), rare: None },
};

/// Beyond this, of f32 and of f64, it is ±1.
const RANGES: [f64; 2] = [10.0, 22.0];

impl Math<'_> {
    /// `(e^2a − 1) / (e^2a − 1 + 2)` with `a = |x|`, and the sign of x.
    fn tanh(&mut self, x: ExprId) -> ExprId {
        let range = self.number(self.choose(RANGES[0], RANGES[1]));
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let near = self.binary(BinaryFn::Min, range, size);
        let twice = self.add(near, near);
        let [one, two] = [1.0, 2.0].map(|c| self.number(c));
        let (p, scale) = self.expm1_parts(twice, 0);
        let whole = self.sub(scale, one);
        let above = self.fma(scale, p, whole);
        let below = self.add(above, two);
        let y = self.div(above, below);
        self.with_sign(y, x)
    }
}
