//! Movement: the result's elements are the operand's, at other indices.

use ndarray::{ArcArray, Axis, IxDyn, Slice as ArraySlice, SliceInfoElem};

use super::attributes::Attributes;
use super::shape::{
    bind, check_axes, dims_agree, exactly, not_negative, numbers, one_per_axis, product,
};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Op, OpRules, Placement, Signature, TypeError, codes,
};
use crate::ir::{
    Agreement, Binding, Dim, DimError, Element, IndexId, Literal, Lowering, NodeId, Scalar,
    ShapeText, TensorType, strides,
};
use crate::with_array;

/// An operation that moves elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Movement {
    /// The same elements in row-major order in another shape.
    Reshape {
        /// The shape of the result.
        shape: Vec<Dim>,
    },
    /// Axis `k` of the result is axis `perm[k]` of the operand.
    Transpose {
        /// The axes of the operand in the order of the result.
        perm: Vec<usize>,
    },
    /// Repeats along missing leading axes and axes of the literal extent 1, as NumPy aligns them.
    Broadcast {
        /// The shape of the result.
        shape: Vec<Dim>,
    },
    /// Element `i` of the result along an axis is element `start + i step` of the operand.
    Slice {
        /// The first index per axis.
        start: Vec<Dim>,
        /// How many elements per axis.
        len: Vec<Dim>,
        /// The step per axis, at least 1.
        step: Vec<i64>,
    },
    /// The order along these axes is reversed.
    Reverse {
        /// The axes.
        axes: Vec<usize>,
    },
}

impl From<Movement> for Op {
    fn from(op: Movement) -> Op {
        Op::Movement(op)
    }
}

const fn attribute(name: &'static str, doc: &'static str) -> AttributeSignature {
    AttributeSignature { name, default: None, doc }
}

static RESHAPE: Signature = Signature {
    name: "reshape",
    operands: &["x"],
    attributes: &[attribute("shape", "the shape of the result, of as many elements")],
    doc: "The same elements in row-major order in another shape; dx = reshape(dy).",
};
static TRANSPOSE: Signature = Signature {
    name: "transpose",
    operands: &["x"],
    attributes: &[attribute("perm", "the operand's axes in the order of the result")],
    doc: "Axis k of the result is axis perm[k] of x; dx = dy transposed back.",
};
static BROADCAST: Signature = Signature {
    name: "broadcast_to",
    operands: &["x"],
    attributes: &[attribute("shape", "the shape of the result")],
    doc: "x repeated along missing leading axes and axes of length 1; dx = the sum of dy over them.",
};
static SLICE: Signature = Signature {
    name: "slice",
    operands: &["x"],
    attributes: &[
        attribute("start", "the first index per axis"),
        attribute("len", "the number of elements per axis"),
        attribute("stride", "the step per axis, at least 1"),
    ],
    doc: "Every step-th element from start on, len of them, per axis; dx = dy among zeros.",
};
static REVERSE: Signature = Signature {
    name: "reverse",
    operands: &["x"],
    attributes: &[attribute("axis", "the axes along which the order is reversed")],
    doc: "x with the order along some axes reversed; dx = reverse(dy).",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&RESHAPE, &TRANSPOSE, &BROADCAST, &SLICE, &REVERSE]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(Some(Op::Movement(match a.name() {
        "reshape" => Movement::Reshape { shape: a.dims("shape")? },
        "transpose" => Movement::Transpose { perm: a.axes("perm")? },
        "broadcast_to" => Movement::Broadcast { shape: a.dims("shape")? },
        "slice" => Movement::Slice {
            start: a.dims("start")?,
            len: a.dims("len")?,
            step: a.number_list("stride")?,
        },
        "reverse" => Movement::Reverse { axes: a.axes("axis")? },
        _ => return Ok(None),
    })))
}

