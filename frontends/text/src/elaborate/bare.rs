//! Arithmetic on bare numbers: literals, consts, dimensions and what is computed from them.
//!
//! An integer is a polynomial in dimension symbols. Any other number is a known f64, or a formula
//! over dimensions that becomes nodes where it meets a tensor.

use std::sync::Arc;

use brolga_compiler::ir::{Agreement, BinaryFn, CompareFn, Dim, DimError, Scalar, UnaryFn};

use super::value::Bare;
use crate::ast::BinaryOp;

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
const MAX_TERMS: usize = 1000;

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

    fn unary(f: UnaryFn, x: Number) -> Result<Number, BareError> {
        match x.known() {
            Some(x) => Ok(Number::Known(f.eval(Scalar::F64(x)).to_f64())),
            None => {
                let size = limited(x.size() + 1)?;
                Ok(Number::Unary(f, Arc::new(x), size))
            }
        }
    }

    fn binary(f: BinaryFn, a: Number, b: Number) -> Result<Number, BareError> {
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

impl Bare {
    /// The number as a float, a bool excepted.
    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Bare::Int(dim) => Some(match dim.as_number() {
                Some(n) => Number::Known(n as f64),
                None => Number::Dim(dim.clone()),
            }),
            Bare::Float(x) => Some(x.clone()),
            Bare::Bool(_) => None,
        }
    }
}

/// `f(x)` of a bare number.
pub(super) fn unary(f: UnaryFn, x: &Bare) -> Result<Bare, BareError> {
    match (f, x) {
        (UnaryFn::Not, Bare::Bool(b)) => Ok(Bare::Bool(!b)),
        (UnaryFn::Not, Bare::Int(_) | Bare::Float(_)) | (_, Bare::Bool(_)) => Err(BareError::Kind),
        (UnaryFn::Neg, Bare::Int(n)) => Ok(Bare::Int(Dim::number(0).sub(n)?)),
        (UnaryFn::Floor | UnaryFn::Ceil | UnaryFn::Round, Bare::Int(n)) => Ok(Bare::Int(n.clone())),
        (UnaryFn::Abs | UnaryFn::Relu | UnaryFn::Sign, Bare::Int(n)) => match n.as_number() {
            Some(n) => Ok(Bare::Int(Dim::number(match f {
                UnaryFn::Relu => n.max(0),
                UnaryFn::Sign => n.signum(),
                _ => n.checked_abs().ok_or(DimError::Overflow)?,
            }))),
            None => Err(BareError::Symbolic),
        },
        (_, Bare::Int(_) | Bare::Float(_)) => {
            let x = x.number().ok_or(BareError::Kind)?;
            Ok(Bare::Float(Number::unary(f, x)?))
        }
    }
}

/// `a op b` of bare numbers or bools.
pub(super) fn binary(op: BinaryOp, a: &Bare, b: &Bare) -> Result<Bare, BareError> {
    match op {
        BinaryOp::Or | BinaryOp::And => match (a, b) {
            (Bare::Bool(a), Bare::Bool(b)) => {
                Ok(Bare::Bool(if op == BinaryOp::Or { *a || *b } else { *a && *b }))
            }
            _ => Err(BareError::Kind),
        },
        BinaryOp::Eq => Ok(Bare::Bool(equal(a, b)?)),
        BinaryOp::Ne => Ok(Bare::Bool(!equal(a, b)?)),
        BinaryOp::Lt => order(CompareFn::Lt, a, b),
        BinaryOp::Le => order(CompareFn::Le, a, b),
        BinaryOp::Gt => order(CompareFn::Gt, a, b),
        BinaryOp::Ge => order(CompareFn::Ge, a, b),
        BinaryOp::Add => arithmetic(BinaryFn::Add, a, b),
        BinaryOp::Sub => arithmetic(BinaryFn::Sub, a, b),
        BinaryOp::Mul => arithmetic(BinaryFn::Mul, a, b),
        BinaryOp::Div => arithmetic(BinaryFn::Div, a, b),
        BinaryOp::FloorDiv => arithmetic(BinaryFn::FloorDiv, a, b),
        BinaryOp::Rem => arithmetic(BinaryFn::Mod, a, b),
        BinaryOp::Pow => arithmetic(BinaryFn::Pow, a, b),
        BinaryOp::MatMul => Err(BareError::Kind),
    }
}

