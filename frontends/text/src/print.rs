//! A syntax tree as text in the canonical layout: one statement a line, four spaces a block, no
//! parentheses but those that precedence demands. What is printed parses to the same tree.

use std::fmt::{self, Display, Formatter, Write};

use crate::ast::{
    Arg, Binary, Bind, Block, Bound, CallExpr, Expr, ExprKind, File, For, Formal, Function,
    FunctionBody, If, Index, IndexItem, IndexKind, Level, Minimize, Name, OverClause, Range,
    Report, Scan, Shared, Stmt, StmtKind, Subscript, Target, Type, TypeElement, Update, Variable,
    VariableKind,
};

impl Display for File {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "version {}", self.version)?;
        if let Some(graph) = &self.graph {
            writeln!(f, "graph {graph}")?;
        }
        if !self.body.is_empty() {
            writeln!(f)?;
        }
        self.body.iter().try_for_each(|stmt| statement(f, stmt, 0))
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.element {
            TypeElement::Word(element) => f.write_str(element.word())?,
            TypeElement::Of(value) => write!(f, "dtype({value})")?,
        }
        if self.dims.is_empty() {
            return Ok(());
        }
        f.write_char('[')?;
        commas(f, &self.dims)?;
        f.write_char(']')
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Int(value) => write!(f, "{value}"),
            ExprKind::Float(value) => float(f, *value),
            ExprKind::Bool(value) => write!(f, "{value}"),
            ExprKind::Str(value) => quoted(f, value),
            ExprKind::Training => f.write_str("training"),
            ExprKind::Step => f.write_str("step"),
            ExprKind::Epoch => f.write_str("epoch"),
            ExprKind::Element(element) => f.write_str(element.word()),
            ExprKind::Name(name) => write!(f, "{name}"),
            ExprKind::Call(call) => write!(f, "{}(", call.name)
                .and_then(|()| commas(f, &call.args))
                .and_then(|()| f.write_char(')')),
            ExprKind::List(members) => {
                f.write_char('[')?;
                commas(f, members)?;
                f.write_char(']')
            }
            ExprKind::Neg(operand) => {
                f.write_char('-')?;
                at_least(f, operand, Level::Unary)
            }
            ExprKind::Not(operand) => {
                f.write_str("not ")?;
                at_least(f, operand, Level::Not)
            }
            ExprKind::Binary(chain) => binary(f, chain),
            ExprKind::Index(index) => subscripts(f, index),
        }
    }
}

impl Display for Arg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}=")?;
        }
        write!(f, "{}", self.value)
    }
}

impl Display for Formal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.default.as_ref().map_or(Ok(()), |default| write!(f, "={default}"))
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.ty.as_ref().map_or(Ok(()), |ty| write!(f, ": {ty}"))
    }
}

impl Display for IndexItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            IndexKind::Ellipsis => f.write_str("..."),
            IndexKind::At(at) => write!(f, "{at}"),
            IndexKind::Slice { start, stop, step } => {
                start.as_ref().map_or(Ok(()), |start| write!(f, "{start}"))?;
                f.write_char(':')?;
                stop.as_ref().map_or(Ok(()), |stop| write!(f, "{stop}"))?;
                step.as_ref().map_or(Ok(()), |step| write!(f, ":{step}"))
            }
        }
    }
}

/// A call whose parentheses are left out where it has no arguments.
struct Layer<'a>(&'a CallExpr);

impl Display for Layer<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.name)?;
        if self.0.args.is_empty() {
            return Ok(());
        }
        f.write_char('(')?;
        commas(f, &self.0.args)?;
        f.write_char(')')
    }
}

impl Display for OverClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, pattern) in self.patterns.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "over " } else { ", " }, pattern.text)?;
        }
        let space = if self.patterns.is_empty() { "" } else { " " };
        write!(f, "{space}with {}", Layer(&self.optimizer))
    }
}

fn commas<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
    }
    Ok(())
}