/// Numbers as an attribute.
pub(super) fn axes_attribute(axes: &[usize]) -> Attribute {
    Attribute::Dims(axes.iter().map(|&a| Dim::from(a)).collect())
}

impl OpRules for Movement {
    fn signature(&self) -> &'static Signature {
        match self {
            Movement::Reshape { .. } => &RESHAPE,
            Movement::Transpose { .. } => &TRANSPOSE,
            Movement::Broadcast { .. } => &BROADCAST,
            Movement::Slice { .. } => &SLICE,
            Movement::Reverse { .. } => &REVERSE,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Movement::Reshape { shape } | Movement::Broadcast { shape } => {
                vec![Attribute::Dims(shape.clone())]
            }
            Movement::Transpose { perm: axes } | Movement::Reverse { axes } => {
                vec![axes_attribute(axes)]
            }
            Movement::Slice { start, len, step } => vec![
                Attribute::Dims(start.clone()),
                Attribute::Dims(len.clone()),
                Attribute::Dims(step.iter().map(|&s| Dim::number(s)).collect()),
            ],
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let signature = self.signature();
        let [x] = exactly(signature, operands)?;
        let shape = match self {
            Movement::Reshape { shape } => infer_reshape(x, shape)?,
            Movement::Transpose { perm } => {
                one_per_axis(signature.name, "perm", perm.len(), x)?;
                check_axes(signature.name, perm, x)?;
                perm.iter().map(|&axis| x.shape[axis].clone()).collect()
            }
            Movement::Broadcast { shape } => infer_broadcast(x, shape)?,
            Movement::Slice { start, len, step } => {
                infer_slice(x, start, len, step)?;
                len.clone()
            }
            Movement::Reverse { axes } => {
                check_axes(signature.name, axes, x)?;
                x.shape.clone()
            }
        };
        Ok(vec![TensorType::new(x.dtype, shape)])
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        Ok(Op::Movement(match self {
            Movement::Reshape { shape } => Movement::Reshape { shape: bind(shape, binding)? },
            Movement::Broadcast { shape } => Movement::Broadcast { shape: bind(shape, binding)? },
            Movement::Slice { start, len, step } => Movement::Slice {
                start: bind(start, binding)?,
                len: bind(len, binding)?,
                step: step.clone(),
            },
            Movement::Transpose { .. } | Movement::Reverse { .. } => self.clone(),
        }))
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        Ok(vec![with_array!(operands[0], x => self.eval_array(x))])
    }

