//! The two float formats: their bits, and the coefficients of the polynomials for each.

use super::large::reduce_large;
use super::{polynomial, quarter, reduce_far, reduce_near};

/// The bits of a float as a signed integer; arithmetic wraps.
pub(super) trait Bits: Copy + PartialEq {
    fn of(x: i64) -> Self;
    fn minus(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn left(self, bits: u32) -> Self;
    fn right(self, bits: u32) -> Self;
}

macro_rules! bits {
    ($($t:ty),*) => {$(
        impl Bits for $t {
            #[inline(always)]
            fn of(x: i64) -> $t {
                x as $t
            }
            #[inline(always)]
            fn minus(self, other: $t) -> $t {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn and(self, other: $t) -> $t {
                self & other
            }
            #[inline(always)]
            fn or(self, other: $t) -> $t {
                self | other
            }
            #[inline(always)]
            fn left(self, bits: u32) -> $t {
                self << bits
            }
            #[inline(always)]
            fn right(self, bits: u32) -> $t {
                self >> bits
            }
        }
    )*};
}
bits!(i32, i64);

/// A float format.
pub(super) trait Real:
    Copy
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
{
    /// The integer of the same size.
    type Bits: Bits;
    /// Its width.
    const BITS: u32;
    /// Bits of the fraction.
    const FRACTION: u32;
    /// 1.5 · 2^FRACTION: added to a small number, it leaves its integer part in the lowest bits.
    const MAGIC: f64;
    /// The bias of the exponent.
    const BIAS: f64;
    /// ln 2 in two parts, of which the first has few bits.
    const LN2: [f64; 2];
    /// Below the first `exp` is 0, above the second infinite.
    const EXP_RANGE: [f64; 2];
    /// `(e^r − 1 − r) / r²` for |r| ≤ ln 2.
    const EXP: &'static [f64];
    /// The same for |r| ≤ ln 2 / 2.
    const EXPM1: &'static [f64];
    /// Beyond this `tanh` is ±1.
    const TANH_RANGE: f64;
    /// The bits of √½.
    const SQRT_HALF: i64;
    /// The smallest normal number.
    const MIN_POSITIVE: f64;
    /// What makes denormals normal, and minus its exponent.
    const NORMALISE: (f64, f64);
    /// Below the first `erf(x) / x` is the second, a polynomial in x².
    const ERF: (f64, &'static [f64]);
    /// From there up to the first `ln(1 − erf x)` is the second.
    const ERFC: (f64, &'static [f64]);

    /// A constant, rounded.
    fn number(x: f64) -> Self;
    fn bits(self) -> Self::Bits;
    fn of_bits(bits: Self::Bits) -> Self;
    fn size(self) -> Self;
    /// `self · b + c`, with one rounding if `FMA`.
    fn fma<const FMA: bool>(self, b: Self, c: Self) -> Self;
    /// A small integer.
    fn small_float(k: Self::Bits) -> Self;
    /// `k ln 2 + ln(1 + f)`.
    fn log_of<const FMA: bool>(k: Self, f: Self) -> Self;
    /// The sine or the cosine, of an f64 below [`FAR`].
    fn turn<const FMA: bool>(self, cosine: bool) -> Self;
    /// The sines or cosines `y` of those `x` that `turn` leaves out.
    fn turn_far<const FMA: bool>(x: &[Self], y: &mut [Self], cosine: bool);
}

macro_rules! real {
    ($t:ty, $bits:ty) => {
        #[inline(always)]
        fn number(x: f64) -> $t {
            x as $t
        }

        #[inline(always)]
        fn bits(self) -> $bits {
            self.to_bits() as $bits
        }

        #[inline(always)]
        fn of_bits(bits: $bits) -> $t {
            <$t>::from_bits(bits as _)
        }

        #[inline(always)]
        fn size(self) -> $t {
            self.abs()
        }

        #[inline(always)]
        fn fma<const FMA: bool>(self, b: $t, c: $t) -> $t {
            if FMA { self.mul_add(b, c) } else { self * b + c }
        }
    };
}

impl Real for f32 {
    type Bits = i32;
    const BITS: u32 = 32;
    const FRACTION: u32 = 23;
    const MAGIC: f64 = 12582912.0;
    const BIAS: f64 = 127.0;
    const LN2: [f64; 2] = [0.693359375, -2.121944400546905827679e-4];
    const EXP_RANGE: [f64; 2] = [-104.0, 89.0];
    const EXP: &'static [f64] = &[
        0.50000034540711648128,
        0.16666614090382664447,
        0.041661275759880438022,
        0.0083361060158851398752,
        0.0014104339771169623401,
        0.00019611135332564458512,
    ];
    const EXPM1: &'static [f64] = &[
        0.5000000044268751957,
        0.16666666369762436939,
        0.041666360427297863599,
        0.0083333894576325959873,
        0.0013940668539617760362,
        0.00019845881635771513588,
    ];
    const TANH_RANGE: f64 = 10.0;
    const SQRT_HALF: i64 = 0x3F35_04F3;
    const MIN_POSITIVE: f64 = f32::MIN_POSITIVE as f64;
    const NORMALISE: (f64, f64) = (8388608.0, -23.0);
    const ERF: (f64, &'static [f64]) = (
        0.92,
        &[
            1.1283791666468309461,
            -0.37612633825313741092,
            0.11283696879353282471,
            -0.02685947526415019608,
            0.0052012240580350939031,
            -0.00081448891585177270237,
            0.000083793761473608860544,
        ],
    );
    const ERFC: (f64, &'static [f64]) = (
        4.0,
        &[
            -0.00019428195597202727326,
            -1.1276813799577294837,
            -0.63717256893341760239,
            -0.10394007973633434009,
            0.022231002818542406322,
            -0.0030442395796697089756,
            0.00019604121403431705772,
        ],
    );

    real!(f32, i32);

    #[inline(always)]
    fn small_float(k: i32) -> f32 {
        k as f32
    }

    #[inline(always)]
    fn log_of<const FMA: bool>(k: f32, f: f32) -> f32 {
        let [high, low] = Self::LN2.map(|part| part as f32);
        let p = polynomial::<f32, FMA>(&LOG_F32, f);
        let square = f * f;
        let cube = f * square;
        let tail = cube * p;
        let tail = k.fma::<FMA>(low, tail);
        let tail = square.fma::<FMA>(-0.5, tail);
        let y = f + tail;
        k.fma::<FMA>(high, y)
    }

    #[inline(always)]
    fn turn<const FMA: bool>(self, cosine: bool) -> f32 {
        let wide = f64::from(self);
        let (near, near_bits) = reduce_near::<FMA>(wide);
        let (far, far_bits) = reduce_far::<FMA>(wide);
        let is_far = wide.abs() >= FAR;
        let r = if is_far { far } else { near };
        let bits = if is_far { far_bits } else { near_bits };
        quarter::<FMA>(r, bits, cosine, &SIN_F32, &COS_F32) as f32
    }

    #[inline(always)]
    fn turn_far<const FMA: bool>(_: &[f32], _: &mut [f32], _: bool) {}
}

impl Real for f64 {
    type Bits = i64;
    const BITS: u32 = 64;
    const FRACTION: u32 = 52;
    const MAGIC: f64 = 6755399441055744.0;
    const BIAS: f64 = 1023.0;
    const LN2: [f64; 2] = [0.693147180369123816490, 1.90821492927058770002e-10];
    const EXP_RANGE: [f64; 2] = [-746.0, 710.0];
    const EXP: &'static [f64] = &[
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
    const EXPM1: &'static [f64] = &[
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
    const TANH_RANGE: f64 = 22.0;
    const SQRT_HALF: i64 = 0x3FE6_A09E_667F_3BCD;
    const MIN_POSITIVE: f64 = f64::MIN_POSITIVE;
    const NORMALISE: (f64, f64) = (18014398509481984.0, -54.0);
    const ERF: (f64, &'static [f64]) = (
        1.0,
        &[
            1.1283791670955125739,
            -0.37612638903183752368,
            0.11283791670955119672,
            -0.026866170645129717336,
            0.0052239776254218919826,
            -0.00085483270218393994177,
            0.00012055332898728821622,
            -0.000014925647445941171982,
            1.646204300850702607e-6,
            -1.6364608724714810315e-7,
            1.4792090977754984358e-8,
            -1.2162702709981959813e-9,
            8.7025683141419123204e-11,
            -4.2209527885476505922e-12,
        ],
    );
    const ERFC: (f64, &'static [f64]) = (
        6.0,
        &[
            2.6852484872710145272e-8,
            -1.1283795095474277842,
            -0.63661770707063067716,
            -0.10278044031037553889,
            0.019149446459479353711,
            0.00016693131420472416373,
            -0.0016298805957031696345,
            0.00050699328343383542234,
            0.000058609772197135469213,
            -0.0001346898297428406334,
            0.000077469639993728400112,
            -0.000029788137318272299705,
            8.7267938658394933674e-6,
            -2.0242516225490339061e-6,
            3.7500504812117900231e-7,
            -5.5097096879517429404e-8,
            6.2941967880218128217e-9,
            -5.3970283187070765696e-10,
            3.2692614455487725093e-11,
            -1.2472470919960327288e-12,
            2.2528681947569164484e-14,
        ],
    );

    real!(f64, i64);

    #[inline(always)]
    fn small_float(k: i64) -> f64 {
        f64::from_bits(k.wrapping_add(Self::MAGIC.to_bits() as i64) as u64) - Self::MAGIC
    }

    #[inline(always)]
    fn log_of<const FMA: bool>(k: f64, f: f64) -> f64 {
        let [high, low] = Self::LN2;
        let s = f / (2.0 + f);
        let z = s * s;
        let rest = z * polynomial::<f64, FMA>(&LOG_F64, z);
        let h = f * 0.5 * f;
        let tail = s * (h + rest);
        let tail = k.fma::<FMA>(low, tail);
        let y = f - (h - tail);
        k.fma::<FMA>(high, y)
    }

    #[inline(always)]
    fn turn<const FMA: bool>(self, cosine: bool) -> f64 {
        let (r, bits) = reduce_near::<FMA>(self);
        quarter::<FMA>(r, bits, cosine, &SIN_F64, &COS_F64)
    }

    #[inline(always)]
    fn turn_far<const FMA: bool>(x: &[f64], y: &mut [f64], cosine: bool) {
        // Without a way out, so that the loop is one of vectors.
        let any = x.iter().fold(false, |any, x| any | (x.abs() >= FAR));
        if !any {
            return;
        }
        for (x, y) in x.iter().zip(y).filter(|(x, _)| x.abs() >= FAR) {
            let (r, bits) = reduce_large::<FMA>(*x);
            *y = quarter::<FMA>(r, bits, cosine, &SIN_F64, &COS_F64);
        }
    }
}

/// `(ln(1 + f) − f + f²/2) / f³` for √½ − 1 ≤ f ≤ √2 − 1.
pub(super) const LOG_F32: [f64; 8] = [
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
pub(super) const LOG_F64: [f64; 7] = [
    0.66666666666667346537,
    0.39999999999412885922,
    0.28571428742824991765,
    0.22222198524604534077,
    0.1818356703196915629,
    0.15313976920691009146,
    0.14796728572392806822,
];

/// From here on numbers are reduced with all bits of π that matter.
pub(super) const FAR: f64 = 1048576.0;

/// π/2 in parts of 33 bits, and a last one.
pub(super) const HALF_PI: [f64; 4] =
    [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32];

/// π/2 in parts of 53 bits.
pub(super) const HALF_PI_WHOLE: [f64; 3] =
    [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33];

/// Per 30 powers of two: from which size on, a scale, and `2/π / scale` modulo 4 in parts.
pub(super) const TWO_OVER_PI: [(f64, f64, [f64; 4]); 4] = [
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

/// `(sin r − r) / r³` by r².
pub(super) const SIN_F32: [f64; 4] = [
    -0.16666666641527160231,
    0.0083333293741543351857,
    -0.00019839331007069856868,
    2.7182745623466546077e-6,
];

/// `(cos r − 1 + r²/2) / r⁴` by r².
pub(super) const COS_F32: [f64; 4] = [
    0.041666666619315860868,
    -0.0013888883485202208486,
    0.000024799456247715739667,
    -2.72054307212039199e-7,
];

/// As [`SIN_F32`].
pub(super) const SIN_F64: [f64; 6] = [
    -0.16666666666666631859,
    0.00833333333332236975,
    -0.0001984126982977101447,
    2.7557313678620659884e-6,
    -2.5050755955257043406e-8,
    1.5896666191491665136e-10,
];

/// As [`COS_F32`].
pub(super) const COS_F64: [f64; 6] = [
    0.041666666666666592472,
    -0.0013888888888872976055,
    0.000024801587288800086892,
    -2.7557314163989943697e-7,
    2.0875698709897882633e-9,
    -1.1358423568708551671e-11,
];
