//! Statements: what they bind, declare and expand.

use brolga_compiler::ir::{Dim, NodeId, Provenance, TensorType};
use brolga_compiler::ops::Leaf;
use indexmap::IndexMap;

use super::names::{give_way, keeps_name, node_name};
use super::own::wish_without;
use super::program::declares_const;
use super::value::{Bare, FileId, Tensor, Value};
use super::{Binding, Elaborator, Failed, Frame, Result};
use crate::ast::{
    Bind, Block, Bound, Const, Expr, ExprKind, File, For, If, Input, Name, Range, Stmt, StmtKind,
    Target, Type,
};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;

impl Elaborator<'_> {
    /// Statements in order, until one returns; after a wrong one the next.
    pub(super) fn statements(&mut self, body: &[Stmt]) {
        for stmt in body {
            if self.stopped || self.here().returned.is_some() {
                return;
            }
            self.statement(stmt);
        }
    }

    fn statement(&mut self, stmt: &Stmt) {
        self.at = stmt.span;
        let mark = stmt.provenance.as_ref().and_then(|mark| Provenance::parse(&mark.text));
        let outer = match mark {
            Some(mark) => self.mark.replace(mark),
            None => self.mark.clone(),
        };
        let done = match &stmt.kind {
            StmtKind::Import(_) | StmtKind::Fn(_) => Ok(()),
            StmtKind::Const(constant) => self.constant_statement(constant),
            StmtKind::Input(input) => self.input(input),
            StmtKind::Output(report) => self.output(report),
            StmtKind::Metric(report) => self.metric(report),
            StmtKind::Minimize(minimize) => self.minimize(minimize, stmt.span),
            StmtKind::Variable(variable) => self.variable(variable),
            StmtKind::Shared(shared) => self.declare_shared(shared),
            StmtKind::Bind(bind) => self.bind(bind),
            StmtKind::Update(update) => self.update(update),
            StmtKind::For(each) => self.for_loop(each),
            StmtKind::If(branch) => self.branch(branch),
            StmtKind::Return(values) => self.return_values(values),
            StmtKind::Emit(values) => self.emit(values),
        };
        self.mark = outer;
        if done.is_err() {
            self.poison(&stmt.kind);
        }
    }

    /// Binds what a wrong statement would have bound, so that what follows is silent.
    fn poison(&mut self, kind: &StmtKind) {
        let names: Vec<&Name> = match kind {
            StmtKind::Bind(bind) => bind.targets.iter().map(|target| &target.name).collect(),
            StmtKind::Variable(variable) => vec![&variable.name],
            StmtKind::Input(input) => vec![&input.name],
            StmtKind::Output(report) | StmtKind::Metric(report) if report.value.is_some() => {
                vec![&report.name]
            }
            StmtKind::Const(constant) => {
                let file = self.here().file;
                let span = constant.name.span;
                let binding = Binding { value: Value::Poison, span, declared: Some("const") };
                self.consts[file.0].insert(constant.name.text.clone(), binding);
                return;
            }
            StmtKind::Return(_) => {
                self.frame().returned = Some(Value::Poison);
                return;
            }
            StmtKind::For(each) => bound_names(&each.body.body),
            StmtKind::If(branch) => {
                if branch.blocks().any(|block| returns(&block.body)) {
                    self.frame().returned = Some(Value::Poison);
                }
                branch.blocks().flat_map(|block| bound_names(&block.body)).collect()
            }
            StmtKind::Shared(_)
            | StmtKind::Update(_)
            | StmtKind::Minimize(_)
            | StmtKind::Emit(_)
            | StmtKind::Output(_)
            | StmtKind::Metric(_)
            | StmtKind::Import(_)
            | StmtKind::Fn(_) => return,
        };
        for name in names {
            let known = self.here().values.get(&name.text).is_some_and(|b| b.declared.is_some());
            if !known {
                let binding = Binding { value: Value::Poison, span: name.span, declared: None };
                self.frame().values.insert(name.text.clone(), binding);
            }
        }
    }

    // Declarations.

    /// Evaluates the consts of an imported file.
    pub(super) fn imported_consts(&mut self, file: FileId) {
        let program = self.program;
        self.frames.push(Frame::new(file, String::new(), false));
        for stmt in &program.file(file).file.body {
            if let StmtKind::Const(_) = &stmt.kind {
                self.statement(stmt);
            }
        }
        self.frames.pop();
    }

    fn constant_statement(&mut self, constant: &Const) -> Result<()> {
        let name = &constant.name;
        let file = self.here().file;
        if let Some(first) = self.consts[file.0].get(&name.text).map(|b| b.span) {
            return Err(self.declared_twice(name, first));
        }
        self.check_new_name(name)?;
        let program = self.program;
        let given = program.overrides.get(&name.text).filter(|_| file == FileId::MAIN);
        let declared = self.expr(&constant.value)?;
        let value = match given {
            None => declared,
            Some(given) => match (&declared, &given.expr) {
                (Value::Str(_), Some(Expr { kind: ExprKind::Str(text), .. })) => {
                    Value::Str(text.clone())
                }
                (Value::Str(_), _) => Value::Str(given.text.clone()),
                (_, Some(expr)) => self.expr(expr)?,
                (_, None) => {
                    let message = format!("`{}` is no value for a const", given.text);
                    return Err(self.error(Code::UnknownConst, message, name.span, ""));
                }
            },
        };
        if value.holds_tensor() {
            let message = "a const is known at compile time";
            let span = constant.value.span;
            return Err(self.error(Code::NotCompileTime, message, span, "this is a tensor"));
        }
        let binding = Binding { value, span: name.span, declared: Some("const") };
        self.consts[file.0].insert(name.text.clone(), binding);
        Ok(())
    }

    fn declared_twice(&mut self, name: &Name, first: crate::source::Span) -> Failed {
        let message = format!("`{}` is declared twice", name.text);
        let error = Diagnostic::error(Code::AlreadyDeclared, message);
        self.push(error.at(name.span, "again here").with(first, "first here"))
    }

    /// Refuses a declaration whose name is bound.
    pub(super) fn check_new_name(&mut self, name: &Name) -> Result<()> {
        self.check_not_constant(name)?;
        match self.here().values.get(&name.text) {
            Some(binding) if !binding.value.is_poisoned() => {
                let first = binding.span;
                Err(self.declared_twice(name, first))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a value that takes the name of a const or symbol of the file.
    pub(super) fn check_not_constant(&mut self, name: &Name) -> Result<()> {
        if self.frames.len() > 1 {
            return Ok(());
        }
        let constant = self.consts[FileId::MAIN.0].get(&name.text).map(|b| (b.span, "const"));
        let symbol = self.symbols.get(&name.text).map(|span| (*span, "dimension"));
        match constant.or(symbol) {
            None => Ok(()),
            Some((first, what)) => {
                let message = format!("`{}` is the name of a {what}", name.text);
                let error = Diagnostic::error(Code::AlreadyDeclared, message);
                Err(self.push(error.at(name.span, "").with(first, "declared here")))
            }
        }
    }

    /// Finds the dimension symbols: the unknown names in the types of inputs.
    pub(super) fn find_symbols(&mut self, body: &[Stmt]) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Input(input) => {
                    input.ty.dims.iter().for_each(|dim| self.symbols_in(dim));
                }
                StmtKind::If(branch) => {
                    branch.arms.iter().for_each(|arm| self.find_symbols(&arm.body.body));
                    let otherwise = branch.otherwise.iter();
                    otherwise.for_each(|block| self.find_symbols(&block.body));
                }
                _ => {}
            }
        }
    }

    fn symbols_in(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => {
                let is_const = self.constant_named(FileId::MAIN, &name.text).is_some()
                    || declares_const(&self.program.main().file.body, &name.text);
                if !is_const && !name.text.contains('.') {
                    self.symbols.entry(name.text.clone()).or_insert(name.span);
                }
            }
            ExprKind::Neg(inner) => self.symbols_in(inner),
            ExprKind::Binary(chain) => {
                self.symbols_in(&chain.first);
                chain.rest.iter().for_each(|link| self.symbols_in(&link.rhs));
            }
            ExprKind::List(members) => members.iter().for_each(|m| self.symbols_in(m)),
            _ => {}
        }
    }

    fn input(&mut self, input: &Input) -> Result<()> {
        self.check_new_name(&input.name)?;
        let tensor_type = self.written_type(&input.ty)?;
        self.add_input(&input.name, tensor_type);
        Ok(())
    }

    /// An input of that name, which is free.
    pub(super) fn add_input(&mut self, name: &Name, tensor_type: TensorType) -> Tensor {
        if let Some(first) = tensor_type.shape.first() {
            let symbol = first.symbols().into_iter().next().map(|symbol| symbol.0);
            let alone = symbol.filter(|symbol| *first == Dim::symbol(symbol));
            self.batch = alone.or(self.batch.take());
        }
        self.at = name.span;
        let leaf = Leaf::Input { name: name.text.clone(), tensor_type };
        let node = self.named_leaf(&name.text, leaf);
        self.regions[0].graph.inputs.push(node.node);
        self.declare(name, Value::Tensor(node), "input");
        node
    }

    /// A leaf of the program's graph, which has its name for good.
    pub(super) fn named_leaf(&mut self, name: &str, leaf: Leaf) -> Tensor {
        let provenance = self.provenance();
        let region = &mut self.regions[0];
        give_way(&mut region.graph, name);
        let origin = brolga_compiler::ir::Origin::named(name, provenance);
        let node = region.graph.add(leaf, &[], &origin);
        let node = node.expect("a leaf has the type that it says");
        Tensor { node, region: region.id }
    }

    pub(super) fn declare(&mut self, name: &Name, value: Value, what: &'static str) {
        let binding = Binding { value, span: name.span, declared: Some(what) };
        self.frame().values.insert(name.text.clone(), binding);
    }

    // Bindings.

    fn bind(&mut self, bind: &Bind) -> Result<()> {
        let first = bind.targets.iter().find(|target| &*target.name.text != "_");
        let first = first.map(|target| &*target.name.text);
        let target = first.map(|name| self.here().below(name));
        let n_before = self.region().graph.n_numbers();
        let value = match &bind.value {
            Bound::Scan(scan) => {
                self.with_wish(target.clone(), None, |e| e.scan(scan, &bind.targets))?
            }
            Bound::Expr(expr) => {
                if let Some(value) = self.exact(bind, expr)? {
                    return self.assign(&bind.targets[0], value, n_before);
                }
                self.with_wish(target.clone(), target, |e| e.whole(expr))?
            }
        };
        if let [target] = bind.targets.as_slice() {
            return self.assign(target, value, n_before);
        }
        let Value::List(members) = &value else {
            let message = format!("{} names are bound to a single value", bind.targets.len());
            let span = self.at;
            return Err(self.error(Code::CountMismatch, message, span, value.kind()));
        };
        if members.len() != bind.targets.len() {
            let (names, found) = (bind.targets.len(), members.len());
            let message = format!("{names} names are bound to a list of {found}");
            let error = Diagnostic::error(Code::CountMismatch, message).at(self.at, "");
            return Err(self.push(error.help("`_` drops a member")));
        }
        let members = self.apart(members)?;
        let assigned: Vec<Result<()>> = bind
            .targets
            .iter()
            .zip(members)
            .map(|(target, member)| self.assign(target, member, n_before))
            .collect();
        assigned.into_iter().collect()
    }

    /// Runs `read` with the path after which nodes are called, and the one of the binding.
    pub(super) fn with_wish<T>(
        &mut self,
        wish: Option<String>,
        target: Option<String>,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let frame = self.frame();
        let outer_wish = wish.map(|wish| std::mem::replace(&mut frame.wish, wish));
        let outer_target = std::mem::replace(&mut frame.target, target);
        let value = read(self);
        let frame = self.frame();
        frame.target = outer_target;
        if let Some(outer) = outer_wish {
            frame.wish = outer;
        }
        value
    }

    /// The right side of a binding, where a call counts as the whole.
    fn whole(&mut self, expr: &Expr) -> Result<Value> {
        match &expr.kind {
            ExprKind::Call(call) => self.deeper(expr.span, |e| e.call(call, true)),
            _ => self.expr(expr),
        }
    }

    /// Binds one name; a node that is as new as `n_before` is called after it.
    fn assign(&mut self, target: &Target, value: Value, n_before: usize) -> Result<()> {
        let name = &target.name;
        let value = match &target.ty {
            None => value,
            Some(ty) => self.checked(value, ty, name)?,
        };
        if &*name.text == "_" {
            return Ok(());
        }
        self.check_not_constant(name)?;
        let value = match value {
            Value::Tensor(x) => {
                let own = self.own(x, &name.text, n_before)?;
                if own == x {
                    self.name_node(x, &name.text, n_before);
                }
                Value::Tensor(own)
            }
            other => other,
        };
        self.bind_value(name, value);
        Ok(())
    }

    /// Binds a name, which is known by its path from then on.
    pub(super) fn bind_value(&mut self, name: &Name, value: Value) {
        let is_of_program = match &value {
            Value::Tensor(x) => x.region == self.regions[0].id,
            Value::Bare(_) => true,
            Value::List(list) => !list.iter().any(Value::holds_tensor),
            Value::Str(_) | Value::Element(_) | Value::Function(_) => false,
            Value::Initial(_) | Value::Poison => false,
        };
        if is_of_program && self.regions.len() == 1 {
            let path = self.path_of(&name.text);
            self.bound.insert(path, value.clone());
        }
        let binding = Binding { value, span: name.span, declared: None };
        self.frame().values.insert(name.text.clone(), binding);
    }

    /// The name of a value, with the calls that lead to it.
    fn path_of(&self, name: &str) -> String {
        match self.here().path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// The names of the program whose value is a node that is called otherwise. Numbers and lists
    /// of them become nodes, which nothing reads; what cannot be one has no name.
    pub(super) fn names(&mut self) -> IndexMap<brolga_compiler::ir::Name, NodeId> {
        let mut names = IndexMap::new();
        if self.diagnostics.has_errors() || self.here().training {
            return names;
        }
        let diagnostics = self.diagnostics.clone();
        for (name, value) in std::mem::take(&mut self.bound) {
            // A variable has its name for good.
            if self.variables.contains_key(&*name) {
                continue;
            }
            let Ok(x) = self.materialise(&value, None, self.at) else { continue };
            let x = self.value_itself(x);
            if self.regions[0].graph.find(&name) != Some(x.node) {
                names.insert(name.into(), x.node);
            }
        }
        self.diagnostics = diagnostics;
        names
    }

    /// A value as the tensor that its written type says.
    fn checked(&mut self, value: Value, ty: &Type, name: &Name) -> Result<Value> {
        let wanted = self.written_type(ty)?;
        let what = format!("`{}`", name.text);
        let at = self.at;
        let x = self.of_type(&value, &wanted, &what, (at, ty.span))?;
        Ok(Value::Tensor(x))
    }

    /// What the node is called that a name of this frame is bound to.
    pub(super) fn full_name(&self, name: &str) -> String {
        let name = node_name(name);
        if self.in_initial_value() { name.to_owned() } else { self.path_of(name) }
    }

    /// Calls a new node after what it is bound to; what had the name takes another.
    pub(super) fn name_node(&mut self, x: Tensor, name: &str, n_before: usize) {
        let full = self.full_name(name);
        let region = self.region();
        if region.id != x.region || x.node.number() < n_before || keeps_name(&region.graph, x.node)
        {
            return;
        }
        let graph = &mut region.graph;
        if let Some(old) = graph.find(&full) {
            if old == x.node || keeps_name(graph, old) {
                return;
            }
            graph.rename(old, &wish_without(graph, old, &full));
        }
        graph.rename(x.node, &full);
    }

    // Control.

    fn for_loop(&mut self, each: &For) -> Result<()> {
        self.check_not_constant(&each.name)?;
        let items = self.items(&each.range)?;
        for (position, item) in items {
            self.n_iterations += 1;
            if self.n_iterations > self.limits.iterations {
                self.stopped = true;
                let message =
                    format!("more than {} iterations are expanded", self.limits.iterations);
                let error = Diagnostic::error(Code::TooManyIterations, message);
                let error = error.at(each.name.span, "");
                let help = "`scan` loops at run time; or raise `--max-iterations`";
                return Err(self.push(error.help(help)));
            }
            if self.stopped || self.here().returned.is_some() {
                break;
            }
            let binding = Binding { value: item, span: each.name.span, declared: None };
            self.frame().values.insert(each.name.text.clone(), binding);
            self.frame().loops.push(position);
            self.statements(&each.body.body);
            self.frame().loops.pop();
        }
        Ok(())
    }

    /// The values of a loop's name with their positions.
    fn items(&mut self, range: &Range) -> Result<Vec<(usize, Value)>> {
        match range {
            Range::Numbers(first, end) => {
                let (a, b) = (self.expr(first), self.expr(end));
                let a = self.integer(&a?, "the start of a range", first.span)?;
                let b = self.integer(&b?, "the end of a range", end.span)?;
                // One more than the limit is enough to find that there are too many.
                let n = b.saturating_sub(a).clamp(0, self.limits.iterations as i64 + 1);
                let base = usize::try_from(a).unwrap_or(0);
                Ok((0..n).map(|k| (base + k as usize, Value::int(a + k))).collect())
            }
            Range::List(expr) => {
                let value = self.expr(expr)?;
                match &value {
                    Value::List(members) => Ok(members.iter().cloned().enumerate().collect()),
                    other => {
                        let message = format!("`for` walks a list, not {}", other.kind());
                        let error = Diagnostic::error(Code::WrongKind, message).at(expr.span, "");
                        Err(self.push(match other {
                            Value::Bare(Bare::Int(_)) => error.help("a range is `0..n`"),
                            Value::Tensor(_) => error.help("`scan` walks a tensor"),
                            _ => error,
                        }))
                    }
                }
            }
        }
    }

    fn branch(&mut self, branch: &If) -> Result<()> {
        for arm in &branch.arms {
            let condition = self.expr(&arm.condition)?;
            if self.truth(&condition, "the condition of an `if`", arm.condition.span)? {
                self.statements(&arm.body.body);
                return Ok(());
            }
        }
        if let Some(Block { body, .. }) = &branch.otherwise {
            self.statements(body);
        }
        Ok(())
    }

    fn return_values(&mut self, values: &[Expr]) -> Result<()> {
        let wish = self.here().path.clone();
        let value = self.with_wish(Some(wish), None, |e| match values {
            [value] => e.expr(value),
            values => e.list_of(values, e.at),
        })?;
        self.frame().returned = Some(value);
        Ok(())
    }

    fn emit(&mut self, values: &[Expr]) -> Result<()> {
        for value in values {
            let emitted = self.with_wish(None, None, |e| e.expr(value));
            let emitted = emitted.unwrap_or(Value::Poison);
            self.frame().emitted.push((emitted, value.span));
        }
        Ok(())
    }

    // The file.

    /// Refuses a file that says nothing to compute, nor anything to import.
    pub(super) fn check_file(&mut self, file: &File) {
        let graph = &self.regions[0].graph;
        let says = !graph.outputs.is_empty()
            || !graph.metrics.is_empty()
            || !graph.steps.is_empty()
            || !graph.updates.is_empty();
        let is_library = |stmt: &Stmt| {
            matches!(stmt.kind, StmtKind::Fn(_) | StmtKind::Const(_) | StmtKind::Import(_))
        };
        if says || (!file.body.is_empty() && file.body.iter().all(is_library)) {
            return;
        }
        let start = crate::source::Span::new(file.source, 0, 0);
        let message = "this file says nothing to compute";
        let error = Diagnostic::error(Code::NothingToCompute, message).at(start, "");
        self.push(error.help("add an `output`, a `metric`, a `minimize` or an `update`"));
    }
}

