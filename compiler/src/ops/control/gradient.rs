//! The gradient of a loop: a loop over the same iterations backwards.
//!
//! It carries the cotangents of the carries, and sums of what each iteration makes of the captured
//! values; it emits the cotangents of the elements of sequences. What it reads of the forward
//! iterations the forward loop emits besides, as [`super::kept`] chooses; elements of sequences and
//! captured values it is given as the forward loop was.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{
    Build, Control, Cotangent, GradientContext, GradientError, Leaf, Scan, TypeError,
    differentiable_from, differentiable_to, with_parameters,
};
use super::kept::{self, Cut};
use crate::ir::{Dim, Graph, Name, NodeId, Origin, TensorType};

/// The cotangents of a loop's operands: results of the backward loop.
pub(super) fn gradient(
    scan: &Scan,
    cx: &mut GradientContext<'_>,
) -> Result<Vec<Option<NodeId>>, GradientError> {
    let ways = Ways::of(scan, cx);
    let mut body = (*scan.body).clone();
    let Some(pulled) = pull_back(scan, &ways, cx, &mut body)? else {
        return Ok(vec![None; scan.n_operands()]);
    };
    // Before the forward loop changes, which may capture in another order then.
    let operands = cx.graph.operands(cx.node).to_vec();
    let kept = keep(scan, &pulled, cx, &mut body)?;
    let given = Given { scan, operands: &operands, pulled: &pulled, kept: &kept };
    backward(&given, cx, &body)
}

/// Which cotangents go from iteration to iteration, and which leave the loop.
struct Ways {
    /// The carries that have a cotangent in some iteration.
    carries: Vec<usize>,
    /// The emitted values that have one, by the number of the result, and that of the result.
    emitted: Vec<(usize, NodeId)>,
    /// The sequences whose elements' cotangents are wanted.
    sequences: Vec<usize>,
    /// The captured values whose cotangent is wanted.
    captured: Vec<usize>,
}

impl Ways {
    fn of(scan: &Scan, cx: &GradientContext<'_>) -> Ways {
        let varied = varied(scan, cx.wanted);
        let has = |k: &usize| cx.cotangents[*k].is_some();
        let emitted = scan.n_carries..scan.body.outputs.len();
        let emitted: Vec<(usize, NodeId)> =
            emitted.filter_map(|k| Some((k, cx.cotangents[k]?))).collect();
        let mut carries: Vec<usize> =
            (0..scan.n_carries).filter(|k| has(k) && varied.contains(k)).collect();
        // A carry has a cotangent where a later iteration makes one of it.
        let reached = loop {
            let ends = carries
                .iter()
                .chain(emitted.iter().map(|(k, _)| k))
                .map(|&k| scan.body.outputs[k].1);
            let reached = differentiable_to(&scan.body, &ends.collect::<Vec<NodeId>>());
            let reaches = |k: &usize| reached.contains(&scan.body.inputs[*k]);
            let all = (0..scan.n_carries).filter(|k| varied.contains(k));
            let all: Vec<usize> = all.filter(|k| carries.contains(k) || reaches(k)).collect();
            if all.len() == carries.len() {
                break reached;
            }
            carries = all;
        };
        let wanted = |k: &usize| cx.wanted[*k] && reached.contains(&scan.body.inputs[*k]);
        let sequences = scan.sequences().filter(wanted).collect();
        let captured = scan.captured().filter(wanted).collect();
        Ways { carries, emitted, sequences, captured }
    }
}

/// The operands whose cotangent is wanted, and the carries that depend on them in some iteration.
fn varied(scan: &Scan, wanted: &[bool]) -> FxHashSet<usize> {
    let body = &scan.body;
    let mut varied: FxHashSet<usize> = (0..scan.n_operands()).filter(|&k| wanted[k]).collect();
    let ends: Vec<NodeId> = body.outputs.iter().map(|(_, id)| *id).collect();
    let order = body.order_from(&ends);
    loop {
        let from = varied.iter().map(|&k| body.inputs[k]).collect();
        let reached = differentiable_from(body, &order, &from);
        let before = varied.len();
        varied.extend((0..scan.n_carries).filter(|&k| reached.contains(&body.outputs[k].1)));
        if varied.len() == before {
            return varied;
        }
    }
}

