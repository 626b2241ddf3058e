//! Placement: operands are parts of the result, each put somewhere in it.

use ndarray::{ArcArray, ArrayD, ArrayViewD, Axis, IxDyn, SliceInfoElem, concatenate};

use super::arithmetic::Arithmetic;
use super::attributes::Attributes;
use super::movement::dilated;
use super::shape::{
    bind, check_axis, dims_agree, exactly, not_negative, numbers, one_per_axis, same_dtype,
};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Movement, Op, OpRules, Signature, TypeError, codes,
};
use crate::ir::{
    Binding, Dim, DimError, Element, Literal, Lowering, NodeId, Part, Scalar, TensorType,
};
use crate::with_array;

/// An operation that puts operands side by side or among a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Placement {
    /// The operands one after the other along `axis`.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// The operand with `value` before, after and between its elements.
    Pad {
        /// How many before, per axis.
        before: Vec<Dim>,
        /// How many after, per axis.
        after: Vec<Dim>,
        /// How many between two neighbours, per axis: the gradient of a slice with steps.
        interior: Vec<Dim>,
        /// What is put there, of the operand's element type.
        value: Scalar,
    },
}

impl From<Placement> for Op {
    fn from(op: Placement) -> Op {
        Op::Placement(op)
    }
}

static CONCAT: Signature = Signature {
    name: "concat",
    operands: &["x..."],
    attributes: &[AttributeSignature { name: "axis", default: None, doc: "the axis that grows" }],
    doc: "The operands one after the other along an axis; their gradients are slices of dy.",
};
static PAD: Signature = Signature {
    name: "pad",
    operands: &["x"],
    attributes: &[
        AttributeSignature {
            name: "padding",
            default: None,
            doc: "per axis [before, after] or [before, after, between neighbours]",
        },
        AttributeSignature { name: "value", default: Some("0"), doc: "what is put there" },
    ],
    doc: "x with a value before, after and between its elements; dx = the slice of dy.",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&CONCAT, &PAD]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(match a.name() {
        "concat" => Some(Placement::Concat { axis: a.axis("axis")? }.into()),
        "pad" => {
            let lists = a.dim_lists("padding")?;
            if lists.iter().any(|l| l.len() != 2 && l.len() != 3) {
                let message = "`pad`: `padding` holds [before, after] or [before, after, between]";
                return Err(TypeError::new(codes::ATTRIBUTE, message));
            }
            let nth = |k: usize| {
                let pick = |l: &Vec<Dim>| l.get(k).cloned().unwrap_or_default();
                lists.iter().map(pick).collect::<Vec<Dim>>()
            };
            let value = a.scalar("value", a.first_operand()?.dtype)?;
            Some(Placement::Pad { before: nth(0), after: nth(1), interior: nth(2), value }.into())
        }
        _ => None,
    })
}

/// The length of an axis after padding: `before + (n - 1) (interior + 1) + 1 + after`. Of n = 0
/// the middle is `-interior`: so the gradient of an empty slice has the slice's size.
fn padded(n: &Dim, before: &Dim, after: &Dim, interior: &Dim) -> Result<Dim, DimError> {
    let step = interior.add(&Dim::number(1))?;
    let middle = match step.as_number() {
        Some(step) => dilated(n, step)?,
        None => n.sub(&Dim::number(1))?.mul(&step)?.add(&Dim::number(1))?,
    };
    before.add(&middle)?.add(after)
}

fn infer_concat(operands: &[&TensorType], axis: usize) -> Result<TensorType, TypeError> {
    let Some((first, rest)) = operands.split_first() else {
        return Err(TypeError::new(codes::OPERAND_COUNT, "`concat` needs at least one operand"));
    };
    check_axis("concat", axis, first)?;
    let mut result = (*first).clone();
    for x in rest {
        same_dtype("concat", first, x)?;
        let mut dims = first.shape.iter().zip(&x.shape).enumerate();
        let fits =
            x.rank() == first.rank() && dims.all(|(d, (a, b))| d == axis || dims_agree(a, b));
        if !fits {
            let message =
                format!("`concat` of {first} and {x}: only axis {axis} may differ in length");
            return Err(TypeError::new(codes::SHAPES_DIFFER, message));
        }
        result.shape[axis] = result.shape[axis].add(&x.shape[axis])?;
    }
    Ok(result)
}

