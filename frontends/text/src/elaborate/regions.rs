//! The graphs that are being made at the same time: the program's own, the bodies of scans inside
//! it, initial values, and functions of totals. A value knows its graph; one that is used in
//! another is brought there.

use std::collections::HashMap;

use brolga_compiler::ir::{Graph, Name as NodeName, NodeId, Origin, TensorType};
use brolga_compiler::ops::{Build, Control, Leaf, Op, TypeError};

use super::value::{RegionId, Tensor};
use super::{Elaborator, Failed, Result};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;

/// A graph that is being made.
pub(super) struct Region {
    pub(super) id: RegionId,
    pub(super) graph: Graph,
    pub(super) kind: RegionKind,
    /// The leaves that have been read: variables by name.
    pub(super) variables: HashMap<NodeName, NodeId>,
    pub(super) clocks: Clocks,
}

/// The leaves without a name of their own.
#[derive(Clone, Copy, Default)]
pub(super) struct Clocks {
    pub(super) seed: Option<NodeId>,
    pub(super) step: Option<NodeId>,
    pub(super) epoch: Option<NodeId>,
    pub(super) batch: Option<NodeId>,
}

/// One of the leaves without a name.
#[derive(Clone, Copy)]
pub(super) enum Clock {
    Seed,
    Step,
    Epoch,
    Batch,
}

/// What a graph is for.
pub(super) enum RegionKind {
    /// The program.
    Main,
    /// The body of a scan.
    Scan {
        /// The nodes of the graph around it that are read, with the parameters that stand for them.
        captures: Vec<(NodeId, NodeId)>,
        /// The number of the iteration.
        iteration: NodeId,
    },
    /// The initial value of a variable.
    Initial,
    /// A function of sums over batches.
    Finish {
        /// The nodes of the program that are summed.
        parts: Vec<NodeId>,
    },
}

/// Where a node goes.
#[derive(Clone, Copy, PartialEq)]
enum Home {
    Stack(usize),
    Finish,
}