/// What its gradient adds to a body, whose outputs are then what the new parameters for cotangents
/// and sums become, and the cotangents of the elements of sequences.
struct Pulled {
    /// The new parameters for cotangents and sums, those of carries first.
    carried: Vec<NodeId>,
    /// Of which operand each of them makes the cotangent.
    of_carried: Vec<usize>,
    /// The new parameters for the cotangents of emitted values, with those of the results.
    emitted: Vec<(NodeId, NodeId)>,
    /// The sequences of whose elements the cotangents are emitted, by the number of the operand.
    elements: Vec<usize>,
}

impl Pulled {
    fn parameters(&self) -> impl Iterator<Item = NodeId> {
        self.carried.iter().copied().chain(self.emitted.iter().map(|(parameter, _)| *parameter))
    }
}

/// Adds the gradient of one iteration to its body; `None` where nothing reaches an operand.
fn pull_back(
    scan: &Scan,
    ways: &Ways,
    cx: &GradientContext<'_>,
    body: &mut Graph,
) -> Result<Option<Pulled>, GradientError> {
    let mut cotangents = vec![];
    let mut cotangent = |body: &mut Graph, result: usize| -> Result<NodeId, TypeError> {
        let node = scan.body.outputs[result].1;
        let value = parameter(body, node, "d")?;
        cotangents.push(Cotangent { node, result: 0, value });
        Ok(value)
    };
    let mut carried = vec![];
    for &k in &ways.carries {
        carried.push(cotangent(body, k)?);
    }
    let mut emitted = vec![];
    for &(k, stacked) in &ways.emitted {
        emitted.push((cotangent(body, k)?, stacked));
    }
    let operands = [&ways.carries, &ways.sequences, &ways.captured].into_iter().flatten();
    let xs: Vec<NodeId> = operands.map(|&k| scan.body.inputs[k]).collect();
    let found = cx.pull_back(body, &cotangents, &xs)?;
    if found.iter().all(Option::is_none) {
        return Ok(None);
    }
    let (of_carries, found) = found.split_at(ways.carries.len());
    let (of_elements, of_captured) = found.split_at(ways.sequences.len());
    let mut next = vec![];
    for (&found, &d) in of_carries.iter().zip(&carried) {
        next.push(match found {
            Some(found) => found,
            None => Build { graph: &mut *body, origin: &cx.origin }.zeros_like(d)?,
        });
    }
    let mut of_carried = ways.carries.clone();
    for (&k, found) in ways.captured.iter().zip(of_captured) {
        let Some(found) = *found else { continue };
        let sum = parameter(body, scan.body.inputs[k], "sum")?;
        carried.push(sum);
        let origin = Origin::named("sum", body.node(found).provenance.clone());
        next.push(Build { graph: &mut *body, origin: &origin }.add(sum, found)?);
        of_carried.push(k);
    }
    let mut elements = vec![];
    for (&k, found) in ways.sequences.iter().zip(of_elements) {
        if let Some(found) = *found {
            elements.push(k);
            next.push(found);
        }
    }
    body.outputs = next.into_iter().map(|id| (body.node(id).name.clone(), id)).collect();
    Ok(Some(Pulled { carried, of_carried, emitted, elements }))
}

/// A new parameter of a body, of the type of a node and named after it. It has no number yet.
fn parameter(body: &mut Graph, like: NodeId, prefix: &str) -> Result<NodeId, TypeError> {
    let tensor_type = body.tensor_type(like).clone();
    let node = body.node(like);
    let origin = Origin::named(&format!("{prefix}.{}", node.name), node.provenance.clone());
    body.add(Leaf::Parameter { number: usize::MAX, tensor_type }, &[], &origin)
}

