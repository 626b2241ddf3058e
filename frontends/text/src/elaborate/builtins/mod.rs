//! The operations of the language that are not written in it: their names, arguments, and how a
//! call becomes nodes.

mod arithmetic;
mod einsum;
mod files;
mod gradients;
mod orders;
mod pairs;
mod random;
mod shapes;
mod windows;

use std::collections::HashMap;
use std::sync::OnceLock;

use brolga_compiler::ir::{BinaryFn, TensorType, UnaryFn};
use brolga_compiler::ops::{Attribute, ReduceFn, Signature, build_op, signatures};

use super::attribute::attribute;
use super::value::{Args, Builtin, FormalSpec, Tensor, Value};
use super::{Elaborator, Failed, Result};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::source::Span;

pub use gradients::GradientCall;

/// An operation whose calls are more than operands and attributes.
pub(super) struct Entry {
    name: &'static str,
    /// The arguments as they would be written; one with `=` may be left out.
    head: &'static str,
    /// What it computes; `None` where the compiler's operation of that name says it.
    doc: Option<&'static str>,
    run: fn(&mut Elaborator<'_>, Args) -> Result<Value>,
}

/// An operation that is more than one of the compiler's.
const fn entry(
    name: &'static str,
    head: &'static str,
    doc: &'static str,
    run: fn(&mut Elaborator<'_>, Args) -> Result<Value>,
) -> Entry {
    Entry { name, head, doc: Some(doc), run }
}

/// The compiler's operation of that name, called otherwise.
const fn told(
    name: &'static str,
    head: &'static str,
    run: fn(&mut Elaborator<'_>, Args) -> Result<Value>,
) -> Entry {
    Entry { name, head, doc: None, run }
}

/// The entries of all files.
fn entries() -> impl Iterator<Item = &'static Entry> {
    let files = [
        arithmetic::ENTRIES,
        einsum::ENTRIES,
        shapes::ENTRIES,
        orders::ENTRIES,
        pairs::ENTRIES,
        random::ENTRIES,
        gradients::ENTRIES,
        files::ENTRIES,
    ];
    files.into_iter().flatten()
}

/// What a later release brings, with its name there.
const NOT_YET: &[&str] = &["while"];

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
        let written = entries().find(|entry| entry.name == name).and_then(|entry| entry.doc);
        let exact = exact.iter().find(|signature| signature.name == name);
        written.or(exact.map(|signature| signature.doc)).unwrap_or_default()
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
        for hidden in
            ["input", "variable", "parameter", "constant", "scan", "result", "prod_others"]
        {
            table.remove(hidden);
        }
        for f in UnaryFn::ALL {
            insert(&mut table, &told(f.name(), "x", arithmetic::unary));
        }
        for f in BinaryFn::ALL {
            insert(&mut table, &told(f.name(), "a, b", arithmetic::binary));
        }
        for f in ReduceFn::ALL {
            insert(&mut table, &told(f.name(), "x, axis=, keepdims=false", arithmetic::reduce));
        }
        windows::builtins().for_each(|builtin| {
            table.insert(builtin.name, builtin);
        });
        entries().for_each(|entry| insert(&mut table, entry));
        table
    })
}

fn insert(table: &mut HashMap<&'static str, Builtin>, entry: &Entry) {
    let &Entry { name, head, run, .. } = entry;
    let formals = head.split(", ").filter(|text| !text.is_empty());
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
    let (tensors, attributes) = given(e, &args)?;
    let types: Vec<TensorType> = tensors.iter().map(|&x| e.tensor_type(x).clone()).collect();
    let types: Vec<&TensorType> = types.iter().collect();
    match build_op(args.builtin.name, &attributes, &types) {
        Ok(op) => e.add(op, &tensors).map(Value::Tensor),
        Err(error) => Err(e.type_error(&error)),
    }
}

/// Attributes by name.
type NamedAttributes = Vec<(String, Attribute)>;

/// The operands and the attributes of the compiler's operation of the call's name.
fn given(e: &mut Elaborator<'_>, args: &Args) -> Result<(Vec<Tensor>, NamedAttributes)> {
    let name = args.builtin.name;
    let signature = signatures().into_iter().find(|signature| signature.name == name);
    let (n_operands, n_attributes) = signature
        .map_or((0, 0), |signature| (signature.operands.len(), signature.attributes.len()));
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
    for (k, formal) in args.builtin.formals.iter().enumerate().skip(n_operands).take(n_attributes) {
        let Some((value, span)) = args.optional(k) else { continue };
        match attribute(value) {
            Some(attribute) => attributes.push((formal.name.to_owned(), attribute)),
            None => {
                let message = format!("`{}` cannot be {}", formal.name, value.kind());
                return Err(e.error(Code::WrongArguments, message, span, ""));
            }
        }
    }
    Ok((tensors, attributes))
}

impl Elaborator<'_> {
    /// Refuses an argument of the wrong kind.
    fn wrong_argument(&mut self, args: &Args, k: usize, wanted: &str) -> Failed {
        self.wrong_argument_helped(args, k, wanted, "")
    }

    /// The same with advice.
    fn wrong_argument_helped(&mut self, args: &Args, k: usize, wanted: &str, help: &str) -> Failed {
        let (value, span) = args.value(k);
        if value.is_poisoned() {
            return Failed;
        }
        let message =
            format!("`{}` of `{}` is {wanted}", args.builtin.formals[k].name, args.builtin.name);
        let label = format!("this is {}", value.kind());
        let error = Diagnostic::error(Code::WrongArguments, message).at(span, label);
        self.push(if help.is_empty() { error } else { error.help(help) })
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
    }
}
