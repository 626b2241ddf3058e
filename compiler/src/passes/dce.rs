//! Dead code elimination: removes every node that no root needs, inputs excepted. The only pass
//! that deletes. Linear.

use crate::error::CompileError;
use crate::ir::Graph;

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    graph.remove_dead();
    Ok(())
}
