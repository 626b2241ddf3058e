//! The reduction of angles, and the sine and the cosine of what is left.

use super::Math;
use crate::ir::{BinaryFn, CompareFn, DType, Expr, ExprId, UnaryFn};

/// From here on numbers are reduced with all bits of π that matter.
const FAR: f64 = 1048576.0;

/// π/2 in parts of 33 bits, whose products with 20 bits are exact, and a last one.
const HALF_PI: [f64; 4] =
    [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32];

/// π/2 in parts of 53 bits.
const HALF_PI_WHOLE: [f64; 3] =
    [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33];

/// Per 30 powers of two: from which size on, the scale that makes 24-bit numbers of that size
/// integers below 2^53, and `2/π / scale` modulo 4 in parts of 29 bits.
const TWO_OVER_PI: [(f64, f64, [f64; 4]); 4] = [
    (
        FAR,
        8.0,
        [0.07957746833562851, 3.210319149404839e-9, 8.958118629397954e-18, 9.620881059195881e-27],
    ),
    (
        1125899906842624.0,
        7.450580596923828e-9,
        [3.447053946554661, 2.168126039814311e-9, 1.0330342376988038e-17, 2.239136593449844e-26],
    ),
    (
        1208925819614629174706176.0,
        6.938893903907228e-18,
        [2.3280076161026955, 3.641540083365591e-9, 1.0164758292545362e-17, 1.6701096039503023e-26],
    ),
    (
        1298074214633706907132624082305024.0,
        6.462348535570529e-27,
        [3.910073898732662, 3.463745526510742e-9, 4.054877516440696e-18, 5.757155997516526e-27],
    ),
];

/// `(sin r − r) / r³` by r², for |r| ≤ π/4, to the places of f32.
const SIN_F32: [f64; 4] = [
    -0.16666666641527160231,
    0.0083333293741543351857,
    -0.00019839331007069856868,
    2.7182745623466546077e-6,
];

/// `(cos r − 1 + r²/2) / r⁴` by r², for |r| ≤ π/4, to the places of f32.
const COS_F32: [f64; 4] = [
    0.041666666619315860868,
    -0.0013888883485202208486,
    0.000024799456247715739667,
    -2.72054307212039199e-7,
];

/// As [`SIN_F32`], to the places of f64.
const SIN_F64: [f64; 6] = [
    -0.16666666666666631859,
    0.00833333333332236975,
    -0.0001984126982977101447,
    2.7557313678620659884e-6,
    -2.5050755955257043406e-8,
    1.5896666191491665136e-10,
];

/// As [`COS_F32`], to the places of f64.
const COS_F64: [f64; 6] = [
    0.041666666666666592472,
    -0.0013888888888872976055,
    0.000024801587288800086892,
    -2.7557314163989943697e-7,
    2.0875698709897882633e-9,
    -1.1358423568708551671e-11,
];

/// The functions of an angle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    /// The sine.
    Sine,
    /// The cosine.
    Cosine,
    /// The tangent.
    Tangent,
}

