//! The arc tangent.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, Values, signature};
use crate::ir::{CompareFn, ExprId, UnaryFn};

pub(super) const FUNCTION: Function = Function {
    signature: signature("atan", "y = atan x, in (-π/2, π/2), dx = dy / (1 + x²)."),
    values: Values::Floats(f32::atan, f64::atan),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let (one, square) = (g.constant_like(at.x, 1.0)?, g.square(at.x)?);
        let below = g.add(one, square)?;
        g.div(at.dy, below)
    }),
    form: Form::Expanded { value: |math, x| math.atan(x), rare: None },
};

/// `(atan r − r) / r³` by r², for |r| ≤ 1, to the places of f32.
const ATAN_F32: [f64; 8] = [
    -0.33333152758229316325,
    0.19993773365544836221,
    -0.14211059387254951363,
    0.10666019058078412629,
    -0.075522411855556598917,
    0.043212134454594619516,
    -0.016368071012685593164,
    0.0029207221416807628305,
];

/// As [`ATAN_F32`], to the places of f64.
const ATAN_F64: [f64; 19] = [
    -0.33333333333331859414,
    0.19999999999755096693,
    -0.14285714271338687271,
    0.11111110678848454102,
    -0.090909012369057217993,
    0.076922129454741429617,
    -0.066658604650803116475,
    0.058773082725392828342,
    -0.052392348276515170497,
    0.046739546269525302598,
    -0.040926487425146616855,
    0.034067979970078256354,
    -0.025827004811700853736,
    0.016978230252080135133,
    -0.0091846946358928185491,
    0.0038560429783251665733,
    -0.0011640950622561281025,
    0.00022302725698947705127,
    -0.000020259017642427117873,
];

impl Math<'_> {
    /// `r + r³ P(r²)` up to 1, and `π/2 − atan(1 / x)` beyond, with the sign of x.
    fn atan(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let one = self.number(1.0);
        let inverse = self.div(one, size);
        let r = self.select(CompareFn::Gt, size, one, inverse, size);
        let near = self.atan_to_one(r);
        let [high, low] = self.half_pi();
        let far = self.sub(near, low);
        let far = self.sub(high, far);
        let y = self.select(CompareFn::Gt, size, one, far, near);
        self.with_sign(y, x)
    }

    /// `r + r³ P(r²)`, for 0 ≤ r ≤ 1.
    pub(super) fn atan_to_one(&mut self, r: ExprId) -> ExprId {
        let z = self.mul(r, r);
        let p = self.polynomial(self.coefficients(&ATAN_F32, &ATAN_F64), z);
        let cube = self.mul(r, z);
        self.fma(cube, p, r)
    }
}