impl Elaborator<'_> {
    /// Opens a graph; nodes go there until it is closed.
    pub(super) fn open_region(&mut self, kind: RegionKind) {
        let region = self.new_region(kind);
        self.regions.push(region);
    }

    pub(super) fn new_region(&mut self, kind: RegionKind) -> Region {
        self.n_regions += 1;
        Region {
            id: RegionId(self.n_regions),
            graph: Graph::default(),
            kind,
            variables: HashMap::new(),
            clocks: Clocks::default(),
        }
    }

    /// Closes the innermost graph.
    pub(super) fn close_region(&mut self) -> Region {
        self.regions.pop().expect("every region that is closed was opened")
    }

    /// The innermost graph.
    pub(super) fn region(&mut self) -> &mut Region {
        self.regions.last_mut().expect("the program's graph is never closed")
    }

    /// The graph with this id.
    pub(super) fn graph_of(&self, id: RegionId) -> &Graph {
        let finish = self.finish.iter();
        let found = self.regions.iter().chain(finish).find(|region| region.id == id);
        &found.expect("a value does not outlive its graph").graph
    }

    /// The type of a tensor.
    pub(super) fn tensor_type(&self, x: Tensor) -> &TensorType {
        self.graph_of(x.region).tensor_type(x.node)
    }

    /// A tensor of the innermost graph.
    pub(super) fn tensor(&self, node: NodeId) -> Tensor {
        let region = self.regions.last().expect("the program's graph is never closed").id;
        Tensor { node, region }
    }

    /// Adds nodes of `operands`, which `f` sees as nodes of the graph where the new ones go.
    pub(super) fn build(
        &mut self,
        operands: &[Tensor],
        f: impl FnOnce(&mut Build<'_>, &[NodeId]) -> std::result::Result<NodeId, TypeError>,
    ) -> Result<Tensor> {
        match self.try_build(operands, f)? {
            Ok(tensor) => Ok(tensor),
            Err(error) => Err(self.type_error(&error)),
        }
    }

    /// The same; what the operation refuses is handed back.
    pub(super) fn try_build(
        &mut self,
        operands: &[Tensor],
        f: impl FnOnce(&mut Build<'_>, &[NodeId]) -> std::result::Result<NodeId, TypeError>,
    ) -> Result<std::result::Result<Tensor, TypeError>> {
        let place = self.place_of(operands);
        let nodes: Vec<NodeId> =
            operands.iter().map(|&x| self.bring(x, place)).collect::<Result<_>>()?;
        let origin = self.origin(place);
        let limit = self.limits.nodes;
        let region = match place {
            Home::Stack(k) => &mut self.regions[k],
            Home::Finish => self.finish.as_mut().expect("a total has opened it"),
        };
        let id = region.id;
        let node = match f(&mut Build { graph: &mut region.graph, origin: &origin }, &nodes) {
            Ok(node) => node,
            Err(error) => return Ok(Err(error)),
        };
        if region.graph.n_nodes() > limit {
            return Err(self.too_many_nodes());
        }
        let tensor = Tensor { node, region: id };
        self.check_bytes(tensor)?;
        Ok(Ok(tensor))
    }

    /// Adds one node.
    pub(super) fn add(&mut self, op: impl Into<Op>, operands: &[Tensor]) -> Result<Tensor> {
        let op = op.into();
        self.build(operands, |build, nodes| build.node(op, nodes))
    }

    /// Refuses a graph that has become too large.
    pub(super) fn check_nodes(&mut self) -> Result<()> {
        let n_nodes = self.region().graph.n_nodes();
        if n_nodes > self.limits.nodes { Err(self.too_many_nodes()) } else { Ok(()) }
    }

    fn too_many_nodes(&mut self) -> Failed {
        self.stopped = true;
        let message = format!("the graph has more than {} operations", self.limits.nodes);
        let error = Diagnostic::error(Code::TooManyNodes, message).at(self.at, "");
        self.push(error.help("use `scan` for long loops, or raise `--max-nodes`"))
    }

    fn check_bytes(&mut self, x: Tensor) -> Result<()> {
        let of_x = self.tensor_type(x);
        let bytes = of_x.n_bytes();
        let is_number = of_x.sizes().is_some();
        if !is_number || bytes.is_some_and(|bytes| bytes <= self.limits.bytes) {
            return Ok(());
        }
        let limit = self.limits.bytes;
        let message = format!("a tensor {of_x} is larger than the limit of {limit} bytes");
        let error = Diagnostic::error(Code::TensorTooLarge, message).at(self.at, "");
        Err(self.push(error.help("make it smaller, or raise `--max-tensor-bytes`")))
    }

    /// What functions of totals are made of goes with them, all else to the innermost graph.
    fn place_of(&self, operands: &[Tensor]) -> Home {
        let finish = self.finish.as_ref().map(|region| region.id);
        if operands.iter().any(|x| Some(x.region) == finish) {
            Home::Finish
        } else {
            Home::Stack(self.regions.len() - 1)
        }
    }

    fn origin(&mut self, place: Home) -> Origin {
        let provenance = self.provenance();
        let is_initial = match place {
            Home::Stack(k) => initial_among(&self.regions[..=k]).is_some(),
            Home::Finish => true,
        };
        let name = match self.here().wish.as_str() {
            _ if is_initial => None,
            "" => Some("value.".into()),
            wish => Some(format!("{wish}.").into()),
        };
        Origin { name, provenance }
    }

    /// Whether the innermost graph is an initial value or within one. The names there are its own:
    /// the paths of the program do not stand before them.
    pub(super) fn in_initial_value(&self) -> bool {
        self.initial_home().is_some()
    }

    /// The place of the initial value that the innermost graph is or is within.
    pub(super) fn initial_home(&self) -> Option<usize> {
        initial_among(&self.regions)
    }

    /// The node of the innermost graph that stands for a value.
    pub(super) fn bring_here(&mut self, x: Tensor) -> Result<NodeId> {
        self.bring(x, Home::Stack(self.regions.len() - 1))
    }

    /// The node of the graph at `to` that stands for a value.
    fn bring(&mut self, x: Tensor, to: Home) -> Result<NodeId> {
        let from = self.regions.iter().position(|region| region.id == x.region);
        match (from, to) {
            (None, Home::Finish) => Ok(x.node),
            (Some(from), Home::Finish) => self.copy_to_finish(from, x.node),
            (Some(from), Home::Stack(to)) if from <= to => self.carry_in(from, to, x.node),
            (Some(_) | None, Home::Stack(_)) => {
                let message = "a value of `total` cannot be used here";
                let error = Diagnostic::error(Code::Total, message).at(self.at, "");
                Err(self.push(error))
            }
        }
    }

    fn carry_in(&mut self, from: usize, to: usize, node: NodeId) -> Result<NodeId> {
        if from == to {
            return Ok(node);
        }
        if matches!(self.regions[to].kind, RegionKind::Initial) {
            return self.copy_to_initial(from, to, node);
        }
        let outer = self.carry_in(from, to - 1, node)?;
        Ok(self.capture(to, outer))
    }

    /// The parameter of the scan's body at `to` that stands for a node of the graph around it.
    fn capture(&mut self, to: usize, outer: NodeId) -> NodeId {
        let around = &self.regions[to - 1].graph;
        let (of_outer, origin) = (around.tensor_type(outer).clone(), around.origin(outer));
        // Of its own within the body too, but no parameter of its own.
        let itself = match around.op(outer) {
            Op::Control(Control::Same) => Some(around.operands(outer)[0]),
            _ => None,
        };
        let region = &mut self.regions[to];
        let RegionKind::Scan { captures, .. } = &mut region.kind else { return outer };
        if let Some((_, parameter)) = captures.iter().find(|(node, _)| *node == outer) {
            return *parameter;
        }
        if let Some(itself) = itself {
            let inner = self.capture(to, itself);
            return self.capture_own(to, outer, (inner, origin));
        }
        // The number is not known before the body is closed.
        let leaf = Leaf::Parameter { number: usize::MAX, tensor_type: of_outer };
        let parameter =
            region.graph.add(leaf, &[], &origin).expect("a leaf has the type that it says");
        captures.push((outer, parameter));
        parameter
    }

    /// A value of its own in the scan's body at `to`, for one around it.
    fn capture_own(&mut self, to: usize, outer: NodeId, (x, origin): (NodeId, Origin)) -> NodeId {
        let region = &mut self.regions[to];
        let own = region.graph.add(Control::Same, &[x], &origin).expect("it takes any value");
        if let RegionKind::Scan { captures, .. } = &mut region.kind {
            captures.push((outer, own));
        }
        own
    }

    /// Copies a value that no input or variable reaches into an initial value.
    fn copy_to_initial(&mut self, from: usize, to: usize, node: NodeId) -> Result<NodeId> {
        let closed = |leaf: &Leaf| match leaf {
            Leaf::Constant(_) | Leaf::Dim { .. } | Leaf::Seed | Leaf::Step | Leaf::Batch => true,
            Leaf::Input { .. } | Leaf::Variable { .. } | Leaf::Epoch | Leaf::Parameter { .. } => {
                false
            }
        };
        let (sources, targets) = self.regions.split_at_mut(to);
        if let Some(copy) = copy_closed(&sources[from].graph, &mut targets[0].graph, node, closed) {
            return Ok(copy);
        }
        let message = "an initial value may not depend on inputs or variables";
        let error = Diagnostic::error(Code::InitialNotClosed, message).at(self.at, "");
        Err(self.push(error.help("use numbers, shapes and initialisers that are known beforehand")))
    }

    /// Copies a constant into the function of totals.
    fn copy_to_finish(&mut self, from: usize, node: NodeId) -> Result<NodeId> {
        let closed = |leaf: &Leaf| match leaf {
            Leaf::Constant(_) => true,
            Leaf::Dim { .. }
            | Leaf::Seed
            | Leaf::Step
            | Leaf::Batch
            | Leaf::Input { .. }
            | Leaf::Variable { .. }
            | Leaf::Epoch
            | Leaf::Parameter { .. } => false,
        };
        let finish = self.finish.as_mut().expect("a total has opened it");
        let copy = copy_closed(&self.regions[from].graph, &mut finish.graph, node, closed);
        if let Some(copy) = copy {
            return Ok(copy);
        }
        let message = "a value of one batch meets a total over all batches";
        let error = Diagnostic::error(Code::Total, message).at(self.at, "");
        Err(self.push(error.help("write `total` around it too")))
    }
}

/// Copies what a node needs, if all its leaves are `closed`; a step or batch becomes 0.
fn copy_closed(
    from: &Graph,
    to: &mut Graph,
    node: NodeId,
    closed: impl Fn(&Leaf) -> bool,
) -> Option<NodeId> {
    let order = from.order_from(&[node]);
    let mut map = HashMap::new();
    for &id in &order {
        if let Op::Leaf(leaf) = from.op(id)
            && !closed(leaf)
        {
            return None;
        }
    }
    for id in order {
        let operands: Vec<NodeId> = from.operands(id).iter().map(|o| map[o]).collect();
        if let Op::Control(Control::Same) = from.op(id) {
            map.insert(id, operands[0]);
            continue;
        }
        let op = match from.op(id) {
            Op::Leaf(Leaf::Step | Leaf::Batch) => {
                Leaf::constant(brolga_compiler::ir::Scalar::I64(0)).into()
            }
            op => op.clone(),
        };
        let origin = Origin { name: None, provenance: from.node(id).provenance.clone() };
        let copy = to.add(op, &operands, &origin).ok()?;
        map.insert(id, copy);
    }
    map.get(&node).copied()
}

/// The initial value among graphs of which each is within the one before.
fn initial_among(regions: &[Region]) -> Option<usize> {
    regions.iter().rposition(|region| matches!(region.kind, RegionKind::Initial))
}
