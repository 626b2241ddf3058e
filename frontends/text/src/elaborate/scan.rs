//! `scan`: the body becomes a closed graph, whose parameters are carries, elements of sequences,
//! what it reads of the values around it, and the number of the iteration.

use std::collections::HashMap;
use std::sync::Arc;

use brolga_compiler::ir::{DType, Dim, Graph, NodeId, Origin, TensorType};
use brolga_compiler::ops::{Control, Leaf, Scan};

use super::names::node_name;
use super::regions::{Region, RegionKind};
use super::types::agree;
use super::value::{Tensor, Value};
use super::{Binding, Elaborator, Failed, Frame, Result};
use crate::ast::{self, Name, Target};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::source::Span;

/// What a scan is given.
struct Header {
    sequences: Vec<Tensor>,
    /// Which of the sequences are vectors that were given more axes.
    vectors: Vec<bool>,
    carries: Vec<Tensor>,
    axis: usize,
    reverse: bool,
    length: Dim,
}

/// Names with their nodes.
type Carries = Vec<(Arc<str>, NodeId)>;

impl Elaborator<'_> {
    /// The results of a scan: a list, or the only one.
    pub(super) fn scan(&mut self, scan: &ast::Scan, targets: &[Target]) -> Result<Value> {
        let header = self.header(scan)?;
        let (region, outputs, n_emitted) = self.scan_body(scan, &header)?;
        let RegionKind::Scan { captures, iteration } = region.kind else { return Err(Failed) };
        self.at = scan.span;
        let inputs = region.graph.inputs.clone();
        let (body, captured) =
            closed_body(&region.graph, &inputs, &captures, iteration, &outputs).ok_or(Failed)?;
        let mut operands = header.carries.clone();
        operands.extend(&header.sequences);
        operands.extend(captured.into_iter().map(|node| self.tensor(node)));
        let op = Scan {
            body: Arc::new(body),
            n_carries: header.carries.len(),
            n_sequences: header.sequences.len(),
            axis: header.axis,
            reverse: header.reverse,
            length: header.length,
        };
        let node = self.add(op, &operands)?;
        let n_results = scan.carries.len() + n_emitted;
        let first = targets.iter().find(|target| &*target.name.text != "_");
        let stem = first.map_or("scan", |target| &target.name.text);
        let region = self.region();
        region.graph.rename(node.node, &format!("{stem}.scan"));
        let single = targets.len() == 1;
        let mut results = Vec::new();
        for index in 0..n_results {
            let dropped =
                !single && targets.get(index).is_some_and(|target| &*target.name.text == "_");
            results.push(match dropped {
                true => Value::Bare(super::value::Bare::Bool(false)),
                false => Value::Tensor(self.add(Control::Result { index }, &[node])?),
            });
        }
        match results.len() {
            1 => Ok(results.remove(0)),
            _ => Ok(Value::list(results)),
        }
    }

    fn header(&mut self, scan: &ast::Scan) -> Result<Header> {
        let mut sequences = Vec::new();
        for sequence in &scan.sequences {
            let value = self.expr(&sequence.value)?;
            sequences.push(self.materialise(&value, None, sequence.value.span)?);
        }
        let rank = self.tensor_type(sequences[0]).rank();
        let axis = match &scan.axis {
            None => 0,
            Some(expr) => {
                let value = self.expr(expr)?;
                self.axis(&value, rank, expr.span)?
            }
        };
        let reverse = match &scan.reverse {
            None => false,
            Some(expr) => {
                let value = self.expr(expr)?;
                self.truth(&value, "`reverse`", expr.span)?
            }
        };
        // A vector among sequences of more axes counts along its only one.
        let mut vectors = vec![false; sequences.len()];
        for (k, sequence) in scan.sequences.iter().enumerate() {
            let of_it = self.tensor_type(sequences[k]).clone();
            if of_it.rank() == 1 && axis > 0 {
                let mut shape = vec![Dim::number(1); axis];
                shape.extend(of_it.shape);
                vectors[k] = true;
                let x = sequences[k];
                sequences[k] = self.build(&[x], |build, x| build.reshape(x[0], &shape))?;
            } else if of_it.rank() <= axis {
                let message = format!("{of_it} has no axis {axis} to walk along");
                let span = sequence.value.span;
                return Err(self.error(Code::NoSuchAxis, message, span, ""));
            }
        }
        let length = self.tensor_type(sequences[0]).shape[axis].clone();
        let mut carries = Vec::new();
        for carry in &scan.carries {
            let value = self.expr(&carry.init)?;
            let x = self.materialise(&value, None, carry.init.span)?;
            let node = self.bring_here(x)?;
            carries.push(self.tensor(node));
        }
        for sequence in &mut sequences {
            let node = self.bring_here(*sequence)?;
            *sequence = self.tensor(node);
        }
        Ok(Header { sequences, vectors, carries, axis, reverse, length })
    }

    /// Walks the body; hands back its graph, the carries' next values with what is emitted, and
    /// how many values that are.
    fn scan_body(&mut self, scan: &ast::Scan, header: &Header) -> Result<(Region, Carries, usize)> {
        let carry_types: Vec<TensorType> =
            header.carries.iter().map(|&x| self.tensor_type(x).clone()).collect();
        let mut element_types = Vec::new();
        for &x in &header.sequences {
            let mut of_x = self.tensor_type(x).clone();
            of_x.shape.remove(header.axis);
            element_types.push(of_x);
        }
        let mut region = self.new_region(RegionKind::Main);
        let mut parameters = Vec::new();
        let names = scan.carries.iter().map(|carry| &carry.name);
        let names: Vec<&Name> = names.chain(scan.sequences.iter().map(|s| &s.name)).collect();
        for (number, (name, of_it)) in
            names.iter().zip(carry_types.iter().chain(&element_types)).enumerate()
        {
            let leaf = Leaf::Parameter { number, tensor_type: of_it.clone() };
            self.at = name.span;
            let origin = Origin::named(node_name(&name.text), self.provenance());
            let node = region.graph.add(leaf, &[], &origin);
            parameters.push(node.expect("a leaf has the type that it says"));
        }
        self.at = scan.span;
        let leaf =
            Leaf::Parameter { number: usize::MAX, tensor_type: TensorType::scalar(DType::I64) };
        let iteration = region.graph.add(leaf, &[], &Origin::named("iteration", self.provenance()));
        let iteration = iteration.expect("a leaf has the type that it says");
        region.kind = RegionKind::Scan { captures: Vec::new(), iteration };
        region.graph.inputs = parameters.clone();
        let id = region.id;
        self.regions.push(region);
        let mut frame =
            Frame::new(self.here().file, self.here().path.clone(), self.here().training);
        frame.sees_outer = true;
        frame.loops = self.here().loops.clone();
        frame.shared = self.here().shared;
        for (name, node) in names.iter().zip(&parameters) {
            let value = Value::Tensor(Tensor { node: *node, region: id });
            let binding = Binding { value, span: name.span, declared: None };
            frame.values.insert(name.text.clone(), binding);
        }
        self.frames.push(frame);
        let n_errors = self.diagnostics.n_errors();
        self.reduce_vectors(scan, &header.vectors);
        self.statements(&scan.body.body);
        let ends = self.ends(scan, &carry_types);
        self.frames.pop();
        let mut region = self.close_region();
        region.graph.dissolve_bindings();
        let (outputs, n_emitted) = ends?;
        if self.diagnostics.n_errors() > n_errors || self.stopped {
            return Err(Failed);
        }
        Ok((region, outputs, n_emitted))
    }

    /// The elements of vectors that were given more axes are scalars again.
    fn reduce_vectors(&mut self, scan: &ast::Scan, vectors: &[bool]) {
        for (sequence, _) in scan.sequences.iter().zip(vectors).filter(|(_, is_vector)| **is_vector)
        {
            let name = &sequence.name;
            let Some(Value::Tensor(x)) = self.find_value(&name.text).map(|b| b.value.clone())
            else {
                continue;
            };
            if let Ok(x) = self.build(&[x], |build, x| build.reshape(x[0], &[])) {
                let binding = Binding { value: Value::Tensor(x), span: name.span, declared: None };
                self.frame().values.insert(name.text.clone(), binding);
            }
        }
    }

    /// The carries' next values and what is emitted, as nodes of the body.
    fn ends(&mut self, scan: &ast::Scan, carry_types: &[TensorType]) -> Result<(Carries, usize)> {
        let mut outputs = Vec::new();
        for (carry, wanted) in scan.carries.iter().zip(carry_types) {
            let name = &carry.name;
            let Some(binding) = self.find_value(&name.text).cloned() else { return Err(Failed) };
            if binding.value.is_poisoned() {
                return Err(Failed);
            }
            self.at = binding.span;
            let next = self.materialise(&binding.value, Some(wanted.dtype), binding.span)?;
            let of_next = self.tensor_type(next).clone();
            if !agree(&of_next, wanted) {
                let message = format!("the carry `{}` changes its type", name.text);
                let error = Diagnostic::error(Code::Scan, message);
                let error = error.at(binding.span, format!("its next value is {of_next}"));
                return Err(
                    self.push(error.with(carry.init.span, format!("it begins as {wanted}")))
                );
            }
            let next = self.value_itself(next);
            outputs.push((name.text.clone(), self.bring_here(next)?));
        }
        let emitted = std::mem::take(&mut self.frame().emitted);
        let n_emitted = emitted.len();
        for (value, span) in emitted {
            let x = self.materialise(&value, None, span)?;
            let x = self.value_itself(x);
            outputs.push(("emit".into(), self.bring_here(x)?));
        }
        if outputs.is_empty() {
            let message = "this scan has no result";
            let error = Diagnostic::error(Code::Scan, message).at(head(scan), "");
            return Err(self.push(error.help("carry a value, or `emit` one")));
        }
        Ok((outputs, n_emitted))
    }

    /// The number of the iteration of the innermost scan.
    pub(super) fn iteration(&mut self, span: Span) -> Result<Tensor> {
        match self.region().kind {
            RegionKind::Scan { iteration, .. } => Ok(self.tensor(iteration)),
            RegionKind::Main | RegionKind::Initial | RegionKind::Finish { .. } => {
                let message = "`iteration` is known in a `scan` alone";
                Err(self.error(Code::Scan, message, span, ""))
            }
        }
    }
}

