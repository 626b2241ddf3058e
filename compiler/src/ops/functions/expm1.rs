//! The exponential less 1, exact to its last places also near 0.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, UnaryFn, Values, signature};
use crate::ir::{CompareFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("expm1", "y = e^x - 1, exact for small x; dx = dy e^x."),
    values: Values::Floats(f32::exp_m1, f64::exp_m1),
    domain: REALS,
    // Not y + 1, which has no places left where y is next to -1.
    gradient: Gradient::Smooth(|g, at| {
        let slope = g.unary(UnaryFn::Exp, at.x)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded { value: |math, x| math.expm1(x), rare: None },
};

/// `(e^r − 1 − r) / r²` for |r| ≤ ln 2 / 2, to the places of f32.
const EXPM1_F32: [f64; 6] = [
    0.5000000044268751957,
    0.16666666369762436939,
    0.041666360427297863599,
    0.0083333894576325959873,
    0.0013940668539617760362,
    0.00019845881635771513588,
];

/// As [`EXPM1_F32`], to the places of f64.
pub(super) const EXPM1_F64: [f64; 11] = [
    0.50000000000000000085,
    0.16666666666666676547,
    0.041666666666666508373,
    0.0083333333333216539185,
    0.0013888888888962513071,
    0.00019841269886074300558,
    0.00002480158717238820504,
    2.7557244253263291088e-6,
    2.755740265390247056e-7,
    2.5109024793988452285e-8,
    2.0875363614925688425e-9,
];

/// Below the first of these it is -1, above the second infinite.
const RANGE_F32: [f64; 2] = [-20.0, 89.0];

/// As [`RANGE_F32`], of f64.
const RANGE_F64: [f64; 2] = [-40.0, 710.0];

impl Math<'_> {
    /// `2 (2^(n − 1) (e^r − 1) + 2^(n − 1) − 1/2)`; x itself next to 0.
    fn expm1(&mut self, x: ExprId) -> ExprId {
        let [low, high] = self.choose(RANGE_F32, RANGE_F64);
        let near = self.clamp(x, low, high);
        let (p, scale) = self.expm1_parts(near, 1);
        let half = self.number(0.5);
        let whole = self.sub(scale, half);
        let y = self.fma(scale, p, whole);
        let y = self.add(y, y);
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let tiny = self.number(self.choose(2f64.powi(-25), 2f64.powi(-54)));
        self.select(CompareFn::Lt, size, tiny, x, y)
    }

    /// `e^r − 1` and `2^(n − less)`, for `e^x = 2^n e^r`, |r| ≤ ln 2 / 2.
    pub(super) fn expm1_parts(&mut self, x: ExprId, less: i64) -> (ExprId, ExprId) {
        let (n, scale) = self.power_of_two_less(x, std::f64::consts::LOG2_E, less);
        let r = self.reduce(x, n, 1.0);
        let q = self.polynomial(self.coefficients(&EXPM1_F32, &EXPM1_F64), r);
        let square = self.mul(r, r);
        (self.fma(square, q, r), scale)
    }
}
