//! What the Gauss error function leaves of 1, exact to its last places also where that is little.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, UnaryFn, Values, signature};
use crate::ir::{BinaryFn, CompareFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("erfc", "y = 1 - erf x, exact for large x; dx = -dy 2/√π e^(-x²)."),
    values: Values::Floats(|x| of_f64(f64::from(x)) as f32, of_f64),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let square = g.square(at.x)?;
        let exponent = g.neg(square)?;
        let bell = g.unary(UnaryFn::Exp, exponent)?;
        let slope = g.scale(bell, -std::f64::consts::FRAC_2_SQRT_PI)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded { value: |math, x| math.erfc(x), rare: None },
};

/// `e^(−a²) P(t) / (1 + 2 a)` with `a = |x|` and `t = (a − 4) / (a + 4)`, which is nearly constant but
/// for the exponential (Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x
/// in 0 ≤ x < ∞", 1981).
pub(super) fn of_f64(x: f64) -> f64 {
    let a = x.abs();
    if a > BOUNDS[1] {
        return if x > 0.0 { 0.0 } else { 2.0 };
    }
    let t = (a - CENTRES[1]) / (a + CENTRES[1]);
    let p = ERFC_F64.iter().rev().fold(0.0, |sum, c| sum * t + c);
    // The square of the upper half of the bits is exact.
    let upper = f64::from_bits(a.to_bits() & !((1 << 27) - 1));
    let bell = (-upper * upper).exp() * ((upper - a) * (upper + a)).exp();
    let y = bell * (p / (1.0 + 2.0 * a));
    if x < 0.0 { 2.0 - y } else { y }
}

/// `e^(a²) erfc(a) (1 + 2 a)` by t, to the places of f32.
const ERFC_F32: [f64; 10] = [
    1.276978393967974514,
    -0.092763985043264924102,
    -0.16603146126786515155,
    0.16405542593187660454,
    -0.054203881457918529843,
    -0.0080601442969195155226,
    0.0086300899493939515693,
    0.0013133091311627067574,
    -0.0012279944530889087456,
    -0.00039944540041971003879,
];

/// As [`ERFC_F32`], to the places of f64.
const ERFC_F64: [f64; 23] = [
    1.2329951186255525098,
    -0.13962111684056288644,
    0.015379652102619764022,
    0.06809705425473659543,
    -0.10103906603630114969,
    0.093732834996823932663,
    -0.066330365812563934593,
    0.037167515561851399694,
    -0.016197734048424555619,
    0.0050319697635754648768,
    -0.00075777340485652719706,
    -0.00019925556128197670867,
    0.00015062247153238188214,
    -0.000024402941489377517452,
    -0.000011225282901314623434,
    5.717295296724653518e-6,
    3.0195614999289399694e-7,
    -8.3424057934855683217e-7,
    6.2389312543485124741e-8,
    1.1456151883906520768e-7,
    -7.7789348092319545841e-9,
    -1.338635377275236057e-8,
    -1.7176492951560852589e-9,
];

/// Where t is 0, of f32 and of f64.
const CENTRES: [f64; 2] = [2.0, 4.0];

/// Here, of f32 and of f64, both factors of `e^(−x²)` are 0 (see [`Math::exp`]); it is 0 from 10.2 and
/// 28 on.
const BOUNDS: [f64; 2] = [13.27, 37.66];

impl Math<'_> {
    /// As [`of_f64`].
    fn erfc(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let bound = self.number(self.choose(BOUNDS[0], BOUNDS[1]));
        let a = self.binary(BinaryFn::Min, bound, size);
        let centre = self.number(self.choose(CENTRES[0], CENTRES[1]));
        let [zero, one, two] = [0.0, 1.0, 2.0].map(|c| self.number(c));
        let (above, below) = (self.sub(a, centre), self.add(a, centre));
        let t = self.div(above, below);
        let p = self.polynomial(self.coefficients(&ERFC_F32, &ERFC_F64), t);
        let below = self.fma(two, a, one);
        let factor = self.div(p, below);
        let square = self.mul(a, a);
        let lost = self.mul_error(a, a, square);
        let [exponent, lost] = [square, lost].map(|x| self.exprs.unary(UnaryFn::Neg, x));
        let (half, scale) = self.exp_parts(exponent, Some(lost));
        let bell = self.mul(half, scale);
        let y = self.mul(bell, factor);
        let other = self.sub(two, y);
        self.select(CompareFn::Lt, x, zero, other, y)
    }
}
