//! The names and attributes of convolutions, there and back.

use super::{Conv, ConvResult, Window, window};
use crate::ir::Dim;
use crate::ops::attributes::Attributes;
use crate::ops::shape::exactly;
use crate::ops::window::{DILATION, PADDING, STRIDES};
use crate::ops::{Attribute, AttributeSignature, Op, OpRules, Signature, TypeError};

const PARTS: AttributeSignature = AttributeSignature {
    name: "parts",
    default: Some("0"),
    doc: "if not 0: the examples are so many equal parts, each with a filter [parts, ..] of its own",
};
const GROUPS: AttributeSignature = AttributeSignature {
    name: "groups",
    default: Some("0"),
    doc: "if not 0: the channels are so many groups, each of which meets filters of its own",
};
const INPUT_SIZE: AttributeSignature =
    AttributeSignature { name: "size", default: None, doc: "the spatial sizes of the input" };
const FILTER_SIZE: AttributeSignature =
    AttributeSignature { name: "size", default: None, doc: "the spatial sizes of the filter" };

const fn output(name: &'static str, doc: &'static str) -> Signature {
    let attributes = &[STRIDES, PADDING, DILATION, GROUPS, PARTS];
    Signature { name, operands: &["x", "w"], attributes, doc }
}

const fn input_gradient(name: &'static str, doc: &'static str) -> Signature {
    let attributes = &[INPUT_SIZE, STRIDES, PADDING, DILATION, GROUPS, PARTS];
    Signature { name, operands: &["dy", "w"], attributes, doc }
}

const fn filter_gradient(name: &'static str, doc: &'static str) -> Signature {
    let attributes = &[FILTER_SIZE, STRIDES, PADDING, DILATION, GROUPS, PARTS];
    Signature { name, operands: &["x", "dy"], attributes, doc }
}

/// By the number of spatial axes, less 1: those for the output, the input and the filter.
pub(super) static SIGNATURES: [[Signature; 3]; 2] = [
    [
        output(
            "conv1d",
            "[n, i, c] with a filter [k, c, f] -> [n, o, f], of floats: y[n, o, f] = \
             ∑ x[n, o · stride + k · dilation - before, c] · w[k, c, f], padding not being read. \
             dx = conv1d_input_gradient(dy, w), dw = conv1d_filter_gradient(x, dy).",
        ),
        input_gradient(
            "conv1d_input_gradient",
            "The gradient of conv1d with respect to x: [n, o, f] and a filter [k, c, f] -> \
             [n, i, c]. Its own are conv1d and conv1d_filter_gradient.",
        ),
        filter_gradient(
            "conv1d_filter_gradient",
            "The gradient of conv1d with respect to w: [n, i, c] and [n, o, f] -> [k, c, f]. Its \
             own are conv1d_input_gradient and conv1d.",
        ),
    ],
    [
        output(
            "conv2d",
            "[n, h, w, c] with a filter [kh, kw, c, f] -> [n, oh, ow, f], of floats: conv1d along \
             both axes. dx = conv2d_input_gradient(dy, w), dw = conv2d_filter_gradient(x, dy).",
        ),
        input_gradient(
            "conv2d_input_gradient",
            "The gradient of conv2d with respect to x: [n, oh, ow, f] and a filter [kh, kw, c, f] \
             -> [n, h, w, c]. Its own are conv2d and conv2d_filter_gradient.",
        ),
        filter_gradient(
            "conv2d_filter_gradient",
            "The gradient of conv2d with respect to w: [n, h, w, c] and [n, oh, ow, f] -> \
             [kh, kw, c, f]. Its own are conv2d_input_gradient and conv2d.",
        ),
    ],
];

/// The signatures of the family.
pub(in crate::ops) fn signatures() -> Vec<&'static Signature> {
    SIGNATURES.iter().flatten().collect()
}

/// The operation of that name, if it is one of the family.
pub(in crate::ops) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    for (n, [output, input, filter]) in (1..).zip(&SIGNATURES) {
        let result = match a.name() {
            name if name == output.name => ConvResult::Output,
            name if name == input.name => ConvResult::Input { size: a.dims_per_axis("size", n)? },
            name if name == filter.name => ConvResult::Filter { size: a.dims_per_axis("size", n)? },
            _ => continue,
        };
        return Ok(Some(read(a, n, result)?.into()));
    }
    Ok(None)
}

/// The operation with its padding as numbers.
fn read(a: &Attributes<'_>, n: usize, result: ConvResult) -> Result<Conv, TypeError> {
    let (groups, parts) = (a.count_or("groups", 0)?, a.count_or("parts", 0)?);
    let mut conv = Conv { result, windows: vec![Window::PLAIN; n], parts, groups };
    conv.windows = window::read(a, &vec![1; n], || {
        let [x, y] = exactly(conv.signature(), a.operands())?;
        conv.spatial_sizes(x, y)
    })?;
    Ok(conv)
}

/// The attributes of an operation, those with their default in the form that says so.
pub(super) fn written(conv: &Conv) -> Vec<Attribute> {
    let size = match &conv.result {
        ConvResult::Output => None,
        ConvResult::Input { size } | ConvResult::Filter { size } => {
            Some(Attribute::Dims(size.clone()))
        }
    };
    let rest = [conv.groups, conv.parts].map(|n| Attribute::Dim(Dim::from(n)));
    size.into_iter().chain(window::written(&conv.windows)).chain(rest).collect()
}
