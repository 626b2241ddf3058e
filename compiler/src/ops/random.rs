//! Random bits from a counter: a word depends on the key, the seed, the step and its position
//! alone, so that neither threads nor fusion nor recomputation change it.

use ndarray::{ArrayD, IxDyn};

use super::attributes::Attributes;
use super::shape::{accepts, bind, exactly, not_negative, numbers};
use super::{
    Attribute, AttributeSignature, EvalContext, EvalError, GradientContext, GradientError,
    LowerContext, Op, OpRules, Signature, TypeError,
};
use crate::ir::{
    Binding, DType, Dim, DimError, Literal, Lowering, NodeId, TensorType, philox_block,
};

/// An operation that makes random numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Random {
    /// 32 random bits an element, as i32. Operands: seed and step, i64 scalars.
    Bits {
        /// The hash of the node's scoped name.
        key: u64,
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
        AttributeSignature { name: "key", default: None, doc: "a hash of the node's name" },
        AttributeSignature { name: "shape", default: None, doc: "the shape of the result" },
    ],
    doc: "Words of 32 random bits as i32: word i is Philox4x32-10 of (key, seed, step, i).",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&BITS]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(match a.name() {
        "random_bits" => {
            // A key is 64 bits; as a number of the language it is signed.
            let (key, shape) = (a.number("key")? as u64, a.dims("shape")?);
            Some(Op::Random(Random::Bits { key, shape }))
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
            Random::Bits { key, shape } => {
                vec![Attribute::Dim(Dim::number(*key as i64)), Attribute::Dims(shape.clone())]
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
        let Random::Bits { key, shape } = self;
        Ok(Op::Random(Random::Bits { key: *key, shape: bind(shape, binding)? }))
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let Random::Bits { key, shape } = self;
        let clock = |k: usize| {
            let scalar = operands[k].array::<i64>().and_then(|a| a.first().copied());
            scalar.expect("infer has seen an i64 scalar") as u64
        };
        let sizes = numbers(shape);
        let words = random_words(*key, clock(0), clock(1), sizes.iter().product());
        let words =
            ArrayD::from_shape_vec(IxDyn(&sizes), words).expect("as many words as elements");
        Ok(vec![Literal::new(words)])
    }

    fn gradient(&self, _: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        Ok(vec![None, None])
    }

    fn lower(&self, _: &mut LowerContext<'_>) -> Lowering {
        let Random::Bits { key, .. } = self;
        Lowering::RandomBits { key: *key }
    }
}

/// The first `n` words for a key, a seed and a step.
pub fn random_words(key: u64, seed: u64, step: u64, n: usize) -> Vec<i32> {
    let blocks = (0..n.div_ceil(4) as u64).flat_map(|i| philox_block(i, key, seed, step));
    blocks.take(n).map(|word| word as i32).collect()
}
