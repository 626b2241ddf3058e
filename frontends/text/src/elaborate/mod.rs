//! A syntax tree to a module: names are resolved, functions and loops expanded, types inferred,
//! and every expression becomes nodes. The file is walked once per mode (`training` true and
//! false); both walks make the same variables.
//!
//! Invariants: an error is reported once, at the user's text, and what depends on it is silent;
//! every walk is bounded by [`Limits`], whatever the file says.

mod argument;
mod attribute;
mod bare;
mod builtins;
mod calls;
mod construct;
mod exact;
mod expressions;
mod loading;
mod names;
mod number;
mod operators;
mod options;
mod own;
mod program;
mod regions;
mod report;
mod scan;
mod statements;
mod training;
mod types;
mod value;
mod variables;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use brolga_compiler::ir::{Graph, Name as NodeName, NodeId, Position, Provenance, Variable};
use indexmap::IndexMap;

pub use argument::{Argument, LibraryCall, StepGroup, TensorRef};
pub use builtins::{GradientCall, Operation, operations};
pub use construct::{Construction, Loop, Scope, constructed};
pub use loading::{LoadError, Loaded, load};
pub use options::{Limits, LoadOptions};
use program::ProgramFiles;
use regions::Region;
use value::{FileId, FunctionRef, GivenArg, Value};

use crate::ast::{Function, Name};
use crate::diagnostics::Diagnostics;
use crate::source::{Sources, Span};
use crate::unused::Layer;

/// The error has been reported, or what depends on it is given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed;

type Result<T> = std::result::Result<T, Failed>;

/// What one walk has made.
pub(crate) struct Walked {
    /// The graph of the mode.
    pub(crate) graph: Graph,
    /// The variables with the places where they are declared.
    pub(crate) variables: IndexMap<NodeName, Declared>,
    /// The names whose value is a node that is called otherwise.
    pub(crate) names: IndexMap<NodeName, NodeId>,
    /// The calls in the file that made variables, in their order.
    pub(crate) layers: Vec<Layer>,
    /// The calls of `grad`, if they are kept.
    pub(crate) gradients: Vec<GradientCall>,
    /// What is wrong.
    pub(crate) diagnostics: Diagnostics,
}

/// A variable and where it is declared.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// The variable.
    pub(crate) variable: Variable,
    /// Its statement's name, and what the user has called to get there.
    pub(crate) span: Span,
    /// The user's own text that leads to it.
    pub(crate) shown: Span,
}

/// Walks the user's file in one mode.
pub(crate) fn walk(
    program: &ProgramFiles,
    sources: &Sources,
    options: &LoadOptions<'_>,
    training: bool,
) -> Walked {
    let surroundings =
        Surroundings { program, sources, limits: &options.limits, import: options.import };
    let mut elaborator = Elaborator::new(surroundings, training);
    elaborator.keep_gradients = options.keep_gradients && training;
    elaborator.file();
    let names = elaborator.names();
    let mut graph = elaborator.regions.pop().map(|region| region.graph).unwrap_or_default();
    graph.dissolve_bindings();
    let Elaborator { variables, layers, gradients, diagnostics, .. } = elaborator;
    Walked { graph, variables, names, layers, gradients, diagnostics }
}

/// What a walk goes by.
#[derive(Clone, Copy)]
struct Surroundings<'a> {
    program: &'a ProgramFiles,
    sources: &'a Sources,
    limits: &'a Limits,
    /// Reads other files.
    import: &'a dyn Fn(&str) -> std::result::Result<Vec<u8>, String>,
}

/// One walk over the user's file.
struct Elaborator<'a> {
    program: &'a ProgramFiles,
    sources: &'a Sources,
    limits: &'a Limits,
    import: &'a dyn Fn(&str) -> std::result::Result<Vec<u8>, String>,
    /// The line of Rust that the text of the file stands for, where there is no file.
    caller: Option<Position>,
    diagnostics: Diagnostics,
    /// The errors that have been reported, by code, text and place.
    reported: HashSet<(crate::codes::Code, String, Option<Span>)>,
    /// Whether the walk is that of training, whatever single calls say.
    trains: bool,
    /// The graphs that are being made, the innermost last.
    regions: Vec<Region>,
    /// The function of the totals of the metric that is being read.
    finish: Option<Region>,
    /// Whether a metric is being read.
    in_metric: bool,
    n_regions: u32,
    /// The file and the calls that are being walked, the innermost last.
    frames: Vec<Frame>,
    /// The consts of each file.
    consts: Vec<HashMap<Arc<str>, Binding>>,
    /// The dimension symbols with their places.
    symbols: HashMap<Arc<str>, Span>,
    /// The symbol of the batch dimension, if it is one.
    batch: Option<Arc<str>>,
    variables: IndexMap<NodeName, Declared>,
    /// What names are bound to, by their paths, as last bound.
    bound: IndexMap<String, Value>,
    /// How often a variable was made or met again.
    n_touched: usize,
    /// The paths of calls that have made variables, with the next number for another call there.
    taken: BTreeMap<String, usize>,
    /// The names of random operations, with the next number for another one.
    random_names: HashMap<String, usize>,
    shared: Vec<SharedLayer>,
    /// The shared layer whose body is walked next, by number.
    opening_shared: Option<usize>,
    /// The variable whose update is being read.
    updating: Option<NodeName>,
    /// The names of the steps with their places.
    steps: HashMap<NodeName, Span>,
    /// Where the node that is being made stands.
    at: Span,
    /// What a `#@` comment says of the statement that is being read.
    mark: Option<Provenance>,
    /// The provenance of the last node, with its place.
    last_provenance: Option<(Span, usize, Provenance)>,
    n_iterations: usize,
    n_calls: usize,
    /// The members of all lists that were made.
    n_listed: usize,
    depth: usize,
    /// Whether a limit was hit: the walk ends.
    stopped: bool,
    /// The calls in the file that made variables.
    layers: Vec<Layer>,
    /// Whether the calls of `grad` are kept, and those that were.
    keep_gradients: bool,
    gradients: Vec<GradientCall>,
    /// Whether what a gradient is with respect to is being read: there an operation gives a value
    /// of its own even where it leaves its operand as it was, so that none of them has a name.
    names_alone: bool,
}

