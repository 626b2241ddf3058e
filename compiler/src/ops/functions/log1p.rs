//! The logarithm of `1 + x`, exact to its last places also near 0.

use super::math::Math;
use super::{Form, Function, Gradient, Values, signature};
use crate::ir::{CompareFn, ExprId};

pub(super) const FUNCTION: Function = Function {
    signature: signature("log1p", "y = ln(1 + x), exact for small x; dx = dy / (1 + x)."),
    values: Values::Floats(f32::ln_1p, f64::ln_1p),
    domain: (-1.0, f64::INFINITY),
    gradient: Gradient::Smooth(|g, at| {
        let one = g.constant_like(at.x, 1.0)?;
        let below = g.add(one, at.x)?;
        g.div(at.dy, below)
    }),
    form: Form::Expanded { value: |math, x| math.log1p(x), rare: None },
};

impl Math<'_> {
    fn log1p(&mut self, x: ExprId) -> ExprId {
        let (sum, y) = self.log1p_parts(x);
        let y = self.log_ends(sum, y);
        // Keeps the sign of zero.
        let zero = self.number(0.0);
        self.select(CompareFn::Eq, x, zero, x, y)
    }

    /// `u = 1 + x`, rounded, and its logarithm for what is finite: `k ln 2 + ln(1 + f) + e / u` where
    /// the rounding lost e; and where k is 0, so that `1 + f = 1 + x`, nothing is rounded.
    pub(super) fn log1p_parts(&mut self, x: ExprId) -> (ExprId, ExprId) {
        let [zero, one] = [0.0, 1.0].map(|c| self.number(c));
        let (sum, lost) = self.two_sum(one, x);
        let (k, f) = self.exponent_and_fraction(sum);
        let f = self.select(CompareFn::Eq, k, zero, x, f);
        let correction = self.div(lost, sum);
        let correction = self.select(CompareFn::Eq, k, zero, zero, correction);
        (sum, self.log_of_parts(k, f, Some(correction)))
    }
}