impl Math<'_> {
    /// A function of an angle, of an f64 below [`FAR`] and of all f32, which are reduced in f64.
    pub(crate) fn turn(&mut self, x: ExprId, f: Turn) -> ExprId {
        if self.format.float == DType::F64 {
            let (r, bits) = self.reduce_near(x);
            return self.quarter(r, bits, f, [&SIN_F64, &COS_F64]);
        }
        let mut math = self.in_f64();
        let x = math.exprs.cast(DType::F64, x);
        let (near, near_bits) = math.reduce_near(x);
        let (far, far_bits) = math.reduce_far(x);
        let is_far = math.is_far(x);
        let r = math.exprs.select(is_far, far, near);
        let bits = math.exprs.select(is_far, far_bits, near_bits);
        let y = math.quarter(r, bits, f, [&SIN_F32, &COS_F32]);
        self.exprs.cast(DType::F32, y)
    }

    /// The same of an f64 from [`FAR`] on.
    pub(crate) fn turn_far(&mut self, x: ExprId, f: Turn) -> ExprId {
        let (r, bits) = self.reduce_large(x);
        self.quarter(r, bits, f, [&SIN_F64, &COS_F64])
    }

    /// Whether an f64 is reduced with all bits of π that matter.
    pub(crate) fn is_far(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let bound = self.number(FAR);
        self.exprs.compare(CompareFn::Ge, size, bound)
    }

    /// `r = x − n π/2`, |r| ≤ π/4, and n in the lowest bits of an integer (Cody and Waite,
    /// "Software manual for the elementary functions", 1980, chapter 8).
    fn reduce_near(&mut self, x: ExprId) -> (ExprId, ExprId) {
        let (n, bits) = self.nearest(x, std::f64::consts::FRAC_2_PI);
        let mut r = x;
        if self.fma {
            for part in HALF_PI_WHOLE {
                let part = self.number(-part);
                r = self.fma(n, part, r);
            }
        } else {
            for part in HALF_PI {
                let part = self.number(part);
                let part = self.mul(n, part);
                r = self.sub(r, part);
            }
        }
        // The sign of zero survives no subtraction of 0 · π/2.
        let zero = self.number(0.0);
        (self.select(CompareFn::Eq, x, zero, x, r), bits)
    }

    /// The integer next to `x · factor`, as a float and in the lowest bits of an integer.
    pub(super) fn nearest(&mut self, x: ExprId, factor: f64) -> (ExprId, ExprId) {
        let (magic, factor) = (self.number(self.format.magic), self.number(factor));
        let shifted = self.fma(x, factor, magic);
        (self.sub(shifted, magic), self.bits(shifted))
    }

    /// The same for 2^20 ≤ |x| < 2^140 where x has 24 significant bits (Payne and Hanek, "Radian
    /// reduction for trigonometric functions", 1983): `x = x' 2^e` with an integer x' below 2^53,
    /// and only the bits of `2^e 2/π` from 2 to 2^-114 matter, as four parts of 29 bits, whose
    /// products with x' are exact.
    fn reduce_far(&mut self, x: ExprId) -> (ExprId, ExprId) {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let mut chosen = self.far_part(&TWO_OVER_PI[0]);
        for bucket in &TWO_OVER_PI[1..] {
            let least = self.number(bucket.0);
            let beyond = self.exprs.compare(CompareFn::Ge, size, least);
            let next = self.far_part(bucket);
            for (old, new) in chosen.iter_mut().zip(next) {
                *old = self.exprs.select(beyond, new, *old);
            }
        }
        let [scale, parts @ ..] = chosen;
        let scaled = self.mul(x, scale);
        let [q0, q1, q2, q3] = parts.map(|part| self.mul(scaled, part));
        // Whole turns, four quarters each, go.
        let [f0, f1] = [q0, q1].map(|q| self.less_turns(q));
        let sum = self.add(f0, f1);
        let sum = self.add(sum, q2);
        let (n, bits) = self.nearest(sum, 1.0);
        let rest = self.sub(f0, n);
        let rest = self.add(rest, f1);
        let low = self.add(q2, q3);
        let rest = self.add(rest, low);
        let half_pi = self.number(std::f64::consts::FRAC_PI_2);
        (self.mul(rest, half_pi), bits)
    }

    fn far_part(&mut self, bucket: &(f64, f64, [f64; 4])) -> [ExprId; 5] {
        let (_, scale, [a, b, c, d]) = *bucket;
        [scale, a, b, c, d].map(|x| self.number(x))
    }

    /// A function of `r + n π/2`.
    fn quarter(&mut self, r: ExprId, bits: ExprId, f: Turn, polynomials: [&[f64]; 2]) -> ExprId {
        let both = self.sine_and_cosine(r, polynomials);
        let one = self.integer(1);
        let next = self.add(bits, one);
        match f {
            Turn::Sine => self.by_quadrant(both, bits),
            Turn::Cosine => self.by_quadrant(both, next),
            Turn::Tangent => {
                let [sine, cosine] = [bits, next].map(|bits| self.by_quadrant(both, bits));
                self.div(sine, cosine)
            }
        }
    }

    /// `r (1 + z S(z))` and `1 − z/2 + z² C(z)`, with `z = r²`.
    fn sine_and_cosine(&mut self, r: ExprId, [sin, cos]: [&[f64]; 2]) -> [ExprId; 2] {
        let [one, minus_half] = [1.0, -0.5].map(|c| self.number(c));
        let z = self.mul(r, r);
        let s = self.polynomial(sin, z);
        let s = self.fma(z, s, one);
        let sine = self.mul(r, s);
        let c = self.polynomial(cos, z);
        let square = self.mul(z, z);
        let h = self.fma(z, minus_half, one);
        [sine, self.fma(square, c, h)]
    }

    /// The sine of an angle in the quadrant of the lowest bits, from those of its rest.
    fn by_quadrant(&mut self, [sine, cosine]: [ExprId; 2], quadrant: ExprId) -> ExprId {
        let [bit, two, none] = [1, 2, 0].map(|i| self.integer(i));
        let odd = self.binary(BinaryFn::And, quadrant, bit);
        let y = self.select(CompareFn::Eq, odd, none, sine, cosine);
        let negative = self.binary(BinaryFn::And, quadrant, two);
        let sign = self.exprs.intern(Expr::ShiftLeft(negative, 62));
        let y = self.bits(y);
        let y = self.binary(BinaryFn::Xor, y, sign);
        self.float_of_bits(y)
    }
}
