//! The arc cosine.

use super::asin::cosine;
use super::math::Math;
use super::{Form, Function, Gradient, Values, signature};
use crate::ir::{CompareFn, ExprId, UnaryFn};

pub(super) const FUNCTION: Function = Function {
    signature: signature("acos", "y = acos x, in [0, π], dx = -dy / √((1 - x) (1 + x))."),
    values: Values::Floats(f32::acos, f64::acos),
    domain: (-1.0, 1.0),
    gradient: Gradient::Smooth(|g, at| {
        let (cosine, minus) = (cosine(g, at.x)?, g.neg(at.dy)?);
        g.div(minus, cosine)
    }),
    form: Form::Expanded { value: |math, x| math.acos(x), rare: None },
};

impl Math<'_> {
    /// `π/2 − asin x` up to 1/2 either way, `2 asin √((1 − x) / 2)` above, `π − acos |x|` below.
    fn acos(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let (half, [r, rest]) = self.asin_parts(size);
        let zero = self.number(0.0);
        let [high, low] = self.half_pi();
        // In the middle: π/2 ∓ (r + rest), the small parts first.
        let is_negative = self.exprs.compare(CompareFn::Lt, x, zero);
        let signed = [r, rest].map(|part| {
            let minus = self.exprs.unary(UnaryFn::Neg, part);
            self.exprs.select(is_negative, minus, part)
        });
        let small = self.sub(signed[1], low);
        let middle = self.add(signed[0], small);
        let middle = self.sub(high, middle);
        let asin = self.add(r, rest);
        let above = self.add(asin, asin);
        let small = self.sub(rest, low);
        let below = self.add(r, small);
        let below = self.sub(high, below);
        let below = self.add(below, below);
        let far = self.exprs.select(is_negative, below, above);
        self.select(CompareFn::Gt, size, half, far, middle)
    }
}
