//! Running values along an axis: sums, products, and linear recurrences, in which the gradients of
//! all three are written.
//!
//! Every order of derivative is some more passes along the axis, each linear in its length. Nothing
//! is divided by, so that zeros among the factors are nothing special.

use ndarray::{ArcArray, ArrayD, ArrayView1, ArrayViewMut1, Axis, IxDyn};

use super::arithmetic::{Arithmetic, of_type};
use super::attributes::Attributes;
use super::shape::{accepts, check_axis, exactly, same_dtype, same_shape};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Op, OpRules, Signature, TypeError, elements,
};
use crate::ir::{
    AxisId, BinaryFn, Binding, DType, Dim, DimError, ExprId, IndexId, Literal, Lowering, NodeId,
    Running, Scalar, TensorType,
};
use crate::with_array;

/// A running value along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// How an element follows from the one before it.
    pub f: PrefixFn,
    /// The axis.
    pub axis: usize,
    /// Whether it runs from the last element to the first.
    pub reverse: bool,
}

/// How an element of a running value follows from the one before it; before the first is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrefixFn {
    /// The sum of the elements up to each of them; integers wrap.
    Sum {
        /// Each is left out of its own sum.
        exclusive: bool,
    },
    /// The product of the elements up to each of them; integers wrap.
    Product {
        /// Each is left out of its own product.
        exclusive: bool,
    },
    /// `y_k = a_k y_(k-1) + b_k`, beginning with the first `b`.
    Recurrence(Lag),
}

/// Which operands of a recurrence are read at the position before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lag {
    /// `y_k = a_k y_(k-1) + b_k`.
    None,
    /// `y_k = a_(k-1) y_(k-1) + b_k`.
    Factors,
    /// `y_k = a_(k-1) y_(k-1) + b_(k-1)`, beginning with 0.
    Both,
}

impl From<Prefix> for Op {
    fn from(op: Prefix) -> Op {
        Op::Prefix(op)
    }
}

const AXIS: AttributeSignature =
    AttributeSignature { name: "axis", default: None, doc: "the axis along which it runs" };
const REVERSE: AttributeSignature = AttributeSignature {
    name: "reverse",
    default: Some("false"),
    doc: "whether it runs from the last element to the first",
};
const EXCLUSIVE: AttributeSignature = AttributeSignature {
    name: "exclusive",
    default: Some("false"),
    doc: "whether each element is left out of its own result",
};
const LAG: AttributeSignature = AttributeSignature {
    name: "lag",
    default: Some("0"),
    doc: "what is read at the position before: nothing (0), a (1), a and b (2)",
};

static SUM: Signature = Signature {
    name: "cumsum",
    operands: &["x"],
    attributes: &[AXIS, REVERSE, EXCLUSIVE],
    doc: "The sums of the elements of x up to each of them along an axis, y_k = y_(k-1) + x_k; \
          integers wrap. dx is the same of dy the other way.",
};
static PRODUCT: Signature = Signature {
    name: "cumprod",
    operands: &["x"],
    attributes: &[AXIS, REVERSE, EXCLUSIVE],
    doc: "The products of the elements of x up to each of them along an axis, y_k = y_(k-1) x_k; \
          integers wrap. dx_k = s_k y_(k-1), where s_k = x_(k+1) s_(k+1) + dy_k: zeros are nothing \
          special.",
};
static RECURRENCE: Signature = Signature {
    name: "recurrence",
    operands: &["a", "b"],
    attributes: &[AXIS, REVERSE, LAG],
    doc: "y_k = a_k y_(k-1) + b_k along an axis, where y_0 = b_0: a linear recurrence of any type \
          but bool. db is the recurrence of dy the other way, with the a that follows each; da_k = \
          db_k y_(k-1).",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&SUM, &PRODUCT, &RECURRENCE]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    let f = match a.name() {
        "cumsum" => PrefixFn::Sum { exclusive: a.switch("exclusive")? },
        "cumprod" => PrefixFn::Product { exclusive: a.switch("exclusive")? },
        "recurrence" => PrefixFn::Recurrence(match a.axis_or("lag", 0)? {
            0 => Lag::None,
            1 => Lag::Factors,
            2 => Lag::Both,
            _ => return Err(a.error("lag", "must be 0, 1 or 2")),
        }),
        _ => return Ok(None),
    };
    Ok(Some(Prefix { f, axis: a.axis("axis")?, reverse: a.switch("reverse")? }.into()))
}

