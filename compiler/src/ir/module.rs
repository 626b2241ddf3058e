//! A module: the variables of a program and its graphs, one per mode.

use std::num::NonZeroU64;

use indexmap::IndexMap;

use super::{Graph, Name, NodeId, Provenance, TensorType};

/// What a variable is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VariableKind {
    /// Trained by an optimiser.
    Param,
    /// Written by `update` alone.
    State,
    /// An optimiser's memory (`optimizer.minimize.m.h.w`).
    Slot,
}

/// A tensor that lives between steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// What it is for.
    pub kind: VariableKind,
    /// Its type. Symbols are bound at the first use and then fixed.
    pub tensor_type: TensorType,
    /// A closed graph with one output, the initial value. It may read the seed.
    pub initial: Graph,
    /// Where it was declared.
    pub provenance: Provenance,
}

/// A whole program: what a `.graph` file or the builder makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// The name of the graph, if it has one.
    pub name: Option<Name>,
    /// The variables by name, in the order of their declaration.
    pub variables: IndexMap<Name, Variable>,
    /// The program with `training` true.
    pub train: Graph,
    /// The program with `training` false.
    pub infer: Graph,
    /// The names of the source whose value is a node of `infer` that is called otherwise: they can
    /// be fetched as any name can.
    pub names: IndexMap<Name, NodeId>,
    /// The names of values that a training batch has as results beside its metrics: to be looked at.
    pub watched: Vec<Name>,
}

/// `step NAME: minimize LOSS over ... with ... every N`.
#[derive(Clone, Debug)]
pub struct TrainingStep {
    /// The step's name; `minimize` where the file gives none.
    pub name: Name,
    /// The minimised scalar.
    pub loss: NodeId,
    /// The variables with their optimisers; a variable belongs to one group.
    pub groups: Vec<ParameterGroup>,
    /// The step runs on batches whose number (`step`) is a multiple of this; at least 1.
    pub every: u64,
    /// The batches whose gradients' mean makes an update; at least 1. What a training asks for: the
    /// language has no word for it.
    pub accumulate: u64,
    /// Where it was written.
    pub provenance: Provenance,
}

/// Variables that share an optimiser.
#[derive(Clone, Debug)]
pub struct ParameterGroup {
    /// The names of the variables.
    pub variables: Vec<Name>,
    /// The optimiser.
    pub optimizer: OptimizerCall,
}

impl Module {
    /// Lets each step update its variables with the mean of the gradients of so many of the batches
    /// that it runs on. In between the variables stay, and the sums of the gradients are slots; what
    /// an epoch's end leaves of them waits for the next epoch's batches. The clock, and schedules with
    /// it, go on counting batches, updates of states are made with each.
    pub fn accumulate(&mut self, batches: NonZeroU64) {
        self.train.steps.iter_mut().for_each(|step| step.accumulate = batches.get());
    }

    /// Takes variables from what the steps train; returns those that one trained, by name.
    pub fn freeze(&mut self, is_frozen: impl Fn(&str) -> bool) -> Vec<Name> {
        let mut frozen = vec![];
        for group in self.train.steps.iter_mut().flat_map(|step| &mut step.groups) {
            group.variables.retain(|name| {
                let stays = is_frozen(name);
                frozen.extend(stays.then(|| name.clone()));
                !stays
            });
        }
        frozen.sort();
        frozen.dedup();
        frozen
    }
}

/// `adam(lr=1e-3)`.
#[derive(Clone, Debug)]
pub struct OptimizerCall {
    /// The name of the optimiser.
    pub name: Name,
    /// The arguments that were written, by name.
    pub arguments: Vec<(Name, OptimizerArgument)>,
}

/// An argument of an optimiser.
#[derive(Clone, Debug, PartialEq)]
pub enum OptimizerArgument {
    /// A scalar float of the graph (a schedule).
    Node(NodeId),
    /// A number known at compile time.
    Number(f64),
    /// A switch.
    Bool(bool),
}

impl TrainingStep {
    /// The nodes that the step reads: its loss and its optimisers' arguments.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        let arguments = self.groups.iter().flat_map(|g| &g.optimizer.arguments);
        let nodes = arguments.filter_map(|(_, a)| match a {
            OptimizerArgument::Node(n) => Some(*n),
            OptimizerArgument::Number(_) | OptimizerArgument::Bool(_) => None,
        });
        std::iter::once(self.loss).chain(nodes)
    }

    pub(crate) fn map_nodes(&mut self, f: &mut impl FnMut(NodeId) -> NodeId) {
        self.loss = f(self.loss);
        for (_, argument) in self.groups.iter_mut().flat_map(|g| &mut g.optimizer.arguments) {
            if let OptimizerArgument::Node(n) = argument {
                *n = f(*n);
            }
        }
    }
}
