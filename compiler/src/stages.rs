//! What the compiler has at each stage of its line, as text and as data: what `dump` prints, and what
//! file tests hold.

use std::fmt;
use std::ops::Range;

use crate::codegen::{self, CodeFunction, CodegenError, Described, Part};
use crate::compile::{Options, fused, kernels, optimized, program, verified};
use crate::entry::{Entry, EntryGraph, check_rows, entry_graph};
use crate::error::CompileError;
use crate::fuse::Fusion;
use crate::ir::{
    Binding, Dim, Dot, Graph, GraphText, Json, JsonText, Module, Name, Symbol, Target, Variable,
};
use crate::loop_ir::Kernel;
use crate::program::Program;
use crate::specialise::{specialise, specialise_variable};

/// A stage, in the order of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Functions expanded, types inferred.
    Typed,
    /// With gradients and updates.
    Gradient,
    /// After the passes, with numbers for dimensions.
    Optimized,
    /// What shares a kernel.
    Fused,
    /// The kernels' loops.
    Loops,
    /// Calls in waves, and where every value lives.
    Memory,
    /// The input of the code generator.
    Clif,
    /// Machine code.
    Asm,
}

impl Stage {
    /// All of them.
    pub const ALL: [Stage; 8] = [
        Stage::Typed,
        Stage::Gradient,
        Stage::Optimized,
        Stage::Fused,
        Stage::Loops,
        Stage::Memory,
        Stage::Clif,
        Stage::Asm,
    ];

    /// The name, as in `--stage`.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Typed => "typed",
            Stage::Gradient => "gradient",
            Stage::Optimized => "optimized",
            Stage::Fused => "fused",
            Stage::Loops => "loops",
            Stage::Memory => "memory",
            Stage::Clif => "clif",
            Stage::Asm => "asm",
        }
    }

    /// What there is to see.
    pub const fn doc(self) -> &'static str {
        match self {
            Stage::Typed => "Functions expanded, types inferred",
            Stage::Gradient => "With gradients and updates",
            Stage::Optimized => "After the passes, with numbers for dimensions",
            Stage::Fused => "What shares a kernel",
            Stage::Loops => "The kernels' loops",
            Stage::Memory => "Calls in waves, and where every value lives",
            Stage::Clif => "The input of the code generator",
            Stage::Asm => "Machine code",
        }
    }

    /// Whether this is a graph, which has drawings and a form as data.
    pub fn is_graph(self) -> bool {
        self <= Stage::Optimized
    }

    /// Whether there is a text for each kernel.
    pub fn is_by_kernel(self) -> bool {
        matches!(self, Stage::Loops | Stage::Clif | Stage::Asm)
    }

    /// Whether the dimensions of a graph are numbers here.
    pub fn has_numbers(self) -> bool {
        self >= Stage::Optimized
    }
}

/// What is compiled, for what, and how.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The module.
    pub module: &'a Module,
    /// What is computed of it.
    pub entry: &'a Entry,
    /// The numbers of its dimensions; before [`Stage::Optimized`] none are needed.
    pub binding: &'a Binding,
    /// The machine.
    pub target: &'a Target,
    /// How.
    pub options: &'a Options,
}

/// Why there is nothing to see at a stage.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The compiler refuses the module. The user is at fault.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// No code can be made: a bug.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
}

/// What there is at a stage.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// It.
    pub form: Form,
    /// Why the compiler would go no further: what is wrong with a program shows in its loops and
    /// places.
    pub refused: Option<CompileError>,
}

/// What a stage has.
#[derive(Clone, Debug)]
pub enum Form {
    /// A graph.
    Graph(Box<GraphForm>),
    /// The groups.
    Fusion(Box<Fusion>),
    /// A text for each kernel, in their order; of code last the step's.
    Kernels(Vec<KernelText>),
    /// The program.
    Program(Box<Program>),
}

/// A graph, with the types that variables have there.
#[derive(Clone, Debug)]
pub struct GraphForm {
    /// The name of the module, if it has one.
    pub name: Option<Name>,
    /// The module's variables and the optimisers'.
    pub variables: Vec<(Name, Variable)>,
    /// The graph.
    pub graph: Graph,
}

/// A kernel as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelText {
    /// Its number in the program.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// The text, without an empty line at the end.
    pub text: String,
    /// Of machine code: its parts, in their order.
    pub parts: Vec<CodePart>,
}

