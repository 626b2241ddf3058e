//! Training: the steps of a graph become updates of variables. Cotangents, optimiser updates and
//! their slots are nodes like all others, so they fuse and are planned like all others.
//!
//! The steps of a batch are one graph. They run in order: what a later step reads is built again
//! over the values that the earlier ones have given to their params. Metrics and the file's own
//! updates read everything as it was before the batch; `pending(v)` in the update of `v` is what
//! a step or an earlier update has written to it.

mod accumulate;
mod adadelta;
mod adagrad;
mod adam;
mod arguments;
mod context;
mod lamb;
mod lion;
mod means;
mod moments;
mod rates;
mod rmsprop;
mod sgd;
mod table;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

pub use arguments::{ArgumentSignature, Default, OptimizerSignature};
pub use rates::{LearningRate, Rate, learning_rates};
pub use table::{signature, signatures};

use self::context::{Parameter, UpdateContext};
use crate::autodiff::differentiate;
use crate::error::CompileError;
use crate::ir::{
    BinaryFn, CompareFn, Graph, Metric, MetricKind, Module, Name, NodeId, Origin, Scalar,
    TrainingStep, Update, Variable,
};
use crate::ops::{Build, Control, Leaf, Op, TypeError};

/// What the name of every slot begins with, and that of no other variable.
pub const SLOTS: &str = "optimizer.";

/// The training graph of a module, whose steps have become updates and whose losses are metrics,
/// and the slots (variables of the optimisers) that it uses. A loss is reported as `loss`; of
/// several, each as `STEP.loss` and their sum as `loss`. The outputs are the learning rates that
/// are computed ([`learning_rates`]), in place of the file's. Errors: a loss that is no float
/// scalar or has no gradient, an unknown optimiser or argument.
pub fn add_training(module: &Module) -> Result<(Graph, IndexMap<Name, Variable>), CompileError> {
    let mut training = Training {
        graph: module.train.clone(),
        leaves: FxHashMap::default(),
        written: IndexMap::new(),
        slots: IndexMap::new(),
    };
    training.graph.outputs.clear();
    training.merge_leaves();
    let steps = std::mem::take(&mut training.graph.steps);
    let mut losses = vec![];
    for step in &steps {
        let loss = training.run(step)?;
        losses.push((step.name.clone(), loss));
    }
    add_losses(&mut training.graph, &losses).map_err(|e| at_step(steps.first(), e))?;
    training.write_updates()?;
    Ok((training.graph, training.slots))
}

/// The graph with the losses of its steps as metrics and without its updates: what evaluation
/// computes.
pub fn report_losses(graph: &Graph) -> Result<Graph, CompileError> {
    let mut graph = graph.clone();
    let steps = std::mem::take(&mut graph.steps);
    let losses: Vec<(Name, NodeId)> = steps.iter().map(|s| (s.name.clone(), s.loss)).collect();
    add_losses(&mut graph, &losses).map_err(|e| at_step(steps.first(), e))?;
    graph.updates.clear();
    Ok(graph)
}

/// An error in what a step asks for.
fn at_step(step: Option<&TrainingStep>, error: TypeError) -> CompileError {
    let provenance = step.map(|s| s.provenance.clone()).unwrap_or_default();
    CompileError {
        code: error.code,
        message: error.message,
        label: step.map(|s| format!("`{}`", s.name)),
        provenance,
        help: error.help,
    }
}

/// Puts the losses before the other metrics.
fn add_losses(graph: &mut Graph, losses: &[(Name, NodeId)]) -> Result<(), TypeError> {
    let Some((&(_, first), rest)) = losses.split_first() else { return Ok(()) };
    let mut metrics = vec![];
    let mut total = first;
    let origin = graph.origin(first);
    let mut b = Build { graph, origin: &origin };
    for &(_, loss) in rest {
        let dtype = b.dtype(total);
        let loss = b.cast(loss, dtype)?;
        total = b.add(total, loss)?;
    }
    metrics.push(Metric { name: "loss".into(), kind: MetricKind::Mean(total) });
    if !rest.is_empty() {
        let named = losses.iter().map(|(step, loss)| Metric {
            name: format!("{step}.loss").into(),
            kind: MetricKind::Mean(*loss),
        });
        metrics.extend(named);
    }
    // A loss takes the place of a metric of the same name.
    let is_taken = |m: &Metric| metrics.iter().any(|loss| loss.name == m.name);
    let others: Vec<Metric> = graph.metrics.drain(..).filter(|m| !is_taken(m)).collect();
    metrics.extend(others);
    graph.metrics = metrics;
    Ok(())
}

