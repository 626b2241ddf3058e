//! Strides, padding and dilation as attributes, there and back.

use super::{Window, check};
use crate::ir::Dim;
use crate::ops::attributes::Attributes;
use crate::ops::{Attribute, AttributeSignature, TypeError, codes};

pub(in crate::ops) const STRIDES: AttributeSignature = AttributeSignature {
    name: "strides",
    default: Some("1"),
    doc: "how far the window moves: a number, or one for each axis",
};
pub(in crate::ops) const PADDING: AttributeSignature = AttributeSignature {
    name: "padding",
    default: Some("\"valid\""),
    doc: "\"valid\", \"same\" as in TensorFlow, a number, or [before, after] for each axis",
};
pub(in crate::ops) const DILATION: AttributeSignature = AttributeSignature {
    name: "dilation",
    default: Some("1"),
    doc: "how far the window's elements are apart: a number, or one for each axis",
};

/// The windows of an operation with their padding as numbers; `strides` where none are given. `sizes`
/// has the spatial sizes of the input and the lengths of the windows, which "same" asks for.
pub(in crate::ops) fn read(
    a: &Attributes<'_>,
    strides: &[i64],
    sizes: impl FnOnce() -> Result<[Vec<Dim>; 2], TypeError>,
) -> Result<Vec<Window>, TypeError> {
    let n = strides.len();
    let strides = match a.find("strides") {
        None => strides.to_vec(),
        Some(_) => a.numbers_per_axis("strides", n, 1)?,
    };
    let dilation = a.numbers_per_axis("dilation", n, 1)?;
    let window = |(stride, dilation): (i64, i64)| Window { stride, dilation, before: 0, after: 0 };
    let windows: Vec<Window> = strides.into_iter().zip(dilation).map(window).collect();
    let padding = padding(a, &windows, sizes)?;
    let padded = |(w, [before, after]): (Window, [i64; 2])| Window { before, after, ..w };
    Ok(windows.into_iter().zip(padding).map(padded).collect())
}

/// What the attribute says, `[before, after]` per axis.
fn padding(
    a: &Attributes<'_>,
    windows: &[Window],
    sizes: impl FnOnce() -> Result<[Vec<Dim>; 2], TypeError>,
) -> Result<Vec<[i64; 2]>, TypeError> {
    const WANTED: &str = "must be \"valid\", \"same\", a number, or [before, after] for each axis";
    let wrong = || a.error("padding", WANTED);
    match a.find("padding") {
        None => Ok(vec![[0, 0]; windows.len()]),
        Some(Attribute::Name(name)) if name == "valid" => Ok(vec![[0, 0]; windows.len()]),
        Some(Attribute::Name(name)) if name == "same" => same(a.name(), windows, sizes),
        Some(Attribute::Dim(side)) => {
            let side = side.as_number().ok_or_else(wrong)?;
            Ok(vec![[side, side]; windows.len()])
        }
        Some(Attribute::DimLists(lists)) if lists.len() == windows.len() => {
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

/// The padding with which there is an output for each stride of the input, the odd element after it.
/// Errors: the sizes do not say how much that is.
fn same(
    name: &str,
    windows: &[Window],
    sizes: impl FnOnce() -> Result<[Vec<Dim>; 2], TypeError>,
) -> Result<Vec<[i64; 2]>, TypeError> {
    check(name, windows)?;
    let [input, lengths] = sizes()?;
    let padding = |((window, input), length): ((&Window, &Dim), &Dim)| {
        let total = window.padding_of_same(input, length)?.as_number().ok_or_else(|| {
            let message = format!(
                "`{name}`: the padding \"same\" of an input of {input}, a window of {length} and a \
                 stride of {} is no number known here",
                window.stride
            );
            TypeError::new(codes::ATTRIBUTE, message)
                .with_help("write the padding as [before, after] for each axis")
        })?;
        let total = total.max(0);
        Ok([total / 2, total - total / 2])
    };
    windows.iter().zip(&input).zip(&lengths).map(padding).collect()
}

/// The attributes strides, padding and dilation, those with their default in the form that says so.
pub(in crate::ops) fn written(windows: &[Window]) -> [Attribute; 3] {
    let number = |f: fn(&Window) -> i64| windows.iter().map(move |w| Dim::number(f(w)));
    let is_padded = windows.iter().any(|w| w.before != 0 || w.after != 0);
    let pair = |w: &Window| [w.before, w.after].map(Dim::number).to_vec();
    let padding = match is_padded {
        true => Attribute::DimLists(windows.iter().map(pair).collect()),
        false => Attribute::Name("valid".into()),
    };
    [per_axis(number(|w| w.stride)), padding, per_axis(number(|w| w.dilation))]
}

/// A list as one number where all are the same.
pub(in crate::ops) fn per_axis(numbers: impl Iterator<Item = Dim>) -> Attribute {
    let numbers: Vec<Dim> = numbers.collect();
    match numbers.split_first() {
        Some((first, rest)) if rest.iter().all(|n| n == first) => Attribute::Dim(first.clone()),
        Some(_) | None => Attribute::Dims(numbers),
    }
}
