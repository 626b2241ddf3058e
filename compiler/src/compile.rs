//! The straight line from a module to a program.

use std::time::Instant;

use indexmap::IndexMap;

use crate::entry::{Entry, entry_graph};
use crate::error::{CompileError, codes};
use crate::fuse::{FuseContext, FuseOptions, Fusion, fuse};
use crate::ir::{Binding, Costs, Graph, Module, Name, Provenance, Target, Variable, verify};
use crate::loop_ir::{self, Kernel, LOOP_PIPELINE, LoopContext, LoopPass, optimize_loops};
use crate::lower::{Checks, Code, Lowered, lower};
use crate::ops::{Leaf, Op};
use crate::passes::{PIPELINE, Pass, PassOptions, optimize};
use crate::plan::plan;
use crate::program::{self, Program};
use crate::schedule::{note_exchanged, schedule};
use crate::specialise::specialise;

/// How to compile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// Which graph passes run.
    pub passes: PassOptions,
    /// What shares kernels.
    pub fuse: FuseOptions,
    /// From which costs and sizes on things are done another way.
    pub costs: Costs,
    /// The most bytes that variables, arena and scratch of a step may take.
    pub memory_limit: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            passes: PassOptions::default(),
            fuse: FuseOptions::default(),
            costs: Costs::default(),
            memory_limit: 16 << 30,
        }
    }
}

/// A step ready for code generation, with the stages that led to it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The graph with numbers for dimensions, before any pass: what eager mode runs.
    pub specialised: Graph,
    /// The graph after the passes.
    pub optimized: Graph,
    /// Its groups.
    pub fusion: Fusion,
    /// The program.
    pub program: Program,
    /// The variables that the optimisers add, with symbolic types.
    pub slots: IndexMap<Name, Variable>,
    /// How long each phase took.
    pub timings: Vec<Timing>,
}

/// How long a phase took.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// The phase.
    pub name: &'static str,
    /// In milliseconds.
    pub ms: f64,
    /// The passes in it in the order in which they run, with their milliseconds: those over loops
    /// with the sum over all kernels.
    pub passes: Vec<(&'static str, f64)>,
}

impl Timing {
    /// A phase without passes that began then and ends now.
    pub fn since(name: &'static str, start: Instant) -> Timing {
        Timing { name, ms: milliseconds(start), passes: vec![] }
    }
}

/// Compiles an entry of a module for one binding of its dimensions.
pub fn compile(
    module: &Module,
    entry: &Entry,
    binding: &Binding,
    target: &Target,
    options: &Options,
) -> Result<Compiled, CompileError> {
    let mut clock = Clock::new();
    let symbolic = entry_graph(module, entry)?;
    clock.lap("gradient");
    let specialised = specialise(&symbolic.graph, binding)?;
    clock.lap("specialise");
    let mut compiled = compile_graph(specialised, target, options)?;
    compiled.slots = symbolic.slots;
    clock.timings.append(&mut compiled.timings);
    compiled.timings = clock.timings;
    Ok(compiled)
}

/// Compiles the initial value of a variable, the only output. There are no fused multiply-adds in
/// it, so that what is [exact](crate::ops::is_exact) has the bits of an evaluation node by node.
///
/// # Errors
/// What the compiler refuses.
pub fn compile_initial(
    variable: &Variable,
    binding: &Binding,
    target: &Target,
    options: &Options,
) -> Result<Program, CompileError> {
    let mut options = options.clone();
    options.passes.disable.push("fma".into());
    let graph = specialise(&variable.initial, binding)?;
    Ok(compile_graph(graph, target, &options)?.program)
}

/// Compiles a graph whose dimensions are numbers.
pub fn compile_graph(
    specialised: Graph,
    target: &Target,
    options: &Options,
) -> Result<Compiled, CompileError> {
    let mut clock = Clock::new();
    let optimized =
        optimized(specialised.clone(), options, &mut |pass, _| clock.pass(Some(pass.name)))?;
    clock.lap("passes");
    let fusion = fused(&optimized, target, options);
    clock.lap("fuse");
    let (lowered, checks) =
        kernels(&fusion, target, options, &mut |pass, _| clock.pass(pass.map(|pass| pass.name)));
    clock.lap("lower");
    let program = program(&fusion, lowered, checks, options)?;
    verified(&program, options)?;
    clock.lap("plan");
    let slots = IndexMap::new();
    Ok(Compiled { specialised, optimized, fusion, program, slots, timings: clock.timings })
}

/// A graph whose dimensions are numbers, after the passes; `observe` sees it after each.
///
/// # Errors
/// A value that could not be held; an unknown pass; a pass that breaks the graph.
pub fn optimized(
    mut graph: Graph,
    options: &Options,
    observe: &mut dyn FnMut(&Pass, &Graph),
) -> Result<Graph, CompileError> {
    check_passes(&options.passes)?;
    check_memory(&graph, options)?;
    // Nothing would feed it.
    let is_parameter = |id| matches!(graph.op(id), Op::Leaf(Leaf::Parameter { .. }));
    if let Some(id) = graph.order().into_iter().find(|&id| is_parameter(id)) {
        let message = format!("the parameter `{}` is outside of a loop", graph.node(id).name);
        return Err(CompileError::bug(message));
    }
    if options.passes.verify {
        verify(&graph, "specialise")?;
    }
    optimize(&mut graph, &options.costs, &options.passes, observe)?;
    Ok(graph)
}