/// An operand, and whether it is read at the position before.
#[derive(Clone, Copy)]
struct Reads {
    operand: usize,
    late: bool,
}

/// `y = factor · before + term`, of what is there.
struct Step {
    factor: Option<Reads>,
    term: Option<Reads>,
    /// What is first: the element there of an operand, or a number.
    first: Result<usize, f64>,
}

impl PrefixFn {
    fn step(self) -> Step {
        let reads = |operand, late| Some(Reads { operand, late });
        match self {
            PrefixFn::Sum { exclusive } => Step {
                factor: None,
                term: reads(0, exclusive),
                first: if exclusive { Err(0.0) } else { Ok(0) },
            },
            PrefixFn::Product { exclusive } => Step {
                factor: reads(0, exclusive),
                term: None,
                first: if exclusive { Err(1.0) } else { Ok(0) },
            },
            PrefixFn::Recurrence(lag) => Step {
                factor: reads(0, lag != Lag::None),
                term: reads(1, lag == Lag::Both),
                first: if lag == Lag::Both { Err(0.0) } else { Ok(1) },
            },
        }
    }
}

impl OpRules for Prefix {
    fn signature(&self) -> &'static Signature {
        match self.f {
            PrefixFn::Sum { .. } => &SUM,
            PrefixFn::Product { .. } => &PRODUCT,
            PrefixFn::Recurrence(_) => &RECURRENCE,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        let last = match self.f {
            PrefixFn::Sum { exclusive } | PrefixFn::Product { exclusive } => {
                Attribute::Bool(exclusive)
            }
            PrefixFn::Recurrence(lag) => Attribute::Dim(Dim::number(match lag {
                Lag::None => 0,
                Lag::Factors => 1,
                Lag::Both => 2,
            })),
        };
        vec![Attribute::Dim(Dim::from(self.axis)), Attribute::Bool(self.reverse), last]
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let name = self.signature().name;
        let x = match self.f {
            PrefixFn::Sum { .. } | PrefixFn::Product { .. } => {
                let [x] = exactly(self.signature(), operands)?;
                x
            }
            PrefixFn::Recurrence(_) => {
                let [a, b] = exactly(self.signature(), operands)?;
                same_dtype(name, a, b)?;
                same_shape(name, a, b)?;
                b
            }
        };
        accepts(name, x.dtype != DType::Bool, x)?;
        check_axis(name, self.axis, x)?;
        Ok(vec![x.clone()])
    }

    fn specialise(&self, _: &Binding) -> Result<Op, DimError> {
        Ok((*self).into())
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        Ok(vec![with_array!(operands[0], first => {
            let others = operands[1..].iter().map(|x| of_type(x));
            self.run(&std::iter::once(first).chain(others).collect::<Vec<_>>())
        })])
    }

