//! The names and attributes of pools, there and back.

use super::{Pool, PoolFn, Window, window};
use crate::ir::Dim;
use crate::ops::attributes::Attributes;
use crate::ops::window::{DILATION, PADDING};
use crate::ops::{Attribute, AttributeSignature, Op, Signature, TypeError};

const WINDOW: AttributeSignature = AttributeSignature {
    name: "window",
    default: None,
    doc: "the length of the window: a number, or one for each axis",
};
const STRIDES: AttributeSignature = AttributeSignature {
    name: "strides",
    default: Some(""),
    doc: "how far the window moves: a number, or one for each axis; its length if left out",
};
const SIZE: AttributeSignature =
    AttributeSignature { name: "size", default: None, doc: "the spatial sizes of the input" };

const fn of_input(
    name: &'static str,
    operands: &'static [&'static str],
    doc: &'static str,
) -> Signature {
    Signature { name, operands, attributes: &[WINDOW, STRIDES, PADDING, DILATION], doc }
}

const fn of_output(
    name: &'static str,
    operands: &'static [&'static str],
    doc: &'static str,
) -> Signature {
    Signature { name, operands, attributes: &[SIZE, WINDOW, STRIDES, PADDING, DILATION], doc }
}

macro_rules! signatures {
    ($shape:literal, $places:literal, $axes:literal) => {
        [
            of_input(
                concat!("max_pool", $axes),
                &["x"],
                concat!(
                    $shape,
                    " -> ",
                    $places,
                    ": the largest in each place of the window, NaN if any \
                     is; padding is not seen. dx = max_pool",
                    $axes,
                    "_gradient(dy, ids): dy goes \
                     to the first largest, ids = max_pool",
                    $axes,
                    "_argmax(x)."
                ),
            ),
            of_input(
                concat!("max_pool", $axes, "_argmax"),
                &["x"],
                concat!(
                    $shape,
                    " -> ",
                    $places,
                    " of i32: the number in its window of the first \
                     largest, row by row; NaN is largest."
                ),
            ),
            of_input(
                concat!("sum_pool", $axes),
                &["x"],
                concat!(
                    $shape,
                    " -> ",
                    $places,
                    ": the sum over each place of the window. dx = \
                     sum_pool",
                    $axes,
                    "_gradient(dy)."
                ),
            ),
            of_input(
                concat!("take_pool", $axes),
                &["x", "ids"],
                concat!(
                    $shape,
                    " -> ",
                    $places,
                    ": the element of each place of the window with the \
                     number ids (i32), 0 where that is none. dx = max_pool",
                    $axes,
                    "_gradient(dy, ids)."
                ),
            ),
            of_output(
                concat!("sum_pool", $axes, "_gradient"),
                &["dy"],
                concat!(
                    $places,
                    " -> ",
                    $shape,
                    ": each element the sum over the places that see it: \
                     the gradient of sum_pool",
                    $axes,
                    ", which is its own gradient."
                ),
            ),
            of_output(
                concat!("max_pool", $axes, "_gradient"),
                &["dy", "ids"],
                concat!(
                    $places,
                    " -> ",
                    $shape,
                    ": each element the sum over the places that see it as \
                     their element with the number ids (i32): the gradient of max_pool",
                    $axes,
                    " with respect to x. Its own is take_pool",
                    $axes,
                    "."
                ),
            ),
        ]
    };
}

/// By the number of spatial axes, less 1, in the order of [`number`].
static SIGNATURES: [[Signature; 6]; 2] = [
    signatures!("[n, i, c]", "[n, o, c]", "1d"),
    signatures!("[n, h, w, c]", "[n, oh, ow, c]", "2d"),
];

fn number(f: &PoolFn) -> usize {
    match f {
        PoolFn::Max => 0,
        PoolFn::Argmax => 1,
        PoolFn::Sum => 2,
        PoolFn::Take => 3,
        PoolFn::Spread { .. } => 4,
        PoolFn::Put { .. } => 5,
    }
}

/// The signatures of the family.
pub(in crate::ops) fn signatures() -> Vec<&'static Signature> {
    SIGNATURES.iter().flatten().collect()
}

pub(super) fn signature(pool: &Pool) -> &'static Signature {
    &SIGNATURES[usize::from(pool.n_axes() != 1)][number(&pool.f)]
}

/// The operation of that name, if it is one of the family.
pub(in crate::ops) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    for (n, signatures) in (1..).zip(&SIGNATURES) {
        let of_name = signatures.iter().position(|signature| signature.name == a.name());
        let f = match of_name {
            None => continue,
            Some(0) => PoolFn::Max,
            Some(1) => PoolFn::Argmax,
            Some(2) => PoolFn::Sum,
            Some(3) => PoolFn::Take,
            Some(4) => PoolFn::Spread { size: a.dims_per_axis("size", n)? },
            Some(_) => PoolFn::Put { size: a.dims_per_axis("size", n)? },
        };
        return Ok(Some(read(a, n, f)?.into()));
    }
    Ok(None)
}

/// The operation with its padding as numbers.
fn read(a: &Attributes<'_>, n: usize, f: PoolFn) -> Result<Pool, TypeError> {
    let lengths = a.dims_per_axis("window", n)?;
    let count = |k: &Dim| k.as_number().and_then(|k| usize::try_from(k).ok());
    let lengths: Option<Vec<usize>> = lengths.iter().map(count).collect();
    let lengths = lengths.ok_or_else(|| a.error("window", "must hold numbers known here"))?;
    let strides: Vec<i64> = lengths.iter().map(|&k| (k as i64).max(1)).collect();
    let mut pool = Pool { f, lengths, windows: vec![Window::PLAIN; n] };
    pool.windows = window::read(a, &strides, || {
        let lengths = pool.lengths.iter().copied().map(Dim::from).collect();
        Ok([pool.input_size(a.first_operand()?)?, lengths])
    })?;
    Ok(pool)
}

/// The attributes of an operation.
pub(super) fn written(pool: &Pool) -> Vec<Attribute> {
    let size = match &pool.f {
        PoolFn::Max | PoolFn::Argmax | PoolFn::Sum | PoolFn::Take => None,
        PoolFn::Spread { size } | PoolFn::Put { size } => Some(Attribute::Dims(size.clone())),
    };
    let lengths = window::per_axis(pool.lengths.iter().copied().map(Dim::from));
    size.into_iter().chain([lengths]).chain(window::written(&pool.windows)).collect()
}
