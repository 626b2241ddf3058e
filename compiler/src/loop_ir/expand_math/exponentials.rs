//! The exponential, and what is made of it: `tanh`, the sigmoid and the error function.

use super::Math;
use crate::ir::{BinaryFn, CompareFn, Expr, ExprId, UnaryFn};

impl Math<'_> {
    /// The integer `m` next to `x · factor`, as a float, and `2^m`, for |m| below the bias.
    pub(super) fn power_of_two(&mut self, x: ExprId, factor: f64) -> (ExprId, ExprId) {
        // The magic number leaves m + bias in the lowest bits, which the shift makes an exponent.
        let magic = self.number(self.format.magic + self.format.bias as f64);
        let factor = self.number(factor);
        let shifted = self.fma(x, factor, magic);
        let m = self.sub(shifted, magic);
        let bits = self.bits(shifted);
        let power = self.exprs.intern(Expr::ShiftLeft(bits, self.format.fraction));
        (m, self.float_of_bits(power))
    }

    /// `x − m · step · ln 2`, with the bits of ln 2 in two parts.
    fn reduce(&mut self, x: ExprId, m: ExprId, step: f64) -> ExprId {
        let [high, low] = self.format.ln2.map(|part| self.number(-step * part));
        let r = self.fma(m, high, x);
        self.fma(m, low, r)
    }

    /// `e^x` for every x.
    pub(super) fn exp(&mut self, x: ExprId) -> ExprId {
        let [low, high] = self.format.exp_range;
        let x = self.clamp(x, low, high);
        self.exp_within(x)
    }

    /// `e^x = 2^m · 2^m · e^r` with `x = 2 m ln 2 + r`, |r| ≤ ln 2. Neither factor overflows or is
    /// denormal, so a denormal result is rounded once.
    pub(super) fn exp_within(&mut self, x: ExprId) -> ExprId {
        let (m, scale) = self.power_of_two(x, 0.5 * std::f64::consts::LOG2_E);
        let r = self.reduce(x, m, 2.0);
        let q = self.polynomial(self.format.exp, r);
        let one = self.number(1.0);
        let slope = self.fma(q, r, one);
        let p = self.fma(slope, r, one);
        let half = self.mul(p, scale);
        self.mul(half, scale)
    }

    /// `(e^2x − 1) / (e^2x − 1 + 2)`, where `e^2x − 1 = 2^n (e^r − 1) + (2^n − 1)`, |r| ≤ ln 2 / 2,
    /// is exact to its last places near 0.
    pub(super) fn tanh(&mut self, x: ExprId) -> ExprId {
        let range = self.format.tanh_range;
        let near = self.clamp(x, -range, range);
        let (n, scale) = self.power_of_two(near, 2.0 * std::f64::consts::LOG2_E);
        let twice = self.add(near, near);
        let r = self.reduce(twice, n, 1.0);
        let q = self.polynomial(self.format.expm1, r);
        let square = self.mul(r, r);
        let p = self.fma(square, q, r);
        let [zero, one, two] = [0.0, 1.0, 2.0].map(|c| self.number(c));
        let whole = self.sub(scale, one);
        let above = self.fma(scale, p, whole);
        let below = self.add(above, two);
        let y = self.div(above, below);
        // Keeps the sign of zero.
        self.select(CompareFn::Eq, x, zero, x, y)
    }

    /// `z / (1 + z)` below 0 and `1 / (1 + z)` above, with `z = e^-|x|`.
    pub(super) fn sigmoid(&mut self, x: ExprId) -> ExprId {
        let (bits, sign) = (self.bits(x), self.sign_bit());
        let negative = self.binary(BinaryFn::Or, bits, sign);
        let negative = self.float_of_bits(negative);
        let z = self.exp(negative);
        let (zero, one) = (self.number(0.0), self.number(1.0));
        let above = self.select(CompareFn::Lt, x, zero, z, one);
        let below = self.add(one, z);
        self.div(above, below)
    }

    /// `x P(x²)` near 0, and beyond `1 − e^Q(|x|)` with the sign of x.
    pub(super) fn erf(&mut self, x: ExprId) -> ExprId {
        let ((near, p), (far, q)) = (self.format.erf, self.format.erfc);
        let square = self.mul(x, x);
        let ratio = self.polynomial(p, square);
        let small = self.mul(x, ratio);
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let bound = self.number(far);
        let bounded = self.binary(BinaryFn::Min, bound, size);
        let exponent = self.polynomial(q, bounded);
        let rest = self.exp_within(exponent);
        let one = self.number(1.0);
        let large = self.sub(one, rest);
        let (bits, sign) = (self.bits(x), self.sign_bit());
        let sign = self.binary(BinaryFn::And, bits, sign);
        let large = self.bits(large);
        let large = self.binary(BinaryFn::Or, large, sign);
        let large = self.float_of_bits(large);
        let near = self.number(near);
        self.select(CompareFn::Lt, size, near, small, large)
    }
}
