//! Plans the memory of a step: where every value lives, and the arena that the values share.
//!
//! A value in the arena lives from the wave that writes it to the last wave that reads it; two
//! values may share bytes when their lives do not overlap. The kernels of a wave run side by
//! side, so a life covers whole waves. Places are found largest value first, at the lowest offset
//! that is free: quadratic in the values that live at once.

use rustc_hash::FxHashMap;

use crate::fuse::is_memory;
use crate::ir::{
    Expr, Exprs, Graph, Literal, MetricKind, Name, NodeId, PlaceId, Provenance, TensorType,
};
use crate::loop_ir::{Buffer, CACHE_LINE, Extent, Kernel, Loop, LoopKind, Stmt};
use crate::lower::{Argument, Checks, Lowered};
use crate::ops::{Leaf, Op};
use crate::program::{Call, Location, Output, OutputKind, Program, Wave};
use crate::schedule::Schedule;

/// A wave that one thread does in so many nanoseconds is not shared: waking the others costs
/// some 0.3 microseconds.
const SERIAL: u64 = 1_500;

/// Elements that a unit of a copy covers.
const COPY_BLOCK: usize = 16_384;

/// Gives every value a place and puts the program together.
pub fn plan(graph: &Graph, lowered: Vec<Lowered>, schedule: &Schedule, checks: Checks) -> Program {
    let mut planner = Planner { graph, program: empty(), locations: FxHashMap::default() };
    planner.place_leaves();
    planner.place_roots(schedule);
    planner.place_arena(&lowered, schedule);
    planner.calls(lowered, schedule);
    planner.copies(schedule);
    planner.program.checks = checks;
    planner.program
}

fn empty() -> Program {
    Program {
        kernels: vec![],
        waves: vec![],
        variables: vec![],
        feeds: vec![],
        outputs: vec![],
        constants: vec![],
        constants_bytes: 0,
        arena_bytes: 0,
        scratch_bytes: 0,
        checks: vec![],
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    program: Program,
    locations: FxHashMap<NodeId, Location>,
}

impl Planner<'_> {
    fn describe(&self, node: NodeId) -> (Name, Provenance) {
        let node = self.graph.node(node);
        (node.name.clone(), node.provenance.clone())
    }

    fn variable(&mut self, name: &Name, tensor_type: &TensorType) -> Location {
        let variables = &mut self.program.variables;
        let known = variables.iter().position(|(n, _)| n == name);
        let at = known.unwrap_or_else(|| {
            variables.push((name.clone(), tensor_type.clone()));
            variables.len() - 1
        });
        Location::Variable(at)
    }

    fn place_leaves(&mut self) {
        for node in self.graph.order() {
            let Op::Leaf(leaf) = self.graph.op(node) else { continue };
            // A tensor of one value is an immediate.
            if !is_memory(self.graph, node) {
                continue;
            }
            let location = match leaf {
                Leaf::Input { name, tensor_type } => {
                    self.program.feeds.push((name.clone(), tensor_type.clone()));
                    Location::Feed(self.program.feeds.len() - 1)
                }
                Leaf::Variable { name, tensor_type } => self.variable(name, tensor_type),
                Leaf::Constant(literal) => self.constant(literal),
                Leaf::Seed => Location::Seed,
                Leaf::Step => Location::Step,
                Leaf::Epoch => Location::Epoch,
                Leaf::Batch => Location::Batch,
                // A dimension is a constant by now, and a parameter occurs in regions alone.
                Leaf::Dim { .. } | Leaf::Parameter { .. } => continue,
            };
            self.locations.insert(node, location);
        }
    }

    fn constant(&mut self, literal: &Literal) -> Location {
        let at = self.program.constants_bytes;
        let bytes = literal.n_elements() * literal.dtype().size();
        self.program.constants.push((at, literal.clone()));
        self.program.constants_bytes += bytes.next_multiple_of(CACHE_LINE);
        Location::Constant(at)
    }

    fn location(&mut self, argument: &Argument) -> Location {
        match argument {
            Argument::Node(node) => self.locations[node],
            Argument::Constant(literal) => self.constant(literal),
        }
    }

    fn place_roots(&mut self, schedule: &Schedule) {
        for (name, node) in &self.graph.outputs {
            self.output(name, *node, OutputKind::Output);
        }
        for (metric, m) in self.graph.metrics.iter().enumerate() {
            for (part, node) in m.kind.nodes().iter().enumerate() {
                let name = match m.kind {
                    MetricKind::Mean(_) => m.name.clone(),
                    MetricKind::Total { .. } => format!("{}.{part}", m.name).into(),
                };
                self.output(&name, *node, OutputKind::Metric { metric, part });
            }
        }
        for update in &self.graph.updates {
            let tensor_type = self.graph.tensor_type(update.value);
            let location = self.variable(&update.variable, tensor_type);
            if !schedule.copied.contains(&update.value) {
                self.locations.insert(update.value, location);
            }
        }
    }

    fn output(&mut self, name: &Name, node: NodeId, kind: OutputKind) {
        let tensor_type = self.graph.tensor_type(node).clone();
        self.locations.insert(node, Location::Output(self.program.outputs.len()));
        self.program.outputs.push(Output { name: name.clone(), tensor_type, kind });
    }

    fn place_arena(&mut self, lowered: &[Lowered], schedule: &Schedule) {
        let mut lives: FxHashMap<NodeId, (usize, usize)> = FxHashMap::default();
        for (w, wave) in schedule.waves.iter().enumerate() {
            let arguments = wave.iter().flat_map(|&g| &lowered[g].arguments);
            for node in arguments.filter_map(|(a, _)| a.node()) {
                lives.entry(node).or_insert((w, w)).1 = w;
            }
        }
        for node in &schedule.copied {
            lives.entry(*node).or_insert((0, 0)).1 = schedule.waves.len();
        }
        let mut open: Vec<(usize, NodeId, (usize, usize))> = lives
            .into_iter()
            .filter(|(node, _)| !self.locations.contains_key(node))
            .map(|(node, life)| (self.bytes(node), node, life))
            .collect();
        open.sort_unstable_by_key(|&(bytes, node, _)| (std::cmp::Reverse(bytes), node));
        let mut placed: Vec<(usize, usize, (usize, usize))> = vec![];
        for (bytes, node, life) in open {
            let at = lowest_gap(&placed, bytes, life);
            placed.push((at, bytes, life));
            self.locations.insert(node, Location::Arena(at));
            self.program.arena_bytes = self.program.arena_bytes.max(at + bytes);
        }
    }

    fn bytes(&self, node: NodeId) -> usize {
        let bytes = self.graph.tensor_type(node).n_bytes().expect("sizes were checked");
        bytes.next_multiple_of(CACHE_LINE).max(CACHE_LINE)
    }

    fn calls(&mut self, lowered: Vec<Lowered>, schedule: &Schedule) {
        let mut calls: Vec<Option<Call>> = vec![];
        let mut known: FxHashMap<String, usize> = FxHashMap::default();
        for l in lowered {
            let (_, scratch) = l.kernel.scratch_layout();
            self.program.scratch_bytes = self.program.scratch_bytes.max(scratch);
            let arguments = l.arguments.iter().map(|(a, _)| self.location(a)).collect();
            let next = self.program.kernels.len();
            let kernel = *known.entry(anonymous(&l.kernel)).or_insert(next);
            if kernel == next {
                self.program.kernels.push(l.kernel);
            }
            calls.push(Some(Call { kernel, arguments, nodes: l.nodes }));
        }
        for wave in &schedule.waves {
            let calls = wave.iter().filter_map(|&g| calls[g].take()).collect();
            self.push_wave(calls);
        }
    }

    fn push_wave(&mut self, calls: Vec<Call>) {
        let kernels = &self.program.kernels;
        let cost = |c: &Call| kernels[c.kernel].cost * kernels[c.kernel].n_units() as u64;
        let serial = calls.iter().map(cost).sum::<u64>() < SERIAL;
        self.program.waves.push(Wave { calls, serial });
    }

    /// Brings the updates that could not be written in place home, after everything else.
    fn copies(&mut self, schedule: &Schedule) {
        let mut calls = vec![];
        for update in &self.graph.updates {
            if !schedule.copied.contains(&update.value) {
                continue;
            }
            let tensor_type = self.graph.tensor_type(update.value).clone();
            let to = self.variable(&update.variable, &tensor_type);
            let (name, provenance) = self.describe(update.value);
            let kernel = self.program.kernels.len();
            self.program.kernels.push(copy_kernel(&update.variable, &tensor_type));
            let arguments = vec![self.locations[&update.value], to];
            let nodes = vec![(name, provenance)];
            calls.push(Call { kernel, arguments, nodes });
        }
        if !calls.is_empty() {
            self.push_wave(calls);
        }
    }
}

