//! Takes out of a loop what it carries, emits and walks for nothing: a result that nothing reads, unless
//! the next value of a carry that what is left still reads, and a sequence that what is left does not
//! read; but a loop keeps one. Linear in a loop's body for each carry that turns out to be needed.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::CompileError;
use crate::ir::{Graph, NodeId};
use crate::ops::with_parameters;
use crate::ops::{Control, Leaf, Op, Scan};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    let order = graph.order();
    let mut results: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    for &node in order.iter().filter(|&&node| graph.op(node).picks_result()) {
        results.entry(graph.operands(node)[0]).or_default().push(node);
    }
    for (node, results) in order.iter().filter_map(|&node| Some((node, results.get(&node)?))) {
        let Some(scan) = graph.op(node).scan().cloned() else { continue };
        let index = |result: &NodeId| graph.op(*result).picked_result();
        let read: FxHashSet<usize> = results.iter().filter_map(index).collect();
        let kept = needed(&scan, read);
        let walked = walked(&scan, &kept);
        if kept.len() < scan.body.outputs.len() || walked.len() < scan.n_sequences {
            rewrite(graph, node, &scan, (&kept, &walked), results)?;
        }
    }
    Ok(())
}

/// The outputs of a body that the results need, in order.
fn needed(scan: &Scan, mut outputs: FxHashSet<usize>) -> Vec<usize> {
    let body = &scan.body;
    loop {
        let before = outputs.len();
        let roots: Vec<NodeId> = outputs.iter().map(|&k| body.outputs[k].1).collect();
        let order = body.order_from(&roots).into_iter();
        outputs.extend(order.filter_map(|id| match body.op(id) {
            Op::Leaf(Leaf::Parameter { number, .. }) if *number < scan.n_carries => Some(*number),
            _ => None,
        }));
        if outputs.len() == before {
            break;
        }
    }
    (0..body.outputs.len()).filter(|k| outputs.contains(k)).collect()
}

/// The sequences that these outputs of a body need; of none the first.
fn walked(scan: &Scan, kept: &[usize]) -> Vec<usize> {
    let roots: Vec<NodeId> = kept.iter().map(|&k| scan.body.outputs[k].1).collect();
    let order: FxHashSet<NodeId> = scan.body.order_from(&roots).into_iter().collect();
    let is_read = |k: &usize| order.contains(&scan.body.inputs[*k]);
    let read: Vec<usize> = scan.sequences().filter(is_read).collect();
    if read.is_empty() { scan.sequences().take(1).collect() } else { read }
}

/// Makes a loop with the outputs `kept`, which walks these sequences; its results take their new
/// numbers.
fn rewrite(
    graph: &mut Graph,
    node: NodeId,
    scan: &Scan,
    (kept, walked): (&[usize], &[usize]),
    results: &[NodeId],
) -> Result<(), CompileError> {
    let bug = |e: crate::ops::TypeError| CompileError::bug(e.to_string());
    let carries = kept.iter().copied().take_while(|&k| k < scan.n_carries);
    let n_carries = carries.clone().count();
    let parameters: Vec<usize> =
        carries.chain(walked.iter().copied()).chain(scan.captured()).collect();
    let operands: Vec<NodeId> = parameters.iter().map(|&k| graph.operands(node)[k]).collect();
    let iteration = scan.body.inputs[scan.n_operands()..].iter().copied();
    let inputs = parameters.iter().map(|&k| scan.body.inputs[k]);
    let inputs: Vec<NodeId> = inputs.chain(iteration).collect();
    let outputs: Vec<_> = kept.iter().map(|&k| scan.body.outputs[k].clone()).collect();
    let body = with_parameters(&scan.body, &inputs, &FxHashMap::default(), &outputs);
    let mut body = body.map_err(bug)?;
    // What only an output needed that is gone can be a result of a loop within.
    run(&mut body)?;
    let n_sequences = walked.len();
    let new = Scan { body: Arc::new(body), n_carries, n_sequences, ..scan.clone() };
    graph.rebuild(node, new, &operands).map_err(bug)?;
    for &result in results {
        let old = graph.op(result).picked_result();
        let index = kept.iter().position(|&k| Some(k) == old).expect("what is read is kept");
        graph.rebuild(result, Control::Result { index }, &[node]).map_err(bug)?;
    }
    Ok(())
}
