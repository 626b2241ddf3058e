//! How the elements of a result are computed: what an operation's `lower` says.

use super::{AxisId, BinaryFn, CompareFn, DType, ExprId, IndexId, Name, Scalar};

/// An associative function with a neutral element, by which a reduction combines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Monoid {
    /// `a + b`, from 0.
    Sum,
    /// `a · b`, from 1.
    Product,
    /// The larger, from the smallest value; NaN if any is.
    Max,
    /// The smaller, from the largest value; NaN if any is.
    Min,
    /// Logical and, from true.
    All,
    /// Logical or, from false.
    Any,
    /// Of pairs (value, index): the largest value, at its first index; a NaN is largest.
    ArgMax,
    /// Of pairs (value, index): the smallest value, at its first index; a NaN is smallest.
    ArgMin,
}

/// How an operation's result is computed, element by element, once every dimension is a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Lowering {
    /// The element at `axes` is `body`.
    Map {
        /// One axis per dimension of the result.
        axes: Vec<AxisId>,
        /// The element.
        body: ExprId,
    },
    /// The element at `axes` is `body` folded over all of `reduced`, in row-major order up to
    /// the fixed tree of the loop IR. For `ArgMax` and `ArgMin` the result is the index, the
    /// row-major position within `reduced`.
    Reduce {
        /// One axis per dimension of the result.
        axes: Vec<AxisId>,
        /// The axes that the result does not have; outermost first.
        reduced: Vec<AxisId>,
        /// How elements combine.
        monoid: Monoid,
        /// The element that is folded.
        body: ExprId,
    },
    /// The element at `axes` is the sum over `reduced` of the product of two operand elements.
    Contract {
        /// One axis per dimension of the result.
        axes: Vec<AxisId>,
        /// The dimension whose neighbours are adjacent in the result and in the right factor, and
        /// in the left one if that has it: the columns of a product tile. Dimensions after it are
        /// of size 1.
        column: usize,
        /// The axes that are summed over; outermost first, from one to three.
        reduced: Vec<AxisId>,
        /// Where the left factor is in operand 0, along each dimension.
        a: Vec<Reading>,
        /// Where the right factor is in operand 1, along each dimension.
        b: Vec<Reading>,
    },
    /// Parts of the result, each an operand put somewhere in it; `fill` elsewhere.
    Placement {
        /// The parts; they do not overlap.
        parts: Vec<Part>,
        /// What the elements are that no part covers; `None` where the parts cover all.
        fill: Option<Scalar>,
    },
    /// Each element is the sum, from zero and in row-major order, of those elements of an operand
    /// that the part puts there; its index may be from data, and then any number of them go to one
    /// place.
    Scatter(Part),
    /// Each element follows from the one before it along a dimension: the loop over it is in order.
    Prefix(Running),
    /// The element at `axes` is the position of the key that is so far along in ascending order (a
    /// kernel of the runtime); of equal keys the earlier comes first.
    Sort(Sorted),
    /// Words of random bits (a kernel of the runtime): the element at row-major position `i` is
    /// the Philox word `i` for (the stream's key, seed, step), operands 0 and 1.
    RandomBits {
        /// What tells its numbers from others': see [`stream_key`](super::stream_key).
        stream: Name,
    },
    /// A region that is run so many times.
    Repeat,
    /// Nothing to compute: a leaf, or the selection of a result.
    Leaf,
}

/// Where a factor is along a dimension of its operand: at `index / step`. Where that is no whole
/// number, or lies outside of the dimension, the factor is not read and the product does not count:
/// so are padding, and the gaps that a stride leaves between elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// A sum of axes, at most one of them of the result and at most one that is summed over, unless
    /// the position is whole and inside for all of their values.
    pub index: IndexId,
    /// At least 1.
    pub step: i64,
}

impl From<IndexId> for Reading {
    fn from(index: IndexId) -> Reading {
        Reading { index, step: 1 }
    }
}

/// A part of a [`Lowering::Placement`], or what a [`Lowering::Scatter`] adds up.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The operand.
    pub operand: u32,
    /// One axis per dimension of the operand.
    pub axes: Vec<AxisId>,
    /// Where in the result the operand's element at `axes` goes, one index per dimension.
    pub index: Vec<IndexId>,
}

