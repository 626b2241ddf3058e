//! The hyperbolic tangent.

use super::expm1::EXPM1_F64;
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

/// `(e^r − 1 − r) / r²` for |r| ≤ ln 2 / 2, to 2^-26 of `e^r − 1`.
const TANH_F32: [f64; 5] = [
    0.49999998155211611705,
    0.16666543670127024702,
    0.041667199627545162608,
    0.0083665139465994154076,
    0.0013882523933368403352,
];

impl Math<'_> {
    /// `b / (b + 1)` with `b = (e^2a − 1) / 2`, `a = |x|`, and the sign of x. With `2a = n ln 2 + 2h`
    /// it is `b = 2^n (e^2h − 1) / 2 + (2^n − 1) / 2`.
    fn tanh(&mut self, x: ExprId) -> ExprId {
        let range = self.number(self.choose(RANGES[0], RANGES[1]));
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let near = self.binary(BinaryFn::Min, range, size);
        let (n, scale) = self.power_of_two(near, 2.0 * std::f64::consts::LOG2_E);
        let h = self.reduce(near, n, 0.5);
        // (e^2h − 1 − 2h) / 2h², from the coefficients for r = 2h.
        let coefficients = self.coefficients(&TANH_F32, &EXPM1_F64).iter().enumerate();
        let coefficients: Vec<f64> =
            coefficients.map(|(i, c)| c * 2f64.powi(i as i32 + 1)).collect();
        let q = self.polynomial(&coefficients, h);
        let square = self.mul(h, h);
        let p = self.fma(square, q, h);
        let [one, half, minus_half] = [1.0, 0.5, -0.5].map(|c| self.number(c));
        let whole = self.fma(scale, half, minus_half);
        let above = self.fma(scale, p, whole);
        let below = self.add(above, one);
        let y = self.div(above, below);
        self.with_sign(y, x)
    }
}
