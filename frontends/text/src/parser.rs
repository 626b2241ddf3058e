//! Tokens to a syntax tree. Reports every error that it can find: after one it goes on with the
//! next statement, and the blocks of a broken statement are still read for errors of their own.
//!
//! Invariants: the depth of recursion is at most [`Limits::nesting`] times a constant, and every
//! step of recovery moves forward, so any text is read in linear time and bounded stack.

mod expressions;
mod statements;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::ast::{Block, File, Name, Provenance, Stmt};
use crate::codes::Code;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::lexer::{Kind, Lexed, Sign, Token, Word, lex};
use crate::source::{Source, Span};

/// How large a file may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep brackets, blocks and prefix operators may nest.
    pub nesting: usize,
    /// The size of the file in bytes.
    pub bytes: usize,
}

impl Default for Limits {
    /// 100 levels: ten times what people write. A level is at most nine nodes of the tree, so a
    /// recursive walk with frames of two kilobytes fits a thread's two megabytes.
    /// 16 MiB: larger constants belong into files of their own.
    fn default() -> Limits {
        Limits { nesting: 100, bytes: 16 << 20 }
    }
}

/// What came of a file: its tree, which lacks the statements that are wrong, and the diagnostics
/// in the order of the text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The statements that could be read.
    pub file: File,
    /// Empty if the text is well formed.
    pub diagnostics: Diagnostics,
}

/// Parses a file of any content. `O(bytes)`.
pub fn parse(source: &Source, limits: &Limits) -> Parsed {
    if source.n_bytes() > limits.bytes {
        let (size, limit) = (source.n_bytes(), limits.bytes);
        let message = format!("this file has {size} bytes; the limit is {limit}");
        let error = Diagnostic::error(Code::FileTooLarge, message).at(source.span(0, 0), "");
        let error = error.help("`load` reads large constants; or raise `--max-file-bytes`");
        let file = File { source: source.id(), version: 1, graph: None, body: Vec::new() };
        return Parsed { file, diagnostics: error.into() };
    }
    parse_part(source, 0..source.text().len(), limits)
}

/// Parses the bytes of a file from the start of a line to the end of one, as if they were all of
/// it; places are those in the file. `O(bytes)`.
pub(crate) fn parse_part(source: &Source, bytes: Range<usize>, limits: &Limits) -> Parsed {
    let lexed = lex(source, bytes);
    let mut parser = Parser::new(source, &lexed, *limits);
    let file = parser.file();
    let mut diagnostics = parser.diagnostics;
    diagnostics.extend(lexed.diagnostics);
    diagnostics.sort();
    Parsed { file, diagnostics }
}

/// The error has been reported; what was being read is given up.
struct Failed;

type Result<T> = std::result::Result<T, Failed>;

/// Which statements may stand here.
#[derive(Clone, Copy)]
struct Allowed {
    /// `input`, `fn`, `output` ...
    top: bool,
    /// `return`
    function: bool,
    /// `emit`
    scan: bool,
    /// `update`
    update: bool,
}

impl Allowed {
    const TOP: Allowed = Allowed { top: true, function: false, scan: false, update: true };
    const FUNCTION: Allowed = Allowed { top: false, function: true, scan: false, update: true };
    const SCAN: Allowed = Allowed { top: false, function: false, scan: true, update: false };
    /// In a block whose statement could not be read.
    const UNKNOWN: Allowed = Allowed { top: true, function: true, scan: true, update: true };

    /// Inside the block of a `for` that stands here.
    fn in_for(self) -> Allowed {
        Allowed { top: false, ..self }
    }
}

struct Parser<'a> {
    source: &'a Source,
    text: &'a str,
    lexed: &'a Lexed,
    limits: Limits,
    /// The index of the next token.
    at: usize,
    /// The index of the token that begins the current statement: its line end is no end.
    statement_start: usize,
    /// Whether lines run on, as they do inside `( )` and `[ ]`.
    run_on: bool,
    /// The `(` and `[` that are open here, in this statement and those around it.
    open: Vec<usize>,
    depth: usize,
    place: Allowed,
    /// Which `#@` comments already belong to a statement.
    mark_taken: Vec<bool>,
    diagnostics: Diagnostics,
}

/// What a statement that is given up must leave as it found it.
struct Saved {
    run_on: bool,
    n_open: usize,
    depth: usize,
    place: Allowed,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Source, lexed: &'a Lexed, limits: Limits) -> Parser<'a> {
        Parser {
            source,
            text: source.text(),
            lexed,
            limits,
            at: 0,
            statement_start: 0,
            run_on: false,
            open: Vec::new(),
            depth: 0,
            place: Allowed::TOP,
            mark_taken: vec![false; lexed.marks.len()],
            diagnostics: Diagnostics::new(),
        }
    }

