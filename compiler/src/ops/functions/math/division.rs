//! Floats divided with a remainder, as NumPy does it: in straight line, with the bits of
//! `ir/functions.rs`.

use super::{F64, Format, Math};
use crate::ir::{BinaryFn, CompareFn, DType, ExprId, Exprs, LARGEST_QUOTIENT, Target, UnaryFn};

/// Bits of a quotient whose product with an f32 is exact in f64.
const STEP: i32 = 29;

/// Quotients of f32 have at most 277 bits, those over 254 with a denormal divisor of few bits.
const N_STEPS: i32 = 9;

/// The expression that computes `a // b` of floats.
pub(in super::super) fn expand_quotient(
    exprs: &mut Exprs,
    [a, b]: [ExprId; 2],
    target: &Target,
) -> Option<ExprId> {
    let (format, rest) = rest(exprs, [a, b], target)?;
    Some(Math::new(exprs, format, target).quotient(a, b, rest))
}

/// The expression that computes `a % b` of floats.
pub(in super::super) fn expand_remainder(
    exprs: &mut Exprs,
    [a, b]: [ExprId; 2],
    target: &Target,
) -> Option<ExprId> {
    let (format, rest) = rest(exprs, [a, b], target)?;
    Some(Math::new(exprs, format, target).remainder(b, rest))
}

/// What whole multiples of `b` leave of `a`, with the sign of `a`, of floats.
fn rest(
    exprs: &mut Exprs,
    [a, b]: [ExprId; 2],
    target: &Target,
) -> Option<(&'static Format, ExprId)> {
    let format = Format::of(exprs.dtype(a))?;
    if format.float == DType::F64 {
        return Some((format, Math::new(exprs, format, target).rest_f64([a, b])));
    }
    let wide = [a, b].map(|x| exprs.cast(DType::F64, x));
    let rest = Math::new(exprs, &F64, target).rest_f32(wide);
    Some((format, exprs.cast(DType::F32, rest)))
}