/// A value that the forward loop emits for the backward one.
struct Kept {
    /// What stands for it in the body of the backward loop.
    parameter: NodeId,
    /// The result of the forward loop.
    stacked: NodeId,
}

/// Makes the forward loop emit what the backward iterations read of it, and gives these parameters
/// for it.
fn keep(
    scan: &Scan,
    pulled: &Pulled,
    cx: &mut GradientContext<'_>,
    body: &mut Graph,
) -> Result<Vec<Kept>, GradientError> {
    let read = read(body, pulled);
    let chosen = kept::cheapest(&Cut { scan, body: &*body, read: &read });
    let mut outputs = scan.body.outputs.clone();
    let mut results = vec![];
    for &node in &chosen {
        let emitted = scan.n_carries..outputs.len();
        let known = emitted.clone().find(|&k| outputs[k].1 == node);
        results.push(match known {
            Some(result) => result,
            None => {
                let stackable = with_rank(body, node, scan.axis)?;
                outputs.push((body.node(node).name.clone(), stackable));
                emitted.end
            }
        });
    }
    if outputs.len() > scan.body.outputs.len() {
        let forward = with_parameters(body, &scan.body.inputs, &FxHashMap::default(), &outputs)?;
        let operands = cx.graph.operands(cx.node).to_vec();
        let scan = Scan { body: Arc::new(forward), ..scan.clone() };
        let (scan, operands) = scan.capturing_once(operands)?;
        cx.graph.rebuild(cx.node, scan, &operands)?;
    }
    let mut kept = vec![];
    for (&node, &result) in chosen.iter().zip(&results) {
        let name: Name = format!("{}.all", body.node(node).name).into();
        let stacked = result_of(cx, cx.node, result, &name)?;
        kept.push(Kept { parameter: substitute(body, node, outputs[result].1)?, stacked });
    }
    Ok(kept)
}

/// The nodes without a cotangent that nodes with one, or the ends of the gradient, read.
fn read(body: &Graph, pulled: &Pulled) -> Vec<NodeId> {
    let mut dependent: FxHashSet<NodeId> = pulled.parameters().collect();
    let (mut read, mut seen) = (vec![], FxHashSet::default());
    let outputs = body.roots();
    for id in body.order_from(&outputs) {
        let operands = body.operands(id);
        if operands.iter().any(|o| dependent.contains(o)) {
            dependent.insert(id);
            let others = operands.iter().filter(|o| !dependent.contains(o));
            read.extend(others.copied().filter(|&o| seen.insert(o)));
        }
    }
    let others = outputs.into_iter().filter(|o| !dependent.contains(o));
    read.extend(others.filter(|&o| seen.insert(o)));
    read
}

/// A value with at least `rank` axes, so that it can be stacked along that axis.
fn with_rank(body: &mut Graph, node: NodeId, rank: usize) -> Result<NodeId, TypeError> {
    let shape = &body.tensor_type(node).shape;
    let mut padded = vec![Dim::number(1); rank.saturating_sub(shape.len())];
    padded.extend(shape.iter().cloned());
    let origin = body.origin(node);
    Build { graph: body, origin: &origin }.reshape(node, &padded)
}

/// Puts a new parameter of the type of `emitted` in the place of a node.
fn substitute(body: &mut Graph, node: NodeId, emitted: NodeId) -> Result<NodeId, TypeError> {
    let parameter = parameter(body, emitted, "kept")?;
    let shape = body.tensor_type(node).shape.clone();
    let origin = body.origin(node);
    let value = Build { graph: &mut *body, origin: &origin }.reshape(parameter, &shape)?;
    body.replace_uses(node, value);
    Ok(parameter)
}