    /// The next statement; none if it is wrong, which is then reported and skipped.
    fn statement(&mut self) -> Option<Stmt> {
        let saved = Saved {
            run_on: std::mem::replace(&mut self.run_on, false),
            n_open: self.open.len(),
            depth: self.depth,
            place: self.place,
        };
        let first = self.at;
        self.statement_start = first;
        let kind = self.statement_kind().and_then(|kind| {
            if self.at_statement_end() {
                Ok(kind)
            } else if matches!(self.peek(), Kind::Word(Word::If)) {
                let error = self.unexpected("the end of the line");
                Err(self.report(error.help("of two tensors `select(condition, x, y)` chooses")))
            } else {
                Err(self.expected("the end of the line"))
            }
        });
        if kind.is_err() {
            self.recover(first, &saved);
        }
        self.run_on = saved.run_on;
        let kind = kind.ok()?;
        let span = self.span_of(first).to(self.last_span());
        Some(Stmt { kind, span, provenance: self.take_mark(first) })
    }

    fn at_statement_end(&self) -> bool {
        matches!(self.peek(), Kind::LineEnd | Kind::End | Kind::Sign(Sign::CloseBrace))
    }

    /// Skips to the end of a statement that began at the token `first`: past the brackets that it
    /// has opened, then to the next line. Blocks on the way are read for their errors.
    fn recover(&mut self, first: usize, saved: &Saved) {
        if let Some(&outermost) = self.open.get(saved.n_open) {
            self.at = self.at.max(self.lexed.partner(outermost).map_or(0, |close| close + 1));
        }
        self.open.truncate(saved.n_open);
        self.run_on = false;
        self.depth = saved.depth;
        loop {
            let token = self.token();
            let on_next_line = token.first_on_line && !continues(token) && self.at > first;
            match token.kind {
                Kind::End | Kind::Sign(Sign::CloseBrace) => break,
                _ if on_next_line => break,
                Kind::Sign(Sign::OpenBrace) => drop(self.block(Allowed::UNKNOWN)),
                Kind::Sign(Sign::OpenParen | Sign::OpenBracket) => {
                    self.at = self.lexed.partner(self.at).unwrap_or(self.at) + 1;
                }
                _ => self.at += 1,
            }
        }
        self.place = saved.place;
    }

    /// `{ ... }`, whose statements stand in `place`. The brace must be on the current line.
    fn block(&mut self, place: Allowed) -> Result<Block> {
        let open = self.at;
        if self.peek() == Kind::LineEnd && self.token().kind == Kind::Sign(Sign::OpenBrace) {
            let help = "`{` stands on the line of its statement";
            let error = self.unexpected("`{`").help(help);
            self.diagnostics.push(error);
            self.at += 1;
        } else {
            self.expect(Sign::OpenBrace)?;
        }
        self.enter(open)?;
        let outside = std::mem::replace(&mut self.place, place);
        let body = self.block_body(open);
        self.place = outside;
        self.depth -= 1;
        Ok(Block { body: body?, span: self.span_of(open).to(self.last_span()) })
    }

    fn block_body(&mut self, open: usize) -> Result<Vec<Stmt>> {
        let mut body = Vec::new();
        loop {
            match self.token().kind {
                Kind::Sign(Sign::CloseBrace) => {
                    self.at += 1;
                    return Ok(body);
                }
                Kind::End => return Err(self.unclosed(open)),
                Kind::Word(word) if self.ends_open_block(open, word) => {
                    self.unclosed(open);
                    return Ok(body);
                }
                _ => body.extend(self.statement()),
            }
        }
    }

    /// Whether a block that is never closed should be given up at a line that begins with `word`,
    /// because the line belongs to the top of the file.
    fn ends_open_block(&self, open: usize, word: Word) -> bool {
        let at_top = matches!(
            word,
            Word::Import
                | Word::Const
                | Word::Input
                | Word::Fn
                | Word::Output
                | Word::Metric
                | Word::Minimize
                | Word::Step
        );
        at_top && self.token().first_on_line && self.lexed.partner(open).is_none()
    }