impl OpRules for Placement {
    fn signature(&self) -> &'static Signature {
        match self {
            Placement::Concat { .. } => &CONCAT,
            Placement::Pad { .. } => &PAD,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Placement::Concat { axis } => vec![Attribute::Dim(Dim::from(*axis))],
            Placement::Pad { before, after, interior, value } => {
                let dense = interior.iter().all(|i| i.as_number() == Some(0));
                let axis = |d: usize| {
                    let mut list = vec![before[d].clone(), after[d].clone()];
                    if !dense {
                        list.push(interior[d].clone());
                    }
                    list
                };
                let padding = (0..before.len()).map(axis).collect();
                vec![Attribute::DimLists(padding), Attribute::Scalar(*value)]
            }
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        match self {
            Placement::Concat { axis } => Ok(vec![infer_concat(operands, *axis)?]),
            Placement::Pad { before, after, interior, value } => {
                let [x] = exactly(self.signature(), operands)?;
                for list in [before, after, interior] {
                    one_per_axis("pad", "padding", list.len(), x)?;
                }
                not_negative("pad", "a number of elements before", before)?;
                not_negative("pad", "a number of elements between", interior)?;
                if value.dtype() != x.dtype {
                    let message = format!("`pad` of {x}: the value is of type {}", value.dtype());
                    return Err(TypeError::new(codes::DTYPES_DIFFER, message));
                }
                let shape: Result<Vec<Dim>, DimError> = (0..x.rank())
                    .map(|d| padded(&x.shape[d], &before[d], &after[d], &interior[d]))
                    .collect();
                let result = TensorType::new(x.dtype, shape?);
                not_negative("pad", "a dimension", &result.shape)?;
                check_after(x, after)?;
                Ok(vec![result])
            }
        }
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        Ok(Op::Placement(match self {
            Placement::Concat { axis } => Placement::Concat { axis: *axis },
            Placement::Pad { before, after, interior, value } => Placement::Pad {
                before: bind(before, binding)?,
                after: bind(after, binding)?,
                interior: bind(interior, binding)?,
                value: *value,
            },
        }))
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        Ok(vec![match self {
            Placement::Concat { axis } => {
                with_array!(operands[0], first => eval_concat(first, operands, *axis))
            }
            Placement::Pad { before, after, interior, value } => {
                let (before, interior) = (numbers(before), numbers(interior));
                let of_x = operands[0].tensor_type();
                let shape: Result<Vec<Dim>, DimError> = (0..of_x.rank())
                    .map(|d| {
                        let (b, i) = (Dim::from(before[d]), Dim::from(interior[d]));
                        padded(&of_x.shape[d], &b, &after[d], &i)
                    })
                    .collect();
                let sizes = numbers(&shape.expect("infer has computed the same sizes"));
                with_array!(operands[0], x => eval_pad(x, &before, &interior, &sizes, *value))
            }
        }])
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
        match self {
            Placement::Concat { axis } => concat_gradient(*axis, cx),
            Placement::Pad { before, interior, .. } => {
                let (x, dy) = (cx.operand(0), cx.dy());
                let step = interior.iter().map(|i| i.as_number().map(|i| i + 1));
                let step: Option<Vec<i64>> = step.collect();
                let step = step.ok_or(GradientError::None("pad between by a symbolic number"))?;
                let len = cx.graph.tensor_type(x).shape.clone();
                let slice = Movement::Slice { start: before.clone(), len, step };
                Ok(vec![Some(cx.build().node(slice, &[dy])?)])
            }
        }
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let operands = cx.alike()?;
        let first = |list: &[Dim]| [&[Dim::number(0)], list].concat();
        let many = match self {
            Placement::Concat { axis } => Placement::Concat { axis: axis + 1 },
            Placement::Pad { before, after, interior, value } => Placement::Pad {
                before: first(before),
                after: first(after),
                interior: first(interior),
                value: *value,
            },
        };
        cx.build().node(many, &operands).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let mut parts = vec![];
        match self {
            Placement::Concat { axis } => {
                let mut start = 0;
                for operand in 0..cx.operands.len() {
                    let sizes = cx.operand_sizes(operand);
                    let axes = cx.exprs.axes(&sizes);
                    let mut index = cx.exprs.index_axes(&axes);
                    index[*axis] = cx.exprs.index_scale(index[*axis], 1, start);
                    start += sizes[*axis] as i64;
                    parts.push(Part { operand: operand as u32, axes, index });
                }
                Lowering::Placement { parts, fill: None }
            }
            Placement::Pad { before, interior, value, .. } => {
                let (before, interior) = (numbers(before), numbers(interior));
                let axes = cx.exprs.axes(&cx.operand_sizes(0));
                let mut index = cx.exprs.index_axes(&axes);
                for (d, i) in index.iter_mut().enumerate() {
                    *i = cx.exprs.index_scale(*i, interior[d] as i64 + 1, before[d] as i64);
                }
                parts.push(Part { operand: 0, axes, index });
                Lowering::Placement { parts, fill: Some(*value) }
            }
        }
    }
}

