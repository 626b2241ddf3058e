//! Powers: of floats in straight line, of integers by products.

use super::{F32, F64, Math};
use crate::ir::{BinaryFn, CompareFn, DType, Expr, ExprId, Exprs, Scalar, Target, UnaryFn};

/// `log2((1 + s) / (1 − s)) / s` by s², for |s| ≤ 3 − 2√2, to 2^-37.
const LOG2: [f64; 5] = [
    2.8853900817900801456,
    0.96179667335005217271,
    0.57708358327046971263,
    0.41167282686918702686,
    0.34072800833945531923,
];

/// `(2^r − 1) / r` for |r| ≤ 1/2, to 2^-28 of `2^r`.
const EXP2: [f64; 6] = [
    0.69314720284763552952,
    0.24022647913741158342,
    0.055503324813863456844,
    0.0096184373669995330758,
    0.0013398871359690540044,
    0.00015353355453285104524,
];

/// Powers of 2 beyond this, and below its negative, are infinity and 0 in f32.
const FAR: f64 = 200.0;

/// `((2 atanh s − 2 s) / s³ − 2/3) / s²` by s², for |s| ≤ 3 − 2√2.
const LOG_IN_TWO: [f64; 7] = [
    0.40000000000002263191,
    0.28571428570095997496,
    0.22222222520586262647,
    0.18181784307038180359,
    0.15386760187434745365,
    0.13256749295732854927,
    0.13196981058537343094,
];

/// 2/3 in two parts.
const TWO_THIRDS: [f64; 2] = [0.6666666666666666, 3.700743415417188e-17];

/// What the two parts of ln 2 leave.
const LN2_THIRD: f64 = 1.1612227229362532e-26;

/// The expression that computes `a^b`: of floats as C's `pow`, of integers by products.
pub(in super::super) fn expand_power(
    exprs: &mut Exprs,
    [a, b]: [ExprId; 2],
    target: &Target,
) -> Option<ExprId> {
    let dtype = exprs.dtype(a);
    if !dtype.is_float() {
        return Some(power_of_integers(exprs, a, b));
    }
    if dtype == DType::F32 {
        // An f32 has its last places right if it is computed in f64.
        let (x, y) = (exprs.cast(DType::F64, a), exprs.cast(DType::F64, b));
        let power = Math::new(exprs, &F64, target).power_f32(x, y);
        let power = exprs.cast(DType::F32, power);
        return Some(Math::new(exprs, &F32, target).power_ends(a, b, power));
    }
    let mut math = Math::new(exprs, &F64, target);
    let power = math.power_f64(a, b);
    Some(math.power_ends(a, b, power))
}

/// The expression of products that computes `a` to the power of `b`, of integers: by squares, as
/// many as a known exponent needs.
fn power_of_integers(exprs: &mut Exprs, a: ExprId, b: ExprId) -> ExprId {
    let dtype = exprs.dtype(a);
    let mut integer = |x: i64| exprs.constant(Scalar::I64(x).cast(dtype));
    let [zero, one, minus] = [0, 1, -1].map(&mut integer);
    let known = match exprs.as_constant(b) {
        Some(Scalar::I32(n)) => u64::try_from(n).ok(),
        Some(Scalar::I64(n)) => u64::try_from(n).ok(),
        Some(Scalar::U8(n)) => Some(u64::from(n)),
        Some(Scalar::F32(_) | Scalar::F64(_) | Scalar::Bool(_)) | None => None,
    };
    let width = if dtype == DType::U8 { 8 } else { 8 * dtype.size() as u32 - 1 };
    let n_bits = known.map_or(width, |n| u64::BITS - n.leading_zeros());
    let (mut power, mut square) = (one, a);
    for bit in 0..n_bits {
        if bit > 0 {
            square = exprs.binary(BinaryFn::Mul, square, square);
        }
        let more = match power == one {
            true => square,
            false => exprs.binary(BinaryFn::Mul, power, square),
        };
        let bit = 1i64 << bit;
        power = match known {
            Some(n) if n & bit as u64 == 0 => power,
            Some(_) => more,
            None => {
                let bit = exprs.constant(Scalar::I64(bit).cast(dtype));
                let set = exprs.binary(BinaryFn::And, b, bit);
                let set = exprs.compare(CompareFn::Ne, set, zero);
                exprs.select(set, more, power)
            }
        };
    }
    if known.is_some() || dtype == DType::U8 {
        return power;
    }
    // The lower bits of a negative exponent have its parity, which is what a base of ±1 needs.
    let negative = exprs.compare(CompareFn::Lt, b, zero);
    let above = exprs.compare(CompareFn::Ne, a, one);
    let below = exprs.compare(CompareFn::Ne, a, minus);
    let other = exprs.binary(BinaryFn::And, above, below);
    let nothing = exprs.binary(BinaryFn::And, negative, other);
    exprs.select(nothing, zero, power)
}