/// What earlier steps have written: each variable with the node that stands for its value while a
/// step is differentiated, and the value.
type Cuts = IndexMap<Name, (NodeId, NodeId)>;

/// The graph under construction.
struct Training {
    graph: Graph,
    /// The leaf of each variable: its value before the batch.
    leaves: FxHashMap<Name, NodeId>,
    /// The value that each written variable has so far.
    written: IndexMap<Name, NodeId>,
    slots: IndexMap<Name, Variable>,
}

impl Training {
    /// Makes every variable one leaf.
    fn merge_leaves(&mut self) {
        for id in self.graph.order() {
            let Op::Leaf(Leaf::Variable { name, .. }) = self.graph.op(id) else { continue };
            match self.leaves.get(name) {
                Some(&leaf) => self.graph.replace_uses(id, leaf),
                None => {
                    self.leaves.insert(name.clone(), id);
                }
            }
        }
    }

    /// Adds the updates of one step; returns its loss.
    fn run(&mut self, step: &TrainingStep) -> Result<NodeId, CompileError> {
        let (mut step, cuts) =
            self.over_updated_values(step).map_err(|e| at_step(Some(step), e))?;
        let found = self.gradients(&step, &cuts)?;
        for (cut, value) in cuts.values() {
            self.graph.replace_uses(*cut, *value);
        }
        step.map_nodes(&mut |n| cuts.values().find(|c| c.0 == n).map_or(n, |c| c.1));
        self.graph.outputs.extend(rates::computed(&step));
        self.update_groups(&step, found).map_err(|e| at_step(Some(&step), e))?;
        Ok(step.loss)
    }

    /// The step with its loss and arguments built again over the values written so far. These are
    /// numbers to the step, whether it trains them or not: they are cut off, so that its gradient
    /// does not flow through the updates of earlier steps. Each with the cut and the value.
    fn over_updated_values(
        &mut self,
        step: &TrainingStep,
    ) -> Result<(TrainingStep, Cuts), TypeError> {
        let (mut step, mut cuts) = (step.clone(), Cuts::new());
        let mut map: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for (name, &value) in &self.written {
            let Some(&leaf) = self.leaves.get(name) else { continue };
            let origin = self.graph.origin(value);
            let cut = self.graph.add(Control::StopGradient, &[value], &origin)?;
            map.insert(leaf, cut);
            cuts.insert(name.clone(), (cut, value));
        }
        let nodes: Vec<NodeId> = step.nodes().collect();
        for node in nodes {
            self.rebuild(node, &mut map)?;
        }
        step.map_nodes(&mut |n| map.get(&n).copied().unwrap_or(n));
        Ok((step, cuts))
    }

    /// The gradient of the loss with respect to the variables of each group that it depends on.
    fn gradients(
        &mut self,
        step: &TrainingStep,
        cuts: &Cuts,
    ) -> Result<Vec<Vec<Parameter>>, CompileError> {
        let of = |name: &Name| cuts.get(name).map(|c| c.0).or(self.leaves.get(name).copied());
        let names: Vec<&Name> = step.groups.iter().flat_map(|g| &g.variables).collect();
        let xs: Vec<(Name, NodeId)> =
            names.into_iter().filter_map(|n| of(n).map(|x| (n.clone(), x))).collect();
        let nodes: Vec<NodeId> = xs.iter().map(|(_, x)| *x).collect();
        let gradients = differentiate(&mut self.graph, step.loss, &nodes)?;
        let mut found: FxHashMap<Name, Parameter> = FxHashMap::default();
        for ((name, x), gradient) in xs.into_iter().zip(gradients) {
            let value = cuts.get(&name).map_or(x, |c| c.1);
            if let Some(gradient) = gradient {
                found.insert(name.clone(), Parameter { name, value, gradient });
            }
        }
        let mut of_group = |names: &[Name]| names.iter().filter_map(|n| found.remove(n)).collect();
        Ok(step.groups.iter().map(|g| of_group(&g.variables)).collect())
    }

