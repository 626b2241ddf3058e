//! Leaves: what a graph reads rather than computes.

use std::sync::Arc;

use super::{
    Attribute, AttributeSignature, Attributes, BatchContext, EvalContext, EvalError,
    GradientContext, GradientError, LowerContext, Op, OpRules, Signature, TypeError,
};
use crate::ir::{
    Binding, DType, Dim, DimError, Literal, Lowering, Name, NodeId, Scalar, TensorType,
};

/// A value from outside of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// Fed at each call.
    Input {
        /// The name.
        name: Name,
        /// The declared type.
        tensor_type: TensorType,
    },
    /// A variable as it was before the step.
    Variable {
        /// The name.
        name: Name,
        /// The declared type.
        tensor_type: TensorType,
    },
    /// Known numbers.
    Constant(Arc<Literal>),
    /// A dimension as a scalar.
    Dim {
        /// The dimension.
        dim: Dim,
        /// The scalar's element type.
        dtype: DType,
    },
    /// The seed of all randomness, an i64 scalar.
    Seed,
    /// The number of batches that the parameters have been trained for, an i64 scalar.
    Step,
    /// The number of epochs that the parameters have been trained for, an i64 scalar.
    Epoch,
    /// The number of the batch, an i64 scalar: what randomness counts where nothing is trained.
    Batch,
    /// The parameter of a region, by number.
    Parameter {
        /// The number.
        number: usize,
        /// The type.
        tensor_type: TensorType,
    },
}

const fn attribute(name: &'static str, doc: &'static str) -> AttributeSignature {
    AttributeSignature { name, default: None, doc }
}

static INPUT: Signature = Signature {
    name: "input",
    operands: &[],
    attributes: &[attribute("name", "the name under which it is fed")],
    doc: "A value fed at each call.",
};
static VARIABLE: Signature = Signature {
    name: "variable",
    operands: &[],
    attributes: &[attribute("name", "the variable's name")],
    doc: "A variable as it was before the step.",
};
static CONSTANT: Signature = Signature {
    name: "constant",
    operands: &[],
    attributes: &[attribute("value", "the elements")],
    doc: "Known numbers.",
};
static DIM: Signature = Signature {
    name: "dim",
    operands: &[],
    attributes: &[attribute("dim", "the dimension"), attribute("dtype", "the scalar's type")],
    doc: "A dimension as a scalar.",
};
static SEED: Signature =
    Signature { name: "seed", operands: &[], attributes: &[], doc: "The seed, an i64 scalar." };
static STEP: Signature = Signature {
    name: "step",
    operands: &[],
    attributes: &[],
    doc: "The batches trained so far, an i64 scalar.",
};
static EPOCH: Signature = Signature {
    name: "epoch",
    operands: &[],
    attributes: &[],
    doc: "The epochs trained so far, an i64 scalar.",
};
static BATCH: Signature = Signature {
    name: "batch_number",
    operands: &[],
    attributes: &[],
    doc: "The number of the batch, an i64 scalar.",
};
static PARAMETER: Signature = Signature {
    name: "parameter",
    operands: &[],
    attributes: &[attribute("number", "the position in the region's operands")],
    doc: "A value that a region is given.",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&INPUT, &VARIABLE, &CONSTANT, &DIM, &SEED, &STEP, &EPOCH, &BATCH, &PARAMETER]
}

/// The leaf of that name, if it is one that a name and attributes determine: inputs, variables
/// and parameters, which have a declared type, are made by the frontend itself.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(match a.name() {
        "constant" => Some(Leaf::constant(a.literal("value")?).into()),
        "dim" => Some(Leaf::Dim { dim: a.dim("dim")?, dtype: a.dtype("dtype")? }.into()),
        "seed" => Some(Leaf::Seed.into()),
        "step" => Some(Leaf::Step.into()),
        "epoch" => Some(Leaf::Epoch.into()),
        "batch_number" => Some(Leaf::Batch.into()),
        _ => None,
    })
}

impl Leaf {
    /// A constant.
    pub fn constant(value: impl Into<Literal>) -> Leaf {
        Leaf::Constant(Arc::new(value.into()))
    }

