//! Shapes, parts and indices.

use brolga_compiler::ir::{CompareFn, DType, Dim, NodeId, Scalar, TensorType};
use brolga_compiler::ops::{Build, Creation, Indexing, Movement, Placement, TypeError, codes};

use super::super::types::default_dtype;
use super::super::value::{Bare, Value, members};
use super::{Args, Elaborator, Entry, Result, Tensor, entry};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;

/// The operations of this file.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        "reshape",
        "x, shape",
        "the elements of `x` in another shape, of which one dimension may be -1",
        reshape,
    ),
    entry(
        "transpose",
        "x, perm=",
        "`x` with its axes in another order, reversed where `perm` is left out",
        transpose,
    ),
    entry(
        "broadcast_to",
        "x, shape",
        "`x` repeated to a shape, as NumPy broadcasts; dx sums dy over what was repeated",
        broadcast_to,
    ),
    entry("expand_dims", "x, axis", "`x` with an axis of size 1 at `axis`", expand_dims),
    entry(
        "squeeze",
        "x, axis=",
        "`x` without axes of size 1 (all of them where they are left out)",
        squeeze,
    ),
    entry(
        "concat",
        "list, axis",
        "tensors one after the other along an axis; each gets its part of dy",
        concat,
    ),
    entry("stack", "list, axis=0", "tensors of one type along a new axis", stack),
    entry(
        "split",
        "x, parts, axis=0",
        "the list of the parts of `x` along `axis`: so many equal ones, or of these sizes",
        split,
    ),
    entry(
        "pad",
        "x, padding, value=0",
        "`x` with `value` around it, as many before and after each axis as `padding` says",
        pad,
    ),
    entry("reverse", "x, axis=", "`x` backwards along axes (all where they are left out)", reverse),
    entry("tile", "x, repeats", "`x` repeated so many times along each axis", tile),
    entry("flatten", "x", "`x` as [first axis, all else]", flatten),
    entry("iota", "shape, axis=0, dtype=i32", "indices along an axis: 0, 1, 2 ...", iota),
    entry("zeros", "shape, dtype=f32", "a tensor of zeros", zeros),
    entry("ones", "shape, dtype=f32", "a tensor of ones", ones),
    entry("full", "shape, v, dtype=", "a tensor of one value", full),
    entry(
        "one_hot",
        "ids, n, dtype=f32",
        "1 where the last, new axis of size `n` has the index that `ids` says, else 0; no gradient",
        one_hot,
    ),
    entry(
        "gather",
        "x, ids, axis=0",
        "the parts of `x` along `axis` whose indices are `ids`; dx adds up dy where an index \
         repeats",
        gather,
    ),
    entry(
        "scatter_add",
        "x, ids, updates, axis=0",
        "`x` with `updates` added to its parts along `axis` whose indices are `ids`, each as often \
         as it is named; dx = dy, dupdates = gather(dy, ids)",
        scatter_add,
    ),
    entry(
        "take_along_axis",
        "x, ids, axis",
        "the elements of `x` along `axis` whose indices are `ids`, a tensor of its rank",
        take_along_axis,
    ),
    entry("dim", "x, axis", "the size of an axis, a bare number", dim),
    entry("shape", "x", "the list of the dimensions of `x`", shape),
    entry("rank", "x", "the number of axes, a bare number", rank),
    entry("dtype", "x", "the element type of `x`", dtype),
    entry("len", "list", "the number of members of a list", len),
    entry(
        "flat",
        "list",
        "the members of a list, with those of the lists in it in their place",
        flat,
    ),
    entry("append", "list, x", "the list with one more member", append),
];

