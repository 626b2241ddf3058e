//! Gives a loop each value around it once, in the order in which its body reads them, and none
//! that the body does not read. So it changes no value, but what only such an operand needed is
//! dead, and two loops that were written differently can be equal. Linear.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::error::CompileError;
use crate::ir::{Graph, NodeId};
use crate::ops::with_parameters;
use crate::ops::{Control, Leaf, Op, Scan, TypeError};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for id in graph.order() {
        let Op::Control(Control::Scan(scan)) = graph.op(id) else { continue };
        let captures = captures(scan, graph.operands(id));
        let n_inner = scan.captured().start;
        if captures.operands != graph.operands(id)[n_inner..] {
            let body = renumbered(scan, &captures);
            let mut body = body.map_err(|e| CompileError::bug(e.to_string()))?;
            // Parameters that became one can be operands of a loop within.
            run(&mut body)?;
            let scan = Scan { body: Arc::new(body), ..scan.clone() };
            let mut operands = graph.operands(id)[..n_inner].to_vec();
            operands.extend(captures.operands);
            graph.replace_op(id, scan.into(), &operands);
        }
    }
    Ok(())
}

/// What a body reads of the values around it.
struct Captures {
    /// The values, in the order in which they are first read.
    operands: Vec<NodeId>,
    /// For each parameter of the body that is read, which of them it stands for.
    of_parameter: FxHashMap<NodeId, usize>,
}

fn captures(scan: &Scan, operands: &[NodeId]) -> Captures {
    let captured = scan.captured();
    let mut captures = Captures { operands: vec![], of_parameter: FxHashMap::default() };
    for id in scan.body.order_from(&scan.body.roots()) {
        let Op::Leaf(Leaf::Parameter { number, .. }) = scan.body.op(id) else { continue };
        if captured.contains(number) {
            let operand = operands[*number];
            let known = captures.operands.iter().position(|&o| o == operand);
            captures.of_parameter.insert(id, known.unwrap_or(captures.operands.len()));
            if known.is_none() {
                captures.operands.push(operand);
            }
        }
    }
    captures
}

/// The body with a parameter for each captured value.
fn renumbered(scan: &Scan, captures: &Captures) -> Result<Graph, TypeError> {
    let body = &*scan.body;
    let n_inner = scan.captured().start;
    let first_of = |k: usize| {
        let parameters = body.inputs[scan.captured()].iter();
        parameters.copied().find(|p| captures.of_parameter.get(p) == Some(&k))
    };
    let inner = body.inputs[..n_inner].iter().copied();
    let captured = (0..captures.operands.len()).filter_map(first_of);
    let iteration = body.inputs[scan.n_operands()..].iter().copied();
    let kept: Vec<NodeId> = inner.chain(captured).chain(iteration).collect();
    let same = captures.of_parameter.iter().map(|(&parameter, k)| (parameter, n_inner + k));
    with_parameters(body, &kept, &same.collect(), &body.outputs)
}