/// The node that picks a result of a loop, of which there is at most one.
fn result_of(
    cx: &mut GradientContext<'_>,
    node: NodeId,
    index: usize,
    name: &Name,
) -> Result<NodeId, TypeError> {
    let picks = |id: &NodeId| cx.graph.op(*id).picked_result() == Some(index);
    match cx.graph.users(node).into_iter().find(picks) {
        Some(known) => Ok(known),
        None => {
            let origin = Origin { name: Some(name.clone()), ..cx.origin.clone() };
            cx.graph.add(Control::Result { index }, &[node], &origin)
        }
    }
}

/// What the backward loop is made of.
struct Given<'a> {
    /// The forward loop, as it was, with its operands.
    scan: &'a Scan,
    operands: &'a [NodeId],
    pulled: &'a Pulled,
    kept: &'a [Kept],
}

/// Adds the backward loop; the cotangents of the operands of the forward one.
fn backward(
    given: &Given<'_>,
    cx: &mut GradientContext<'_>,
    body: &Graph,
) -> Result<Vec<Option<NodeId>>, GradientError> {
    let Given { scan, pulled, .. } = *given;
    let (op, operands) = loop_of(given, cx, body)?;
    let node = cx.build().node(op, &operands)?;
    let of_results = pulled.of_carried.iter().chain(&pulled.elements);
    let mut cotangents = vec![None; scan.n_operands()];
    for (index, &k) in of_results.enumerate() {
        let name: Name = format!("d.{}", cx.graph.node(given.operands[k]).name).into();
        cotangents[k] = Some(result_of(cx, node, index, &name)?);
    }
    Ok(cotangents)
}

/// The backward loop with its operands.
fn loop_of(
    given: &Given<'_>,
    cx: &mut GradientContext<'_>,
    body: &Graph,
) -> Result<(Scan, Vec<NodeId>), GradientError> {
    let Given { scan, operands: forward, pulled, kept } = *given;
    let needed: FxHashSet<NodeId> = body.order_from(&body.roots()).into_iter().collect();
    let forward_of = |k: usize| (scan.body.inputs[k], forward[k]);
    let kept = kept.iter().map(|kept| (kept.parameter, kept.stacked));
    let sequences = scan.sequences().map(forward_of).chain(kept).chain(pulled.emitted.clone());
    let sequences = walked(cx.graph, sequences.collect(), &needed);
    let captured = scan.captured().map(forward_of).filter(|(p, _)| needed.contains(p));
    let n_sequences = sequences.len();
    let read: Vec<(NodeId, NodeId)> = sequences.into_iter().chain(captured).collect();
    let mut operands = vec![];
    for &k in &pulled.of_carried {
        let last = if k < scan.n_carries { cx.cotangents[k] } else { None };
        operands.push(match last {
            Some(cotangent) => cotangent,
            None => cx.build().zeros_like(forward[k])?,
        });
    }
    operands.extend(read.iter().map(|(_, operand)| *operand));
    let parameters = pulled.carried.iter().chain(read.iter().map(|(parameter, _)| parameter));
    let parameters: Vec<NodeId> = parameters.chain(scan.body.inputs.last()).copied().collect();
    let op = Scan {
        body: Arc::new(with_parameters(body, &parameters, &FxHashMap::default(), &body.outputs)?),
        n_carries: pulled.carried.len(),
        n_sequences,
        axis: scan.axis,
        reverse: !scan.reverse,
        length: scan.length.clone(),
    };
    Ok(op.capturing_once(operands)?)
}

/// The sequences that a backward body reads; where it reads none, the smallest: a loop has one.
fn walked(
    graph: &Graph,
    sequences: Vec<(NodeId, NodeId)>,
    needed: &FxHashSet<NodeId>,
) -> Vec<(NodeId, NodeId)> {
    let rank = |&(_, operand): &(NodeId, NodeId)| TensorType::rank(graph.tensor_type(operand));
    let smallest = sequences.iter().copied().min_by_key(rank);
    let read: Vec<_> = sequences.into_iter().filter(|(p, _)| needed.contains(p)).collect();
    if read.is_empty() { smallest.into_iter().collect() } else { read }
}
