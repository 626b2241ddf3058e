//! Elementwise operations: the result's element at an index is a function of the operands'
//! elements at that index. All operands have the result's shape; broadcasting is a node. `eval`
//! alone also takes smaller operands beside one of the full shape, see `implied_broadcasts`.

use super::arithmetic::{cast_literal, eval_binary, eval_compare, eval_select, of_type};
use super::attributes::Attributes;
use super::shape::{accepts, accepts_bool, exactly, same_dtype, same_shape};
use super::{
    Attribute, AttributeSignature, BatchContext, Course, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Op, OpRules, Signature, TypeError, elements,
};
use crate::ir::{
    BinaryFn, Binding, CompareFn, DType, DimError, Literal, Lowering, NodeId, TensorType, UnaryFn,
};
use crate::with_array;

/// An elementwise operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elementwise {
    /// A function of one operand.
    Unary(UnaryFn),
    /// A function of two operands of the same type.
    Binary(BinaryFn),
    /// A comparison of two operands of the same type.
    Compare(CompareFn),
    /// `cond ? a : b`, for a bool and two operands of the same type.
    Select,
    /// Conversion to an element type.
    Cast(DType),
}

impl From<Elementwise> for Op {
    fn from(op: Elementwise) -> Op {
        Op::Elementwise(op)
    }
}
impl From<UnaryFn> for Op {
    fn from(f: UnaryFn) -> Op {
        Op::Elementwise(Elementwise::Unary(f))
    }
}
impl From<BinaryFn> for Op {
    fn from(f: BinaryFn) -> Op {
        Op::Elementwise(Elementwise::Binary(f))
    }
}
impl From<CompareFn> for Op {
    fn from(f: CompareFn) -> Op {
        Op::Elementwise(Elementwise::Compare(f))
    }
}

const fn binary(name: &'static str, doc: &'static str) -> Signature {
    Signature { name, operands: &["a", "b"], attributes: &[], doc }
}

fn compare_signature(f: CompareFn) -> &'static Signature {
    match f {
        CompareFn::Eq => const { &binary("equal", "a == b, a bool; false with a NaN.") },
        CompareFn::Ne => const { &binary("not_equal", "a != b, a bool; true with a NaN.") },
        CompareFn::Lt => const { &binary("less", "a < b, a bool; false with a NaN.") },
        CompareFn::Le => const { &binary("less_equal", "a <= b, a bool; false with a NaN.") },
        CompareFn::Gt => const { &binary("greater", "a > b, a bool; false with a NaN.") },
        CompareFn::Ge => const { &binary("greater_equal", "a >= b, a bool; false with a NaN.") },
    }
}

static SELECT: Signature = Signature {
    name: "select",
    operands: &["cond", "a", "b"],
    attributes: &[],
    doc: "a where cond, else b; da = select(cond, dy, 0), db = select(cond, 0, dy).",
};
static CAST: Signature = Signature {
    name: "cast",
    operands: &["x"],
    attributes: &[AttributeSignature { name: "type", default: None, doc: "the element type" }],
    doc: "x in another element type: saturating, NaN to 0; between floats dx = cast(dy).",
};

/// Every operation of the family; of `cast`, one.
fn all() -> impl Iterator<Item = Elementwise> {
    let unary = UnaryFn::ALL.into_iter().map(Elementwise::Unary);
    let binary = BinaryFn::ALL.into_iter().map(Elementwise::Binary);
    let compare = CompareFn::ALL.into_iter().map(Elementwise::Compare);
    unary.chain(binary).chain(compare).chain([Elementwise::Select, Elementwise::Cast(DType::F32)])
}

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    all().map(|op| op.signature()).collect()
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(attributes: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    let found = all().find(|op| op.signature().name == attributes.name());
    Ok(match found {
        Some(Elementwise::Cast(_)) => Some(Elementwise::Cast(attributes.dtype("type")?).into()),
        Some(op) => Some(op.into()),
        None => None,
    })
}

impl OpRules for Elementwise {
    fn signature(&self) -> &'static Signature {
        match self {
            Elementwise::Unary(f) => f.signature(),
            Elementwise::Binary(f) => f.signature(),
            Elementwise::Compare(f) => compare_signature(*f),
            Elementwise::Select => &SELECT,
            Elementwise::Cast(_) => &CAST,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Elementwise::Cast(dtype) => vec![Attribute::DType(*dtype)],
            Elementwise::Unary(_)
            | Elementwise::Binary(_)
            | Elementwise::Compare(_)
            | Elementwise::Select => vec![],
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let signature = self.signature();
        let name = signature.name;
        let same = |a: &TensorType, b: &TensorType| {
            same_dtype(name, a, b).and_then(|()| same_shape(name, a, b))
        };
        Ok(vec![match self {
            Elementwise::Unary(f) => {
                let [x] = exactly(signature, operands)?;
                if *f == UnaryFn::Not {
                    accepts_bool(name, x)?;
                } else {
                    accepts(name, f.accepts(x.dtype), x)?;
                }
                x.clone()
            }
            Elementwise::Binary(f) => {
                let [a, b] = exactly(signature, operands)?;
                same(a, b)?;
                accepts_binary(*f, name, a)?;
                a.clone()
            }
            Elementwise::Compare(_) => {
                let [a, b] = exactly(signature, operands)?;
                same(a, b)?;
                TensorType::new(DType::Bool, a.shape.clone())
            }
            Elementwise::Select => {
                let [cond, a, b] = exactly(signature, operands)?;
                accepts_bool(name, cond)?;
                same(a, b)?;
                same_shape(name, cond, a)?;
                a.clone()
            }
            Elementwise::Cast(dtype) => {
                let [x] = exactly(signature, operands)?;
                TensorType::new(*dtype, x.shape.clone())
            }
        }])
    }

