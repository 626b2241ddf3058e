//! The exponential.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, Values, signature};
use crate::ir::{BinaryFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("exp", "y = e^x, dx = dy y."),
    values: Values::Floats(f32::exp, f64::exp),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| g.mul(at.dy, at.y)),
    form: Form::Expanded { value: |math, x| math.exp(x), rare: None },
};

/// `(e^r − 1 − r) / r²` for |r| ≤ ln 2, to the places of f32.
const EXP_F32: [f64; 6] = [
    0.50000034540711648128,
    0.16666614090382664447,
    0.041661275759880438022,
    0.0083361060158851398752,
    0.0014104339771169623401,
    0.00019611135332564458512,
];

/// As [`EXP_F32`], to the places of f64.
const EXP_F64: [f64; 12] = [
    0.49999999999999927995,
    0.1666666666666693674,
    0.041666666666702082083,
    0.0083333333332699205131,
    0.0013888888883576836164,
    0.00019841269892775911683,
    0.000024801590830248606813,
    2.7557300651565368665e-6,
    2.7556157949184066045e-7,
    2.5055033405620895895e-8,
    2.1062340327191129549e-9,
    1.593557890961544226e-10,
];

/// At the first of these `2^m` is 0, above the second it is infinite. It is 0 from -104 on, but a product
/// that is rounded to 0, or to a denormal number, takes some processors a hundred times as long as one
/// with 0; and what is far below is common, such as the masked scores of an attention.
const RANGE_F32: [f64; 2] = [-176.0, 89.0];

/// As [`RANGE_F32`], of f64; it is 0 from -746 on.
const RANGE_F64: [f64; 2] = [-1418.0, 710.0];

impl Math<'_> {
    /// `e^x` for every x.
    pub(crate) fn exp(&mut self, x: ExprId) -> ExprId {
        let [low, high] = self.choose(RANGE_F32, RANGE_F64);
        let x = self.clamp(x, low, high);
        self.exp_within(x)
    }

    /// `e^x` for x that is not positive.
    pub(super) fn exp_of_negative(&mut self, x: ExprId) -> ExprId {
        let [low, _] = self.choose(RANGE_F32, RANGE_F64);
        let low = self.number(low);
        let x = self.binary(BinaryFn::Max, low, x);
        self.exp_within(x)
    }

    /// `e^x` within its range.
    pub(super) fn exp_within(&mut self, x: ExprId) -> ExprId {
        let (half, scale) = self.exp_parts(x, None);
        self.mul(half, scale)
    }

    /// `2^m e^r` and `2^m` of `e^x = 2^m · 2^m · e^r` with `x = 2 m ln 2 + r`, |r| ≤ ln 2; to r comes
    /// what x lacks. Neither factor overflows or is denormal, so a denormal result is rounded once;
    /// both are 0 at the lower end of the range.
    pub(super) fn exp_parts(&mut self, x: ExprId, more: Option<ExprId>) -> (ExprId, ExprId) {
        let (m, scale) = self.power_of_two(x, 0.5 * std::f64::consts::LOG2_E);
        let r = self.reduce(x, m, 2.0);
        let r = more.map_or(r, |more| self.add(r, more));
        let q = self.polynomial(self.coefficients(&EXP_F32, &EXP_F64), r);
        let one = self.number(1.0);
        let slope = self.fma(q, r, one);
        let p = self.fma(slope, r, one);
        (self.mul(p, scale), scale)
    }
}
