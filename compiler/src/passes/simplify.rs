//! Algebraic simplification: a list of named rules, each a line of maths, tried on every node,
//! operands first. Exact for every float unless the rule's comment says otherwise. Linear in the
//! nodes and rules.

use crate::error::CompileError;
use crate::ir::{BinaryFn, Graph, NodeId, Scalar, UnaryFn};
use crate::ops::{Control, Elementwise, Leaf, Movement, Op, Reduce, TypeError, splat_value};

/// A rewrite of one node.
pub struct Rule {
    /// The name.
    pub name: &'static str,
    /// The node that computes the same, if the rule applies.
    pub apply: fn(&mut Graph, NodeId) -> Option<Result<NodeId, TypeError>>,
}

static RULES: &[Rule] = &[
    // x + 0 = x but for -0.0 + 0.0, so only where the zero is -0.0 or the type an integer.
    Rule { name: "add-zero", apply: add_zero },
    // x - 0 = x (exact for every float: -0.0 - 0.0 is -0.0).
    Rule { name: "sub-zero", apply: sub_zero },
    // x · 1 = x (exact for every float; NaN stays NaN).
    Rule { name: "mul-one", apply: mul_one },
    // x / 1 = x.
    Rule { name: "div-one", apply: div_one },
    // x / c = x · (1/c) where 1/c is exact: c is a power of two.
    Rule { name: "div-power-of-two", apply: div_power_of_two },
    // x ** 1 = x, x ** 2 = x · x.
    Rule { name: "pow-small", apply: pow_small },
    // -(-x) = x.
    Rule { name: "neg-neg", apply: neg_neg },
    // not (not x) = x.
    Rule { name: "not-not", apply: not_not },
    // a + (-b) = a - b.
    Rule { name: "add-neg", apply: add_neg },
    // select(c, a, a) = a.
    Rule { name: "select-same", apply: select_same },
    // cast(x, type of x) = x.
    Rule { name: "cast-same", apply: cast_same },
    // reshape, broadcast to the shape that it has already.
    Rule { name: "reshape-same", apply: reshape_same },
    // reshape(reshape(x)) = reshape(x).
    Rule { name: "reshape-reshape", apply: reshape_reshape },
    // transpose by the identity; transpose(transpose(x)) = transpose(x).
    Rule { name: "transpose-same", apply: transpose_same },
    Rule { name: "transpose-transpose", apply: transpose_transpose },
    // broadcast(broadcast(x)) = broadcast(x).
    Rule { name: "broadcast-broadcast", apply: broadcast_broadcast },
    // A sum (product, maximum ...) over no axes, or over axes of size 1, is a reshape.
    Rule { name: "reduce-one", apply: reduce_one },
    // stop_gradient(x) = x, remat(x) = x, same(x) = x: gradients exist by now.
    Rule { name: "identity-mark", apply: identity_mark },
];

/// The rules, for documentation and tests.
pub fn rules() -> &'static [Rule] {
    RULES
}

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for node in graph.order() {
        let mut at = node;
        // A rewritten node may match again; each rule makes the expression smaller.
        for _ in 0..RULES.len() {
            let Some(new) = RULES.iter().find_map(|r| (r.apply)(graph, at)) else { break };
            let new = new.map_err(|e| CompileError::of_type(e, graph, at))?;
            graph.replace_uses(at, new);
            at = new;
        }
    }
    Ok(())
}

type Rewritten = Option<Result<NodeId, TypeError>>;

fn binary(graph: &Graph, node: NodeId, f: BinaryFn) -> Option<(NodeId, NodeId)> {
    match (graph.op(node), graph.operands(node)) {
        (Op::Elementwise(Elementwise::Binary(g)), [a, b]) if *g == f => Some((*a, *b)),
        _ => None,
    }
}

fn unary(graph: &Graph, node: NodeId, f: UnaryFn) -> Option<NodeId> {
    match (graph.op(node), graph.operands(node)) {
        (Op::Elementwise(Elementwise::Unary(g)), [x]) if *g == f => Some(*x),
        _ => None,
    }
}

fn is_splat(graph: &Graph, node: NodeId, value: f64) -> bool {
    splat_value(graph, node).is_some_and(|s| s.to_f64() == value)
}

fn add_zero(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (a, b) = binary(graph, node, BinaryFn::Add)?;
    let float = graph.tensor_type(node).dtype.is_float();
    let neutral = |n| {
        splat_value(graph, n)
            .is_some_and(|s| s.to_f64() == 0.0 && (!float || s.to_f64().is_sign_negative()))
    };
    if neutral(b) {
        return Some(Ok(a));
    }
    neutral(a).then_some(Ok(b))
}

fn sub_zero(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (a, b) = binary(graph, node, BinaryFn::Sub)?;
    let zero = splat_value(graph, b)?.to_f64();
    (zero == 0.0 && zero.is_sign_positive()).then_some(Ok(a))
}

fn mul_one(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (a, b) = binary(graph, node, BinaryFn::Mul)?;
    if is_splat(graph, b, 1.0) {
        return Some(Ok(a));
    }
    is_splat(graph, a, 1.0).then_some(Ok(b))
}

fn div_one(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (a, b) = binary(graph, node, BinaryFn::Div)?;
    is_splat(graph, b, 1.0).then_some(Ok(a))
}

