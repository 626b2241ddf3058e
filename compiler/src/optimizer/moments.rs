//! The running means of gradients and of their squares that adam and lamb keep, and what corrects
//! them for having begun at 0 (Kingma and Ba 2015, algorithm 1).

use super::arguments::{ArgumentSignature, number};
use super::context::{Parameter, UpdateContext};
use super::means::settled;
use crate::ir::{DType, NodeId, Scalar};
use crate::ops::TypeError;

pub(super) const BETA1: ArgumentSignature =
    number("beta1", 0.9, "how much of the mean of gradients is kept");
pub(super) const BETA2: ArgumentSignature =
    number("beta2", 0.999, "how much of the mean of squared gradients is kept");
pub(super) const EPS: ArgumentSignature = number("eps", 1e-7, "is added to the root of that mean");

/// `1 - beta1^t` and `1 - beta2^t` at the t-th update, f64 scalars. The powers are slots of their
/// own: they count the updates that m and v have seen, also where the step does not run on every
/// batch, where training goes on with params but without slots, and where the betas change. They
/// are f64, also where the params are not: 1 - 0.999 as f32 has five digits.
pub(super) fn corrections(cx: &mut UpdateContext<'_>) -> Result<[NodeId; 2], TypeError> {
    let mut correction = |slot: &str, beta: &str| {
        let slot = cx.scalar_slot(slot, Scalar::F64(1.0))?;
        let beta = cx.number_as(beta, DType::F64)?;
        let power = cx.build("lr", |b| b.mul(slot.value, beta))?;
        cx.write_slot(slot, power);
        cx.build("lr", |b| {
            let one = b.scalar_like(power, 1.0)?;
            b.sub(one, power)
        })
    };
    Ok([correction("beta1_power", "beta1")?, correction("beta2_power", "beta2")?])
}

/// The group's `1 - beta1` and `1 - beta2`.
#[derive(Clone, Copy)]
pub(super) struct Rests(NodeId, NodeId);

/// The shares of a new gradient in the means.
pub(super) fn rests(cx: &mut UpdateContext<'_>) -> Result<Rests, TypeError> {
    Ok(Rests(cx.one_minus("beta1")?, cx.one_minus("beta2")?))
}

/// The new means of the gradients of a param and of their squares, which its slots `m` and `v`
/// become: `m + (g - m) (1 - beta1)`, `v + (g² - v) (1 - beta2)`.
pub(super) fn moments(
    cx: &mut UpdateContext<'_>,
    p: &Parameter,
    rests: Rests,
) -> Result<(NodeId, NodeId), TypeError> {
    let (m, v) = (cx.slot("m", p)?, cx.slot("v", p)?);
    let g = p.gradient;
    let (new_m, new_v) = cx.build(&p.name, |b| {
        let dtype = b.dtype(g);
        let (rest1, rest2) = (b.cast(rests.0, dtype)?, b.cast(rests.1, dtype)?);
        let change = b.sub(g, m.value)?;
        let change = b.mul(change, rest1)?;
        let new_m = b.add(m.value, change)?;
        let new_m = settled(b, new_m)?;
        let square = b.square(g)?;
        let change = b.sub(square, v.value)?;
        let change = b.mul(change, rest2)?;
        Ok((new_m, b.add(v.value, change)?))
    })?;
    cx.write_slot(m, new_m);
    cx.write_slot(v, new_v);
    Ok((new_m, new_v))
}
