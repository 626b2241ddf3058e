//! What an optimiser works on: the params of one group with their gradients, its arguments as
//! scalars, and its slots.

use indexmap::IndexMap;

use super::arguments::{Default, OptimizerSignature, checked};
use super::{adam, sgd, widest};
use crate::error::codes;
use crate::ir::{
    BinaryFn, CompareFn, DType, Graph, Module, Name, NodeId, OptimizerArgument, OptimizerCall,
    Origin, Scalar, TensorType, TrainingStep, UnaryFn, Variable, VariableKind,
};
use crate::ops::{Build, Leaf, TypeError};

/// A param of a group.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub name: Name,
    /// Its value before the step.
    pub value: NodeId,
    /// The derivative of the loss with respect to it.
    pub gradient: NodeId,
}

/// A slot: its variable's name and its value before the step.
pub(super) struct Slot {
    pub name: Name,
    pub value: NodeId,
}

/// A running mean, 0 where it has become so small that it changes no weight. A mean whose gradients
/// have ended, as a dead unit's do, decays below the normal numbers and stays there, and arithmetic
/// with such numbers is many times slower.
pub(super) fn settled(b: &mut Build<'_>, mean: NodeId) -> Result<NodeId, TypeError> {
    // Far from the smallest normal number (1e-38, 1e-308), so that products with rates are normal too;
    // over an eps of 1e-7 a share of half the last bit of weights of 1e-16 (f32).
    let least = if b.dtype(mean) == DType::F64 { 1e-290 } else { 1e-30 };
    let size = b.unary(UnaryFn::Abs, mean)?;
    let (least, zero) = (b.constant_like(mean, least)?, b.zeros_like(mean)?);
    let is_gone = b.compare(CompareFn::Lt, size, least)?;
    b.select(is_gone, zero, mean)
}

/// The params that share an optimiser.
pub(super) struct Group<'a> {
    pub graph: &'a mut Graph,
    pub module: &'a Module,
    pub step: &'a TrainingStep,
    /// The position among the groups of the step.
    pub number: usize,
    pub call: &'a OptimizerCall,
    pub parameters: Vec<Parameter>,
    pub slots: &'a mut IndexMap<Name, Variable>,
    /// Each written variable with its old and its new value.
    pub written: Vec<(Name, NodeId, NodeId)>,
}

