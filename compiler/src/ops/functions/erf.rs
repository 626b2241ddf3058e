//! The Gauss error function.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, UnaryFn, Values, erfc, signature};
use crate::ir::{BinaryFn, CompareFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("erf", "y = erf x, dx = dy 2/√π e^(-x²)."),
    values: Values::Floats(|x| of_f64(f64::from(x)) as f32, of_f64),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let square = g.square(at.x)?;
        let exponent = g.neg(square)?;
        let bell = g.unary(UnaryFn::Exp, exponent)?;
        let slope = g.scale(bell, std::f64::consts::FRAC_2_SQRT_PI)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded { value: |math, x| math.erf(x), rare: None },
};

fn of_f64(x: f64) -> f64 {
    if x.abs() < BOUNDS[1][0] {
        return x * NEAR_F64.iter().rev().fold(0.0, |sum, c| sum * (x * x) + c);
    }
    (1.0 - erfc::of_f64(x.abs())).copysign(x)
}

/// `erf(x) / x` by x² below the bound, to the places of f32.
const NEAR_F32: [f64; 7] = [
    1.1283791666468309461,
    -0.37612633825313741092,
    0.11283696879353282471,
    -0.02685947526415019608,
    0.0052012240580350939031,
    -0.00081448891585177270237,
    0.000083793761473608860544,
];

/// As [`NEAR_F32`], to the places of f64.
const NEAR_F64: [f64; 14] = [
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
];

/// `ln(1 − erf x)` from the bound on, to the places of f32.
const FAR_F32: [f64; 7] = [
    -0.00019428195597202727326,
    -1.1276813799577294837,
    -0.63717256893341760239,
    -0.10394007973633434009,
    0.022231002818542406322,
    -0.0030442395796697089756,
    0.00019604121403431705772,
];

/// As [`FAR_F32`], to the places of f64.
const FAR_F64: [f64; 21] = [
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
];

/// Where the second polynomial takes over, and where it ends and erf is 1: of f32 and of f64.
const BOUNDS: [[f64; 2]; 2] = [[0.92, 4.0], [1.0, 6.0]];

impl Math<'_> {
    /// `x P(x²)` near 0, and beyond `1 − e^Q(|x|)` with the sign of x.
    fn erf(&mut self, x: ExprId) -> ExprId {
        let [near, far] = self.choose(BOUNDS[0], BOUNDS[1]);
        let square = self.mul(x, x);
        let ratio = self.polynomial(self.coefficients(&NEAR_F32, &NEAR_F64), square);
        let small = self.mul(x, ratio);
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let bound = self.number(far);
        let bounded = self.binary(BinaryFn::Min, bound, size);
        let exponent = self.polynomial(self.coefficients(&FAR_F32, &FAR_F64), bounded);
        let rest = self.exp_within(exponent);
        let one = self.number(1.0);
        let large = self.sub(one, rest);
        let large = self.with_sign(large, x);
        let near = self.number(near);
        self.select(CompareFn::Lt, size, near, small, large)
    }
}