    /// The type.
    pub fn tensor_type(&self) -> TensorType {
        match self {
            Leaf::Input { tensor_type, .. }
            | Leaf::Variable { tensor_type, .. }
            | Leaf::Parameter { tensor_type, .. } => tensor_type.clone(),
            Leaf::Constant(literal) => literal.tensor_type(),
            Leaf::Dim { dtype, .. } => TensorType::scalar(*dtype),
            Leaf::Seed | Leaf::Step | Leaf::Epoch | Leaf::Batch => TensorType::scalar(DType::I64),
        }
    }
}

impl From<Leaf> for Op {
    fn from(leaf: Leaf) -> Op {
        Op::Leaf(leaf)
    }
}

impl OpRules for Leaf {
    fn signature(&self) -> &'static Signature {
        match self {
            Leaf::Input { .. } => &INPUT,
            Leaf::Variable { .. } => &VARIABLE,
            Leaf::Constant(_) => &CONSTANT,
            Leaf::Dim { .. } => &DIM,
            Leaf::Seed => &SEED,
            Leaf::Step => &STEP,
            Leaf::Epoch => &EPOCH,
            Leaf::Batch => &BATCH,
            Leaf::Parameter { .. } => &PARAMETER,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Leaf::Input { name, .. } | Leaf::Variable { name, .. } => {
                vec![Attribute::Name(name.to_string())]
            }
            Leaf::Constant(literal) => vec![Attribute::Literal((**literal).clone())],
            Leaf::Dim { dim, dtype } => vec![Attribute::Dim(dim.clone()), Attribute::DType(*dtype)],
            Leaf::Seed | Leaf::Step | Leaf::Epoch | Leaf::Batch => vec![],
            Leaf::Parameter { number, .. } => vec![Attribute::Dim(Dim::from(*number))],
        }
    }

    fn infer(&self, _: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        Ok(vec![self.tensor_type()])
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        Ok(Op::Leaf(match self {
            Leaf::Input { name, tensor_type } => {
                Leaf::Input { name: name.clone(), tensor_type: tensor_type.bind(binding)? }
            }
            Leaf::Variable { name, tensor_type } => {
                Leaf::Variable { name: name.clone(), tensor_type: tensor_type.bind(binding)? }
            }
            Leaf::Parameter { number, tensor_type } => {
                Leaf::Parameter { number: *number, tensor_type: tensor_type.bind(binding)? }
            }
            Leaf::Dim { dim, dtype } => {
                Leaf::constant(Scalar::I64(dim.evaluate(binding)?).cast(*dtype))
            }
            Leaf::Constant(_) | Leaf::Seed | Leaf::Step | Leaf::Epoch | Leaf::Batch => self.clone(),
        }))
    }

    fn eval(&self, cx: &EvalContext<'_>, _: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let value = match self {
            Leaf::Constant(literal) => Some((**literal).clone()),
            Leaf::Dim { .. } => None,
            Leaf::Input { .. } | Leaf::Variable { .. } | Leaf::Parameter { .. } => {
                cx.leaves.leaf(self)
            }
            Leaf::Seed | Leaf::Step | Leaf::Epoch | Leaf::Batch => cx.leaves.leaf(self),
        };
        let name = || match self {
            Leaf::Input { name, .. } | Leaf::Variable { name, .. } => name.to_string(),
            Leaf::Constant(_)
            | Leaf::Dim { .. }
            | Leaf::Parameter { .. }
            | Leaf::Seed
            | Leaf::Step
            | Leaf::Epoch
            | Leaf::Batch => self.signature().name.to_string(),
        };
        value.map(|v| vec![v]).ok_or_else(|| EvalError::Unfed(name()))
    }

    fn carries(&self, _: usize) -> bool {
        false
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn flops(&self, _: &[&TensorType], _: &TensorType) -> u64 {
        0
    }

    fn gradient(&self, _: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        Ok(vec![])
    }

    fn batch(&self, _: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        // It has no operand that could be many.
        Ok(None)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        match self {
            Leaf::Constant(literal) => match literal.splat_value() {
                // A tensor of one value is an immediate, wherever it is read.
                Some(value) => {
                    let axes = cx.exprs.axes(literal.sizes());
                    Lowering::Map { axes, body: cx.exprs.constant(value) }
                }
                None => Lowering::Leaf,
            },
            Leaf::Input { .. }
            | Leaf::Variable { .. }
            | Leaf::Dim { .. }
            | Leaf::Seed
            | Leaf::Step
            | Leaf::Epoch
            | Leaf::Batch
            | Leaf::Parameter { .. } => Lowering::Leaf,
        }
    }
}
