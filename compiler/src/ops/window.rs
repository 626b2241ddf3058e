//! How the windows of convolutions and pools move over spatial axes.

mod attributes;
mod within;

pub(super) use attributes::{DILATION, PADDING, STRIDES, per_axis, read, written};
pub(super) use within::Within;

use super::movement::dilated;
use super::shape::not_negative;
use super::{Build, TypeError, codes};
use crate::ir::{Dim, DimError, NodeId};

/// How a window (a filter, or what a pool looks at) moves along an axis of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// From one place of the window to the next, at least 1.
    pub stride: i64,
    /// From one element of the window to the next, at least 1.
    pub dilation: i64,
    /// How far the window may begin before the input.
    pub before: i64,
    /// How far the window may end after the input.
    pub after: i64,
}

impl Window {
    /// A window that moves by one element, without padding.
    pub const PLAIN: Window = Window { stride: 1, dilation: 1, before: 0, after: 0 };

    /// The extent of the input with its padding.
    pub(in crate::ops) fn padded(&self, input: &Dim) -> Result<Dim, DimError> {
        input.add(&Dim::number(self.before))?.add(&Dim::number(self.after))
    }

    /// How many places the filter has: `floor((padded - span + stride) / stride)`.
    pub(in crate::ops) fn outputs(&self, input: &Dim, filter: &Dim) -> Result<Dim, DimError> {
        let stride = Dim::number(self.stride);
        let left = self.padded(input)?.sub(&dilated(filter, self.dilation)?)?;
        left.add(&stride)?.floor_div(&stride)
    }

    /// The padding, before and after together, with which there are `ceil(input / stride)` outputs;
    /// below 0 where none is needed.
    pub(in crate::ops) fn padding_of_same(
        &self,
        input: &Dim,
        filter: &Dim,
    ) -> Result<Dim, DimError> {
        let (one, stride) = (Dim::number(1), Dim::number(self.stride));
        let steps = input.sub(&one)?.floor_div(&stride)?;
        steps.mul(&stride)?.add(&dilated(filter, self.dilation)?)?.sub(input)
    }

    /// The index of the input that an element of the filter meets at an output, if it has one.
    pub(in crate::ops) fn input_at(
        &self,
        output: usize,
        filter: usize,
        size: usize,
    ) -> Option<usize> {
        let at = output as i64 * self.stride + filter as i64 * self.dilation - self.before;
        usize::try_from(at).ok().filter(|&at| at < size)
    }

    /// The output at which an element of the filter meets an index of the input, if there is one.
    pub(in crate::ops) fn output_at(
        &self,
        input: usize,
        filter: usize,
        size: usize,
    ) -> Option<usize> {
        let at = input as i64 + self.before - filter as i64 * self.dilation;
        let whole = (at % self.stride == 0).then_some(at / self.stride);
        whole.and_then(|at| usize::try_from(at).ok()).filter(|&at| at < size)
    }
}

/// The examples of many tensors `[m, n, ..]` as those of one, `[m · n, ..]`.
pub(super) fn examples_of_all(g: &mut Build<'_>, x: NodeId) -> Result<NodeId, TypeError> {
    let mut shape = g.shape(x);
    let all = shape[0].mul(&shape[1])?;
    shape.splice(..2, [all]);
    g.reshape(x, &shape)
}

/// The way back: `[m · n, ..]` as `m` tensors.
pub(super) fn examples_of_each(g: &mut Build<'_>, y: NodeId, m: Dim) -> Result<NodeId, TypeError> {
    let mut shape = g.shape(y);
    shape.splice(..1, [m, Dim::number(-1)]);
    g.reshape(y, &shape)
}

/// Refuses windows that do not move forwards, for the operation of that name.
pub(super) fn check(name: &str, windows: &[Window]) -> Result<(), TypeError> {
    let refuse = |what: &str| Err(TypeError::new(codes::ATTRIBUTE, format!("`{name}`: {what}")));
    if !(1..=2).contains(&windows.len()) {
        return refuse("there are one or two spatial axes");
    }
    if windows.iter().any(|w| w.stride < 1) {
        return refuse("a stride must be at least 1");
    }
    if windows.iter().any(|w| w.dilation < 1) {
        return refuse("a dilation must be at least 1");
    }
    let padding = windows.iter().flat_map(|w| [w.before, w.after].map(Dim::number));
    not_negative(name, "a padding", &padding.collect::<Vec<Dim>>())
}

/// How many places windows of these lengths have in an input; `what` they are: `filter`, `window`.
/// Errors: one is empty or longer than the padded input.
pub(super) fn places(
    name: &str,
    what: &str,
    windows: &[Window],
    input: &[Dim],
    lengths: &[Dim],
) -> Result<Vec<Dim>, TypeError> {
    not_negative(name, "a dimension", input)?;
    let size = |((window, input), length): ((&Window, &Dim), &Dim)| {
        if length.as_number().is_some_and(|k| k < 1) {
            let message = format!("`{name}`: a {what} of {length} elements along an axis");
            return Err(TypeError::new(codes::OUT_OF_RANGE, message));
        }
        let (padded, span) = (window.padded(input)?, dilated(length, window.dilation)?);
        if padded.sub(&span)?.as_number().is_some_and(|left| left < 0) {
            let message = format!(
                "`{name}`: the {what} spans {span} elements of an axis, the padded input has {padded}"
            );
            return Err(TypeError::new(codes::OUT_OF_RANGE, message));
        }
        Ok(window.outputs(input, length)?)
    };
    windows.iter().zip(input).zip(lengths).map(size).collect()
}
