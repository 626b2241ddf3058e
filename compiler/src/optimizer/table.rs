//! The optimisers: each with its signature and what it does.

use super::arguments::OptimizerSignature;
use super::context::UpdateContext;
use super::{adadelta, adagrad, adam, lamb, lion, rmsprop, sgd};
use crate::error::codes;
use crate::ir::OptimizerCall;
use crate::ops::TypeError;

/// An optimiser.
pub(super) struct Optimizer {
    pub(super) signature: &'static OptimizerSignature,
    /// Adds the updates of the params of a group and of their slots.
    pub(super) update: fn(&mut UpdateContext<'_>) -> Result<(), TypeError>,
}

/// Every optimiser.
static OPTIMIZERS: [Optimizer; 8] = [
    Optimizer { signature: &sgd::SGD, update: sgd::update },
    Optimizer { signature: &adam::ADAM, update: adam::update },
    Optimizer { signature: &adam::ADAMW, update: adam::update },
    Optimizer { signature: &rmsprop::RMSPROP, update: rmsprop::update },
    Optimizer { signature: &adagrad::ADAGRAD, update: adagrad::update },
    Optimizer { signature: &adadelta::ADADELTA, update: adadelta::update },
    Optimizer { signature: &lamb::LAMB, update: lamb::update },
    Optimizer { signature: &lion::LION, update: lion::update },
];

/// The signatures of the optimisers.
pub fn signatures() -> Vec<&'static OptimizerSignature> {
    OPTIMIZERS.iter().map(|o| o.signature).collect()
}

/// The signature of the optimiser of that name.
pub fn signature(name: &str) -> Option<&'static OptimizerSignature> {
    find(name).map(|o| o.signature)
}

fn find(name: &str) -> Option<&'static Optimizer> {
    OPTIMIZERS.iter().find(|o| o.signature.name == name)
}

/// The optimiser of a call whose arguments all exist and are of their kind. Errors: an unknown
/// optimiser, arguments that it does not have.
pub(super) fn called(call: &OptimizerCall) -> Result<&'static Optimizer, TypeError> {
    let Some(optimizer) = find(&call.name) else {
        let known: Vec<&str> = signatures().iter().map(|s| s.name).collect();
        let message = format!("there is no optimiser `{}`", call.name);
        let error = TypeError::new(codes::OPTIMIZER, message);
        return Err(error.with_help(format!("the optimisers are {}", known.join(", "))));
    };
    optimizer.signature.check(call)?;
    Ok(optimizer)
}
