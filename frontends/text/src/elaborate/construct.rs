//! Programs that are made in Rust, call by call, instead of being read from a text. What a
//! statement says, a method does; functions of the library are instantiated as a text's calls
//! are. The empty text that stands for the Rust program gives its place to the line that called.
//!
//! Invariant: a tensor belongs to the construction that made it.

use std::panic::Location;
use std::sync::OnceLock;

use brolga_compiler::entry::{batch_inputs, check_rows};
use brolga_compiler::error::CompileError;
use brolga_compiler::ir::{
    Graph, Module, Name as NodeName, NodeId, ParameterGroup, Position, Provenance, Site,
    TensorType, TrainingStep, Update,
};
use brolga_compiler::ops::{Control, Leaf, Op};
use indexmap::IndexMap;

use super::argument::{Argument, LibraryCall, StepGroup, TensorRef};
use super::calls::CallSite;
use super::loading::differences;
use super::operators::Operand;
use super::options::Limits;
use super::program::ProgramFiles;
use super::scan::{Carries, Header};
use super::value::{FileId, Tensor, Value};
use super::variables::Declaration;
use super::{Declared, Elaborator, Failed, Frame, Result, SharedLayer, Surroundings};
use crate::ast::{BinaryOp, Name, Pattern, VariableKind};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::library::library;
use crate::source::{Sources, Span};

/// A program that is being made in one mode. What does not fit is kept as an error at the line
/// that asked for it, and gives `None`; what such a value is used in gives `None` without another.
pub struct Construction {
    elaborator: Elaborator<'static>,
    errors: Vec<CompileError>,
}

/// A part of a program that has been opened and is to be closed.
#[must_use]
pub struct Scope(Opened);

enum Opened {
    /// The right side of a binding.
    Binding { name: Name, wish: String, target: Option<String>, n_before: usize },
    /// The body of a layer.
    Layer { n_touched: usize },
    /// The body of a shared layer.
    Shared { number: usize, freed: Vec<String> },
    /// The value of a metric.
    Metric { name: Name, wish: String, target: Option<String>, n_before: usize },
}

/// A `scan` whose body is open.
#[must_use]
pub struct Loop {
    header: Header,
    stem: String,
}

/// The program of no text: the library, and a file that stands for the Rust program.
struct WithoutText {
    program: ProgramFiles,
    sources: Sources,
    limits: Limits,
}

fn without_text() -> &'static WithoutText {
    static WITHOUT_TEXT: OnceLock<WithoutText> = OnceLock::new();
    WITHOUT_TEXT.get_or_init(|| {
        let mut sources = library().sources();
        // What messages show in the place of an expression.
        let source = sources.add("", b"...");
        let program = ProgramFiles::without_text(source);
        WithoutText { program, sources, limits: Limits::default() }
    })
}

