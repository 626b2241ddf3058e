//! The smooth rectifier.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, UnaryFn, Values, signature};
use crate::ir::{BinaryFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("softplus", "y = ln(1 + e^x), dx = dy sigmoid(x)."),
    values: Values::Floats(
        |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
        |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
    ),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let slope = g.unary(UnaryFn::Sigmoid, at.x)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded { value: |math, x| math.softplus(x), rare: None },
};

impl Math<'_> {
    /// `max(x, 0) + ln(1 + e^−|x|)`.
    fn softplus(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let negative = self.exprs.unary(UnaryFn::Neg, size);
        let z = self.exp(negative);
        let (_, rest) = self.log1p_parts(z);
        let zero = self.number(0.0);
        let above = self.binary(BinaryFn::Max, zero, x);
        self.add(above, rest)
    }
}
