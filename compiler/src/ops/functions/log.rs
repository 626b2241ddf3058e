//! The natural logarithm.

use super::math::Math;
use super::{Form, Function, Gradient, Values, signature};
use crate::ir::{CompareFn, DType, Expr, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("log", "y = ln x, dx = dy / x."),
    values: Values::Floats(f32::ln, f64::ln),
    domain: (0.0, f64::INFINITY),
    gradient: Gradient::Smooth(|g, at| g.div(at.dy, at.x)),
    form: Form::Expanded { value: |math, x| math.log(x), rare: None },
};

/// `(ln(1 + f) − f + f²/2) / f³` for √½ − 1 ≤ f ≤ √2 − 1.
const LOG_F32: [f64; 8] = [
    0.33333331628325549919,
    -0.25000822662769386717,
    0.20001234851315627575,
    -0.16623301158109827681,
    0.14201531340548651799,
    -0.1316053993463040769,
    0.12763428462622601963,
    -0.076358637790759953213,
];

/// `(2 atanh s − 2 s) / s³` by `s²`, for |s| ≤ 3 − 2√2.
const LOG_F64: [f64; 7] = [
    0.66666666666667346537,
    0.39999999999412885922,
    0.28571428742824991765,
    0.22222198524604534077,
    0.1818356703196915629,
    0.15313976920691009146,
    0.14796728572392806822,
];

impl Math<'_> {
    /// `ln x = k ln 2 + ln(1 + f)` with `x = 2^k (1 + f)`, √½ ≤ 1 + f < √2.
    pub(crate) fn log(&mut self, x: ExprId) -> ExprId {
        let (k, f) = self.exponent_and_fraction(x);
        let y = self.log_of_parts(k, f, None);
        self.log_ends(x, y)
    }

    /// `k ln 2 + ln(1 + f)`, and a small number more.
    pub(super) fn log_of_parts(&mut self, k: ExprId, f: ExprId, more: Option<ExprId>) -> ExprId {
        let [high, low] = self.format.ln2.map(|part| self.number(part));
        if self.format.float == DType::F32 {
            self.log_f32([k, f], [high, low], more)
        } else {
            self.log_f64([k, f], [high, low], more)
        }
    }

    /// `k` as a float, and `f`.
    pub(crate) fn exponent_and_fraction(&mut self, x: ExprId) -> (ExprId, ExprId) {
        let (factor, exponent) = self.format.normalise;
        let least = self.number(self.format.min_positive);
        let factor = self.number(factor);
        let larger = self.mul(x, factor);
        let normal = self.select(CompareFn::Lt, x, least, larger, x);
        let (down, zero) = (self.number(-exponent as f64), self.number(0.0));
        let correction = self.select(CompareFn::Lt, x, least, down, zero);
        let bits = self.bits(normal);
        let sqrt_half = self.integer(self.format.sqrt_half);
        let above = self.sub(bits, sqrt_half);
        let k = self.exprs.intern(Expr::ShiftRightSigned(above, self.format.fraction));
        let power = self.exprs.intern(Expr::ShiftLeft(k, self.format.fraction));
        let fraction = self.sub(bits, power);
        let m = self.float_of_bits(fraction);
        let one = self.number(1.0);
        let f = self.sub(m, one);
        let k = self.small_float(k);
        (self.add(k, correction), f)
    }

    fn log_f32(
        &mut self,
        [k, f]: [ExprId; 2],
        [high, low]: [ExprId; 2],
        more: Option<ExprId>,
    ) -> ExprId {
        let p = self.polynomial(&LOG_F32, f);
        let square = self.mul(f, f);
        let cube = self.mul(f, square);
        let tail = self.mul(cube, p);
        let tail = self.fma(k, low, tail);
        let tail = more.map_or(tail, |more| self.add(tail, more));
        let minus_half = self.number(-0.5);
        let tail = self.fma(square, minus_half, tail);
        let y = self.add(f, tail);
        self.fma(k, high, y)
    }

    /// With `s = f / (2 + f)`: `ln(1 + f) = 2 atanh s = f − (h − s (h + R))`, `h = f² / 2`.
    fn log_f64(
        &mut self,
        [k, f]: [ExprId; 2],
        [high, low]: [ExprId; 2],
        more: Option<ExprId>,
    ) -> ExprId {
        let (two, half) = (self.number(2.0), self.number(0.5));
        let below = self.add(two, f);
        let s = self.div(f, below);
        let z = self.mul(s, s);
        let p = self.polynomial(&LOG_F64, z);
        let rest = self.mul(z, p);
        let h = self.mul(f, half);
        let h = self.mul(h, f);
        let sum = self.add(h, rest);
        let tail = self.mul(s, sum);
        let tail = self.fma(k, low, tail);
        let tail = more.map_or(tail, |more| self.add(tail, more));
        let difference = self.sub(h, tail);
        let y = self.sub(f, difference);
        self.fma(k, high, y)
    }

    /// The logarithm where it is no number or infinite.
    pub(crate) fn log_ends(&mut self, x: ExprId, y: ExprId) -> ExprId {
        let [zero, inf, minus, nan] =
            [0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(|c| self.number(c));
        let finite = self.select(CompareFn::Lt, x, inf, y, x);
        let low = self.select(CompareFn::Eq, x, zero, minus, nan);
        self.select(CompareFn::Gt, x, zero, finite, low)
    }
}
