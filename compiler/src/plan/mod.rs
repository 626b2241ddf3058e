//! Plans the memory of a step: where every value lives, and the arena that the values share.
//!
//! A value in the arena lives from the wave that writes it to the last wave that reads it; two
//! values may share bytes when their lives do not overlap. The kernels of a wave run side by
//! side, so a life covers whole waves. What a loop reads and writes of the values around it lives
//! while the loop runs; what its body computes, within an iteration.
//!
//! A value that is dead after a kernel gives its memory to one that the kernel writes over it,
//! element by element (see [`schedule::Schedule::heirs`]).
//!
//! A carry lives in the memory of its first value, which is the loop's alone. Its next value is
//! written in place, or into the other half of a memory of twice the size, in turns.

mod arena;
mod copy;

use std::cell::OnceCell;

use rustc_hash::FxHashMap;

use self::arena::{Arena, Layout};
use self::copy::copy_kernel;
use crate::fuse::{Fusion, is_memory};
use crate::ir::{
    Costs, Graph, Literal, MetricKind, Name, NodeId, Provenance, Scalar, TensorType, stream_key,
};
use crate::loop_ir::{CACHE_LINE, Kernel, Settled, Sites, settle, text_without_names};
use crate::lower::{self, Argument, Checks, Code, Lowered};
use crate::ops::{Leaf, Op, Scan};
use crate::program::{
    Address, Call, Location, Motion, Move, Output, OutputKind, Phase, Program, Repeat, Wave,
};
use crate::schedule::{self, Schedule};

/// Gives every value a place and puts the program together.
pub fn plan(
    fusion: &Fusion,
    lowered: Vec<Lowered>,
    schedule: &Schedule,
    checks: Checks,
    costs: &Costs,
) -> Program {
    let mut planner = Planner {
        serial: costs.serial,
        program: Program { checks, ..empty() },
        arena: Arena::default(),
        layout: Layout::default(),
        now: 0,
        known: FxHashMap::default(),
    };
    let mut scope = Scope::new(fusion, schedule);
    planner.place_leaves(&mut scope);
    planner.place_roots(&mut scope, schedule);
    planner.live(&mut scope, schedule, &lowered);
    schedule.copied.iter().for_each(|&node| planner.touch(&mut scope, node));
    planner.layout = planner.arena.layout();
    planner.program.arena_bytes = planner.layout.bytes;
    planner.program.arena_least_bytes = planner.layout.least;
    planner.program.phases = planner.phases(&scope, schedule, lowered);
    planner.copies(&scope, schedule);
    planner.program
}

fn empty() -> Program {
    Program {
        kernels: vec![],
        phases: vec![],
        variables: vec![],
        feeds: vec![],
        outputs: vec![],
        constants: vec![],
        keys: vec![],
        constants_bytes: 0,
        arena_bytes: 0,
        arena_least_bytes: 0,
        scratch_bytes: 0,
        checks: vec![],
    }
}

/// Where a node is before the arena is laid out.
#[derive(Clone)]
struct Draft {
    base: Base,
    moves: Vec<Move>,
}

#[derive(Clone, Copy)]
enum Base {
    /// Outside of the arena.
    Fixed(Location),
    /// So many bytes into a memory of the arena.
    Arena(usize, usize),
}

impl Draft {
    fn at(base: Base) -> Draft {
        Draft { base, moves: vec![] }
    }

    /// The same place, moved by a loop.
    fn moving(&self, depth: usize, motion: Motion) -> Draft {
        let mut moved = self.clone();
        moved.moves.push(Move { depth, motion });
        moved
    }
}

/// Where the nodes of a graph are.
struct Scope<'a> {
    fusion: &'a Fusion,
    graph: &'a Graph,
    /// The values that get the memories of others, by those.
    heirs: &'a FxHashMap<NodeId, NodeId>,
    places: FxHashMap<NodeId, Draft>,
    /// How many loops are around.
    depth: usize,
    /// The scopes of the bodies of loops, by the number of the loop's group.
    bodies: FxHashMap<usize, Scope<'a>>,
}

impl<'a> Scope<'a> {
    fn new(fusion: &'a Fusion, schedule: &'a Schedule) -> Scope<'a> {
        let (places, bodies) = (FxHashMap::default(), FxHashMap::default());
        let (graph, heirs) = (&fusion.graph, &schedule.heirs);
        Scope { fusion, graph, heirs, places, depth: 0, bodies }
    }

    /// The last value that comes into the memory of a node.
    fn last_heir(&self, node: NodeId) -> NodeId {
        self.heirs.get(&node).map_or(node, |&heir| self.last_heir(heir))
    }
}

