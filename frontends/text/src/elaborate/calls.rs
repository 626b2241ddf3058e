//! Calls: what a name before `(` means, how arguments meet formals, the path of calls that names
//! variables, and the one instance of a shared layer.

use std::sync::Arc;

use super::value::{
    Args, Builtin, FileId, FunctionRef, GivenArg, Initial, Value, members, signature,
};
use super::{Elaborator, Failed, Frame, Result, SharedLayer};
use crate::ast::{Arg, CallExpr, Expr, ExprKind, Formal, Function, FunctionBody, Name, Shared};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::foreign::{self, Place, hint};
use crate::source::Span;
use crate::spelling::{has_letters_of, similar};
use crate::unused::Layer;

/// The evaluated arguments of a call, and what any call may say.
pub(super) struct Given {
    pub(super) args: Vec<GivenArg>,
    /// `name="fc1"`
    pub(super) name: Option<(Arc<str>, Span)>,
    /// `training=false`
    pub(super) training: Option<bool>,
}

/// Where a call stands.
#[derive(Clone, Copy)]
pub(super) struct CallSite<'n> {
    /// The name as it is written.
    pub(super) name: &'n str,
    /// Name and arguments.
    pub(super) span: Span,
    /// Whether the call is the whole right side of a binding.
    pub(super) is_whole: bool,
}

