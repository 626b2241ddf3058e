//! From text to a module: reads the file and what it imports, walks it in both modes, and compares
//! what they made.

use std::fmt;

use brolga_compiler::entry::{UNLIKE_ROWS_HELP, batch_inputs, unlike_rows};
use brolga_compiler::ir::{Graph, Module, Name, Variable};
use indexmap::IndexMap;

use super::builtins::GradientCall;
use super::options::LoadOptions;
use super::program::ProgramFiles;
use super::{Declared, Walked, walk};
use crate::codes::Code;
use crate::diagnostics::{Diagnostic, Diagnostics, RenderOptions, render};
use crate::library::library;
use crate::source::Sources;
use crate::unused::Layer;

/// A program that was loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The program.
    pub module: Module,
    /// The calls in the file that made variables, in their order.
    pub layers: Vec<Layer>,
    /// The calls of `grad` with `training` true, if [`LoadOptions::keep_gradients`] asks for them.
    pub gradients: Vec<GradientCall>,
    /// What is legal but probably not meant.
    pub warnings: Diagnostics,
    /// The texts that the module comes from.
    pub sources: Sources,
}

/// What is wrong with a file, with the texts that it speaks of.
#[derive(Clone)]
pub struct LoadError {
    /// What is wrong, in the order of the text.
    pub diagnostics: Diagnostics,
    /// The texts.
    pub sources: Sources,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render(&self.diagnostics, &self.sources, &RenderOptions::default()))
    }
}

/// What `main` shows of an error that it returns.
impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for LoadError {}

/// The program that a text says. `name` is what messages call the file; imports are found beside
/// it. Errors: everything that is wrong with it, in both modes.
pub fn load(name: &str, text: &[u8], options: &LoadOptions<'_>) -> Result<Loaded, Box<LoadError>> {
    let mut sources = library().sources();
    let (program, mut diagnostics) = ProgramFiles::read(name, text, options, &mut sources);
    if !diagnostics.has_errors() {
        let mut train = walk(&program, &sources, options, true);
        let infer = walk(&program, &sources, options, false);
        merge(&mut diagnostics, &train.diagnostics);
        merge(&mut diagnostics, &infer.diagnostics);
        if !diagnostics.has_errors() {
            compare(&train, &infer, &mut diagnostics);
            merge(&mut diagnostics, &check_rows(&train.graph, &sources));
            merge(&mut diagnostics, &check_rows(&infer.graph, &sources));
        }
        if !diagnostics.has_errors() {
            let gradients = std::mem::take(&mut train.gradients);
            let layers = std::mem::take(&mut train.layers);
            let module = module(&program, train, infer);
            return Ok(Loaded { module, layers, gradients, warnings: diagnostics, sources });
        }
    }
    diagnostics.sort();
    Err(Box::new(LoadError { diagnostics, sources }))
}

/// Adds the diagnostics that are not there yet.
fn merge(all: &mut Diagnostics, more: &Diagnostics) {
    let same = |a: &Diagnostic, b: &Diagnostic| {
        a.code == b.code && a.message == b.message && a.span() == b.span()
    };
    let new: Vec<Diagnostic> =
        more.iter().filter(|d| !all.iter().any(|known| same(known, d))).cloned().collect();
    new.into_iter().for_each(|diagnostic| all.push(diagnostic));
}

/// Refuses variables that only one mode makes, or that differ.
fn compare(train: &Walked, infer: &Walked, diagnostics: &mut Diagnostics) {
    for (message, declared) in differences(&train.variables, &infer.variables) {
        let error = Diagnostic::error(Code::VariableInOneMode, message).at(declared.shown, "");
        diagnostics.push(error.help("make it outside of the `if`, and use it inside"));
    }
}

/// Refuses a training batch or an evaluation whose inputs no data set can feed together.
fn check_rows(graph: &Graph, sources: &Sources) -> Diagnostics {
    let Some(inputs) = unlike_rows(graph, &batch_inputs(graph)) else { return Diagnostics::new() };
    let [first, second] = inputs.map(|id| graph.node(id).name.clone());
    let message = format!("`{first}` and `{second}` do not have the same batch dimension");
    let mut error = Diagnostic::error(Code::BatchDimension, message).help(UNLIKE_ROWS_HELP);
    for (id, is_second) in inputs.into_iter().zip([false, true]) {
        let place = graph.node(id).provenance.sites().first().and_then(|p| p.chain.first());
        let of_id = graph.tensor_type(id).to_string();
        error = match place.and_then(|place| sources.span_of(place)) {
            Some(span) if is_second => error.at(span, of_id),
            Some(span) => error.with(span, of_id),
            None => error.note(format!("`{}` is {of_id}", graph.node(id).name)),
        };
    }
    error.into()
}

/// The variables that only one mode makes, or that differ, with what is to say of them.
pub(super) fn differences<'v>(
    train: &'v IndexMap<Name, Declared>,
    infer: &'v IndexMap<Name, Declared>,
) -> Vec<(String, &'v Declared)> {
    let mut differences = Vec::new();
    for (one, other, when) in [(train, infer, "true"), (infer, train, "false")] {
        for (name, declared) in one {
            let message = match other.get(name) {
                None => format!("the variable `{name}` exists only where `training` is {when}"),
                Some(found) if !same(&found.variable, &declared.variable) => {
                    format!("the variable `{name}` is not the same in training and prediction")
                }
                Some(_) => continue,
            };
            differences.push((message, declared));
        }
    }
    differences
}

fn same(a: &Variable, b: &Variable) -> bool {
    a.kind == b.kind && a.tensor_type == b.tensor_type
}

fn module(program: &ProgramFiles, train: Walked, infer: Walked) -> Module {
    let variables = train.variables.into_iter().map(|(name, d)| (name, d.variable)).collect();
    let name = program.main().file.graph.as_ref().map(|name| name.text.clone());
    let (names, watched) = (infer.names, vec![]);
    Module { name, variables, train: train.graph, infer: infer.graph, names, watched }
}