struct Planner {
    /// The nanoseconds below which a wave is not shared.
    serial: u32,
    program: Program,
    arena: Arena,
    layout: Layout,
    /// The number of the wave that is looked at, each counted once.
    now: usize,
    /// The kernels by their cost and what they are for.
    known: FxHashMap<(u64, Sites), Vec<Known>>,
}

/// A kernel of the program, with its text once one was compared with it.
struct Known {
    number: usize,
    text: OnceCell<String>,
}

impl Known {
    fn text(&self, kernel: &Kernel) -> &str {
        self.text.get_or_init(|| text_without_names(kernel))
    }
}

impl Planner {
    fn variable(&mut self, name: &Name, tensor_type: &TensorType) -> Location {
        let variables = &mut self.program.variables;
        let known = variables.iter().position(|(n, _)| n == name);
        let at = known.unwrap_or_else(|| {
            variables.push((name.clone(), tensor_type.clone()));
            variables.len() - 1
        });
        Location::Variable(at)
    }

    fn place_leaves(&mut self, scope: &mut Scope<'_>) {
        for node in scope.graph.order() {
            let Op::Leaf(leaf) = scope.graph.op(node) else { continue };
            // A tensor of one value is an immediate.
            if !is_memory(scope.graph, node) {
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
                // A dimension is a constant by now; the loop knows where its parameters are.
                Leaf::Dim { .. } | Leaf::Parameter { .. } => continue,
            };
            scope.places.insert(node, Draft::at(Base::Fixed(location)));
        }
    }

    fn constant(&mut self, literal: &Literal) -> Location {
        let at = self.program.constants_bytes;
        let bytes = literal.n_elements() * literal.dtype().size();
        self.program.constants.push((at, literal.clone()));
        self.program.constants_bytes += bytes.next_multiple_of(CACHE_LINE);
        Location::Constant(at)
    }

    fn key(&mut self, stream: &Name) -> Location {
        let known = self.program.keys.iter().find(|(_, known)| known == stream);
        if let Some(&(at, _)) = known {
            return Location::Constant(at);
        }
        let at = self.program.constants_bytes;
        self.program.keys.push((at, stream.clone()));
        self.constant(&Scalar::I64(stream_key(stream) as i64).into())
    }

    fn place_roots(&mut self, scope: &mut Scope<'_>, schedule: &Schedule) {
        let graph = scope.graph;
        for (name, node) in &graph.outputs {
            self.output(scope, name, *node, OutputKind::Output);
        }
        for (metric, m) in graph.metrics.iter().enumerate() {
            for (part, node) in m.kind.nodes().iter().enumerate() {
                let name = match m.kind {
                    MetricKind::Mean(_) => m.name.clone(),
                    MetricKind::Total { .. } => format!("{}.{part}", m.name).into(),
                };
                self.output(scope, &name, *node, OutputKind::Metric { metric, part });
            }
        }
        for update in &graph.updates {
            let tensor_type = graph.tensor_type(update.value);
            let location = self.variable(&update.variable, tensor_type);
            if !schedule.copied.contains(&update.value) {
                scope.places.insert(update.value, Draft::at(Base::Fixed(location)));
            }
        }
    }

    fn output(&mut self, scope: &mut Scope<'_>, name: &Name, node: NodeId, kind: OutputKind) {
        let tensor_type = scope.graph.tensor_type(node).clone();
        let location = Location::Output(self.program.outputs.len());
        scope.places.insert(node, Draft::at(Base::Fixed(location)));
        self.program.outputs.push(Output { name: name.clone(), tensor_type, kind });
    }

