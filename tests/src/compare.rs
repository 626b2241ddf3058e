//! Comparing tensors.

use brolga_compiler::ir::{Literal, Scalar};

/// How far two numbers may be apart: `absolute + relative · |wanted|`.
#[derive(Clone, Copy)]
pub(crate) struct Tolerance {
    /// The part that grows with the number.
    pub(crate) relative: f64,
    /// The part that does not.
    pub(crate) absolute: f64,
}

/// The first element that is further away than the tolerance allows; NaN equals NaN, and what is
/// no float is equal or not.
pub(crate) fn close(found: &Literal, wanted: &Literal, by: Tolerance) -> Result<(), String> {
    differ(found, wanted, |a, b| {
        let (x, y) = (a.to_f64(), b.to_f64());
        a == b
            || x.is_nan() && y.is_nan()
            || x == y
            || a.dtype().is_float() && (x - y).abs() <= by.absolute + by.relative * y.abs()
    })
}

/// The first element whose bits differ; a NaN equals any NaN.
pub(crate) fn same(found: &Literal, wanted: &Literal) -> Result<(), String> {
    differ(found, wanted, |a, b| a == b || a.to_f64().is_nan() && b.to_f64().is_nan())
}

fn differ(
    found: &Literal,
    wanted: &Literal,
    equal: impl Fn(Scalar, Scalar) -> bool,
) -> Result<(), String> {
    if found.tensor_type() != wanted.tensor_type() {
        return Err(format!("{} is not {}", found.tensor_type(), wanted.tensor_type()));
    }
    let mut pairs = found.scalars().zip(wanted.scalars()).enumerate();
    match pairs.find(|(_, (a, b))| !equal(*a, *b)) {
        None => Ok(()),
        Some((i, (a, b))) => Err(format!("element {i} is {a}, not {b}")),
    }
}
