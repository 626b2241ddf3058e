//! A model as an object file: the code of its entries, its constants, and C functions that run them
//! on one block of memory of the caller's.
//!
//! An entry's code is that of [`codegen`](crate::codegen), the same as a session runs, on the same
//! [`Frame`](crate::program::Frame); what this adds is where everything lies in the block
//! ([`layout`]), the functions that fill the frame ([`glue`]), and their declarations ([`header`]).

mod debug;
mod glue;
mod header;
mod layout;
mod rust;

use indexmap::IndexMap;

use crate::codegen::CodegenError;
use crate::compile::{Options, compile, compile_graph, compile_initial};
use crate::entry::Entry;
use crate::error::CompileError;
use crate::ir::{
    Binding, Graph, Literal, MetricKind, Module, Name, NodeId, Target, TensorType, Variable,
};
use crate::ops::{Leaf, indices};
use crate::program::{OutputKind, Program};

pub use layout::{CodeSizes, Sizes, identifier};

/// What a function of the library does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A training batch.
    Train,
    /// Losses and metrics of a batch.
    Eval,
    /// The outputs of a batch.
    Predict,
    /// The outputs; another name of [`EntryKind::Predict`], for what has no batches.
    Run,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [EntryKind; 4] =
        [EntryKind::Train, EntryKind::Eval, EntryKind::Predict, EntryKind::Run];

    /// The name, as in `mlp_train`.
    pub fn name(self) -> &'static str {
        match self {
            EntryKind::Train => "train",
            EntryKind::Eval => "eval",
            EntryKind::Predict => "predict",
            EntryKind::Run => "run",
        }
    }

    /// The entry of a name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<EntryKind, ObjectError> {
        let found = EntryKind::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| ObjectError::NoEntry(name.to_string()))
    }

    /// What a module has: training, predictions.
    pub fn natural(module: &Module) -> Vec<EntryKind> {
        let trains = !module.train.steps.is_empty() || !module.train.updates.is_empty();
        let train = trains.then_some(EntryKind::Train);
        let predict = (!module.infer.outputs.is_empty()).then_some(EntryKind::Predict);
        train.into_iter().chain(predict).collect()
    }

    fn entry(self) -> Entry {
        match self {
            EntryKind::Train => Entry::Train,
            EntryKind::Eval => Entry::Eval,
            EntryKind::Predict | EntryKind::Run => Entry::Run { fetch: vec![] },
        }
    }
}

/// Why there is no object file.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The compiler refuses the model. The user is at fault.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// No code can be made: a bug.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
    /// There is no entry of that name. The user is at fault.
    #[error("there is no entry `{0}`; they are train, eval, predict and run")]
    NoEntry(String),
    /// Two entries need a variable with two types. The user is at fault.
    #[error(
        "the variable `{name}` is {first} in one entry and {second} in another, which share it"
    )]
    VariableType {
        /// The variable.
        name: Name,
        /// Its type in the first entry.
        first: TensorType,
        /// Its type in another.
        second: TensorType,
    },
    /// A value that is given for a variable has another type. The user is at fault.
    #[error("the variable `{name}` is {first}, and the value that is given for it {second}")]
    GivenType {
        /// The variable.
        name: Name,
        /// Its type.
        first: TensorType,
        /// That of the value.
        second: TensorType,
    },
    /// A dimension of a variable that no entry's binding fixes. The user is at fault.
    #[error("the variable `{name}: {tensor_type}` has a dimension without a number")]
    OpenVariable {
        /// The variable.
        name: Name,
        /// Its type.
        tensor_type: TensorType,
    },
}

/// An entry to compile.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What it does.
    pub kind: EntryKind,
    /// The numbers of its dimensions.
    pub binding: Binding,
}

/// What a model begins with, instead of its own initial values at step 0.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Values of variables.
    pub values: IndexMap<Name, Literal>,
    /// The batches and the epochs that they were trained for.
    pub clock: [i64; 2],
}

/// A compiled model, before machine code.
#[derive(Debug)]
pub struct Model {
    /// What its symbols begin with: a C identifier.
    name: String,
    target: Target,
    entries: Vec<CompiledEntry>,
    variables: Vec<ModelVariable>,
    clock: [i64; 2],
}

