//! The file, its statements and their parts.

use std::sync::Arc;

use super::{Allowed, Failed, Parser, Result};
use crate::ast::{
    Arm, Bind, Bound, Carry, Const, Every, File, For, Formal, Function, FunctionBody, If, Input,
    Minimize, Name, OverClause, Pattern, Range, Report, Scan, Sequence, Shared, StmtKind, Target,
    Text, Update, Variable, VariableKind,
};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::foreign::{Place, hint};
use crate::lexer::{Kind, Sign, Word};
use crate::source::Span;
use crate::spelling::similar;

/// The words that begin a statement.
const STATEMENT_WORDS: [Word; 18] = [
    Word::Version,
    Word::Graph,
    Word::Import,
    Word::Const,
    Word::Input,
    Word::Fn,
    Word::Output,
    Word::Metric,
    Word::Step,
    Word::Minimize,
    Word::Param,
    Word::State,
    Word::Shared,
    Word::Update,
    Word::For,
    Word::If,
    Word::Return,
    Word::Emit,
];

impl Parser<'_> {
    /// `[ "version" INT ] [ "graph" NAME ] { top | item }`
    pub(super) fn file(&mut self) -> File {
        if self.at_word(Word::Version) {
            self.header(Self::version);
        }
        self.statement_start = self.at;
        let graph = if self.at_word(Word::Graph) { self.header(Self::graph) } else { None };
        let mut body = Vec::new();
        loop {
            match self.token().kind {
                Kind::End => break,
                Kind::Sign(Sign::CloseBrace) => {
                    self.statement_start = self.at;
                    self.stray(Sign::CloseBrace);
                    self.at += 1;
                }
                _ => body.extend(self.statement()),
            }
        }
        File { source: self.source.id(), version: 1, graph, body }
    }

    /// A line at the head of the file; what follows a wrong one is skipped to the next line.
    fn header<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Option<T> {
        self.statement_start = self.at;
        let value = read(self).and_then(|value| {
            let ended = self.at_statement_end();
            if ended { Ok(value) } else { Err(self.expected("the end of the line")) }
        });
        while value.is_err() && !matches!(self.peek(), Kind::LineEnd | Kind::End) {
            self.at += 1;
        }
        value.ok()
    }

    fn version(&mut self) -> Result<()> {
        self.expect_word(Word::Version)?;
        if self.peek() != Kind::Int {
            return Err(self.expected("a version number"));
        }
        let text = self.text_of(self.at);
        if text != "1" {
            let message = format!("version {text} of the language is not known");
            let error = Diagnostic::error(Code::UnknownVersion, message).at(self.here(), "");
            self.diagnostics.push(error.help("the latest version is 1"));
        }
        self.at += 1;
        Ok(())
    }

    fn graph(&mut self) -> Result<Name> {
        self.expect_word(Word::Graph)?;
        self.name("the name of a graph")
    }

    /// What the next statement says, without the end of its line.
    pub(super) fn statement_kind(&mut self) -> Result<StmtKind> {
        let Kind::Word(word) = self.peek() else { return self.binding_or_mistake() };
        self.check_place(word);
        match word {
            Word::Import => self.import(),
            Word::Const => self.constant(),
            Word::Input => self.input(),
            Word::Fn => self.function(),
            Word::Output => Ok(StmtKind::Output(self.report_of("the name of an output")?)),
            Word::Metric => Ok(StmtKind::Metric(self.report_of("the name of a metric")?)),
            Word::Step | Word::Minimize => self.minimize(),
            Word::Param => self.variable(VariableKind::Param),
            Word::State => self.variable(VariableKind::State),
            Word::Shared => self.shared(),
            Word::Update => self.update(),
            Word::For => self.for_loop(),
            Word::If => self.if_chain(),
            Word::Return => {
                self.at += 1;
                Ok(StmtKind::Return(self.exprs()?))
            }
            Word::Emit => {
                self.at += 1;
                Ok(StmtKind::Emit(self.exprs()?))
            }
            Word::Version | Word::Graph => Err(self.late_header(word)),
            Word::Else => Err(self.lone_else()),
            Word::Every
            | Word::Over
            | Word::With
            | Word::In
            | Word::Scan
            | Word::Dtype
            | Word::Or
            | Word::And
            | Word::Not
            | Word::True
            | Word::False
            | Word::Training
            | Word::Epoch
            | Word::Inf
            | Word::Nan => self.binding_or_mistake(),
        }
    }

    /// Reports a statement that begins with `word` where it may not stand.
    fn check_place(&mut self, word: Word) {
        let Allowed { top, function, scan, update } = self.place;
        let rule = match word {
            Word::Import
            | Word::Const
            | Word::Input
            | Word::Fn
            | Word::Output
            | Word::Metric
            | Word::Step
            | Word::Minimize
                if !top =>
            {
                "it stands at the top of the file, not in a `fn`, `for` or `scan`"
            }
            Word::Return if !function => "it stands in the body of a `fn`",
            Word::Emit if !scan => "it stands in the body of a `scan`",
            Word::Update if !update => "no variable is written inside a `scan`",
            _ => return,
        };
        let message = format!("`{}` may not stand here", word.text());
        self.diagnostics
            .push(Diagnostic::error(Code::MisplacedStatement, message).at(self.here(), rule));
    }

    fn late_header(&mut self, word: Word) -> Failed {
        let message = format!("`{}` may not stand here", word.text());
        let error = Diagnostic::error(Code::MisplacedStatement, message);
        let rule = "`version` stands first in the file, then `graph`";
        self.report(error.at(self.here(), rule))
    }

    fn lone_else(&mut self) -> Failed {
        let error = self.unexpected("a statement");
        self.report(error.help("`else` follows the block of an `if`, on the line of its `}`"))
    }

    /// `"import" STRING`
    fn import(&mut self) -> Result<StmtKind> {
        self.at += 1;
        if self.peek() == Kind::Name {
            let error = self.unexpected("the path of a file, in quotes");
            let help = "operations and layers are there without an import; \
                        `import \"layers.graph\"` brings the functions of another file";
            return Err(self.report(error.help(help)));
        }
        if self.peek() != Kind::Str {
            return Err(self.expected("the path of a file, in quotes"));
        }
        let span = self.here();
        Ok(StmtKind::Import(Text { value: self.string(), span }))
    }

    /// `"const" NAME "=" expr`
    fn constant(&mut self) -> Result<StmtKind> {
        self.at += 1;
        let name = self.plain_name("the name of a const")?;
        self.expect(Sign::Equal)?;
        Ok(StmtKind::Const(Const { name, value: self.expr()? }))
    }

    /// `"input" NAME ":" type`
    fn input(&mut self) -> Result<StmtKind> {
        self.at += 1;
        let name = self.plain_name("the name of an input")?;
        self.expect(Sign::Colon)?;
        Ok(StmtKind::Input(Input { name, ty: self.ty()? }))
    }

    /// `"fn" NAME "(" [ formal { "," formal } ] ")" ( "=" expr | block )`
    fn function(&mut self) -> Result<StmtKind> {
        self.at += 1;
        let name = self.plain_name("the name of a function")?;
        let formals = self.bracketed(Sign::OpenParen, true, Self::formal)?;
        self.check_formals(&formals);
        let body = if self.eat(Sign::Equal) {
            FunctionBody::Expr(self.expr()?)
        } else if self.token().kind == Kind::Sign(Sign::OpenBrace) {
            FunctionBody::Block(self.block(Allowed::FUNCTION)?)
        } else {
            return Err(self.expected("`=` or `{`"));
        };
        Ok(StmtKind::Fn(Arc::new(Function { name, formals, body })))
    }

    /// `NAME [ "=" expr ]`
    fn formal(&mut self) -> Result<Formal> {
        let name = self.arg_name("the name of an argument")?;
        let default = if self.eat(Sign::Equal) { Some(self.expr()?) } else { None };
        Ok(Formal { name, default })
    }

    fn check_formals(&mut self, formals: &[Formal]) {
        self.check_distinct("the argument", formals.iter().map(|formal| &formal.name));
        let optional = formals.iter().skip_while(|formal| formal.default.is_none());
        if let Some(formal) = { optional }.find(|formal| formal.default.is_none()) {
            let message = format!("`{}` has no default but follows one", formal.name.text);
            self.diagnostics.push(
                Diagnostic::error(Code::ArgumentOrder, message)
                    .at(formal.name.span, "")
                    .help("arguments with defaults come last"),
            );
        }
    }

    /// `NAME [ [ ":" type ] "=" expr ]` after `output` or `metric`
    fn report_of(&mut self, what: &str) -> Result<Report> {
        self.at += 1;
        let name = self.name(what)?;
        let ty = if self.eat(Sign::Colon) { Some(self.ty()?) } else { None };
        if ty.is_some() && !self.at_sign(Sign::Equal) {
            return Err(self.expected("`=` and a value"));
        }
        let value = if self.eat(Sign::Equal) { Some(self.expr()?) } else { None };
        Ok(Report { name, ty, value })
    }

    /// `[ "step" NAME ":" ] "minimize" expr group { group } [ "every" INT ]`
    fn minimize(&mut self) -> Result<StmtKind> {
        let name = if self.at_word(Word::Step) { Some(self.step_name()?) } else { None };
        self.expect_word(Word::Minimize)?;
        let loss = self.expr()?;
        let mut groups = vec![self.group()?];
        while self.at_word(Word::Over) || self.at_word(Word::With) {
            groups.push(self.group()?);
        }
        let every = if self.eat_word(Word::Every) { Some(self.every()?) } else { None };
        Ok(StmtKind::Minimize(Minimize { name, loss, groups, every }))
    }

    fn step_name(&mut self) -> Result<Name> {
        self.at += 1;
        if self.at_sign(Sign::Equal) {
            let word = self.last_span();
            return Err(self.reserved(word, "step"));
        }
        let name = self.name("the name of a step")?;
        self.expect(Sign::Colon)?;
        Ok(name)
    }

    /// `[ "over" PATTERN { "," PATTERN } ] "with" NAME [ args ]`
    fn group(&mut self) -> Result<OverClause> {
        let mut patterns = Vec::new();
        if self.eat_word(Word::Over) {
            patterns.push(self.pattern()?);
            while self.eat(Sign::Comma) {
                patterns.push(self.pattern()?);
            }
        }
        if !self.at_word(Word::With) {
            let error = self.unexpected("`with` and an optimiser");
            return Err(self.report(error.help("for example `with adam(lr=1e-3)`")));
        }
        self.at += 1;
        Ok(OverClause { patterns, optimizer: self.call("an optimiser")? })
    }

    fn pattern(&mut self) -> Result<Pattern> {
        if self.peek() == Kind::Str {
            let error = self.unexpected("a pattern");
            return Err(self.report(error.help("patterns after `over` have no quotes")));
        }
        if self.peek() != Kind::Pattern {
            return Err(self.expected("a pattern such as `*.w`"));
        }
        let (text, span) = (self.text_of(self.at), self.here());
        if text.split('.').any(str::is_empty) {
            let message = format!("`{text}` is not a pattern");
            let error = Diagnostic::error(Code::MalformedName, message).at(span, "");
            self.diagnostics.push(error.help("a pattern is parts joined by dots, such as `*.w`"));
        }
        self.at += 1;
        Ok(Pattern { text: Arc::from(text), span })
    }

    fn every(&mut self) -> Result<Every> {
        if self.peek() != Kind::Int {
            return Err(self.expected("a number of batches"));
        }
        let (text, span) = (self.text_of(self.at), self.here());
        let Ok(count) = text.parse() else {
            let message = "this integer does not fit 64 bits";
            let error = Diagnostic::error(Code::NumberOutOfRange, message).at(span, "");
            return Err(self.report(error));
        };
        if count == 0 {
            let message = "a step cannot run every 0 batches";
            let error = Diagnostic::error(Code::NotPositive, message).at(span, "");
            self.diagnostics.push(error.help("leave `every` out to run it on each batch"));
        }
        self.at += 1;
        Ok(Every { count, span })
    }

    /// `NAME ":" type "=" expr` after `param` or `state`
    fn variable(&mut self, kind: VariableKind) -> Result<StmtKind> {
        self.at += 1;
        let name = self.name("the name of a variable")?;
        if !self.at_sign(Sign::Colon) {
            let error = self.unexpected("`:` and a type");
            return Err(self.report(error.help("for example `param w: f32[3, 4] = zeros`")));
        }
        self.expect(Sign::Colon)?;
        let ty = self.ty()?;
        if !self.at_sign(Sign::Equal) {
            let error = self.unexpected("`=` and an initial value");
            return Err(self.report(error.help("for example `= zeros`")));
        }
        self.expect(Sign::Equal)?;
        Ok(StmtKind::Variable(Variable { kind, name, ty, init: self.expr()? }))
    }

    /// `"shared" NAME ":" NAME [ args ]`
    fn shared(&mut self) -> Result<StmtKind> {
        self.at += 1;
        let name = self.plain_name("the name of a shared layer")?;
        self.expect(Sign::Colon)?;
        Ok(StmtKind::Shared(Shared { name, layer: self.call("the name of a function")? }))
    }

    /// `"update" NAME [ "[" expr "]" ] "<-" expr`
    fn update(&mut self) -> Result<StmtKind> {
        self.at += 1;
        let target = self.name("the name of a variable")?;
        let index = if self.at_sign(Sign::OpenBracket) {
            let run_on = self.open(Sign::OpenBracket)?;
            let index = self.expr()?;
            self.close(run_on, "an operator")?;
            Some(index)
        } else {
            None
        };
        self.arrow()?;
        Ok(StmtKind::Update(Update { target, index, value: self.expr()? }))
    }

    /// `<-`, two signs to the lexer: `a < -b` is a comparison.
    fn arrow(&mut self) -> Result<()> {
        let less = self.at;
        let adjacent = self.at_sign(Sign::Less)
            && self.lexed.tokens[less + 1].kind == Kind::Sign(Sign::Minus)
            && self.lexed.tokens[less + 1].start == self.lexed.tokens[less].end;
        if adjacent {
            self.at += 2;
            return Ok(());
        }
        if self.at_sign(Sign::Equal) {
            let error = self.unexpected("`<-`");
            return Err(self.report(error.help("a variable is written by `<-`")));
        }
        if self.at_sign(Sign::Less) {
            let error = self.unexpected("`<-`");
            return Err(self.report(error.help("there is no space inside `<-`")));
        }
        Err(self.expected("`<-`"))
    }

    /// `"for" NAME "in" expr [ ".." expr ] block`
    fn for_loop(&mut self) -> Result<StmtKind> {
        self.at += 1;
        let name = self.name("the name of the loop")?;
        self.expect_word(Word::In)?;
        let first = self.expr()?;
        let range = if self.eat(Sign::Dots2) {
            Range::Numbers(first, self.expr()?)
        } else {
            Range::List(first)
        };
        let body = self.block(self.place.in_for())?;
        Ok(StmtKind::For(For { name, range, body }))
    }

    /// `"if" expr block [ "else" ( block | if ) ]`
    fn if_chain(&mut self) -> Result<StmtKind> {
        let mut arms = Vec::new();
        let mut otherwise = None;
        while self.eat_word(Word::If) {
            let condition = self.expr()?;
            arms.push(Arm { condition, body: self.block(self.place)? });
            self.else_on_next_line();
            if !self.eat_word(Word::Else) {
                break;
            }
            if !self.at_word(Word::If) {
                otherwise = Some(self.block(self.place)?);
                break;
            }
        }
        Ok(StmtKind::If(If { arms, otherwise }))
    }

    /// Reports an `else` that begins a line, and reads it as if it stood on the line before.
    fn else_on_next_line(&mut self) {
        if self.peek() == Kind::LineEnd && self.token().kind == Kind::Word(Word::Else) {
            let message = "this `else` begins a line";
            let error = Diagnostic::error(Code::UnexpectedText, message);
            let error =
                error.at(self.span_of(self.at), "expected on the line of the `}` before it");
            self.diagnostics.push(error.help("write `} else {`"));
            self.statement_start = self.at;
        }
    }

    /// A binding, or the best message for a line that begins like none.
    fn binding_or_mistake(&mut self) -> Result<StmtKind> {
        let next = self.lexed.tokens[(self.at + 1).min(self.lexed.tokens.len() - 1)].kind;
        let binds = matches!(next, Kind::Sign(Sign::Equal | Sign::Colon | Sign::Comma));
        match self.peek() {
            Kind::Name => self.binding(),
            Kind::Word(_) | Kind::Element(_) if binds => {
                let text = self.text_of(self.at);
                Err(self.reserved(self.here(), text))
            }
            Kind::Word(Word::Over | Word::With | Word::Every) => Err(self.expected("a statement")),
            Kind::Sign(sign) if sign.closes() => Err(self.expected("a statement")),
            Kind::Sign(Sign::OpenBrace) | Kind::Error => Err(self.expected("a statement")),
            _ => Err(self.bare_expression()),
        }
    }

    fn reserved(&mut self, span: Span, word: &str) -> Failed {
        let message = format!("`{word}` is a reserved word");
        let error = Diagnostic::error(Code::ReservedWord, message);
        self.report(error.at(span, "this cannot be bound").help("choose another name"))
    }

    /// Reports a line that is an expression, or no statement at all.
    fn bare_expression(&mut self) -> Failed {
        let (first, n_errors) = (self.at, self.diagnostics.n_errors());
        let starts_value = self.expr().is_ok();
        if !starts_value || self.diagnostics.n_errors() > n_errors {
            return Failed;
        }
        let span = self.span_of(first).to(self.last_span());
        let message = "the value of this line is not used";
        let error = Diagnostic::error(Code::NotAStatement, message).at(span, "");
        self.report(error.help("bind it to a name: `y = ...`, or report it: `output y = ...`"))
    }

    /// `NAME [ ":" type ] { "," NAME [ ":" type ] } "=" ( expr | scan )`
    fn binding(&mut self) -> Result<StmtKind> {
        let first = self.at;
        let mut targets = vec![self.target()?];
        while self.eat(Sign::Comma) {
            targets.push(self.target()?);
        }
        if !self.eat(Sign::Equal) {
            let is_lone_name = targets.len() == 1 && targets[0].ty.is_none();
            return Err(if is_lone_name { self.not_bound(first) } else { self.expected("`=`") });
        }
        let value = if self.at_word(Word::Scan) {
            Bound::Scan(Box::new(self.scan()?))
        } else {
            Bound::Expr(self.expr()?)
        };
        Ok(StmtKind::Bind(Bind { targets, value }))
    }

    fn target(&mut self) -> Result<Target> {
        let name = self.name("a name")?;
        let ty = if self.eat(Sign::Colon) { Some(self.ty()?) } else { None };
        Ok(Target { name, ty })
    }

    /// Reports a line that begins with a name but does not bind it.
    fn not_bound(&mut self, first: usize) -> Failed {
        let next = self.lexed.tokens[(self.at + 1).min(self.lexed.tokens.len() - 1)];
        let is_operator = matches!(
            self.peek(),
            Kind::Sign(Sign::Plus | Sign::Minus | Sign::Star | Sign::Slash | Sign::At)
        );
        if is_operator && next.kind == Kind::Sign(Sign::Equal) {
            let (name, sign) = (self.text_of(first), self.text_of(self.at));
            let help = format!("write `{name} = {name} {sign} ...`");
            let error = self.unexpected("`=`");
            return self.report(error.help(help));
        }
        if self.at_sign(Sign::Less) && next.kind == Kind::Sign(Sign::Minus) {
            let error = self.unexpected("`=`");
            return self.report(error.help("a variable is written by `update NAME <- ...`"));
        }
        if !matches!(self.peek(), Kind::Sign(_))
            && let Some(hint) = hint(Place::Statement, self.text_of(first))
        {
            let error = self.unexpected("`=`");
            return self.report(error.help(hint));
        }
        if matches!(self.peek(), Kind::Name | Kind::Int | Kind::Float | Kind::Str) {
            let words = STATEMENT_WORDS.iter().map(|word| word.text());
            let Some(near) = similar(self.text_of(first), words) else {
                return self.expected("`=`");
            };
            let error = self.unexpected("`=`");
            return self.report(error.help(format!("is `{near}` meant?")));
        }
        self.at = first;
        self.bare_expression()
    }

    /// `"scan" "(" seq { "," seq } { "," NAME "=" expr } ")" block`
    fn scan(&mut self) -> Result<Scan> {
        let first = self.at;
        self.at += 1;
        let items = self.bracketed(Sign::OpenParen, false, Self::scan_item)?;
        let mut sequences = Vec::new();
        let mut named = Vec::new();
        for item in items {
            match item {
                ScanItem::Sequence(sequence) if named.is_empty() => sequences.push(sequence),
                ScanItem::Sequence(sequence) => self.late_sequence(&sequence),
                ScanItem::Named(carry) => named.push(carry),
            }
        }
        if sequences.is_empty() {
            let error = Diagnostic::error(Code::UnexpectedText, "this `scan` has no sequence");
            let error = error.at(self.span_of(first), "");
            self.diagnostics.push(error.help("for example `scan(x_t in x, h = zeros([8]))`"));
        }
        let inside = sequences.iter().map(|sequence| &sequence.name);
        self.check_distinct("the name", inside.chain(named.iter().map(|carry| &carry.name)));
        let axis = take(&mut named, "axis");
        let reverse = take(&mut named, "reverse");
        let body = self.block(Allowed::SCAN)?;
        let span = self.span_of(first).to(self.last_span());
        Ok(Scan { sequences, axis, reverse, carries: named, body, span })
    }

    /// `NAME "in" expr` or `NAME "=" expr`
    fn scan_item(&mut self) -> Result<ScanItem> {
        let name = self.name("a name")?;
        if self.eat_word(Word::In) {
            return Ok(ScanItem::Sequence(Sequence { name, value: self.expr()? }));
        }
        if self.eat(Sign::Equal) {
            return Ok(ScanItem::Named(Carry { name, init: self.expr()? }));
        }
        Err(self.expected("`in` or `=`"))
    }

    fn late_sequence(&mut self, sequence: &Sequence) {
        let message = format!("the sequence `{}` follows a carry", sequence.name.text);
        let error = Diagnostic::error(Code::ArgumentOrder, message);
        let error = error.at(sequence.name.span, "").help("sequences come first");
        self.diagnostics.push(error);
    }
}

/// What stands between the commas of a `scan`.
enum ScanItem {
    Sequence(Sequence),
    /// A carry, or the argument `axis` or `reverse`.
    Named(Carry),
}

/// The value of the first carry called `name`, which is then no carry.
fn take(named: &mut Vec<Carry>, name: &str) -> Option<crate::ast::Expr> {
    let at = named.iter().position(|carry| &*carry.name.text == name)?;
    Some(named.remove(at).init)
}
