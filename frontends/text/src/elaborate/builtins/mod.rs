//! The operations of the language that are not written in it: their names, arguments, and how a
//! call becomes nodes.

mod arithmetic;
mod docs;
mod files;
mod gradients;
mod random;
mod shapes;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use brolga_compiler::ir::{BinaryFn, TensorType, UnaryFn};
use brolga_compiler::ops::{Signature, build_op, signatures};

use super::exact::attribute;
use super::value::{Tensor, Value};
use super::{Elaborator, Failed, Result};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::source::Span;

/// An operation.
#[derive(Debug)]
pub(super) struct Builtin {
    pub(super) name: &'static str,
    pub(super) formals: Vec<FormalSpec>,
    pub(super) run: fn(&mut Elaborator<'_>, Args) -> Result<Value>,
}

/// An argument of an operation.
#[derive(Clone, Debug)]
pub(super) struct FormalSpec {
    pub(super) name: &'static str,
    pub(super) required: bool,
    default: &'static str,
}

/// The arguments of a call in the order of the formals.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) builtin: &'static Builtin,
    pub(super) values: Vec<Option<(Value, Span)>>,
    /// Where the call stands.
    pub(super) span: Span,
    /// `name="..."`
    pub(super) name: Option<Arc<str>>,
}

impl Args {
    /// An argument that is required, with its place.
    fn value(&self, k: usize) -> (&Value, Span) {
        let (value, span) = self.values[k].as_ref().expect("the call was refused without it");
        (value, *span)
    }

    /// An argument that may be left out.
    fn optional(&self, k: usize) -> Option<(&Value, Span)> {
        self.values[k].as_ref().map(|(value, span)| (value, *span))
    }
}

impl Builtin {
    /// The head as it would be written.
    pub(super) fn signature(&self) -> String {
        let formal = |formal: &FormalSpec| match formal.default {
            "" if formal.required => formal.name.to_owned(),
            "" => format!("[{}]", formal.name),
            default => format!("{}={default}", formal.name),
        };
        let formals: Vec<String> = self.formals.iter().map(formal).collect();
        format!("{}({})", self.name, formals.join(", "))
    }

    /// Whether it makes initial values.
    pub(super) fn is_initialiser(&self) -> bool {
        let names: Vec<&str> = self.formals.iter().map(|formal| formal.name).collect();
        names.starts_with(&["shape", "dtype"])
    }
}