impl Elaborator<'_> {
    fn dims_argument(&mut self, args: &Args, k: usize) -> Result<Vec<Dim>> {
        let (value, span) = args.value(k);
        let value = value.clone();
        let dims = self.dims(&value, span);
        self.at = args.span;
        dims
    }

    fn element_argument(&mut self, args: &Args, k: usize) -> Result<Option<DType>> {
        match args.optional(k) {
            None => Ok(None),
            Some((Value::Element(dtype), _)) => Ok(Some(*dtype)),
            Some((Value::Bare(_), _)) if args.builtin.formals[0].name == "shape" => {
                let help = format!("a shape is one list: `{}([2, 3])`", args.builtin.name);
                Err(self.wrong_argument_helped(args, k, "an element type", &help))
            }
            Some(_) => Err(self.wrong_argument(args, k, "an element type")),
        }
    }

    pub(super) fn axis_argument(&mut self, args: &Args, k: usize, rank: usize) -> Result<usize> {
        match args.optional(k) {
            None => Ok(0),
            Some((value, span)) => {
                let value = value.clone();
                self.axis(&value, rank, span)
            }
        }
    }

    /// The members of a list as tensors of one element type.
    pub(super) fn parts_argument(&mut self, args: &Args, k: usize) -> Result<Vec<Tensor>> {
        let (value, span) = args.value(k);
        let Value::List(list) = value else { return Err(self.wrong_argument(args, k, "a list")) };
        let list = list.to_vec();
        if list.is_empty() {
            return Err(self.error(Code::OperandCount, "this list is empty", span, ""));
        }
        let dtype = list.iter().find_map(|member| match member {
            Value::Tensor(x) => Some(self.tensor_type(*x).dtype),
            _ => None,
        });
        let dtype = dtype.unwrap_or_else(|| default_dtype(&Value::list(list.clone())));
        let parts = list.iter().map(|member| self.materialise(member, Some(dtype), span)).collect();
        self.at = args.span;
        parts
    }
}

/// `reshape(x, shape)`
pub(super) fn reshape(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let shape = e.dims_argument(&args, 1)?;
    Ok(Value::Tensor(e.build(&[x], |build, x| build.reshape(x[0], &shape))?))
}

/// `transpose(x, perm)`; without `perm` all axes are reversed.
pub(super) fn transpose(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let rank = e.tensor_type(x).rank();
    let perm = match args.optional(1) {
        None => (0..rank).rev().collect(),
        Some(_) => e.axes_argument(&args, 1, rank)?,
    };
    e.at = args.span;
    Ok(Value::Tensor(e.build(&[x], |build, x| build.transpose(x[0], &perm))?))
}

/// `broadcast_to(x, shape)`
pub(super) fn broadcast_to(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let shape = e.dims_argument(&args, 1)?;
    Ok(Value::Tensor(e.build(&[x], |build, x| build.broadcast_to(x[0], &shape))?))
}

/// `expand_dims(x, axis)`: the new axis is `axis` of the result.
pub(super) fn expand_dims(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let rank = e.tensor_type(x).rank();
    let axis = e.axis_argument(&args, 1, rank + 1)?;
    e.at = args.span;
    Ok(Value::Tensor(e.build(&[x], |build, x| build.expand_dims(x[0], axis))?))
}

/// `squeeze(x, axis)`: drops axes of length 1.
pub(super) fn squeeze(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let shape = e.tensor_type(x).shape.clone();
    let axes = match args.optional(1) {
        None => (0..shape.len()).filter(|&axis| shape[axis].is_one()).collect(),
        Some(_) => e.axes_argument(&args, 1, shape.len())?,
    };
    if let Some(&axis) = axes.iter().find(|&&axis| !shape[axis].is_one()) {
        let message = format!("axis {axis} has the length {}, not 1", shape[axis]);
        return Err(e.error(Code::ShapesDiffer, message, args.span, ""));
    }
    let kept = shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
    let kept: Vec<Dim> = kept.map(|(_, dim)| dim.clone()).collect();
    e.at = args.span;
    Ok(Value::Tensor(e.build(&[x], |build, x| build.reshape(x[0], &kept))?))
}

/// `concat(list, axis)`; of lists without tensors, a longer list where the axis is 0.
pub(super) fn concat(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let parts = e.parts_argument(&args, 0)?;
    let rank = e.tensor_type(parts[0]).rank();
    let axis = e.axis_argument(&args, 1, rank)?;
    e.at = args.span;
    e.add(Placement::Concat { axis }, &parts).map(Value::Tensor)
}

