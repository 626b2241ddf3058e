//! Gradients as values, the params by pattern, and totals.

use brolga_compiler::autodiff::differentiate;
use brolga_compiler::ir::{DType, Graph, NodeId, Provenance};
use brolga_compiler::ops::Op;

use super::super::report::type_diagnostic;
use super::super::value::Value;
use super::{Args, Elaborator, Entry, Result, Tensor, entry};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;

/// The operations of this file.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        "grad",
        "y, x",
        "the gradient of the float scalar `y` with respect to `x`, or to each of a list",
        grad,
    ),
    entry("params", "pattern", "the list of the params made so far that match a pattern", params),
    entry(
        "total",
        "x, dtype=f32",
        "in a metric alone: the sum over the batches of an epoch, as f32 or f64",
        total,
    ),
];

/// A call of `grad`: what it is a gradient of, and with respect to what.
#[derive(Clone, Debug)]
pub struct GradientCall {
    /// The graph up to the call: that of the file, or the body of the loop that it stands in. Bindings
    /// are still values of their own.
    pub graph: Graph,
    /// The scalar.
    pub y: NodeId,
    /// The values that it is with respect to, each with its gradient.
    pub gradients: Vec<(NodeId, NodeId)>,
    /// Where it stands.
    pub provenance: Provenance,
}

/// `grad(y, x)`, `grad(y, [a, b])`
pub(super) fn grad(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let y = e.tensor_argument(&args, 0)?;
    let (with_respect_to, span) = args.value(1);
    let list = match with_respect_to {
        Value::List(list) => list.to_vec(),
        other => vec![other.clone()],
    };
    let mut xs: Vec<Tensor> = Vec::new();
    for member in &list {
        match member {
            Value::Tensor(x) if e.tensor_type(*x).dtype.is_float() => xs.push(*x),
            Value::Tensor(x) => {
                let label = e.tensor_type(*x).to_string();
                let message = "a gradient is with respect to floats";
                return Err(e.error(Code::DTypeRefused, message, span, label));
            }
            _ => return Err(e.wrong_argument(&args, 1, "a named tensor, or a list of them")),
        }
    }
    e.at = args.span;
    let y = e.bring_here(y)?;
    let nodes = xs.iter().map(|&x| e.bring_here(x)).collect::<Result<Vec<_>>>()?;
    let provenance = e.provenance();
    let region = e.region();
    let before = region.graph.n_numbers();
    let found = match differentiate(&mut region.graph, y, &nodes) {
        Ok(found) => found,
        Err(error) => {
            let error = brolga_compiler::ops::TypeError {
                code: error.code,
                message: error.message,
                help: error.help,
            };
            let diagnostic = type_diagnostic(&error, args.span);
            return Err(e.push(diagnostic));
        }
    };
    for node in region.graph.ids().into_iter().filter(|node| node.number() >= before) {
        region.graph.add_provenance(node, &provenance);
    }
    e.check_nodes()?;
    let mut gradients: Vec<Tensor> = Vec::new();
    for (k, gradient) in found.into_iter().enumerate() {
        gradients.push(match gradient {
            Some(node) => e.tensor(node),
            None if !e.has_name(xs[k]) => {
                let message = "a gradient is with respect to a value that has a name";
                let error = Diagnostic::error(Code::WrongArguments, message).at(span, "");
                let help = "bind it before, and use the name in what the gradient is of";
                return Err(e.push(error.help(help)));
            }
            None => {
                let message = "this gradient is zero: nothing differentiable leads there";
                e.push(Diagnostic::warning(Code::ZeroGradient, message).at(span, ""));
                let x = e.tensor(nodes[k]);
                e.build(&[x], |build, x| build.zeros_like(x[0]))?
            }
        });
    }
    if e.keep_gradients {
        let gradients = nodes.iter().copied().zip(gradients.iter().map(|dx| dx.node)).collect();
        let graph = e.region().graph.clone();
        e.gradients.push(GradientCall { graph, y, gradients, provenance });
    }
    let mut gradients: Vec<Value> = gradients.into_iter().map(Value::Tensor).collect();
    match with_respect_to {
        Value::List(_) => Ok(Value::list(gradients)),
        _ => Ok(gradients.remove(0)),
    }
}

impl Elaborator<'_> {
    /// Whether something is bound to a tensor, or it is read by its own name.
    fn has_name(&self, x: Tensor) -> bool {
        let holds = |value: &Value| match value {
            Value::Tensor(y) => *y == x,
            Value::List(list) => {
                list.iter().any(|member| matches!(member, Value::Tensor(y) if *y == x))
            }
            Value::Bare(_)
            | Value::Str(_)
            | Value::Element(_)
            | Value::Function(_)
            | Value::Initial(_)
            | Value::Poison => false,
        };
        let is_leaf = matches!(self.graph_of(x.region).op(x.node), Op::Leaf(_));
        is_leaf || self.frames.iter().flat_map(|f| f.values.values()).any(|b| holds(&b.value))
    }
}

/// `params("*.w")`
pub(super) fn params(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (Value::Str(pattern), span) = args.value(0) else {
        return Err(e.wrong_argument(&args, 0, "a string such as \"*.w\""));
    };
    let pattern = pattern.clone();
    let names = e.matching_params(&pattern);
    if names.is_empty() {
        return Err(e.no_match(&pattern, span));
    }
    let leaves: Vec<Value> =
        names.iter().map(|name| e.read_variable(name).map(Value::Tensor)).collect::<Result<_>>()?;
    e.list(leaves, args.span)
}

/// `total(x, dtype=f32)`
pub(super) fn total(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let dtype = match args.optional(1) {
        None | Some((Value::Element(DType::F32), _)) => DType::F32,
        Some((Value::Element(DType::F64), _)) => DType::F64,
        Some(_) => return Err(e.wrong_argument(&args, 1, "f32 or f64")),
    };
    let (value, span) = args.value(0);
    let value = value.clone();
    e.at = args.span;
    e.total(&value, dtype, span)
}