    /// Goes one level deeper, or gives up the file: what is nested so deep is not worth reading.
    fn enter(&mut self, at: usize) -> Result<()> {
        self.depth += 1;
        if self.depth <= self.limits.nesting {
            return Ok(());
        }
        let message = format!("this is nested more than {} levels deep", self.limits.nesting);
        let span = self.span_of(at);
        self.diagnostics.push(
            Diagnostic::error(Code::NestingTooDeep, message)
                .at(span, "")
                .help("bind an inner expression to a name, or raise `--max-nesting`"),
        );
        self.at = self.lexed.tokens.len() - 1;
        // The brackets around are not what is wrong.
        self.open.clear();
        Err(Failed)
    }

    // Tokens.

    fn token(&self) -> Token {
        self.lexed.tokens[self.at]
    }

    /// The next token, or the end of the line where that ends the statement.
    fn peek(&self) -> Kind {
        let token = self.token();
        let ends = token.first_on_line && !self.run_on && !continues(token);
        if ends && self.at != self.statement_start && token.kind != Kind::End {
            Kind::LineEnd
        } else {
            token.kind
        }
    }

    fn at_sign(&self, sign: Sign) -> bool {
        self.peek() == Kind::Sign(sign)
    }

    fn at_word(&self, word: Word) -> bool {
        self.peek() == Kind::Word(word)
    }

    fn eat(&mut self, sign: Sign) -> bool {
        let found = self.at_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn eat_word(&mut self, word: Word) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: Sign) -> Result<()> {
        if self.eat(sign) { Ok(()) } else { Err(self.expected(&format!("`{}`", sign.text()))) }
    }

