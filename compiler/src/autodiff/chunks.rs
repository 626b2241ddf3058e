//! Loops whose carries are computed again: before such a loop is differentiated, its iterations are
//! cut into chunks, a loop over chunks of a loop within a chunk. Of the forward pass only the carries
//! at the beginnings of chunks are kept; the backward pass computes the values of one chunk at a time
//! again. With chunks of √n of n iterations, n carries become 2 √n. (Chen, Xu, Zhang and Guestrin
//! 2016, "Training deep nets with sublinear memory cost", section 4.)
//!
//! It is asked for by `remat` of a carry's next value. What a loop within the iteration gives needs no
//! chunks: `remat` of that says itself what is computed again.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::error::CompileError;
use crate::ir::{BinaryFn, DType, Dim, Graph, NodeId, Origin, TensorType};
use crate::ops::{Build, Control, Leaf, Movement, Op, Placement, Scan, TypeError, with_parameters};

/// The iterations of a chunk where only symbols say how many there are: of up to some 10,000, as
/// many as are worth it.
const CHUNK: i64 = 64;
/// The fewest iterations that are cut: of fewer, chunks would hold as much as they save.
const FEWEST: i64 = 8;

/// Cuts every loop on which `ends` depend and whose carries are to be computed again. Its results are
/// those nodes that they were, of the same values. Linear.
pub(super) fn cut(graph: &mut Graph, ends: &[NodeId]) -> Result<(), CompileError> {
    for node in graph.order_from(ends) {
        let Some(scan) = graph.op(node).scan().filter(|scan| is_cut(scan)).cloned() else {
            continue;
        };
        let origin = graph.origin(node);
        let done = Cutting { graph, origin, node, scan }.run();
        done.map_err(|e| CompileError::of_type(e, graph, node))?;
    }
    Ok(())
}

/// Whether the next value of a carry is to be computed again.
fn is_cut(scan: &Scan) -> bool {
    let long = scan.length.as_number().is_none_or(|n| n >= FEWEST);
    let mut carries = scan.body.outputs[..scan.n_carries].iter();
    long && carries.any(|(_, next)| again(&scan.body, *next).is_some())
}

/// What is computed again as this value of a body, if it is a value of the iteration itself.
fn again(body: &Graph, node: NodeId) -> Option<NodeId> {
    let is_remat = matches!(body.op(node), Op::Control(Control::Remat));
    let x = is_remat.then(|| body.operands(node)[0])?;
    (!body.op(x).picks_result()).then_some(x)
}

struct Cutting<'a> {
    graph: &'a mut Graph,
    origin: Origin,
    node: NodeId,
    scan: Scan,
}

/// A run of iterations of the loop.
struct Part {
    first: Dim,
    length: Dim,
}

