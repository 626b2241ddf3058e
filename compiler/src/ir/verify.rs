//! Checks the invariants of a graph: every operand exists, types are what the ops infer, updates
//! have their variable's type where it is read, regions hold too.

use super::{Graph, NodeId};
use crate::ops::{Leaf, Op, OpRules};

/// A broken invariant: a fault of the compiler, never of its user.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the graph is malformed after {pass}: {message} (node `{node}`)")]
pub struct VerifyError {
    /// What ran last.
    pub pass: String,
    /// The name of the node.
    pub node: String,
    /// What is wrong.
    pub message: String,
}

/// Checks `graph` after `pass`.
pub fn verify(graph: &Graph, pass: &str) -> Result<(), VerifyError> {
    for id in graph.order() {
        let fail = |message: String| VerifyError {
            pass: pass.to_string(),
            node: graph.node(id).name.to_string(),
            message,
        };
        check_types(graph, id).map_err(fail)?;
        check_results(graph, id).map_err(fail)?;
        if graph.find(&graph.node(id).name) != Some(id) {
            return Err(fail("its name leads to another node".to_string()));
        }
        if let Some(region) = graph.op(id).region() {
            verify(region, pass)?;
        }
    }
    for update in &graph.updates {
        check_update(graph, update).map_err(|message| VerifyError {
            pass: pass.to_string(),
            node: update.variable.to_string(),
            message,
        })?;
    }
    Ok(())
}

fn check_types(graph: &Graph, id: NodeId) -> Result<(), String> {
    let node = graph.node(id);
    let operands = graph.operand_types(&node.op, &node.operands);
    let inferred = node.op.infer(&operands).map_err(|e| e.to_string())?;
    if inferred == node.types {
        return Ok(());
    }
    let list = |types: &[super::TensorType]| {
        types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    Err(format!("its type is {} but its op gives {}", list(&node.types), list(&inferred)))
}

/// Several results are read by what picks one alone.
fn check_results(graph: &Graph, id: NodeId) -> Result<(), String> {
    let node = graph.node(id);
    let several = |o: &&NodeId| graph.op(**o).region().is_some();
    match node.operands.iter().find(several) {
        Some(&o) if !node.op.picks_result() => {
            Err(format!("it reads `{}` without picking a result", graph.node(o).name))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_update(graph: &Graph, update: &super::Update) -> Result<(), String> {
    let value = graph.tensor_type(update.value);
    let is_read = |id: &NodeId| matches!(graph.op(*id), Op::Leaf(Leaf::Variable { name, .. }) if *name == update.variable);
    match graph.order().into_iter().find(is_read).map(|id| graph.tensor_type(id)) {
        Some(read) if read != value => {
            Err(format!("it is read as {read} and updated with {value}"))
        }
        Some(_) | None => Ok(()),
    }
}