    /// Lets the optimiser of each group write its params and slots.
    fn update_groups(
        &mut self,
        step: &TrainingStep,
        found: Vec<Vec<Parameter>>,
    ) -> Result<(), TypeError> {
        let runs = self.runs(step)?;
        for (number, (call, parameters)) in step.groups.iter().zip(found).enumerate() {
            let optimizer = table::called(&call.optimizer)?;
            let mut cx = UpdateContext {
                graph: &mut self.graph,
                step,
                number,
                call: &call.optimizer,
                signature: optimizer.signature,
                parameters,
                slots: &mut self.slots,
                written: vec![],
            };
            let (mut sums, mut is_last) = (vec![], None);
            if !cx.parameters.is_empty() {
                is_last = cx.accumulate()?;
                sums = std::mem::take(&mut cx.written);
                cx.clip()?;
                (optimizer.update)(&mut cx)?;
                cx.average()?;
            }
            let sums = sums.into_iter().map(|written| (written, None));
            let written = cx.written.into_iter().map(|written| (written, is_last));
            let written: Vec<_> = sums.chain(written).collect();
            for ((name, old, new), is_last) in written {
                let origin = Origin::named(&name, step.provenance.with_role("update"));
                let mut b = Build { graph: &mut self.graph, origin: &origin };
                let mut value = new;
                for condition in [is_last, runs].into_iter().flatten() {
                    value = b.select(condition, value, old)?;
                }
                self.graph.rename(value, &format!("new.{name}"));
                self.written.insert(name, value);
            }
        }
        Ok(())
    }

    /// Whether the step runs on this batch, a bool scalar; `None` where it always does.
    fn runs(&mut self, step: &TrainingStep) -> Result<Option<NodeId>, TypeError> {
        if step.every <= 1 {
            return Ok(None);
        }
        let name = format!("optimizer.{}.runs", step.name);
        let origin = Origin::named(&name, step.provenance.with_role("update"));
        // The clock is read by a word, so a graph has it once.
        let known =
            self.graph.ids().into_iter().find(|&id| *self.graph.op(id) == Leaf::Step.into());
        let mut b = Build { graph: &mut self.graph, origin: &origin };
        let clock = known.map_or_else(|| b.node(Leaf::Step, &[]), Ok)?;
        let every = b.scalar(Scalar::I64(i64::try_from(step.every).unwrap_or(i64::MAX)))?;
        let rest = b.binary(BinaryFn::Mod, clock, every)?;
        let zero = b.scalar(Scalar::I64(0))?;
        Ok(Some(b.compare(CompareFn::Eq, rest, zero)?))
    }

    /// What `root` is when the nodes in `map` are replaced; nodes that depend on them are copied
    /// and entered.
    fn rebuild(
        &mut self,
        root: NodeId,
        map: &mut FxHashMap<NodeId, NodeId>,
    ) -> Result<NodeId, TypeError> {
        for id in self.graph.order_from(&[root]) {
            let old = self.graph.operands(id);
            if map.contains_key(&id) || !old.iter().any(|o| map.contains_key(o)) {
                continue;
            }
            let new: Vec<NodeId> = old.iter().map(|o| map.get(o).copied().unwrap_or(*o)).collect();
            let (op, origin) = (self.graph.op(id).clone(), self.graph.origin(id));
            let copy = self.graph.add(op, &new, &origin)?;
            map.insert(id, copy);
        }
        Ok(map.get(&root).copied().unwrap_or(root))
    }

    /// Makes the file's updates and those of the steps one list, an update per variable.
    fn write_updates(&mut self) -> Result<(), CompileError> {
        for Update { variable, value } in std::mem::take(&mut self.graph.updates) {
            let value = self
                .with_pending(&variable, value)
                .map_err(|e| CompileError::of_type(e, &self.graph, value))?;
            self.written.insert(variable, value);
        }
        let written = std::mem::take(&mut self.written).into_iter();
        self.graph.updates = written.map(|(variable, value)| Update { variable, value }).collect();
        Ok(())
    }

    /// `value` with each `pending(variable)` replaced by what has been written to the variable.
    fn with_pending(&mut self, variable: &Name, value: NodeId) -> Result<NodeId, TypeError> {
        let mut map = FxHashMap::default();
        for id in self.graph.order_from(&[value]) {
            if !matches!(self.graph.op(id), Op::Control(Control::Pending)) {
                continue;
            }
            let leaf = self.graph.operands(id)[0];
            let is_own = self.leaves.get(variable) == Some(&leaf);
            let pending = self.written.get(variable).filter(|_| is_own);
            map.insert(id, pending.copied().unwrap_or(leaf));
        }
        self.rebuild(value, &mut map)
    }
}
