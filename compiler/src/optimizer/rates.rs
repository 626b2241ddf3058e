//! The learning rates of a training: numbers that the file says, or outputs of the training graph.

use super::arguments::Default;
use super::{SLOTS, table};
use crate::ir::{Graph, Name, NodeId, OptimizerArgument, OptimizerCall, TrainingStep};

/// A learning rate.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRate {
    /// What it is called in reports: `lr`, `STEP.lr`, and of several groups `lr.0`, `lr.1`.
    pub name: Name,
    /// What it is.
    pub rate: Rate,
}

/// What a learning rate is.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// The same number all the time.
    Number(f64),
    /// The output of this name of the training graph, a float scalar.
    Output(Name),
}

/// The learning rates of the optimisers of a graph's steps, in their order.
pub fn learning_rates(graph: &Graph) -> Vec<LearningRate> {
    let of_step = |step: &TrainingStep| -> Vec<LearningRate> {
        let groups = step.groups.iter().enumerate();
        let rate = groups.filter(|(_, g)| !g.variables.is_empty()).filter_map(|(number, group)| {
            let name = name(step, number);
            let rate = match argument(&group.optimizer)? {
                OptimizerArgument::Number(x) => Rate::Number(x),
                OptimizerArgument::Node(_) => Rate::Output(format!("{SLOTS}{name}").into()),
                OptimizerArgument::Bool(_) => return None,
            };
            let reported = name.strip_prefix("minimize.").unwrap_or(&name);
            Some(LearningRate { name: reported.into(), rate })
        });
        rate.collect()
    };
    graph.steps.iter().flat_map(of_step).collect()
}

/// The learning rates of a step that are nodes, by the names of the outputs that they become.
pub(super) fn computed(step: &TrainingStep) -> Vec<(Name, NodeId)> {
    let groups = step.groups.iter().enumerate().filter(|(_, g)| !g.variables.is_empty());
    let rate = groups.filter_map(|(number, group)| match argument(&group.optimizer)? {
        OptimizerArgument::Node(node) => {
            Some((format!("{SLOTS}{}", name(step, number)).into(), node))
        }
        OptimizerArgument::Number(_) | OptimizerArgument::Bool(_) => None,
    });
    rate.collect()
}

/// `STEP.lr`, or of several groups `STEP.lr.0`.
fn name(step: &TrainingStep, number: usize) -> String {
    let group = if step.groups.len() > 1 { format!(".{number}") } else { String::new() };
    format!("{}.lr{group}", step.name)
}

/// The learning rate of a call, or its default; `None` of an optimiser that is not known.
fn argument(call: &OptimizerCall) -> Option<OptimizerArgument> {
    if let Some((_, value)) = call.arguments.iter().find(|(name, _)| **name == *"lr") {
        return Some(value.clone());
    }
    let signature = table::signature(&call.name)?;
    match signature.all_arguments().find(|argument| argument.name == "lr")?.default {
        Default::Number(x) | Default::Fixed(x) => Some(OptimizerArgument::Number(x)),
        Default::Bool(_) | Default::Off => None,
    }
}
