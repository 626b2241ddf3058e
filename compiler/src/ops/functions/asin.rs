//! The arc sine.

use super::math::Math;
use super::{Form, Function, Gradient, Values, signature};
use crate::ir::{CompareFn, ExprId, NodeId, UnaryFn};
use crate::ops::{Build, TypeError};

pub(super) const FUNCTION: Function = Function {
    signature: signature("asin", "y = asin x, in [-π/2, π/2], dx = dy / √((1 - x) (1 + x))."),
    values: Values::Floats(f32::asin, f64::asin),
    domain: (-1.0, 1.0),
    gradient: Gradient::Smooth(|g, at| {
        let cosine = cosine(g, at.x)?;
        g.div(at.dy, cosine)
    }),
    form: Form::Expanded { value: |math, x| math.asin(x), rare: None },
};

/// The cosine of the arc sine: `√((1 - x) (1 + x))`, exact to its last places next to ±1 too.
pub(super) fn cosine(g: &mut Build<'_>, x: NodeId) -> Result<NodeId, TypeError> {
    let one = g.constant_like(x, 1.0)?;
    let (below, above) = (g.sub(one, x)?, g.add(one, x)?);
    let square = g.mul(below, above)?;
    g.unary(UnaryFn::Sqrt, square)
}

/// `(asin r − r) / r³` by r², for |r| ≤ 1/2, to the places of f32.
const ASIN_F32: [f64; 5] = [
    0.16666673123836517334,
    0.074987612664699554443,
    0.045020218938589096069,
    0.026433346793055534363,
    0.038328342139720916748,
];

/// As [`ASIN_F32`], to the places of f64.
const ASIN_F64: [f64; 13] = [
    0.16666666666666668517,
    0.074999999999982414067,
    0.04464285714672319022,
    0.030381944110974397344,
    0.022372174008364272696,
    0.017352368391788892954,
    0.013971564763646276974,
    0.011475829978809408416,
    0.010344056988540158495,
    0.0053684880810142606572,
    0.017637401928071592266,
    -0.015212845309783546918,
    0.028998823109212902571,
];

/// π/2 as a sum of two f32, and of two f64.
const HALF_PI: [[f64; 2]; 2] = [
    [1.57079637050628662109, -4.37113900018624283e-8],
    [1.57079632679489661923, 6.12323399573676603587e-17],
];

impl Math<'_> {
    /// `r + r³ P(r²)` up to 1/2, and `π/2 − 2 asin √((1 − |x|) / 2)` beyond, with the sign of x.
    fn asin(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let (half, [r, rest]) = self.asin_parts(size);
        let near = self.add(r, rest);
        let [high, low] = self.half_pi();
        let rest = self.add(rest, rest);
        let rest = self.sub(rest, low);
        let whole = self.add(r, r);
        let far = self.add(whole, rest);
        let far = self.sub(high, far);
        let y = self.select(CompareFn::Gt, size, half, far, near);
        self.with_sign(y, x)
    }

    /// 1/2; and `r` and `asin r − r`, where `r` is `a` up to 1/2 and `√((1 − a) / 2)` beyond.
    pub(super) fn asin_parts(&mut self, a: ExprId) -> (ExprId, [ExprId; 2]) {
        let [half, one] = [0.5, 1.0].map(|c| self.number(c));
        let left = self.sub(one, a);
        let far = self.mul(left, half);
        let near = self.mul(a, a);
        let z = self.select(CompareFn::Gt, a, half, far, near);
        let root = self.exprs.unary(UnaryFn::Sqrt, z);
        let r = self.select(CompareFn::Gt, a, half, root, a);
        let p = self.polynomial(self.coefficients(&ASIN_F32, &ASIN_F64), z);
        let cube = self.mul(r, z);
        (half, [r, self.mul(cube, p)])
    }

    /// π/2 as a sum of two numbers.
    pub(super) fn half_pi(&mut self) -> [ExprId; 2] {
        self.choose(HALF_PI[0], HALF_PI[1]).map(|part| self.number(part))
    }
}
