//! Random bits from a counter: a word depends on the key, the seed, the step and its position
//! alone, so that neither threads nor fusion nor recomputation change it.

use ndarray::{ArrayD, IxDyn};

use super::attributes::Attributes;
use super::shape::{accepts, bind, exactly, not_negative, numbers};
use super::{
    Attribute, AttributeSignature, EvalContext, EvalError, GradientContext, GradientError,
    LowerContext, Op, OpRules, Signature, TypeError,
};
use crate::ir::{Binding, DType, Dim, DimError, Literal, Lowering, NodeId, TensorType};

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

/// The first `n` words for a key, a seed and a step: word `i` is word `i mod 4` of the block
/// `i / 4`. A block's counter is `[block low, block high, step low, step high]` (32 bits each),
/// its key the two halves (low first) of `mix(mix(seed) + key)`. The runtime's kernel
/// `brolga_philox` makes the same words.
pub fn random_words(key: u64, seed: u64, step: u64, n: usize) -> Vec<i32> {
    let key = mix(mix(seed).wrapping_add(key));
    let key = [key as u32, (key >> 32) as u32];
    let mut words = Vec::with_capacity(n.next_multiple_of(4));
    for block in 0..n.div_ceil(4) as u64 {
        let counter = [block as u32, (block >> 32) as u32, step as u32, (step >> 32) as u32];
        words.extend(philox4x32_10(counter, key).map(|w| w as i32));
    }
    words.truncate(n);
    words
}

/// The output function of SplitMix64 after one step of its state, a bijection of 64 bits (Steele,
/// Lea, Flood 2014, "Fast splittable pseudorandom number generators", figure 17).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Philox4x32 with ten rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
/// section 3.2 and table 2).
fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [c0, c1, c2, c3] = counter;
        let product = |m: u32, c: u32| u64::from(m) * u64::from(c);
        let (p, q) = (product(0xD251_1F53, c0), product(0xCD9E_8D57, c2));
        counter =
            [(q >> 32) as u32 ^ c1 ^ key[0], q as u32, (p >> 32) as u32 ^ c3 ^ key[1], p as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_words() {
        // The known-answer vectors of the authors' Random123 library.
        assert_eq!(
            philox4x32_10([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32_10([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32_10(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}
