//! Numbers that are not integers: known, or formulas over dimensions.

use std::sync::Arc;

use brolga_compiler::ir::{BinaryFn, Dim, DimError, Scalar, UnaryFn};

/// A number that is not an integer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    /// A known number.
    Known(f64),
    /// A dimension with a symbol in it.
    Dim(Dim),
    /// A function of one number, with its size as a formula.
    Unary(UnaryFn, Arc<Number>, usize),
    /// A function of two numbers, with its size as a formula.
    Binary(BinaryFn, Arc<Number>, Arc<Number>, usize),
}

/// Why two bare numbers cannot be combined.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum BareError {
    /// The operator does not exist for such values.
    Kind,
    /// The dimension overflows or is divided by zero.
    Dim(DimError),
    /// The answer depends on symbols.
    Symbolic,
    /// The formula has become too large.
    TooLarge,
}

impl From<DimError> for BareError {
    fn from(error: DimError) -> BareError {
        BareError::Dim(error)
    }
}

/// The most terms that a polynomial or formula may have: products of sums grow fast.
pub(super) const MAX_TERMS: usize = 1000;

impl Number {
    /// The number, if it is known.
    pub(super) fn known(&self) -> Option<f64> {
        match self {
            Number::Known(x) => Some(*x),
            Number::Dim(dim) => dim.as_number().map(|n| n as f64),
            Number::Unary(..) | Number::Binary(..) => None,
        }
    }

    fn size(&self) -> usize {
        match self {
            Number::Known(_) | Number::Dim(_) => 1,
            Number::Unary(_, _, size) | Number::Binary(_, _, _, size) => *size,
        }
    }

    /// The function of a number.
    pub(super) fn unary(f: UnaryFn, x: Number) -> Result<Number, BareError> {
        match x.known() {
            Some(x) => Ok(Number::Known(f.eval(Scalar::F64(x)).to_f64())),
            None => {
                let size = limited(x.size() + 1)?;
                Ok(Number::Unary(f, Arc::new(x), size))
            }
        }
    }

    /// The function of two numbers.
    pub(super) fn binary(f: BinaryFn, a: Number, b: Number) -> Result<Number, BareError> {
        match (a.known(), b.known()) {
            (Some(a), Some(b)) => {
                Ok(Number::Known(f.eval(Scalar::F64(a), Scalar::F64(b)).to_f64()))
            }
            (Some(_) | None, _) => {
                let size = limited(a.size() + b.size() + 1)?;
                Ok(Number::Binary(f, Arc::new(a), Arc::new(b), size))
            }
        }
    }
}

fn limited(size: usize) -> Result<usize, BareError> {
    if size > MAX_TERMS { Err(BareError::TooLarge) } else { Ok(size) }
}