impl Group<'_> {
    /// Adds the updates of the params and slots.
    pub(super) fn update(&mut self) -> Result<(), TypeError> {
        let signature = checked(self.call)?;
        if self.parameters.is_empty() {
            return Ok(());
        }
        self.clip()?;
        match signature.name {
            "sgd" => sgd::update(self)?,
            _ => adam::update(self)?,
        }
        self.average()
    }

    /// What `f` builds at the origin `STEP.NAME`.
    pub(super) fn build<R>(
        &mut self,
        name: &str,
        f: impl FnOnce(&mut Build<'_>) -> Result<R, TypeError>,
    ) -> Result<R, TypeError> {
        let name = format!("optimizer.{}.{name}", self.step.name);
        let origin = Origin::named(&name, self.step.provenance.with_role("update"));
        f(&mut Build { graph: self.graph, origin: &origin })
    }

    fn signature(&self) -> Result<&'static OptimizerSignature, TypeError> {
        checked(self.call)
    }

    /// What was written for an argument, or its default.
    fn argument(&self, name: &str) -> Result<Option<OptimizerArgument>, TypeError> {
        let written = self.call.arguments.iter().find(|(n, _)| **n == *name);
        if let Some((_, value)) = written {
            return Ok(Some(value.clone()));
        }
        let argument = self.signature()?.all_arguments().find(|a| a.name == name);
        Ok(match argument.map(|a| a.default) {
            Some(Default::Number(x)) => Some(OptimizerArgument::Number(x)),
            Some(Default::Bool(b)) => Some(OptimizerArgument::Bool(b)),
            Some(Default::Off) | None => None,
        })
    }

    /// Whether a switch is on.
    pub(super) fn switch(&self, name: &str) -> Result<bool, TypeError> {
        Ok(self.argument(name)? == Some(OptimizerArgument::Bool(true)))
    }

    /// An argument as a scalar; `None` where it is off.
    pub(super) fn optional(&mut self, name: &str) -> Result<Option<NodeId>, TypeError> {
        let dtype = self.dtype();
        match self.argument(name)? {
            Some(OptimizerArgument::Number(x)) => {
                let x = Scalar::F64(x).cast(dtype);
                self.build(name, |b| b.scalar(x)).map(Some)
            }
            Some(OptimizerArgument::Node(node)) => {
                let found = self.graph.tensor_type(node);
                if found.rank() > 0 || !found.dtype.is_float() {
                    let message = format!(
                        "`{}`: `{name}` must be a float scalar, not {found}",
                        self.call.name
                    );
                    return Err(TypeError::new(codes::OPTIMIZER, message));
                }
                self.build(name, |b| b.cast(node, dtype)).map(Some)
            }
            Some(OptimizerArgument::Bool(_)) | None => Ok(None),
        }
    }

    /// An argument as a scalar; `None` where it is off or the number 0.
    pub(super) fn unless_zero(&mut self, name: &str) -> Result<Option<NodeId>, TypeError> {
        if self.argument(name)? == Some(OptimizerArgument::Number(0.0)) {
            return Ok(None);
        }
        self.optional(name)
    }

    /// An argument that has a default, as a scalar.
    pub(super) fn number(&mut self, name: &str) -> Result<NodeId, TypeError> {
        let missing = || {
            let message = format!("`{}`: `{name}` is missing", self.call.name);
            TypeError::new(codes::OPTIMIZER, message)
        };
        let missing = missing();
        self.optional(name)?.ok_or(missing)
    }

    /// `1 - x` of an argument; of a number, rounded once.
    pub(super) fn one_minus(&mut self, name: &str) -> Result<NodeId, TypeError> {
        let dtype = self.dtype();
        if let Some(OptimizerArgument::Number(x)) = self.argument(name)? {
            let x = Scalar::F64(1.0 - x).cast(dtype);
            return self.build(name, |b| b.scalar(x));
        }
        let x = self.number(name)?;
        self.build(name, |b| {
            let one = b.scalar_like(x, 1.0)?;
            b.sub(one, x)
        })
    }

    /// The element type of the group's scalars.
    pub(super) fn dtype(&self) -> DType {
        widest(self.graph, &self.parameters)
    }

    /// A slot of the type of a param: `optimizer.STEP.KIND.PARAM`, 0 at first.
    pub(super) fn slot(&mut self, kind: &str, p: &Parameter) -> Result<Slot, TypeError> {
        let of_p = self.graph.tensor_type(p.value).clone();
        let zero = Scalar::zero(of_p.dtype);
        let mut initial = Graph::default();
        let origin = Origin::default();
        let value = Build { graph: &mut initial, origin: &origin }.full(zero, &of_p.shape)?;
        initial.outputs.push(("initial".into(), value));
        self.declare(format!("{kind}.{}", p.name), of_p, initial)
    }

    /// A scalar slot of the group: `optimizer.STEP.KIND`, of later groups
    /// `optimizer.STEP.NUMBER.KIND`.
    pub(super) fn scalar_slot(&mut self, kind: &str, first: f64) -> Result<Slot, TypeError> {
        let dtype = self.dtype();
        let mut initial = Graph::default();
        let value = Leaf::constant(Scalar::F64(first).cast(dtype));
        let value = initial.add(value, &[], &Origin::default())?;
        initial.outputs.push(("initial".into(), value));
        let name = match self.number {
            0 => kind.to_string(),
            n => format!("{n}.{kind}"),
        };
        self.declare(name, TensorType::scalar(dtype), initial)
    }

    fn declare(
        &mut self,
        name: String,
        tensor_type: TensorType,
        initial: Graph,
    ) -> Result<Slot, TypeError> {
        let name: Name = format!("optimizer.{}.{name}", self.step.name).into();
        let provenance = self.step.provenance.clone();
        let origin = Origin { name: Some(name.clone()), provenance: provenance.clone() };
        let leaf = Leaf::Variable { name: name.clone(), tensor_type: tensor_type.clone() };
        let value = self.graph.add(leaf, &[], &origin)?;
        let kind = VariableKind::Slot;
        self.slots.insert(name.clone(), Variable { kind, tensor_type, initial, provenance });
        Ok(Slot { name, value })
    }

    /// Writes a slot.
    pub(super) fn write_slot(&mut self, slot: Slot, new: NodeId) {
        self.written.push((slot.name, slot.value, new));
    }

    /// Writes a param.
    pub(super) fn write(&mut self, p: &Parameter, new: NodeId) {
        self.written.push((p.name.clone(), p.value, new));
    }

    /// Clips the gradients: `g c / max(‖g‖, c)` with the norm over the group, or each element to
    /// `-c ..= c`.
    fn clip(&mut self) -> Result<(), TypeError> {
        let norm = self.optional("clip_norm")?;
        let value = self.optional("clip_value")?;
        let scale = norm.map(|limit| self.clip_scale(limit)).transpose()?;
        for k in 0..self.parameters.len() {
            let p = self.parameters[k].clone();
            let clipped = self.build(&p.name, |b| {
                let mut g = p.gradient;
                let dtype = b.dtype(g);
                if let Some(scale) = scale {
                    let scale = b.cast(scale, dtype)?;
                    g = b.mul(g, scale)?;
                }
                if let Some(limit) = value {
                    let limit = b.cast(limit, dtype)?;
                    let lowest = b.neg(limit)?;
                    let above = b.binary(BinaryFn::Max, g, lowest)?;
                    g = b.binary(BinaryFn::Min, above, limit)?;
                }
                Ok(g)
            })?;
            self.parameters[k].gradient = clipped;
        }
        Ok(())
    }

    fn clip_scale(&mut self, limit: NodeId) -> Result<NodeId, TypeError> {
        let dtype = self.dtype();
        let gradients: Vec<NodeId> = self.parameters.iter().map(|p| p.gradient).collect();
        self.build("clip_norm", |b| {
            let mut total = b.scalar(Scalar::zero(dtype))?;
            for g in gradients {
                let square = b.square(g)?;
                let axes: Vec<usize> = (0..b.shape(square).len()).collect();
                let sum = b.sum(square, &axes, false)?;
                let sum = b.cast(sum, dtype)?;
                total = b.add(total, sum)?;
            }
            let norm = b.unary(UnaryFn::Sqrt, total)?;
            let larger = b.binary(BinaryFn::Max, norm, limit)?;
            b.div(limit, larger)
        })
    }

    /// Keeps the running means of the written params: `e ← e + (w - e) (1 - ema)`, from the
    /// params' initial values on.
    fn average(&mut self) -> Result<(), TypeError> {
        if self.optional("ema")?.is_none() {
            return Ok(());
        }
        let rate = self.one_minus("ema")?;
        for p in self.parameters.clone() {
            let Some(&(_, _, new)) = self.written.iter().find(|(name, _, _)| *name == p.name)
            else {
                continue;
            };
            let Some(variable) = self.module.variables.get(&p.name) else { continue };
            let (of_p, initial) = (variable.tensor_type.clone(), variable.initial.clone());
            let slot = self.declare(format!("ema.{}", p.name), of_p, initial)?;
            let mean = self.build(&p.name, |b| {
                let dtype = b.dtype(new);
                let rate = b.cast(rate, dtype)?;
                let change = b.sub(new, slot.value)?;
                let change = b.mul(change, rate)?;
                b.add(slot.value, change)
            })?;
            self.write_slot(slot, mean);
        }
        Ok(())
    }

    /// `w - w · weight_decay · lr`: decay apart from the gradient, before the update (Loshchilov
    /// and Hutter 2019, "Decoupled weight decay regularization", algorithm 2).
    pub(super) fn decayed(&mut self, p: &Parameter, lr: NodeId) -> Result<NodeId, TypeError> {
        let Some(decay) = self.unless_zero("weight_decay")? else { return Ok(p.value) };
        self.build(&p.name, |b| {
            let factor = b.mul(decay, lr)?;
            let dtype = b.dtype(p.value);
            let factor = b.cast(factor, dtype)?;
            let lost = b.mul(p.value, factor)?;
            b.sub(p.value, lost)
        })
    }
}