impl Math<'_> {
    /// What whole multiples of `b` leave of `a`, with the sign of `a`, for f64 that hold f32: the
    /// largest multiples first, each quotient next to the exact one, so that all products and
    /// differences are exact and what is left lies within half a multiple.
    fn rest_f32(&mut self, [a, b]: [ExprId; 2]) -> ExprId {
        let [size, divisor] = [a, b].map(|x| self.exprs.unary(UnaryFn::Abs, x));
        // An infinite divisor is as one beyond all f32.
        let beyond = self.number(2f64.powi(130));
        let divisor = self.binary(BinaryFn::Min, beyond, divisor);
        let one = self.number(1.0);
        let inverse = self.div(one, divisor);
        let mut rest = size;
        for step in (0..N_STEPS).rev() {
            let [up, down] = [STEP, -STEP].map(|bits| self.number(2f64.powi(bits * step)));
            let (multiple, inverse) = (self.mul(divisor, up), self.mul(inverse, down));
            let quotient = self.mul(rest, inverse);
            let quotient = self.exprs.unary(UnaryFn::Round, quotient);
            let product = self.mul(quotient, multiple);
            rest = self.sub(rest, product);
        }
        self.signed_rest(a, divisor, rest)
    }

    /// The same for f64 below [`LARGEST_QUOTIENT`], and 0 beyond.
    fn rest_f64(&mut self, [a, b]: [ExprId; 2]) -> ExprId {
        let [size, divisor] = [a, b].map(|x| self.exprs.unary(UnaryFn::Abs, x));
        // An infinite divisor is as the largest finite one, once what is below 0 is made up for.
        let largest = self.number(f64::MAX);
        let finite = self.binary(BinaryFn::Min, largest, divisor);
        let quotient = self.div(size, finite);
        let quotient = self.exprs.unary(UnaryFn::Round, quotient);
        let rest = self.exact_rest(size, quotient, finite);
        let [zero, nan, limit] = [0.0, f64::NAN, LARGEST_QUOTIENT].map(|x| self.number(x));
        // 0, or NaN for an infinite `a`.
        let none = self.sub(size, size);
        let none = self.select(CompareFn::Gt, divisor, zero, none, nan);
        let rest = self.select(CompareFn::Lt, quotient, limit, rest, none);
        self.signed_rest(a, finite, rest)
    }

    /// `a − q b` for an integer `q` below 2^53 that is next to `a / b`, so that it is a float.
    fn exact_rest(&mut self, a: ExprId, q: ExprId, b: ExprId) -> ExprId {
        if self.fma {
            let minus = self.exprs.unary(UnaryFn::Neg, q);
            return self.fma(minus, b, a);
        }
        // Halves of 26 bits, or 27 in the lower one of b: their products are exact, and so are the
        // differences, from the largest product to the smallest.
        let [down, up] = [-27, 27].map(|bits| self.number(2f64.powi(bits)));
        let q_high = self.mul(q, down);
        let q_high = self.exprs.unary(UnaryFn::Round, q_high);
        let q_high = self.mul(q_high, up);
        let q_low = self.sub(q, q_high);
        let (b_high, b_low) = self.halves(b);
        let mut rest = a;
        for (q, b) in [(q_high, b_high), (q_high, b_low), (q_low, b_high), (q_low, b_low)] {
            let product = self.mul(q, b);
            rest = self.sub(rest, product);
        }
        rest
    }

    /// A rest of |a| on either side of 0, as one with the sign of `a`.
    fn signed_rest(&mut self, a: ExprId, divisor: ExprId, rest: ExprId) -> ExprId {
        let zero = self.number(0.0);
        let up = self.add(rest, divisor);
        let rest = self.select(CompareFn::Lt, rest, zero, up, rest);
        let minus = self.exprs.unary(UnaryFn::Neg, rest);
        self.select(CompareFn::Lt, a, zero, minus, rest)
    }

    /// Whether a rest is not 0 and its sign another than that of `b`.
    fn turned(&mut self, b: ExprId, rest: ExprId) -> ExprId {
        let zero = self.number(0.0);
        let [rest_below, b_below] = [rest, b].map(|x| self.exprs.compare(CompareFn::Lt, x, zero));
        let differ = self.binary(BinaryFn::Xor, rest_below, b_below);
        let some = self.exprs.compare(CompareFn::Ne, rest, zero);
        self.binary(BinaryFn::And, some, differ)
    }

    /// 0 with the sign of `x`.
    fn zero_of(&mut self, x: ExprId) -> ExprId {
        let (bits, sign) = (self.bits(x), self.sign_bit());
        let sign = self.binary(BinaryFn::And, bits, sign);
        self.float_of_bits(sign)
    }

    fn remainder(&mut self, b: ExprId, rest: ExprId) -> ExprId {
        let turned = self.turned(b, rest);
        let up = self.add(rest, b);
        let y = self.exprs.select(turned, up, rest);
        let (zero, none) = (self.number(0.0), self.zero_of(b));
        self.select(CompareFn::Eq, rest, zero, none, y)
    }

    fn quotient(&mut self, a: ExprId, b: ExprId, rest: ExprId) -> ExprId {
        let [zero, half, one] = [0.0, 0.5, 1.0].map(|x| self.number(x));
        let whole = self.sub(a, rest);
        let exact = self.div(whole, b);
        let less = self.sub(exact, one);
        let turned = self.turned(b, rest);
        let q = self.exprs.select(turned, less, exact);
        let down = self.exprs.unary(UnaryFn::Floor, q);
        let fraction = self.sub(q, down);
        let up = self.add(down, one);
        let y = self.select(CompareFn::Gt, fraction, half, up, down);
        let ratio = self.div(a, b);
        let none = self.zero_of(ratio);
        let y = self.select(CompareFn::Eq, q, zero, none, y);
        self.select(CompareFn::Eq, b, zero, ratio, y)
    }
}
