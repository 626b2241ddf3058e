//! Expressions and types, by precedence climbing.

use std::sync::Arc;

use super::{Failed, Parser, Result};
use crate::ast::{
    Arg, Binary, BinaryOp, CallExpr, Element, Expr, ExprKind, Index, IndexItem, IndexKind, Level,
    Link, Name, Subscript, Type, TypeElement,
};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::foreign::{Place, hint, is_module};
use crate::lexer::{Kind, Sign, Word};
use crate::source::Span;

/// -(-2⁶³) does not fit an i64, so the literal is only legal right after a minus.
const I64_MIN_DIGITS: &str = "9223372036854775808";

impl Parser<'_> {
    /// `expr`
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.nested(|parser| parser.binary(Level::Or))
    }

    /// `expr { "," expr }`
    pub(super) fn exprs(&mut self) -> Result<Vec<Expr>> {
        let mut exprs = vec![self.expr()?];
        while self.eat(Sign::Comma) {
            exprs.push(self.expr()?);
        }
        Ok(exprs)
    }

    /// `type`
    pub(super) fn ty(&mut self) -> Result<Type> {
        let first = self.at;
        let element = match self.peek() {
            Kind::Element(element) => {
                self.at += 1;
                TypeElement::Word(element)
            }
            Kind::Word(Word::Dtype) => {
                self.at += 1;
                let run_on = self.open(Sign::OpenParen)?;
                let of = self.expr()?;
                self.close(run_on, "the end of the value")?;
                TypeElement::Of(Box::new(of))
            }
            _ => return Err(self.expected_type()),
        };
        let dims = if self.at_sign(Sign::OpenBracket) {
            self.bracketed(Sign::OpenBracket, true, Self::expr)?
        } else {
            Vec::new()
        };
        Ok(Type { element, dims, span: self.span_of(first).to(self.last_span()) })
    }

    fn expected_type(&mut self) -> Failed {
        if self.peek() != Kind::Name {
            return self.expected("a type");
        }
        let words: Vec<&str> = Element::ALL.iter().map(|element| element.word()).collect();
        let error = self.unexpected("a type");
        if let Some(hint) = hint(Place::Type, self.text_of(self.at)) {
            return self.report(error.help(hint));
        }
        self.report(error.help(format!("the element types are {}", words.join(", "))))
    }

    /// Reads one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.enter(self.at)?;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// Operators of level `weakest` and stronger.
    fn binary(&mut self, weakest: Level) -> Result<Expr> {
        let mut left = self.prefix(weakest)?;
        let mut compared = false;
        while let Some(op) = binary_op(self.peek()) {
            let level = op.level();
            if level < weakest {
                break;
            }
            if level == Level::Compare && std::mem::replace(&mut compared, true) {
                return Err(self.chained_comparison());
            }
            let op_span = self.here();
            self.at += 1;
            let rhs = self.binary(level.next())?;
            left = chain(left, op, op_span, rhs);
        }
        Ok(left)
    }

    fn chained_comparison(&mut self) -> Failed {
        let error = Diagnostic::error(Code::ChainedComparison, "comparisons do not chain");
        let error = error.at(self.here(), "a second comparison");
        self.report(error.help("put one of them in parentheses, or join two by `and`"))
    }

    /// `not x`, `-x`, or what they apply to.
    fn prefix(&mut self, weakest: Level) -> Result<Expr> {
        let first = self.at;
        if self.at_word(Word::Not) {
            if weakest > Level::Not {
                let error = self.unexpected("a value");
                return Err(self.report(error.help("put `not ...` in parentheses")));
            }
            self.at += 1;
            let operand = self.nested(|parser| parser.binary(Level::Not))?;
            let span = self.span_of(first).to(operand.span);
            return Ok(Expr { kind: ExprKind::Not(Box::new(operand)), span });
        }
        self.unary()
    }

    /// `"-" unary | power`
    fn unary(&mut self) -> Result<Expr> {
        let first = self.at;
        if !self.eat(Sign::Minus) {
            return self.power();
        }
        if let Some(least) = self.least_int() {
            return Ok(Expr { kind: least, span: self.span_of(first).to(self.last_span()) });
        }
        let operand = self.nested(Self::unary)?;
        let span = self.span_of(first).to(operand.span);
        Ok(Expr { kind: ExprKind::Neg(Box::new(operand)), span })
    }

    /// The digits of the least i64 after its minus, unless an operator binds to them first.
    fn least_int(&mut self) -> Option<ExprKind> {
        if self.peek() != Kind::Int || self.text_of(self.at) != I64_MIN_DIGITS {
            return None;
        }
        self.at += 1;
        if self.at_sign(Sign::StarStar) || self.at_sign(Sign::OpenBracket) {
            self.at -= 1;
            return None;
        }
        Some(ExprKind::Int(i64::MIN))
    }

    /// `post [ "**" unary ]`
    fn power(&mut self) -> Result<Expr> {
        let base = self.postfix()?;
        let op_span = self.here();
        if !self.eat(Sign::StarStar) {
            return Ok(base);
        }
        let exponent = self.nested(Self::unary)?;
        Ok(chain(base, BinaryOp::Pow, op_span, exponent))
    }

    /// `atom { "[" index { "," index } "]" }`
    fn postfix(&mut self) -> Result<Expr> {
        let mut value = self.atom()?;
        while self.at_sign(Sign::OpenBracket) {
            let items = self.bracketed(Sign::OpenBracket, false, Self::index_item)?;
            let span = value.span.to(self.last_span());
            let subscript = Subscript { items, span };
            value = match value.kind {
                ExprKind::Index(mut index) => {
                    index.subscripts.push(subscript);
                    Expr { kind: ExprKind::Index(index), span }
                }
                kind => {
                    let base = Expr { kind, span: value.span };
                    let index = Index { base, subscripts: vec![subscript] };
                    Expr { kind: ExprKind::Index(Box::new(index)), span }
                }
            };
        }
        Ok(value)
    }

    /// `"..." | expr | [ expr ] ":" [ expr ] [ ":" expr ]`
    fn index_item(&mut self) -> Result<IndexItem> {
        let first = self.at;
        let kind = if self.eat(Sign::Dots3) {
            IndexKind::Ellipsis
        } else {
            let start = if self.at_sign(Sign::Colon) { None } else { Some(self.expr()?) };
            match (start, self.eat(Sign::Colon)) {
                (Some(at), false) => IndexKind::At(at),
                (None, false) => return Err(self.expected("an index")),
                (start, true) => {
                    let bare = [Sign::Colon, Sign::Comma, Sign::CloseBracket];
                    let has_stop = !bare.into_iter().any(|sign| self.at_sign(sign));
                    let stop = if has_stop { Some(self.expr()?) } else { None };
                    let step = if self.eat(Sign::Colon) { Some(self.expr()?) } else { None };
                    IndexKind::Slice { start, stop, step }
                }
            }
        };
        Ok(IndexItem { kind, span: self.span_of(first).to(self.last_span()) })
    }

    fn atom(&mut self) -> Result<Expr> {
        let first = self.at;
        let word_kind = match self.peek() {
            Kind::Name => return self.name_or_call(),
            Kind::Word(Word::Dtype) => return self.name_or_call(),
            Kind::Sign(Sign::OpenParen) => return self.parenthesised(),
            Kind::Sign(Sign::OpenBracket) => {
                let members = self.bracketed(Sign::OpenBracket, true, Self::expr)?;
                ExprKind::List(members)
            }
            Kind::Int => self.int()?,
            Kind::Float => self.float()?,
            Kind::Str => ExprKind::Str(self.string()),
            Kind::Element(element) => self.word_atom(ExprKind::Element(element)),
            Kind::Word(Word::True) => self.word_atom(ExprKind::Bool(true)),
            Kind::Word(Word::False) => self.word_atom(ExprKind::Bool(false)),
            Kind::Word(Word::Inf) => self.word_atom(ExprKind::Float(f64::INFINITY)),
            Kind::Word(Word::Nan) => self.word_atom(ExprKind::Float(f64::NAN)),
            Kind::Word(Word::Training) => self.word_atom(ExprKind::Training),
            Kind::Word(Word::Step) => self.word_atom(ExprKind::Step),
            Kind::Word(Word::Epoch) => self.word_atom(ExprKind::Epoch),
            Kind::Word(Word::Scan) => return Err(self.scan_inside()),
            _ => return Err(self.expected_value()),
        };
        Ok(Expr { kind: word_kind, span: self.span_of(first).to(self.last_span()) })
    }

    fn word_atom(&mut self, kind: ExprKind) -> ExprKind {
        self.at += 1;
        kind
    }

    fn scan_inside(&mut self) -> Failed {
        let message = "a `scan` is the whole right side of a binding";
        let error = Diagnostic::error(Code::MisplacedStatement, message).at(self.here(), "");
        self.report(error.help("bind its results to names, and use those here"))
    }

    fn expected_value(&mut self) -> Failed {
        let help = match self.peek() {
            Kind::LineEnd => "a line runs on only inside `( )` and `[ ]`",
            Kind::Word(Word::Input) => "an input has a line of its own: `input x: f32[batch, 3]`",
            Kind::Word(Word::Param) => {
                "a parameter has a line of its own: `param w: f32[3] = zeros`"
            }
            _ => return self.expected("a value"),
        };
        let error = self.unexpected("a value");
        self.report(error.help(help))
    }

    /// `"(" expr ")"`
    fn parenthesised(&mut self) -> Result<Expr> {
        let first = self.at;
        let run_on = self.open(Sign::OpenParen)?;
        let inner = self.expr()?;
        if self.at_sign(Sign::Comma) && self.lexed.partner(first).is_some() {
            let error = self.unexpected("`)`");
            return Err(self.report(error.help("a list stands in `[ ]`")));
        }
        self.close(run_on, "an operator")?;
        Ok(Expr { span: self.span_of(first).to(self.last_span()), ..inner })
    }

    fn int(&mut self) -> Result<ExprKind> {
        let text = self.text_of(self.at);
        let Ok(value) = text.parse() else {
            let message = "this integer does not fit 64 bits";
            let error = Diagnostic::error(Code::NumberOutOfRange, message).at(self.here(), "");
            return Err(self.report(error.help("for a float write a point or an exponent")));
        };
        self.at += 1;
        Ok(ExprKind::Int(value))
    }

    fn float(&mut self) -> Result<ExprKind> {
        let value: f64 = self.text_of(self.at).parse().expect("the lexer checks the form");
        if value.is_infinite() {
            let message = "this number does not fit a 64-bit float";
            let error = Diagnostic::error(Code::NumberOutOfRange, message).at(self.here(), "");
            return Err(self.report(error.help("write `inf` for infinity")));
        }
        self.at += 1;
        Ok(ExprKind::Float(value))
    }

    /// The value of the string token here.
    pub(super) fn string(&mut self) -> Arc<str> {
        let text = self.text_of(self.at);
        self.at += 1;
        let inner = text.strip_prefix('"').unwrap_or(text);
        unescape(inner.strip_suffix('"').unwrap_or(inner)).into()
    }

    fn name_or_call(&mut self) -> Result<Expr> {
        let name = self.name_at(self.at);
        self.at += 1;
        if !self.at_sign(Sign::OpenParen) {
            return Ok(Expr { span: name.span, kind: ExprKind::Name(name) });
        }
        let call = self.call_of(name)?;
        Ok(Expr { span: call.span, kind: ExprKind::Call(call) })
    }

    /// `NAME [ args ]` where a function is meant.
    pub(super) fn call(&mut self, what: &str) -> Result<CallExpr> {
        let name = self.name(what)?;
        self.call_of(name)
    }

    /// `[ args ]` after the name of a function.
    fn call_of(&mut self, name: Name) -> Result<CallExpr> {
        self.check_function_name(&name);
        let args = if self.at_sign(Sign::OpenParen) {
            self.bracketed(Sign::OpenParen, true, Self::arg)?
        } else {
            Vec::new()
        };
        let named_first = args.iter().position(|arg| arg.name.is_some());
        let misplaced = named_first.and_then(|at| args[at..].iter().find(|arg| arg.name.is_none()));
        if let Some(arg) = misplaced {
            let message = "a positional argument follows a named one";
            self.diagnostics.push(
                Diagnostic::error(Code::ArgumentOrder, message)
                    .at(arg.value.span, "")
                    .help("positional arguments come first"),
            );
        }
        self.check_distinct("the argument", args.iter().filter_map(|arg| arg.name.as_ref()));
        let span = name.span.to(self.last_span());
        Ok(CallExpr { name, args, span })
    }

    fn check_function_name(&mut self, name: &Name) {
        let Some((value, function)) = name.text.rsplit_once('.') else { return };
        let message = format!("`{}` has a dot in it", name.text);
        let error = Diagnostic::error(Code::MalformedName, message);
        let error = error.at(name.span, "a function's name has no dot");
        let first = value.split('.').next().unwrap_or(value);
        let advice = hint(Place::Function, function).unwrap_or_else(|| match is_module(first) {
            true => format!("there are no modules: write `{function}(...)`"),
            false => format!("there are no methods: write `{function}({value}, ...)`"),
        });
        self.diagnostics.push(error.help(advice));
    }

    /// `[ ( NAME | "training" ) "=" ] expr`
    fn arg(&mut self) -> Result<Arg> {
        let may_name = matches!(self.peek(), Kind::Name | Kind::Word(_) | Kind::Element(_));
        let next = self.lexed.tokens[(self.at + 1).min(self.lexed.tokens.len() - 1)];
        if !may_name || next.kind != Kind::Sign(Sign::Equal) {
            return Ok(Arg { name: None, value: self.expr()? });
        }
        let name = self.arg_name("the name of an argument")?;
        self.expect(Sign::Equal)?;
        Ok(Arg { name: Some(name), value: self.expr()? })
    }

    /// A name without a dot, or one of the words that arguments may be called.
    pub(super) fn arg_name(&mut self, what: &str) -> Result<Name> {
        if matches!(self.peek(), Kind::Word(Word::Training | Word::Dtype)) {
            let name = self.name_at(self.at);
            self.at += 1;
            return Ok(name);
        }
        self.plain_name(what)
    }
}

