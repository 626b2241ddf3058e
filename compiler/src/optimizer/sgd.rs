//! Stochastic gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013).

use super::arguments::{DECAY, OptimizerSignature, number, switch};
use super::context::UpdateContext;
use super::means::settled;
use crate::ops::TypeError;

pub(super) static SGD: OptimizerSignature = OptimizerSignature {
    name: "sgd",
    arguments: &[
        number("lr", 0.01, "the learning rate"),
        number("momentum", 0.0, "how much of the last change is kept"),
        switch("nesterov", "whether the momentum looks ahead"),
        DECAY,
    ],
    doc: "w ← w - lr g; with momentum m ← momentum m - lr g and w ← w + m, or with Nesterov's \
          w ← w + momentum m - lr g.",
};

/// Adds the updates of a group.
pub(super) fn update(cx: &mut UpdateContext<'_>) -> Result<(), TypeError> {
    let lr = cx.number("lr")?;
    let momentum = cx.unless_zero("momentum")?;
    let nesterov = cx.switch("nesterov");
    for p in cx.parameters.clone() {
        let w = cx.decayed(&p, lr)?;
        let slot = momentum.map(|_| cx.slot("m", &p)).transpose()?;
        let (new_w, new_m) = cx.build(&p.name, |b| {
            let dtype = b.dtype(w);
            let lr = b.cast(lr, dtype)?;
            let change = b.mul(p.gradient, lr)?;
            Ok(match (&slot, momentum) {
                (Some(slot), Some(momentum)) => {
                    let momentum = b.cast(momentum, dtype)?;
                    let kept = b.mul(slot.value, momentum)?;
                    let m = b.sub(kept, change)?;
                    let m = settled(b, m)?;
                    let ahead = if nesterov {
                        let kept = b.mul(m, momentum)?;
                        b.sub(kept, change)?
                    } else {
                        m
                    };
                    (b.add(w, ahead)?, Some(m))
                }
                (None, _) | (_, None) => (b.sub(w, change)?, None),
            })
        })?;
        cx.write(&p, new_w);
        if let (Some(slot), Some(m)) = (slot, new_m) {
            cx.write_slot(slot, m);
        }
    }
    Ok(())
}