/// The groups of a graph after the passes.
pub fn fused(optimized: &Graph, target: &Target, options: &Options) -> Fusion {
    fuse(optimized, &FuseContext { target, costs: &options.costs, options: options.fuse })
}

/// The groups as kernels, after the passes over their loops; `observe` sees a kernel before them and
/// after each. Nothing is verified yet.
pub fn kernels(
    fusion: &Fusion,
    target: &Target,
    options: &Options,
    observe: &mut dyn FnMut(Option<&LoopPass>, &Kernel),
) -> (Vec<Lowered>, Checks) {
    let mut checks = vec![];
    let mut lowered = lower(fusion, target, &mut checks);
    note_exchanged(fusion, &mut lowered);
    all_loop_passes(&mut lowered, target, options, observe);
    (lowered, checks)
}

/// The kernels in waves, with a place for every value. Nothing is verified yet.
///
/// # Errors
/// Groups that need each other: a bug of `fuse`.
pub fn program(
    fusion: &Fusion,
    lowered: Vec<Lowered>,
    checks: Checks,
    options: &Options,
) -> Result<Program, CompileError> {
    let schedule =
        schedule(fusion, &lowered).map_err(|cycle| CompileError::bug(cycle.to_string()))?;
    Ok(plan(fusion, lowered, &schedule, checks, &options.costs))
}

/// Whether a program may run. Always asked: machine code is made of what this has checked, and of
/// nothing else.
///
/// # Errors
/// More memory than the limit; a kernel or a program that breaks a rule: a bug of the compiler.
pub fn verified(program: &Program, options: &Options) -> Result<(), CompileError> {
    for kernel in &program.kernels {
        loop_ir::verify(kernel).map_err(|e| CompileError::bug(e.to_string()))?;
    }
    check_program(program, options)?;
    program::verify(program).map_err(|e| CompileError::bug(e.to_string()))
}

/// The passes over the loops of every kernel; `observe` sees a kernel before them and after each.
fn all_loop_passes(
    lowered: &mut [Lowered],
    target: &Target,
    options: &Options,
    observe: &mut dyn FnMut(Option<&LoopPass>, &Kernel),
) {
    for Lowered { code, exchanged, .. } in lowered {
        match code {
            Code::Kernel(kernel) => {
                let cx = LoopContext { target, costs: &options.costs, exchanged };
                optimize_loops(kernel, &cx, &options.passes, observe);
            }
            Code::Repeat(repeat) => all_loop_passes(&mut repeat.body, target, options, observe),
        }
    }
}

/// Refuses the name of a pass that does not exist.
///
/// # Errors
/// The first of them.
pub fn check_passes(options: &PassOptions) -> Result<(), CompileError> {
    let known = || PIPELINE.iter().map(|p| p.name).chain(LOOP_PIPELINE.iter().map(|p| p.name));
    for name in options.disable.iter().chain(&options.stop_after) {
        if !known().any(|known| known == name) {
            let message = format!("there is no pass named `{name}`");
            let names: Vec<&str> = known().collect();
            return Err(CompileError::new(codes::UNKNOWN_PASS, message, &Provenance::default())
                .with_help(format!("the passes are {}", names.join(", "))));
        }
    }
    Ok(())
}

/// Refuses a graph with a value that could not be held.
fn check_memory(graph: &Graph, options: &Options) -> Result<(), CompileError> {
    for node in graph.order() {
        for tensor_type in &graph.node(node).types {
            let fits = tensor_type.n_bytes().is_some_and(|n| n <= options.memory_limit);
            if !fits {
                let node = graph.node(node);
                let message = format!(
                    "a value of type {tensor_type} does not fit in the memory limit of {} bytes",
                    options.memory_limit
                );
                return Err(CompileError::new(codes::MEMORY, message, &node.provenance)
                    .with_help("make it smaller, or raise --memory-limit"));
            }
        }
    }
    Ok(())
}

fn check_program(program: &Program, options: &Options) -> Result<(), CompileError> {
    if program.arena_bytes <= options.memory_limit {
        return Ok(());
    }
    let message = format!(
        "a step needs {} bytes for its values, and the memory limit is {} bytes",
        program.arena_bytes, options.memory_limit
    );
    Err(CompileError::new(codes::MEMORY, message, &Provenance::default())
        .with_help("use smaller batches, or raise --memory-limit"))
}

struct Clock {
    start: Instant,
    /// When the pass that runs now began.
    start_of_pass: Instant,
    passes: IndexMap<&'static str, f64>,
    timings: Vec<Timing>,
}

impl Clock {
    fn new() -> Clock {
        let now = Instant::now();
        Clock { start: now, start_of_pass: now, passes: IndexMap::new(), timings: vec![] }
    }

    /// Ends a pass, or what was done before the first one, and begins the next.
    fn pass(&mut self, name: Option<&'static str>) {
        if let Some(name) = name {
            *self.passes.entry(name).or_default() += milliseconds(self.start_of_pass);
        }
        self.start_of_pass = Instant::now();
    }

    /// Ends a phase and begins the next.
    fn lap(&mut self, name: &'static str) {
        let passes = std::mem::take(&mut self.passes).into_iter().collect();
        self.timings.push(Timing { name, ms: milliseconds(self.start), passes });
        self.start = Instant::now();
        self.start_of_pass = self.start;
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