impl Elaborator<'_> {
    /// The value of a call.
    pub(super) fn call(&mut self, call: &CallExpr, is_whole: bool) -> Result<Value> {
        let site = CallSite { name: &call.name.text, span: call.span, is_whole };
        let callee = match self.callee(&call.name.text) {
            Some(callee) => Ok(callee),
            None => Err(self.unknown_function(&call.name)),
        };
        let given = self.given(call, callee.as_ref().is_ok_and(differentiates));
        let (callee, given) = (callee?, given?);
        self.at = call.span;
        self.call_value(callee, given, site)
    }

    /// Calls a value that is a function.
    pub(super) fn call_value(
        &mut self,
        callee: Value,
        given: Given,
        site: CallSite<'_>,
    ) -> Result<Value> {
        match callee {
            Value::Initial(initial) => self.call_initial(&initial, given, site),
            Value::Function(function) => self.call_function(&function, given, site),
            other => {
                let message = format!("`{}` is {}, not a function", site.name, other.kind());
                Err(self.error(Code::UnknownFunction, message, site.span, ""))
            }
        }
    }

    /// What a name before `(` means: an argument or const that is a function, else a function.
    pub(super) fn callee(&self, name: &str) -> Option<Value> {
        let is_function = |value: &Value| matches!(value, Value::Function(_) | Value::Initial(_));
        let bound = self.find_value(name).map(|binding| &binding.value);
        if let Some(value) = bound.filter(|value| is_function(value)) {
            return Some(value.clone());
        }
        let constant = self.constant_named(self.here().file, name);
        if let Some(value) = constant.filter(is_function) {
            return Some(value);
        }
        self.function_named(name).map(Value::Function)
    }

    pub(super) fn unknown_function(&mut self, name: &Name) -> Failed {
        let (name, span) = (&name.text, name.span);
        if let Some(later) = super::builtins::not_yet(name) {
            let message = format!("`{name}` is not available yet");
            return self.error(Code::NotAvailableYet, message, span, later);
        }
        if let Some(error) = self.argument_as_function(name, span) {
            return self.push(error);
        }
        let message = format!("there is no function `{name}`");
        let error = Diagnostic::error(Code::UnknownFunction, message).at(span, "");
        if let Some(hint) = hint(Place::Function, name) {
            return self.push(error.help(hint));
        }
        let error = match self.similar_function(name) {
            Some(similar) if has_letters_of(name, &similar) => {
                let error = error.help(format!("is `{similar}` meant?"));
                match self.signature_of(&similar) {
                    Some(signature) => error.help(format!("it is {signature}")),
                    None => error,
                }
            }
            Some(similar) => error.help(format!("is `{similar}` meant?")),
            None if self.find_value(name).is_some() => {
                error.help(format!("`{name}` is a value; `[ ]` picks from it"))
            }
            None => error,
        };
        self.push(error)
    }

    /// What is wrong where a function calls an argument that is none: `act="relu"`.
    fn argument_as_function(&self, name: &str, span: Span) -> Option<Diagnostic> {
        let function = self.here().function.as_ref()?;
        let is_formal = function.formals.iter().any(|formal| &*formal.name.text == name);
        let value = &self.find_value(name).filter(|_| is_formal)?.value;
        let (of, kind) = (&function.name.text, value.kind());
        let message = format!("`{name}` of `{of}` is {kind}, not a function");
        let error = Diagnostic::error(Code::WrongKind, message).at(span, "");
        Some(self.with_function_hint(error, value))
    }

    /// The error, with what to write where a string names a function that is meant, or a function
    /// is not called.
    pub(super) fn with_function_hint(&self, error: Diagnostic, value: &Value) -> Diagnostic {
        let text = match value {
            Value::Str(text) => text,
            Value::Function(function) => {
                return match function.signature() {
                    Some(signature) => error.help(format!("call it: `{signature}`")),
                    None => error,
                };
            }
            _ => return error,
        };
        let name = self.function_named(text).map(|_| text.to_string());
        match name.or_else(|| self.similar_function(text)) {
            Some(name) => error.help(format!("write `{name}` without quotes")),
            None => hint(Place::Function, text).into_iter().fold(error, Diagnostic::help),
        }
    }

    /// The function that a misspelt name may mean.
    pub(super) fn similar_function(&self, name: &str) -> Option<String> {
        let of_files = self.program.function_names(self.here().file).into_iter();
        let names = of_files.chain(super::builtins::names().map(|name| name as &str));
        similar(name, names).map(str::to_owned)
    }

    /// The head of a function, as it is written.
    fn signature_of(&self, name: &str) -> Option<String> {
        self.function_named(name)?.signature()
    }

    /// The values of the arguments; all are read, so that all errors are found. Those of `grad`
    /// after the first are what the gradient is with respect to.
    fn given(&mut self, call: &CallExpr, is_grad: bool) -> Result<Given> {
        let read = |(k, arg): (usize, &Arg)| {
            let name = arg.name.as_ref().map(|name| name.text.clone());
            let is_x = is_grad && name.as_ref().map_or(k > 0, |name| &**name == "x");
            let outer = self.names_alone;
            self.names_alone |= is_x;
            let value = self.expr(&arg.value);
            self.names_alone = outer;
            Ok(GivenArg { name, value: value?, span: arg.value.span })
        };
        let args: Vec<Result<GivenArg>> = call.args.iter().enumerate().map(read).collect();
        let n_args = args.len();
        let args: Vec<GivenArg> = args.into_iter().flatten().collect();
        let failed = args.len() < n_args;
        let given = self.sorted(args)?;
        if failed { Err(Failed) } else { Ok(given) }
    }

    /// Takes what any call may say out of its arguments.
    pub(super) fn sorted(&mut self, args: Vec<GivenArg>) -> Result<Given> {
        let mut given = Given { args: Vec::new(), name: None, training: None };
        let mut failed = false;
        for arg in args {
            let span = arg.span;
            match arg.name.as_deref() {
                Some("name") => match arg.value {
                    Value::Str(name) if is_path(&name) => given.name = Some((name, span)),
                    _ => {
                        let message = "`name` is a string that reads as a name";
                        self.error(Code::WrongArguments, message, span, "");
                        failed = true;
                    }
                },
                Some("training") => match self.truth(&arg.value, "`training`", span) {
                    Ok(training) => given.training = Some(training),
                    Err(Failed) => failed = true,
                },
                Some(_) | None => given.args.push(arg),
            }
        }
        if failed { Err(Failed) } else { Ok(given) }
    }

    /// Calls a function with evaluated arguments.
    pub(super) fn call_function(
        &mut self,
        function: &FunctionRef,
        given: Given,
        site: CallSite<'_>,
    ) -> Result<Value> {
        match function {
            FunctionRef::Builtin(builtin) => self.call_builtin(builtin, given, site),
            FunctionRef::Shared(number) => self.call_shared(*number, given, site),
            FunctionRef::Graph(file, function) => {
                if is_initialiser(function) && !gives_shape(&given.args) {
                    let function = FunctionRef::Graph(*file, function.clone());
                    let initial = Initial { function, args: given.args, span: site.span };
                    return Ok(Value::Initial(Arc::new(initial)));
                }
                let path = self.path_of_call(given.name.as_ref().map(|(name, _)| &**name), site);
                self.call_graph(*file, function, given, site, path)
            }
        }
    }

    /// Calls an initialiser that has its arguments with a shape.
    fn call_initial(
        &mut self,
        initial: &Initial,
        given: Given,
        site: CallSite<'_>,
    ) -> Result<Value> {
        let mut args = shape_first(given.args);
        args.extend(named_after_shape(&initial.function, &initial.args));
        self.call_function(&initial.function.clone(), Given { args, ..given }, site)
    }

    fn call_builtin(
        &mut self,
        builtin: &'static Builtin,
        given: Given,
        site: CallSite<'_>,
    ) -> Result<Value> {
        let names: Vec<&str> = builtin.formals.iter().map(|formal| formal.name).collect();
        let Given { args, name, training } = given;
        let args = match builtin.name {
            "concat" => parts_as_list(args, 0, |x| matches!(x, Value::Tensor(_))),
            // A list alone holds the operands.
            "einsum" if args.len() > 2 => parts_as_list(args, 1, |_| true),
            "einsum" => parts_as_list(args, 1, |x| !matches!(x, Value::List(_))),
            _ => args,
        };
        let values = self.bind_args(builtin.name, &names, args)?;
        for (formal, value) in builtin.formals.iter().zip(&values) {
            if value.is_none() && formal.required {
                let message = format!("`{}` needs the argument `{}`", builtin.name, formal.name);
                let error = Diagnostic::error(Code::WrongArguments, message).at(site.span, "");
                return Err(self.push(error.help(format!("it is {}", builtin.signature()))));
            }
        }
        self.at = site.span;
        let values = values.into_iter().map(|arg| arg.map(|arg| (arg.value, arg.span))).collect();
        let outside = self.here().training;
        if let Some(training) = training {
            self.frame().training = training;
        }
        let name = name.map(|(name, _)| name);
        let n_before = self.region().graph.n_numbers();
        let result = (builtin.run)(self, Args { builtin, values, span: site.span, name });
        self.frame().training = outside;
        if self.names_alone { self.own_result(result?, n_before) } else { result }
    }

    /// The arguments in the order of the formals.
    fn bind_args(
        &mut self,
        function: &str,
        formals: &[&str],
        args: Vec<GivenArg>,
    ) -> Result<Vec<Option<GivenArg>>> {
        let mut bound: Vec<Option<GivenArg>> = formals.iter().map(|_| None).collect();
        let refuse = |e: &mut Self, message: String, span: Span, hint: Option<String>| {
            let error = Diagnostic::error(Code::WrongArguments, message).at(span, "");
            let error = hint.into_iter().fold(error, Diagnostic::help);
            let list = formals.join(", ");
            e.push(error.help(format!("its arguments are ({list})")))
        };
        for (k, arg) in args.into_iter().enumerate() {
            let span = arg.span;
            let slot = match &arg.name {
                None if k < formals.len() => k,
                None => {
                    let message =
                        format!("`{function}` takes {} arguments, not more", formals.len());
                    return Err(refuse(self, message, span, None));
                }
                Some(name) => match formals.iter().position(|formal| *formal == &**name) {
                    Some(slot) => slot,
                    None => {
                        let message = format!("`{function}` has no argument `{name}`");
                        return Err(refuse(self, message, span, argument_hint(name, formals)));
                    }
                },
            };
            if bound[slot].is_some() {
                let message = format!("`{}` of `{function}` is given twice", formals[slot]);
                return Err(self.error(Code::RepeatedArgument, message, span, ""));
            }
            bound[slot] = Some(arg);
        }
        Ok(bound)
    }

    // Functions of the language.

    /// Expands a function: its variables are called after `path`.
    fn call_graph(
        &mut self,
        file: FileId,
        function: &Arc<Function>,
        given: Given,
        site: CallSite<'_>,
        path: String,
    ) -> Result<Value> {
        self.check_call(function, site)?;
        let name = &function.name.text;
        let formals: Vec<&str> = function.formals.iter().map(|f| &*f.name.text).collect();
        let bound = self.bind_args(name, &formals, given.args)?;
        let training = given.training.or_else(|| own_training(function));
        let training = training.unwrap_or(self.here().training);
        let mut frame = Frame::new(file, path.clone(), training);
        frame.function = Some(function.clone());
        frame.call = Some(site.span);
        frame.shared = self.opening_shared.take();
        for (formal, arg) in function.formals.iter().zip(bound) {
            let (value, span) = match arg {
                Some(arg) => {
                    frame.given.push((formal.name.text.clone(), arg.value.clone()));
                    (arg.value, arg.span)
                }
                None => (self.default(file, function, formal, site)?, formal.name.span),
            };
            let binding = super::Binding { value, span, declared: None };
            frame.values.insert(formal.name.text.clone(), binding);
        }
        let n_touched = self.n_touched;
        let outer_mark = self.mark.clone();
        self.frames.push(frame);
        let value = self.deeper(site.span, |e| e.body(function));
        self.frames.pop();
        self.mark = outer_mark;
        self.n_calls += 1;
        if self.n_touched > n_touched {
            if let Ok(value) = &value {
                self.keep_layer(&path, function, value, site.span);
            }
            self.taken.entry(path).or_insert(1);
        }
        self.at = site.span;
        value
    }

    /// Keeps a call that has made variables, if it stands in the file itself.
    fn keep_layer(&mut self, path: &str, function: &Function, value: &Value, span: Span) {
        let is_outermost = self.frames.iter().all(|frame| frame.function.is_none());
        if !is_outermost || self.layers.iter().any(|layer| &*layer.path == path) {
            return;
        }
        let tensors = members(value).into_iter().filter_map(|member| match member {
            Value::Tensor(x) => Some(self.tensor_type(x).clone()),
            _ => None,
        });
        let (function, outputs) = (function.name.text.clone(), tensors.collect());
        self.layers.push(Layer { path: path.into(), function, outputs, span });
    }

    fn check_call(&mut self, function: &Arc<Function>, site: CallSite<'_>) -> Result<()> {
        let is_open =
            |frame: &Frame| frame.function.as_ref().is_some_and(|open| Arc::ptr_eq(open, function));
        if self.frames.iter().any(is_open) {
            let message = format!("`{}` calls itself", function.name.text);
            let error = Diagnostic::error(Code::CallsItself, message).at(site.span, "");
            return Err(self.push(error.help("`for` repeats at compile time, `scan` at run time")));
        }
        self.n_calls += 1;
        if self.n_calls / 2 > self.limits.calls {
            self.stopped = true;
            let message = format!("more than {} calls are expanded", self.limits.calls);
            let error = Diagnostic::error(Code::TooManyCalls, message).at(site.span, "");
            return Err(self.push(error.help("use `scan` for long loops, or raise `--max-calls`")));
        }
        Ok(())
    }

    /// The value of an argument that the call leaves out.
    fn default(
        &mut self,
        file: FileId,
        function: &Function,
        formal: &Formal,
        site: CallSite<'_>,
    ) -> Result<Value> {
        let Some(default) = &formal.default else {
            let name = &function.name.text;
            let message = format!("`{name}` needs the argument `{}`", formal.name.text);
            let error = Diagnostic::error(Code::WrongArguments, message).at(site.span, "");
            return Err(self.push(error.help(format!("it is {}", signature(function)))));
        };
        // A default sees no values, as in Python: it belongs to the place of the definition.
        let mut frame = Frame::new(file, String::new(), self.here().training);
        frame.call = Some(site.span);
        self.frames.push(frame);
        let value = self.expr(default);
        self.frames.pop();
        value
    }

    fn body(&mut self, function: &Function) -> Result<Value> {
        match &function.body {
            FunctionBody::Expr(expr) => self.unbound(expr),
            FunctionBody::Block(block) => {
                let n_errors = self.diagnostics.n_errors();
                self.statements(&block.body);
                match self.frame().returned.take() {
                    Some(value) if value.is_poisoned() => Err(Failed),
                    Some(value) => Ok(value),
                    None if self.diagnostics.n_errors() > n_errors || self.stopped => Err(Failed),
                    None => {
                        let name = &function.name;
                        let message = format!("`{}` returns nothing", name.text);
                        let error = Diagnostic::error(Code::NoReturn, message).at(name.span, "");
                        Err(self.push(error.help("end its block with `return ...`")))
                    }
                }
            }
        }
    }

    /// An expression whose value is bound to no name.
    pub(super) fn unbound(&mut self, expr: &Expr) -> Result<Value> {
        let target = self.frame().target.take();
        let value = self.expr(expr);
        self.frame().target = target;
        value
    }

    // Paths.

    /// The path for the variables of a call: the first that is free.
    pub(super) fn path_of_call(&mut self, name: Option<&str>, site: CallSite<'_>) -> String {
        let frame = self.here();
        let wish = match (name, &frame.target) {
            (Some(name), _) => frame.below(name),
            (None, Some(target)) if site.is_whole => target.clone(),
            (None, Some(target)) => format!("{target}.{}", site.name),
            (None, None) => frame.below(site.name),
        };
        self.free_path(wish)
    }

    fn free_path(&mut self, wish: String) -> String {
        let Some(&first) = self.taken.get(&wish) else { return wish };
        let mut n = first;
        while self.taken.contains_key(&format!("{wish}.{n}")) {
            n += 1;
        }
        self.taken.insert(wish.clone(), n);
        format!("{wish}.{n}")
    }

    // Shared layers.

    /// `shared NAME: LAYER(ARGS)`
    pub(super) fn declare_shared(&mut self, shared: &Shared) -> Result<()> {
        let name = &shared.name;
        let path = self.here().below(&name.text);
        if let Some(first) = self.shared.iter().find(|s| s.path == path) {
            let first = first.name.span;
            let message = format!("the shared layer `{}` is declared twice", name.text);
            let error = Diagnostic::error(Code::AlreadyDeclared, message);
            return Err(self.push(error.at(name.span, "again here").with(first, "first here")));
        }
        let given = self.given(&shared.layer, false)?;
        let function = match self.callee(&shared.layer.name.text) {
            Some(Value::Function(function @ FunctionRef::Graph(..))) => function,
            Some(_) => {
                let message = format!("`{}` is not a layer", shared.layer.name.text);
                let span = shared.layer.name.span;
                return Err(self.error(Code::WrongKind, message, span, "it makes no variables"));
            }
            None => return Err(self.unknown_function(&shared.layer.name)),
        };
        if let Some(arg) = given.args.iter().find(|arg| arg.name.is_none()) {
            let message = "a shared layer's arguments are given by name";
            let span = arg.span;
            return Err(self.error(Code::WrongArguments, message, span, ""));
        }
        let (name, args, function) = (name.clone(), given.args, Some(function));
        self.shared.push(SharedLayer { name, function, args, path, made: false });
        Ok(())
    }

    fn call_shared(&mut self, number: usize, given: Given, site: CallSite<'_>) -> Result<Value> {
        let shared = &self.shared[number];
        let Some(FunctionRef::Graph(file, function)) = shared.function.clone() else {
            return Err(Failed);
        };
        let path = shared.path.clone();
        let given_here = |arg: &&GivenArg| !given.args.iter().any(|own| own.name == arg.name);
        let more: Vec<GivenArg> = shared.args.iter().filter(given_here).cloned().collect();
        let mut args = given.args.clone();
        args.extend(more);
        let freed = self.free_paths(&path);
        self.opening_shared = Some(number);
        let value = self.call_graph(file, &function, Given { args, ..given }, site, path);
        self.opening_shared = None;
        self.end_shared(number, freed);
        value
    }

    /// Frees the paths of an instance, so that the same calls find the same variables; returns them.
    pub(super) fn free_paths(&mut self, path: &str) -> Vec<String> {
        let below = format!("{path}.");
        let inside = self.taken.range(below.clone()..);
        let inside: Vec<String> = inside
            .map(|(taken, _)| taken.clone())
            .take_while(|taken| taken.starts_with(&below))
            .chain([path.to_owned()])
            .collect();
        for taken in &inside {
            self.taken.remove(taken);
        }
        inside
    }

    /// Ends a call of a shared layer, for which these paths were freed.
    pub(super) fn end_shared(&mut self, number: usize, freed: Vec<String>) {
        for taken in freed {
            self.taken.entry(taken).or_insert(1);
        }
        self.shared[number].made = true;
    }
}

