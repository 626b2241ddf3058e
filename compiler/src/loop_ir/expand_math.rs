//! Rewrites transcendental functions into polynomials of primitive expressions, for any element
//! type and in straight line, so that vector loops run them as they are; and so the division of
//! floats with a remainder, and powers of integers, which are exact.
//!
//! Errors: at most 2 units in the last place for `exp` and `log`, 4 for the others, over the whole
//! range with its denormals; ±0, infinities and NaN as IEEE 754 asks. The polynomials are minimax
//! approximations (Remez' exchange, in 60 digits) on the reduced ranges that stand beside them,
//! their coefficients rounded to the element type. The library's chunk functions compute the
//! same, operation by operation. Runs after `fma`, which would change roundings that are chosen
//! here. Linear.

mod division;
mod large;

use rustc_hash::FxHashMap;

use super::Kernel;
use super::rebuild::{Rebuild, map_operands};
use crate::ir::{
    BinaryFn, CompareFn, DType, Expr, ExprId, Exprs, Index, IndexId, Scalar, Target, Term, UnaryFn,
};

/// Expands all transcendental functions of a kernel; chunks stay as they are.
pub fn expand_math(kernel: &mut Kernel, target: &Target) {
    let body = std::mem::take(&mut kernel.body);
    let mut expander = Expander {
        exprs: &mut kernel.exprs,
        target,
        done: FxHashMap::default(),
        done_indices: FxHashMap::default(),
    };
    kernel.body = expander.stmts(body);
}

/// The expression of primitive operations that computes `f(x)`; `f(x)` itself where `f` is
/// primitive or `x` is no float.
pub fn expand_unary(exprs: &mut Exprs, f: UnaryFn, x: ExprId, target: &Target) -> ExprId {
    let dtype = exprs.dtype(x);
    let Some(format) = Format::of(dtype) else { return exprs.unary(f, x) };
    let mut math = Math { exprs, format, fma: target.fma };
    match f {
        UnaryFn::Exp => math.exp(x),
        UnaryFn::Log => math.log(x),
        UnaryFn::Tanh => math.tanh(x),
        UnaryFn::Sigmoid => math.sigmoid(x),
        UnaryFn::Erf => math.erf(x),
        UnaryFn::Sin => math.turn(x, false),
        UnaryFn::Cos => math.turn(x, true),
        UnaryFn::Neg
        | UnaryFn::Abs
        | UnaryFn::Sign
        | UnaryFn::Sqrt
        | UnaryFn::Floor
        | UnaryFn::Ceil
        | UnaryFn::Round
        | UnaryFn::Relu
        | UnaryFn::Not => math.exprs.unary(f, x),
    }
}

/// The expression of primitive operations that computes `a^b`: of floats as C's `pow`, of integers
/// by products.
pub fn expand_pow(exprs: &mut Exprs, a: ExprId, b: ExprId, target: &Target) -> ExprId {
    let dtype = exprs.dtype(a);
    if !dtype.is_float() {
        return division::expand_power(exprs, a, b);
    }
    // An f32 has its last places right if it is computed in f64.
    let (x, y) = (exprs.cast(DType::F64, a), exprs.cast(DType::F64, b));
    let mut math = Math { exprs, format: &F64, fma: target.fma };
    let power = if dtype == DType::F32 { math.power_f32(x, y) } else { math.power_f64(x, y) };
    let power = math.power_ends(x, y, power);
    exprs.cast(dtype, power)
}

struct Expander<'a> {
    exprs: &'a mut Exprs,
    target: &'a Target,
    done: FxHashMap<ExprId, ExprId>,
    done_indices: FxHashMap<IndexId, IndexId>,
}

