//! Convolutions and pools as the language calls them: with the channels first or last, and with the
//! groups of channels in one axis.

use brolga_compiler::ir::{Dim, NodeId, TensorType};
use brolga_compiler::ops::{Attribute, Build, TypeError, build_op, codes, signatures};

use super::super::value::{Args, Builtin, FormalSpec, Value};
use super::{Elaborator, Result, given, operands};

/// The operations that also take `layout`.
const NAMES: [&str; 8] = [
    "conv1d",
    "conv1d_input_gradient",
    "conv2d",
    "conv2d_input_gradient",
    "max_pool1d",
    "max_pool2d",
    "sum_pool1d",
    "sum_pool2d",
];

/// The operations of this file: those of the compiler with one more argument.
pub(super) fn builtins() -> impl Iterator<Item = Builtin> {
    let layout = FormalSpec { name: "layout", required: false, default: "\"nhwc\"" };
    signatures().into_iter().filter(|signature| NAMES.contains(&signature.name)).map(move |s| {
        let formals = operands(s).into_iter().chain([layout.clone()]).collect();
        Builtin { name: s.name, formals, run: windowed }
    })
}

/// A convolution or a pool.
fn windowed(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let last = args.builtin.formals.len() - 1;
    let first = match args.optional(last) {
        None => false,
        Some((Value::Str(layout), _)) if &**layout == "nhwc" => false,
        Some((Value::Str(layout), _)) if &**layout == "nchw" => true,
        Some(_) => return Err(e.wrong_argument(&args, last, "\"nhwc\" or \"nchw\"")),
    };
    let (tensors, attributes) = given(e, &args)?;
    e.at = args.span;
    let name = args.builtin.name;
    let y = e.build(&tensors, |build, x| {
        let mut x = x.to_vec();
        if first {
            x[0] = channels_last(build, x[0])?;
        }
        let y = grouped(build, name, &attributes, x)?;
        if first { channels_first(build, y) } else { Ok(y) }
    })?;
    Ok(Value::Tensor(y))
}

type Built<T = NodeId> = std::result::Result<T, TypeError>;

fn channels_last(build: &mut Build<'_>, x: NodeId) -> Built {
    let mut perm: Vec<usize> = (0..build.shape(x).len()).collect();
    if let [_, rest @ ..] = perm.as_mut_slice()
        && !rest.is_empty()
    {
        rest.rotate_left(1);
    }
    build.transpose(x, &perm)
}

fn channels_first(build: &mut Build<'_>, x: NodeId) -> Built {
    let mut perm: Vec<usize> = (0..build.shape(x).len()).collect();
    if let [_, rest @ ..] = perm.as_mut_slice()
        && !rest.is_empty()
    {
        rest.rotate_right(1);
    }
    build.transpose(x, &perm)
}

/// The operation, of a convolution whose groups have no axis of their own that of the tensors which
/// have one.
fn grouped(
    build: &mut Build<'_>,
    name: &str,
    attributes: &[(String, Attribute)],
    mut x: Vec<NodeId>,
) -> Built {
    let spatial = if name.contains("1d") { 1 } else { 2 };
    let of_groups = attributes.iter().position(|(name, _)| name == "groups");
    let groups = of_groups.and_then(|at| match &attributes[at].1 {
        Attribute::Dim(groups) => groups.as_number().filter(|&groups| groups > 0),
        _ => None,
    });
    let in_one_axis = build.shape(x[0]).len() == spatial + 2;
    let Some(groups) = groups.filter(|_| in_one_axis && x.len() == 2) else {
        return node(build, name, attributes, &x);
    };
    let mut attributes = attributes.to_vec();
    if groups == 1 {
        attributes.retain(|(name, _)| name != "groups");
        return node(build, name, &attributes, &x);
    }
    for x in &mut x {
        *x = in_groups(build, name, *x, groups)?;
    }
    let y = node(build, name, &attributes, &x)?;
    let mut shape = build.shape(y);
    let within = shape.pop().unwrap_or(Dim::number(1));
    shape[spatial + 1] = within.mul(&Dim::number(groups))?;
    build.reshape(y, &shape)
}

/// The last axis as groups and what is in each.
fn in_groups(build: &mut Build<'_>, name: &str, x: NodeId, groups: i64) -> Built {
    let of_x = build.tensor_type(x);
    let mut shape = of_x.shape.clone();
    let Some(all) = shape.pop() else { return Ok(x) };
    let groups = Dim::number(groups);
    let within = all.floor_div(&groups)?;
    let rest = all.sub(&within.mul(&groups)?)?;
    if rest.as_number() != Some(0) {
        let message = format!("`{name}`: the last axis of {of_x} is not {groups} equal groups");
        return Err(TypeError::new(codes::ATTRIBUTE, message));
    }
    shape.extend([groups, within]);
    build.reshape(x, &shape)
}

fn node(
    build: &mut Build<'_>,
    name: &str,
    attributes: &[(String, Attribute)],
    x: &[NodeId],
) -> Built {
    let types: Vec<TensorType> = x.iter().map(|&x| build.tensor_type(x)).collect();
    let op = build_op(name, attributes, &types.iter().collect::<Vec<_>>())?;
    build.node(op, x)
}
