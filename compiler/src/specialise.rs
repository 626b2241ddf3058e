//! Binding symbols: every dimension becomes a number, every type is inferred again, and so what
//! only numbers can decide is decided.

use std::sync::Arc;

use crate::error::CompileError;
use crate::ir::{Binding, Graph, MetricKind, NodeId, TensorType, Variable};
use crate::ops::{OpRules, TypeError, codes};

/// The most bytes of one tensor: what a process can address on the machines of today.
const MAX_BYTES: usize = 1 << 47;

/// `graph` with every symbol replaced by its number, in types, attributes and regions; names,
/// roots and provenance stay. Linear in the nodes. Errors, at the node: shapes that turn out to
/// differ, a negative dimension, a tensor of more bytes than can be addressed, an unbound symbol.
pub fn specialise(graph: &Graph, binding: &Binding) -> Result<Graph, CompileError> {
    let mut bound = graph.clone();
    bound.remove_dead();
    for id in graph.order() {
        specialise_node(&mut bound, id, binding)?;
    }
    for metric in &mut bound.metrics {
        if let MetricKind::Total { finish, .. } = &mut metric.kind {
            *finish = Arc::new(specialise(finish, binding)?);
        }
    }
    Ok(bound)
}

/// `variable` with numbers in its type and in the graph of its initial value.
pub fn specialise_variable(
    variable: &Variable,
    binding: &Binding,
) -> Result<Variable, CompileError> {
    let initial = specialise(&variable.initial, binding)?;
    let tensor_type = match initial.outputs.first() {
        Some((_, value)) => initial.tensor_type(*value).clone(),
        None => variable.tensor_type.clone(),
    };
    Ok(Variable { initial, tensor_type, ..variable.clone() })
}

fn specialise_node(graph: &mut Graph, id: NodeId, binding: &Binding) -> Result<(), CompileError> {
    let op = graph.op(id);
    let region = op.region().map(|region| specialise(region, binding)).transpose()?;
    let fail = |e: TypeError| CompileError::of_type(e, graph, id);
    let op = op.specialise(binding).map_err(|e| fail(e.into()))?;
    let op = match region {
        Some(region) => op.with_region(region),
        None => op,
    };
    let types = op.infer(&graph.operand_types(&op, graph.operands(id))).map_err(fail)?;
    types.iter().try_for_each(check_size).map_err(fail)?;
    graph.retype(id, op, types);
    Ok(())
}

fn check_size(tensor_type: &TensorType) -> Result<(), TypeError> {
    if tensor_type.sizes().is_none() {
        let message = format!("a tensor would have the type {tensor_type}");
        return Err(TypeError::new(codes::NEGATIVE_DIM, message));
    }
    if tensor_type.n_bytes().is_none_or(|n| n > MAX_BYTES) {
        let message = format!("{tensor_type} has more bytes than can be addressed");
        return Err(TypeError::new(codes::TOO_LARGE, message));
    }
    Ok(())
}