/// Consecutive bytes of machine code that are for the same nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePart {
    /// Where it begins in the function, and where the next one does.
    pub bytes: Range<u32>,
    /// The names of the nodes; a list for each call of a kernel. Of the step the kernels that it calls.
    pub nodes: Vec<Vec<String>>,
}

/// What a subject is at a stage.
///
/// # Errors
/// What the compiler refuses before it; of loops and places also what it shows, see
/// [`Snapshot::refused`].
pub fn snapshot(subject: &Subject<'_>, stage: Stage) -> Result<Snapshot, StageError> {
    let Subject { module, entry, binding, target, options } = *subject;
    if stage == Stage::Typed {
        let graph = match entry {
            Entry::Train => &module.train,
            Entry::Eval | Entry::Run { .. } => &module.infer,
        };
        return Ok(Form::graph(module, declared(module, None), graph.clone()).into());
    }
    let symbolic = entry_graph(module, entry)?;
    match entry {
        Entry::Train | Entry::Eval => check_rows(&symbolic.graph, &symbolic.graph.inputs)?,
        Entry::Run { .. } => {}
    }
    let variables = declared(module, Some(&symbolic));
    if stage == Stage::Gradient {
        return Ok(Form::graph(module, variables, with_dimensions(module, &symbolic)).into());
    }
    let graph = optimized(specialise(&symbolic.graph, binding)?, options, &mut |_, _| {})?;
    if stage == Stage::Optimized {
        let bound = |(name, variable)| Ok((name, specialise_variable(&variable, binding)?));
        let bound: Result<_, CompileError> = variables.into_iter().map(bound).collect();
        return Ok(Form::graph(module, bound?, graph).into());
    }
    let fusion = fused(&graph, target, options);
    if stage == Stage::Fused {
        return Ok(Form::Fusion(Box::new(fusion)).into());
    }
    let (lowered, checks) = kernels(&fusion, target, options, &mut |_, _| {});
    let program = program(&fusion, lowered, checks, options)?;
    let refused = verified(&program, options).err();
    let form = match stage {
        Stage::Memory => Form::Program(Box::new(program)),
        Stage::Clif | Stage::Asm => {
            if let Some(refused) = refused {
                return Err(refused.into());
            }
            Form::Kernels(code_texts(&program, target, stage)?)
        }
        Stage::Typed | Stage::Gradient | Stage::Optimized | Stage::Fused | Stage::Loops => {
            let kernels = program.kernels.iter().enumerate();
            let text = |(number, kernel): (usize, &Kernel)| {
                let (name, text) = (kernel.name.clone(), kernel.to_string().trim_end().into());
                KernelText { number, name, text, parts: vec![] }
            };
            Form::Kernels(kernels.map(text).collect())
        }
    };
    Ok(Snapshot { form, refused })
}

/// The code of a program, or the code generator's input, with what each part of it is for.
fn code_texts(
    program: &Program,
    target: &Target,
    stage: Stage,
) -> Result<Vec<KernelText>, CodegenError> {
    let code = codegen::code(program, target)?;
    let (all, by_kernel) = program.calls_by_kernel();
    let mut texts = vec![];
    for function in &code.functions {
        let (number, described) = match function.part {
            Part::Kernel(n) | Part::Loops(n) => (n, Described::kernel(program, &by_kernel[n])),
            Part::Step => (program.kernels.len(), Described::step(program, &all)),
        };
        let mut text = code_text(number, function, (&described, target), stage);
        if function.part == Part::Kernel(number) {
            let refused = code.refused.iter().filter(|(kernel, _)| *kernel == number);
            let lines = refused.map(|(_, what)| format!("; not in the longest vectors: {what}\n"));
            text.text.insert_str(0, &lines.collect::<String>());
        }
        texts.push(text);
    }
    Ok(texts)
}

