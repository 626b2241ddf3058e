//! Expressions: names, literals, operators, subscripts.

use std::sync::Arc;

use brolga_compiler::ir::{Dim, Origin, UnaryFn};
use brolga_compiler::ops::{Control, Leaf, Movement, Op};

use super::operators::Operand;
use super::regions::Clock;
use super::statements::bound_names;
use super::value::{Bare, FileId, FunctionRef, List, RegionId, Tensor, Value};
use super::{Binding, Elaborator, Failed, Result, SharedLayer};
use crate::ast::{Binary, BinaryOp, Expr, ExprKind, Index, IndexItem, IndexKind, Name, Subscript};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::foreign::{Place, hint};
use crate::source::Span;
use crate::spelling::similar;

impl Elaborator<'_> {
    /// The value of an expression. What it needs below it may nest only so deep.
    pub(super) fn expr(&mut self, expr: &Expr) -> Result<Value> {
        self.deeper(expr.span, |e| e.expr_inside(expr))
    }

    /// Runs `read` one level deeper, or reports that this is too deep.
    pub(super) fn deeper<T>(
        &mut self,
        span: Span,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.stopped {
            return Err(Failed);
        }
        if self.depth >= self.limits.depth {
            let message =
                format!("calls and expressions nest more than {} deep", self.limits.depth);
            let error = Diagnostic::error(Code::CallsTooDeep, message).at(span, "");
            return Err(self.push(error.help("bind inner values to names, or raise `--max-depth`")));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn expr_inside(&mut self, expr: &Expr) -> Result<Value> {
        match &expr.kind {
            ExprKind::Int(n) => Ok(Value::int(*n)),
            ExprKind::Float(x) => Ok(Value::float(*x)),
            ExprKind::Bool(b) => Ok(Value::bool(*b)),
            ExprKind::Str(text) => Ok(Value::Str(text.clone())),
            ExprKind::Training => Ok(Value::bool(self.here().training)),
            ExprKind::Step => self.clock_value(Clock::Step, expr.span),
            ExprKind::Epoch => self.clock_value(Clock::Epoch, expr.span),
            ExprKind::Element(element) => self.element(*element, expr.span).map(Value::Element),
            ExprKind::Name(name) => self.name(name),
            ExprKind::Call(call) => self.call(call, false),
            ExprKind::List(members) => self.list_of(members, expr.span),
            ExprKind::Neg(x) => self.prefix(UnaryFn::Neg, x, expr.span),
            ExprKind::Not(x) => self.prefix(UnaryFn::Not, x, expr.span),
            ExprKind::Binary(chain) => self.chain(chain),
            ExprKind::Index(index) => self.subscripts(index),
        }
    }

    /// The values of several expressions; all are read, so that all errors are found.
    pub(super) fn list_of(&mut self, members: &[Expr], span: Span) -> Result<Value> {
        let values: Vec<Result<Value>> = members.iter().map(|member| self.expr(member)).collect();
        let values: Vec<Value> = values.into_iter().collect::<Result<_>>()?;
        self.list(values, span)
    }

    /// A list that is not too large.
    pub(super) fn list(&mut self, members: Vec<Value>, span: Span) -> Result<Value> {
        let list = List::from(members);
        self.n_listed = self.n_listed.saturating_add(list.len());
        if self.n_listed / MAX_LISTS > self.limits.list {
            self.stopped = true;
            let message = "too many lists are made";
            return Err(self.error(Code::ListTooLarge, message, span, ""));
        }
        if list.size > self.limits.list {
            let message = format!("this list has more than {} members", self.limits.list);
            return Err(self.error(Code::ListTooLarge, message, span, ""));
        }
        if list.depth > MAX_LIST_DEPTH {
            let message = format!("lists nest more than {MAX_LIST_DEPTH} deep");
            return Err(self.error(Code::ListTooLarge, message, span, ""));
        }
        Ok(Value::List(list))
    }

    fn prefix(&mut self, f: UnaryFn, x: &Expr, span: Span) -> Result<Value> {
        let x = self.expr(x)?;
        self.at = span;
        self.unary(f, &x, span)
    }

    fn chain(&mut self, chain: &Binary) -> Result<Value> {
        let mut left = self.expr(&chain.first)?;
        let mut span = chain.first.span;
        for (k, link) in chain.rest.iter().enumerate() {
            let decided = match (&left, link.op) {
                (Value::Bare(Bare::Bool(true)), BinaryOp::Or)
                | (Value::Bare(Bare::Bool(false)), BinaryOp::And) => true,
                (_, _) => false,
            };
            if !decided {
                let right = self.expr(&link.rhs)?;
                self.at = link.span;
                let expr = (k == 0).then_some(&chain.first);
                let a = Operand { value: &left, span, expr };
                let b = Operand { value: &right, span: link.rhs.span, expr: Some(&link.rhs) };
                left = self.binary(link.op, a, b, link.span)?;
            }
            span = link.span;
        }
        Ok(left)
    }

    // Names.

    /// What a name is bound to, in the frame and in those that it sees.
    pub(super) fn find_value(&self, name: &str) -> Option<&Binding> {
        for frame in self.frames.iter().rev() {
            if let Some(binding) = frame.values.get(name) {
                return Some(binding);
            }
            if !frame.sees_outer {
                break;
            }
        }
        None
    }

    /// The value of a name: what it is bound to, a variable, a const, a symbol, or a function.
    fn name(&mut self, name: &Name) -> Result<Value> {
        self.at = name.span;
        if let Some(binding) = self.find_value(&name.text) {
            let value = binding.value.clone();
            return if value.is_poisoned() { Err(Failed) } else { self.or_pending(value) };
        }
        if let Some(variable) = self.visible_variable(&name.text) {
            let value = Value::Tensor(self.read_variable(&variable)?);
            return self.or_pending(value);
        }
        if let Some(value) = self.constant_named(self.here().file, &name.text) {
            return if value.is_poisoned() { Err(Failed) } else { Ok(value) };
        }
        if self.symbols.contains_key(&name.text) && self.here().file != FileId::STD {
            return Ok(Value::dim(Dim::symbol(&name.text)));
        }
        match self.function_named(&name.text) {
            Some(function) => Ok(Value::Function(function)),
            None => Err(self.unknown_name(name)),
        }
    }

    /// The value; in the update of a variable its own name is what is pending for it.
    fn or_pending(&mut self, value: Value) -> Result<Value> {
        let Value::Tensor(x) = value else { return Ok(value) };
        if self.updating.is_some() && self.updating == self.variable_of(x) {
            return self.add(Control::Pending, &[x]).map(Value::Tensor);
        }
        Ok(value)
    }

    /// The full name of the variable that `name` means here: below the path of the frame.
    pub(super) fn visible_variable(&self, name: &str) -> Option<Arc<str>> {
        let path = &self.here().path;
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        self.variables.get_key_value(below.as_str()).map(|(name, _)| name.clone())
    }

    /// A const that a file sees: its own, then those that it imports.
    pub(super) fn constant_named(&self, file: FileId, name: &str) -> Option<Value> {
        let own = |id: FileId| self.consts[id.0].get(name).map(|b| b.value.clone());
        own(file).or_else(|| self.program.file(file).imports.iter().find_map(|&id| own(id)))
    }

    fn unknown_name(&mut self, name: &Name) -> Failed {
        let message = format!("there is no `{}` here", name.text);
        let error = Diagnostic::error(Code::UnknownName, message).at(name.span, "");
        let in_main = self.here().file == FileId::MAIN;
        let bound = bound_names(&self.program.main().file.body)
            .into_iter()
            .find(|other| in_main && other.text == name.text);
        let error = match bound {
            Some(_) if self.frames[1..].iter().any(|frame| !frame.sees_outer) => error.help(
                format!("a function sees its arguments alone: give it `{}` as one", name.text),
            ),
            Some(bound) => {
                let line = self.sources.start(bound.span).line;
                error.help(format!(
                    "it is bound at line {line}; values are bound before they are used"
                ))
            }
            None => match self.meant_name(&name.text) {
                Some(advice) => error.help(advice),
                None => error,
            },
        };
        self.push(error)
    }

    /// What may be meant by a name that nothing has.
    fn meant_name(&self, name: &str) -> Option<String> {
        if let Some(hint) = hint(Place::Value, name) {
            return Some(hint);
        }
        match self.similar_name(name).or_else(|| self.similar_function(name)) {
            Some(similar) => Some(format!("is `{similar}` meant?")),
            // A constant of a file's functions is named in the file, not where they are called.
            None if self.frames.len() == 1 => Some(format!(
                "a name is bound above its first use: `{name} = ...`, or `input {name}: \
                 i32[batch]` if it is fed"
            )),
            None => None,
        }
    }

    fn similar_name(&self, name: &str) -> Option<String> {
        let mut candidates: Vec<&str> = Vec::new();
        for frame in self.frames.iter().rev() {
            candidates.extend(frame.values.keys().map(|key| &**key));
            if !frame.sees_outer {
                break;
            }
        }
        let file = self.here().file;
        candidates.extend(self.consts[file.0].keys().map(|key| &**key));
        if file != FileId::STD {
            candidates.extend(self.symbols.keys().map(|key| &**key));
        }
        if self.frames.len() == 1 {
            candidates.extend(self.variables.keys().map(|key| &**key));
        }
        similar(name, candidates.into_iter()).map(str::to_owned)
    }

    /// The function that a name means: a shared layer, a function of the files, an operation.
    pub(super) fn function_named(&self, name: &str) -> Option<FunctionRef> {
        let file = self.here().file;
        let is_called =
            |shared: &SharedLayer| shared.function.is_some() && *shared.name.text == *name;
        let shared = self.shared.iter().rposition(is_called);
        if let Some(number) = shared.filter(|_| file == FileId::MAIN) {
            return Some(FunctionRef::Shared(number));
        }
        if let Some((id, function)) = self.program.function(file, name) {
            return Some(FunctionRef::Graph(id, function.clone()));
        }
        super::builtins::find(name).map(FunctionRef::Builtin)
    }

    // Leaves.

    fn clock_value(&mut self, clock: Clock, span: Span) -> Result<Value> {
        self.at = span;
        self.clock(clock).map(Value::Tensor)
    }

    /// The seed, or what counts steps, epochs or batches, in the innermost graph.
    pub(super) fn clock(&mut self, clock: Clock) -> Result<Tensor> {
        let initial = self.initial_home();
        let (is_initial, home) = (initial.is_some(), initial.unwrap_or(0));
        let provenance = self.provenance();
        let region = &mut self.regions[home];
        let (slot, leaf) = match clock {
            Clock::Seed => (&mut region.clocks.seed, Leaf::Seed),
            Clock::Step | Clock::Batch if is_initial => {
                let zero = brolga_compiler::ir::Scalar::I64(0);
                (&mut region.clocks.step, Leaf::constant(zero))
            }
            Clock::Step => (&mut region.clocks.step, Leaf::Step),
            Clock::Epoch => (&mut region.clocks.epoch, Leaf::Epoch),
            Clock::Batch => (&mut region.clocks.batch, Leaf::Batch),
        };
        let node = match *slot {
            Some(node) => node,
            None => {
                let origin = Origin { name: None, provenance };
                let node = region.graph.add(Op::from(leaf), &[], &origin);
                *slot.insert(node.expect("a leaf has the type that it says"))
            }
        };
        let tensor = Tensor { node, region: RegionId(region.id.0) };
        let node = self.bring_here(tensor)?;
        Ok(self.tensor(node))
    }

    // Subscripts.

    fn subscripts(&mut self, index: &Index) -> Result<Value> {
        let mut value = self.expr(&index.base)?;
        for subscript in &index.subscripts {
            value = match &value {
                Value::List(members) => self.pick(members, subscript)?,
                Value::Tensor(x) => {
                    let n_before = self.region().graph.n_numbers();
                    let slice = self.slice(*x, subscript)?;
                    if self.names_alone { self.own_result(slice, n_before)? } else { slice }
                }
                Value::Poison => return Err(Failed),
                other => {
                    let message = format!("{} has no members to pick", other.kind());
                    return Err(self.error(Code::WrongKind, message, subscript.span, ""));
                }
            };
        }
        Ok(value)
    }

    /// A member of a list, or a part of it.
    fn pick(&mut self, members: &[Value], subscript: &Subscript) -> Result<Value> {
        let [item] = subscript.items.as_slice() else {
            let message = "a list has one axis";
            return Err(self.error(Code::NoSuchAxis, message, subscript.span, ""));
        };
        let n = members.len() as i64;
        match &item.kind {
            IndexKind::Ellipsis => Ok(Value::list(members.to_vec())),
            IndexKind::At(expr) => {
                let value = self.expr(expr)?;
                let at = self.integer(&value, "an index", expr.span)?;
                let from_start = if at < 0 { at.saturating_add(n) } else { at };
                let found = usize::try_from(from_start).ok().and_then(|k| members.get(k));
                match found {
                    Some(member) => Ok(member.clone()),
                    None => {
                        let message = format!("there is no member {at} in a list of {n}");
                        Err(self.error(Code::OutOfRange, message, item.span, ""))
                    }
                }
            }
            IndexKind::Slice { start, stop, step } => {
                let bound = |e: &mut Self, expr: &Option<Expr>, default: i64| match expr {
                    None => Ok(default),
                    Some(expr) => {
                        let value = e.expr(expr)?;
                        let at = e.integer(&value, "an index", expr.span)?;
                        Ok(if at < 0 { at.saturating_add(n) } else { at })
                    }
                };
                let (start, stop) = (bound(self, start, 0)?, bound(self, stop, n)?);
                let step = match step {
                    None => 1,
                    Some(expr) => {
                        let value = self.expr(expr)?;
                        self.integer(&value, "a step", expr.span)?
                    }
                };
                if start < 0 || stop > n || step < 1 {
                    let message = format!("this reaches beyond a list of {n}");
                    return Err(self.error(Code::OutOfRange, message, item.span, ""));
                }
                let range = start as usize..stop.max(start) as usize;
                let part = members.get(range).unwrap_or_default();
                Ok(Value::list(part.iter().step_by(step as usize).cloned().collect()))
            }
        }
    }

    /// `x[1:3, :, -1]`: a slice, then a reshape that drops the axes of integers.
    fn slice(&mut self, x: Tensor, subscript: &Subscript) -> Result<Value> {
        let shape = self.tensor_type(x).shape.clone();
        let items = self.items_per_axis(subscript, shape.len())?;
        let (mut start, mut len, mut step) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept = Vec::new();
        for (size, item) in shape.iter().zip(items) {
            let part = match item {
                None => Part { start: Dim::number(0), len: size.clone(), step: 1, drops: false },
                Some(item) => self.part(item, size)?,
            };
            if !part.drops {
                kept.push(part.len.clone());
            }
            start.push(part.start);
            len.push(part.len);
            step.push(part.step);
        }
        self.at = subscript.span;
        let y = if len == shape && step.iter().all(|&s| s == 1) {
            x
        } else {
            self.add(Movement::Slice { start, len, step }, &[x])?
        };
        if kept.len() == shape.len() {
            return Ok(Value::Tensor(y));
        }
        Ok(Value::Tensor(self.build(&[y], |build, y| build.reshape(y[0], &kept))?))
    }

    /// What is said of each axis; `None` where all of it is taken.
    fn items_per_axis<'s>(
        &mut self,
        subscript: &'s Subscript,
        rank: usize,
    ) -> Result<Vec<Option<&'s IndexItem>>> {
        let is_ellipsis = |item: &IndexItem| matches!(item.kind, IndexKind::Ellipsis);
        let n_ellipses = subscript.items.iter().filter(|item| is_ellipsis(item)).count();
        let n_said = subscript.items.len() - n_ellipses;
        if n_ellipses > 1 || n_said > rank {
            let message = match n_ellipses {
                0 | 1 => format!("{n_said} indices for {rank} axes"),
                _ => "`...` may stand once".to_owned(),
            };
            return Err(self.error(Code::NoSuchAxis, message, subscript.span, ""));
        }
        let mut items = Vec::with_capacity(rank);
        for item in &subscript.items {
            if is_ellipsis(item) {
                items.extend(std::iter::repeat_n(None, rank - n_said));
            } else {
                items.push(Some(item));
            }
        }
        items.resize(rank, None);
        Ok(items)
    }

    fn part(&mut self, item: &IndexItem, size: &Dim) -> Result<Part> {
        match &item.kind {
            IndexKind::Ellipsis => {
                Ok(Part { start: Dim::number(0), len: size.clone(), step: 1, drops: false })
            }
            IndexKind::At(expr) => {
                let start = self.bound(expr, size)?;
                Ok(Part { start, len: Dim::number(1), step: 1, drops: true })
            }
            IndexKind::Slice { start, stop, step } => {
                let start = match start {
                    Some(expr) => self.bound(expr, size)?,
                    None => Dim::number(0),
                };
                let stop = match stop {
                    Some(expr) => self.bound(expr, size)?,
                    None => size.clone(),
                };
                let step = match step {
                    Some(expr) => self.step_of(expr)?,
                    None => 1,
                };
                let by = Dim::number(step);
                let len = stop
                    .sub(&start)
                    .and_then(|extent| extent.add(&Dim::number(step - 1)))
                    .and_then(|extent| extent.floor_div(&by));
                match len {
                    Ok(len) => Ok(Part { start, len, step, drops: false }),
                    Err(error) => {
                        Err(self.error(Code::Dimension, error.to_string(), item.span, ""))
                    }
                }
            }
        }
    }

    /// An index from the start of an axis; a negative number counts from its end.
    fn bound(&mut self, expr: &Expr, size: &Dim) -> Result<Dim> {
        let value = self.expr(expr)?;
        if let Value::Tensor(_) = value {
            let message = "an index must be known at compile time";
            let error = Diagnostic::error(Code::NotCompileTime, message).at(expr.span, "a tensor");
            return Err(self.push(error.help("`gather(x, ids, axis)` picks by a tensor")));
        }
        if let Value::List(_) = value {
            let message = "an index is one number";
            let error = Diagnostic::error(Code::WrongKind, message).at(expr.span, "a list");
            return Err(self.push(error.help("`gather(x, ids, axis)` picks by a list of them")));
        }
        let dim = self.dim(&value, expr.span)?;
        let at = match dim.as_number() {
            Some(n) if n < 0 => size.add(&dim),
            Some(_) | None => Ok(dim.clone()),
        };
        match at {
            Ok(at) if at.as_number().is_some_and(|n| n < 0) => {
                let message = format!("the index {dim} is out of range for an axis of {size}");
                Err(self.error(Code::OutOfRange, message, expr.span, ""))
            }
            Ok(at) => Ok(at),
            Err(error) => Err(self.error(Code::Dimension, error.to_string(), expr.span, "")),
        }
    }

    fn step_of(&mut self, expr: &Expr) -> Result<i64> {
        let value = self.expr(expr)?;
        let step = self.integer(&value, "a step", expr.span)?;
        if step >= 1 {
            return Ok(step);
        }
        let message = "a step is positive";
        let error = Diagnostic::error(Code::OutOfRange, message).at(expr.span, "");
        Err(self.push(error.help("`reverse(x, axis)` turns an axis around")))
    }
}

/// What is taken of one axis.
struct Part {
    start: Dim,
    len: Dim,
    step: i64,
    /// Whether the result lacks the axis.
    drops: bool,
}

/// How many lists of the largest size may be made: making them takes time.
const MAX_LISTS: usize = 10;

/// Deeper than anyone writes, and safe for walks that recurse.
const MAX_LIST_DEPTH: usize = 64;
