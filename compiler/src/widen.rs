//! Graphs in f64: what differences of values are taken of, which f32 would round away.

use std::sync::Arc;

use crate::error::CompileError;
use crate::ir::{DType, Graph, Literal, NodeId, Scalar, TensorType};
use crate::ops::{Control, Creation, Elementwise, Leaf, Op, OpRules, Placement};

/// `graph` with every f32 an f64 and every variable an input of its name, which is fed with its
/// value; regions too. Names, roots and provenance stay. Linear in the nodes. Errors: what the
/// operations refuse, which are the same for both types.
pub fn widened(graph: &Graph) -> Result<Graph, CompileError> {
    let mut wide = graph.clone();
    wide.remove_dead();
    for id in graph.order() {
        widen(&mut wide, id)?;
    }
    let is_input = |id: &NodeId| matches!(wide.op(*id), Op::Leaf(Leaf::Input { .. }));
    let inputs: Vec<NodeId> = wide.order().into_iter().filter(is_input).collect();
    for id in inputs {
        if !wide.inputs.contains(&id) {
            wide.inputs.push(id);
        }
    }
    Ok(wide)
}

fn widen(graph: &mut Graph, id: NodeId) -> Result<(), CompileError> {
    let old = graph.op(id);
    let region = old.region().map(region_in_f64).transpose()?;
    let op = match region {
        Some(region) => old.with_region(region),
        None => in_f64(old),
    };
    let types = op
        .infer(&graph.operand_types(&op, graph.operands(id)))
        .map_err(|e| CompileError::of_type(e, graph, id))?;
    graph.retype(id, op, types);
    Ok(())
}

fn region_in_f64(region: &Graph) -> Result<Graph, CompileError> {
    let mut wide = region.clone();
    wide.remove_dead();
    for id in region.order() {
        widen(&mut wide, id)?;
    }
    Ok(wide)
}

fn in_f64(op: &Op) -> Op {
    match op {
        Op::Leaf(leaf) => leaf_in_f64(leaf).into(),
        Op::Elementwise(Elementwise::Cast(dtype)) => Elementwise::Cast(wide(*dtype)).into(),
        Op::Creation(Creation::Iota { shape, axis, dtype }) => {
            Creation::Iota { shape: shape.clone(), axis: *axis, dtype: wide(*dtype) }.into()
        }
        Op::Placement(Placement::Pad { before, after, interior, value }) => {
            let value = wide_scalar(*value);
            let (before, after) = (before.clone(), after.clone());
            Placement::Pad { before, after, interior: interior.clone(), value }.into()
        }
        Op::Elementwise(
            Elementwise::Unary(_)
            | Elementwise::Binary(_)
            | Elementwise::Compare(_)
            | Elementwise::Select,
        )
        | Op::Placement(Placement::Concat { .. })
        | Op::Movement(_)
        | Op::Reduce(_)
        | Op::ProductOfOthers(_)
        | Op::Prefix(_)
        | Op::Contract(_)
        | Op::Einsum(_)
        | Op::Conv(_)
        | Op::Pool(_)
        | Op::Argsort(_)
        | Op::Indexing(_)
        | Op::Random(_)
        | Op::Control(
            Control::Scan(_)
            | Control::Result { .. }
            | Control::StopGradient
            | Control::Remat
            | Control::Same
            | Control::Pending,
        ) => op.clone(),
    }
}

fn leaf_in_f64(leaf: &Leaf) -> Leaf {
    match leaf {
        Leaf::Input { name, tensor_type } | Leaf::Variable { name, tensor_type } => {
            Leaf::Input { name: name.clone(), tensor_type: wide_type(tensor_type) }
        }
        Leaf::Constant(literal) => Leaf::Constant(Arc::new(wide_literal(literal))),
        Leaf::Dim { dim, dtype } => Leaf::Dim { dim: dim.clone(), dtype: wide(*dtype) },
        Leaf::Parameter { number, tensor_type } => {
            Leaf::Parameter { number: *number, tensor_type: wide_type(tensor_type) }
        }
        Leaf::Seed | Leaf::Step | Leaf::Epoch | Leaf::Batch => leaf.clone(),
    }
}

fn wide(dtype: DType) -> DType {
    if dtype == DType::F32 { DType::F64 } else { dtype }
}

fn wide_type(of: &TensorType) -> TensorType {
    TensorType::new(wide(of.dtype), of.shape.clone())
}

fn wide_scalar(value: Scalar) -> Scalar {
    value.cast(wide(value.dtype()))
}

/// The same numbers, those of f32 as f64.
pub fn wide_literal(literal: &Literal) -> Literal {
    match literal {
        Literal::F32(x) => Literal::new(x.map(|&x| f64::from(x))),
        Literal::F64(_) | Literal::I32(_) | Literal::I64(_) | Literal::U8(_) | Literal::Bool(_) => {
            literal.clone()
        }
    }
}