type Entry = (&'static str, &'static str, fn(&mut Elaborator<'_>, Args) -> Result<Value>);

/// The operations whose calls are more than operands and attributes. An argument with `=` may be
/// left out.
const ENTRIES: &[Entry] = &[
    ("select", "cond, a, b", arithmetic::select),
    ("cast", "x, type", arithmetic::cast),
    ("matmul", "a, b, transpose_a=false, transpose_b=false", arithmetic::matmul),
    ("sum", "x, axis=, keepdims=false", arithmetic::reduce),
    ("prod", "x, axis=, keepdims=false", arithmetic::reduce),
    ("max", "x, axis=, keepdims=false", arithmetic::reduce),
    ("min", "x, axis=, keepdims=false", arithmetic::reduce),
    ("any", "x, axis=, keepdims=false", arithmetic::reduce),
    ("all", "x, axis=, keepdims=false", arithmetic::reduce),
    ("argmax", "x, axis=, keepdims=false", arithmetic::reduce),
    ("argmin", "x, axis=, keepdims=false", arithmetic::reduce),
    ("mean", "x, axis=, keepdims=false", arithmetic::mean),
    ("reshape", "x, shape", shapes::reshape),
    ("transpose", "x, perm=", shapes::transpose),
    ("broadcast_to", "x, shape", shapes::broadcast_to),
    ("expand_dims", "x, axis", shapes::expand_dims),
    ("squeeze", "x, axis=", shapes::squeeze),
    ("concat", "list, axis", shapes::concat),
    ("stack", "list, axis=0", shapes::stack),
    ("split", "x, parts, axis=0", shapes::split),
    ("pad", "x, padding, value=0", shapes::pad),
    ("reverse", "x, axis=", shapes::reverse),
    ("tile", "x, repeats", shapes::tile),
    ("flatten", "x", shapes::flatten),
    ("iota", "shape, axis=0, dtype=i32", shapes::iota),
    ("zeros", "shape, dtype=f32", shapes::zeros),
    ("ones", "shape, dtype=f32", shapes::ones),
    ("full", "shape, v, dtype=", shapes::full),
    ("one_hot", "ids, n, dtype=f32", shapes::one_hot),
    ("gather", "x, ids, axis=0", shapes::gather),
    ("take_along_axis", "x, ids, axis", shapes::take_along_axis),
    ("dim", "x, axis", shapes::dim),
    ("shape", "x", shapes::shape),
    ("rank", "x", shapes::rank),
    ("dtype", "x", shapes::dtype),
    ("len", "list", shapes::len),
    ("flat", "list", shapes::flat),
    ("append", "list, x", shapes::append),
    ("random_bits", "seed=, step=, shape=", random::bits),
    ("random_uniform", "shape, lo=0, hi=1, dtype=f32", random::uniform),
    ("random_normal", "shape, mean=0, std=1, dtype=f32", random::normal),
    ("bernoulli", "shape, p", random::bernoulli),
    ("categorical", "logits", random::categorical),
    ("dropout", "x, rate", random::dropout),
    ("seed", "", random::seed),
    ("batch_number", "", random::batch_number),
    ("iteration", "", random::iteration),
    ("grad", "y, x", gradients::grad),
    ("params", "pattern", gradients::params),
    ("load", "path", files::load),
    ("total", "x, dtype=f32", gradients::total),
];

/// What a later release brings, with what the page calls it.
const NOT_YET: &[&str] = &[
    "einsum",
    "conv",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "depthwise_conv2d",
    "max_pool",
    "avg_pool",
    "max_pool1d",
    "max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "asin",
    "acos",
    "atan",
    "atan2",
    "cumsum",
    "cumprod",
    "top_k",
    "top_k_accuracy",
    "sort",
    "scatter_add",
    "auc",
    "while",
];

/// Whether a later release brings a function: what to say of it.
pub(super) fn not_yet(name: &str) -> Option<&'static str> {
    NOT_YET.contains(&name).then_some("a later release brings it")
}

/// A function of the language that is not written in it.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The name.
    pub name: &'static str,
    /// The arguments in order, each with its text if it may be left out (empty where it has no
    /// fixed default).
    pub arguments: Vec<(&'static str, Option<&'static str>)>,
    /// What it computes.
    pub doc: &'static str,
}

/// What a file can call and what dumps are written in, by name: every operation as the language
/// calls it.
pub fn operations() -> Vec<Operation> {
    let exact = signatures();
    let doc = |name: &str| {
        let written = docs::DOCS.iter().find(|(documented, _)| *documented == name);
        let exact = exact.iter().find(|signature| signature.name == name);
        written.map(|(_, doc)| *doc).or(exact.map(|signature| signature.doc)).unwrap_or_default()
    };
    let hidden = exact.iter().filter(|signature| find(signature.name).is_none());
    let hidden = hidden.map(|signature| (signature.name, operands(signature)));
    let callable = table().values();
    let mut all: Vec<Operation> = callable
        .map(|builtin| (builtin.name, builtin.formals.clone()))
        .chain(hidden)
        .map(|(name, formals)| {
            let argument = |f: &FormalSpec| (f.name, (!f.required).then_some(f.default));
            Operation { name, arguments: formals.iter().map(argument).collect(), doc: doc(name) }
        })
        .collect();
    all.sort_by_key(|operation| operation.name);
    all
}

/// The operation of that name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    table().get(name)
}

/// The names of all operations.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    table().keys().copied()
}

fn table() -> &'static HashMap<&'static str, Builtin> {
    static TABLE: OnceLock<HashMap<&'static str, Builtin>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for signature in signatures() {
            let name = signature.name;
            table.insert(name, Builtin { name, formals: operands(signature), run: plain });
        }
        for hidden in ["input", "variable", "parameter", "constant", "scan", "result", "prod_others"] {
            table.remove(hidden);
        }
        for f in UnaryFn::ALL {
            insert(&mut table, (f.name(), "x", arithmetic::unary));
        }
        for f in BinaryFn::ALL {
            insert(&mut table, (f.name(), "a, b", arithmetic::binary));
        }
        ENTRIES.iter().for_each(|entry| insert(&mut table, *entry));
        table
    })
}