#[derive(Debug)]
struct CompiledEntry {
    kind: EntryKind,
    program: Program,
    results: Vec<EntryResult>,
    /// The indices that are looked at before anything is written.
    guards: Vec<Guard>,
}

/// A result of an entry.
#[derive(Debug)]
struct EntryResult {
    name: Name,
    tensor_type: TensorType,
    source: Source,
}

/// Where a result comes from.
#[derive(Debug)]
enum Source {
    /// A result of the program.
    Output(usize),
    /// The result of a program whose feeds are these results of the entry's.
    Finish { feeds: Vec<usize>, program: Box<Program> },
}

/// Indices that must be in range.
#[derive(Debug)]
struct Guard {
    /// The number of the check.
    check: usize,
    /// How many there are to choose from.
    size: i64,
    /// The feed that they are, or are computed of.
    feed: usize,
    /// What computes them, where they are not the feed itself.
    computed: Option<Box<Program>>,
}

/// A variable and what it begins with.
#[derive(Debug)]
struct ModelVariable {
    name: Name,
    tensor_type: TensorType,
    initial: Initial,
}

#[derive(Debug)]
enum Initial {
    Value(Literal),
    Program(Box<Program>),
}

/// A library of a model: its object file and the header.
#[derive(Clone, Debug)]
pub struct Object {
    /// The bytes of the object file.
    pub object: Vec<u8>,
    /// The text of the header.
    pub header: String,
    /// The same as a module of Rust, to be included in one.
    pub rust: String,
    /// What takes how much.
    pub sizes: Sizes,
}

/// What the symbols of a module begin with: its name, or that of its file without the ending.
pub fn prefix(module: &Module, stem: &str) -> String {
    let name = identifier(module.name.as_deref().unwrap_or(stem));
    // Names that begin with an underscore are the C library's.
    if name.starts_with('_') { format!("model{name}") } else { name }
}

impl Model {
    /// Compiles entries of a module, which share its variables. `name` is what the symbols begin
    /// with.
    ///
    /// # Errors
    /// What the compiler refuses; variables that do not fit all entries.
    pub fn compile(
        module: &Module,
        name: &str,
        wanted: &[Wanted],
        given: Given,
        (target, options): (&Target, &Options),
    ) -> Result<Model, ObjectError> {
        let mut declared: IndexMap<Name, (TensorType, Variable)> = IndexMap::new();
        let mut entries = vec![];
        for Wanted { kind, binding } in wanted {
            let compiled = compile(module, &kind.entry(), binding, target, options)?;
            for (name, variable) in module.variables.iter().chain(&compiled.slots) {
                declare(&mut declared, (name, variable), binding)?;
            }
            let graph = &compiled.specialised;
            let program = compiled.program;
            let results = results(graph, &program, (target, options))?;
            let guards = guards(graph, &program, (target, options))?;
            entries.push(CompiledEntry { kind: *kind, program, results, guards });
        }
        let mut all = Binding::default();
        for (symbol, n) in wanted.iter().flat_map(|wanted| wanted.binding.iter()) {
            all.bind(&symbol.0, n);
        }
        let mut variables = vec![];
        for (name, (tensor_type, variable)) in declared {
            let initial = match given.values.get(&name) {
                Some(value) if value.tensor_type() != tensor_type => {
                    let second = value.tensor_type();
                    return Err(ObjectError::GivenType { name, first: tensor_type, second });
                }
                Some(value) => Initial::Value(value.clone()),
                None => {
                    let program = compile_initial(&variable, &all, target, options)?;
                    Initial::Program(Box::new(program))
                }
            };
            variables.push(ModelVariable { name, tensor_type, initial });
        }
        let (name, target) = (name.to_string(), target.clone());
        Ok(Model { name, target, entries, variables, clock: given.clock })
    }

    /// The object file and the header. `place` says where a node stands in the source, for messages;
    /// `version` and `source` are what the header says that it was made by and of.
    ///
    /// # Errors
    /// No code can be made: a bug.
    pub fn emit(
        &self,
        place: &dyn Fn(&crate::ir::Provenance) -> String,
        (version, source): (&str, &str),
    ) -> Result<Object, ObjectError> {
        let layout = layout::Layout::of(self);
        let (object, code) = glue::emit(self, &layout, place, source)?;
        let header = header::header(self, &layout, (version, source));
        let rust = rust::module(self, &layout, (version, source));
        let sizes = layout.sizes(self, code);
        Ok(Object { object, header, rust, sizes })
    }
}

