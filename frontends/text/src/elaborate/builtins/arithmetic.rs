//! Elementwise functions, reductions and products.

use brolga_compiler::ir::{BinaryFn, DType, Dim, UnaryFn};
use brolga_compiler::ops::{Prefix, PrefixFn, ReduceFn, TypeError};

use super::super::operators::Operand;
use super::super::value::{Bare, Value};
use super::{Args, Elaborator, Entry, Result, Tensor, entry, told};
use crate::ast::BinaryOp;
use crate::codes::Code;
use crate::diagnostics::Diagnostic;

/// The operations of this file.
pub(super) const ENTRIES: &[Entry] = &[
    told("select", "cond, a, b", select),
    told("cast", "x, type", cast),
    entry(
        "matmul",
        "a, b, transpose_a=false, transpose_b=false",
        "the product `a @ b`, batched; da = dy @ transposed b, db = transposed a @ dy",
        matmul,
    ),
    told("cumsum", "x, axis=, reverse=false, exclusive=false", running),
    told("cumprod", "x, axis=, reverse=false, exclusive=false", running),
    entry("mean", "x, axis=, keepdims=false", "sum(x) / n over the axes; dx = dy / n", mean),
];

/// A function of one element.
pub(super) fn unary(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let name = args.builtin.name;
    let f = UnaryFn::ALL.into_iter().find(|f| f.name() == name);
    let f = f.expect("it was entered under its name");
    let (x, _) = args.value(0);
    e.unary(f, x, args.span)
}

/// A function of two elements.
pub(super) fn binary(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let name = args.builtin.name;
    let f = BinaryFn::ALL.into_iter().find(|f| f.name() == name);
    let f = f.expect("it was entered under its name");
    let ((a, a_span), (b, b_span)) = (args.value(0), args.value(1));
    let a = Operand { value: a, span: a_span, expr: None };
    let b = Operand { value: b, span: b_span, expr: None };
    e.elementwise(f, a, b, args.span)
}

/// `select(cond, a, b)`; a bare condition chooses at compile time.
pub(super) fn select(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let ((cond, cond_span), (a, a_span), (b, b_span)) =
        (args.value(0), args.value(1), args.value(2));
    if let Value::Bare(Bare::Bool(chosen)) = cond {
        return Ok(if *chosen { a.clone() } else { b.clone() });
    }
    let a = Operand { value: a, span: a_span, expr: None };
    let b = Operand { value: b, span: b_span, expr: None };
    let cond = e.materialise(cond, Some(DType::Bool), cond_span)?;
    let [a, b] = e.together([a, b], "select")?;
    let built = e.build(&[cond, a, b], |build, x| {
        if build.dtype(x[0]) != DType::Bool {
            let message =
                format!("the condition of `select` is {}, not bool", build.tensor_type(x[0]));
            let error = TypeError::new(brolga_compiler::ops::codes::DTYPE_REFUSED, message);
            return Err(error.with_help("compare it, as in `x != 0`"));
        }
        build.select(x[0], x[1], x[2])
    })?;
    Ok(Value::Tensor(built))
}

/// `cast(x, type)`
pub(super) fn cast(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let Value::Element(dtype) = *args.value(1).0 else {
        return Err(e.wrong_argument(&args, 1, "an element type"));
    };
    let (value, span) = args.value(0);
    if let Value::Bare(bare) = value {
        // A known number is converted as it would be at run time, not as a bare one is.
        let own = super::super::types::default_dtype(value);
        let symbolic = matches!(bare, Bare::Int(dim) if dim.as_number().is_none());
        if symbolic {
            return e.materialise(value, Some(dtype), span).map(Value::Tensor);
        }
        let wide = match own {
            DType::F32 => DType::F64,
            DType::I32 => DType::I64,
            other => other,
        };
        let scalar = e.known_scalar(bare, wide, span)?.cast(dtype);
        return e.add(brolga_compiler::ops::Leaf::constant(scalar), &[]).map(Value::Tensor);
    }
    let x = e.tensor_argument(&args, 0)?;
    Ok(Value::Tensor(e.build(&[x], |build, x| build.cast(x[0], dtype))?))
}

/// `matmul(a, b)`
pub(super) fn matmul(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (ta, tb) = (e.switch_argument(&args, 2)?, e.switch_argument(&args, 3)?);
    let ((a, a_span), (b, b_span)) = (args.value(0), args.value(1));
    let a = Operand { value: a, span: a_span, expr: None };
    let b = Operand { value: b, span: b_span, expr: None };
    e.at = args.span;
    let [a, b] = e.together([a, b], "matmul")?;
    Ok(Value::Tensor(e.build(&[a, b], |build, x| build.matmul(x[0], x[1], (ta, tb)))?))
}

