//! Creation: values from nothing but indices. A tensor of equal numbers is a broadcast constant.

use ndarray::{ArrayD, IxDyn};

use super::attributes::Attributes;
use super::shape::{accepts, bind, check_axis, exactly, not_negative, numbers};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Op, OpRules, Signature, TypeError,
};
use crate::ir::{Binding, DType, Dim, DimError, Expr, Literal, Lowering, NodeId, TensorType};

/// An operation without operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Creation {
    /// The element at an index is the index along `axis`.
    Iota {
        /// The shape of the result.
        shape: Vec<Dim>,
        /// The axis that counts.
        axis: usize,
        /// The element type; any but bool.
        dtype: DType,
    },
}

impl From<Creation> for Op {
    fn from(op: Creation) -> Op {
        Op::Creation(op)
    }
}

static IOTA: Signature = Signature {
    name: "iota",
    operands: &[],
    attributes: &[
        AttributeSignature { name: "shape", default: None, doc: "the shape of the result" },
        AttributeSignature { name: "axis", default: Some("0"), doc: "the axis that counts" },
        AttributeSignature { name: "dtype", default: Some("i32"), doc: "the element type" },
    ],
    doc: "The element at an index is the index along `axis`.",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&IOTA]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(match a.name() {
        "iota" => Some(Op::Creation(Creation::Iota {
            shape: a.dims("shape")?,
            axis: a.axis_or("axis", 0)?,
            dtype: a.dtype_or("dtype", DType::I32)?,
        })),
        _ => None,
    })
}

impl OpRules for Creation {
    fn signature(&self) -> &'static Signature {
        match self {
            Creation::Iota { .. } => &IOTA,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Creation::Iota { shape, axis, dtype } => vec![
                Attribute::Dims(shape.clone()),
                Attribute::Dim(Dim::from(*axis)),
                Attribute::DType(*dtype),
            ],
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let [] = exactly(self.signature(), operands)?;
        match self {
            Creation::Iota { shape, axis, dtype } => {
                let result = TensorType::new(*dtype, shape.clone());
                accepts("iota", *dtype != DType::Bool, &result)?;
                check_axis("iota", *axis, &result)?;
                not_negative("iota", "a dimension", shape)?;
                Ok(vec![result])
            }
        }
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        Ok(Op::Creation(match self {
            Creation::Iota { shape, axis, dtype } => {
                Creation::Iota { shape: bind(shape, binding)?, axis: *axis, dtype: *dtype }
            }
        }))
    }

    fn eval(&self, _: &EvalContext<'_>, _: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        match self {
            Creation::Iota { shape, axis, dtype } => {
                let index = ArrayD::from_shape_fn(IxDyn(&numbers(shape)), |i| i[*axis] as i64);
                Ok(vec![super::arithmetic::cast_literal(*dtype, &Literal::new(index))])
            }
        }
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
            Creation::Iota { axis, dtype, .. } => {
                let axes = cx.exprs.axes(&cx.sizes());
                let index = cx.exprs.index_axis(axes[*axis]);
                let fits = i32::try_from(cx.exprs.extent(axes[*axis])).is_ok();
                let counter = if fits { DType::I32 } else { DType::I64 };
                let count = cx.exprs.intern(Expr::Index(index, counter));
                let body = cx.exprs.cast(*dtype, count);
                Lowering::Map { axes, body }
            }
        }
    }
}
