//! What the families share in checking operands, shapes and axes.
//!
//! Everything here follows one rule: dimensions that are different are an error, dimensions that
//! only bound symbols can tell apart pass and are checked again with numbers.

use super::{Signature, TypeError, codes};
use crate::ir::{Agreement, Binding, DType, Dim, DimError, TensorType};

/// The operands, of which the operation takes exactly `N`.
pub(super) fn exactly<'a, const N: usize>(
    signature: &Signature,
    operands: &[&'a TensorType],
) -> Result<[&'a TensorType; N], TypeError> {
    operands.try_into().map_err(|_| {
        let message = format!("`{}` takes {N} operands, not {}", signature.name, operands.len());
        TypeError::new(codes::OPERAND_COUNT, message)
    })
}

/// Whether no two dimensions are different.
pub(super) fn agree(a: &[Dim], b: &[Dim]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| dims_agree(a, b))
}

/// Whether one type can stand for the other.
pub(crate) fn types_agree(a: &TensorType, b: &TensorType) -> bool {
    a.dtype == b.dtype && agree(&a.shape, &b.shape)
}

/// Whether two dimensions are not different.
pub(super) fn dims_agree(a: &Dim, b: &Dim) -> bool {
    match a.agreement(b) {
        Agreement::Equal | Agreement::Open => true,
        Agreement::Different => false,
    }
}

/// Refuses operands of different element types.
pub(super) fn same_dtype(name: &str, a: &TensorType, b: &TensorType) -> Result<(), TypeError> {
    if a.dtype == b.dtype {
        return Ok(());
    }
    let message = format!("`{name}` of {a} and {b}: the element types differ");
    let wider = if b.dtype.is_float() && !a.dtype.is_float() { b.dtype } else { a.dtype };
    let error = TypeError::new(codes::DTYPES_DIFFER, message);
    Err(error.with_help(format!("write cast(..., {wider}) around the other operand")))
}

/// Refuses operands of different shapes.
pub(super) fn same_shape(name: &str, a: &TensorType, b: &TensorType) -> Result<(), TypeError> {
    if agree(&a.shape, &b.shape) {
        return Ok(());
    }
    let why = match a.shape.iter().zip(&b.shape).find(|(a, b)| !dims_agree(a, b)) {
        Some((x, y)) if a.rank() == b.rank() => format!("{x} is not {y}"),
        Some(_) | None => "the ranks differ".to_string(),
    };
    Err(TypeError::new(codes::SHAPES_DIFFER, format!("`{name}` of {a} and {b}: {why}")))
}

/// Refuses an operand for whose element type the operation does not exist.
pub(super) fn accepts(name: &str, accepted: bool, x: &TensorType) -> Result<(), TypeError> {
    if accepted {
        return Ok(());
    }
    let message = format!("`{name}` does not exist for {}, the element type of {x}", x.dtype);
    let help = match x.dtype {
        DType::Bool => "write `cast(..., i32)` or `cast(..., f32)` around it",
        DType::I32 | DType::I64 | DType::U8 => "write `cast(..., f32)` around it",
        DType::F32 | DType::F64 => COMPARE,
    };
    Err(TypeError::new(codes::DTYPE_REFUSED, message).with_help(help))
}

/// The help where a bool is wanted.
const COMPARE: &str = "compare it first, as in `x != 0`";

/// Refuses an operand that should be a bool.
pub(super) fn accepts_bool(name: &str, x: &TensorType) -> Result<(), TypeError> {
    accepts(name, x.dtype == DType::Bool, x).map_err(|error| error.with_help(COMPARE))
}

/// Refuses an axis that a tensor does not have.
pub(super) fn check_axis(name: &str, axis: usize, x: &TensorType) -> Result<(), TypeError> {
    if axis < x.rank() {
        return Ok(());
    }
    let message = format!("`{name}` of {x}: there is no axis {axis}");
    Err(TypeError::new(codes::NO_SUCH_AXIS, message))
}

/// Refuses axes that do not exist or occur twice.
pub(super) fn check_axes(name: &str, axes: &[usize], x: &TensorType) -> Result<(), TypeError> {
    axes.iter().try_for_each(|&axis| check_axis(name, axis, x))?;
    match axes.iter().enumerate().find(|(i, axis)| axes[..*i].contains(axis)) {
        None => Ok(()),
        Some((_, axis)) => {
            let message = format!("`{name}` of {x}: axis {axis} is given twice");
            Err(TypeError::new(codes::ATTRIBUTE, message))
        }
    }
}

/// Refuses dimensions that are negative numbers.
pub(super) fn not_negative(name: &str, what: &str, dims: &[Dim]) -> Result<(), TypeError> {
    match dims.iter().find(|d| d.as_number().is_some_and(|n| n < 0)) {
        None => Ok(()),
        Some(d) => {
            let message = format!("`{name}`: {what} would be {d}");
            Err(TypeError::new(codes::NEGATIVE_DIM, message))
        }
    }
}

/// An attribute that must have one number per axis.
pub(super) fn one_per_axis(
    name: &str,
    what: &str,
    n: usize,
    x: &TensorType,
) -> Result<(), TypeError> {
    if n == x.rank() {
        return Ok(());
    }
    let message = format!("`{name}` of {x}: {n} numbers in `{what}` for {} axes", x.rank());
    Err(TypeError::new(codes::ATTRIBUTE, message))
}

/// The product of dimensions.
pub(super) fn product(dims: &[Dim]) -> Result<Dim, DimError> {
    dims.iter().try_fold(Dim::number(1), |p, d| p.mul(d))
}

/// The dimensions with every symbol replaced by its number.
pub(super) fn bind(dims: &[Dim], binding: &Binding) -> Result<Vec<Dim>, DimError> {
    dims.iter().map(|d| d.evaluate(binding).map(Dim::number)).collect()
}

/// Dimensions as numbers: of attributes of operations that are evaluated or lowered.
pub(super) fn numbers(dims: &[Dim]) -> Vec<usize> {
    let number = |d: &Dim| d.as_number().and_then(|n| usize::try_from(n).ok());
    dims.iter().map(|d| number(d).expect("infer has seen a number, not negative")).collect()
}