/// `left op rhs`, joined with the chain that `left` may be.
fn chain(left: Expr, op: BinaryOp, op_span: Span, rhs: Expr) -> Expr {
    let span = left.span.to(rhs.span);
    let link = Link { op, op_span, rhs, span };
    let joins = !matches!(op.level(), Level::Compare | Level::Power);
    let chain = match left.kind {
        ExprKind::Binary(mut chain) if joins && chain.level() == op.level() => {
            chain.rest.push(link);
            chain
        }
        kind => {
            let first = Expr { kind, span: left.span };
            Box::new(Binary { first, rest: vec![link] })
        }
    };
    Expr { kind: ExprKind::Binary(chain), span }
}

/// The binary operator that a token is, powers excepted: they are read by [`Parser::power`].
fn binary_op(kind: Kind) -> Option<BinaryOp> {
    match kind {
        Kind::Word(Word::Or) => Some(BinaryOp::Or),
        Kind::Word(Word::And) => Some(BinaryOp::And),
        Kind::Sign(Sign::EqualEqual) => Some(BinaryOp::Eq),
        Kind::Sign(Sign::NotEqual) => Some(BinaryOp::Ne),
        Kind::Sign(Sign::Less) => Some(BinaryOp::Lt),
        Kind::Sign(Sign::LessEqual) => Some(BinaryOp::Le),
        Kind::Sign(Sign::Greater) => Some(BinaryOp::Gt),
        Kind::Sign(Sign::GreaterEqual) => Some(BinaryOp::Ge),
        Kind::Sign(Sign::Plus) => Some(BinaryOp::Add),
        Kind::Sign(Sign::Minus) => Some(BinaryOp::Sub),
        Kind::Sign(Sign::Star) => Some(BinaryOp::Mul),
        Kind::Sign(Sign::Slash) => Some(BinaryOp::Div),
        Kind::Sign(Sign::SlashSlash) => Some(BinaryOp::FloorDiv),
        Kind::Sign(Sign::Percent) => Some(BinaryOp::Rem),
        Kind::Sign(Sign::At) => Some(BinaryOp::MatMul),
        _ => None,
    }
}

/// The text of a string without its escapes.
fn unescape(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next() } else { None };
        value.push(match escaped {
            Some('n') => '\n',
            Some(other) => other,
            None => c,
        });
    }
    value
}
