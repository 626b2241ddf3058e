//! Builds the expressions of primitive operations that compute functions of floats, in straight
//! line, so that vector loops run them as they are.
//!
//! Errors: at most 2 units in the last place for `exp` and `log`, 5 for `erfc`, 4 for the others, over
//! the whole range with its denormals; ±0, infinities and NaN as IEEE 754 asks. The polynomials are minimax
//! approximations (Remez' exchange, in 60 digits) on the reduced ranges that stand beside them,
//! their coefficients rounded to the element type.

mod division;
mod format;
mod large;
mod powers;
mod turns;

pub(super) use division::{expand_quotient, expand_remainder};
use format::F32;
pub(crate) use format::{F64, Format};
pub(super) use powers::expand_power;
pub(crate) use turns::Turn;

use crate::ir::{BinaryFn, CompareFn, DType, Expr, ExprId, Exprs, Scalar, Target, UnaryFn};

/// Builds expressions of one float format.
pub(crate) struct Math<'a> {
    pub(crate) exprs: &'a mut Exprs,
    pub(crate) format: &'static Format,
    /// Whether multiply and add can be fused.
    pub(crate) fma: bool,
}

impl<'a> Math<'a> {
    pub(crate) fn new(exprs: &'a mut Exprs, format: &'static Format, target: &Target) -> Math<'a> {
        Math { exprs, format, fma: target.fma }
    }

    /// The same in f64.
    pub(crate) fn in_f64(&mut self) -> Math<'_> {
        Math { exprs: self.exprs, format: &F64, fma: self.fma }
    }

    /// What stands for the format.
    pub(crate) fn choose<T>(&self, of_f32: T, of_f64: T) -> T {
        if self.format.float == DType::F32 { of_f32 } else { of_f64 }
    }

    /// The coefficients for the format.
    pub(crate) fn coefficients<'c>(&self, of_f32: &'c [f64], of_f64: &'c [f64]) -> &'c [f64] {
        self.choose(of_f32, of_f64)
    }

    pub(crate) fn number(&mut self, x: f64) -> ExprId {
        self.exprs.constant(Scalar::F64(x).cast(self.format.float))
    }

    pub(crate) fn integer(&mut self, x: i64) -> ExprId {
        self.exprs.constant(Scalar::from_bits(self.format.int, x as u64))
    }

    pub(crate) fn binary(&mut self, f: BinaryFn, a: ExprId, b: ExprId) -> ExprId {
        self.exprs.binary(f, a, b)
    }

    pub(crate) fn add(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryFn::Add, a, b)
    }

    pub(crate) fn sub(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryFn::Sub, a, b)
    }

    pub(crate) fn mul(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryFn::Mul, a, b)
    }

    pub(crate) fn div(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryFn::Div, a, b)
    }

    /// `a · b + c`, fused where the target can.
    pub(crate) fn fma(&mut self, a: ExprId, b: ExprId, c: ExprId) -> ExprId {
        if self.fma {
            return self.exprs.intern(Expr::Fma(a, b, c));
        }
        let product = self.mul(a, b);
        self.add(product, c)
    }

    pub(crate) fn bits(&mut self, x: ExprId) -> ExprId {
        self.exprs.intern(Expr::Bitcast(self.format.int, x))
    }

    pub(crate) fn float_of_bits(&mut self, x: ExprId) -> ExprId {
        self.exprs.intern(Expr::Bitcast(self.format.float, x))
    }

    pub(crate) fn select(
        &mut self,
        f: CompareFn,
        a: ExprId,
        b: ExprId,
        yes: ExprId,
        no: ExprId,
    ) -> ExprId {
        let condition = self.exprs.compare(f, a, b);
        self.exprs.select(condition, yes, no)
    }

    /// `Σ c_i x^i`, by Horner's rule.
    pub(crate) fn polynomial(&mut self, coefficients: &[f64], x: ExprId) -> ExprId {
        let mut rest = coefficients.iter().rev();
        let first = rest.next().copied().unwrap_or(0.0);
        let mut sum = self.number(first);
        for &c in rest {
            let c = self.number(c);
            sum = self.fma(sum, x, c);
        }
        sum
    }

    /// `x` within `low ..= high`; a NaN stays. The bound comes first: so it is one instruction.
    pub(crate) fn clamp(&mut self, x: ExprId, low: f64, high: f64) -> ExprId {
        let (low, high) = (self.number(low), self.number(high));
        let x = self.binary(BinaryFn::Min, high, x);
        self.binary(BinaryFn::Max, low, x)
    }

    /// The integer in which only the sign bit is set.
    pub(crate) fn sign_bit(&mut self) -> ExprId {
        self.integer(1i64 << (8 * self.format.float.size() - 1))
    }

    /// A number that is not negative, with the sign of `x`: so a function is odd to the last bit.
    pub(crate) fn with_sign(&mut self, y: ExprId, x: ExprId) -> ExprId {
        let (bits, sign) = (self.bits(x), self.sign_bit());
        let sign = self.binary(BinaryFn::And, bits, sign);
        let bits = self.bits(y);
        let y = self.binary(BinaryFn::Or, bits, sign);
        self.float_of_bits(y)
    }

    /// `a + b` and its rounding error (Knuth, "Seminumerical algorithms", 4.2.2, theorem B).
    pub(crate) fn two_sum(&mut self, a: ExprId, b: ExprId) -> (ExprId, ExprId) {
        let sum = self.add(a, b);
        let of_b = self.sub(sum, a);
        let of_a = self.sub(sum, of_b);
        let (a, b) = (self.sub(a, of_a), self.sub(b, of_b));
        (sum, self.add(a, b))
    }

    /// The rounding error of `product = a · b` (without fused multiply-add by Dekker, "A
    /// floating-point technique for extending the available precision", 1971).
    pub(crate) fn mul_error(&mut self, a: ExprId, b: ExprId, product: ExprId) -> ExprId {
        if self.fma {
            let minus = self.exprs.unary(UnaryFn::Neg, product);
            return self.fma(a, b, minus);
        }
        let [(a, a_low), (b, b_low)] = [a, b].map(|x| self.halves(x));
        let mut rest = self.mul(a, b);
        rest = self.sub(rest, product);
        for (a, b) in [(a, b_low), (a_low, b), (a_low, b_low)] {
            let more = self.mul(a, b);
            rest = self.add(rest, more);
        }
        rest
    }

    /// The upper and the lower half of a number's bits: 26 and 27 of 53, 12 and 12 of 24.
    pub(crate) fn halves(&mut self, x: ExprId) -> (ExprId, ExprId) {
        let bits = self.bits(x);
        let mask = self.integer(self.choose(-(1 << 12), -(1 << 27)));
        let upper = self.binary(BinaryFn::And, bits, mask);
        let upper = self.float_of_bits(upper);
        (upper, self.sub(x, upper))
    }

    /// The integer `m` next to `x · factor`, as a float, and `2^m`, for |m| below the bias; and 0 for
    /// an m of -bias.
    pub(crate) fn power_of_two(&mut self, x: ExprId, factor: f64) -> (ExprId, ExprId) {
        self.power_of_two_less(x, factor, 0)
    }

    /// The same with `2^(m − less)`, for |m - less| below the bias.
    pub(crate) fn power_of_two_less(
        &mut self,
        x: ExprId,
        factor: f64,
        less: i64,
    ) -> (ExprId, ExprId) {
        // The magic number leaves m - less + bias in the lowest bits, which the shift makes an
        // exponent.
        let magic = self.number(self.format.magic + (self.format.bias - less) as f64);
        let factor = self.number(factor);
        let shifted = self.fma(x, factor, magic);
        let m = self.sub(shifted, magic);
        let bits = self.bits(shifted);
        let power = self.exprs.intern(Expr::ShiftLeft(bits, self.format.fraction));
        (m, self.float_of_bits(power))
    }

    /// `x − m · step · ln 2`, with the bits of ln 2 in two parts.
    pub(crate) fn reduce(&mut self, x: ExprId, m: ExprId, step: f64) -> ExprId {
        let [high, low] = self.format.ln2.map(|part| self.number(-step * part));
        let r = self.fma(m, high, x);
        self.fma(m, low, r)
    }

    /// A small integer as a float, by its place in the bits of the magic number.
    pub(crate) fn small_float(&mut self, k: ExprId) -> ExprId {
        if self.format.float == DType::F32 {
            return self.exprs.cast(DType::F32, k);
        }
        let magic = self.number(self.format.magic);
        let bits = self.integer(self.format.magic.to_bits() as i64);
        let sum = self.add(k, bits);
        let sum = self.float_of_bits(sum);
        self.sub(sum, magic)
    }
}
