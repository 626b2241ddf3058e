//! The angle of a point: the arc tangent of a quotient, in all four quadrants.

use super::super::super::{Build, Control, TypeError};
use super::super::math::{Format, Math};
use super::{Accepts, At, Form, Function, signature};
use crate::ir::{BinaryFn, CompareFn, ExprId, NodeId, UnaryFn};

pub(super) const FUNCTION: Function = Function {
    signature: signature(
        "atan2",
        "The angle of the point (b, a), in [-π, π]: atan(a / b) where b is positive. Signs of \
         zeros count, as in C. da = dy b / (a² + b²), db = -dy a / (a² + b²).",
    ),
    symbol: None,
    accepts: Accepts::Floats(None),
    is_commutative: false,
    gradient: Some(gradient),
    form: Form::Expanded {
        cost: 24,
        expand: |exprs, [a, b], target| {
            let format = Format::of(exprs.dtype(a))?;
            Some(Math::new(exprs, format, target).atan2(a, b))
        },
        library: true,
    },
};

/// `da` and `db`, with both operands by the larger of the two, so that no square is out of range.
/// At (0, 0), where there is no angle, they are NaN.
fn gradient(g: &mut Build<'_>, at: At) -> Result<[NodeId; 2], TypeError> {
    let (size_a, size_b) = (g.unary(UnaryFn::Abs, at.a)?, g.unary(UnaryFn::Abs, at.b)?);
    let size = g.binary(BinaryFn::Max, size_a, size_b)?;
    // The quotient is the same for every size: it has no derivative by it.
    let size = g.node(Control::StopGradient, &[size])?;
    let (a, b) = (g.div(at.a, size)?, g.div(at.b, size)?);
    let (aa, bb) = (g.square(a)?, g.square(b)?);
    let sum = g.add(aa, bb)?;
    let below = g.mul(sum, size)?;
    let per = g.div(at.dy, below)?;
    let (da, db) = (g.mul(per, b)?, g.mul(per, a)?);
    Ok([da, g.neg(db)?])
}

impl Math<'_> {
    /// The arc tangent of the smaller by the larger of |a| and |b|, mirrored into the octant of the
    /// point.
    fn atan2(&mut self, a: ExprId, b: ExprId) -> ExprId {
        let (size_a, size_b) =
            (self.exprs.unary(UnaryFn::Abs, a), self.exprs.unary(UnaryFn::Abs, b));
        let small = self.binary(BinaryFn::Min, size_a, size_b);
        let large = self.binary(BinaryFn::Max, size_a, size_b);
        let [zero, one] = [0.0, 1.0].map(|c| self.number(c));
        let r = self.div(small, large);
        // Two infinities are as large as each other, and two zeros are on the axis.
        let r = self.select(CompareFn::Eq, small, large, one, r);
        let r = self.select(CompareFn::Eq, large, zero, zero, r);
        let near = self.atan_to_one(r);
        let steep = self.exprs.compare(CompareFn::Gt, size_a, size_b);
        let (bits, none) = (self.bits(b), self.integer(0));
        let is_left = self.exprs.compare(CompareFn::Lt, bits, none);
        let turns_back = self.binary(BinaryFn::Xor, steep, is_left);
        let back = self.exprs.unary(UnaryFn::Neg, near);
        let near = self.exprs.select(turns_back, back, near);
        let [high, low] = self.half_pi().map(|half| {
            let whole = self.add(half, half);
            let beside = self.exprs.select(is_left, whole, zero);
            self.exprs.select(steep, half, beside)
        });
        let y = self.add(near, low);
        let y = self.add(high, y);
        self.with_sign(y, a)
    }
}
