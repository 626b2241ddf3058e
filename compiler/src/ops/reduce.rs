//! Reductions: a monoid over axes, which the result does not have.

use ndarray::{ArcArray, ArrayD, ArrayView1, Axis, IxDyn};

use super::arithmetic::Arithmetic;
use super::attributes::Attributes;
use super::movement::axes_attribute;
use super::shape::{accepts, accepts_bool, check_axes, exactly, product};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Op, OpRules, ProductOfOthers, Signature, TypeError, codes,
    elements,
};
use crate::ir::{
    BinaryFn, Binding, CompareFn, DType, DimError, Element, Literal, Lowering, Monoid, NodeId,
    Scalar, TensorType,
};
use crate::with_array;

/// A reduction over axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// How elements combine.
    pub f: ReduceFn,
    /// The axes, ascending, each once.
    pub axes: Vec<usize>,
}

/// How a reduction combines elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReduceFn {
    /// The sum; integers wrap.
    Sum,
    /// The product; integers wrap.
    Prod,
    /// The largest; NaN if any is.
    Max,
    /// The smallest; NaN if any is.
    Min,
    /// Whether all are true.
    All,
    /// Whether any is true.
    Any,
    /// The first index of the largest along one axis, an i32; a NaN is largest.
    ArgMax,
    /// The first index of the smallest along one axis, an i32; a NaN is smallest.
    ArgMin,
}

impl ReduceFn {
    /// Every reduction.
    pub const ALL: [ReduceFn; 8] = [
        ReduceFn::Sum,
        ReduceFn::Prod,
        ReduceFn::Max,
        ReduceFn::Min,
        ReduceFn::All,
        ReduceFn::Any,
        ReduceFn::ArgMax,
        ReduceFn::ArgMin,
    ];

    /// The name in the language.
    pub fn name(self) -> &'static str {
        signature(self).name
    }

    /// Whether the result is an index.
    pub const fn is_index(self) -> bool {
        match self {
            ReduceFn::ArgMax | ReduceFn::ArgMin => true,
            ReduceFn::Sum
            | ReduceFn::Prod
            | ReduceFn::Max
            | ReduceFn::Min
            | ReduceFn::All
            | ReduceFn::Any => false,
        }
    }

    /// Whether the reduction exists for elements of this type.
    pub const fn accepts(self, dtype: DType) -> bool {
        match self {
            ReduceFn::All | ReduceFn::Any => matches!(dtype, DType::Bool),
            ReduceFn::Sum
            | ReduceFn::Prod
            | ReduceFn::Max
            | ReduceFn::Min
            | ReduceFn::ArgMax
            | ReduceFn::ArgMin => !matches!(dtype, DType::Bool),
        }
    }

    /// The function of two elements that the reduction repeats; `None` where the result is an index.
    pub const fn combine(self) -> Option<BinaryFn> {
        match self {
            ReduceFn::Sum => Some(BinaryFn::Add),
            ReduceFn::Prod => Some(BinaryFn::Mul),
            ReduceFn::Max => Some(BinaryFn::Max),
            ReduceFn::Min => Some(BinaryFn::Min),
            ReduceFn::All => Some(BinaryFn::And),
            ReduceFn::Any => Some(BinaryFn::Or),
            ReduceFn::ArgMax | ReduceFn::ArgMin => None,
        }
    }

    /// The monoid.
    pub const fn monoid(self) -> Monoid {
        match self {
            ReduceFn::Sum => Monoid::Sum,
            ReduceFn::Prod => Monoid::Product,
            ReduceFn::Max => Monoid::Max,
            ReduceFn::Min => Monoid::Min,
            ReduceFn::All => Monoid::All,
            ReduceFn::Any => Monoid::Any,
            ReduceFn::ArgMax => Monoid::ArgMax,
            ReduceFn::ArgMin => Monoid::ArgMin,
        }
    }
}

impl From<Reduce> for Op {
    fn from(op: Reduce) -> Op {
        Op::Reduce(op)
    }
}

const AXES: &[AttributeSignature] = &[AttributeSignature {
    name: "axis",
    default: None,
    doc: "the axes that are reduced; the result does not have them",
}];

const fn reduction(name: &'static str, doc: &'static str) -> Signature {
    Signature { name, operands: &["x"], attributes: AXES, doc }
}

static SUM: Signature = reduction("sum", "The sum over axes; dx = dy repeated.");
static PROD: Signature =
    reduction("prod", "The product over axes; dx = dy times the product of the others.");
static MAX: Signature =
    reduction("max", "The largest over axes, NaN if any is; the largest share dy equally.");
static MIN: Signature =
    reduction("min", "The smallest over axes, NaN if any is; the smallest share dy equally.");
static ALL: Signature = reduction("all", "Whether all bools over axes are true.");
static ANY: Signature = reduction("any", "Whether any bool over axes is true.");
static ARGMAX: Signature =
    reduction("argmax", "The first index of the largest along one axis, an i32; NaN is largest.");
static ARGMIN: Signature =
    reduction("argmin", "The first index of the smallest along one axis, an i32; NaN is smallest.");

