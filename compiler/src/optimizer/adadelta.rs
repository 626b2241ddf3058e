//! Adadelta (Zeiler 2012, algorithm 1), whose update a learning rate scales.

use super::arguments::{ArgumentSignature, DECAY, LR, OptimizerSignature, number};
use super::context::{Parameter, UpdateContext};
use super::means::{blend, normal};
use crate::ir::{NodeId, UnaryFn};
use crate::ops::{Build, TypeError};

const RHO: ArgumentSignature = number("rho", 0.95, "how much of the means of squares is kept");
const EPS: ArgumentSignature = number("eps", 1e-7, "is added to these means");

pub(super) static ADADELTA: OptimizerSignature = OptimizerSignature {
    name: "adadelta",
    arguments: &[LR, RHO, EPS, DECAY],
    doc: "v ← rho v + (1 - rho) g², d = g √(u + eps) / √(v + eps), u ← rho u + (1 - rho) d², \
          w ← w - lr d.",
};

/// Adds the updates of a group.
pub(super) fn update(cx: &mut UpdateContext<'_>) -> Result<(), TypeError> {
    let lr = cx.number("lr")?;
    let shares = (cx.number("rho")?, cx.one_minus("rho")?);
    let eps = cx.number("eps")?;
    for p in cx.parameters.clone() {
        let w = cx.decayed(&p, lr)?;
        let d = direction(cx, &p, shares, eps)?;
        let new_w = cx.build(&p.name, |b| {
            let dtype = b.dtype(w);
            let lr = b.cast(lr, dtype)?;
            let step = b.mul(d, lr)?;
            b.sub(w, step)
        })?;
        cx.write(&p, new_w);
    }
    Ok(())
}

/// `d`, after which both means are written.
fn direction(
    cx: &mut UpdateContext<'_>,
    p: &Parameter,
    shares: (NodeId, NodeId),
    eps: NodeId,
) -> Result<NodeId, TypeError> {
    let (v, u) = (cx.slot("v", p)?, cx.slot("u", p)?);
    let (d, new_v, new_u) = cx.build(&p.name, |b| {
        let square = b.square(p.gradient)?;
        let new_v = blend(b, v.value, square, shares)?;
        let new_v = normal(b, new_v)?;
        let (above, below) = (root(b, u.value, eps)?, root(b, new_v, eps)?);
        let scaled = b.mul(p.gradient, above)?;
        let d = b.div(scaled, below)?;
        let square = b.square(d)?;
        let new_u = blend(b, u.value, square, shares)?;
        Ok((d, new_v, normal(b, new_u)?))
    })?;
    cx.write_slot(v, new_v);
    cx.write_slot(u, new_u);
    Ok(d)
}

/// `√(x + eps)`.
fn root(b: &mut Build<'_>, x: NodeId, eps: NodeId) -> Result<NodeId, TypeError> {
    let dtype = b.dtype(x);
    let eps = b.cast(eps, dtype)?;
    let above = b.add(x, eps)?;
    b.unary(UnaryFn::Sqrt, above)
}
