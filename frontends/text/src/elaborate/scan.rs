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
pub(super) struct Header {
    sequences: Vec<Tensor>,
    /// Which of the sequences are vectors that were given more axes.
    vectors: Vec<bool>,
    pub(super) carries: Vec<Tensor>,
    axis: usize,
    reverse: bool,
    length: Dim,
}

/// Names with their nodes.
pub(super) type Carries = Vec<(Arc<str>, NodeId)>;

impl Elaborator<'_> {
    /// The results of a scan: a list, or the only one.
    pub(super) fn scan(&mut self, scan: &ast::Scan, targets: &[Target]) -> Result<Value> {
        let header = self.header(scan)?;
        let names = scan.carries.iter().map(|carry| &carry.name);
        let names: Vec<&Name> = names.chain(scan.sequences.iter().map(|s| &s.name)).collect();
        let n_errors = self.diagnostics.n_errors();
        self.at = scan.span;
        self.open_scan(&header, &names);
        self.statements(&scan.body.body);
        let ends = self.ends(scan, &header);
        let region = self.leave_scan();
        let outputs = ends?;
        if self.diagnostics.n_errors() > n_errors || self.stopped {
            return Err(Failed);
        }
        self.at = scan.span;
        let first = targets.iter().find(|target| &*target.name.text != "_");
        let stem = first.map_or("scan", |target| &target.name.text);
        let single = targets.len() == 1;
        let is_dropped = |index: usize| {
            !single && targets.get(index).is_some_and(|target| &*target.name.text == "_")
        };
        let mut results = self.scan_results(header, region, &outputs, stem, is_dropped)?;
        match results.len() {
            1 => Ok(results.remove(0)),
            _ => Ok(Value::list(results)),
        }
    }

    /// Adds the scan whose body a region is: its results in order, but for those that are dropped.
    pub(super) fn scan_results(
        &mut self,
        header: Header,
        region: Region,
        outputs: &Carries,
        stem: &str,
        is_dropped: impl Fn(usize) -> bool,
    ) -> Result<Vec<Value>> {
        let RegionKind::Scan { captures, iteration } = region.kind else { return Err(Failed) };
        let inputs = region.graph.inputs.clone();
        let (body, captured) =
            closed_body(&region.graph, &inputs, &captures, iteration, outputs).ok_or(Failed)?;
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
        let region = self.region();
        region.graph.rename(node.node, &format!("{stem}.scan"));
        let mut results = Vec::new();
        for index in 0..outputs.len() {
            results.push(match is_dropped(index) {
                true => Value::Bare(super::value::Bare::Bool(false)),
                false => Value::Tensor(self.add(Control::Result { index }, &[node])?),
            });
        }
        Ok(results)
    }

    fn header(&mut self, scan: &ast::Scan) -> Result<Header> {
        let mut sequences = Vec::new();
        for sequence in &scan.sequences {
            let value = self.expr(&sequence.value)?;
            let span = sequence.value.span;
            sequences.push((self.materialise(&value, None, span)?, span));
        }
        let axis = match &scan.axis {
            None => None,
            Some(expr) => Some((self.expr(expr)?, expr.span)),
        };
        let reverse = match &scan.reverse {
            None => None,
            Some(expr) => Some((self.expr(expr)?, expr.span)),
        };
        let mut carries = Vec::new();
        for carry in &scan.carries {
            let value = self.expr(&carry.init)?;
            carries.push(self.materialise(&value, None, carry.init.span)?);
        }
        self.header_of(sequences, axis, reverse, carries)
    }

    /// What a scan goes by: at least one sequence, each with its place, the axis and whether it
    /// walks backwards, and the carries.
    pub(super) fn header_of(
        &mut self,
        sequences: Vec<(Tensor, Span)>,
        axis: Option<(Value, Span)>,
        reverse: Option<(Value, Span)>,
        mut carries: Vec<Tensor>,
    ) -> Result<Header> {
        let rank = self.tensor_type(sequences[0].0).rank();
        let axis = match axis {
            None => 0,
            Some((value, span)) => self.axis(&value, rank, span)?,
        };
        let reverse = match reverse {
            None => false,
            Some((value, span)) => self.truth(&value, "`reverse`", span)?,
        };
        // A vector among sequences of more axes counts along its only one.
        let mut vectors = vec![false; sequences.len()];
        let mut walked = Vec::new();
        for (k, (x, span)) in sequences.into_iter().enumerate() {
            let of_it = self.tensor_type(x).clone();
            let mut x = x;
            if of_it.rank() == 1 && axis > 0 {
                let mut shape = vec![Dim::number(1); axis];
                shape.extend(of_it.shape);
                vectors[k] = true;
                x = self.build(&[x], |build, x| build.reshape(x[0], &shape))?;
            } else if of_it.rank() <= axis {
                let message = format!("{of_it} has no axis {axis} to walk along");
                return Err(self.error(Code::NoSuchAxis, message, span, ""));
            }
            walked.push(x);
        }
        let length = self.tensor_type(walked[0]).shape[axis].clone();
        for x in carries.iter_mut().chain(&mut walked) {
            let node = self.bring_here(*x)?;
            *x = self.tensor(node);
        }
        Ok(Header { sequences: walked, vectors, carries, axis, reverse, length })
    }

    /// Opens the body, in which the names, those of the carries and then of the sequences, are what
    /// an iteration is given: returns these in that order. It is closed by `leave_scan`.
    pub(super) fn open_scan(&mut self, header: &Header, names: &[&Name]) -> Vec<Tensor> {
        let around = self.at;
        let carries = header.carries.iter().map(|&x| self.tensor_type(x).clone());
        let elements = header.sequences.iter().map(|&x| {
            let mut of_x = self.tensor_type(x).clone();
            of_x.shape.remove(header.axis);
            of_x
        });
        let types: Vec<TensorType> = carries.chain(elements).collect();
        let mut region = self.new_region(RegionKind::Main);
        for (number, (name, of_it)) in names.iter().zip(types).enumerate() {
            let leaf = Leaf::Parameter { number, tensor_type: of_it };
            self.at = name.span;
            let origin = Origin::named(node_name(&name.text), self.provenance());
            let node = region.graph.add(leaf, &[], &origin);
            region.graph.inputs.push(node.expect("a leaf has the type that it says"));
        }
        self.at = around;
        let leaf =
            Leaf::Parameter { number: usize::MAX, tensor_type: TensorType::scalar(DType::I64) };
        let iteration = region.graph.add(leaf, &[], &Origin::named("iteration", self.provenance()));
        let iteration = iteration.expect("a leaf has the type that it says");
        region.kind = RegionKind::Scan { captures: Vec::new(), iteration };
        let (id, parameters) = (region.id, region.graph.inputs.clone());
        self.regions.push(region);
        let here = self.here();
        let mut frame = Frame::new(here.file, here.path.clone(), here.training);
        frame.sees_outer = true;
        frame.loops = here.loops.clone();
        frame.shared = here.shared;
        let given: Vec<Tensor> =
            parameters.iter().map(|&node| Tensor { node, region: id }).collect();
        for (name, &x) in names.iter().zip(&given) {
            let binding = Binding { value: Value::Tensor(x), span: name.span, declared: None };
            frame.values.insert(name.text.clone(), binding);
        }
        self.frames.push(frame);
        self.reduce_vectors(&names[header.carries.len()..], &header.vectors);
        given
    }

    /// Closes the body that was opened last.
    pub(super) fn leave_scan(&mut self) -> Region {
        self.frames.pop();
        let mut region = self.close_region();
        region.graph.dissolve_bindings();
        region
    }

    /// The elements of vectors that were given more axes are scalars again.
    fn reduce_vectors(&mut self, names: &[&Name], vectors: &[bool]) {
        for (name, _) in names.iter().zip(vectors).filter(|(_, is_vector)| **is_vector) {
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
    fn ends(&mut self, scan: &ast::Scan, header: &Header) -> Result<Carries> {
        let mut outputs = Vec::new();
        for (carry, &first) in scan.carries.iter().zip(&header.carries) {
            let name = &carry.name;
            let Some(binding) = self.find_value(&name.text).cloned() else { return Err(Failed) };
            if binding.value.is_poisoned() {
                return Err(Failed);
            }
            let places = (binding.span, carry.init.span);
            outputs.push(self.next_carry(&name.text, first, &binding.value, places)?);
        }
        for (value, span) in std::mem::take(&mut self.frame().emitted) {
            outputs.push(self.emitted(&value, span)?);
        }
        if outputs.is_empty() {
            let message = "this scan has no result";
            let error = Diagnostic::error(Code::Scan, message).at(head(scan), "");
            return Err(self.push(error.help("carry a value, or `emit` one")));
        }
        Ok(outputs)
    }

    /// The next value of a carry, which has the type of the first.
    pub(super) fn next_carry(
        &mut self,
        name: &Arc<str>,
        first: Tensor,
        next: &Value,
        (at, began): (Span, Span),
    ) -> Result<(Arc<str>, NodeId)> {
        let wanted = self.tensor_type(first).clone();
        self.at = at;
        let next = self.materialise(next, Some(wanted.dtype), at)?;
        let of_next = self.tensor_type(next).clone();
        if !agree(&of_next, &wanted) {
            let message = format!("the carry `{name}` changes its type");
            let error = Diagnostic::error(Code::Scan, message);
            let error = error.at(at, format!("its next value is {of_next}"));
            return Err(self.push(error.with(began, format!("it begins as {wanted}"))));
        }
        let next = self.value_itself(next);
        Ok((name.clone(), self.bring_here(next)?))
    }

    /// A value that each iteration gives.
    pub(super) fn emitted(&mut self, value: &Value, span: Span) -> Result<(Arc<str>, NodeId)> {
        let x = self.materialise(value, None, span)?;
        let x = self.value_itself(x);
        Ok(("emit".into(), self.bring_here(x)?))
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