fn signature(f: ReduceFn) -> &'static Signature {
    match f {
        ReduceFn::Sum => &SUM,
        ReduceFn::Prod => &PROD,
        ReduceFn::Max => &MAX,
        ReduceFn::Min => &MIN,
        ReduceFn::All => &ALL,
        ReduceFn::Any => &ANY,
        ReduceFn::ArgMax => &ARGMAX,
        ReduceFn::ArgMin => &ARGMIN,
    }
}

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    ReduceFn::ALL.into_iter().map(signature).collect()
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    let Some(f) = ReduceFn::ALL.into_iter().find(|f| signature(*f).name == a.name()) else {
        return Ok(None);
    };
    Ok(Some(Reduce::new(f, &a.axes("axis")?).into()))
}

impl Reduce {
    /// A reduction over axes in any order.
    pub fn new(f: ReduceFn, axes: &[usize]) -> Reduce {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        Reduce { f, axes }
    }
}

impl OpRules for Reduce {
    fn signature(&self) -> &'static Signature {
        signature(self.f)
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![axes_attribute(&self.axes)]
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let name = self.signature().name;
        let [x] = exactly(self.signature(), operands)?;
        check_axes(name, &self.axes, x)?;
        match self.f {
            ReduceFn::All | ReduceFn::Any => accepts_bool(name, x)?,
            ReduceFn::Sum
            | ReduceFn::Prod
            | ReduceFn::Max
            | ReduceFn::Min
            | ReduceFn::ArgMax
            | ReduceFn::ArgMin => accepts(name, self.f.accepts(x.dtype), x)?,
        }
        let kept = x.shape.iter().enumerate().filter(|(axis, _)| !self.axes.contains(axis));
        let shape: Vec<_> = kept.map(|(_, d)| d.clone()).collect();
        if !self.f.is_index() {
            return Ok(vec![TensorType::new(x.dtype, shape)]);
        }
        let [axis] = self.axes.as_slice() else {
            let message = format!("`{name}` of {x}: it takes one axis, not {}", self.axes.len());
            return Err(TypeError::new(codes::ATTRIBUTE, message));
        };
        if x.shape[*axis].as_number() == Some(0) {
            let message = format!("`{name}` of {x}: axis {axis} is empty");
            return Err(TypeError::new(codes::OUT_OF_RANGE, message));
        }
        Ok(vec![TensorType::new(DType::I32, shape)])
    }

    fn specialise(&self, _: &Binding) -> Result<Op, DimError> {
        Ok(self.clone().into())
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let monoid = self.f.monoid();
        Ok(vec![match self.f {
            ReduceFn::ArgMax | ReduceFn::ArgMin => {
                with_array!(operands[0], x => best_index(monoid, x, self.axes[0]))
            }
            ReduceFn::Sum => with_array!(operands[0], x => self.fold(BinaryFn::Add, x)),
            ReduceFn::Prod => with_array!(operands[0], x => self.fold(BinaryFn::Mul, x)),
            ReduceFn::Max => with_array!(operands[0], x => self.fold(BinaryFn::Max, x)),
            ReduceFn::Min => with_array!(operands[0], x => self.fold(BinaryFn::Min, x)),
            ReduceFn::All => with_array!(operands[0], x => self.fold(BinaryFn::And, x)),
            ReduceFn::Any => with_array!(operands[0], x => self.fold(BinaryFn::Or, x)),
        }])
    }

    fn carries(&self, _: usize) -> bool {
        match self.f {
            ReduceFn::Sum | ReduceFn::Prod | ReduceFn::Max | ReduceFn::Min => true,
            ReduceFn::All | ReduceFn::Any | ReduceFn::ArgMax | ReduceFn::ArgMin => false,
        }
    }

    fn is_exact(&self) -> bool {
        match self.f {
            ReduceFn::All | ReduceFn::Any | ReduceFn::ArgMax | ReduceFn::ArgMin => true,
            // The order of a sum is its kernel's.
            ReduceFn::Sum | ReduceFn::Prod | ReduceFn::Max | ReduceFn::Min => false,
        }
    }

    fn flops(&self, operands: &[&TensorType], _: &TensorType) -> u64 {
        elements(operands[0])
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let dx = match self.f {
            ReduceFn::Sum => {
                let (x, dy) = (cx.operand(0), cx.dy());
                let shape = cx.graph.tensor_type(x).shape.clone();
                Some(cx.build().spread(dy, &self.axes, &shape)?)
            }
            ReduceFn::Max | ReduceFn::Min => Some(extreme_gradient(&self.axes, cx)?),
            ReduceFn::Prod => Some(prod_gradient(&self.axes, cx)?),
            ReduceFn::All | ReduceFn::Any | ReduceFn::ArgMax | ReduceFn::ArgMin => None,
        };
        Ok(vec![dx])
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let x = cx.alike()?[0];
        let axes: Vec<usize> = self.axes.iter().map(|axis| axis + 1).collect();
        cx.build().node(Reduce::new(self.f, &axes), &[x]).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let all = cx.exprs.axes(&cx.operand_sizes(0));
        let index = cx.exprs.index_axes(&all);
        let body = cx.element(0, &index);
        let (mut axes, mut reduced) = (vec![], vec![]);
        for (k, axis) in all.into_iter().enumerate() {
            if self.axes.contains(&k) { reduced.push(axis) } else { axes.push(axis) }
        }
        Lowering::Reduce { axes, reduced, monoid: self.f.monoid(), body }
    }
}