impl Cutting<'_> {
    fn run(mut self) -> Result<(), TypeError> {
        let length = self.scan.length.clone();
        let chunk = length.as_number().map_or(CHUNK, |n| (n as f64).sqrt().ceil() as i64);
        let n_chunks = length.floor_div(&Dim::number(chunk))?;
        let whole = n_chunks.mul(&Dim::number(chunk))?;
        let rest = length.sub(&whole)?;
        let body = iteration(&self.scan)?;
        let operands = self.graph.operands(self.node).to_vec();
        let carries = operands[..self.scan.n_carries].to_vec();
        let chunks = Part { first: Dim::number(0), length: whole.clone() };
        let rest = Part { first: whole, length: rest };
        let (first, last) = if rest.length.as_number() == Some(0) {
            (self.chunks(&body, &chunks, [&n_chunks, &Dim::number(chunk)], carries)?, None)
        } else if self.scan.reverse {
            let first = self.rest(&body, &rest, carries)?;
            let carries = first[..self.scan.n_carries].to_vec();
            let last = self.chunks(&body, &chunks, [&n_chunks, &Dim::number(chunk)], carries)?;
            (first, Some(last))
        } else {
            let first = self.chunks(&body, &chunks, [&n_chunks, &Dim::number(chunk)], carries)?;
            let carries = first[..self.scan.n_carries].to_vec();
            (first, Some(self.rest(&body, &rest, carries)?))
        };
        self.replace(&first, last.as_deref())
    }

    /// Makes of each result of the loop the value that the parts give.
    fn replace(&mut self, first: &[NodeId], last: Option<&[NodeId]>) -> Result<(), TypeError> {
        for result in self.graph.users(self.node) {
            let Some(index) = self.graph.op(result).picked_result() else { continue };
            let value = match last {
                None => first[index],
                Some(last) if index < self.scan.n_carries => last[index],
                Some(last) => {
                    let (early, late) = (first[index], last[index]);
                    let parts = if self.scan.reverse { [late, early] } else { [early, late] };
                    let axis = self.scan.axis;
                    self.build().node(Placement::Concat { axis }, &parts)?
                }
            };
            self.graph.rebuild(result, Control::Same, &[value])?;
        }
        Ok(())
    }

    fn build(&mut self) -> Build<'_> {
        Build { graph: self.graph, origin: &self.origin }
    }

    /// The loop's operands for a part: other carries, of each sequence the elements, and the number
    /// of the first iteration.
    fn operands(&mut self, part: &Part, carries: Vec<NodeId>) -> Result<Vec<NodeId>, TypeError> {
        let all = self.graph.operands(self.node).to_vec();
        let mut operands = carries;
        for k in self.scan.sequences() {
            let shape = self.graph.tensor_type(all[k]).shape.clone();
            let mut start = vec![Dim::number(0); shape.len()];
            start[self.scan.axis] = part.first.clone();
            let step = vec![1; shape.len()];
            let mut len = shape;
            len[self.scan.axis] = part.length.clone();
            operands.push(self.build().node(Movement::Slice { start, len, step }, &[all[k]])?);
        }
        operands.extend(&all[self.scan.captured()]);
        operands.push(self.build().dim(&part.first, DType::I64)?);
        Ok(operands)
    }

    /// The results of the iterations that fill no chunk.
    fn rest(
        &mut self,
        body: &Arc<Graph>,
        part: &Part,
        carries: Vec<NodeId>,
    ) -> Result<Vec<NodeId>, TypeError> {
        let operands = self.operands(part, carries)?;
        let length = part.length.clone();
        let scan = Scan { body: body.clone(), length, ..self.scan.clone() };
        let (scan, operands) = scan.capturing_once(operands)?;
        let node = self.build().node(scan, &operands)?;
        let indices = 0..body.outputs.len();
        indices.map(|index| self.build().node(Control::Result { index }, &[node])).collect()
    }

    /// The results of the iterations that fill chunks.
    fn chunks(
        &mut self,
        body: &Arc<Graph>,
        part: &Part,
        [n_chunks, chunk]: [&Dim; 2],
        carries: Vec<NodeId>,
    ) -> Result<Vec<NodeId>, TypeError> {
        let mut operands = self.operands(part, carries)?;
        let axis = self.scan.axis;
        for operand in &mut operands[self.scan.sequences()] {
            let mut shape = self.graph.tensor_type(*operand).shape.clone();
            shape.splice(axis..=axis, [n_chunks.clone(), chunk.clone()]);
            *operand =
                Build { graph: self.graph, origin: &self.origin }.reshape(*operand, &shape)?;
        }
        let body = Arc::new(self.of_chunk(body, chunk, &operands)?);
        let n_results = body.outputs.len();
        let scan = Scan { body, length: n_chunks.clone(), ..self.scan.clone() };
        let (scan, operands) = scan.capturing_once(operands)?;
        let node = self.build().node(scan, &operands)?;
        let mut results = vec![];
        for index in 0..n_results {
            let mut result = self.build().node(Control::Result { index }, &[node])?;
            if index >= self.scan.n_carries {
                let mut shape = self.graph.tensor_type(result).shape.clone();
                shape.splice(axis..=axis + 1, [part.length.clone()]);
                result = self.build().reshape(result, &shape)?;
            }
            results.push(result);
        }
        Ok(results)
    }

    /// The body of the loop over chunks: the loop within one.
    fn of_chunk(
        &self,
        body: &Arc<Graph>,
        chunk: &Dim,
        operands: &[NodeId],
    ) -> Result<Graph, TypeError> {
        let mut outer = Graph::default();
        for (number, &operand) in operands.iter().enumerate() {
            let mut tensor_type = self.graph.tensor_type(operand).clone();
            if self.scan.sequences().contains(&number) {
                tensor_type.shape.remove(self.scan.axis);
            }
            add_parameter(&mut outer, tensor_type, &body.origin(body.inputs[number]))?;
        }
        let mut given = outer.inputs.clone();
        let of_iteration = body.origin(*body.inputs.last().expect("the iteration"));
        let number = add_parameter(&mut outer, TensorType::scalar(DType::I64), &of_iteration)?;
        let first = given.last_mut().expect("the number of the first iteration");
        let mut build = Build { graph: &mut outer, origin: &of_iteration };
        let size = build.dim(chunk, DType::I64)?;
        let passed = build.binary(BinaryFn::Mul, number, size)?;
        *first = build.add(*first, passed)?;
        let inner = Scan { body: body.clone(), length: chunk.clone(), ..self.scan.clone() };
        let (inner, given) = inner.capturing_once(given)?;
        let mut build = Build { graph: &mut outer, origin: &self.origin };
        let node = build.node(inner, &given)?;
        for (index, (name, _)) in body.outputs.iter().enumerate() {
            let mut build = Build { graph: &mut outer, origin: &self.origin };
            let result = build.node(Control::Result { index }, &[node])?;
            let again = build.node(Control::Remat, &[result])?;
            outer.outputs.push((name.clone(), again));
        }
        Ok(outer)
    }
}