/// What a name is bound to.
#[derive(Clone, Debug)]
struct Binding {
    value: Value,
    /// Where it was bound.
    span: Span,
    /// What kind of declaration it is, `None` for a plain binding.
    declared: Option<&'static str>,
}

/// One instance of a layer.
struct SharedLayer {
    name: Name,
    /// The function of a text; none where Rust says what is made.
    function: Option<FunctionRef>,
    args: Vec<GivenArg>,
    /// The path of its variables.
    path: String,
    /// Whether it has been called.
    made: bool,
}

/// What a name means while the file, a function or the body of a scan is walked.
struct Frame {
    file: FileId,
    function: Option<Arc<Function>>,
    /// The shared layer that is called, by number.
    shared: Option<usize>,
    values: HashMap<Arc<str>, Binding>,
    /// Whether the frame before is seen: in the body of a scan.
    sees_outer: bool,
    /// The path of calls that leads here; empty in the file.
    path: String,
    /// The positions of the loops that are open.
    loops: Vec<usize>,
    training: bool,
    returned: Option<Value>,
    /// Where the function was called.
    call: Option<Span>,
    /// What the function was given, but for what the call left out.
    given: Vec<(Arc<str>, Value)>,
    /// The path of the binding that is being read, if its names count.
    target: Option<String>,
    /// The path after which nodes are called.
    wish: String,
    /// What a scan's body has emitted, with the places.
    emitted: Vec<(Value, Span)>,
}

impl Frame {
    fn new(file: FileId, path: String, training: bool) -> Frame {
        Frame {
            file,
            function: None,
            shared: None,
            values: HashMap::new(),
            sees_outer: false,
            wish: path.clone(),
            path,
            loops: Vec::new(),
            training,
            returned: None,
            call: None,
            given: Vec::new(),
            target: None,
            emitted: Vec::new(),
        }
    }

    /// `name` below the frame's path, with the positions of the loops.
    fn below(&self, name: &str) -> String {
        let mut path =
            if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        for position in &self.loops {
            path.push_str(&format!(".{position}"));
        }
        path
    }
}

impl<'a> Elaborator<'a> {
    fn new(surroundings: Surroundings<'a>, training: bool) -> Elaborator<'a> {
        let Surroundings { program, sources, limits, import } = surroundings;
        let main = program.file(FileId::MAIN);
        let start = Span::new(main.source, 0, 0);
        let mut elaborator = Elaborator {
            program,
            sources,
            limits,
            import,
            caller: None,
            diagnostics: Diagnostics::new(),
            reported: HashSet::new(),
            trains: training,
            regions: Vec::new(),
            finish: None,
            in_metric: false,
            n_regions: 0,
            frames: vec![Frame::new(FileId::MAIN, String::new(), training)],
            consts: program.files.iter().map(|_| HashMap::new()).collect(),
            symbols: HashMap::new(),
            batch: None,
            variables: IndexMap::new(),
            bound: IndexMap::new(),
            n_touched: 0,
            taken: BTreeMap::new(),
            random_names: HashMap::new(),
            shared: Vec::new(),
            opening_shared: None,
            updating: None,
            steps: HashMap::new(),
            at: start,
            mark: None,
            last_provenance: None,
            n_iterations: 0,
            n_calls: 0,
            n_listed: 0,
            depth: 0,
            stopped: false,
            layers: Vec::new(),
            keep_gradients: false,
            gradients: Vec::new(),
            names_alone: false,
        };
        elaborator.open_region(regions::RegionKind::Main);
        elaborator
    }

    /// The whole file: the consts of imported files first.
    fn file(&mut self) {
        let program = self.program;
        for number in (0..program.files.len()).filter(|&n| n != FileId::MAIN.0) {
            self.imported_consts(FileId(number));
        }
        let main = program.file(FileId::MAIN);
        self.find_symbols(&main.file.body);
        self.statements(&main.file.body);
        if !self.diagnostics.has_errors() {
            self.check_file(&main.file);
        }
    }

    /// The innermost frame.
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the file's frame is never left")
    }

    /// The innermost frame, to read.
    fn here(&self) -> &Frame {
        self.frames.last().expect("the file's frame is never left")
    }
}