    fn expect_word(&mut self, word: Word) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.expected(&format!("`{}`", word.text()))) }
    }

    /// The place of a token.
    fn span_of(&self, token: usize) -> Span {
        let token = self.lexed.tokens[token];
        self.source.span(token.start, token.end)
    }

    /// The place of the token before the next one.
    fn last_span(&self) -> Span {
        self.span_of(self.at.saturating_sub(1))
    }

    /// The place of the next token, or the end of the line.
    fn here(&self) -> Span {
        match self.peek() {
            Kind::LineEnd => self.last_span().after(),
            _ => self.span_of(self.at),
        }
    }

    /// The text of a token.
    fn text_of(&self, token: usize) -> &'a str {
        &self.text[self.span_of(token).range()]
    }

    /// The `#@` comment of a statement that began at the token `first` and ends here: the first
    /// on its lines that no statement inside it has taken.
    fn take_mark(&mut self, first: usize) -> Option<Provenance> {
        let marks = &self.lexed.marks;
        let from = marks.partition_point(|mark| mark.after < first);
        let to = marks.partition_point(|mark| mark.after < self.at);
        let mark = (from..to).find(|&mark| !self.mark_taken[mark])?;
        self.mark_taken[from..to].fill(true);
        let span = marks[mark].span;
        Some(Provenance { text: Arc::from(&self.text[span.range()]), span })
    }

    // Names and lists.

    /// A name of any kind; `what` it names is for the message.
    fn name(&mut self, what: &str) -> Result<Name> {
        match self.peek() {
            Kind::Name => {
                let name = self.name_at(self.at);
                self.at += 1;
                Ok(name)
            }
            Kind::Word(_) | Kind::Element(_) => {
                let message = format!("`{}` is a reserved word", self.text_of(self.at));
                let label = format!("this cannot be {what}");
                self.diagnostics.push(
                    Diagnostic::error(Code::ReservedWord, message)
                        .at(self.here(), label)
                        .help("choose another name"),
                );
                Err(Failed)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A name without a dot. A dot is reported, and the name taken all the same.
    fn plain_name(&mut self, what: &str) -> Result<Name> {
        let name = self.name(what)?;
        self.check_plain(&name, what);
        Ok(name)
    }

    fn check_plain(&mut self, name: &Name, what: &str) {
        if name.text.contains('.') {
            let message = format!("`{}` has a dot in it", name.text);
            let label = format!("{what} has no dot");
            self.diagnostics
                .push(Diagnostic::error(Code::MalformedName, message).at(name.span, label));
        }
    }

    /// The name, or the word in place of one, at a token.
    fn name_at(&self, token: usize) -> Name {
        Name { text: Arc::from(self.text_of(token)), span: self.span_of(token) }
    }

    /// Opens the bracket `sign`: inside it lines run on. The value is for [`Parser::close`].
    fn open(&mut self, sign: Sign) -> Result<bool> {
        self.expect(sign)?;
        self.open.push(self.at - 1);
        Ok(std::mem::replace(&mut self.run_on, true))
    }

    /// Closes the innermost bracket; `expected` names what else could stand here.
    fn close(&mut self, run_on: bool, expected: &str) -> Result<()> {
        let open = *self.open.last().expect("every close follows its open");
        let Kind::Sign(sign) = self.lexed.tokens[open].kind else {
            unreachable!("only brackets are opened")
        };
        let closing = sign.closing().expect("only opening brackets are opened");
        if !self.at_sign(closing) {
            if self.lexed.partner(open).is_none() {
                return Err(self.unclosed(open));
            }
            let expected = format!("{expected} or `{}`", closing.text());
            if !self.token().first_on_line || self.token().kind == Kind::Error {
                return Err(self.expected(&expected));
            }
            // The bracket may be on another line, and what closes it may be another's.
            let error = self.unexpected(&expected).with(self.span_of(open), "opened here");
            return Err(self.report(error));
        }
        self.at += 1;
        self.open.pop();
        self.run_on = run_on;
        Ok(())
    }

    /// `item, item, ...` between brackets; may be empty if `may_be_empty`.
    fn bracketed<T>(
        &mut self,
        sign: Sign,
        may_be_empty: bool,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let run_on = self.open(sign)?;
        let mut items = Vec::new();
        let closing = sign.closing().expect("lists stand in brackets");
        if !(may_be_empty && self.at_sign(closing)) {
            items.push(item(self)?);
            while self.eat(Sign::Comma) {
                if self.at_sign(closing) {
                    let error = self.unexpected("another member").help("remove the last comma");
                    return Err(self.report(error));
                }
                items.push(item(self)?);
            }
        }
        self.close(run_on, "`,`")?;
        Ok(items)
    }

    /// Reports the names of which an earlier one has the same text.
    fn check_distinct<'n>(&mut self, what: &str, names: impl Iterator<Item = &'n Name>) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for name in names {
            let Some(&first) = seen.get(&*name.text) else {
                seen.insert(&name.text, name.span);
                continue;
            };
            let message = format!("{what} `{}` is given twice", name.text);
            let error = Diagnostic::error(Code::RepeatedArgument, message);
            self.diagnostics.push(error.at(name.span, "again here").with(first, "first here"));
        }
    }

    // Errors.

    fn report(&mut self, error: Diagnostic) -> Failed {
        self.diagnostics.push(error);
        Failed
    }

    /// Reports that the next token is not `what`, or the bracket that is behind it.
    fn expected(&mut self, what: &str) -> Failed {
        let token = self.token();
        if token.kind == Kind::Error {
            return Failed;
        }
        let breaks_off = match self.peek() {
            Kind::End => true,
            Kind::Sign(sign) => sign.closes(),
            _ => token.first_on_line,
        };
        if let Some(&open) = self.open.last()
            && self.run_on
            && breaks_off
            && self.lexed.partner(open).is_none()
        {
            return self.unclosed(open);
        }
        if let Kind::Sign(sign) = self.peek()
            && sign.closes()
            && self.lexed.partner(self.at).is_none()
        {
            return self.stray(sign);
        }
        let error = self.unexpected(what);
        self.report(error)
    }

    /// The error that `what` was expected instead of the next token.
    fn unexpected(&self, what: &str) -> Diagnostic {
        let message = format!("expected {what}, found {}", self.found());
        let error = Diagnostic::error(Code::UnexpectedText, message);
        error.at(self.here(), format!("expected {what}"))
    }

    /// What stands here, in words.
    fn found(&self) -> String {
        match self.peek() {
            Kind::LineEnd => "the end of the line".to_owned(),
            Kind::End => "the end of the file".to_owned(),
            Kind::Str => "a string".to_owned(),
            _ => {
                let text = self.text_of(self.at);
                let shown: String = text.chars().take(40).collect();
                let cut = if shown.len() < text.len() { "..." } else { "" };
                format!("`{shown}{cut}`")
            }
        }
    }

    /// Reports a bracket without a partner, at the bracket.
    fn unclosed(&mut self, open: usize) -> Failed {
        let message = format!("this `{}` is never closed", self.text_of(open));
        let error = Diagnostic::error(Code::UnclosedBracket, message).at(self.span_of(open), "");
        let found = match self.peek() {
            Kind::End => "the file ends here",
            _ => "it should be closed before this",
        };
        let error = error.with(self.here(), found);
        self.report(error)
    }

    fn stray(&mut self, sign: Sign) -> Failed {
        let message = format!("this `{}` closes nothing", sign.text());
        let error = Diagnostic::error(Code::StrayBracket, message).at(self.here(), "");
        self.report(error)
    }
}

/// Whether a line that begins with this token continues the one before.
fn continues(token: Token) -> bool {
    matches!(token.kind, Kind::Word(Word::Over | Word::With | Word::Every))
}
