//! The logistic function.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, Values, signature};
use crate::ir::{BinaryFn, CompareFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("sigmoid", "y = 1 / (1 + e^-x), dx = dy y (1 - y)."),
    values: Values::Floats(of_f32, of_f64),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let one = g.constant_like(at.y, 1.0)?;
        let rest = g.sub(one, at.y)?;
        let slope = g.mul(at.y, rest)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded { value: |math, x| math.sigmoid(x), rare: None },
};

fn of_f32(x: f32) -> f32 {
    // Neither form overflows on its side of 0.
    if x >= 0.0 {
        return 1.0 / (1.0 + (-x).exp());
    }
    let e = x.exp();
    e / (1.0 + e)
}

fn of_f64(x: f64) -> f64 {
    if x >= 0.0 {
        return 1.0 / (1.0 + (-x).exp());
    }
    let e = x.exp();
    e / (1.0 + e)
}

impl Math<'_> {
    /// `z / (1 + z)` below 0 and `1 / (1 + z)` above, with `z = e^-|x|`.
    fn sigmoid(&mut self, x: ExprId) -> ExprId {
        let (bits, sign) = (self.bits(x), self.sign_bit());
        let negative = self.binary(BinaryFn::Or, bits, sign);
        let negative = self.float_of_bits(negative);
        let z = self.exp_of_negative(negative);
        let (zero, one) = (self.number(0.0), self.number(1.0));
        let above = self.select(CompareFn::Lt, x, zero, z, one);
        let below = self.add(one, z);
        self.div(above, below)
    }
}
