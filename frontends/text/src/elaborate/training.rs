//! What is reported and what is trained: outputs, metrics, steps and updates.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use brolga_compiler::ir::{
    self, DType, Metric, MetricKind, NodeId, OptimizerArgument, OptimizerCall, ParameterGroup,
    TensorType, TrainingStep, VariableKind,
};
use brolga_compiler::ops::{Leaf, Op};
use brolga_compiler::optimizer;

use super::calls::argument_hint;
use super::regions::{Region, RegionKind};
use super::value::{Bare, Tensor, Value};
use super::{Elaborator, Failed, Result};
use crate::ast::{CallExpr, Minimize, Name, Pattern, Report, Update};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::foreign::{Place, hint};
use crate::source::Span;
use crate::spelling::similar;
use crate::unused::reached;

/// An argument of an optimiser with its default.
pub(super) type Formal = (&'static str, optimizer::Default);

impl Elaborator<'_> {
    /// `output NAME`, `output NAME = EXPR`
    pub(super) fn output(&mut self, report: &Report) -> Result<()> {
        self.check_new_output(&report.name)?;
        let x = self.reported(report)?;
        self.regions[0].graph.outputs.push((report.name.text.clone(), x.node));
        Ok(())
    }

    /// Refuses an output of a name that is taken.
    pub(super) fn check_new_output(&mut self, name: &Name) -> Result<()> {
        let twice = self.regions[0].graph.outputs.iter().any(|(other, _)| *other == name.text);
        if twice {
            let message = format!("the output `{}` is declared twice", name.text);
            return Err(self.error(Code::AlreadyDeclared, message, name.span, ""));
        }
        Ok(())
    }

    /// `metric NAME`, `metric NAME = EXPR`
    pub(super) fn metric(&mut self, report: &Report) -> Result<()> {
        let name = &report.name;
        self.check_new_metric(name)?;
        self.in_metric = report.value.is_some();
        let x = self.reported(report);
        self.in_metric = false;
        let finish = self.finish.take();
        self.add_metric(name, x?, finish)
    }

    /// Refuses a metric of a name that is taken.
    pub(super) fn check_new_metric(&mut self, name: &Name) -> Result<()> {
        if self.regions[0].graph.metrics.iter().any(|metric| metric.name == name.text) {
            let message = format!("the metric `{}` is declared twice", name.text);
            return Err(self.error(Code::AlreadyDeclared, message, name.span, ""));
        }
        Ok(())
    }

    /// Reports a value, which is one of `finish` if it is made of totals.
    pub(super) fn add_metric(
        &mut self,
        name: &Name,
        x: Tensor,
        finish: Option<Region>,
    ) -> Result<()> {
        let kind = match finish {
            Some(region) if region.id == x.region => {
                let RegionKind::Finish { parts } = region.kind else {
                    return Err(super::Failed);
                };
                let Some((parts, finish)) = in_order(&region.graph, &parts, &name.text, x.node)
                else {
                    return Err(super::Failed);
                };
                MetricKind::Total { parts, finish: Arc::new(finish) }
            }
            Some(_) | None => MetricKind::Mean(x.node),
        };
        self.regions[0].graph.metrics.push(Metric { name: name.text.clone(), kind });
        Ok(())
    }

    /// The tensor that an `output` or `metric` reports, bound to its name if it has a value.
    fn reported(&mut self, report: &Report) -> Result<Tensor> {
        let name = &report.name;
        let n_before = self.region().graph.n_numbers();
        let Some(expr) = &report.value else { return self.bound_tensor(name) };
        self.check_not_constant(name)?;
        let wish = Some(self.here().below(&name.text));
        let value = self.with_wish(wish, None, |e| e.expr(expr))?;
        let x = match &report.ty {
            None => self.materialise(&value, None, expr.span)?,
            Some(ty) => {
                let wanted = self.written_type(ty)?;
                let what = format!("`{}`", name.text);
                self.of_type(&value, &wanted, &what, (expr.span, ty.span))?
            }
        };
        self.name_node(x, &name.text, n_before);
        let in_finish = self.finish.as_ref().is_some_and(|finish| finish.id == x.region);
        if !in_finish {
            // What is reported is the value itself; the name is bound to one of its own.
            let own = self.own(x, &name.text, n_before)?;
            self.bind_value(name, Value::Tensor(own));
        }
        Ok(x)
    }

    fn bound_tensor(&mut self, name: &Name) -> Result<Tensor> {
        let expr =
            crate::ast::Expr { kind: crate::ast::ExprKind::Name(name.clone()), span: name.span };
        let value = self.expr(&expr)?;
        self.materialise(&value, None, name.span)
    }

    /// `total(e)`: a parameter of the metric's function of sums.
    pub(super) fn total(&mut self, value: &Value, dtype: DType, span: Span) -> Result<Value> {
        if !self.in_metric {
            let message = "`total` is for metrics alone";
            let error = Diagnostic::error(Code::Total, message).at(span, "");
            return Err(self.push(error.help("`sum` adds up what is in one batch")));
        }
        let x = self.materialise(value, Some(dtype).filter(|_| !value.holds_tensor()), span)?;
        let x = self.value_itself(x);
        if self.finish.as_ref().is_some_and(|finish| finish.id == x.region) {
            let message = "a total cannot be added up again";
            return Err(self.error(Code::Total, message, span, ""));
        }
        let part = self.build(&[x], |build, x| build.cast(x[0], dtype))?;
        if part.region != self.regions[0].id {
            let message = "`total` may not stand in a `scan` or initial value";
            return Err(self.error(Code::Total, message, span, ""));
        }
        if self.finish.is_none() {
            self.finish = Some(self.new_region(RegionKind::Finish { parts: Vec::new() }));
        }
        let tensor_type = self.tensor_type(part).clone();
        let finish = self.finish.as_mut().expect("it has just been opened");
        let RegionKind::Finish { parts } = &mut finish.kind else { return Err(super::Failed) };
        if let Some(known) = parts.iter().position(|&known| known == part.node) {
            let node = finish.graph.inputs[known];
            return Ok(Value::Tensor(Tensor { node, region: finish.id }));
        }
        let leaf = Leaf::Parameter { number: parts.len(), tensor_type };
        parts.push(part.node);
        let node = finish.graph.add(leaf, &[], &ir::Origin::default());
        let node = node.expect("a leaf has the type that it says");
        finish.graph.inputs.push(node);
        Ok(Value::Tensor(Tensor { node, region: finish.id }))
    }

    /// `[step NAME:] minimize LOSS over ... with ... every N`
    pub(super) fn minimize(&mut self, minimize: &Minimize, span: Span) -> Result<()> {
        let name: ir::Name = match &minimize.name {
            Some(name) => name.text.clone(),
            None => "minimize".into(),
        };
        self.declare_step(&name, minimize.name.as_ref().map_or(span, |name| name.span))?;
        let loss = self.loss(minimize, &name);
        let groups = minimize.groups.iter();
        let optimizers: Vec<Result<OptimizerCall>> =
            groups.map(|group| self.optimizer(&group.optimizer, &name)).collect();
        let loss = loss?;
        let patterns = minimize.groups.iter().map(|group| &*group.patterns);
        let groups = self.groups(patterns, loss, minimize.loss.span)?;
        let mut made = Vec::new();
        for (variables, optimizer) in groups.into_iter().zip(optimizers) {
            made.push(ParameterGroup { variables, optimizer: optimizer? });
        }
        self.at = span;
        let provenance = self.provenance();
        let every = minimize.every.map_or(1, |every| every.count.max(1) as u64);
        let (loss, groups, accumulate) = (loss.node, made, 1);
        let step = TrainingStep { name, loss, groups, every, accumulate, provenance };
        self.regions[0].graph.steps.push(step);
        Ok(())
    }

    /// Takes the name of a step, which no other may have.
    pub(super) fn declare_step(&mut self, name: &ir::Name, span: Span) -> Result<()> {
        let Some(&first) = self.steps.get(name) else {
            self.steps.insert(name.clone(), span);
            return Ok(());
        };
        let message = match &**name {
            "minimize" => "there are two `minimize`".to_owned(),
            name => format!("the step `{name}` is declared twice"),
        };
        let error = Diagnostic::error(Code::StepExists, message).at(span, "again here");
        let error = error.with(first, "first here");
        Err(self.push(error.help("name the steps: `step NAME: minimize ...`")))
    }

    fn loss(&mut self, minimize: &Minimize, name: &str) -> Result<Tensor> {
        let expr = &minimize.loss;
        let wish =
            Some(if name == "minimize" { "loss".to_owned() } else { format!("{name}.loss") });
        let value = self.with_wish(wish, None, |e| e.expr(expr))?;
        let loss = self.materialise(&value, None, expr.span)?;
        self.check_loss(loss, expr.span)?;
        Ok(loss)
    }

    /// Refuses a loss that is no float scalar.
    pub(super) fn check_loss(&mut self, loss: Tensor, span: Span) -> Result<()> {
        let of_loss = self.tensor_type(loss).clone();
        if of_loss.rank() == 0 && of_loss.dtype.is_float() {
            return Ok(());
        }
        let message = "a loss is a float scalar";
        let error = Diagnostic::error(Code::NotAFloatScalar, message);
        let error = error.at(span, of_loss.to_string());
        Err(self.push(error.help("`mean` or `sum` makes a scalar of it")))
    }

    /// The params that a loss reaches by a differentiable path.
    fn reached(&self, loss: Tensor) -> HashSet<ir::Name> {
        let mut reached = reached(self.graph_of(loss.region), loss.node);
        reached.retain(|name| {
            self.variables.get(name).is_some_and(|d| d.variable.kind == VariableKind::Param)
        });
        reached
    }

    /// The params of each group, given by its patterns: each belongs to the first that takes it.
    pub(super) fn groups<'p>(
        &mut self,
        groups: impl Iterator<Item = &'p [Pattern]>,
        loss: Tensor,
        loss_span: Span,
    ) -> Result<Vec<Vec<ir::Name>>> {
        let reached = self.reached(loss);
        let mut left: Vec<ir::Name> =
            self.variables.keys().filter(|name| reached.contains(*name)).cloned().collect();
        if left.is_empty() {
            let message = "the loss depends on no param";
            let error = Diagnostic::error(Code::NothingToTrain, message).at(loss_span, "");
            let help = "`argmax`, comparisons, `cast` to integers and `stop_gradient` cut the path";
            return Err(self.push(error.help(help)));
        }
        let mut variables = Vec::new();
        let mut failed = false;
        for patterns in groups {
            let Ok(takes) = self.patterns(patterns, &reached) else {
                failed = true;
                continue;
            };
            let (taken, rest) = left.into_iter().partition(|name| takes.contains(name));
            left = rest;
            variables.push(taken);
        }
        if failed { Err(super::Failed) } else { Ok(variables) }
    }

    /// The params that a group asks for.
    fn patterns(
        &mut self,
        patterns: &[Pattern],
        reached: &HashSet<ir::Name>,
    ) -> Result<HashSet<ir::Name>> {
        if patterns.is_empty() {
            return Ok(reached.clone());
        }
        let mut taken = HashSet::new();
        let mut failed = false;
        for pattern in patterns {
            let found = self.matching_params(&pattern.text);
            if found.is_empty() {
                self.no_match(&pattern.text, pattern.span);
                failed = true;
            } else if !found.iter().any(|name| reached.contains(name)) {
                let message = format!("the loss depends on no param of `{}`", pattern.text);
                self.error(Code::NothingToTrain, message, pattern.span, "");
                failed = true;
            }
            taken.extend(found);
        }
        if failed { Err(super::Failed) } else { Ok(taken) }
    }

    /// `adam(lr=1e-3)`
    fn optimizer(&mut self, call: &CallExpr, step: &str) -> Result<OptimizerCall> {
        let name = &call.name;
        let known = self.optimizer_formals(name)?;
        let mut arguments: Vec<(ir::Name, OptimizerArgument)> = Vec::new();
        for (k, arg) in call.args.iter().enumerate() {
            let span = arg.value.span;
            let named = arg.name.as_ref().map(|name| &*name.text);
            let (argument, default) = self.optimizer_formal(name, &known, (k, named), span)?;
            if arguments.iter().any(|(other, _)| **other == *argument) {
                let message = format!("`{argument}` is given twice");
                return Err(self.error(Code::RepeatedArgument, message, span, ""));
            }
            let wish = match step {
                "minimize" => argument.to_owned(),
                step => format!("{step}.{argument}"),
            };
            let wish = Some(wish);
            let value = self.with_wish(wish, None, |e| e.expr(&arg.value))?;
            let value = self.optimizer_argument(&value, default, argument, span)?;
            arguments.push((argument.into(), value));
        }
        Ok(OptimizerCall { name: name.text.clone(), arguments })
    }

    /// The arguments of an optimiser with their defaults.
    pub(super) fn optimizer_formals(&mut self, name: &Name) -> Result<Vec<Formal>> {
        let Some(signature) = optimizer::signature(&name.text) else {
            let known = optimizer::signatures().into_iter().map(|s| s.name);
            let names: Vec<&str> = known.collect();
            let message = format!("there is no optimiser `{}`", name.text);
            let error = Diagnostic::error(Code::Optimizer, message).at(name.span, "");
            if let Some(hint) = hint(Place::Optimizer, &name.text) {
                return Err(self.push(error.help(hint)));
            }
            let last = name.text.rsplit('.').next().unwrap_or_default();
            let error = match similar(last, names.iter().copied()) {
                Some(similar) => {
                    let meant = optimizer::signature(similar).into_iter();
                    let arguments = meant.flat_map(|s| s.all_arguments().map(|a| a.name));
                    let arguments = arguments.collect::<Vec<&str>>().join(", ");
                    let error = error.help(format!("is `{similar}` meant?"));
                    error.help(format!("its arguments are {arguments}"))
                }
                None => error.help(format!("the optimisers are {}", names.join(", "))),
            };
            return Err(self.push(error));
        };
        Ok(signature.all_arguments().map(|a| (a.name, a.default)).collect())
    }

    /// The argument of an optimiser that is given at a position or by name.
    pub(super) fn optimizer_formal(
        &mut self,
        optimizer: &Name,
        known: &[Formal],
        (k, named): (usize, Option<&str>),
        span: Span,
    ) -> Result<Formal> {
        let found = match named {
            Some(name) => known.iter().find(|(known, _)| *known == name),
            None => known.get(k),
        };
        found.copied().ok_or_else(|| {
            let given = named.unwrap_or("...");
            let message = format!("`{}` has no argument `{given}`", optimizer.text);
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let error = Diagnostic::error(Code::Optimizer, message).at(span, "");
            let hint = named.and_then(|name| argument_hint(name, &names));
            let error = hint.into_iter().fold(error, Diagnostic::help);
            self.push(error.help(format!("its arguments are {}", names.join(", "))))
        })
    }

    pub(super) fn optimizer_argument(
        &mut self,
        value: &Value,
        default: optimizer::Default,
        name: &str,
        span: Span,
    ) -> Result<OptimizerArgument> {
        let wants_bool = matches!(default, optimizer::Default::Bool(_));
        let is_fixed = matches!(default, optimizer::Default::Fixed(_));
        match value {
            Value::Bare(Bare::Bool(b)) if wants_bool => Ok(OptimizerArgument::Bool(*b)),
            Value::Bare(bare @ (Bare::Int(_) | Bare::Float(_))) if !wants_bool => {
                match bare.number().and_then(|number| number.known()) {
                    Some(x) => Ok(OptimizerArgument::Number(x)),
                    None if is_fixed => Err(self.not_fixed(name, span)),
                    None => {
                        let x = self.materialise(value, Some(DType::F32), span)?;
                        Ok(OptimizerArgument::Node(x.node))
                    }
                }
            }
            Value::Tensor(_) if is_fixed => Err(self.not_fixed(name, span)),
            Value::Tensor(x) if !wants_bool => {
                let of_x = self.tensor_type(*x).clone();
                if of_x.rank() == 0 && of_x.dtype.is_float() {
                    return Ok(OptimizerArgument::Node(x.node));
                }
                let message = format!("`{name}` is a float scalar");
                Err(self.error(Code::Optimizer, message, span, of_x.to_string()))
            }
            other => {
                let wanted = if wants_bool { "a bool" } else { "a number" };
                let message = format!("`{name}` is {wanted}");
                Err(self.error(Code::Optimizer, message, span, other.kind()))
            }
        }
    }

    /// Refuses what is known only when the program runs.
    fn not_fixed(&mut self, name: &str, span: Span) -> Failed {
        let message = format!("`{name}` must be known before training");
        self.error(Code::Optimizer, message, span, "write a number")
    }

    /// `update VARIABLE <- VALUE`
    pub(super) fn update(&mut self, update: &Update) -> Result<()> {
        if !matches!(self.region().kind, RegionKind::Main) {
            let message = "no variable is written inside a `scan`";
            let error = Diagnostic::error(Code::UpdateInScan, message).at(update.target.span, "");
            return Err(
                self.push(error.help("carry the value through the scan, and write it after"))
            );
        }
        if self.in_metric {
            let message = "no variable is written inside a metric";
            return Err(self.error(Code::UpdateInScan, message, update.target.span, ""));
        }
        let (variable, of_variable) = self.updated(update)?;
        let outer = self.updating.replace(variable.clone());
        let wish = Some(format!("next.{variable}"));
        let value = self.with_wish(wish, None, |e| e.expr(&update.value));
        self.updating = outer;
        let span = update.value.span;
        let what = format!("the new value of `{variable}`");
        let x = self.of_type(&value?, &of_variable, &what, (span, update.target.span))?;
        self.regions[0].graph.updates.push(ir::Update { variable, value: x.node });
        Ok(())
    }

    /// The variable that an update writes.
    fn updated(&mut self, update: &Update) -> Result<(ir::Name, TensorType)> {
        let name = &update.target;
        let expr =
            crate::ast::Expr { kind: crate::ast::ExprKind::Name(name.clone()), span: name.span };
        let mut value = self.expr(&expr)?;
        if let Some(index) = &update.index {
            let at = self.expr(index)?;
            let at = self.integer(&at, "an index", index.span)?;
            let Value::List(members) = &value else {
                let message = "an update writes a whole variable";
                let error = Diagnostic::error(Code::NotAVariable, message).at(name.span, "");
                return Err(self.push(error.help("the index picks one of a list of variables")));
            };
            let n = members.len() as i64;
            let from_start = if at < 0 { at.saturating_add(n) } else { at };
            let member = usize::try_from(from_start).ok().and_then(|k| members.get(k)).cloned();
            match member {
                Some(member) => value = member,
                None => {
                    let message = format!("there is no member {at} in a list of {n}");
                    return Err(self.error(Code::OutOfRange, message, index.span, ""));
                }
            }
        }
        let variable = match value {
            Value::Tensor(x) => self.variable_of(x).map(|name| (name, self.tensor_type(x).clone())),
            _ => None,
        };
        variable.ok_or_else(|| {
            let message = format!("`{}` is not a variable", name.text);
            let error = Diagnostic::error(Code::NotAVariable, message).at(name.span, "");
            self.push(error.help("an update writes a `param` or `state`"))
        })
    }
}

/// The function of totals with its parameters numbered in the order in which it reads them, and
/// the parts that they stand for; what is not read is left out.
fn in_order(
    graph: &ir::Graph,
    parts: &[NodeId],
    name: &ir::Name,
    root: NodeId,
) -> Option<(Vec<NodeId>, ir::Graph)> {
    let (mut finish, mut read) = (ir::Graph::default(), Vec::new());
    let mut map = HashMap::new();
    for node in graph.order_from(&[root]) {
        let op = match graph.op(node) {
            Op::Leaf(Leaf::Parameter { number, tensor_type }) => {
                read.push(*parts.get(*number)?);
                Leaf::Parameter { number: read.len() - 1, tensor_type: tensor_type.clone() }.into()
            }
            op => op.clone(),
        };
        let operands: Vec<NodeId> = graph.operands(node).iter().map(|o| map[o]).collect();
        let is_parameter = matches!(op, Op::Leaf(Leaf::Parameter { .. }));
        let copy = finish.add(op, &operands, &graph.origin(node)).ok()?;
        if is_parameter {
            finish.inputs.push(copy);
        }
        map.insert(node, copy);
    }
    finish.outputs.push((name.clone(), map[&root]));
    Some((read, finish))
}
