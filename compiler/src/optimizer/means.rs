//! Running means, and what keeps them normal numbers. A mean whose gradients have ended, as a dead
//! unit's do, decays below the normal numbers and stays there, and arithmetic with such numbers is
//! many times slower.

use crate::ir::{CompareFn, DType, NodeId, UnaryFn};
use crate::ops::{Build, TypeError};

/// `share · mean + rest · x`, where the scalars are `share` and `rest`.
pub(super) fn blend(
    b: &mut Build<'_>,
    mean: NodeId,
    x: NodeId,
    (share, rest): (NodeId, NodeId),
) -> Result<NodeId, TypeError> {
    let dtype = b.dtype(mean);
    let (share, rest) = (b.cast(share, dtype)?, b.cast(rest, dtype)?);
    let kept = b.mul(mean, share)?;
    let new = b.mul(x, rest)?;
    b.add(kept, new)
}

/// A mean of what is added to weights, 0 where it has become so small that it changes none.
pub(super) fn settled(b: &mut Build<'_>, mean: NodeId) -> Result<NodeId, TypeError> {
    // Far from the smallest normal number (1e-38, 1e-308), so that products with rates are normal too;
    // over an eps of 1e-7 a share of half the last bit of weights of 1e-16 (f32).
    let least = if b.dtype(mean) == DType::F64 { 1e-290 } else { 1e-30 };
    zero_below(b, mean, least)
}

/// A mean that counts at any size (of squares, which stand below a root, or one whose sign is
/// read), 0 where a hundredth of it is hardly a normal number.
pub(super) fn normal(b: &mut Build<'_>, mean: NodeId) -> Result<NodeId, TypeError> {
    let least = if b.dtype(mean) == DType::F64 { 1e-305 } else { 1e-35 };
    zero_below(b, mean, least)
}

/// `x`, but 0 where its size is below `least`.
fn zero_below(b: &mut Build<'_>, x: NodeId, least: f64) -> Result<NodeId, TypeError> {
    let size = b.unary(UnaryFn::Abs, x)?;
    let (least, zero) = (b.constant_like(x, least)?, b.zeros_like(x)?);
    let is_gone = b.compare(CompareFn::Lt, size, least)?;
    b.select(is_gone, zero, x)
}
