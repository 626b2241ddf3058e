//! How a filter moves along one axis of the input.

use crate::ir::{Dim, DimError};
use crate::ops::movement::dilated;

/// How a filter moves along an axis of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// From one place of the filter to the next, at least 1.
    pub stride: i64,
    /// From one element of the filter to the next, at least 1.
    pub dilation: i64,
    /// How far the filter may begin before the input.
    pub before: i64,
    /// How far the filter may end after the input.
    pub after: i64,
}

impl Window {
    /// The extent of the input with its padding.
    pub(super) fn padded(&self, input: &Dim) -> Result<Dim, DimError> {
        input.add(&Dim::number(self.before))?.add(&Dim::number(self.after))
    }

    /// How many places the filter has: `floor((padded - span + stride) / stride)`.
    pub(super) fn outputs(&self, input: &Dim, filter: &Dim) -> Result<Dim, DimError> {
        let stride = Dim::number(self.stride);
        let left = self.padded(input)?.sub(&dilated(filter, self.dilation)?)?;
        left.add(&stride)?.floor_div(&stride)
    }

    /// The padding, before and after together, with which there are `ceil(input / stride)` outputs;
    /// below 0 where none is needed.
    pub(super) fn padding_of_same(&self, input: &Dim, filter: &Dim) -> Result<Dim, DimError> {
        let (one, stride) = (Dim::number(1), Dim::number(self.stride));
        let steps = input.sub(&one)?.floor_div(&stride)?;
        steps.mul(&stride)?.add(&dilated(filter, self.dilation)?)?.sub(input)
    }

    /// The index of the input that an element of the filter meets at an output, if it has one.
    pub(super) fn input_at(&self, output: usize, filter: usize, size: usize) -> Option<usize> {
        let at = output as i64 * self.stride + filter as i64 * self.dilation - self.before;
        usize::try_from(at).ok().filter(|&at| at < size)
    }

    /// The output at which an element of the filter meets an index of the input, if there is one.
    pub(super) fn output_at(&self, input: usize, filter: usize, size: usize) -> Option<usize> {
        let at = input as i64 + self.before - filter as i64 * self.dilation;
        let whole = (at % self.stride == 0).then_some(at / self.stride);
        whole.and_then(|at| usize::try_from(at).ok()).filter(|&at| at < size)
    }
}
