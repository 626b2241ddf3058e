//! RMSProp (Hinton 2012, lecture 6e), also centred (Graves 2013, section 4.2, whose mean of squares
//! about the mean is kept as such here).

use super::arguments::{ArgumentSignature, DECAY, LR, OptimizerSignature, number, switch};
use super::context::{Parameter, UpdateContext};
use super::means::{blend, normal, settled};
use crate::ir::{NodeId, UnaryFn};
use crate::ops::TypeError;

const RHO: ArgumentSignature = number("rho", 0.9, "how much of the mean of squares is kept");
const MOMENTUM: ArgumentSignature = number("momentum", 0.0, "how much of the last change is kept");
const EPS: ArgumentSignature = number("eps", 1e-7, "is added to that mean");
const CENTERED: ArgumentSignature =
    switch("centered", "whether the squares are those of g less its running mean");

pub(super) static RMSPROP: OptimizerSignature = OptimizerSignature {
    name: "rmsprop",
    arguments: &[LR, RHO, MOMENTUM, EPS, CENTERED, DECAY],
    doc: "v ← rho v + (1 - rho) g², w ← w - lr g / √(v + eps); centred, v ← rho (v + (1 - rho) \
          (g - a)²) with a ← a + (g - a) (1 - rho); with momentum m ← momentum m + \
          lr g / √(v + eps) and w ← w - m.",
};

/// Adds the updates of a group.
pub(super) fn update(cx: &mut UpdateContext<'_>) -> Result<(), TypeError> {
    let scalars = Scalars {
        lr: cx.number("lr")?,
        rho: cx.number("rho")?,
        rest: cx.one_minus("rho")?,
        eps: cx.number("eps")?,
        momentum: cx.unless_zero("momentum")?,
    };
    let centered = cx.switch("centered");
    for p in cx.parameters.clone() {
        let w = cx.decayed(&p, scalars.lr)?;
        let v = if centered { variance(cx, &p, &scalars)? } else { mean_square(cx, &p, &scalars)? };
        let change = cx.build(&p.name, |b| {
            let dtype = b.dtype(w);
            let (lr, eps) = (b.cast(scalars.lr, dtype)?, b.cast(scalars.eps, dtype)?);
            let step = b.mul(p.gradient, lr)?;
            let above = b.add(v, eps)?;
            let root = b.unary(UnaryFn::Sqrt, above)?;
            b.div(step, root)
        })?;
        let change = with_momentum(cx, &p, change, scalars.momentum)?;
        let new_w = cx.build(&p.name, |b| b.sub(w, change))?;
        cx.write(&p, new_w);
    }
    Ok(())
}

/// The group's scalars.
struct Scalars {
    lr: NodeId,
    rho: NodeId,
    /// `1 - rho`.
    rest: NodeId,
    eps: NodeId,
    momentum: Option<NodeId>,
}

/// `m ← momentum m + change`, or the change where there is no momentum.
fn with_momentum(
    cx: &mut UpdateContext<'_>,
    p: &Parameter,
    change: NodeId,
    momentum: Option<NodeId>,
) -> Result<NodeId, TypeError> {
    let Some(momentum) = momentum else { return Ok(change) };
    let slot = cx.slot("m", p)?;
    let m = cx.build(&p.name, |b| {
        let dtype = b.dtype(change);
        let momentum = b.cast(momentum, dtype)?;
        let kept = b.mul(slot.value, momentum)?;
        let m = b.add(kept, change)?;
        settled(b, m)
    })?;
    cx.write_slot(slot, m);
    Ok(m)
}

/// `v ← rho v + (1 - rho) g²`.
fn mean_square(
    cx: &mut UpdateContext<'_>,
    p: &Parameter,
    scalars: &Scalars,
) -> Result<NodeId, TypeError> {
    let slot = cx.slot("v", p)?;
    let v = cx.build(&p.name, |b| {
        let square = b.square(p.gradient)?;
        let v = blend(b, slot.value, square, (scalars.rho, scalars.rest))?;
        normal(b, v)
    })?;
    cx.write_slot(slot, v);
    Ok(v)
}

/// The running mean of squares about the running mean: what the mean of squares is above the square
/// of the mean, `v - a²` of Keras, but without the difference, which rounding would make negative.
/// With `a' = a + (1 - rho)(g - a)` and `q' = rho q + (1 - rho) g²`:
/// `q' - a'² = rho (q - a²) + rho (1 - rho) (g - a)²`.
fn variance(
    cx: &mut UpdateContext<'_>,
    p: &Parameter,
    scalars: &Scalars,
) -> Result<NodeId, TypeError> {
    let (v, a) = (cx.slot("v", p)?, cx.slot("a", p)?);
    let (new_v, new_a) = cx.build(&p.name, |b| {
        let dtype = b.dtype(p.gradient);
        let (rho, rest) = (b.cast(scalars.rho, dtype)?, b.cast(scalars.rest, dtype)?);
        let off = b.sub(p.gradient, a.value)?;
        let change = b.mul(off, rest)?;
        let new_a = b.add(a.value, change)?;
        let square = b.mul(off, change)?;
        let sum = b.add(v.value, square)?;
        let new_v = b.mul(sum, rho)?;
        Ok((normal(b, new_v)?, settled(b, new_a)?))
    })?;
    cx.write_slot(v, new_v);
    cx.write_slot(a, new_a);
    Ok(new_v)
}