/// A kernel's text without the names: kernels with equal texts are compiled once.
fn anonymous(kernel: &Kernel) -> String {
    let mut kernel = kernel.clone();
    kernel.name.clear();
    kernel.buffers.iter_mut().enumerate().for_each(|(i, b)| b.name = format!("b{i}"));
    kernel.locals.iter_mut().enumerate().for_each(|(i, l)| l.name = format!("l{i}"));
    kernel.to_string()
}

/// The lowest offset at which `bytes` are free during `life`.
fn lowest_gap(
    placed: &[(usize, usize, (usize, usize))],
    bytes: usize,
    life: (usize, usize),
) -> usize {
    let overlaps = |other: (usize, usize)| other.0 <= life.1 && life.0 <= other.1;
    let mut taken: Vec<(usize, usize)> =
        placed.iter().filter(|p| overlaps(p.2)).map(|p| (p.0, p.0 + p.1)).collect();
    taken.sort_unstable();
    let mut at = 0;
    for (start, end) in taken {
        if start >= at + bytes {
            break;
        }
        at = at.max(end);
    }
    at
}

/// Copies a value into a variable.
fn copy_kernel(variable: &Name, tensor_type: &TensorType) -> Kernel {
    let len = tensor_type.n_elements().expect("sizes were checked");
    let dtype = tensor_type.dtype;
    let mut exprs = Exprs::default();
    let block = COPY_BLOCK.min(len.max(1));
    let unit = exprs.axis(len.div_ceil(block));
    let axis = exprs.axis(block);
    let (row, first) = (exprs.index_axis(axis), exprs.index_axis(unit));
    let index = exprs.index_add(row, first, block as i64);
    let (from, to) = (PlaceId::Buffer(0), PlaceId::Buffer(1));
    let value = exprs.intern(Expr::Load { place: from, index, dtype });
    let extent = if len.is_multiple_of(block) {
        Extent::Const(block)
    } else {
        Extent::Block { axis: unit, block, total: len }
    };
    let kind = if block >= 16 {
        LoopKind::Vector((64 / dtype.size().max(4)) as u8)
    } else {
        LoopKind::Serial
    };
    let body = vec![Stmt::Store { place: to, index, value }];
    let buffer = |name: &str, written| Buffer { name: name.to_string(), dtype, len, written };
    Kernel {
        name: format!("copy {variable}"),
        exprs,
        units: vec![unit],
        buffers: vec![buffer("new", false), buffer(variable, true)],
        locals: vec![],
        body: vec![Stmt::For(Loop { axis, extent, kind, body, folds: vec![] })],
        cost: (block / 8).max(1) as u64,
    }
}