/// The names that statements bind, also in blocks that are expanded.
pub(super) fn bound_names(body: &[Stmt]) -> Vec<&Name> {
    body.iter().flat_map(bound_by).collect()
}

fn bound_by(stmt: &Stmt) -> Vec<&Name> {
    match &stmt.kind {
        StmtKind::Bind(bind) => bind.targets.iter().map(|target| &target.name).collect(),
        StmtKind::Input(input) => vec![&input.name],
        StmtKind::Variable(variable) => vec![&variable.name],
        StmtKind::Const(constant) => vec![&constant.name],
        StmtKind::Output(report) | StmtKind::Metric(report) => {
            report.value.iter().map(|_| &report.name).collect()
        }
        StmtKind::For(each) => bound_names(&each.body.body),
        StmtKind::If(branch) => {
            branch.blocks().flat_map(|block| bound_names(&block.body)).collect()
        }
        StmtKind::Import(_)
        | StmtKind::Fn(_)
        | StmtKind::Minimize(_)
        | StmtKind::Shared(_)
        | StmtKind::Update(_)
        | StmtKind::Return(_)
        | StmtKind::Emit(_) => vec![],
    }
}

/// Whether a statement returns, also in blocks that are expanded.
fn returns(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Return(_) => true,
        StmtKind::For(each) => returns(&each.body.body),
        StmtKind::If(branch) => branch.blocks().any(|block| returns(&block.body)),
        StmtKind::Import(_)
        | StmtKind::Const(_)
        | StmtKind::Input(_)
        | StmtKind::Fn(_)
        | StmtKind::Output(_)
        | StmtKind::Metric(_)
        | StmtKind::Minimize(_)
        | StmtKind::Variable(_)
        | StmtKind::Shared(_)
        | StmtKind::Bind(_)
        | StmtKind::Update(_)
        | StmtKind::Emit(_) => false,
    })
}
