//! What an optimiser works on: the params of one group with their gradients, its arguments as
//! scalars, and its slots.

use indexmap::IndexMap;

use super::SLOTS;
use super::arguments::{Default, OptimizerSignature};
use crate::error::codes;
use crate::ir::{
    BinaryFn, CompareFn, DType, Graph, Name, NodeId, OptimizerArgument, OptimizerCall, Origin,
    Scalar, TensorType, TrainingStep, UnaryFn, Variable, VariableKind,
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

/// The Euclidean norm of all elements, a scalar, whatever their squares are.
pub(super) fn norm(b: &mut Build<'_>, x: NodeId) -> Result<NodeId, TypeError> {
    let scale = scale_of_squares(b, &[x])?;
    let scaled = b.mul(x, scale)?;
    let square = b.square(scaled)?;
    let axes: Vec<usize> = (0..b.shape(square).len()).collect();
    let sum = b.sum(square, &axes, false)?;
    let root = b.unary(UnaryFn::Sqrt, sum)?;
    b.div(root, scale)
}

/// A power of two by which numbers are multiplied before their squares are added up: 1 where the
/// largest is of ordinary size, else one that keeps the sum from overflowing, and the squares from
/// vanishing, for any numbers of the type and 2^28 of them.
fn scale_of_squares(b: &mut Build<'_>, numbers: &[NodeId]) -> Result<NodeId, TypeError> {
    let dtype = b.dtype(numbers[0]);
    let (high, down, low, up) = match dtype {
        DType::F64 => (1e140, -600, 1e-140, 600),
        DType::F32 | DType::I32 | DType::I64 | DType::U8 | DType::Bool => (1e15, -80, 1e-18, 100),
    };
    let mut largest = b.scalar(Scalar::zero(dtype))?;
    for &x in numbers {
        let size = b.unary(UnaryFn::Abs, x)?;
        let axes: Vec<usize> = (0..b.shape(size).len()).collect();
        let size = b.max(size, &axes, false)?;
        largest = b.binary(BinaryFn::Max, largest, size)?;
    }
    let constant = |b: &mut Build<'_>, x: f64| b.scalar_like(largest, x);
    let (high, low) = (constant(b, high)?, constant(b, low)?);
    let (down, up) = (constant(b, 2f64.powi(down))?, constant(b, 2f64.powi(up))?);
    let one = constant(b, 1.0)?;
    let is_low = b.compare(CompareFn::Lt, largest, low)?;
    let scale = b.select(is_low, up, one)?;
    let is_high = b.compare(CompareFn::Gt, largest, high)?;
    b.select(is_high, down, scale)
}

/// The params that share an optimiser.
pub(super) struct UpdateContext<'a> {
    pub graph: &'a mut Graph,
    pub step: &'a TrainingStep,
    /// The position among the groups of the step.
    pub number: usize,
    pub call: &'a OptimizerCall,
    /// The optimiser that is called.
    pub signature: &'static OptimizerSignature,
    pub parameters: Vec<Parameter>,
    pub slots: &'a mut IndexMap<Name, Variable>,
    /// Each written variable with its old and its new value.
    pub written: Vec<(Name, NodeId, NodeId)>,
}

