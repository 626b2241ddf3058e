//! The hyperbolic cosine.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, UnaryFn, Values, signature};
use crate::ir::{BinaryFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("cosh", "y = cosh x, dx = dy sinh x."),
    values: Values::Floats(f32::cosh, f64::cosh),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let slope = g.unary(UnaryFn::Sinh, at.x)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded { value: |math, x| math.cosh(x), rare: None },
};

/// Beyond this, of f32 and of f64, it is infinite.
const RANGES: [f64; 2] = [89.7, 710.7];

impl Math<'_> {
    /// `h + 1 / (4 h)` with `h = e^|x| / 2`.
    fn cosh(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let range = self.number(self.choose(RANGES[0], RANGES[1]));
        let near = self.binary(BinaryFn::Min, range, size);
        let (part, scale) = self.exp_parts(near, None);
        let [half, quarter] = [0.5, 0.25].map(|c| self.number(c));
        let scale = self.mul(scale, half);
        let h = self.mul(part, scale);
        let rest = self.div(quarter, h);
        self.add(h, rest)
    }
}