impl Math<'_> {
    /// `2^(y log2 |x|)` for operands of 24 bits, which are no denormals in f64. A NaN of either stays.
    fn power_f32(&mut self, x: ExprId, y: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let bits = self.bits(size);
        let sqrt_half = self.integer(self.format.sqrt_half);
        let above = self.sub(bits, sqrt_half);
        let k = self.exprs.intern(Expr::ShiftRightSigned(above, self.format.fraction));
        let exponent = self.exprs.intern(Expr::ShiftLeft(k, self.format.fraction));
        let fraction = self.sub(bits, exponent);
        let m = self.float_of_bits(fraction);
        let k = self.small_float(k);
        let [zero, one, inf, minus] =
            [0.0, 1.0, f64::INFINITY, f64::NEG_INFINITY].map(|c| self.number(c));
        // log2 m = s (c0 + c1 s² + ...) with s = (m − 1) / (m + 1).
        let (f, below) = (self.sub(m, one), self.add(m, one));
        let s = self.div(f, below);
        let square = self.mul(s, s);
        let slope = self.polynomial(&LOG2, square);
        let log = self.fma(slope, s, k);
        let log = self.select(CompareFn::Lt, size, inf, log, size);
        let log = self.select(CompareFn::Eq, size, zero, minus, log);
        let t = self.mul(y, log);
        let t = self.clamp(t, -FAR, FAR);
        let (n, scale) = self.power_of_two(t, 1.0);
        let r = self.sub(t, n);
        let slope = self.polynomial(&EXP2, r);
        let power = self.fma(slope, r, one);
        self.mul(power, scale)
    }

    /// `|x|^y` with the logarithm in two parts of f64.
    fn power_f64(&mut self, x: ExprId, y: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let (k, f) = self.exponent_and_fraction(size);
        let (high, low) = self.log_in_two(k, f);
        let high = self.log_ends(size, high);
        let exponent = self.mul(y, high);
        let error = self.mul_error(y, high, exponent);
        let error = self.fma(y, low, error);
        let power = self.exp(exponent);
        // What is no number in the error belongs to a power of 0 or infinity.
        let (zero, inf) = (self.number(0.0), self.number(f64::INFINITY));
        let corrected = self.fma(power, error, power);
        let finite = self.select(CompareFn::Lt, power, inf, corrected, power);
        self.select(CompareFn::Gt, power, zero, finite, power)
    }

    /// `k ln 2 + ln(1 + f)` as a sum of two parts, with some 65 bits:
    /// `ln(1 + f) = 2 s + s (2/3 z + z² M(z))`, `s = f / (2 + f)`, `z = s²`.
    fn log_in_two(&mut self, k: ExprId, f: ExprId) -> (ExprId, ExprId) {
        let two = self.number(2.0);
        let g = self.add(two, f);
        let g_low = self.sub(g, two);
        let g_low = self.sub(f, g_low);
        let s = self.div(f, g);
        let whole = self.mul(s, g);
        let whole_low = self.mul_error(s, g, whole);
        let rest = self.sub(f, whole);
        let rest = self.sub(rest, whole_low);
        let of_g = self.mul(s, g_low);
        let rest = self.sub(rest, of_g);
        let s_low = self.div(rest, g);
        let z = self.mul(s, s);
        let z_low = self.mul_error(s, s, z);
        let cross = self.mul(s, s_low);
        let z_low = self.fma(two, cross, z_low);
        let m = self.polynomial(&LOG_IN_TWO, z);
        let [third, third_low] = TWO_THIRDS.map(|c| self.number(c));
        // t = z (2/3 + z M), in two parts.
        let tail = self.fma(z, m, third_low);
        let slope = self.add(third, tail);
        let slope_low = self.sub(slope, third);
        let slope_low = self.sub(tail, slope_low);
        let t = self.mul(z, slope);
        let t_low = self.mul_error(z, slope, t);
        let t_low = self.fma(z, slope_low, t_low);
        let t_low = self.fma(z_low, slope, t_low);
        // 2 s + s t.
        let st = self.mul(s, t);
        let st_low = self.mul_error(s, t, st);
        let st_low = self.fma(s, t_low, st_low);
        let st_low = self.fma(s_low, t, st_low);
        let twice = self.add(s, s);
        let twice_low = self.add(s_low, s_low);
        let [high, low] = self.format.ln2.map(|part| self.number(part));
        let third_part = self.number(LN2_THIRD);
        let whole = self.mul(k, high);
        let (sum, error) = self.two_sum(whole, twice);
        let (sum, error_2) = self.two_sum(sum, st);
        let small = self.mul(k, low);
        let small_low = self.mul_error(k, low, small);
        let small_low = self.fma(k, third_part, small_low);
        let (sum, error_3) = self.two_sum(sum, small);
        let mut rest = self.add(st_low, twice_low);
        for more in [small_low, error_3, error_2, error] {
            rest = self.add(rest, more);
        }
        let total = self.add(sum, rest);
        let lost = self.sub(total, sum);
        (total, self.sub(rest, lost))
    }

    /// `x^y` from `|x|^y`, which is NaN where either is: the sign, and what C's `pow` says of 0, 1,
    /// negative numbers, infinity and NaN.
    fn power_ends(&mut self, x: ExprId, y: ExprId, power: ExprId) -> ExprId {
        let [zero, one, half, minus, nan] =
            [0.0, 1.0, 0.5, f64::NEG_INFINITY, f64::NAN].map(|c| self.number(c));
        // Also to the power of infinity, whose product with the logarithm is NaN, and of NaN.
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let power = self.select(CompareFn::Eq, size, one, one, power);
        let down = self.exprs.unary(UnaryFn::Floor, y);
        let whole = self.exprs.compare(CompareFn::Eq, down, y);
        let halved = self.mul(y, half);
        let down = self.exprs.unary(UnaryFn::Floor, halved);
        let uneven = self.exprs.compare(CompareFn::Ne, down, halved);
        let odd = self.binary(BinaryFn::And, whole, uneven);
        let bits = self.bits(x);
        let none = self.integer(0);
        let turned = self.exprs.select(odd, bits, none);
        let turned = self.float_of_bits(turned);
        let power = self.with_sign(power, turned);
        let below = self.exprs.compare(CompareFn::Lt, x, zero);
        let finite = self.exprs.compare(CompareFn::Gt, x, minus);
        let broken = self.exprs.unary(UnaryFn::Not, whole);
        let undefined = self.binary(BinaryFn::And, below, finite);
        let undefined = self.binary(BinaryFn::And, undefined, broken);
        let power = self.exprs.select(undefined, nan, power);
        // NaN to the power of 0 is 1.
        self.select(CompareFn::Eq, y, zero, one, power)
    }
}
