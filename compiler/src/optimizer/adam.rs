//! Adam (Kingma and Ba 2015, algorithm 1 with the rearrangement at the end of section 2), AMSGrad
//! (Reddi et al. 2018), AdamW (Loshchilov and Hutter 2019).

use super::arguments::{ArgumentSignature, DECAY, LR, OptimizerSignature, decay, switch};
use super::context::{Parameter, UpdateContext};
use super::moments::{BETA1, BETA2, EPS, Rests, corrections, moments, rests};
use crate::ir::{BinaryFn, NodeId, UnaryFn};
use crate::ops::TypeError;

const AMSGRAD: ArgumentSignature =
    switch("amsgrad", "whether the largest of these means so far is used");

pub(super) static ADAM: OptimizerSignature = OptimizerSignature {
    name: "adam",
    arguments: &[LR, BETA1, BETA2, EPS, AMSGRAD, DECAY],
    doc: "m ← m + (g - m) (1 - beta1), v ← v + (g² - v) (1 - beta2), \
          w ← w - lr √(1 - beta2^t) / (1 - beta1^t) m / (√v + eps) at the t-th update.",
};
pub(super) static ADAMW: OptimizerSignature = OptimizerSignature {
    name: "adamw",
    arguments: &[LR, BETA1, BETA2, EPS, AMSGRAD, decay(0.004)],
    doc: "adam with weight decay.",
};

/// Adds the updates of a group.
pub(super) fn update(cx: &mut UpdateContext<'_>) -> Result<(), TypeError> {
    let lr = cx.number("lr")?;
    let rate = corrected_rate(cx, lr)?;
    let scalars = Scalars { rate, rests: rests(cx)?, eps: cx.number("eps")? };
    let amsgrad = cx.switch("amsgrad");
    for p in cx.parameters.clone() {
        let w = cx.decayed(&p, lr)?;
        update_parameter(cx, &p, w, &scalars, amsgrad)?;
    }
    Ok(())
}

/// The group's scalars.
struct Scalars {
    /// The corrected learning rate.
    rate: NodeId,
    rests: Rests,
    eps: NodeId,
}

/// `lr √(1 - beta2^t) / (1 - beta1^t)`.
fn corrected_rate(cx: &mut UpdateContext<'_>, lr: NodeId) -> Result<NodeId, TypeError> {
    let [of_m, of_v] = corrections(cx)?;
    cx.build("lr", |b| {
        let root = b.unary(UnaryFn::Sqrt, of_v)?;
        let correction = b.div(root, of_m)?;
        let dtype = b.dtype(lr);
        let correction = b.cast(correction, dtype)?;
        b.mul(lr, correction)
    })
}

fn update_parameter(
    cx: &mut UpdateContext<'_>,
    p: &Parameter,
    w: NodeId,
    scalars: &Scalars,
    amsgrad: bool,
) -> Result<(), TypeError> {
    let (m, mut v) = moments(cx, p, scalars.rests)?;
    if amsgrad {
        let largest = cx.slot("v_max", p)?;
        v = cx.build(&p.name, |b| b.binary(BinaryFn::Max, largest.value, v))?;
        cx.write_slot(largest, v);
    }
    let new_w = cx.build(&p.name, |b| {
        let dtype = b.dtype(w);
        let (rate, eps) = (b.cast(scalars.rate, dtype)?, b.cast(scalars.eps, dtype)?);
        let root = b.unary(UnaryFn::Sqrt, v)?;
        let denominator = b.add(root, eps)?;
        let step = b.mul(m, rate)?;
        let step = b.div(step, denominator)?;
        b.sub(w, step)
    })?;
    cx.write(p, new_w);
    Ok(())
}