fn div_power_of_two(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (a, b) = binary(graph, node, BinaryFn::Div)?;
    let divisor = splat_value(graph, b)?;
    let c = divisor.to_f64();
    // Within ±2^100 the inverse is a normal number of every float type.
    let exact = c.is_normal() && c.to_bits() << 12 == 0 && c.abs().log2().abs() <= 100.0;
    if !exact {
        return None;
    }
    let inverse = Scalar::F64(1.0 / c).cast(divisor.dtype());
    Some(splat_like(graph, node, inverse).and_then(|inverse| {
        let origin = graph.origin(node);
        graph.add(BinaryFn::Mul, &[a, inverse], &origin)
    }))
}

/// A tensor of the node's shape with one value everywhere.
fn splat_like(graph: &mut Graph, node: NodeId, value: Scalar) -> Result<NodeId, TypeError> {
    let shape = graph.tensor_type(node).shape.clone();
    let origin = graph.origin(node);
    let scalar = graph.add(Leaf::constant(value), &[], &origin)?;
    graph.add(Movement::Broadcast { shape }, &[scalar], &origin)
}

fn pow_small(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (a, b) = binary(graph, node, BinaryFn::Pow)?;
    let exponent = splat_value(graph, b)?.to_f64();
    if exponent == 1.0 {
        return Some(Ok(a));
    }
    let origin = graph.origin(node);
    (exponent == 2.0).then(|| graph.add(BinaryFn::Mul, &[a, a], &origin))
}

fn neg_neg(graph: &mut Graph, node: NodeId) -> Rewritten {
    let x = unary(graph, node, UnaryFn::Neg)?;
    unary(graph, x, UnaryFn::Neg).map(Ok)
}

fn not_not(graph: &mut Graph, node: NodeId) -> Rewritten {
    let x = unary(graph, node, UnaryFn::Not)?;
    unary(graph, x, UnaryFn::Not).map(Ok)
}

fn add_neg(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (a, b) = binary(graph, node, BinaryFn::Add)?;
    let x = unary(graph, b, UnaryFn::Neg)?;
    let origin = graph.origin(node);
    Some(graph.add(BinaryFn::Sub, &[a, x], &origin))
}

fn select_same(graph: &mut Graph, node: NodeId) -> Rewritten {
    let Op::Elementwise(Elementwise::Select) = graph.op(node) else { return None };
    let [_, a, b] = graph.operands(node) else { return None };
    (a == b).then_some(Ok(*a))
}

fn cast_same(graph: &mut Graph, node: NodeId) -> Rewritten {
    let Op::Elementwise(Elementwise::Cast(dtype)) = graph.op(node) else { return None };
    let x = graph.operands(node)[0];
    (graph.tensor_type(x).dtype == *dtype).then_some(Ok(x))
}

fn movement(graph: &Graph, node: NodeId) -> Option<(&Movement, NodeId)> {
    if let Op::Movement(m) = graph.op(node) { Some((m, graph.operands(node)[0])) } else { None }
}

fn reshape_same(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (Movement::Reshape { .. } | Movement::Broadcast { .. }, x) = movement(graph, node)? else {
        return None;
    };
    (graph.tensor_type(x) == graph.tensor_type(node)).then_some(Ok(x))
}

fn reshape_reshape(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (Movement::Reshape { shape }, x) = movement(graph, node)? else { return None };
    let (Movement::Reshape { .. }, inner) = movement(graph, x)? else { return None };
    let (op, origin) = (Movement::Reshape { shape: shape.clone() }, graph.origin(node));
    Some(graph.add(op, &[inner], &origin))
}

fn transpose_same(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (Movement::Transpose { perm }, x) = movement(graph, node)? else { return None };
    perm.iter().enumerate().all(|(i, &p)| i == p).then_some(Ok(x))
}

fn transpose_transpose(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (Movement::Transpose { perm }, x) = movement(graph, node)? else { return None };
    let (Movement::Transpose { perm: first }, inner) = movement(graph, x)? else { return None };
    let perm = perm.iter().map(|&p| first[p]).collect();
    let origin = graph.origin(node);
    Some(graph.add(Movement::Transpose { perm }, &[inner], &origin))
}

fn broadcast_broadcast(graph: &mut Graph, node: NodeId) -> Rewritten {
    let (Movement::Broadcast { shape }, x) = movement(graph, node)? else { return None };
    let (Movement::Broadcast { .. }, inner) = movement(graph, x)? else { return None };
    let (op, origin) = (Movement::Broadcast { shape: shape.clone() }, graph.origin(node));
    Some(graph.add(op, &[inner], &origin))
}

fn reduce_one(graph: &mut Graph, node: NodeId) -> Rewritten {
    let Op::Reduce(Reduce { f, axes }) = graph.op(node) else { return None };
    let x = graph.operands(node)[0];
    let shape = &graph.tensor_type(x).shape;
    if f.is_index() || !axes.iter().all(|&a| shape[a].is_one()) {
        return None;
    }
    let (op, origin) =
        (Movement::Reshape { shape: graph.tensor_type(node).shape.clone() }, graph.origin(node));
    Some(graph.add(op, &[x], &origin))
}

fn identity_mark(graph: &mut Graph, node: NodeId) -> Rewritten {
    match graph.op(node) {
        Op::Control(Control::StopGradient | Control::Remat | Control::Same) => {
            Some(Ok(graph.operands(node)[0]))
        }
        _ => None,
    }
}
