//! Arithmetic on bare numbers: literals, consts, dimensions and what is computed from them.
//!
//! An integer is a polynomial in dimension symbols. Any other number is a known f64, or a formula
//! over dimensions that becomes nodes where it meets a tensor.

use brolga_compiler::ir::{Agreement, BinaryFn, CompareFn, Dim, DimError, UnaryFn};

use super::number::{BareError, MAX_TERMS, Number};
use super::value::Bare;
use crate::ast::BinaryOp;

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
        (UnaryFn::Relu, Bare::Int(n)) => known(n, |n| Some(n.max(0))),
        (UnaryFn::Sign, Bare::Int(n)) => known(n, |n| Some(n.signum())),
        (UnaryFn::Abs, Bare::Int(n)) => known(n, i64::checked_abs),
        (_, Bare::Int(_) | Bare::Float(_)) => {
            let x = x.number().ok_or(BareError::Kind)?;
            Ok(Bare::Float(Number::unary(f, x)?))
        }
    }
}

/// The function of an integer that depends on no symbol.
fn known(n: &Dim, f: impl FnOnce(i64) -> Option<i64>) -> Result<Bare, BareError> {
    let n = n.as_number().ok_or(BareError::Symbolic)?;
    Ok(Bare::Int(Dim::number(f(n).ok_or(DimError::Overflow)?)))
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
        BinaryFn::Max => if difference_sign(a, b)?.is_lt() { b } else { a }.clone(),
        BinaryFn::Min => if difference_sign(a, b)?.is_gt() { b } else { a }.clone(),
        BinaryFn::Div | BinaryFn::Atan2 => return Ok(None),
        BinaryFn::And | BinaryFn::Or | BinaryFn::Xor | BinaryFn::ShiftRight => return Ok(None),
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