fn declare(
    declared: &mut IndexMap<Name, (TensorType, Variable)>,
    (name, variable): (&Name, &Variable),
    binding: &Binding,
) -> Result<(), ObjectError> {
    let Ok(tensor_type) = variable.tensor_type.bind(binding) else {
        let tensor_type = variable.tensor_type.clone();
        return match declared.contains_key(name) {
            true => Ok(()),
            false => Err(ObjectError::OpenVariable { name: name.clone(), tensor_type }),
        };
    };
    match declared.get(name) {
        Some((first, _)) if *first != tensor_type => Err(ObjectError::VariableType {
            name: name.clone(),
            first: first.clone(),
            second: tensor_type,
        }),
        Some(_) => Ok(()),
        None => {
            declared.insert(name.clone(), (tensor_type, variable.clone()));
            Ok(())
        }
    }
}

/// The results of an entry: outputs, then metrics, whose parts a program of its own finishes.
fn results(
    graph: &Graph,
    program: &Program,
    (target, options): (&Target, &Options),
) -> Result<Vec<EntryResult>, ObjectError> {
    let mut results = vec![];
    for (number, output) in program.outputs.iter().enumerate() {
        if output.kind == OutputKind::Output {
            let (name, tensor_type) = (output.name.clone(), output.tensor_type.clone());
            results.push(EntryResult { name, tensor_type, source: Source::Output(number) });
        }
    }
    for (number, metric) in graph.metrics.iter().enumerate() {
        let is_part = |kind: OutputKind| matches!(kind, OutputKind::Metric { metric, .. } if metric == number);
        let parts = (0..program.outputs.len()).filter(|&i| is_part(program.outputs[i].kind));
        let parts: Vec<usize> = parts.collect();
        let name = metric.name.clone();
        let (tensor_type, source) = match &metric.kind {
            MetricKind::Mean(_) => {
                (program.outputs[parts[0]].tensor_type.clone(), Source::Output(parts[0]))
            }
            MetricKind::Total { finish, .. } => {
                let program = compile_graph(fed(finish), target, options)?.program;
                let part = |name: &Name| {
                    let parameters = finish.inputs.iter();
                    let at = parameters.map(|&id| &finish.node(id).name).position(|n| n == name);
                    parts[at.expect("a feed is a parameter")]
                };
                let feeds = program.feeds.iter().map(|(name, _)| part(name)).collect();
                let program = Box::new(program);
                (program.outputs[0].tensor_type.clone(), Source::Finish { feeds, program })
            }
        };
        results.push(EntryResult { name, tensor_type, source });
    }
    Ok(results)
}

/// A formula of parameters as one of inputs of their names.
fn fed(formula: &Graph) -> Graph {
    let mut graph = formula.clone();
    for id in formula.inputs.iter().copied() {
        let (name, types) = (formula.node(id).name.clone(), formula.node(id).types.clone());
        let input = Leaf::Input { name, tensor_type: types[0].clone() };
        graph.retype(id, input.into(), types);
    }
    graph
}

/// The indices that come of feeds, to be looked at before a step: one that is out of range then
/// leaves the model as it was.
fn guards(
    graph: &Graph,
    program: &Program,
    (target, options): (&Target, &Options),
) -> Result<Vec<Guard>, ObjectError> {
    let mut guards = vec![];
    for (check, found) in program.checks.iter().enumerate() {
        let Some(indices) = indices(graph, &found.node) else { continue };
        let feeds = program.feeds.iter();
        let Some(feed) = feeds.clone().position(|(name, _)| *name == indices.input) else {
            continue;
        };
        let computed = match indices.computed {
            Some(node) => Some(Box::new(value_of(graph, node, target, options)?)),
            None => None,
        };
        guards.push(Guard { check, size: found.size, feed, computed });
    }
    Ok(guards)
}

/// A program whose one result is a node.
fn value_of(
    graph: &Graph,
    node: NodeId,
    target: &Target,
    options: &Options,
) -> Result<Program, ObjectError> {
    let mut graph = graph.clone();
    graph.metrics.clear();
    graph.steps.clear();
    graph.updates.clear();
    graph.outputs = vec![(graph.node(node).name.clone(), node)];
    Ok(compile_graph(graph, target, options)?.program)
}