    fn specialise(&self, _: &Binding) -> Result<Op, DimError> {
        Ok((*self).into())
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        Ok(vec![match self {
            Elementwise::Unary(f) => f.map(operands[0]),
            Elementwise::Binary(f) => {
                with_array!(operands[0], a => eval_binary(*f, a, of_type(operands[1])))
            }
            Elementwise::Compare(f) => {
                with_array!(operands[0], a => eval_compare(*f, a, of_type(operands[1])))
            }
            Elementwise::Select => with_array!(operands[1], a => {
                eval_select(of_type(operands[0]), a, of_type(operands[2]))
            }),
            Elementwise::Cast(dtype) => cast_literal(*dtype, operands[0]),
        }])
    }

    fn carries(&self, operand: usize) -> bool {
        match self {
            Elementwise::Unary(f) => f.course() != Course::Stepped,
            Elementwise::Binary(f) => f.has_gradient(),
            Elementwise::Compare(_) => false,
            Elementwise::Select => operand > 0,
            Elementwise::Cast(_) => true,
        }
    }

    fn is_exact(&self) -> bool {
        match self {
            Elementwise::Unary(f) => !f.is_transcendental(),
            Elementwise::Binary(f) => f.is_instruction(),
            Elementwise::Compare(_) | Elementwise::Select | Elementwise::Cast(_) => true,
        }
    }

    fn flops(&self, _: &[&TensorType], result: &TensorType) -> u64 {
        elements(result)
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        match self {
            Elementwise::Unary(f) => {
                let at = [cx.operand(0), cx.node, cx.dy()];
                Ok(vec![f.gradient(&mut cx.build(), at)?])
            }
            Elementwise::Binary(f) => {
                let at = [cx.operand(0), cx.operand(1), cx.node, cx.dy()];
                Ok(f.gradient(&mut cx.build(), at)?.into())
            }
            Elementwise::Compare(_) => Ok(vec![None, None]),
            Elementwise::Select => {
                let (cond, dy) = (cx.operand(0), cx.dy());
                let mut g = cx.build();
                let zero = g.zeros_like(dy)?;
                let (da, db) = (g.select(cond, dy, zero)?, g.select(cond, zero, dy)?);
                Ok(vec![None, Some(da), Some(db)])
            }
            Elementwise::Cast(_) => {
                let (x, dy) = (cx.operand(0), cx.dy());
                let dtype = cx.graph.tensor_type(x).dtype;
                if !dtype.is_float() {
                    return Ok(vec![None]);
                }
                Ok(vec![Some(cx.build().cast(dy, dtype)?)])
            }
        }
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let operands = cx.alike()?;
        cx.build().node(*self, &operands).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let axes = cx.exprs.axes(&cx.sizes());
        let index = cx.exprs.index_axes(&axes);
        let body = match self {
            Elementwise::Unary(f) => {
                let x = cx.element(0, &index);
                cx.exprs.unary(*f, x)
            }
            Elementwise::Binary(f) => {
                let (a, b) = (cx.element(0, &index), cx.element(1, &index));
                cx.exprs.binary(*f, a, b)
            }
            Elementwise::Compare(f) => {
                let (a, b) = (cx.element(0, &index), cx.element(1, &index));
                cx.exprs.compare(*f, a, b)
            }
            Elementwise::Select => {
                let cond = cx.element(0, &index);
                let (a, b) = (cx.element(1, &index), cx.element(2, &index));
                cx.exprs.select(cond, a, b)
            }
            Elementwise::Cast(dtype) => {
                let x = cx.element(0, &index);
                cx.exprs.cast(*dtype, x)
            }
        };
        Lowering::Map { axes, body }
    }
}

fn accepts_binary(f: BinaryFn, name: &str, x: &TensorType) -> Result<(), TypeError> {
    if f.is_logical() {
        return accepts_bool(name, x);
    }
    accepts(name, f.accepts(x.dtype), x).map_err(|error| match f.for_integers() {
        Some(instead) if x.dtype.is_int() => error.with_help(instead),
        Some(_) | None => error,
    })
}