impl UpdateContext<'_> {
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

    /// What was written for an argument, or its default.
    fn argument(&self, name: &str) -> Option<OptimizerArgument> {
        let written = self.call.arguments.iter().find(|(n, _)| **n == *name);
        if let Some((_, value)) = written {
            return Some(value.clone());
        }
        let argument = self.signature.all_arguments().find(|a| a.name == name);
        match argument.map(|a| a.default) {
            Some(Default::Number(x) | Default::Fixed(x)) => Some(OptimizerArgument::Number(x)),
            Some(Default::Bool(b)) => Some(OptimizerArgument::Bool(b)),
            Some(Default::Off) | None => None,
        }
    }

    /// Whether a switch is on.
    pub(super) fn switch(&self, name: &str) -> bool {
        self.argument(name) == Some(OptimizerArgument::Bool(true))
    }

    /// An argument as a scalar; `None` where it is off.
    pub(super) fn optional(&mut self, name: &str) -> Result<Option<NodeId>, TypeError> {
        let dtype = self.dtype();
        self.optional_as(name, dtype)
    }

    fn optional_as(&mut self, name: &str, dtype: DType) -> Result<Option<NodeId>, TypeError> {
        match self.argument(name) {
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
        if self.argument(name) == Some(OptimizerArgument::Number(0.0)) {
            return Ok(None);
        }
        self.optional(name)
    }

    /// An argument that has a default, as a scalar.
    pub(super) fn number(&mut self, name: &str) -> Result<NodeId, TypeError> {
        let dtype = self.dtype();
        self.number_as(name, dtype)
    }

    /// An argument that has a default, as a scalar of an element type.
    pub(super) fn number_as(&mut self, name: &str, dtype: DType) -> Result<NodeId, TypeError> {
        self.optional_as(name, dtype)?.ok_or_else(|| self.missing(name))
    }

    /// An argument that is known before training.
    pub(super) fn fixed(&self, name: &str) -> Result<f64, TypeError> {
        match self.argument(name) {
            Some(OptimizerArgument::Number(x)) => Ok(x),
            Some(OptimizerArgument::Node(_) | OptimizerArgument::Bool(_)) | None => {
                Err(self.missing(name))
            }
        }
    }

    fn missing(&self, name: &str) -> TypeError {
        let message = format!("`{}`: `{name}` is missing", self.call.name);
        TypeError::new(codes::OPTIMIZER, message)
    }

    /// `1 - x` of an argument; of a number, rounded once.
    pub(super) fn one_minus(&mut self, name: &str) -> Result<NodeId, TypeError> {
        let dtype = self.dtype();
        if let Some(OptimizerArgument::Number(x)) = self.argument(name) {
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
        self.slot_from(kind, p, 0.0)
    }

    /// A slot of the type of a param whose elements begin with `first`.
    pub(super) fn slot_from(
        &mut self,
        kind: &str,
        p: &Parameter,
        first: f64,
    ) -> Result<Slot, TypeError> {
        let of_p = self.graph.tensor_type(p.value).clone();
        let first = Scalar::F64(first).cast(of_p.dtype);
        let mut initial = Graph::default();
        let origin = Origin::default();
        let value = Build { graph: &mut initial, origin: &origin }.full(first, &of_p.shape)?;
        initial.outputs.push(("initial".into(), value));
        self.declare(format!("{kind}.{}", p.name), of_p, initial)
    }

    /// A scalar slot of the group: `optimizer.STEP.KIND`, of later groups
    /// `optimizer.STEP.NUMBER.KIND`.
    pub(super) fn scalar_slot(&mut self, kind: &str, first: Scalar) -> Result<Slot, TypeError> {
        let mut initial = Graph::default();
        let value = Leaf::constant(first);
        let value = initial.add(value, &[], &Origin::default())?;
        initial.outputs.push(("initial".into(), value));
        let name = match self.number {
            0 => kind.to_string(),
            n => format!("{n}.{kind}"),
        };
        self.declare(name, TensorType::scalar(first.dtype()), initial)
    }

    fn declare(
        &mut self,
        name: String,
        tensor_type: TensorType,
        initial: Graph,
    ) -> Result<Slot, TypeError> {
        let name: Name = format!("{SLOTS}{}.{name}", self.step.name).into();
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

    /// Clips the gradients: `g c / ‖g‖` where the norm over the group is above `c`, or each element
    /// to `-c ..= c`.
    pub(super) fn clip(&mut self) -> Result<(), TypeError> {
        let norm = self.optional("clip_norm")?;
        let value = self.optional("clip_value")?;
        let factors = norm.map(|limit| self.clip_factors(limit)).transpose()?;
        for k in 0..self.parameters.len() {
            let p = self.parameters[k].clone();
            let clipped = self.build(&p.name, |b| {
                let mut g = p.gradient;
                let dtype = b.dtype(g);
                for factor in factors.into_iter().flatten() {
                    let factor = b.cast(factor, dtype)?;
                    g = b.mul(g, factor)?;
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

    /// What the gradients are multiplied by, one after the other, so that their norm is at most
    /// `limit`: a power of two, which keeps the squares of what it makes of them within the numbers
    /// of the type, and the limit over the norm of that. NaN where the norm is infinite or NaN.
    fn clip_factors(&mut self, limit: NodeId) -> Result<[NodeId; 2], TypeError> {
        let dtype = self.dtype();
        let gradients: Vec<NodeId> = self.parameters.iter().map(|p| p.gradient).collect();
        self.build("clip_norm", |b| {
            let mut wide = vec![];
            for g in gradients {
                wide.push(b.cast(g, dtype)?);
            }
            let scale = scale_of_squares(b, &wide)?;
            let mut total = b.scalar(Scalar::zero(dtype))?;
            for g in wide {
                let scaled = b.mul(g, scale)?;
                let square = b.square(scaled)?;
                let axes: Vec<usize> = (0..b.shape(square).len()).collect();
                let sum = b.sum(square, &axes, false)?;
                total = b.add(total, sum)?;
            }
            let scaled_norm = b.unary(UnaryFn::Sqrt, total)?;
            let norm = b.div(scaled_norm, scale)?;
            let is_small = b.compare(CompareFn::Le, norm, limit)?;
            let one = b.scalar_like(norm, 1.0)?;
            let factor = b.div(limit, scaled_norm)?;
            // inf - inf is NaN.
            let nothing = b.sub(scaled_norm, scaled_norm)?;
            let factor = b.add(factor, nothing)?;
            Ok([b.select(is_small, one, scale)?, b.select(is_small, one, factor)?])
        })
    }

    /// Keeps the running means of the written params: `e ← e + (w - e) (1 - ema)`, after the first
    /// update the params themselves.
    pub(super) fn average(&mut self) -> Result<(), TypeError> {
        if self.optional("ema")?.is_none() {
            return Ok(());
        }
        let rate = self.one_minus("ema")?;
        let has_begun = self.scalar_slot("ema_has_begun", Scalar::Bool(false))?;
        let rate = self.build("ema", |b| {
            let whole = b.scalar_like(rate, 1.0)?;
            b.select(has_begun.value, rate, whole)
        })?;
        let begun = self.build("ema", |b| b.scalar(Scalar::Bool(true)))?;
        self.write_slot(has_begun, begun);
        for p in self.parameters.clone() {
            let Some(&(_, _, new)) = self.written.iter().find(|(name, _, _)| *name == p.name)
            else {
                continue;
            };
            let slot = self.slot("ema", &p)?;
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

/// The element type in which the scalars of a group are computed: its widest.
fn widest(graph: &Graph, parameters: &[Parameter]) -> DType {
    let is_double = |p: &Parameter| graph.tensor_type(p.value).dtype == DType::F64;
    if parameters.iter().any(is_double) { DType::F64 } else { DType::F32 }
}
