//! Right sides: operations on names, and closed graphs as one expression.

use crate::ir::{CompareFn, DType, Dim, Graph, Literal, NodeId, Scalar, UnaryFn};
use crate::ops::{
    Attribute, AttributeSignature, Contract, Elementwise, Leaf, Op, OpRules, Signature,
};

/// Constants of more elements are printed by their bytes.
const MAX_LISTED: usize = 16;

/// An initial value of more nodes is printed as a function.
const MAX_NESTED: usize = 32;

/// `name(arguments)`.
pub(super) fn call(name: &str, arguments: &[String]) -> String {
    format!("{name}({})", arguments.join(", "))
}

/// The sign that stands between the operands of an operation.
fn infix(op: &Op) -> Option<&'static str> {
    match op {
        Op::Elementwise(Elementwise::Binary(f)) => f.symbol(),
        Op::Elementwise(Elementwise::Compare(f)) => Some(CompareFn::symbol(*f)),
        Op::Contract(Contract::Matmul { transpose_a: false, transpose_b: false }) => Some("@"),
        _ => None,
    }
}

/// An operation on operands that are names or in parentheses.
pub(super) fn right_side(op: &Op, operands: &[String]) -> String {
    match (op, operands) {
        (op, [a, b]) if infix(op).is_some() => {
            format!("{a} {} {b}", infix(op).unwrap_or_default())
        }
        (Op::Elementwise(Elementwise::Unary(UnaryFn::Neg)), [x]) => format!("-{x}"),
        (Op::Elementwise(Elementwise::Unary(UnaryFn::Not)), [x]) => format!("not {x}"),
        _ => {
            let Signature { name, attributes, .. } = op.signature();
            let values = op.attributes();
            let attributes = attributes.iter().zip(&values);
            let arguments = operands.iter().cloned();
            call(name, &arguments.chain(attributes.filter_map(attribute)).collect::<Vec<String>>())
        }
    }
}

/// `name=value`, unless that is the default.
fn attribute((signature, value): (&AttributeSignature, &Attribute)) -> Option<String> {
    let text = attribute_text(value);
    (signature.default != Some(&text)).then(|| format!("{}={text}", signature.name))
}

/// The value of an attribute in the language.
pub(super) fn attribute_text(value: &Attribute) -> String {
    match value {
        Attribute::Bool(b) => b.to_string(),
        Attribute::Dim(dim) => dim.to_string(),
        Attribute::Dims(dims) => dims_text(dims),
        Attribute::DimLists(lists) => {
            let lists: Vec<String> = lists.iter().map(|l| dims_text(l)).collect();
            format!("[{}]", lists.join(", "))
        }
        Attribute::DType(dtype) => dtype.to_string(),
        Attribute::Scalar(scalar) => scalar.to_string(),
        Attribute::Name(name) => format!("\"{name}\""),
        Attribute::Literal(literal) => constant(literal),
    }
}

fn dims_text(dims: &[Dim]) -> String {
    let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
    format!("[{}]", dims.join(", "))
}

/// The elements of a constant: a number, a nested list, or for more than 16 the bytes. Of none the
/// (no) bytes too: an empty list does not say what it would be a list of.
pub(super) fn constant(literal: &Literal) -> String {
    let is_list = (1..=MAX_LISTED).contains(&literal.n_elements());
    if is_list && literal.scalars().all(reads_back) {
        return literal.to_string();
    }
    let digits: Vec<String> = literal.to_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("hex(\"{}\")", digits.concat())
}

/// Whether the printed number has the same bits: of the NaNs, only one has.
fn reads_back(scalar: Scalar) -> bool {
    match scalar {
        Scalar::F32(x) => !x.is_nan() || x.to_bits() == f32::NAN.to_bits(),
        Scalar::F64(x) => !x.is_nan() || x.to_bits() == f64::NAN.to_bits(),
        Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) | Scalar::Bool(_) => true,
    }
}

/// A closed graph as one expression, if that says all: it is a small tree, and its constants are
/// numbers that have their type by themselves.
pub(super) fn nested(graph: &Graph) -> Option<String> {
    let [(_, root)] = graph.outputs.as_slice() else { return None };
    let order = graph.order();
    let shared = |id: &NodeId| {
        let readers = order.iter().flat_map(|&n| graph.operands(n)).filter(|o| *o == id);
        readers.count() > 1
    };
    if order.len() > MAX_NESTED || order.iter().any(shared) {
        return None;
    }
    tree(graph, *root, &|leaf| match leaf {
        Leaf::Seed | Leaf::Batch => Some(call(leaf.signature().name, &[])),
        Leaf::Constant(literal) => bare(literal),
        Leaf::Dim { .. } | Leaf::Parameter { .. } => None,
        Leaf::Input { .. } | Leaf::Variable { .. } | Leaf::Step | Leaf::Epoch => None,
    })
}

/// A constant that needs no written type: a number that is f32, i32 or bool by itself.
fn bare(literal: &Literal) -> Option<String> {
    let is_bare = literal.sizes().is_empty()
        && matches!(literal.dtype(), DType::F32 | DType::I32 | DType::Bool);
    let text = constant(literal);
    (is_bare && !text.starts_with("hex")).then_some(text)
}

/// The formula of a metric with the texts of its parts in the place of parameters. What several
/// operations read is written out for each.
pub(super) fn finished(finish: &Graph, parts: &[String]) -> String {
    let leaf = |leaf: &Leaf| match leaf {
        Leaf::Parameter { number, .. } => parts.get(*number).cloned(),
        Leaf::Constant(literal) => Some(constant(literal)),
        Leaf::Dim { dim, .. } => Some(dim.to_string()),
        Leaf::Input { .. } | Leaf::Variable { .. } => None,
        Leaf::Seed | Leaf::Step | Leaf::Epoch | Leaf::Batch => None,
    };
    let root = finish.outputs.first().map(|(_, root)| *root);
    root.and_then(|root| tree(finish, root, &leaf)).unwrap_or_default()
}

fn tree(graph: &Graph, id: NodeId, leaf: &dyn Fn(&Leaf) -> Option<String>) -> Option<String> {
    let op = graph.op(id);
    if let Op::Leaf(l) = op {
        return leaf(l);
    }
    if op.region().is_some() || op.picks_result() {
        return None;
    }
    let mut operands = vec![];
    for &o in graph.operands(id) {
        let text = tree(graph, o, leaf)?;
        operands.push(if is_operator(op) && needs_parentheses(graph, o, &text) {
            format!("({text})")
        } else {
            text
        });
    }
    Some(right_side(op, &operands))
}

fn is_operator(op: &Op) -> bool {
    let is_prefix = matches!(op, Op::Elementwise(Elementwise::Unary(UnaryFn::Neg | UnaryFn::Not)));
    is_prefix || infix(op).is_some()
}

fn needs_parentheses(graph: &Graph, id: NodeId, text: &str) -> bool {
    is_operator(graph.op(id)) || text.starts_with('-') || text.contains(' ') && !text.ends_with(')')
}
