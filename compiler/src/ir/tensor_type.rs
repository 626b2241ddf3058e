//! The type of a tensor: element type and shape.

use std::fmt;

use super::{Binding, DType, Dim, DimError};

/// An element type and a shape: `f32[batch, 784]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// The type of each element.
    pub dtype: DType,
    /// The dimensions, outermost first; empty for a scalar.
    pub shape: Vec<Dim>,
}

impl TensorType {
    /// A tensor type of symbolic or numeric dimensions.
    pub fn new(dtype: DType, shape: impl Into<Vec<Dim>>) -> TensorType {
        TensorType { dtype, shape: shape.into() }
    }

    /// The type of a scalar.
    pub fn scalar(dtype: DType) -> TensorType {
        TensorType { dtype, shape: vec![] }
    }

    /// A tensor type whose dimensions are all numbers.
    pub fn of_sizes(dtype: DType, sizes: &[usize]) -> TensorType {
        TensorType { dtype, shape: sizes.iter().map(|&n| Dim::from(n)).collect() }
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The dimensions as numbers, if every one is a number that is not negative.
    pub fn sizes(&self) -> Option<Vec<usize>> {
        self.each_size().collect()
    }

    fn each_size(&self) -> impl Iterator<Item = Option<usize>> {
        self.shape.iter().map(|d| d.as_number().and_then(|n| usize::try_from(n).ok()))
    }

    /// The number of elements, if all dimensions are numbers and their product fits.
    pub fn n_elements(&self) -> Option<usize> {
        self.each_size().try_fold(1usize, |n, size| n.checked_mul(size?))
    }

    /// The size in bytes, if all dimensions are numbers and the size fits in 63 bits.
    pub fn n_bytes(&self) -> Option<usize> {
        let bytes = self.n_elements()?.checked_mul(self.dtype.size())?;
        (bytes <= i64::MAX as usize).then_some(bytes)
    }

    /// This type with the symbols replaced by their numbers.
    pub fn bind(&self, binding: &Binding) -> Result<TensorType, DimError> {
        let shape: Result<Vec<Dim>, DimError> =
            self.shape.iter().map(|d| d.evaluate(binding).map(Dim::number)).collect();
        Ok(TensorType { dtype: self.dtype, shape: shape? })
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dtype)?;
        if self.shape.is_empty() {
            return Ok(());
        }
        write!(f, "{}", ShapeText(&self.shape))
    }
}

/// Prints a list of dimensions: `[batch, 784]`.
pub struct ShapeText<'a>(pub &'a [Dim]);

impl fmt::Display for ShapeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, d) in self.0.iter().enumerate() {
            write!(f, "{}{d}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str("]")
    }
}