/// The module of what was made with `training` true and false.
///
/// # Errors
/// Everything that did not fit, and variables that are not the same in both.
pub fn constructed(
    train: Construction,
    infer: Construction,
) -> std::result::Result<Module, Vec<CompileError>> {
    let (train, mut errors) = train.finish();
    let (infer, more) = infer.finish();
    let new: Vec<CompileError> = more.into_iter().filter(|e| !errors.contains(e)).collect();
    errors.extend(new);
    if errors.is_empty() {
        for (message, declared) in differences(&train.variables, &infer.variables) {
            let code = Code::VariableInOneMode.id();
            errors.push(CompileError::new(code, message, &declared.variable.provenance));
        }
    }
    for graph in [&train.graph, &infer.graph] {
        if let Some(error) = pending_elsewhere(graph)
            && !errors.contains(&error)
        {
            errors.push(error);
        }
        if let Err(error) = check_rows(graph, &batch_inputs(graph))
            && !errors.contains(&error)
        {
            errors.push(error);
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let variables = train.variables.into_iter().map(|(name, d)| (name, d.variable)).collect();
    Ok(Module { variables, train: train.graph, infer: infer.graph, ..Module::default() })
}

/// The error of a value that is about to be written to a variable and that something else than the
/// variable's update reads: the two were made in one program, where a text could not say it.
fn pending_elsewhere(graph: &Graph) -> Option<CompileError> {
    let pending_in = |value: &NodeId| {
        let order = graph.order_from(&[*value]).into_iter();
        order.filter(|&id| matches!(graph.op(id), Op::Control(Control::Pending)))
    };
    let is_own = |id: NodeId, variable: &NodeName| {
        let leaf = graph.op(graph.operands(id)[0]);
        matches!(leaf, Op::Leaf(Leaf::Variable { name, .. }) if name == variable)
    };
    let updated: Vec<NodeId> = graph.updates.iter().map(|update| update.value).collect();
    let others = graph.roots().into_iter().filter(|root| !updated.contains(root));
    let of_others = others.collect::<Vec<_>>();
    let mut wrong = of_others.iter().flat_map(pending_in).collect::<Vec<_>>();
    for Update { variable, value } in &graph.updates {
        wrong.extend(pending_in(value).filter(|&id| !is_own(id, variable)));
    }
    let node = graph.node(*wrong.first()?);
    let message = "what is about to be written to a variable is read outside of its update";
    let error = CompileError::new(Code::NotAVariable.id(), message, &node.provenance);
    Some(error.with_help("use the value that `update` gives within what it is given"))
}

/// What a construction has made.
struct Finished {
    graph: Graph,
    variables: IndexMap<NodeName, Declared>,
}

impl Construction {
    /// Nothing yet, in one mode. `import` reads the files that `load("x.npy")` names.
    pub fn new(
        training: bool,
        import: &'static dyn Fn(&str) -> std::result::Result<Vec<u8>, String>,
    ) -> Construction {
        let WithoutText { program, sources, limits } = without_text();
        let surroundings = Surroundings { program, sources, limits, import };
        Construction { elaborator: Elaborator::new(surroundings, training), errors: Vec::new() }
    }

    fn finish(mut self) -> (Finished, Vec<CompileError>) {
        let mut graph = self.elaborator.regions.swap_remove(0).graph;
        graph.dissolve_bindings();
        (Finished { graph, variables: self.elaborator.variables }, self.errors)
    }

    /// The type of a tensor; `None` if it was made in a metric or scan that is closed.
    pub fn tensor_type(&self, x: TensorRef) -> Option<TensorType> {
        self.elaborator.is_open(x).then(|| self.elaborator.tensor_type(x.0).clone())
    }

    // Declarations.

    /// `input NAME: TYPE`
    pub fn input(
        &mut self,
        name: &str,
        tensor_type: TensorType,
        caller: &Location<'_>,
    ) -> Option<TensorRef> {
        self.at(caller, |e, here| {
            let name = Name { text: name.into(), span: here };
            e.check_new_name(&name)?;
            Ok(TensorRef(e.add_input(&name, tensor_type)))
        })
    }

    /// `param NAME: TYPE = INITIAL`, `state NAME: TYPE = INITIAL`
    pub fn variable(
        &mut self,
        kind: VariableKind,
        (name, tensor_type): (&str, &TensorType),
        initial: &Argument,
        caller: &Location<'_>,
    ) -> Option<TensorRef> {
        self.at(caller, |e, here| {
            let name = Name { text: name.into(), span: here };
            e.check_new_name(&name)?;
            let initial = &|e: &mut Elaborator<'_>| e.argument(initial, here);
            let (type_span, initial_span) = (here, here);
            let name = &name;
            e.add_variable(Declaration {
                kind,
                name,
                tensor_type,
                type_span,
                initial,
                initial_span,
            })
            .map(TensorRef)
        })
    }

    /// The variable of that name, which was made before.
    pub fn read(&mut self, name: &str, caller: &Location<'_>) -> Option<TensorRef> {
        self.at(caller, |e, here| {
            let full = e.existing(name, here)?;
            e.read_variable(&full).map(TensorRef)
        })
    }

    // Values.

    /// The tensor that an argument stands for.
    pub fn value(&mut self, argument: &Argument, caller: &Location<'_>) -> Option<TensorRef> {
        self.at(caller, |e, here| {
            let value = e.argument(argument, here)?;
            e.materialise(&value, None, here).map(TensorRef)
        })
    }

    /// What a call gives, which is one value.
    pub fn call(&mut self, call: &LibraryCall, caller: &Location<'_>) -> Option<TensorRef> {
        self.at(caller, |e, here| {
            let n_before = e.region().graph.n_numbers();
            let value = e.outcome(call, here)?;
            match e.own_result(value, n_before)? {
                Value::List(list) if list.iter().any(Value::holds_tensor) => {
                    let message = format!("`{}` gives {} values", call.function, list.len());
                    let error = Diagnostic::error(Code::CountMismatch, message).at(here, "");
                    Err(e.push(error.help("ask for the list of them")))
                }
                value => e.materialise(&value, None, here).map(TensorRef),
            }
        })
    }

    /// What a call gives, as a list, of so many values if that is known; a single value is its only
    /// member.
    pub fn call_list(
        &mut self,
        call: &LibraryCall,
        wanted: Option<usize>,
        caller: &Location<'_>,
    ) -> Option<Vec<TensorRef>> {
        self.at(caller, |e, here| {
            let members = super::value::members(&e.outcome(call, here)?);
            if let Some(wanted) = wanted.filter(|&n| n != members.len()) {
                let (function, n) = (&call.function, members.len());
                let message = format!("`{function}` gives {n} values here, not {wanted}");
                return Err(e.push(Diagnostic::error(Code::CountMismatch, message).at(here, "")));
            }
            members.iter().map(|x| e.materialise(x, None, here).map(TensorRef)).collect()
        })
    }

    /// `a op b`
    pub fn binary(
        &mut self,
        op: BinaryOp,
        a: &Argument,
        b: &Argument,
        caller: &Location<'_>,
    ) -> Option<TensorRef> {
        self.at(caller, |e, here| {
            let (a, b) = (e.argument(a, here)?, e.argument(b, here)?);
            let operand = |value| Operand { value, span: here, expr: None };
            let value = e.binary(op, operand(&a), operand(&b), here)?;
            e.materialise(&value, None, here).map(TensorRef)
        })
    }

    // Results and training.

    /// `output NAME`
    pub fn output(&mut self, name: &str, x: Option<TensorRef>, caller: &Location<'_>) {
        self.at(caller, |e, here| {
            let name = Name { text: name.into(), span: here };
            e.check_new_output(&name)?;
            let x = e.of_batch(x, here)?;
            e.regions[0].graph.outputs.push((name.text, x.node));
            Ok(())
        });
    }

    /// `metric NAME`
    pub fn metric(&mut self, name: &str, x: Option<TensorRef>, caller: &Location<'_>) {
        self.at(caller, |e, here| {
            let name = Name { text: name.into(), span: here };
            e.check_new_metric(&name)?;
            let x = e.of_batch(x, here)?;
            e.add_metric(&name, x, None)
        });
    }

    /// `update VARIABLE <- VALUE`
    pub fn update(&mut self, name: &str, value: &Argument, caller: &Location<'_>) {
        self.at(caller, |e, here| {
            let Some(variable) = e.visible_variable(name) else { return Err(Failed) };
            let wanted = e.variables[&variable].variable.tensor_type.clone();
            let value = e.argument(value, here)?;
            let what = format!("the new value of `{variable}`");
            let x = e.of_type(&value, &wanted, &what, (here, here))?;
            e.regions[0].graph.updates.push(Update { variable, value: x.node });
            Ok(())
        });
    }

    /// The name of a variable in its own update: what is about to be written to it.
    pub fn pending(&mut self, name: &str, caller: &Location<'_>) -> Option<TensorRef> {
        self.at(caller, |e, here| {
            let variable = e.existing(name, here)?;
            let x = e.read_variable(&variable)?;
            e.add(Control::Pending, &[x]).map(TensorRef)
        })
    }

    /// `step NAME: minimize LOSS over ... with ... every N`; the name is `minimize` where there is
    /// no other step.
    pub fn minimize(
        &mut self,
        (name, every): (&str, u64),
        loss: Option<TensorRef>,
        groups: &[StepGroup],
        caller: &Location<'_>,
    ) {
        self.at(caller, |e, here| {
            let name: NodeName = name.into();
            e.declare_step(&name, here)?;
            let loss = e.of_batch(loss, here)?;
            e.check_loss(loss, here)?;
            let pattern = |text: &String| Pattern { text: text.as_str().into(), span: here };
            let patterns: Vec<Vec<Pattern>> =
                groups.iter().map(|g| g.patterns.iter().map(pattern).collect()).collect();
            let variables = e.groups(patterns.iter().map(Vec::as_slice), loss, here)?;
            let mut made = Vec::new();
            for (group, variables) in groups.iter().zip(variables) {
                let optimizer = e.optimizer_call(&group.optimizer, here)?;
                made.push(ParameterGroup { variables, optimizer });
            }
            let every = every.max(1);
            let provenance = e.provenance();
            let (loss, groups, accumulate) = (loss.node, made, 1);
            let step = TrainingStep { name, loss, groups, every, accumulate, provenance };
            e.regions[0].graph.steps.push(step);
            Ok(())
        });
    }

    // Scopes.

    /// Begins `NAME = ...`: variables, random operations and nodes are called after it until
    /// [`Construction::close`], whose value it names.
    pub fn open_binding(&mut self, name: &str) -> Scope {
        let e = &mut self.elaborator;
        let path = e.here().below(name);
        let (wish, target) = e.call_after(path.clone(), Some(path));
        let (name, n_before) = (self.name(name), self.elaborator.region().graph.n_numbers());
        Scope(Opened::Binding { name, wish, target, n_before })
    }

    /// Begins the body of a layer, as if a function of that name were called: the variables that
    /// are made until [`Construction::close`] lie below its path.
    pub fn open_layer(&mut self, name: &str) -> Scope {
        let span = self.here();
        let e = &mut self.elaborator;
        let path = e.path_of_call(None, CallSite { name, span, is_whole: false });
        let training = e.here().training;
        e.frames.push(Frame::new(FileId::MAIN, path, training));
        Scope(Opened::Layer { n_touched: e.n_touched })
    }

    /// Begins the body of a shared layer: every body of the name has the variables that the first
    /// one has made, which the same calls find again.
    pub fn open_shared(&mut self, name: &str) -> Scope {
        let name = self.name(name);
        let e = &mut self.elaborator;
        let path = e.here().below(&name.text);
        let known = e.shared.iter().position(|shared| shared.path == path);
        let number = known.unwrap_or(e.shared.len());
        let freed = e.free_paths(&path);
        let mut frame = Frame::new(FileId::MAIN, path.clone(), e.here().training);
        if known.is_none() {
            let (function, args) = (None, vec![]);
            e.shared.push(SharedLayer { name, function, args, path, made: false });
        }
        frame.shared = Some(number);
        e.frames.push(frame);
        Scope(Opened::Shared { number, freed })
    }

    /// Begins the body of a `scan` over sequences, with carries and the arguments `axis`,
    /// `reverse` and `name`; returns what an iteration is given, first of the carries. Errors:
    /// `None`, and no body is open.
    pub fn open_scan(
        &mut self,
        sequences: &[Option<TensorRef>],
        carries: &[Option<TensorRef>],
        arguments: &[(String, Argument)],
        caller: &Location<'_>,
    ) -> Option<(Loop, Vec<TensorRef>)> {
        self.at(caller, |e, here| {
            let (mut axis, mut reverse, mut stem) = (None, None, "scan".to_string());
            for (name, argument) in arguments {
                let value = e.argument(argument, here)?;
                match (name.as_str(), value) {
                    ("axis", value) => axis = Some((value, here)),
                    ("reverse", value) => reverse = Some((value, here)),
                    ("name", Value::Str(name)) => stem = name.to_string(),
                    (name, _) => {
                        let message = format!("a scan takes no argument `{name}`");
                        return Err(e.error(Code::WrongArguments, message, here, ""));
                    }
                }
            }
            if sequences.is_empty() {
                let message = "a scan has a sequence, whose length says how often it turns";
                return Err(e.error(Code::Scan, message, here, ""));
            }
            let opened = |x: &Option<TensorRef>| e.open_tensor(*x, here);
            let tensors: Vec<Tensor> =
                sequences.iter().chain(carries).map(opened).collect::<Result<_>>()?;
            let (walked, carried) = tensors.split_at(sequences.len());
            let walked = walked.iter().map(|&x| (x, here)).collect();
            let header = e.header_of(walked, axis, reverse, carried.to_vec())?;
            let name =
                |text: &str, k: usize| Name { text: format!("{text}.{k}").into(), span: here };
            let names = (0..carries.len()).map(|k| name("carry", k));
            let names: Vec<Name> =
                names.chain((0..sequences.len()).map(|k| name("element", k))).collect();
            e.at = here;
            e.open_scan(&header, &names.iter().collect::<Vec<_>>());
            let given = names.iter().filter_map(|name| match e.find_value(&name.text)?.value {
                Value::Tensor(x) => Some(TensorRef(x)),
                _ => None,
            });
            let given = given.collect();
            Ok((Loop { header, stem }, given))
        })
    }

    /// Ends the body of a `scan`, with the next values of its carries and what it emits: the last
    /// values of the carries, and all that was emitted.
    pub fn close_scan(
        &mut self,
        opened: Loop,
        next: &[Option<TensorRef>],
        emitted: &[Option<TensorRef>],
        caller: &Location<'_>,
    ) -> Option<Vec<TensorRef>> {
        self.at(caller, |e, here| {
            let ends = e.ends_of(&opened.header, next, emitted, here);
            let region = e.leave_scan();
            let outputs = ends?;
            e.at = here;
            let Loop { header, stem } = opened;
            let results = e.scan_results(header, region, &outputs, &stem, |_| false)?;
            results.iter().map(|x| e.materialise(x, None, here).map(TensorRef)).collect()
        })
    }

    /// Begins `metric NAME = ...`: until [`Construction::close`], which reports its value, totals
    /// over the epoch's batches may be made.
    pub fn open_metric(&mut self, name: &str) -> Scope {
        let e = &mut self.elaborator;
        e.in_metric = true;
        let (wish, target) = e.call_after(e.here().below(name), None);
        let (name, n_before) = (self.name(name), self.elaborator.region().graph.n_numbers());
        Scope(Opened::Metric { name, wish, target, n_before })
    }

    /// Ends what was opened last, with its value.
    pub fn close(&mut self, scope: Scope, value: Option<TensorRef>, caller: &Location<'_>) {
        self.at(caller, |e, here| match scope.0 {
            Opened::Layer { n_touched } => {
                if let Some(frame) = e.frames.pop_if(|frame| !frame.path.is_empty())
                    && e.n_touched > n_touched
                {
                    e.taken.entry(frame.path).or_insert(1);
                }
                e.n_calls += 1;
                Ok(())
            }
            Opened::Shared { number, freed } => {
                e.frames.pop_if(|frame| frame.shared == Some(number));
                e.end_shared(number, freed);
                e.n_calls += 1;
                Ok(())
            }
            Opened::Binding { name, wish, target, n_before } => {
                e.call_after(wish, target);
                let x = e.open_tensor(value, here)?;
                e.name_node(x, &name.text, n_before);
                Ok(())
            }
            Opened::Metric { name, wish, target, n_before } => {
                e.call_after(wish, target);
                e.in_metric = false;
                let x = e.open_tensor(value, here);
                let finish = e.finish.take();
                e.check_new_metric(&name)?;
                let x = x?;
                if finish.as_ref().is_none_or(|finish| finish.id != x.region) {
                    e.name_node(x, &name.text, n_before);
                }
                e.add_metric(&name, x, finish)
            }
        });
    }

    /// The place that stands for the Rust program.
    fn here(&self) -> Span {
        let source = self.elaborator.program.main().source;
        let end = self.elaborator.sources.get(source).text().len() as u32;
        Span::new(source, 0, end)
    }

    fn name(&self, text: &str) -> Name {
        Name { text: text.into(), span: self.here() }
    }

    /// Does something at a line of Rust, and takes over its errors.
    fn at<T>(
        &mut self,
        caller: &Location<'_>,
        f: impl FnOnce(&mut Elaborator<'static>, Span) -> Result<T>,
    ) -> Option<T> {
        let here = self.here();
        let e = &mut self.elaborator;
        let place = Provenance::of_caller(caller).sites()[0].chain[0].clone();
        e.caller = Some(place.clone());
        e.last_provenance = None;
        e.at = here;
        let value = f(e, here);
        e.reported.clear();
        let found = std::mem::take(&mut e.diagnostics);
        let errors = found.iter().map(|diagnostic| self.elaborator.refused(diagnostic, &place));
        self.errors.extend(errors);
        value.ok()
    }
}

impl Elaborator<'_> {
    /// The next values of carries and what is emitted, as nodes of a scan's body.
    fn ends_of(
        &mut self,
        header: &Header,
        next: &[Option<TensorRef>],
        emitted: &[Option<TensorRef>],
        here: Span,
    ) -> Result<Carries> {
        if next.len() != header.carries.len() || next.len() + emitted.len() == 0 {
            let wanted = header.carries.len();
            let message = format!("{} next values for {wanted} carries", next.len());
            let error = Diagnostic::error(Code::Scan, message).at(here, "");
            return Err(self.push(error.help("give one for each, and carry or emit something")));
        }
        let mut outputs = Vec::new();
        for (k, (x, &first)) in next.iter().zip(&header.carries).enumerate() {
            let value = Value::Tensor(self.open_tensor(*x, here)?);
            let name = format!("carry.{k}").into();
            outputs.push(self.next_carry(&name, first, &value, (here, here))?);
        }
        for x in emitted {
            let value = Value::Tensor(self.open_tensor(*x, here)?);
            outputs.push(self.emitted(&value, here)?);
        }
        Ok(outputs)
    }

    /// Calls what is made after `wish`, and what makes variables after `target`; returns what it
    /// was before.
    fn call_after(&mut self, wish: String, target: Option<String>) -> (String, Option<String>) {
        let frame = self.frame();
        let outer = std::mem::replace(&mut frame.wish, wish);
        (outer, std::mem::replace(&mut frame.target, target))
    }

    /// A diagnostic as an error at a line of Rust, with the line of the library.
    fn refused(&self, diagnostic: &Diagnostic, caller: &Position) -> CompileError {
        let notes = diagnostic.notes.iter().filter_map(|note| note.span);
        let inside = notes.map(|span| self.position(span)).filter(|position| position != caller);
        let chain = std::iter::once(caller.clone()).chain(inside).collect();
        let provenance = Provenance::of(Site { chain, role: None });
        let label = diagnostic.labels.iter().find(|label| label.primary);
        let message = match label.map(|label| &*label.text) {
            None | Some("") => diagnostic.message.clone(),
            Some(label) => format!("{}: {label}", diagnostic.message),
        };
        let error = CompileError::new(diagnostic.code.id(), message, &provenance);
        match diagnostic.help.as_slice() {
            [] => error,
            help => error.with_help(help.join("; ")),
        }
    }

    fn is_open(&self, x: TensorRef) -> bool {
        self.regions.iter().chain(&self.finish).any(|region| region.id == x.0.region)
    }

    /// A tensor whose graph is still being made.
    pub(super) fn open_tensor(&mut self, x: Option<TensorRef>, here: Span) -> Result<Tensor> {
        let x = x.ok_or(Failed)?;
        if self.is_open(x) {
            return Ok(x.0);
        }
        let message = "this value is known only where it was made";
        let error = Diagnostic::error(Code::Total, message).at(here, "");
        let help = "totals are for the metric in which they are made, and what the body of a scan \
                    makes leaves it as a carry or as what is emitted";
        Err(self.push(error.help(help)))
    }

    /// A tensor that each batch has.
    fn of_batch(&mut self, x: Option<TensorRef>, here: Span) -> Result<Tensor> {
        let x = self.open_tensor(x, here)?;
        let node = self.bring_here(x)?;
        Ok(self.tensor(node))
    }

    /// The full name of a variable that was made before.
    fn existing(&mut self, name: &str, here: Span) -> Result<NodeName> {
        self.visible_variable(name).ok_or_else(|| {
            let message = format!("there is no variable `{name}` here");
            self.error(Code::NotAVariable, message, here, "")
        })
    }
}
