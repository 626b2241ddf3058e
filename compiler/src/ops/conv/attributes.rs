//! The names and attributes of convolutions, there and back.

use super::{Conv, ConvResult, Window};
use crate::ir::{Dim, TensorType};
use crate::ops::attributes::Attributes;
use crate::ops::shape::exactly;
use crate::ops::{Attribute, AttributeSignature, Op, OpRules, Signature, TypeError, codes};

const STRIDES: AttributeSignature = AttributeSignature {
    name: "strides",
    default: Some("1"),
    doc: "how far the filter moves: a number, or one for each axis",
};
const PADDING: AttributeSignature = AttributeSignature {
    name: "padding",
    default: Some("\"valid\""),
    doc: "\"valid\", \"same\" as in TensorFlow, a number, or [before, after] for each axis",
};
const DILATION: AttributeSignature = AttributeSignature {
    name: "dilation",
    default: Some("1"),
    doc: "how far the filter's elements are apart: a number, or one for each axis",
};
const PARTS: AttributeSignature = AttributeSignature {
    name: "parts",
    default: Some("0"),
    doc: "if not 0: the examples are so many equal parts, each with a filter [parts, ..] of its own",
};
const INPUT_SIZE: AttributeSignature =
    AttributeSignature { name: "size", default: None, doc: "the spatial sizes of the input" };
const FILTER_SIZE: AttributeSignature =
    AttributeSignature { name: "size", default: None, doc: "the spatial sizes of the filter" };

const fn output(name: &'static str, doc: &'static str) -> Signature {
    let attributes = &[STRIDES, PADDING, DILATION, PARTS];
    Signature { name, operands: &["x", "w"], attributes, doc }
}

const fn input_gradient(name: &'static str, doc: &'static str) -> Signature {
    let attributes = &[INPUT_SIZE, STRIDES, PADDING, DILATION, PARTS];
    Signature { name, operands: &["dy", "w"], attributes, doc }
}

const fn filter_gradient(name: &'static str, doc: &'static str) -> Signature {
    let attributes = &[FILTER_SIZE, STRIDES, PADDING, DILATION, PARTS];
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
    let strides = a.numbers_per_axis("strides", n, 1)?;
    let dilation = a.numbers_per_axis("dilation", n, 1)?;
    let window = |(stride, dilation): (i64, i64)| Window { stride, dilation, before: 0, after: 0 };
    let windows = strides.into_iter().zip(dilation).map(window).collect();
    let parts = match a.find("parts") {
        None => 0,
        Some(Attribute::Dim(parts)) => parts
            .as_number()
            .and_then(|parts| usize::try_from(parts).ok())
            .ok_or_else(|| a.error("parts", "must be a number"))?,
        Some(_) => return Err(a.error("parts", "must be a number")),
    };
    let mut conv = Conv { result, windows, parts };
    let padding = conv.padding(a)?;
    for (window, [before, after]) in conv.windows.iter_mut().zip(padding) {
        (window.before, window.after) = (before, after);
    }
    Ok(conv)
}

impl Conv {
    /// What the attribute says, `[before, after]` per axis.
    fn padding(&self, a: &Attributes<'_>) -> Result<Vec<[i64; 2]>, TypeError> {
        const WANTED: &str =
            "must be \"valid\", \"same\", a number, or [before, after] for each axis";
        let wrong = || a.error("padding", WANTED);
        match a.find("padding") {
            None => Ok(vec![[0, 0]; self.n_axes()]),
            Some(Attribute::Name(name)) if name == "valid" => Ok(vec![[0, 0]; self.n_axes()]),
            Some(Attribute::Name(name)) if name == "same" => self.same_padding(a.operands()),
            Some(Attribute::Dim(side)) => {
                let side = side.as_number().ok_or_else(wrong)?;
                Ok(vec![[side, side]; self.n_axes()])
            }
            Some(Attribute::DimLists(lists)) if lists.len() == self.n_axes() => {
                let number = |side: &Dim| side.as_number().ok_or_else(wrong);
                let pair = |list: &Vec<Dim>| match list.as_slice() {
                    [before, after] => Ok([number(before)?, number(after)?]),
                    _ => Err(wrong()),
                };
                lists.iter().map(pair).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    /// The padding with which there is an output for each stride of the input, the odd element
    /// after it. Errors: the sizes of the operands do not say how much that is.
    fn same_padding(&self, operands: &[&TensorType]) -> Result<Vec<[i64; 2]>, TypeError> {
        self.check_windows()?;
        let [a, b] = exactly(self.signature(), operands)?;
        let [input, filter] = self.spatial_sizes(a, b)?;
        let padding = |((window, input), filter): ((&Window, &Dim), &Dim)| {
            let total = window.padding_of_same(input, filter)?.as_number().ok_or_else(|| {
                let name = self.signature().name;
                let message = format!(
                    "`{name}`: the padding \"same\" of an input of {input}, a filter of {filter} and \
                     a stride of {} is no number known here",
                    window.stride
                );
                TypeError::new(codes::ATTRIBUTE, message)
                    .with_help("write the padding as [before, after] for each axis")
            })?;
            let total = total.max(0);
            Ok([total / 2, total - total / 2])
        };
        self.windows.iter().zip(&input).zip(&filter).map(padding).collect()
    }
}

/// The attributes of an operation, those with their default in the form that says so.
pub(super) fn written(conv: &Conv) -> Vec<Attribute> {
    let number = |f: fn(&Window) -> i64| conv.windows.iter().map(move |w| Dim::number(f(w)));
    let is_padded = conv.windows.iter().any(|w| w.before != 0 || w.after != 0);
    let pair = |w: &Window| [w.before, w.after].map(Dim::number).to_vec();
    let padding = match is_padded {
        true => Attribute::DimLists(conv.windows.iter().map(pair).collect()),
        false => Attribute::Name("valid".into()),
    };
    let size = match &conv.result {
        ConvResult::Output => None,
        ConvResult::Input { size } | ConvResult::Filter { size } => {
            Some(Attribute::Dims(size.clone()))
        }
    };
    let (strides, dilation) = (number(|w| w.stride), number(|w| w.dilation));
    let parts = Attribute::Dim(Dim::from(conv.parts));
    size.into_iter().chain([per_axis(strides), padding, per_axis(dilation), parts]).collect()
}

/// A list as one number where all are the same.
fn per_axis(numbers: impl Iterator<Item = Dim>) -> Attribute {
    let numbers: Vec<Dim> = numbers.collect();
    match numbers.split_first() {
        Some((first, rest)) if rest.iter().all(|n| n == first) => Attribute::Dim(first.clone()),
        Some(_) | None => Attribute::Dims(numbers),
    }
}