    /// Finds the lives of everything that runs in a scope, and the scopes of its loops.
    fn live<'a>(&mut self, scope: &mut Scope<'a>, schedule: &'a Schedule, lowered: &[Lowered]) {
        for phase in &schedule.phases {
            match phase {
                schedule::Phase::Wave(groups) => {
                    groups.iter().for_each(|&g| self.touch_all(scope, &lowered[g]));
                    self.now += 1;
                }
                schedule::Phase::Repeat(g, schedule) => {
                    self.live_in_loop(scope, *g, schedule, &lowered[*g]);
                }
            }
        }
    }

    fn live_in_loop<'a>(
        &mut self,
        scope: &mut Scope<'a>,
        g: usize,
        schedule: &'a Schedule,
        lowered: &Lowered,
    ) {
        let repeat = repeat_of(lowered);
        let graph = scope.graph;
        let scan = graph.op(repeat.node).scan().expect("what repeats a region is a scan");
        let fusion = &scope.fusion.body(repeat.node).fusion;
        let mut body = Scope { depth: scope.depth + 1, ..Scope::new(fusion, schedule) };
        self.place_leaves(&mut body);
        self.place_carries(scope, &mut body, repeat, scan, schedule);
        let start = self.now;
        self.touch_all(scope, lowered);
        place_parts(scope, &mut body, repeat, scan);
        self.live(&mut body, schedule, &repeat.body);
        // All that the loop reads and writes around it lives until its last wave.
        self.now = self.now.max(start + 1) - 1;
        self.touch_all(scope, lowered);
        self.now += 1;
        scope.bodies.insert(g, body);
    }

    /// The carries of a loop, before, in and after it.
    fn place_carries(
        &mut self,
        scope: &mut Scope<'_>,
        body: &mut Scope<'_>,
        repeat: &lower::Repeat,
        scan: &Scan,
        schedule: &Schedule,
    ) {
        for k in 0..scan.n_carries {
            let (carry, next) = (scan.body.inputs[k], scan.body.outputs[k].1);
            let first = scope.graph.operands(repeat.node)[k];
            // No kernel has written what has no elements, if it would hold no statement.
            self.touch(scope, first);
            let first = &scope.places[&first];
            let Base::Arena(memory, 0) = first.base else {
                unreachable!("the pass `own_roots` gives every carry a first value of its own")
            };
            let first = first.clone();
            let mut last = first.clone();
            if schedule.copied.contains(&next) {
                let bytes = self.arena.double(memory);
                let turns = |from_second| {
                    first.moving(scope.depth, Motion::Alternate { bytes, from_second })
                };
                body.places.insert(carry, turns(false));
                body.places.insert(next, turns(true));
                last.base = Base::Arena(memory, bytes * (repeat.length % 2));
            } else {
                body.places.insert(carry, first.clone());
                body.places.insert(next, first);
            }
            scope.places.extend(repeat.last[k].map(|node| (node, last)));
        }
    }

    fn touch_all(&mut self, scope: &mut Scope<'_>, lowered: &Lowered) {
        let nodes = lowered.arguments.iter().filter_map(|(a, _)| a.node());
        nodes.for_each(|node| self.touch(scope, node));
    }

    /// Notes that a node is read or written now.
    fn touch(&mut self, scope: &mut Scope<'_>, node: NodeId) {
        match scope.places.get(&node) {
            Some(Draft { base: Base::Arena(memory, _), .. }) => {
                self.arena.touch(*memory, self.now);
            }
            Some(_) => {}
            None => {
                let heir = scope.last_heir(node);
                if heir != node {
                    self.touch(scope, heir);
                    return drop(scope.places.insert(node, scope.places[&heir].clone()));
                }
                let bytes = scope.graph.tensor_type(node).n_bytes().expect("sizes were checked");
                let memory = self.arena.add(bytes, self.now);
                scope.places.insert(node, Draft::at(Base::Arena(memory, 0)));
            }
        }
    }

    /// Where a node is.
    fn place(&self, draft: &Draft) -> Address {
        let location = match draft.base {
            Base::Fixed(location) => location,
            Base::Arena(memory, offset) => Location::Arena(self.layout.offsets[memory] + offset),
        };
        Address { location, moves: draft.moves.clone() }
    }

    fn phases(
        &mut self,
        scope: &Scope<'_>,
        schedule: &Schedule,
        lowered: Vec<Lowered>,
    ) -> Vec<Phase> {
        let mut schedules: FxHashMap<usize, &Schedule> = FxHashMap::default();
        schedules.extend(schedule.phases.iter().filter_map(|phase| match phase {
            schedule::Phase::Repeat(g, schedule) => Some((*g, schedule)),
            schedule::Phase::Wave(_) => None,
        }));
        let mut calls: FxHashMap<usize, Call> = FxHashMap::default();
        let mut loops: FxHashMap<usize, Repeat> = FxHashMap::default();
        for (g, l) in lowered.into_iter().enumerate() {
            match l.code {
                Code::Kernel(mut kernel) => {
                    let Settled { nodes, sites } = settle(&mut kernel, &l.part_of);
                    let nodes = nodes.into_iter().map(|node| l.nodes[node as usize].clone());
                    let nodes = nodes.collect();
                    let arguments = l.arguments.iter().map(|(a, _)| self.argument(scope, a));
                    let arguments = arguments.collect();
                    let kernel = self.kernel(*kernel, sites);
                    calls.insert(g, Call { kernel, arguments, nodes });
                }
                Code::Repeat(repeat) => {
                    let scan = scope.graph.op(repeat.node).scan();
                    let reverse = scan.is_some_and(|scan| scan.reverse);
                    let (length, node) = (repeat.length, l.nodes[0].clone());
                    let phases = self.phases(&scope.bodies[&g], schedules[&g], repeat.body);
                    loops.insert(g, Repeat { node, length, reverse, phases });
                }
            }
        }
        let part = "the schedule names every group once";
        let phase = |phase: &schedule::Phase| match phase {
            schedule::Phase::Wave(groups) => {
                let calls = groups.iter().map(|g| calls.remove(g).expect(part)).collect();
                Phase::Wave(self.wave(calls))
            }
            schedule::Phase::Repeat(g, _) => Phase::Repeat(loops.remove(g).expect(part)),
        };
        schedule.phases.iter().map(phase).collect()
    }

    fn argument(&mut self, scope: &Scope<'_>, argument: &Argument) -> Address {
        match argument {
            Argument::Node(node) => self.place(&scope.places[node]),
            Argument::Constant(literal) => self.constant(literal).into(),
            Argument::Key(stream) => self.key(stream).into(),
        }
    }

    /// The number of a kernel; equal ones, whose code is for their nodes in the same way, have one.
    fn kernel(&mut self, kernel: Kernel, sites: Sites) -> usize {
        let (_, scratch) = kernel.scratch_layout();
        self.program.scratch_bytes = self.program.scratch_bytes.max(scratch);
        let kernels = &mut self.program.kernels;
        let known = self.known.entry((kernel.cost, sites)).or_default();
        let own = Known { number: kernels.len(), text: OnceCell::new() };
        let is_equal = |known: &&Known| known.text(&kernels[known.number]) == own.text(&kernel);
        if let Some(equal) = known.iter().find(is_equal) {
            return equal.number;
        }
        kernels.push(kernel);
        known.push(own);
        kernels.len() - 1
    }

    fn wave(&self, calls: Vec<Call>) -> Wave {
        let kernels = &self.program.kernels;
        let cost = |c: &Call| kernels[c.kernel].cost * kernels[c.kernel].n_units() as u64;
        let serial = calls.iter().map(cost).sum::<u64>() < u64::from(self.serial);
        Wave { calls, serial }
    }

    /// Brings the updates that could not be written in place home, after everything else.
    fn copies(&mut self, scope: &Scope<'_>, schedule: &Schedule) {
        let mut calls = vec![];
        for update in &scope.graph.updates {
            if !schedule.copied.contains(&update.value) {
                continue;
            }
            let node = scope.graph.node(update.value);
            let nodes: Vec<(Name, Provenance)> = vec![(node.name.clone(), node.provenance.clone())];
            let to = self.variable(&update.variable, &node.types[0]).into();
            let kernel = self.program.kernels.len();
            self.program.kernels.push(copy_kernel(&update.variable, &node.types[0]));
            let arguments = vec![self.place(&scope.places[&update.value]), to];
            calls.push(Call { kernel, arguments, nodes });
        }
        if !calls.is_empty() {
            let wave = self.wave(calls);
            self.program.phases.push(Phase::Wave(wave));
        }
    }
}