/// The place of a scan without its body.
fn head(scan: &ast::Scan) -> Span {
    Span { end: scan.body.span.start, ..scan.span }
}

/// The body with its parameters in order and numbered: carries, sequences, captured values in the
/// order in which they are first read, the iteration. Only what the outputs need is kept. Also
/// the nodes around it that are captured.
fn closed_body(
    graph: &Graph,
    fixed: &[NodeId],
    captures: &[(NodeId, NodeId)],
    iteration: NodeId,
    outputs: &[(Arc<str>, NodeId)],
) -> Option<(Graph, Vec<NodeId>)> {
    let roots: Vec<NodeId> = outputs.iter().map(|(_, node)| *node).collect();
    let order = graph.order_from(&roots);
    let mut captured: Vec<(NodeId, NodeId)> = Vec::new();
    for node in &order {
        captured.extend(captures.iter().filter(|(_, parameter)| parameter == node));
    }
    let mut body = Graph::default();
    let mut map = HashMap::new();
    let parameters = fixed.iter().copied();
    let parameters = parameters.chain(captured.iter().map(|(_, p)| *p)).chain([iteration]);
    for (number, parameter) in parameters.enumerate() {
        let tensor_type = graph.tensor_type(parameter).clone();
        let leaf = Leaf::Parameter { number, tensor_type };
        let copy = body.add(leaf, &[], &graph.origin(parameter)).ok()?;
        body.inputs.push(copy);
        map.insert(parameter, copy);
    }
    for node in order {
        if map.contains_key(&node) {
            continue;
        }
        let operands: Vec<NodeId> = graph.operands(node).iter().map(|o| map[o]).collect();
        let copy = body.add(graph.op(node).clone(), &operands, &graph.origin(node)).ok()?;
        map.insert(node, copy);
    }
    body.outputs = outputs.iter().map(|(name, node)| (name.clone(), map[node])).collect();
    Some((body, captured.into_iter().map(|(outer, _)| outer).collect()))
}