impl Rebuild for Expander<'_> {
    fn expr(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let expr = self.exprs.expr(id).clone();
        let expr = map_operands(&expr, &mut |x| self.expr(x));
        let new = match expr {
            Expr::Unary(f, x) => expand_unary(self.exprs, f, x, self.target),
            Expr::Binary(BinaryFn::Pow, a, b) => expand_pow(self.exprs, a, b, self.target),
            Expr::Binary(f @ (BinaryFn::FloorDiv | BinaryFn::Mod), a, b) => {
                division::expand_division(self.exprs, f, [a, b], self.target)
            }
            Expr::Load { place, index, dtype } => {
                let index = self.index(index);
                self.exprs.intern(Expr::Load { place, index, dtype })
            }
            Expr::Index(index, dtype) => {
                let index = self.index(index);
                self.exprs.intern(Expr::Index(index, dtype))
            }
            Expr::Const(..)
            | Expr::Element { .. }
            | Expr::Var(..)
            | Expr::Binary(..)
            | Expr::Compare(..)
            | Expr::Select(..)
            | Expr::Cast(..)
            | Expr::Fma(..)
            | Expr::Bitcast(..)
            | Expr::ShiftLeft(..)
            | Expr::ShiftRightSigned(..) => self.exprs.intern(expr),
        };
        self.done.insert(id, new);
        new
    }

    /// An index whose elements are expanded.
    fn index(&mut self, id: IndexId) -> IndexId {
        if let Some(&done) = self.done_indices.get(&id) {
            return done;
        }
        let Index { mut terms, constant } = self.exprs.index(id).clone();
        for (term, _) in &mut terms {
            *term = match *term {
                Term::Axis(axis) => Term::Axis(axis),
                Term::Div(x, n) => Term::Div(self.index(x), n),
                Term::Mod(x, n) => Term::Mod(self.index(x), n),
                Term::Data(value, n) => Term::Data(self.expr(value), n),
            };
        }
        terms.sort_unstable();
        let new = self.exprs.intern_index(Index { terms, constant });
        self.done_indices.insert(id, new);
        new
    }
}

/// What the two float formats differ in, with the coefficients for each.
struct Format {
    float: DType,
    int: DType,
    /// Bits of the fraction.
    fraction: u8,
    bias: i64,
    /// 1.5 · 2^fraction: added to a small number, it leaves its integer part in the lowest bits.
    magic: f64,
    /// ln 2 in two parts, of which the first has few bits.
    ln2: [f64; 2],
    /// Below the first `exp` is 0, above the second infinite.
    exp_range: [f64; 2],
    /// `(e^r − 1 − r) / r²` for |r| ≤ ln 2.
    exp: &'static [f64],
    /// The same for |r| ≤ ln 2 / 2, as `e^r − 1` needs it.
    expm1: &'static [f64],
    /// Beyond this `tanh` is ±1.
    tanh_range: f64,
    /// The bits of √½.
    sqrt_half: i64,
    /// Below the first `erf(x) / x` is the second, a polynomial in x².
    erf: (f64, &'static [f64]),
    /// From there up to the first `ln(1 − erf x)` is the second; beyond, erf is 1.
    erfc: (f64, &'static [f64]),
    /// The smallest normal number.
    min_positive: f64,
    /// What makes denormals normal, and its exponent.
    normalise: (f64, i64),
}

impl Format {
    fn of(dtype: DType) -> Option<&'static Format> {
        match dtype {
            DType::F32 => Some(&F32),
            DType::F64 => Some(&F64),
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => None,
        }
    }
}

static F32: Format = Format {
    float: DType::F32,
    int: DType::I32,
    fraction: 23,
    bias: 127,
    magic: 12582912.0,
    ln2: [0.693359375, -2.121944400546905827679e-4],
    exp_range: [-104.0, 89.0],
    exp: &[
        0.50000034540711648128,
        0.16666614090382664447,
        0.041661275759880438022,
        0.0083361060158851398752,
        0.0014104339771169623401,
        0.00019611135332564458512,
    ],
    expm1: &[
        0.5000000044268751957,
        0.16666666369762436939,
        0.041666360427297863599,
        0.0083333894576325959873,
        0.0013940668539617760362,
        0.00019845881635771513588,
    ],
    tanh_range: 10.0,
    sqrt_half: 0x3F35_04F3,
    erf: (
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
    ),
    erfc: (
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
    ),
    min_positive: f32::MIN_POSITIVE as f64,
    normalise: (8388608.0, 23),
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

static F64: Format = Format {
    float: DType::F64,
    int: DType::I64,
    fraction: 52,
    bias: 1023,
    magic: 6755399441055744.0,
    ln2: [0.693147180369123816490, 1.90821492927058770002e-10],
    exp_range: [-746.0, 710.0],
    exp: &[
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
    ],
    expm1: &[
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
    ],
    tanh_range: 22.0,
    sqrt_half: 0x3FE6_A09E_667F_3BCD,
    erf: (
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
    ),
    erfc: (
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
    ),
    min_positive: f64::MIN_POSITIVE,
    normalise: (18014398509481984.0, 54),
};

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

/// Builds expressions of one float format.
struct Math<'a> {
    exprs: &'a mut Exprs,
    format: &'static Format,
    fma: bool,
}

impl Math<'_> {
    fn number(&mut self, x: f64) -> ExprId {
        self.exprs.constant(Scalar::F64(x).cast(self.format.float))
    }

