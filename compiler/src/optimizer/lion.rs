//! Lion (Chen et al. 2023, algorithm 2).

use super::arguments::{ArgumentSignature, DECAY, LR, OptimizerSignature, number};
use super::context::UpdateContext;
use super::means::{blend, normal};
use crate::ir::UnaryFn;
use crate::ops::TypeError;

const BETA1: ArgumentSignature = number("beta1", 0.9, "the share of m in the direction");
const BETA2: ArgumentSignature = number("beta2", 0.99, "how much of the mean of gradients is kept");

pub(super) static LION: OptimizerSignature = OptimizerSignature {
    name: "lion",
    arguments: &[LR, BETA1, BETA2, DECAY],
    doc: "w ← w - lr sign(beta1 m + (1 - beta1) g), m ← beta2 m + (1 - beta2) g.",
};

/// Adds the updates of a group.
pub(super) fn update(cx: &mut UpdateContext<'_>) -> Result<(), TypeError> {
    let lr = cx.number("lr")?;
    let of_step = (cx.number("beta1")?, cx.one_minus("beta1")?);
    let of_mean = (cx.number("beta2")?, cx.one_minus("beta2")?);
    for p in cx.parameters.clone() {
        let w = cx.decayed(&p, lr)?;
        let slot = cx.slot("m", &p)?;
        let (new_w, m) = cx.build(&p.name, |b| {
            let dtype = b.dtype(w);
            let lr = b.cast(lr, dtype)?;
            let direction = blend(b, slot.value, p.gradient, of_step)?;
            let sign = b.unary(UnaryFn::Sign, direction)?;
            let step = b.mul(sign, lr)?;
            let m = blend(b, slot.value, p.gradient, of_mean)?;
            Ok((b.sub(w, step)?, normal(b, m)?))
        })?;
        cx.write_slot(slot, m);
        cx.write(&p, new_w);
    }
    Ok(())
}
