//! The hyperbolic sine.

use super::math::Math;
use super::{Form, Function, Gradient, REALS, UnaryFn, Values, signature};
use crate::ir::{BinaryFn, CompareFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("sinh", "y = sinh x, dx = dy cosh x."),
    values: Values::Floats(f32::sinh, f64::sinh),
    domain: REALS,
    gradient: Gradient::Smooth(|g, at| {
        let slope = g.unary(UnaryFn::Cosh, at.x)?;
        g.mul(at.dy, slope)
    }),
    form: Form::Expanded { value: |math, x| math.sinh(x), rare: None },
};

/// Beyond this, of f32 and of f64, it is infinite.
const RANGES: [f64; 2] = [89.7, 710.7];

impl Math<'_> {
    /// `2 (u + u / (4 u + 1))` with `u = (e^|x| − 1) / 4`, and the sign of x; x itself next to 0.
    fn sinh(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let range = self.number(self.choose(RANGES[0], RANGES[1]));
        let near = self.binary(BinaryFn::Min, range, size);
        let (p, scale) = self.expm1_parts(near, 2);
        let [quarter, one, four] = [0.25, 1.0, 4.0].map(|c| self.number(c));
        let whole = self.sub(scale, quarter);
        let u = self.fma(scale, p, whole);
        let below = self.fma(four, u, one);
        let rest = self.div(u, below);
        let y = self.add(u, rest);
        let y = self.add(y, y);
        let tiny = self.number(self.choose(2f64.powi(-13), 2f64.powi(-28)));
        let y = self.select(CompareFn::Lt, size, tiny, size, y);
        self.with_sign(y, x)
    }
}
