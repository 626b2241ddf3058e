//! Adagrad (Duchi, Hazan and Singer 2011, with diagonal matrices).

use super::arguments::{ArgumentSignature, DECAY, Default, LR, OptimizerSignature, number};
use super::context::UpdateContext;
use crate::ir::UnaryFn;
use crate::ops::TypeError;

const INITIAL: ArgumentSignature = ArgumentSignature {
    name: "initial",
    default: Default::Fixed(0.1),
    doc: "what each sum of squares begins with",
};
const EPS: ArgumentSignature = number("eps", 1e-7, "is added to that sum");

pub(super) static ADAGRAD: OptimizerSignature = OptimizerSignature {
    name: "adagrad",
    arguments: &[LR, INITIAL, EPS, DECAY],
    doc: "v ← v + g², from `initial` on, w ← w - lr g / √(v + eps).",
};

/// Adds the updates of a group.
pub(super) fn update(cx: &mut UpdateContext<'_>) -> Result<(), TypeError> {
    let (lr, eps) = (cx.number("lr")?, cx.number("eps")?);
    let initial = cx.fixed("initial")?;
    for p in cx.parameters.clone() {
        let w = cx.decayed(&p, lr)?;
        let slot = cx.slot_from("v", &p, initial)?;
        let (new_w, v) = cx.build(&p.name, |b| {
            let dtype = b.dtype(w);
            let (lr, eps) = (b.cast(lr, dtype)?, b.cast(eps, dtype)?);
            let square = b.square(p.gradient)?;
            let v = b.add(slot.value, square)?;
            let above = b.add(v, eps)?;
            let root = b.unary(UnaryFn::Sqrt, above)?;
            let step = b.mul(p.gradient, lr)?;
            let step = b.div(step, root)?;
            Ok((b.sub(w, step)?, v))
        })?;
        cx.write_slot(slot, v);
        cx.write(&p, new_w);
    }
    Ok(())
}
