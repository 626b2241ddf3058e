//! The optimisers' names, arguments and defaults, which follow Keras.

use crate::error::codes;
use crate::ir::{OptimizerArgument, OptimizerCall};
use crate::ops::TypeError;

/// The name and the arguments of an optimiser.
#[derive(Debug, PartialEq)]
pub struct OptimizerSignature {
    /// The name in the language.
    pub name: &'static str,
    /// Its own arguments, in order; those of all optimisers come after them.
    pub arguments: &'static [ArgumentSignature],
    /// What it computes.
    pub doc: &'static str,
}

/// An argument of an optimiser.
#[derive(Debug, PartialEq)]
pub struct ArgumentSignature {
    /// The name.
    pub name: &'static str,
    /// What it is where it is left out.
    pub default: Default,
    /// What it means.
    pub doc: &'static str,
}

/// The default of an argument, which also says what kind of argument it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// A number, or a float scalar of the graph.
    Number(f64),
    /// A number that is known before training: what slots begin with.
    Fixed(f64),
    /// A switch.
    Bool(bool),
    /// A number that is off unless it is given.
    Off,
}

/// An argument that is a number.
pub(super) const fn number(
    name: &'static str,
    default: f64,
    doc: &'static str,
) -> ArgumentSignature {
    ArgumentSignature { name, default: Default::Number(default), doc }
}

/// A switch that is off.
pub(super) const fn switch(name: &'static str, doc: &'static str) -> ArgumentSignature {
    ArgumentSignature { name, default: Default::Bool(false), doc }
}

/// The share of a param that it loses before each update, times the learning rate.
pub(super) const fn decay(default: f64) -> ArgumentSignature {
    number("weight_decay", default, "w loses this share of itself, times lr, before the update")
}

/// The learning rate of all optimisers but sgd.
pub(super) const LR: ArgumentSignature = number("lr", 1e-3, "the learning rate");
/// No decay.
pub(super) const DECAY: ArgumentSignature = decay(0.0);

/// The arguments of every optimiser.
const COMMON: &[ArgumentSignature] = &[
    ArgumentSignature {
        name: "clip_norm",
        default: Default::Off,
        doc: "gradients are scaled so that their norm over the whole group is at most this",
    },
    ArgumentSignature {
        name: "clip_value",
        default: Default::Off,
        doc: "elements of gradients are clipped to this size",
    },
    ArgumentSignature {
        name: "ema",
        default: Default::Off,
        doc: "how much of a running mean of the params, kept as slots `ema`, stays at an update; \
              the first update makes the mean the params",
    },
];

impl OptimizerSignature {
    /// Its own arguments and those of all optimisers.
    pub fn all_arguments(&self) -> impl Iterator<Item = &'static ArgumentSignature> {
        self.arguments.iter().chain(COMMON)
    }

    /// Errors: an unknown argument, a switch for a number or the reverse, both ways of clipping.
    pub(super) fn check(&self, call: &OptimizerCall) -> Result<(), TypeError> {
        let fail = |message: String| TypeError::new(codes::OPTIMIZER, message);
        for (i, (name, value)) in call.arguments.iter().enumerate() {
            let Some(argument) = self.all_arguments().find(|a| *a.name == **name) else {
                let known: Vec<&str> = self.all_arguments().map(|a| a.name).collect();
                let error = fail(format!("`{}` has no argument `{name}`", call.name));
                return Err(error.with_help(format!("its arguments are {}", known.join(", "))));
            };
            let is_switch = matches!(value, OptimizerArgument::Bool(_));
            let wants_switch = matches!(argument.default, Default::Bool(_));
            if is_switch != wants_switch {
                let wanted = if wants_switch { "true or false" } else { "a number" };
                return Err(fail(format!("`{}`: `{name}` must be {wanted}", call.name)));
            }
            let is_fixed = matches!(argument.default, Default::Fixed(_));
            if is_fixed && matches!(value, OptimizerArgument::Node(_)) {
                let message = format!("`{}`: `{name}` must be known before training", call.name);
                return Err(fail(message).with_help("write a number"));
            }
            if call.arguments[..i].iter().any(|(other, _)| other == name) {
                return Err(fail(format!("`{}`: `{name}` is given twice", call.name)));
            }
        }
        let given = |name: &str| call.arguments.iter().any(|(n, _)| **n == *name);
        if given("clip_norm") && given("clip_value") {
            let message = format!("`{}`: give `clip_norm` or `clip_value`, not both", call.name);
            return Err(fail(message));
        }
        Ok(())
    }
}