fn code_text(
    number: usize,
    CodeFunction { text: code, origins, .. }: &CodeFunction,
    (described, target): (&Described<'_>, &Target),
    stage: Stage,
) -> KernelText {
    let text = match stage {
        Stage::Asm if target.triple.starts_with("x86_64") => {
            codegen::listing(&code.code, origins, described)
        }
        Stage::Asm => codegen::legend(origins, described) + &code.assembly,
        _ => codegen::legend(origins, described) + &code.clif,
    };
    let owned = |names: Vec<&str>| names.into_iter().map(String::from).collect();
    let part = |(bytes, numbers): (Range<u32>, &[u32])| CodePart {
        bytes,
        nodes: described.names(numbers).into_iter().map(owned).collect(),
    };
    let parts = if stage == Stage::Asm { origins.iter().map(part).collect() } else { vec![] };
    KernelText { number, name: code.name.clone(), text: text.trim_end().into(), parts }
}

/// The variables of a module, and those that an entry's optimisers add.
fn declared(module: &Module, entry: Option<&EntryGraph>) -> Vec<(Name, Variable)> {
    let slots = entry.into_iter().flat_map(|entry| &entry.slots);
    let all = module.variables.iter().chain(slots);
    all.map(|(name, variable)| (name.clone(), variable.clone())).collect()
}

/// The graph of an entry with the inputs that it does not read, but whose dimensions it or a variable
/// has and no input that it reads: without them its text would not say what these are.
fn with_dimensions(module: &Module, entry: &EntryGraph) -> Graph {
    let mut graph = entry.graph.clone();
    let variables = module.variables.values().flat_map(|v| &v.tensor_type.shape);
    let mut wanted: Vec<Symbol> = variables.flat_map(Dim::symbols).collect();
    wanted.extend(entry.symbol_inputs.iter().flat_map(|input| input.symbols.clone()));
    let declared = &module.infer;
    for &id in &declared.inputs {
        let brings = |graph: &Graph, id, s: &Symbol| {
            graph.tensor_type(id).shape.contains(&Dim::symbol(&s.0))
        };
        wanted.retain(|s| !graph.inputs.iter().any(|&input| brings(&graph, input, s)));
        if !wanted.iter().any(|s| brings(declared, id, s)) {
            continue;
        }
        // A node that nothing reads may still be there.
        let input = match graph.find(&declared.node(id).name) {
            Some(known) if graph.op(known) == declared.op(id) => known,
            Some(_) => continue,
            None => {
                let added = graph.add(declared.op(id).clone(), &[], &declared.origin(id));
                added.expect("an input has no operands")
            }
        };
        graph.inputs.push(input);
    }
    graph
}

impl From<Form> for Snapshot {
    fn from(form: Form) -> Snapshot {
        Snapshot { form, refused: None }
    }
}

impl Form {
    fn graph(module: &Module, variables: Vec<(Name, Variable)>, graph: Graph) -> Form {
        Form::Graph(Box::new(GraphForm { name: module.name.clone(), variables, graph }))
    }

    /// As data: a graph by its nodes, kernels as a list, anything else as its text.
    pub fn json(&self) -> String {
        match self {
            Form::Graph(graph) => Json(&graph.text()).to_string(),
            Form::Fusion(_) | Form::Program(_) => {
                format!("{{\"text\": {}}}\n", JsonText(&self.to_string()))
            }
            Form::Kernels(kernels) => {
                let kernel = |kernel: &KernelText| kernel.json();
                format!("[{}]\n", kernels.iter().map(kernel).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// A drawing for Graphviz, of a graph.
    pub fn dot(&self) -> Option<String> {
        let Form::Graph(graph) = self else { return None };
        Some(Dot(&graph.text()).to_string())
    }
}

impl KernelText {
    fn json(&self) -> String {
        let (number, [name, text]) = (self.number, [JsonText(&self.name), JsonText(&self.text)]);
        let parts = match self.parts.is_empty() {
            true => String::new(),
            false => format!(", \"parts\": {}", list(&self.parts, CodePart::json)),
        };
        format!("{{\"number\": {number}, \"name\": {name}, \"text\": {text}{parts}}}")
    }
}

impl CodePart {
    fn json(&self) -> String {
        let Range { start, end } = self.bytes;
        let nodes = list(&self.nodes, |names| list(names, |name| JsonText(name).to_string()));
        format!("{{\"start\": {start}, \"end\": {end}, \"nodes\": {nodes}}}")
    }
}

fn list<T>(items: &[T], json: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", "))
}

impl GraphForm {
    /// The graph to be printed.
    pub fn text(&self) -> GraphText<'_> {
        let variables = self.variables.iter().map(|(name, variable)| (name, variable)).collect();
        GraphText { name: self.name.as_deref(), variables, graph: &self.graph }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::Graph(graph) => graph.text().fmt(f),
            Form::Fusion(fusion) => fusion.fmt(f),
            Form::Program(program) => program.fmt(f),
            Form::Kernels(kernels) => kernels.iter().try_for_each(|kernel| {
                writeln!(f, "# {} {}\n{}\n", kernel.number, kernel.name, kernel.text)
            }),
        }
    }
}
