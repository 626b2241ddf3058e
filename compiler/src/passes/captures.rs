//! Gives a loop each value around it once, in the order in which its body reads them, and none
//! that the body does not read. So it changes no value, but what only such an operand needed is
//! dead, and two loops that were written differently can be equal. Linear.

use std::sync::Arc;

use crate::error::CompileError;
use crate::ir::Graph;
use crate::ops::{Control, Op, Scan, captured_once};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for id in graph.order() {
        let Op::Control(Control::Scan(scan)) = graph.op(id) else { continue };
        let once = captured_once(scan, graph.operands(id));
        if let Some((mut body, operands)) = once.map_err(|e| CompileError::bug(e.to_string()))? {
            // Parameters that became one can be operands of a loop within.
            run(&mut body)?;
            let scan = Scan { body: Arc::new(body), ..scan.clone() };
            graph.replace_op(id, scan.into(), &operands);
        }
    }
    Ok(())
}