/// What is meant by an argument that a function does not have.
pub(super) fn argument_hint(name: &str, formals: &[&str]) -> Option<String> {
    let of_others = foreign::argument(name, formals);
    let near = || similar(name, formals.iter().copied());
    of_others.or_else(|| near().map(|similar| format!("is `{similar}` meant?")))
}

/// The `training` that a function's own argument of that name says by default.
fn own_training(function: &Function) -> Option<bool> {
    let formal = function.formals.iter().find(|formal| &*formal.name.text == "training")?;
    match formal.default.as_ref()?.kind {
        ExprKind::Bool(training) => Some(training),
        _ => None,
    }
}

/// The arguments of `concat(a, b, axis=0)`, as it is printed, as `concat([a, b], axis=0)`.
fn parts_as_list(
    mut args: Vec<GivenArg>,
    first: usize,
    is_one: impl Fn(&Value) -> bool,
) -> Vec<GivenArg> {
    let is_part = |arg: &&GivenArg| arg.name.is_none() && is_one(&arg.value);
    let n_parts = args.iter().skip(first).take_while(is_part).count();
    if n_parts == 0 {
        return args;
    }
    let rest = args.split_off(first + n_parts);
    let parts = args.split_off(first);
    let span = parts[0].span;
    let value = Value::list(parts.into_iter().map(|arg| arg.value).collect());
    args.push(GivenArg { name: None, value, span });
    args.extend(rest);
    args
}