/// The parameters of a loop's body that are parts of values around it, and what it emits.
fn place_parts(scope: &Scope<'_>, body: &mut Scope<'_>, repeat: &lower::Repeat, scan: &Scan) {
    let operands = scope.graph.operands(repeat.node);
    let along = |node: NodeId, part: NodeId, step: usize| {
        let step = step * scan.body.tensor_type(part).dtype.size();
        (part, scope.places[&node].moving(scope.depth, Motion::Along { step }))
    };
    for (k, &step) in scan.sequences().zip(&repeat.sequence_steps) {
        body.places.extend([along(operands[k], scan.body.inputs[k], step)]);
    }
    for k in scan.captured() {
        // A constant of one value has no place.
        let place = scope.places.get(&operands[k]);
        body.places.extend(place.map(|place| (scan.body.inputs[k], place.clone())));
    }
    let iteration = scan.body.inputs.get(scan.n_operands());
    let number = Draft::at(Base::Fixed(Location::Iteration(scope.depth)));
    body.places.extend(iteration.map(|&node| (node, number)));
    for (k, emitted) in (scan.n_carries..).zip(&repeat.emitted) {
        let part = emitted.map(|(whole, step)| along(whole, scan.body.outputs[k].1, step));
        body.places.extend(part);
    }
}

fn repeat_of(lowered: &Lowered) -> &lower::Repeat {
    match &lowered.code {
        Code::Repeat(repeat) => repeat,
        Code::Kernel(_) => unreachable!("the schedule repeats loops alone"),
    }
}