/// How the elements of a [`Lowering::Prefix`] follow from each other: after the first, each is
/// `factor · before + term`, of what is there. At least two elements follow each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// One axis per dimension of the result; that of `along` is not read.
    pub axes: Vec<AxisId>,
    /// The dimension.
    pub along: usize,
    /// Counts the elements after the first.
    pub steps: AxisId,
    /// Where the first is along the dimension.
    pub first_at: IndexId,
    /// Where the element of a step is along the dimension.
    pub at: IndexId,
    /// The first, for each index of the other axes.
    pub first: ExprId,
    /// What the element before is multiplied by; 1 where there is none.
    pub factor: Option<ExprId>,
    /// What is added then; 0 where there is none.
    pub term: Option<ExprId>,
}

/// What a [`Lowering::Sort`] puts in order: at least two keys, at most [`i32::MAX`], of which the
/// result may have the first alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Sorted {
    /// One axis per dimension of the result; that of `along` is not read.
    pub axes: Vec<AxisId>,
    /// The dimension that is in order.
    pub along: usize,
    /// Counts the keys.
    pub positions: AxisId,
    /// An i32 or i64, for each index of the other axes and each position.
    pub key: ExprId,
}

impl Running {
    /// The expressions, the first element's first.
    pub fn bodies(&self) -> impl Iterator<Item = ExprId> {
        [Some(self.first), self.factor, self.term].into_iter().flatten()
    }
}

impl Monoid {
    /// Every one.
    pub const ALL: [Monoid; 8] = [
        Monoid::Sum,
        Monoid::Product,
        Monoid::Max,
        Monoid::Min,
        Monoid::All,
        Monoid::Any,
        Monoid::ArgMax,
        Monoid::ArgMin,
    ];

    /// The name in dumps.
    pub const fn name(self) -> &'static str {
        match self {
            Monoid::Sum => "sum",
            Monoid::Product => "prod",
            Monoid::Max => "max",
            Monoid::Min => "min",
            Monoid::All => "all",
            Monoid::Any => "any",
            Monoid::ArgMax => "argmax",
            Monoid::ArgMin => "argmin",
        }
    }

    /// What a fold of a type starts from, and what it is of nothing; of the value, for pairs.
    pub fn neutral(self, dtype: DType) -> Scalar {
        match self {
            Monoid::Sum | Monoid::Any => Scalar::zero(dtype),
            Monoid::Product | Monoid::All => Scalar::one(dtype),
            Monoid::Max | Monoid::ArgMax => lowest(dtype),
            Monoid::Min | Monoid::ArgMin => highest(dtype),
        }
    }

    /// What changes no value that it is combined with: the neutral element, but for sums of floats -0,
    /// as 0 + -0 is 0. Where several folds of a part of the values are combined, each starts from it.
    pub fn identity(self, dtype: DType) -> Scalar {
        match (self, self.neutral(dtype)) {
            (Monoid::Sum, Scalar::F32(zero)) => Scalar::F32(-zero),
            (Monoid::Sum, Scalar::F64(zero)) => Scalar::F64(-zero),
            (_, neutral) => neutral,
        }
    }

    /// The two-operand function, for those that fold single values.
    pub const fn function(self) -> Option<BinaryFn> {
        match self {
            Monoid::Sum => Some(BinaryFn::Add),
            Monoid::Product => Some(BinaryFn::Mul),
            Monoid::Max => Some(BinaryFn::Max),
            Monoid::Min => Some(BinaryFn::Min),
            Monoid::All => Some(BinaryFn::And),
            Monoid::Any => Some(BinaryFn::Or),
            Monoid::ArgMax | Monoid::ArgMin => None,
        }
    }

    /// Whether the pair `(v, i)` takes the place of the best so far, `(best, at)`; never, but for
    /// the monoids that look for the largest or smallest.
    pub fn replaces(self, best: Scalar, at: i64, v: Scalar, i: i64) -> bool {
        let order = match self {
            Monoid::ArgMin | Monoid::Min => CompareFn::Lt,
            Monoid::ArgMax | Monoid::Max => CompareFn::Gt,
            Monoid::Sum | Monoid::Product | Monoid::All | Monoid::Any => return false,
        };
        let nan = |s: Scalar| CompareFn::Ne.eval(s, s);
        match (nan(best), nan(v)) {
            (false, true) => true,
            (true, false) => false,
            (true, true) => i < at,
            (false, false) => order.eval(v, best) || (CompareFn::Eq.eval(v, best) && i < at),
        }
    }
}

fn lowest(dtype: DType) -> Scalar {
    Scalar::F64(f64::NEG_INFINITY).cast(dtype)
}

fn highest(dtype: DType) -> Scalar {
    Scalar::F64(f64::INFINITY).cast(dtype)
}
