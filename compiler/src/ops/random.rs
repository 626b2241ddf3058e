//! Random bits from a counter: a word depends on the key, the seed, the step and its position
//! alone, so that neither threads nor fusion nor recomputation change it.

use ndarray::{ArrayD, IxDyn};

use super::attributes::Attributes;
use super::shape::{accepts, bind, exactly, not_negative, numbers};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Op, OpRules, Signature, TypeError,
};
use crate::ir::{
    Binding, DType, Dim, DimError, Literal, Lowering, Name, NodeId, TensorType, philox_block,
    stream_key,
};

/// An operation that makes random numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Random {
    /// 32 random bits an element, as i32. Operands: seed and step, i64 scalars.
    Bits {
        /// The scoped name of the node that made it first: it tells its numbers from others'.
        name: Name,
        /// The shape of the result.
        shape: Vec<Dim>,
    },
}

impl From<Random> for Op {
    fn from(op: Random) -> Op {
        Op::Random(op)
    }
}

static BITS: Signature = Signature {
    name: "random_bits",
    operands: &["seed", "step"],
    attributes: &[
        AttributeSignature {
            name: "name",
            default: None,
            doc: "what tells its numbers from others'",
        },
        AttributeSignature { name: "shape", default: None, doc: "the shape of the result" },
    ],
    doc: "Words of 32 random bits as i32: word i is Philox4x32-10 of (name, seed, step, i).",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&BITS]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(match a.name() {
        "random_bits" => {
            let (name, shape) = (a.text("name")?.into(), a.dims("shape")?);
            Some(Op::Random(Random::Bits { name, shape }))
        }
        _ => None,
    })
}

impl OpRules for Random {
    fn signature(&self) -> &'static Signature {
        match self {
            Random::Bits { .. } => &BITS,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Random::Bits { name, shape } => {
                vec![Attribute::Name(name.to_string()), Attribute::Dims(shape.clone())]
            }
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let Random::Bits { shape, .. } = self;
        let clocks: [&TensorType; 2] = exactly(self.signature(), operands)?;
        for clock in clocks {
            let is_clock = *clock == TensorType::scalar(DType::I64);
            accepts("random_bits", is_clock, clock)?;
        }
        not_negative("random_bits", "a dimension", shape)?;
        Ok(vec![TensorType::new(DType::I32, shape.clone())])
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        let Random::Bits { name, shape } = self;
        Ok(Op::Random(Random::Bits { name: name.clone(), shape: bind(shape, binding)? }))
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let Random::Bits { name, shape } = self;
        let clock = |k: usize| {
            let scalar = operands[k].array::<i64>().and_then(|a| a.first().copied());
            scalar.expect("infer has seen an i64 scalar") as u64
        };
        let sizes = numbers(shape);
        let words = random_words(stream_key(name), clock(0), clock(1), sizes.iter().product());
        let words =
            ArrayD::from_shape_vec(IxDyn(&sizes), words).expect("as many words as elements");
        Ok(vec![Literal::new(words)])
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
        Ok(vec![None, None])
    }

    fn batch(&self, _: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        // An element depends on one step, the operand: many steps are many operations.
        Ok(None)
    }

    fn lower(&self, _: &mut LowerContext<'_>) -> Lowering {
        let Random::Bits { name, .. } = self;
        Lowering::RandomBits { stream: name.clone() }
    }
}

/// The first `n` words for a key, a seed and a step.
pub fn random_words(key: u64, seed: u64, step: u64, n: usize) -> Vec<i32> {
    let blocks = (0..n.div_ceil(4) as u64).flat_map(|i| philox_block(i, key, seed, step));
    blocks.take(n).map(|word| word as i32).collect()
}