/// `stack(list, axis)`
pub(super) fn stack(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let parts = e.parts_argument(&args, 0)?;
    let rank = e.tensor_type(parts[0]).rank();
    let axis = e.axis_argument(&args, 1, rank + 1)?;
    e.at = args.span;
    let wider: Vec<Tensor> = parts
        .into_iter()
        .map(|part| e.build(&[part], |build, x| build.expand_dims(x[0], axis)))
        .collect::<Result<_>>()?;
    e.add(Placement::Concat { axis }, &wider).map(Value::Tensor)
}

/// `split(x, count, axis)`, `split(x, sizes, axis)`
pub(super) fn split(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let shape = e.tensor_type(x).shape.clone();
    let axis = e.axis_argument(&args, 2, shape.len())?;
    let size = shape[axis].clone();
    let (parts, span) = args.value(1);
    let parts = parts.clone();
    let sizes = match &parts {
        Value::List(_) => e.dims(&parts, span)?,
        count => {
            let count = e.integer(count, "the number of parts", span)?;
            if count < 1 || count as usize > e.limits.list {
                let message = format!("an axis cannot be split into {count} parts");
                return Err(e.error(Code::OutOfRange, message, span, ""));
            }
            let one = size.floor_div(&Dim::number(count));
            match one.and_then(|one| Ok((one.mul(&Dim::number(count))?, one))) {
                Ok((all, one)) if all == size => vec![one; count as usize],
                Ok(_) => {
                    let message =
                        format!("an axis of {size} cannot be split into {count} equal parts");
                    let error = Diagnostic::error(Code::ShapesDiffer, message).at(span, "");
                    return Err(e.push(error.help("a list gives the size of each part")));
                }
                Err(error) => return Err(e.error(Code::Dimension, error.to_string(), span, "")),
            }
        }
    };
    let total = sizes.iter().try_fold(Dim::number(0), |sum, size| sum.add(size));
    if !total.as_ref().is_ok_and(|total| *total == size) {
        let total = total.map_or("more than fits".to_owned(), |total| total.to_string());
        let message = format!("the parts add up to {total}, not to {size}");
        return Err(e.error(Code::ShapesDiffer, message, span, ""));
    }
    e.at = args.span;
    let mut start = vec![Dim::number(0); shape.len()];
    let mut members = Vec::new();
    for part in sizes {
        let mut len = shape.clone();
        len[axis] = part.clone();
        let step = vec![1; shape.len()];
        let slice = Movement::Slice { start: start.clone(), len, step };
        members.push(Value::Tensor(e.add(slice, &[x])?));
        start[axis] = match start[axis].add(&part) {
            Ok(next) => next,
            Err(error) => return Err(e.error(Code::Dimension, error.to_string(), span, "")),
        };
    }
    e.list(members, args.span)
}

/// `pad(x, [[before, after], ...], value=0)`
pub(super) fn pad(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let of_x = e.tensor_type(x).clone();
    let (padding, span) = args.value(1);
    let Value::List(axes) = padding else { return Err(e.wrong_argument(&args, 1, "a list")) };
    let axes = axes.to_vec();
    if axes.len() != of_x.rank() {
        let message = format!("{} paddings for {} axes", axes.len(), of_x.rank());
        return Err(e.error(Code::Attribute, message, span, "one [before, after] an axis"));
    }
    let (mut before, mut after, mut interior) = (Vec::new(), Vec::new(), Vec::new());
    for axis in &axes {
        let dims = e.dims(axis, span)?;
        match dims.as_slice() {
            [b, a] => {
                (before.push(b.clone()), after.push(a.clone()), interior.push(Dim::number(0)))
            }
            [b, a, i] => (before.push(b.clone()), after.push(a.clone()), interior.push(i.clone())),
            _ => {
                let message = "a padding is [before, after]";
                return Err(e.error(Code::Attribute, message, span, ""));
            }
        };
    }
    let value = match args.optional(2) {
        None => Scalar::zero(of_x.dtype),
        Some((Value::Bare(bare), span)) => {
            let bare = bare.clone();
            e.known_scalar(&bare, of_x.dtype, span)?
        }
        Some(_) => return Err(e.wrong_argument(&args, 2, "a number")),
    };
    e.at = args.span;
    e.add(Placement::Pad { before, after, interior, value }, &[x]).map(Value::Tensor)
}

