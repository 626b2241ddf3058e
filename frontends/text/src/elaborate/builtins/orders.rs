//! Elements in order.

use brolga_compiler::ops::{Argsort, Indexing};

use super::super::value::Value;
use super::{Args, Elaborator, Entry, Result, Tensor, entry, told};
use crate::codes::Code;

/// The operations of this file.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        "sort",
        "x, axis=-1, descending=false",
        "the elements of `x` along an axis in order; equal ones stay in theirs, and a NaN is the \
         largest: it comes last, or first where the largest do; dx puts dy where they were",
        sort,
    ),
    told("argsort", "x, axis=-1, descending=false, count=-1", argsort),
    entry(
        "top_k",
        "x, k, axis=-1",
        "the `k` largest elements of `x` along an axis, the largest first, and their indices: of \
         equal ones the earlier, a NaN before all numbers; dx puts dy where they were",
        top_k,
    ),
];

/// The axis that is given, or the last.
fn last_axis(e: &mut Elaborator<'_>, args: &Args, k: usize, rank: usize) -> Result<usize> {
    if args.optional(k).is_some() {
        return e.axis_argument(args, k, rank);
    }
    rank.checked_sub(1).ok_or_else(|| {
        let message = format!("`{}` of a scalar: it has no axis", args.builtin.name);
        e.error(Code::NoSuchAxis, message, args.value(0).1, "")
    })
}

/// `sort(x, axis=-1, descending=false)`
pub(super) fn sort(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (x, op) = ordered(e, &args)?;
    let axis = op.axis;
    let y = e.build(&[x], |build, x| {
        let ids = build.node(op, &[x[0]])?;
        build.node(Indexing::TakeAlongAxis { axis }, &[x[0], ids])
    })?;
    Ok(Value::Tensor(y))
}

/// `argsort(x, axis=-1, descending=false, count=-1)`
pub(super) fn argsort(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (x, mut op) = ordered(e, &args)?;
    if let Some((count, span)) = args.optional(3) {
        let count = e.dim(&count.clone(), span)?;
        op.count = Some(count).filter(|count| count.as_number() != Some(-1));
    }
    e.at = args.span;
    e.add(op, &[x]).map(Value::Tensor)
}

fn ordered(e: &mut Elaborator<'_>, args: &Args) -> Result<(Tensor, Argsort)> {
    let x = e.tensor_argument(args, 0)?;
    let rank = e.tensor_type(x).rank();
    let axis = last_axis(e, args, 1, rank)?;
    let descending = e.switch_argument(args, 2)?;
    e.at = args.span;
    Ok((x, Argsort { axis, descending, count: None }))
}

/// `top_k(x, k, axis=-1)`: the elements and their indices.
pub(super) fn top_k(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let rank = e.tensor_type(x).rank();
    let axis = last_axis(e, &args, 2, rank)?;
    let (k, span) = args.value(1);
    let count = Some(e.dim(&k.clone(), span)?);
    e.at = args.span;
    let ids = e.add(Argsort { axis, descending: true, count }, &[x])?;
    let values = e.add(Indexing::TakeAlongAxis { axis }, &[x, ids])?;
    e.list(vec![Value::Tensor(values), Value::Tensor(ids)], args.span)
}