/// `sum(x, axis, keepdims)` and the like. Of a list of bare numbers the result is bare.
pub(super) fn reduce(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let name = args.builtin.name;
    let f = ReduceFn::ALL.into_iter().find(|f| f.name() == name);
    let f = f.expect("it was entered under its name");
    if let Some(bare) = bare_fold(e, f, &args)? {
        return Ok(bare);
    }
    let (x, axes, keepdims) = operands(e, &args)?;
    if f.is_index() && args.optional(1).is_none() {
        return flat_index(e, f, x);
    }
    if f.is_index() && axes.len() != 1 {
        let message = format!("`{name}` takes one axis");
        return Err(e.error(Code::Attribute, message, args.span, ""));
    }
    let y = e.build(&[x], |build, x| build.reduce(f, x[0], &axes, keepdims))?;
    Ok(Value::Tensor(y))
}

fn operands(e: &mut Elaborator<'_>, args: &Args) -> Result<(Tensor, Vec<usize>, bool)> {
    let x = e.tensor_argument(args, 0)?;
    let rank = e.tensor_type(x).rank();
    let axes = e.axes_argument(args, 1, rank)?;
    let keepdims = e.switch_argument(args, 2)?;
    e.at = args.span;
    Ok((x, axes, keepdims))
}

/// `cumsum(x, axis)` and `cumprod(x, axis)`; without an axis, of all elements in row-major order.
pub(super) fn running(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let x = e.tensor_argument(&args, 0)?;
    let rank = e.tensor_type(x).rank();
    let axis = match args.optional(1) {
        None => None,
        Some(_) => Some(e.axis_argument(&args, 1, rank)?),
    };
    let (reverse, exclusive) = (e.switch_argument(&args, 2)?, e.switch_argument(&args, 3)?);
    let f = match args.builtin.name {
        "cumsum" => PrefixFn::Sum { exclusive },
        _ => PrefixFn::Product { exclusive },
    };
    e.at = args.span;
    let y = e.build(&[x], |build, x| match axis {
        Some(axis) => build.node(Prefix { f, axis, reverse }, &[x[0]]),
        None => {
            let flat = build.reshape(x[0], &[Dim::number(-1)])?;
            build.node(Prefix { f, axis: 0, reverse }, &[flat])
        }
    })?;
    Ok(Value::Tensor(y))
}

/// The index of the extreme element among all, in row-major order.
fn flat_index(e: &mut Elaborator<'_>, f: ReduceFn, x: Tensor) -> Result<Value> {
    let y = e.build(&[x], |build, x| {
        let flat = build.reshape(x[0], &[Dim::number(-1)])?;
        build.reduce(f, flat, &[0], false)
    })?;
    Ok(Value::Tensor(y))
}

/// The sum, product or extreme of a list of bare numbers.
fn bare_fold(e: &mut Elaborator<'_>, f: ReduceFn, args: &Args) -> Result<Option<Value>> {
    let (value, span) = args.value(0);
    let (Value::List(members), None) = (value, args.optional(1)) else { return Ok(None) };
    let op = match f {
        ReduceFn::Sum => Fold::Op(BinaryOp::Add, Some(Value::int(0))),
        ReduceFn::Prod => Fold::Op(BinaryOp::Mul, Some(Value::int(1))),
        ReduceFn::Max => Fold::Fn(BinaryFn::Max),
        ReduceFn::Min => Fold::Fn(BinaryFn::Min),
        ReduceFn::Any => Fold::Op(BinaryOp::Or, Some(Value::bool(false))),
        ReduceFn::All => Fold::Op(BinaryOp::And, Some(Value::bool(true))),
        ReduceFn::ArgMax | ReduceFn::ArgMin => return Ok(None),
    };
    let all_bare = members.iter().all(|member| matches!(member, Value::Bare(_)));
    if !all_bare || (members.is_empty() && matches!(op, Fold::Fn(_))) {
        return Ok(None);
    }
    let mut members = members.iter().cloned();
    let (mut total, op) = match op {
        Fold::Op(op, start) => (start.unwrap_or(Value::int(0)), Fold::Op(op, None)),
        Fold::Fn(f) => (members.next().unwrap_or(Value::Poison), Fold::Fn(f)),
    };
    for member in members {
        let a = Operand { value: &total, span, expr: None };
        let b = Operand { value: &member, span, expr: None };
        total = match &op {
            Fold::Op(op, _) => e.binary(*op, a, b, args.span)?,
            Fold::Fn(f) => e.elementwise(*f, a, b, args.span)?,
        };
    }
    Ok(Some(total))
}

enum Fold {
    Op(BinaryOp, Option<Value>),
    Fn(BinaryFn),
}

/// `mean(x, axis, keepdims)`
pub(super) fn mean(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (x, axes, keepdims) = operands(e, &args)?;
    let of_x = e.tensor_type(x).clone();
    if !of_x.dtype.is_float() {
        let message = "the mean is of floats";
        let error = Diagnostic::error(Code::DTypeRefused, message);
        let text = e.sources.text(args.value(0).1);
        let help = format!("write `mean(cast({text}, f32))`");
        return Err(e.push(error.at(args.value(0).1, of_x.to_string()).help(help)));
    }
    Ok(Value::Tensor(e.build(&[x], |build, x| build.mean(x[0], &axes, keepdims))?))
}
