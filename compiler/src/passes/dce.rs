//! Dead code elimination: removes every node that no root needs, inputs excepted. The only pass
//! that deletes. Linear.

use rustc_hash::FxHashSet;

use crate::error::CompileError;
use crate::ir::{Graph, NodeId};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    let live: FxHashSet<NodeId> = graph.order().into_iter().collect();
    let dead: Vec<NodeId> = graph.ids().into_iter().filter(|id| !live.contains(id)).collect();
    graph.remove_dead(&dead);
    Ok(())
}
