//! Adam (Kingma and Ba 2015, algorithm 1 with the rearrangement at the end of section 2), AMSGrad
//! (Reddi et al. 2018), AdamW (Loshchilov and Hutter 2019).

use super::arguments::{ArgumentSignature, Default, OptimizerSignature};
use super::context::{Parameter, UpdateContext, settled};
use crate::ir::{BinaryFn, DType, NodeId, Scalar, UnaryFn};
use crate::ops::TypeError;

const fn number(name: &'static str, default: f64, doc: &'static str) -> ArgumentSignature {
    ArgumentSignature { name, default: Default::Number(default), doc }
}

const LR: ArgumentSignature = number("lr", 1e-3, "the learning rate");
const BETA1: ArgumentSignature = number("beta1", 0.9, "how much of the mean of gradients is kept");
const BETA2: ArgumentSignature =
    number("beta2", 0.999, "how much of the mean of squared gradients is kept");
const EPS: ArgumentSignature = number("eps", 1e-7, "is added to the root of that mean");
const AMSGRAD: ArgumentSignature = ArgumentSignature {
    name: "amsgrad",
    default: Default::Bool(false),
    doc: "whether the largest of these means so far is used",
};
const DECAY: &str = "w loses this share of itself, times lr, before the update";

pub(super) static ADAM: OptimizerSignature = OptimizerSignature {
    name: "adam",
    arguments: &[LR, BETA1, BETA2, EPS, AMSGRAD, number("weight_decay", 0.0, DECAY)],
    doc: "m ← m + (g - m) (1 - beta1), v ← v + (g² - v) (1 - beta2), \
          w ← w - lr √(1 - beta2^t) / (1 - beta1^t) m / (√v + eps) at the t-th update.",
};
pub(super) static ADAMW: OptimizerSignature = OptimizerSignature {
    name: "adamw",
    arguments: &[LR, BETA1, BETA2, EPS, AMSGRAD, number("weight_decay", 0.004, DECAY)],
    doc: "adam with weight decay.",
};

/// Adds the updates of a cx.
pub(super) fn update(cx: &mut UpdateContext<'_>) -> Result<(), TypeError> {
    let lr = cx.number("lr")?;
    let rate = corrected_rate(cx, lr)?;
    let scalars = Scalars {
        rate,
        rest1: cx.one_minus("beta1")?,
        rest2: cx.one_minus("beta2")?,
        eps: cx.number("eps")?,
    };
    let amsgrad = cx.switch("amsgrad");
    for p in cx.parameters.clone() {
        let w = cx.decayed(&p, lr)?;
        update_parameter(cx, &p, w, &scalars, amsgrad)?;
    }
    Ok(())
}

/// The group's scalars: the corrected learning rate, `1 - beta1`, `1 - beta2` and `eps`.
struct Scalars {
    rate: NodeId,
    rest1: NodeId,
    rest2: NodeId,
    eps: NodeId,
}

/// `lr √(1 - beta2^t) / (1 - beta1^t)`. The powers are slots of their own: they count the updates
/// that m and v have seen, also where the step does not run on every batch, where training goes
/// on with params but without slots, and where the betas change. They are f64, also where the
/// params are not: 1 - 0.999 as f32 has five digits.
fn corrected_rate(cx: &mut UpdateContext<'_>, lr: NodeId) -> Result<NodeId, TypeError> {
    let mut corrections = vec![];
    for (slot, beta) in [("beta1_power", "beta1"), ("beta2_power", "beta2")] {
        let slot = cx.scalar_slot(slot, Scalar::F64(1.0))?;
        let beta = cx.number_as(beta, DType::F64)?;
        let power = cx.build("lr", |b| b.mul(slot.value, beta))?;
        cx.write_slot(slot, power);
        corrections.push(cx.build("lr", |b| {
            let one = b.scalar_like(power, 1.0)?;
            b.sub(one, power)
        })?);
    }
    cx.build("lr", |b| {
        let root = b.unary(UnaryFn::Sqrt, corrections[1])?;
        let correction = b.div(root, corrections[0])?;
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
    let (m, v) = (cx.slot("m", p)?, cx.slot("v", p)?);
    let largest = if amsgrad { Some(cx.slot("v_max", p)?) } else { None };
    let g = p.gradient;
    let (new_m, new_v) = cx.build(&p.name, |b| {
        let dtype = b.dtype(w);
        let (rest1, rest2) = (b.cast(scalars.rest1, dtype)?, b.cast(scalars.rest2, dtype)?);
        let change = b.sub(g, m.value)?;
        let change = b.mul(change, rest1)?;
        let new_m = b.add(m.value, change)?;
        let new_m = settled(b, new_m)?;
        let square = b.square(g)?;
        let change = b.sub(square, v.value)?;
        let change = b.mul(change, rest2)?;
        Ok((new_m, b.add(v.value, change)?))
    })?;
    let mut mean_square = new_v;
    if let Some(largest) = largest {
        mean_square = cx.build(&p.name, |b| b.binary(BinaryFn::Max, largest.value, new_v))?;
        cx.write_slot(largest, mean_square);
    }
    let new_w = cx.build(&p.name, |b| {
        let dtype = b.dtype(w);
        let (rate, eps) = (b.cast(scalars.rate, dtype)?, b.cast(scalars.eps, dtype)?);
        let root = b.unary(UnaryFn::Sqrt, mean_square)?;
        let denominator = b.add(root, eps)?;
        let step = b.mul(new_m, rate)?;
        let step = b.div(step, denominator)?;
        b.sub(w, step)
    })?;
    cx.write_slot(m, new_m);
    cx.write_slot(v, new_v);
    cx.write(p, new_w);
    Ok(())
}