fn insert(table: &mut HashMap<&'static str, Builtin>, (name, formals, run): Entry) {
    let formals = formals.split(", ").filter(|text| !text.is_empty());
    let formals = formals.map(|text| match text.split_once('=') {
        Some((name, default)) => FormalSpec { name, required: false, default },
        None => FormalSpec { name: text, required: true, default: "" },
    });
    table.insert(name, Builtin { name, formals: formals.collect(), run });
}

/// The operands and attributes of an operation as formals.
fn operands(signature: &'static Signature) -> Vec<FormalSpec> {
    let operands = signature.operands.iter();
    let operands = operands.map(|name| FormalSpec { name, required: true, default: "" });
    let attributes = signature.attributes.iter().map(|attribute| FormalSpec {
        name: attribute.name,
        required: attribute.default.is_none(),
        default: attribute.default.unwrap_or_default(),
    });
    operands.chain(attributes).collect()
}

/// An operation that takes its operands and attributes as they are.
fn plain(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let name = args.builtin.name;
    let signature = signatures().into_iter().find(|signature| signature.name == name);
    let n_operands = signature.map_or(0, |signature| signature.operands.len());
    let mut tensors: Vec<Tensor> = Vec::new();
    let given: Vec<(&Value, Span)> = (0..n_operands).map(|k| args.value(k)).collect();
    let dtype = given.iter().find_map(|(value, _)| match value {
        Value::Tensor(x) => Some(e.tensor_type(*x).dtype),
        _ => None,
    });
    for (value, span) in given {
        tensors.push(e.materialise(value, dtype, span)?);
    }
    let mut attributes = Vec::new();
    for (k, formal) in args.builtin.formals.iter().enumerate().skip(n_operands) {
        let Some((value, span)) = args.optional(k) else { continue };
        match attribute(value) {
            Some(attribute) => attributes.push((formal.name.to_owned(), attribute)),
            None => {
                let message = format!("`{}` cannot be {}", formal.name, value.kind());
                return Err(e.error(Code::WrongArguments, message, span, ""));
            }
        }
    }
    let types: Vec<TensorType> = tensors.iter().map(|&x| e.tensor_type(x).clone()).collect();
    let types: Vec<&TensorType> = types.iter().collect();
    match build_op(name, &attributes, &types) {
        Ok(op) => e.add(op, &tensors).map(Value::Tensor),
        Err(error) => Err(e.type_error(&error)),
    }
}

impl Elaborator<'_> {
    /// Refuses an argument of the wrong kind.
    fn wrong_argument(&mut self, args: &Args, k: usize, wanted: &str) -> Failed {
        let (value, span) = args.value(k);
        if value.is_poisoned() {
            return Failed;
        }
        let message =
            format!("`{}` of `{}` is {wanted}", args.builtin.formals[k].name, args.builtin.name);
        let label = format!("this is {}", value.kind());
        let error = Diagnostic::error(Code::WrongArguments, message).at(span, label);
        self.push(error)
    }

    /// An argument as a tensor.
    fn tensor_argument(&mut self, args: &Args, k: usize) -> Result<Tensor> {
        let (value, span) = args.value(k);
        let value = value.clone();
        let x = self.materialise(&value, None, span);
        self.at = args.span;
        x
    }

    /// A switch, false where it is left out.
    fn switch_argument(&mut self, args: &Args, k: usize) -> Result<bool> {
        match args.optional(k) {
            None => Ok(false),
            Some((value, span)) => {
                let value = value.clone();
                self.truth(&value, &format!("`{}`", args.builtin.formals[k].name), span)
            }
        }
    }

    /// The axes that are given: a number, a list, or all where they are left out.
    fn axes_argument(&mut self, args: &Args, k: usize, rank: usize) -> Result<Vec<usize>> {
        match args.optional(k) {
            None => Ok((0..rank).collect()),
            Some((Value::Str(all), _)) if &**all == "all" => Ok((0..rank).collect()),
            Some((Value::List(members), span)) => {
                let members = members.to_vec();
                members.iter().map(|member| self.axis(member, rank, span)).collect()
            }
            Some((value, span)) => {
                let value = value.clone();
                Ok(vec![self.axis(&value, rank, span)?])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_what_it_computes() {
        for operation in operations() {
            assert!(!operation.doc.is_empty(), "{}", operation.name);
        }
        for (name, _) in docs::DOCS {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