    fn integer(&mut self, x: i64) -> ExprId {
        self.exprs.constant(Scalar::from_bits(self.format.int, x as u64))
    }

    fn binary(&mut self, f: BinaryFn, a: ExprId, b: ExprId) -> ExprId {
        self.exprs.binary(f, a, b)
    }

    fn add(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryFn::Add, a, b)
    }

    fn sub(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryFn::Sub, a, b)
    }

    fn mul(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryFn::Mul, a, b)
    }

    fn div(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryFn::Div, a, b)
    }

    /// `a · b + c`, fused where the target can.
    fn fma(&mut self, a: ExprId, b: ExprId, c: ExprId) -> ExprId {
        if self.fma {
            return self.exprs.intern(Expr::Fma(a, b, c));
        }
        let product = self.mul(a, b);
        self.add(product, c)
    }

    fn bits(&mut self, x: ExprId) -> ExprId {
        self.exprs.intern(Expr::Bitcast(self.format.int, x))
    }

    fn float_of_bits(&mut self, x: ExprId) -> ExprId {
        self.exprs.intern(Expr::Bitcast(self.format.float, x))
    }

    fn select(&mut self, f: CompareFn, a: ExprId, b: ExprId, yes: ExprId, no: ExprId) -> ExprId {
        let condition = self.exprs.compare(f, a, b);
        self.exprs.select(condition, yes, no)
    }

    /// `Σ c_i x^i`, by Horner's rule.
    fn polynomial(&mut self, coefficients: &[f64], x: ExprId) -> ExprId {
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
    fn clamp(&mut self, x: ExprId, low: f64, high: f64) -> ExprId {
        let (low, high) = (self.number(low), self.number(high));
        let x = self.binary(BinaryFn::Min, high, x);
        self.binary(BinaryFn::Max, low, x)
    }

    /// The integer `m` next to `x · factor`, as a float, and `2^m`, for |m| below the bias.
    fn power_of_two(&mut self, x: ExprId, factor: f64) -> (ExprId, ExprId) {
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
    fn exp(&mut self, x: ExprId) -> ExprId {
        let [low, high] = self.format.exp_range;
        let x = self.clamp(x, low, high);
        self.exp_within(x)
    }

    /// `e^x = 2^m · 2^m · e^r` with `x = 2 m ln 2 + r`, |r| ≤ ln 2. Neither factor overflows or is
    /// denormal, so a denormal result is rounded once.
    fn exp_within(&mut self, x: ExprId) -> ExprId {
        let (m, scale) = self.power_of_two(x, 0.5 * std::f64::consts::LOG2_E);
        let r = self.reduce(x, m, 2.0);
        let q = self.polynomial(self.format.exp, r);
        let one = self.number(1.0);
        let slope = self.fma(q, r, one);
        let p = self.fma(slope, r, one);
        let half = self.mul(p, scale);
        self.mul(half, scale)
    }

    /// `ln x = k ln 2 + ln(1 + f)` with `x = 2^k (1 + f)`, √½ ≤ 1 + f < √2.
    fn log(&mut self, x: ExprId) -> ExprId {
        let (k, f) = self.exponent_and_fraction(x);
        let [high, low] = self.format.ln2.map(|part| self.number(part));
        let y = if self.format.float == DType::F32 {
            self.log_f32(k, f, high, low)
        } else {
            self.log_f64(k, f, high, low)
        };
        self.log_ends(x, y)
    }

    /// `k` as a float, and `f`.
    fn exponent_and_fraction(&mut self, x: ExprId) -> (ExprId, ExprId) {
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

    /// A small integer as a float, by its place in the bits of the magic number.
    fn small_float(&mut self, k: ExprId) -> ExprId {
        if self.format.float == DType::F32 {
            return self.exprs.cast(DType::F32, k);
        }
        let magic = self.number(self.format.magic);
        let bits = self.integer(self.format.magic.to_bits() as i64);
        let sum = self.add(k, bits);
        let sum = self.float_of_bits(sum);
        self.sub(sum, magic)
    }

    fn log_f32(&mut self, k: ExprId, f: ExprId, high: ExprId, low: ExprId) -> ExprId {
        let p = self.polynomial(&LOG_F32, f);
        let square = self.mul(f, f);
        let cube = self.mul(f, square);
        let tail = self.mul(cube, p);
        let tail = self.fma(k, low, tail);
        let minus_half = self.number(-0.5);
        let tail = self.fma(square, minus_half, tail);
        let y = self.add(f, tail);
        self.fma(k, high, y)
    }

    /// With `s = f / (2 + f)`: `ln(1 + f) = 2 atanh s = f − (h − s (h + R))`, `h = f² / 2`.
    fn log_f64(&mut self, k: ExprId, f: ExprId, high: ExprId, low: ExprId) -> ExprId {
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
        let difference = self.sub(h, tail);
        let y = self.sub(f, difference);
        self.fma(k, high, y)
    }

    /// The logarithm where it is no number or infinite.
    fn log_ends(&mut self, x: ExprId, y: ExprId) -> ExprId {
        let [zero, inf, minus, nan] =
            [0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(|c| self.number(c));
        let finite = self.select(CompareFn::Lt, x, inf, y, x);
        let low = self.select(CompareFn::Eq, x, zero, minus, nan);
        self.select(CompareFn::Gt, x, zero, finite, low)
    }

    /// `(e^2x − 1) / (e^2x − 1 + 2)`, where `e^2x − 1 = 2^n (e^r − 1) + (2^n − 1)`, |r| ≤ ln 2 / 2,
    /// is exact to its last places near 0.
    fn tanh(&mut self, x: ExprId) -> ExprId {
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

    /// The integer in which only the sign bit is set.
    fn sign_bit(&mut self) -> ExprId {
        self.integer(1i64 << (8 * self.format.float.size() - 1))
    }

    /// `z / (1 + z)` below 0 and `1 / (1 + z)` above, with `z = e^-|x|`.
    fn sigmoid(&mut self, x: ExprId) -> ExprId {
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
    fn erf(&mut self, x: ExprId) -> ExprId {
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

    /// The sine, or the cosine. An f32 is reduced in f64.
    fn turn(&mut self, x: ExprId, cosine: bool) -> ExprId {
        let float = self.format.float;
        let x = self.exprs.cast(DType::F64, x);
        let mut math = Math { exprs: self.exprs, format: &F64, fma: self.fma };
        let (near, near_bits) = math.reduce_near(x);
        let narrow = float == DType::F32;
        let (far, far_bits) = if narrow { math.reduce_far(x) } else { math.reduce_large(x) };
        let size = math.exprs.unary(UnaryFn::Abs, x);
        let bound = math.number(FAR);
        let is_far = math.exprs.compare(CompareFn::Ge, size, bound);
        let r = math.exprs.select(is_far, far, near);
        let bits = math.exprs.select(is_far, far_bits, near_bits);
        let polynomials: [&[f64]; 2] =
            if narrow { [&SIN_F32, &COS_F32] } else { [&SIN_F64, &COS_F64] };
        let y = math.quarter(r, bits, cosine, polynomials);
        self.exprs.cast(float, y)
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
    fn nearest(&mut self, x: ExprId, factor: f64) -> (ExprId, ExprId) {
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
        let [f0, f1] = [q0, q1].map(|q| self.within_a_turn(q));
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

    /// `x − 4 floor(x / 4)`, exact.
    fn within_a_turn(&mut self, x: ExprId) -> ExprId {
        let (quarter, four) = (self.number(0.25), self.number(4.0));
        let turns = self.mul(x, quarter);
        let turns = self.exprs.unary(UnaryFn::Floor, turns);
        let turns = self.mul(turns, four);
        self.sub(x, turns)
    }

    /// `sin(r + n π/2)`, or the cosine, by quadrant: `r (1 + z S(z))` or `1 − z/2 + z² C(z)`.
    fn quarter(
        &mut self,
        r: ExprId,
        bits: ExprId,
        cosine: bool,
        [sin, cos]: [&[f64]; 2],
    ) -> ExprId {
        let [one, minus_half] = [1.0, -0.5].map(|c| self.number(c));
        let z = self.mul(r, r);
        let s = self.polynomial(sin, z);
        let s = self.fma(z, s, one);
        let sine = self.mul(r, s);
        let c = self.polynomial(cos, z);
        let square = self.mul(z, z);
        let h = self.fma(z, minus_half, one);
        let cosine_of_r = self.fma(square, c, h);
        let [bit, two, none] = [1, 2, 0].map(|i| self.integer(i));
        let quadrant = if cosine { self.add(bits, bit) } else { bits };
        let odd = self.binary(BinaryFn::And, quadrant, bit);
        let y = self.select(CompareFn::Eq, odd, none, sine, cosine_of_r);
        let negative = self.binary(BinaryFn::And, quadrant, two);
        let sign = self.exprs.intern(Expr::ShiftLeft(negative, 62));
        let y = self.bits(y);
        let y = self.binary(BinaryFn::Xor, y, sign);
        self.float_of_bits(y)
    }

    /// `|x|^y` for operands of 24 bits.
    fn power_f32(&mut self, x: ExprId, y: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let log = self.log(size);
        let exponent = self.mul(y, log);
        self.exp(exponent)
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

    /// `a + b` and its rounding error (Knuth, "Seminumerical algorithms", 4.2.2, theorem B).
    fn two_sum(&mut self, a: ExprId, b: ExprId) -> (ExprId, ExprId) {
        let sum = self.add(a, b);
        let of_b = self.sub(sum, a);
        let of_a = self.sub(sum, of_b);
        let (a, b) = (self.sub(a, of_a), self.sub(b, of_b));
        (sum, self.add(a, b))
    }

    /// The rounding error of `product = a · b` (without fused multiply-add by Dekker, "A
    /// floating-point technique for extending the available precision", 1971).
    fn mul_error(&mut self, a: ExprId, b: ExprId, product: ExprId) -> ExprId {
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

    /// The upper and the lower 26 bits of a number's 53.
    fn halves(&mut self, x: ExprId) -> (ExprId, ExprId) {
        let bits = self.bits(x);
        let mask = self.integer(-(1 << 27));
        let upper = self.binary(BinaryFn::And, bits, mask);
        let upper = self.float_of_bits(upper);
        (upper, self.sub(x, upper))
    }

    /// `x^y` from `|x|^y`: the sign, and what C's `pow` says of 0, 1, negative numbers, infinity
    /// and NaN.
    fn power_ends(&mut self, x: ExprId, y: ExprId, power: ExprId) -> ExprId {
        let [zero, one, half, minus, nan] =
            [0.0, 1.0, 0.5, f64::NEG_INFINITY, f64::NAN].map(|c| self.number(c));
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
        let signed = self.exprs.compare(CompareFn::Lt, bits, none);
        let turned = self.binary(BinaryFn::And, odd, signed);
        let negative = self.exprs.unary(UnaryFn::Neg, power);
        let power = self.exprs.select(turned, negative, power);
        let below = self.exprs.compare(CompareFn::Lt, x, zero);
        let finite = self.exprs.compare(CompareFn::Gt, x, minus);
        let broken = self.exprs.unary(UnaryFn::Not, whole);
        let undefined = self.binary(BinaryFn::And, below, finite);
        let undefined = self.binary(BinaryFn::And, undefined, broken);
        let power = self.exprs.select(undefined, nan, power);
        // NaN to the power of 0 is 1 and 1 to the power of NaN too; a NaN stays otherwise.
        let sum = self.add(x, y);
        let unordered = self.exprs.compare(CompareFn::Ne, sum, sum);
        let x_nan = self.exprs.compare(CompareFn::Ne, x, x);
        let y_nan = self.exprs.compare(CompareFn::Ne, y, y);
        let any = self.binary(BinaryFn::Or, x_nan, y_nan);
        let lost = self.binary(BinaryFn::And, unordered, any);
        let power = self.exprs.select(lost, sum, power);
        let power = self.select(CompareFn::Eq, x, one, one, power);
        self.select(CompareFn::Eq, y, zero, one, power)
    }
}

#[cfg(test)]
mod tests;