/// Whether a function makes initial values: its first arguments are `shape` and `dtype`.
pub(super) fn is_initialiser(function: &Function) -> bool {
    let named = |k: usize, name: &str| {
        function.formals.get(k).is_some_and(|f| &*f.name.text == name && f.default.is_none())
    };
    named(0, "shape") && named(1, "dtype")
}

/// Whether a call of an initialiser says of which shape.
fn gives_shape(args: &[GivenArg]) -> bool {
    args.iter().any(|arg| match &arg.name {
        Some(name) => &**name == "shape",
        None => matches!(arg.value, Value::List(_)),
    })
}

/// The arguments of a call of an initialiser by name: first the shape, then the element type.
fn shape_first(args: Vec<GivenArg>) -> Vec<GivenArg> {
    let names = ["shape", "dtype"];
    let name = |k: usize| names.get(k).map(|name| Arc::from(*name));
    let named = |(k, arg): (usize, GivenArg)| GivenArg { name: arg.name.or(name(k)), ..arg };
    args.into_iter().enumerate().map(named).collect()
}

/// The other arguments of an initialiser, by name.
pub(super) fn named_after_shape(function: &FunctionRef, args: &[GivenArg]) -> Vec<GivenArg> {
    let FunctionRef::Graph(_, function) = function else { return args.to_vec() };
    let formal = |k: usize| function.formals.get(k + 2).map(|f| f.name.text.clone());
    let named = |(k, arg): (usize, &GivenArg)| GivenArg {
        // One too many keeps a name that no formal has, and is refused with the call.
        name: arg.name.clone().or(formal(k)).or(Some("too many".into())),
        ..arg.clone()
    };
    args.iter().enumerate().map(named).collect()
}

/// Whether a string is a scoped name.
fn is_path(text: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    !text.starts_with(|c: char| c.is_ascii_digit()) && text.split('.').all(is_word)
}

/// Whether a function is `grad`.
fn differentiates(callee: &Value) -> bool {
    matches!(callee, Value::Function(FunctionRef::Builtin(builtin)) if builtin.name == "grad")
}