/// `reverse(x, axis)`; of a list, its members from the last.
pub(super) fn reverse(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    if let (Value::List(list), None) = (args.value(0).0, args.optional(1)) {
        let mut list = list.to_vec();
        list.reverse();
        return Ok(Value::list(list));
    }
    let x = e.tensor_argument(&args, 0)?;
    let rank = e.tensor_type(x).rank();
    let axes = e.axes_argument(&args, 1, rank)?;
    e.at = args.span;
    e.add(Movement::Reverse { axes }, &[x]).map(Value::Tensor)
}

/// `tile(x, repeats)`: as NumPy's.
pub(super) fn tile(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let mut repeats = e.dims_argument(&args, 1)?;
    let y = e.build(&[x], |build, x| {
        let mut shape = build.shape(x[0]);
        while shape.len() < repeats.len() {
            shape.insert(0, Dim::number(1));
        }
        while repeats.len() < shape.len() {
            repeats.insert(0, Dim::number(1));
        }
        // [a, b] repeated (r, s) times is [1, a, 1, b] broadcast to [r, a, s, b].
        let (mut apart, mut wide, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        for (size, times) in shape.iter().zip(&repeats) {
            apart.extend([Dim::number(1), size.clone()]);
            wide.extend([times.clone(), size.clone()]);
            whole.push(size.mul(times)?);
        }
        let apart = build.reshape(x[0], &apart)?;
        let wide = build.broadcast_to(apart, &wide)?;
        build.reshape(wide, &whole)
    })?;
    Ok(Value::Tensor(y))
}

/// `flatten(x)`: keeps the first axis.
pub(super) fn flatten(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let y = e.build(&[x], |build, x| {
        let mut shape = build.shape(x[0]);
        let rest = shape.iter().skip(1).try_fold(Dim::number(1), |n, d| n.mul(d))?;
        shape.truncate(1);
        shape.push(rest);
        build.reshape(x[0], &shape)
    })?;
    Ok(Value::Tensor(y))
}

/// `iota(shape, axis=0)`
pub(super) fn iota(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let shape = e.dims_argument(&args, 0)?;
    let axis = e.axis_argument(&args, 1, shape.len())?;
    let dtype = e.element_argument(&args, 2)?.unwrap_or(DType::I32);
    e.at = args.span;
    e.add(Creation::Iota { shape, axis, dtype }, &[]).map(Value::Tensor)
}

fn filled(e: &mut Elaborator<'_>, args: &Args, value: i64) -> Result<Value> {
    let shape = e.dims_argument(args, 0)?;
    let dtype = e.element_argument(args, 1)?.unwrap_or(DType::F32);
    let value = Scalar::I64(value).cast(dtype);
    Ok(Value::Tensor(e.build(&[], |build, _| build.full(value, &shape))?))
}

/// `zeros(shape, dtype=f32)`
pub(super) fn zeros(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    filled(e, &args, 0)
}

/// `ones(shape, dtype=f32)`
pub(super) fn ones(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    filled(e, &args, 1)
}

/// `full(shape, v)`
pub(super) fn full(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let shape = e.dims_argument(&args, 0)?;
    let dtype = e.element_argument(&args, 2)?;
    let (value, span) = args.value(1);
    let value = e.materialise(&value.clone(), dtype, span)?;
    e.at = args.span;
    Ok(Value::Tensor(e.build(&[value], |build, x| build.broadcast_to(x[0], &shape))?))
}

/// `one_hot(ids, n)`: `[...]` to `[..., n]`.
pub(super) fn one_hot(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let ids = e.tensor_argument(&args, 0)?;
    let (n, n_span) = args.value(1);
    let n = e.dim(&n.clone(), n_span)?;
    let dtype = e.element_argument(&args, 2)?.unwrap_or(DType::F32);
    let of_ids = e.tensor_type(ids).clone();
    if !of_ids.dtype.is_int() {
        return Err(e.wrong_argument(&args, 0, "a tensor of integers"));
    }
    e.at = args.span;
    let y = e.build(&[ids], |build, x| {
        let mut shape = build.shape(x[0]);
        let column = build.expand_dims(x[0], shape.len())?;
        shape.push(n);
        let axis = shape.len() - 1;
        let classes = Creation::Iota { shape: shape.clone(), axis, dtype: of_ids.dtype };
        let classes = build.node(classes, &[])?;
        let hot = build.compare(CompareFn::Eq, column, classes)?;
        build.cast(hot, dtype)
    })?;
    Ok(Value::Tensor(y))
}

/// `gather(x, ids, axis=0)`: NumPy's `take`.
pub(super) fn gather(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let (ids, span) = args.value(1);
    let ids = e.materialise(&ids.clone(), Some(DType::I32), span)?;
    let rank = e.tensor_type(x).rank();
    let axis = e.axis_argument(&args, 2, rank)?;
    e.at = args.span;
    let y = e.build(&[x, ids], |build, nodes| gathered(build, nodes[0], nodes[1], axis))?;
    Ok(Value::Tensor(y))
}

/// `scatter_add(x, ids, updates, axis=0)`: what [`gather`] is the gradient of, added to `x`.
pub(super) fn scatter_add(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let ((ids, ids_span), (updates, updates_span)) = (args.value(1), args.value(2));
    let dtype = e.tensor_type(x).dtype;
    let ids = e.materialise(&ids.clone(), Some(DType::I32), ids_span)?;
    let updates = e.materialise(&updates.clone(), Some(dtype), updates_span)?;
    let rank = e.tensor_type(x).rank();
    let axis = e.axis_argument(&args, 3, rank)?;
    e.at = args.span;
    let y = e.build(&[x, ids, updates], |build, nodes| {
        scattered(build, [nodes[0], nodes[1], nodes[2]], axis)
    })?;
    Ok(Value::Tensor(y))
}

/// The indices as one axis of a tensor like `x`, with their number.
fn row_of_ids(
    build: &mut Build<'_>,
    x: NodeId,
    ids: NodeId,
    axis: usize,
) -> std::result::Result<(NodeId, Vec<Dim>), TypeError> {
    let (of_x, of_ids) = (build.tensor_type(x), build.tensor_type(ids));
    check_ids(&of_ids)?;
    if axis >= of_x.rank() {
        let message = format!("{of_x} has no axis to index");
        return Err(TypeError::new(codes::NO_SUCH_AXIS, message));
    }
    let n = of_ids.shape.iter().try_fold(Dim::number(1), |n, d| n.mul(d))?;
    let mut row = vec![Dim::number(1); of_x.rank()];
    row[axis] = n.clone();
    let mut wide = of_x.shape;
    wide[axis] = n;
    let ids = build.reshape(ids, &row)?;
    Ok((build.broadcast_to(ids, &wide)?, wide))
}

/// What is taken gets the shape of the indices instead of the axis.
fn gathered(
    build: &mut Build<'_>,
    x: NodeId,
    ids: NodeId,
    axis: usize,
) -> std::result::Result<NodeId, TypeError> {
    let (of_ids, mut shape) = (build.shape(ids), build.shape(x));
    let (ids, _) = row_of_ids(build, x, ids, axis)?;
    let taken = build.node(Indexing::TakeAlongAxis { axis }, &[x, ids])?;
    shape.splice(axis..=axis, of_ids);
    build.reshape(taken, &shape)
}

/// `x` and the sums of the updates, which have the shape of what [`gathered`] takes.
fn scattered(
    build: &mut Build<'_>,
    [x, ids, updates]: [NodeId; 3],
    axis: usize,
) -> std::result::Result<NodeId, TypeError> {
    let (of_x, of_ids) = (build.tensor_type(x), build.shape(ids));
    let (row, wide) = row_of_ids(build, x, ids, axis)?;
    let mut wanted = of_x.clone();
    wanted.shape.splice(axis..=axis, of_ids);
    let of_updates = build.tensor_type(updates);
    if of_updates.dtype != of_x.dtype {
        let message = format!("`scatter_add` of {of_updates} to {of_x}: the element types differ");
        return Err(TypeError::new(codes::DTYPES_DIFFER, message));
    }
    let updates = build.broadcast_to(updates, &wanted.shape)?;
    let updates = build.reshape(updates, &wide)?;
    let put = Indexing::PutAlongAxis { axis, size: of_x.shape[axis].clone() };
    let sums = build.node(put, &[row, updates])?;
    build.add(x, sums)
}

fn check_ids(of_ids: &TensorType) -> std::result::Result<(), TypeError> {
    if of_ids.dtype == DType::I32 {
        return Ok(());
    }
    let message = format!("indices are i32, not {}", of_ids.dtype);
    let error = TypeError::new(codes::DTYPE_REFUSED, message);
    Err(error.with_help("write `cast(..., i32)` around them"))
}

/// `take_along_axis(x, ids, axis)`
pub(super) fn take_along_axis(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (x, ids) = (e.tensor_argument(&args, 0)?, e.tensor_argument(&args, 1)?);
    let rank = e.tensor_type(x).rank();
    let axis = e.axis_argument(&args, 2, rank)?;
    e.at = args.span;
    e.add(Indexing::TakeAlongAxis { axis }, &[x, ids]).map(Value::Tensor)
}

// What is known of a value at compile time.

/// `dim(x, axis)`
pub(super) fn dim(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let shape = e.tensor_type(x).shape.clone();
    let axis = e.axis_argument(&args, 1, shape.len())?;
    Ok(Value::dim(shape[axis].clone()))
}

/// `shape(x)`
pub(super) fn shape(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let shape = e.tensor_type(x).shape.clone();
    Ok(Value::list(shape.into_iter().map(Value::dim).collect()))
}

/// `rank(x)`
pub(super) fn rank(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    if let Value::Bare(_) = args.value(0).0 {
        return Ok(Value::int(0));
    }
    let x = e.tensor_argument(&args, 0)?;
    Ok(Value::int(e.tensor_type(x).rank() as i64))
}

/// `dtype(x)`
pub(super) fn dtype(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (value, span) = args.value(0);
    e.dtype_of(&value.clone(), span).map(Value::Element)
}

/// `len(list)`
pub(super) fn len(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    match args.value(0).0 {
        Value::List(list) => Ok(Value::int(list.len() as i64)),
        Value::Tensor(_) => {
            let message = "a tensor is not a list";
            let error = Diagnostic::error(Code::WrongKind, message).at(args.span, "");
            Err(e.push(error.help("`dim(x, 0)` is the length of its first axis")))
        }
        Value::Bare(Bare::Int(_) | Bare::Float(_) | Bare::Bool(_))
        | Value::Str(_)
        | Value::Element(_)
        | Value::Function(_)
        | Value::Initial(_)
        | Value::Poison => Err(e.wrong_argument(&args, 0, "a list")),
    }
}

/// `append(list, x)`: a list with one member more.
pub(super) fn append(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let Value::List(list) = args.value(0).0 else {
        return Err(e.wrong_argument(&args, 0, "a list"));
    };
    let mut members = list.to_vec();
    members.push(args.value(1).0.clone());
    e.list(members, args.span)
}

/// `flat(list)`: the members of a list and of its lists, or the value alone, as one list.
pub(super) fn flat(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    fn collect(value: &Value, into: &mut Vec<Value>) {
        match value {
            Value::List(list) => list.iter().for_each(|member| collect(member, into)),
            other => into.push(other.clone()),
        }
    }
    let mut all = Vec::new();
    members(args.value(0).0).iter().for_each(|member| collect(member, &mut all));
    e.list(all, args.span)
}