fn add_parameter(
    graph: &mut Graph,
    tensor_type: TensorType,
    origin: &Origin,
) -> Result<NodeId, TypeError> {
    let leaf = Leaf::Parameter { number: graph.inputs.len(), tensor_type };
    let parameter = graph.add(leaf, &[], origin)?;
    graph.inputs.push(parameter);
    Ok(parameter)
}

/// The body of an iteration, whose carries are kept, and to which one more captured value says the
/// number of the first iteration.
fn iteration(scan: &Scan) -> Result<Arc<Graph>, TypeError> {
    let mut body = (*scan.body).clone();
    let nexts: Vec<NodeId> = body.outputs[..scan.n_carries].iter().map(|(_, id)| *id).collect();
    for next in nexts {
        if let Some(x) = again(&body, next) {
            body.replace_uses(next, x);
        }
    }
    let number = *body.inputs.last().expect("the iteration");
    let origin = body.origin(number);
    let name = origin.name.as_deref().unwrap_or("iteration");
    body.rename(number, "whole");
    let mut parameters = body.inputs[..scan.n_operands()].to_vec();
    for name in ["first", name] {
        let tensor_type = TensorType::scalar(DType::I64);
        let leaf = Leaf::Parameter { number: usize::MAX, tensor_type };
        let origin = Origin { name: Some(name.into()), ..origin.clone() };
        parameters.push(body.add(leaf, &[], &origin)?);
    }
    let [.., first, within] = parameters[..] else { unreachable!("two were added") };
    let sum = Build { graph: &mut body, origin: &origin }.add(first, within)?;
    body.replace_uses(number, sum);
    let outputs = body.outputs.clone();
    Ok(Arc::new(with_parameters(&body, &parameters, &FxHashMap::default(), &outputs)?))
}
