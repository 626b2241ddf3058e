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
mod exponentials;
mod format;
mod large;
mod logarithm;
mod powers;
mod turns;

use rustc_hash::FxHashMap;

use self::format::{F64, Format};
use super::Kernel;
use super::rebuild::Rebuild;
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
        let expr = expr.map_operands(&mut |x| self.expr(x));
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

    /// The integer in which only the sign bit is set.
    fn sign_bit(&mut self) -> ExprId {
        self.integer(1i64 << (8 * self.format.float.size() - 1))
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
}

#[cfg(test)]
mod tests;