    fn carries(&self, _: usize) -> bool {
        true
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn flops(&self, _: &[&TensorType], _: &TensorType) -> u64 {
        0
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let (x, dy) = (cx.operand(0), cx.dy());
        let of_x = cx.graph.tensor_type(x).clone();
        let mut g = cx.build();
        let dx = match self {
            Movement::Reshape { .. } => g.reshape(dy, &of_x.shape)?,
            Movement::Transpose { perm } => {
                let mut back = vec![0; perm.len()];
                perm.iter().enumerate().for_each(|(k, &axis)| back[axis] = k);
                g.transpose(dy, &back)?
            }
            Movement::Broadcast { shape } => {
                let sum = g.sum(dy, &repeated_axes(&of_x.shape, shape), false)?;
                g.reshape(sum, &of_x.shape)?
            }
            Movement::Slice { start, len, step } => {
                let pad = padding_of_slice(&of_x, start, len, step).map_err(TypeError::from)?;
                g.node(pad, &[dy])?
            }
            Movement::Reverse { axes } => {
                g.node(Movement::Reverse { axes: axes.clone() }, &[dy])?
            }
        };
        Ok(vec![Some(dx)])
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let x = cx.alike()?[0];
        let n = cx.length.clone();
        let with = |first: Dim, list: &[Dim]| [&[first], list].concat();
        let many = match self {
            Movement::Reshape { shape } => Movement::Reshape { shape: with(n, shape) },
            Movement::Transpose { perm } => Movement::Transpose {
                perm: std::iter::once(0).chain(perm.iter().map(|axis| axis + 1)).collect(),
            },
            Movement::Broadcast { shape } => {
                // Axes that it lacks come after the first one.
                let mut padded = cx.build().shape(x);
                let missing = shape.len() + 1 - padded.len();
                padded.splice(1..1, vec![Dim::number(1); missing]);
                let x = cx.build().reshape(x, &padded)?;
                return cx.build().broadcast_to(x, &with(n, shape)).map(Some);
            }
            Movement::Slice { start, len, step } => Movement::Slice {
                start: with(Dim::number(0), start),
                len: with(n, len),
                step: [&[1], step.as_slice()].concat(),
            },
            Movement::Reverse { axes } => {
                Movement::Reverse { axes: axes.iter().map(|axis| axis + 1).collect() }
            }
        };
        cx.build().node(many, &[x]).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let (sizes, of_x) = (cx.sizes(), cx.operand_sizes(0));
        let axes = cx.exprs.axes(&sizes);
        let at = cx.exprs.index_axes(&axes);
        let index: Vec<IndexId> = match self {
            Movement::Reshape { .. } => {
                let position = cx.exprs.index_dot(&at, &strides(&sizes));
                cx.exprs.unflatten(position, &of_x)
            }
            Movement::Transpose { perm } => {
                let mut index = at.clone();
                perm.iter().enumerate().for_each(|(k, &axis)| index[axis] = at[k]);
                index
            }
            Movement::Broadcast { .. } => {
                let zero = cx.exprs.index_constant(0);
                let aligned = &at[sizes.len() - of_x.len()..];
                aligned.iter().zip(&of_x).map(|(&i, &n)| if n == 1 { zero } else { i }).collect()
            }
            Movement::Slice { start, step, .. } => {
                let start = numbers(start);
                let per_axis = at.iter().zip(start).zip(step);
                per_axis.map(|((&i, s), &k)| cx.exprs.index_scale(i, k, s as i64)).collect()
            }
            Movement::Reverse { axes } => {
                let mut index = at.clone();
                for &axis in axes {
                    index[axis] = cx.exprs.index_scale(at[axis], -1, sizes[axis] as i64 - 1);
                }
                index
            }
        };
        Lowering::Map { axes, body: cx.element(0, &index) }
    }
}

impl Movement {
    fn eval_array<T: Element>(&self, x: &ArcArray<T, IxDyn>) -> Literal {
        match self {
            Movement::Reshape { shape } => {
                let sizes = IxDyn(&numbers(shape));
                let rows = x.as_standard_layout().into_shared();
                T::wrap(rows.into_shape_with_order(sizes).expect("infer has compared the sizes"))
            }
            Movement::Transpose { perm } => T::wrap(x.clone().permuted_axes(IxDyn(perm))),
            Movement::Broadcast { shape } => {
                let view = x.broadcast(IxDyn(&numbers(shape))).expect("infer has aligned the axes");
                Literal::new(view.to_owned())
            }
            Movement::Slice { start, len, step } => {
                let per_axis = numbers(start).into_iter().zip(numbers(len)).zip(step);
                let info: Vec<SliceInfoElem> = per_axis
                    .map(|((start, len), &step)| {
                        let (start, step) = (start as isize, step as isize);
                        let span = (len as isize - 1) * step + 1;
                        // An empty one may start beyond the end.
                        let (start, end) = if len == 0 { (0, 0) } else { (start, start + span) };
                        SliceInfoElem::Slice { start, end: Some(end), step }
                    })
                    .collect();
                T::wrap(x.clone().slice_move(info.as_slice()))
            }
            Movement::Reverse { axes } => {
                let mut y = x.clone();
                for &axis in axes {
                    y.slice_axis_inplace(Axis(axis), ArraySlice::new(0, None, -1));
                }
                T::wrap(y)
            }
        }
    }
}

fn infer_reshape(x: &TensorType, shape: &[Dim]) -> Result<Vec<Dim>, TypeError> {
    not_negative("reshape", "a dimension", shape)?;
    let (from, to) = (product(&x.shape)?, product(shape)?);
    match from.agreement(&to) {
        Agreement::Equal | Agreement::Open => Ok(shape.to_vec()),
        Agreement::Different => {
            let shape = ShapeText(shape);
            let message = format!("{x} cannot be reshaped to {shape}: {from} is not {to} elements");
            Err(TypeError::new(codes::RESHAPE_SIZE, message))
        }
    }
}

fn infer_broadcast(x: &TensorType, shape: &[Dim]) -> Result<Vec<Dim>, TypeError> {
    not_negative("broadcast_to", "a dimension", shape)?;
    let fits = shape.len() >= x.rank()
        && x.shape
            .iter()
            .rev()
            .zip(shape.iter().rev())
            .all(|(from, to)| from.is_one() || dims_agree(from, to));
    if fits {
        return Ok(shape.to_vec());
    }
    let message = format!("{x} cannot be broadcast to {}", ShapeText(shape));
    let error = TypeError::new(codes::SHAPES_DIFFER, message);
    Err(error.with_help("only missing leading axes and axes of the literal length 1 are repeated"))
}

/// The axes of the result along which a broadcast from `of_x` to `shape` repeats.
fn repeated_axes(of_x: &[Dim], shape: &[Dim]) -> Vec<usize> {
    let missing = shape.len() - of_x.len();
    let repeats = |axis: &usize| {
        *axis < missing || (of_x[*axis - missing].is_one() && !shape[*axis].is_one())
    };
    (0..shape.len()).filter(repeats).collect()
}

/// The extent of `len` elements `step` apart: `(len - 1) step + 1`.
pub(super) fn dilated(len: &Dim, step: i64) -> Result<Dim, DimError> {
    len.sub(&Dim::number(1))?.mul(&Dim::number(step))?.add(&Dim::number(1))
}

fn infer_slice(x: &TensorType, start: &[Dim], len: &[Dim], step: &[i64]) -> Result<(), TypeError> {
    for (what, n) in [("start", start.len()), ("len", len.len()), ("stride", step.len())] {
        one_per_axis("slice", what, n, x)?;
    }
    not_negative("slice", "an index", start)?;
    not_negative("slice", "a length", len)?;
    if step.iter().any(|&s| s < 1) {
        return Err(TypeError::new(codes::ATTRIBUTE, "`slice`: a stride must be at least 1"));
    }
    for (axis, size) in x.shape.iter().enumerate() {
        // Of an empty slice `1 - step`: it may start where a pad of nothing has put nothing.
        let extent = dilated(&len[axis], step[axis])?;
        let left = size.sub(&start[axis].add(&extent)?)?;
        if left.as_number().is_some_and(|n| n < 0) {
            let message = format!(
                "a slice of {x} reaches beyond axis {axis}: {} elements from {} on, step {}, of {size}",
                len[axis], start[axis], step[axis]
            );
            return Err(TypeError::new(codes::OUT_OF_RANGE, message));
        }
    }
    Ok(())
}

/// The padding that puts the elements of a slice back where they were, among zeros.
fn padding_of_slice(
    x: &TensorType,
    start: &[Dim],
    len: &[Dim],
    step: &[i64],
) -> Result<Placement, DimError> {
    let after: Result<Vec<Dim>, DimError> = (0..x.rank())
        .map(|d| x.shape[d].sub(&start[d])?.sub(&dilated(&len[d], step[d])?))
        .collect();
    Ok(Placement::Pad {
        before: start.to_vec(),
        after: after?,
        interior: step.iter().map(|s| Dim::number(s - 1)).collect(),
        value: Scalar::zero(x.dtype),
    })
}
