//! Stochastic gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013).

use super::arguments::{ArgumentSignature, Default, OptimizerSignature};
use super::context::{UpdateContext, settled};
use crate::ops::TypeError;

pub(super) static SGD: OptimizerSignature = OptimizerSignature {
    name: "sgd",
    arguments: &[
        ArgumentSignature { name: "lr", default: Default::Number(0.01), doc: "the learning rate" },
        ArgumentSignature {
            name: "momentum",
            default: Default::Number(0.0),
            doc: "how much of the last change is kept",
        },
        ArgumentSignature {
            name: "nesterov",
            default: Default::Bool(false),
            doc: "whether the momentum looks ahead",
        },
        ArgumentSignature {
            name: "weight_decay",
            default: Default::Number(0.0),
            doc: "w loses this share of itself, times lr, before the update",
        },
    ],
    doc: "w ← w - lr g; with momentum m ← momentum m - lr g and w ← w + m, or with Nesterov's \
          w ← w + momentum m - lr g.",
};

/// Adds the updates of a cx.
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