/// `dx = dy / n` where x is the extreme, 0 elsewhere; n elements share it.
fn extreme_gradient(axes: &[usize], cx: &mut GradientContext<'_>) -> Result<NodeId, TypeError> {
    let (x, y, dy) = (cx.operand(0), cx.node, cx.dy());
    let mut g = cx.build();
    let of_x = g.tensor_type(x);
    let extreme = g.spread(y, axes, &of_x.shape)?;
    let mask = g.compare(CompareFn::Eq, x, extreme)?;
    let ones = g.cast(mask, of_x.dtype)?;
    let n = g.sum(ones, axes, false)?;
    let share = g.div(dy, n)?;
    let share = g.spread(share, axes, &of_x.shape)?;
    let zero = g.zeros_like(x)?;
    g.select(mask, share, zero)
}

/// `dx = dy` times the product of the others. Several axes become one, the last.
fn prod_gradient(axes: &[usize], cx: &mut GradientContext<'_>) -> Result<NodeId, TypeError> {
    let (x, dy) = (cx.operand(0), cx.dy());
    let mut g = cx.build();
    let shape = g.shape(x);
    let dy = g.spread(dy, axes, &shape)?;
    let others = match axes {
        [] => return Ok(dy),
        [axis] => g.node(ProductOfOthers { axis: *axis }, &[x])?,
        [_, _, ..] => {
            let kept = (0..shape.len()).filter(|axis| !axes.contains(axis));
            let perm: Vec<usize> = kept.chain(axes.iter().copied()).collect();
            let last = g.transpose(x, &perm)?;
            let moved = g.shape(last);
            let (kept, reduced) = moved.split_at(moved.len() - axes.len());
            let flat = g.reshape(last, &[kept, &[product(reduced)?]].concat())?;
            let others = g.node(ProductOfOthers { axis: kept.len() }, &[flat])?;
            let others = g.reshape(others, &moved)?;
            let mut back = vec![0; perm.len()];
            perm.iter().enumerate().for_each(|(k, &axis)| back[axis] = k);
            g.transpose(others, &back)?
        }
    };
    g.mul(dy, others)
}

impl Reduce {
    /// The fold of one axis after the other, the innermost first.
    fn fold<T: Arithmetic>(&self, f: BinaryFn, x: &ArcArray<T, IxDyn>) -> Literal {
        let neutral = T::of_scalar(self.f.monoid().neutral(T::DTYPE));
        let mut y: ArrayD<T> = match self.axes.split_last() {
            None => return T::wrap(x.clone()),
            Some((&last, _)) => fold_axis(f, neutral, x.view(), last),
        };
        for &axis in self.axes.iter().rev().skip(1) {
            y = fold_axis(f, neutral, y.view(), axis);
        }
        Literal::new(y)
    }
}

fn fold_axis<T: Arithmetic>(
    f: BinaryFn,
    neutral: T,
    x: ndarray::ArrayViewD<'_, T>,
    axis: usize,
) -> ArrayD<T> {
    if x.len_of(Axis(axis)) > 1 && x.stride_of(Axis(axis)) == 1 {
        return x.map_axis(Axis(axis), |row| fold_row(f, neutral, row));
    }
    x.fold_axis(Axis(axis), neutral, |&a, &b| T::binary(f, a, b))
}

/// Eight partial results side by side: more accurate for a sum than one, and faster.
fn fold_row<T: Arithmetic>(f: BinaryFn, neutral: T, row: ArrayView1<'_, T>) -> T {
    let mut partial = [neutral; 8];
    let all = row.as_slice();
    let elements = all.unwrap_or(&[]);
    let chunks = elements.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (p, &x) in partial.iter_mut().zip(chunk) {
            *p = T::binary(f, *p, x);
        }
    }
    let sum = partial.into_iter().fold(neutral, |a, b| T::binary(f, a, b));
    let sum = rest.iter().fold(sum, |a, &b| T::binary(f, a, b));
    if all.is_some() { sum } else { row.iter().fold(sum, |a, &b| T::binary(f, a, b)) }
}

fn best_index<T: Element>(monoid: Monoid, x: &ArcArray<T, IxDyn>, axis: usize) -> Literal {
    let first = |row: ArrayView1<'_, T>| {
        let mut best: Option<(Scalar, i64)> = None;
        for (i, v) in row.iter().enumerate() {
            let (v, i) = (v.scalar(), i as i64);
            if best.is_none_or(|(b, at)| monoid.replaces(b, at, v, i)) {
                best = Some((v, i));
            }
        }
        best.map_or(0, |(_, i)| i as i32)
    };
    Literal::new(x.map_axis(Axis(axis), first))
}
