//! The order of elements along an axis, in which `sort` and `top_k` take them.

use std::cmp::Ordering;

use ndarray::{ArcArray, ArrayD, Axis, IxDyn};

use super::arithmetic::Arithmetic;
use super::attributes::Attributes;
use super::shape::{check_axis, exactly};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Op, OpRules, Signature, TypeError, codes,
};
use crate::ir::{
    BinaryFn, Binding, CompareFn, DType, Dim, DimError, Expr, ExprId, Exprs, Literal, Lowering,
    NodeId, Scalar, Sorted, TensorType,
};
use crate::with_array;

/// The indices of the elements along an axis in ascending or descending order, as i32. Equal ones
/// stay in the order in which they are; a NaN is the largest, and `-0` equals `0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Argsort {
    /// The axis.
    pub axis: usize,
    /// Whether the largest comes first.
    pub descending: bool,
    /// How many of the first there are; all without.
    pub count: Option<Dim>,
}

impl From<Argsort> for Op {
    fn from(op: Argsort) -> Op {
        Op::Argsort(op)
    }
}

static ARGSORT: Signature = Signature {
    name: "argsort",
    operands: &["x"],
    attributes: &[
        AttributeSignature { name: "axis", default: None, doc: "the axis that is ordered" },
        AttributeSignature {
            name: "descending",
            default: Some("false"),
            doc: "whether the largest comes first",
        },
        AttributeSignature {
            name: "count",
            default: Some("-1"),
            doc: "how many of the first there are; -1 for all",
        },
    ],
    doc: "The indices (i32) that put the elements along an axis in order. Equal elements stay in \
          their order, also where the largest comes first; a NaN is the largest. No gradient.",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&ARGSORT]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    if a.name() != ARGSORT.name {
        return Ok(None);
    }
    let count = if a.find("count").is_some() { Some(a.dim("count")?) } else { None };
    let count = count.filter(|count| count.as_number() != Some(-1));
    Ok(Some(Argsort { axis: a.axis("axis")?, descending: a.switch("descending")?, count }.into()))
}

impl OpRules for Argsort {
    fn signature(&self) -> &'static Signature {
        &ARGSORT
    }

    fn attributes(&self) -> Vec<Attribute> {
        let count = self.count.clone().unwrap_or(Dim::number(-1));
        let axis = Attribute::Dim(Dim::from(self.axis));
        vec![axis, Attribute::Bool(self.descending), Attribute::Dim(count)]
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let [x] = exactly(&ARGSORT, operands)?;
        check_axis(ARGSORT.name, self.axis, x)?;
        let n = &x.shape[self.axis];
        if n.as_number().is_some_and(|n| n > i64::from(i32::MAX)) {
            let message = format!("`argsort` of {x}: the indices of axis {} are no i32", self.axis);
            return Err(TypeError::new(codes::TOO_LARGE, message));
        }
        let mut shape = x.shape.clone();
        if let Some(count) = &self.count {
            let wanted = count.as_number();
            if wanted.is_some_and(|k| k < 0 || n.as_number().is_some_and(|n| k > n)) {
                let message = format!("the first {count} of {n} elements along axis {}", self.axis);
                return Err(TypeError::new(codes::OUT_OF_RANGE, message));
            }
            shape[self.axis] = count.clone();
        }
        Ok(vec![TensorType::new(DType::I32, shape)])
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        let count = self.count.as_ref().map(|count| count.evaluate(binding)).transpose()?;
        Ok(Argsort { count: count.map(Dim::number), ..self.clone() }.into())
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        Ok(vec![with_array!(operands[0], x => self.indices(x))])
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
        Ok(vec![None])
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let operands = cx.alike()?;
        let many = Argsort { axis: self.axis + 1, ..self.clone() };
        cx.build().node(many, &operands).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let axes = cx.exprs.axes(&cx.sizes());
        let n = cx.operand_sizes(0)[self.axis];
        if n < 2 || cx.sizes()[self.axis] == 0 {
            return Lowering::Map { axes, body: cx.exprs.constant(Scalar::I32(0)) };
        }
        let positions = cx.exprs.axis(n);
        let mut index = cx.exprs.index_axes(&axes);
        index[self.axis] = cx.exprs.index_axis(positions);
        let x = cx.element(0, &index);
        let key = key(cx.exprs, x, self.descending);
        Lowering::Sort(Sorted { axes, along: self.axis, positions, key })
    }
}

/// An integer, i64 for elements of 64 bits and i32 for others, that is less for one element than
/// for another where the one comes first, and equal where they are.
fn key(exprs: &mut Exprs, x: ExprId, descending: bool) -> ExprId {
    let key = match exprs.dtype(x) {
        DType::F32 => key_of_float(exprs, x, Scalar::I32(i32::MIN), Scalar::I32(i32::MAX)),
        DType::F64 => key_of_float(exprs, x, Scalar::I64(i64::MIN), Scalar::I64(i64::MAX)),
        DType::I32 | DType::I64 => x,
        DType::U8 | DType::Bool => exprs.cast(DType::I32, x),
    };
    if !descending {
        return key;
    }
    let last = exprs.constant(Scalar::I64(-1).cast(exprs.dtype(key)));
    exprs.binary(BinaryFn::Sub, last, key)
}

/// The bits of a float are a sign and a size: as an integer they ascend with positive numbers.
/// Those of a negative one are the smallest integer and its size, which is to be the other way: so
/// is their difference to that, and `-0` is 0.
fn key_of_float(exprs: &mut Exprs, x: ExprId, least: Scalar, largest: Scalar) -> ExprId {
    let bits = exprs.intern(Expr::Bitcast(least.dtype(), x));
    let [zero, least, largest] =
        [Scalar::zero(least.dtype()), least, largest].map(|s| exprs.constant(s));
    let is_negative = exprs.compare(CompareFn::Lt, bits, zero);
    let mirrored = exprs.binary(BinaryFn::Sub, least, bits);
    let key = exprs.select(is_negative, mirrored, bits);
    let is_nan = exprs.compare(CompareFn::Ne, x, x);
    exprs.select(is_nan, largest, key)
}

impl Argsort {
    fn indices<T: Arithmetic>(&self, x: &ArcArray<T, IxDyn>) -> Literal {
        let axis = Axis(self.axis);
        let mut sizes = x.raw_dim();
        if let Some(count) = self.count.as_ref().and_then(Dim::as_number) {
            sizes[self.axis] = count as usize;
        }
        let mut y: ArrayD<i32> = ArrayD::zeros(sizes);
        for (row, mut to) in x.lanes(axis).into_iter().zip(y.lanes_mut(axis)) {
            let mut indices: Vec<i32> = (0..row.len() as i32).collect();
            indices.sort_by(|&i, &j| {
                let order = order(&row[i as usize], &row[j as usize]);
                if self.descending { order.reverse() } else { order }
            });
            to.iter_mut().zip(indices).for_each(|(to, i)| *to = i);
        }
        Literal::new(y)
    }
}

/// Which of two elements is less; a NaN is the largest.
fn order<T: PartialOrd>(a: &T, b: &T) -> Ordering {
    let is_nan = |x: &T| x.partial_cmp(x).is_none();
    a.partial_cmp(b).unwrap_or_else(|| is_nan(a).cmp(&is_nan(b)))
}