/// The shortest text that reads back to the same bits.
fn float(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    if value.is_nan() { f.write_str("nan") } else { write!(f, "{value:?}") }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// An operand, in parentheses if it binds weaker than `level`.
fn at_least(f: &mut Formatter<'_>, operand: &Expr, level: Level) -> fmt::Result {
    if operand.kind.level() < level { write!(f, "({operand})") } else { write!(f, "{operand}") }
}

fn binary(f: &mut Formatter<'_>, chain: &Binary) -> fmt::Result {
    let level = chain.level();
    // Powers group to the right, so the base needs more and the exponent may be a power or minus.
    let (left, right) = match level {
        Level::Power => (Level::Postfix, Level::Unary),
        Level::Compare => (Level::Sum, Level::Sum),
        Level::Or
        | Level::And
        | Level::Not
        | Level::Sum
        | Level::Term
        | Level::Unary
        | Level::Postfix
        | Level::Atom => (level, level.next()),
    };
    at_least(f, &chain.first, left)?;
    for link in &chain.rest {
        write!(f, " {} ", link.op.sign())?;
        at_least(f, &link.rhs, right)?;
    }
    Ok(())
}

fn subscripts(f: &mut Formatter<'_>, index: &Index) -> fmt::Result {
    at_least(f, &index.base, Level::Postfix)?;
    for Subscript { items, .. } in &index.subscripts {
        f.write_char('[')?;
        commas(f, items)?;
        f.write_char(']')?;
    }
    Ok(())
}

/// A statement with its line end. Its `#@` comment stands at the end of its first line.
fn statement(f: &mut Formatter<'_>, stmt: &Stmt, indent: usize) -> fmt::Result {
    write!(f, "{:indent$}", "")?;
    let mark = match &stmt.provenance {
        Some(provenance) => format!("  #@ {}", provenance.text),
        None => String::new(),
    };
    let f = &mut Lines { f, indent, mark: &mark };
    match &stmt.kind {
        StmtKind::Import(path) => {
            f.f.write_str("import ")?;
            quoted(f.f, &path.value)?;
            f.end()
        }
        StmtKind::Const(it) => f.line(format_args!("const {} = {}", it.name, it.value)),
        StmtKind::Input(it) => f.line(format_args!("input {}: {}", it.name, it.ty)),
        StmtKind::Fn(it) => function(f, it),
        StmtKind::Output(it) => report(f, "output", it),
        StmtKind::Metric(it) => report(f, "metric", it),
        StmtKind::Minimize(it) => minimize(f, it),
        StmtKind::Variable(it) => variable(f, it),
        StmtKind::Shared(Shared { name, layer }) => {
            f.line(format_args!("shared {name}: {}", Layer(layer)))
        }
        StmtKind::Bind(it) => bind(f, it),
        StmtKind::Update(it) => update(f, it),
        StmtKind::For(it) => for_loop(f, it),
        StmtKind::If(it) => if_chain(f, it),
        StmtKind::Return(values) => keyword_list(f, "return", values),
        StmtKind::Emit(values) => keyword_list(f, "emit", values),
    }
}

/// Where the lines of one statement go.
struct Lines<'a, 'b> {
    f: &'a mut Formatter<'b>,
    indent: usize,
    /// The comment for the end of the first line.
    mark: &'a str,
}

impl Lines<'_, '_> {
    fn end(&mut self) -> fmt::Result {
        writeln!(self.f, "{}", self.mark)
    }

    fn line(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        self.f.write_fmt(text)?;
        self.end()
    }

    /// ` {`, the statements one level deeper, and `}` without a line end.
    fn block(&mut self, block: &Block) -> fmt::Result {
        writeln!(self.f, " {{{}", self.mark)?;
        self.mark = "";
        for stmt in &block.body {
            statement(self.f, stmt, self.indent + 4)?;
        }
        write!(self.f, "{:indent$}}}", "", indent = self.indent)
    }
}

fn function(f: &mut Lines<'_, '_>, function: &Function) -> fmt::Result {
    write!(f.f, "fn {}(", function.name)?;
    commas(f.f, &function.formals)?;
    f.f.write_char(')')?;
    match &function.body {
        FunctionBody::Expr(value) => f.line(format_args!(" = {value}")),
        FunctionBody::Block(block) => {
            f.block(block)?;
            f.end()
        }
    }
}

fn report(f: &mut Lines<'_, '_>, word: &str, report: &Report) -> fmt::Result {
    write!(f.f, "{word} {}", report.name)?;
    if let Some(ty) = &report.ty {
        write!(f.f, ": {ty}")?;
    }
    if let Some(value) = &report.value {
        write!(f.f, " = {value}")?;
    }
    f.end()
}

fn minimize(f: &mut Lines<'_, '_>, minimize: &Minimize) -> fmt::Result {
    if let Some(name) = &minimize.name {
        write!(f.f, "step {name}: ")?;
    }
    write!(f.f, "minimize {}", minimize.loss)?;
    for group in &minimize.groups {
        write!(f.f, " {group}")?;
    }
    if let Some(every) = &minimize.every {
        write!(f.f, " every {}", every.count)?;
    }
    f.end()
}

fn variable(f: &mut Lines<'_, '_>, variable: &Variable) -> fmt::Result {
    let word = match variable.kind {
        VariableKind::Param => "param",
        VariableKind::State => "state",
    };
    f.line(format_args!("{word} {}: {} = {}", variable.name, variable.ty, variable.init))
}

fn bind(f: &mut Lines<'_, '_>, bind: &Bind) -> fmt::Result {
    commas(f.f, &bind.targets)?;
    match &bind.value {
        Bound::Expr(value) => f.line(format_args!(" = {value}")),
        Bound::Scan(it) => scan(f, it),
    }
}

fn scan(f: &mut Lines<'_, '_>, scan: &Scan) -> fmt::Result {
    let sequences = scan.sequences.iter().map(|it| format!("{} in {}", it.name, it.value));
    let axis = scan.axis.iter().map(|axis| format!("axis={axis}"));
    let reverse = scan.reverse.iter().map(|reverse| format!("reverse={reverse}"));
    let carries = scan.carries.iter().map(|it| format!("{} = {}", it.name, it.init));
    let items: Vec<String> = sequences.chain(axis).chain(reverse).chain(carries).collect();
    write!(f.f, " = scan({})", items.join(", "))?;
    f.block(&scan.body)?;
    f.end()
}

fn update(f: &mut Lines<'_, '_>, update: &Update) -> fmt::Result {
    write!(f.f, "update {}", update.target)?;
    if let Some(index) = &update.index {
        write!(f.f, "[{index}]")?;
    }
    f.line(format_args!(" <- {}", update.value))
}

fn for_loop(f: &mut Lines<'_, '_>, it: &For) -> fmt::Result {
    write!(f.f, "for {} in ", it.name)?;
    match &it.range {
        Range::List(list) => write!(f.f, "{list}")?,
        Range::Numbers(from, to) => write!(f.f, "{from}..{to}")?,
    }
    f.block(&it.body)?;
    f.end()
}

fn if_chain(f: &mut Lines<'_, '_>, it: &If) -> fmt::Result {
    for (at, arm) in it.arms.iter().enumerate() {
        write!(f.f, "{}if {}", if at == 0 { "" } else { " else " }, arm.condition)?;
        f.block(&arm.body)?;
    }
    if let Some(block) = &it.otherwise {
        f.f.write_str(" else")?;
        f.block(block)?;
    }
    f.end()
}

fn keyword_list(f: &mut Lines<'_, '_>, word: &str, values: &[Expr]) -> fmt::Result {
    write!(f.f, "{word} ")?;
    commas(f.f, values)?;
    f.end()
}
