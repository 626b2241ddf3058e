//! Rewrites transcendental functions into polynomials of primitive expressions, for any element
//! type and in straight line, so that vector loops run them as they are.
//!
//! Errors: at most 2 units in the last place for `exp` and `log`, 4 for the others, over the whole
//! range with its denormals; ±0, infinities and NaN as IEEE 754 asks. The polynomials are minimax
//! approximations (Remez' exchange, in 60 digits) on the reduced ranges that stand beside them,
//! their coefficients rounded to the element type. The library's chunk functions compute the
//! same, operation by operation. Runs after `fma`, which would change roundings that are chosen
//! here. Linear.

use rustc_hash::FxHashMap;

use super::place::map_operands;
use super::{Fold, Kernel, Loop, Stmt};
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
        UnaryFn::Erf
        | UnaryFn::Sin
        | UnaryFn::Cos
        | UnaryFn::Neg
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

struct Expander<'a> {
    exprs: &'a mut Exprs,
    target: &'a Target,
    done: FxHashMap<ExprId, ExprId>,
    done_indices: FxHashMap<IndexId, IndexId>,
}

impl Expander<'_> {
    fn stmts(&mut self, stmts: Vec<Stmt>) -> Vec<Stmt> {
        stmts.into_iter().map(|s| self.stmt(s)).collect()
    }

    fn stmt(&mut self, stmt: Stmt) -> Stmt {
        match stmt {
            Stmt::For(l) => {
                let folds = l.folds.into_iter().map(|f| Fold {
                    init: f.init.iter().map(|&v| self.expr(v)).collect(),
                    values: f.values.iter().map(|&v| self.expr(v)).collect(),
                    ..f
                });
                let folds = folds.collect();
                Stmt::For(Loop { body: self.stmts(l.body), folds, ..l })
            }
            Stmt::Let(var, value) => Stmt::Let(var, self.expr(value)),
            Stmt::Store { place, index, value } => {
                Stmt::Store { place, index: self.index(index), value: self.expr(value) }
            }
            Stmt::Check { value, size, number } => {
                Stmt::Check { value: self.expr(value), size, number }
            }
            Stmt::Tile(_) | Stmt::Chunk(_) => stmt,
        }
    }

    fn expr(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let expr = self.exprs.expr(id).clone();
        let expr = map_operands(&expr, &mut |x| self.expr(x));
        let new = match expr {
            Expr::Unary(f, x) => expand_unary(self.exprs, f, x, self.target),
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

    fn from_bits(&mut self, x: ExprId) -> ExprId {
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
        (m, self.from_bits(power))
    }

    /// `x − m · step · ln 2`, with the bits of ln 2 in two parts.
    fn reduce(&mut self, x: ExprId, m: ExprId, step: f64) -> ExprId {
        let [high, low] = self.format.ln2.map(|part| self.number(-step * part));
        let r = self.fma(m, high, x);
        self.fma(m, low, r)
    }

    /// `e^x = 2^m · 2^m · e^r` with `x = 2 m ln 2 + r`, |r| ≤ ln 2. Neither factor overflows or is
    /// denormal, so a denormal result is rounded once.
    fn exp(&mut self, x: ExprId) -> ExprId {
        let [low, high] = self.format.exp_range;
        let x = self.clamp(x, low, high);
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
        let m = self.from_bits(fraction);
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
        let sum = self.from_bits(sum);
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

    /// `z / (1 + z)` below 0 and `1 / (1 + z)` above, with `z = e^-|x|`.
    fn sigmoid(&mut self, x: ExprId) -> ExprId {
        let bits = self.bits(x);
        let sign = self.integer(1i64 << (8 * self.format.float.size() - 1));
        let negative = self.binary(BinaryFn::Or, bits, sign);
        let negative = self.from_bits(negative);
        let z = self.exp(negative);
        let (zero, one) = (self.number(0.0), self.number(1.0));
        let above = self.select(CompareFn::Lt, x, zero, z, one);
        let below = self.add(one, z);
        self.div(above, below)
    }
}

#[cfg(test)]
mod tests;