/// Refuses to cut off at the end, but after nothing: an empty operand reaches before its start.
fn check_after(x: &TensorType, after: &[Dim]) -> Result<(), TypeError> {
    let is_cut = |(n, after): (&Dim, &Dim)| {
        n.as_number() != Some(0) && after.as_number().is_some_and(|n| n < 0)
    };
    if x.shape.iter().zip(after).any(is_cut) {
        return not_negative("pad", "a number of elements after", after);
    }
    Ok(())
}

fn concat_gradient(
    axis: usize,
    cx: &mut GradientContext<'_>,
) -> Result<Vec<Option<NodeId>>, GradientError> {
    let dy = cx.dy();
    let operands = cx.graph.operands(cx.node).to_vec();
    let mut g = cx.build();
    let mut offset = Dim::number(0);
    let mut cotangents = vec![];
    for x in operands {
        let len = g.shape(x);
        let mut start = vec![Dim::number(0); len.len()];
        start[axis] = offset.clone();
        offset = offset.add(&len[axis]).map_err(TypeError::from)?;
        let step = vec![1; len.len()];
        cotangents.push(Some(g.node(Movement::Slice { start, len, step }, &[dy])?));
    }
    Ok(cotangents)
}

fn eval_concat<T: Element>(_: &ArcArray<T, IxDyn>, operands: &[&Literal], axis: usize) -> Literal {
    let of_type = |x: &&'_ Literal| T::of(x).expect("infer has compared the types").clone();
    let arrays: Vec<ArcArray<T, IxDyn>> = operands.iter().map(of_type).collect();
    let views: Vec<ArrayViewD<'_, T>> = arrays.iter().map(|a| a.view()).collect();
    Literal::new(concatenate(Axis(axis), &views).expect("infer has compared the shapes"))
}

fn eval_pad<T: Arithmetic>(
    x: &ArcArray<T, IxDyn>,
    before: &[usize],
    interior: &[usize],
    sizes: &[usize],
    value: Scalar,
) -> Literal {
    let mut y = ArrayD::from_elem(IxDyn(sizes), T::of_scalar(value));
    if x.is_empty() {
        return Literal::new(y);
    }
    let info: Vec<SliceInfoElem> = (0..sizes.len())
        .map(|d| {
            let (start, step) = (before[d], interior[d] + 1);
            let end = start + (x.shape()[d] - 1) * step + 1;
            SliceInfoElem::Slice {
                start: start as isize,
                end: Some(end as isize),
                step: step as isize,
            }
        })
        .collect();
    y.slice_mut(info.as_slice()).assign(x);
    Literal::new(y)
}