    fn carries(&self, _: usize) -> bool {
        true
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn flops(&self, operands: &[&TensorType], _: &TensorType) -> u64 {
        operands.iter().map(|x| elements(x)).fold(0, u64::saturating_add)
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let (x, y, dy) = (cx.operand(0), cx.node, cx.dy());
        let back = |f| Prefix { f, reverse: !self.reverse, ..*self };
        let backwards = |lag| back(PrefixFn::Recurrence(lag));
        let again = |f| Prefix { f, ..*self };
        Ok(match self.f {
            PrefixFn::Sum { .. } => vec![Some(cx.build().node(back(self.f), &[dy])?)],
            PrefixFn::Product { exclusive: false } => {
                let before = again(PrefixFn::Product { exclusive: true });
                let before = cx.build().node(before, &[x])?;
                let s = cx.build().node(backwards(Lag::Factors), &[x, dy])?;
                vec![Some(cx.build().mul(s, before)?)]
            }
            PrefixFn::Product { exclusive: true } => {
                let s = cx.build().node(backwards(Lag::Both), &[x, dy])?;
                vec![Some(cx.build().mul(s, y)?)]
            }
            PrefixFn::Recurrence(Lag::None) => {
                let before = again(PrefixFn::Recurrence(Lag::Both));
                let b = cx.operand(1);
                let before = cx.build().node(before, &[x, b])?;
                let db = cx.build().node(backwards(Lag::Factors), &[x, dy])?;
                vec![Some(cx.build().mul(db, before)?), Some(db)]
            }
            PrefixFn::Recurrence(Lag::Factors) => {
                let db = cx.build().node(backwards(Lag::None), &[x, dy])?;
                let after = cx.build().node(backwards(Lag::Both), &[x, dy])?;
                vec![Some(cx.build().mul(after, y)?), Some(db)]
            }
            PrefixFn::Recurrence(Lag::Both) => {
                let db = cx.build().node(backwards(Lag::Both), &[x, dy])?;
                vec![Some(cx.build().mul(db, y)?), Some(db)]
            }
        })
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let operands = cx.alike()?;
        let many = Prefix { axis: self.axis + 1, ..*self };
        cx.build().node(many, &operands).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let n = cx.sizes()[self.axis] as i64;
        let axes = cx.exprs.axes(&cx.sizes());
        let Step { factor, term, first } = self.f.step();
        let first_at = cx.exprs.index_constant(if self.reverse { (n - 1).max(0) } else { 0 });
        let first = match first {
            Ok(operand) if n > 0 => element(cx, operand, &axes, self.axis, first_at),
            Err(number) => cx.exprs.constant(Scalar::F64(number).cast(cx.result.dtype)),
            // Of no elements none is first.
            Ok(_) => cx.exprs.constant(Scalar::zero(cx.result.dtype)),
        };
        if n < 2 {
            return Lowering::Map { axes, body: first };
        }
        let steps = cx.exprs.axis(n as usize - 1);
        let step = cx.exprs.index_axis(steps);
        let (sign, start) = if self.reverse { (-1, n - 1) } else { (1, 0) };
        let before = cx.exprs.index_scale(step, sign, start);
        let at = cx.exprs.index_scale(step, sign, start + sign);
        let mut read = |reads: Reads| {
            element(cx, reads.operand, &axes, self.axis, if reads.late { before } else { at })
        };
        let (factor, term) = (factor.map(&mut read), term.map(&mut read));
        let along = self.axis;
        Lowering::Prefix(Running { axes, along, steps, first_at, at, first, factor, term })
    }
}

/// The element of an operand at the result's axes, but along one of them at another index.
fn element(
    cx: &mut LowerContext<'_>,
    operand: usize,
    axes: &[AxisId],
    along: usize,
    at: IndexId,
) -> ExprId {
    let mut index = cx.exprs.index_axes(axes);
    index[along] = at;
    cx.element(operand, &index)
}

impl Prefix {
    fn run<T: Arithmetic>(&self, operands: &[&ArcArray<T, IxDyn>]) -> Literal {
        let axis = Axis(self.axis);
        let mut y = ArrayD::from_elem(operands[0].raw_dim(), T::of_scalar(Scalar::zero(T::DTYPE)));
        let mut lanes: Vec<_> = operands.iter().map(|x| x.lanes(axis).into_iter()).collect();
        for result in y.lanes_mut(axis) {
            let rows: Vec<_> = lanes.iter_mut().filter_map(Iterator::next).collect();
            self.run_row(&rows, result);
        }
        Literal::new(y)
    }

    fn run_row<T: Arithmetic>(&self, rows: &[ArrayView1<'_, T>], mut y: ArrayViewMut1<'_, T>) {
        let n = y.len();
        let Step { factor, term, first } = self.f.step();
        let at = |k: usize| if self.reverse { n - 1 - k } else { k };
        let read = |k: usize, reads: Reads| rows[reads.operand][at(k - usize::from(reads.late))];
        let mut running = match first {
            Ok(operand) if n > 0 => rows[operand][at(0)],
            Ok(_) => return,
            Err(number) => T::of_scalar(Scalar::F64(number)),
        };
        for k in 0..n {
            if k > 0 {
                let scaled = factor.map(|f| T::binary(BinaryFn::Mul, read(k, f), running));
                let scaled = scaled.unwrap_or(running);
                let sum = term.map(|t| T::binary(BinaryFn::Add, scaled, read(k, t)));
                running = sum.unwrap_or(scaled);
            }
            y[at(k)] = running;
        }
    }
}