/// `f(a, b)` of bare numbers.
pub(super) fn arithmetic(f: BinaryFn, a: &Bare, b: &Bare) -> Result<Bare, BareError> {
    if let (Bare::Int(a), Bare::Int(b)) = (a, b)
        && let Some(dim) = integers(f, a, b)?
    {
        if dim.n_terms() > MAX_TERMS {
            return Err(BareError::TooLarge);
        }
        return Ok(Bare::Int(dim));
    }
    let (a, b) = (a.number().ok_or(BareError::Kind)?, b.number().ok_or(BareError::Kind)?);
    Ok(Bare::Float(Number::binary(f, a, b)?))
}

/// `f(a, b)` where integers give an integer.
fn integers(f: BinaryFn, a: &Dim, b: &Dim) -> Result<Option<Dim>, BareError> {
    Ok(Some(match f {
        BinaryFn::Add => a.add(b)?,
        BinaryFn::Sub => a.sub(b)?,
        BinaryFn::Mul => a.mul(b)?,
        BinaryFn::FloorDiv => a.floor_div(b)?,
        BinaryFn::Mod => a.modulo(b)?,
        BinaryFn::Pow => match (a.as_number(), b.as_number().map(u32::try_from)) {
            (Some(a), Some(Ok(b))) => Dim::number(a.checked_pow(b).ok_or(DimError::Overflow)?),
            (None, Some(Ok(n @ 0..=8))) => {
                (0..n).try_fold(Dim::number(1), |power, _| power.mul(a))?
            }
            _ => return Ok(None),
        },
        BinaryFn::Max | BinaryFn::Min => match difference_sign(a, b)? {
            std::cmp::Ordering::Less if f == BinaryFn::Max => b.clone(),
            std::cmp::Ordering::Greater if f == BinaryFn::Min => b.clone(),
            _ => a.clone(),
        },
        BinaryFn::Div | BinaryFn::And | BinaryFn::Or | BinaryFn::Xor | BinaryFn::ShiftRight => {
            return Ok(None);
        }
    }))
}

fn difference_sign(a: &Dim, b: &Dim) -> Result<std::cmp::Ordering, BareError> {
    a.sub(b)?.as_number().map(|d| d.cmp(&0)).ok_or(BareError::Symbolic)
}

fn equal(a: &Bare, b: &Bare) -> Result<bool, BareError> {
    match (a, b) {
        (Bare::Bool(a), Bare::Bool(b)) => Ok(a == b),
        (Bare::Int(a), Bare::Int(b)) => match a.agreement(b) {
            Agreement::Equal => Ok(true),
            Agreement::Different => Ok(false),
            Agreement::Open => Err(BareError::Symbolic),
        },
        (Bare::Bool(_), _) | (_, Bare::Bool(_)) => Err(BareError::Kind),
        (Bare::Int(_) | Bare::Float(_), _) => {
            let (a, b) = (a.number().and_then(|x| x.known()), b.number().and_then(|x| x.known()));
            match (a, b) {
                (Some(a), Some(b)) => Ok(a == b),
                (Some(_) | None, _) => Err(BareError::Symbolic),
            }
        }
    }
}

fn order(f: CompareFn, a: &Bare, b: &Bare) -> Result<Bare, BareError> {
    match (a, b) {
        (Bare::Int(a), Bare::Int(b)) => {
            Ok(Bare::Bool(f.holds(&difference_sign(a, b)?, &std::cmp::Ordering::Equal)))
        }
        _ => {
            let (a, b) = (a.number().ok_or(BareError::Kind)?, b.number().ok_or(BareError::Kind)?);
            match (a.known(), b.known()) {
                (Some(a), Some(b)) => Ok(Bare::Bool(f.holds(&a, &b))),
                (Some(_) | None, _) => Err(BareError::Symbolic),
            }
        }
    }
}
