//! LAMB (You et al. 2020, algorithm 2): adam's step, as long for each param as the param itself
//! times the learning rate.

use super::arguments::{DECAY, LR, OptimizerSignature};
use super::context::{UpdateContext, norm};
use super::moments::{BETA1, BETA2, EPS, corrections, moments, rests};
use crate::ir::{CompareFn, NodeId, UnaryFn};
use crate::ops::{Build, TypeError};

pub(super) static LAMB: OptimizerSignature = OptimizerSignature {
    name: "lamb",
    arguments: &[LR, BETA1, BETA2, EPS, DECAY],
    doc: "m and v as adam's, u = m / (1 - beta1^t) / (√(v / (1 - beta2^t)) + eps), \
          w ← w - lr ‖w‖ / ‖u‖ u for each param, the ratio 1 where a norm is 0.",
};

/// Adds the updates of a group.
pub(super) fn update(cx: &mut UpdateContext<'_>) -> Result<(), TypeError> {
    let lr = cx.number("lr")?;
    let [of_m, of_v] = corrections(cx)?;
    let (rests, eps) = (rests(cx)?, cx.number("eps")?);
    for p in cx.parameters.clone() {
        let w = cx.decayed(&p, lr)?;
        let (m, v) = moments(cx, &p, rests)?;
        let new_w = cx.build(&p.name, |b| {
            let dtype = b.dtype(w);
            let (of_m, of_v) = (b.cast(of_m, dtype)?, b.cast(of_v, dtype)?);
            let (lr, eps) = (b.cast(lr, dtype)?, b.cast(eps, dtype)?);
            let m = b.div(m, of_m)?;
            let v = b.div(v, of_v)?;
            let root = b.unary(UnaryFn::Sqrt, v)?;
            let below = b.add(root, eps)?;
            let u = b.div(m, below)?;
            let ratio = trust(b, w, u)?;
            let rate = b.mul(ratio, lr)?;
            let step = b.mul(u, rate)?;
            b.sub(w, step)
        })?;
        cx.write(&p, new_w);
    }
    Ok(())
}

/// `‖w‖ / ‖u‖`; 1 where either is 0, or is no number.
fn trust(b: &mut Build<'_>, w: NodeId, u: NodeId) -> Result<NodeId, TypeError> {
    let (of_w, of_u) = (norm(b, w)?, norm(b, u)?);
    let (zero, one) = (b.scalar_like(of_w, 0.0)?, b.scalar_like(of_w, 1.0)?);
    let ratio = b.div(of_w, of_u)?;
    let moves = b.compare(CompareFn::Gt, of_u, zero)?;
    let ratio = b.select(moves, ratio, one)?;
    let is_there = b.compare(CompareFn::Gt, of_w, zero)?;
    b.select(is_there, ratio, one)
}
