//! Text to tokens. Knows where lines begin and which brackets belong together, but leaves to the
//! parser what a line end means. Every token lies on one line; the last one is [`Kind::End`].

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use crate::ast::Element;
use crate::codes::Code;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::foreign::OPEN_DIMENSION;
use crate::source::{Source, Span};

/// What a token is. Names, numbers, strings and patterns are read from the text when needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A plain or scoped name.
    Name,
    /// Digits.
    Int,
    /// A number with a point or an exponent.
    Float,
    /// A string with its quotes.
    Str,
    /// A pattern after `over`.
    Pattern,
    /// A reserved word.
    Word(Word),
    /// A reserved word for an element type.
    Element(Element),
    /// Punctuation.
    Sign(Sign),
    /// Text that was already reported.
    Error,
    /// The end of the line, where that ends a statement. Made by the parser.
    LineEnd,
    /// The end of the file.
    End,
}

/// Lists the members of an enum with their text.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant,)* }

        impl $name {
            /// The text as it is written.
            pub(crate) fn text(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The member that is written as `text`.
            pub(crate) fn spelled(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }
    };
}

spelled! {
    /// Reserved words other than element types.
    Word {
        Version "version" Graph "graph" Import "import" Const "const" Input "input" Fn "fn"
        Output "output" Metric "metric" Minimize "minimize" Every "every" Over "over" With "with"
        Param "param" State "state" Shared "shared" Update "update" For "for" In "in" If "if"
        Else "else" Return "return" Emit "emit" Scan "scan" Dtype "dtype" Or "or" And "and"
        Not "not" True "true" False "false" Training "training" Step "step" Epoch "epoch"
        Inf "inf" Nan "nan"
    }
}

spelled! {
    /// Punctuation.
    Sign {
        Dots3 "..." Dots2 ".." StarStar "**" SlashSlash "//" EqualEqual "==" NotEqual "!="
        LessEqual "<=" GreaterEqual ">=" Comma "," Colon ":" Equal "=" Less "<" Greater ">"
        Plus "+" Minus "-" Star "*" Slash "/" Percent "%" At "@"
        OpenParen "(" CloseParen ")" OpenBracket "[" CloseBracket "]" OpenBrace "{" CloseBrace "}"
    }
}

impl Sign {
    /// The bracket that closes this one.
    pub(crate) fn closing(self) -> Option<Sign> {
        BRACKETS.into_iter().find(|&(open, _)| open == self).map(|(_, close)| close)
    }

    /// Whether this is a closing bracket.
    pub(crate) fn closes(self) -> bool {
        BRACKETS.into_iter().any(|(_, close)| close == self)
    }
}

/// Opening brackets with those that close them.
const BRACKETS: [(Sign, Sign); 3] = [
    (Sign::OpenParen, Sign::CloseParen),
    (Sign::OpenBracket, Sign::CloseBracket),
    (Sign::OpenBrace, Sign::CloseBrace),
];

/// A token: its kind and its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Whether nothing but space stands before it on its line.
    pub(crate) first_on_line: bool,
}

/// A `#@` comment that follows a token on its line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// The index of that token.
    pub(crate) after: usize,
    /// The text after `#@`, trimmed.
    pub(crate) span: Span,
}

/// A file cut into tokens.
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    /// For each bracket the index of its partner.
    pairs: Vec<u32>,
    /// `#@` comments, in order.
    pub(crate) marks: Vec<Mark>,
    pub(crate) diagnostics: Diagnostics,
}

/// In [`Lexed::pairs`]: no bracket, or one without a partner.
const NO_PARTNER: u32 = u32::MAX;

impl Lexed {
    /// The token that closes or opens the bracket `token`; none for one that is alone.
    pub(crate) fn partner(&self, token: usize) -> Option<usize> {
        Some(self.pairs[token]).filter(|&at| at != NO_PARTNER).map(|at| at as usize)
    }
}

/// The tokens of some bytes of a file, from the start of a line to the end of one.
pub(crate) fn lex(source: &Source, bytes: Range<usize>) -> Lexed {
    let mut lexer = Lexer {
        source,
        text: &source.text()[..bytes.end],
        at: bytes.start,
        in_patterns: false,
        first_on_line: true,
        tokens: Vec::with_capacity(bytes.len() / 4 + 1),
        marks: Vec::new(),
        diagnostics: Diagnostics::new(),
    };
    let invalid = source.first_invalid().filter(|span| bytes.contains(&span.range().start));
    if let Some(span) = invalid {
        lexer.diagnostics.push(
            Diagnostic::error(Code::NotUtf8, "this file is not UTF-8 text")
                .at(span, "the first byte that is not"),
        );
    }
    lexer.run();
    let pairs = pair_brackets(&lexer.tokens);
    Lexed { tokens: lexer.tokens, pairs, marks: lexer.marks, diagnostics: lexer.diagnostics }
}

/// The element type or other reserved word that `text` spells.
pub(crate) fn reserved(text: &str) -> Option<Kind> {
    let element = || Element::ALL.into_iter().find(|element| element.word() == text);
    // No word for an element type is longer than `bool` or `bf16`.
    let may_be_element = text.len() <= 4;
    let word = Word::spelled(text).map(Kind::Word);
    if may_be_element { word.or_else(|| element().map(Kind::Element)) } else { word }
}

/// Words that begin a statement and stand nowhere else.
const STATEMENT_WORDS: [Word; 15] = [
    Word::Import,
    Word::Const,
    Word::Input,
    Word::Fn,
    Word::Output,
    Word::Metric,
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

/// Whether no `(` or `[` that is open before this token can be closed after it: blocks and
/// statements do not stand in them.
fn ends_brackets(token: Token) -> bool {
    match token.kind {
        Kind::Sign(sign) => sign == Sign::OpenBrace,
        Kind::Word(word) => token.first_on_line && STATEMENT_WORDS.contains(&word),
        Kind::Name
        | Kind::Int
        | Kind::Float
        | Kind::Str
        | Kind::Pattern
        | Kind::Element(_)
        | Kind::Error
        | Kind::LineEnd
        | Kind::End => false,
    }
}

/// Partners of all brackets. A closing bracket takes the nearest opening one of its kind; those
/// opened in between are never closed, nor is a `(` or `[` before a block or a statement. `O(n)`: every bracket is pushed and popped once, because
/// the count of open ones of each kind says beforehand whether there is one to find.
fn pair_brackets(tokens: &[Token]) -> Vec<u32> {
    let mut pairs = vec![NO_PARTNER; tokens.len()];
    let mut open: Vec<(usize, Sign)> = Vec::new();
    let mut n_open = [0usize; BRACKETS.len()];
    let slot = |closing: Sign| BRACKETS.iter().position(|pair| pair.1 == closing);
    let slot = |closing: Sign| slot(closing).expect("only closing brackets are asked for");
    for (at, token) in tokens.iter().enumerate() {
        while ends_brackets(*token)
            && let Some((_, closing)) = open.pop_if(|(_, closing)| *closing != Sign::CloseBrace)
        {
            n_open[slot(closing)] -= 1;
        }
        let Kind::Sign(sign) = token.kind else { continue };
        if let Some(closing) = sign.closing() {
            open.push((at, closing));
            n_open[slot(closing)] += 1;
        } else if sign.closes() && n_open[slot(sign)] > 0 {
            while let Some((opening, closing)) = open.pop() {
                n_open[slot(closing)] -= 1;
                if closing == sign {
                    pairs[opening] = at as u32;
                    pairs[at] = opening as u32;
                    break;
                }
            }
        }
    }
    pairs
}

struct Lexer<'a> {
    source: &'a Source,
    text: &'a str,
    at: usize,
    /// Between `over` and `with`, where patterns stand instead of names.
    in_patterns: bool,
    first_on_line: bool,
    tokens: Vec<Token>,
    marks: Vec<Mark>,
    diagnostics: Diagnostics,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.first_on_line = true;
                    self.in_patterns = false;
                }
                b' ' | b'\t' => self.at += 1,
                b'#' => self.comment(),
                b'0'..=b'9' | b'.' | b'*' | b'A'..=b'Z' | b'a'..=b'z' | b'_'
                    if self.in_patterns =>
                {
                    self.pattern();
                }
                b'A'..=b'Z' | b'a'..=b'z' | b'_' => self.name(),
                b'0'..=b'9' => self.number(),
                b'"' => self.string(),
                _ => self.sign(),
            }
        }
        self.push(Kind::End, self.at);
    }

    /// Ends a token that began at `start`.
    fn push(&mut self, kind: Kind, start: usize) {
        if kind != Kind::Sign(Sign::Comma) && kind != Kind::Pattern {
            self.in_patterns = kind == Kind::Word(Word::Over);
        }
        let (start, end) = (start as u32, self.at as u32);
        self.tokens.push(Token { kind, start, end, first_on_line: self.first_on_line });
        self.first_on_line = false;
    }

    fn report(&mut self, code: Code, message: String, start: usize, help: &str) {
        let span = self.source.span(start as u32, self.at as u32);
        let diagnostic = Diagnostic::error(code, message).at(span, "");
        self.diagnostics.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, mut wanted: impl FnMut(u8) -> bool) {
        while self.byte(0).is_some_and(&mut wanted) {
            self.at += 1;
        }
    }

    fn comment(&mut self) {
        let start = self.at;
        self.at += self.text[start..].find('\n').unwrap_or(self.text.len() - start);
        let Some(text) = self.text[start..self.at].strip_prefix("#@") else { return };
        if self.first_on_line {
            return;
        }
        let from = self.at - text.trim_start().len();
        let to = from + text.trim().len();
        let span = self.source.span(from as u32, to as u32);
        self.marks.push(Mark { after: self.tokens.len() - 1, span });
    }

    fn pattern(&mut self) {
        let start = self.at;
        self.skip_while(|byte| is_name_byte(byte) || byte == b'.' || byte == b'*');
        let kind = reserved(&self.text[start..self.at]).unwrap_or(Kind::Pattern);
        self.push(kind, start);
    }

    fn name(&mut self) {
        let start = self.at;
        self.skip_while(is_name_byte);
        let first_end = self.at;
        let mut well_formed = true;
        while self.byte(0) == Some(b'.') && self.byte(1).is_some_and(is_name_byte) {
            self.at += 1;
            let part = self.at;
            self.skip_while(is_name_byte);
            well_formed &= is_scope_part(&self.text[part..self.at]);
        }
        let word = reserved(&self.text[start..first_end]);
        if self.at == first_end {
            return self.push(word.unwrap_or(Kind::Name), start);
        }
        let text = &self.text[start..self.at];
        if word.is_some() {
            let message = format!("`{text}` begins with a reserved word");
            self.report(Code::ReservedWord, message, start, "choose another first part");
        } else if !well_formed {
            let message = format!("`{text}` is not a name");
            let help = "a part after a dot is a name or a whole number";
            self.report(Code::MalformedName, message, start, help);
        }
        self.push(Kind::Name, start);
    }

    fn number(&mut self) {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_digit());
        let point = self.byte(0) == Some(b'.');
        let has_fraction = point && self.byte(1).is_some_and(|byte| byte.is_ascii_digit());
        let lone_point = point && !has_fraction && self.byte(1) != Some(b'.');
        if has_fraction || lone_point {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        let has_exponent = self.skip_exponent();
        let end = self.at;
        self.skip_number_tail();
        if lone_point || self.at > end {
            let (number, tail) = (&self.text[start..end], &self.text[end..self.at]);
            let help = if lone_point { "a point needs a digit on both sides" } else { "" };
            let help = match is_factor(tail) && !lone_point && number != "0" {
                true => format!("a product is written `{number} * {tail}`"),
                false => help.to_owned(),
            };
            let message = format!("`{}` is not a number", &self.text[start..self.at]);
            self.report(Code::MalformedNumber, message, start, &help);
            return self.push(Kind::Error, start);
        }
        self.push(if has_fraction || has_exponent { Kind::Float } else { Kind::Int }, start);
    }

    /// Skips what is glued to a number: letters, and points that letters or digits follow.
    fn skip_number_tail(&mut self) {
        while self.byte(0).is_some_and(is_name_byte)
            || self.byte(0) == Some(b'.') && self.byte(1).is_some_and(is_name_byte)
        {
            self.at += 1;
        }
    }

    /// Skips `e10`, `E-3`; nothing where no digits follow.
    fn skip_exponent(&mut self) -> bool {
        let signed = matches!(self.byte(1), Some(b'+' | b'-'));
        let digits = 1 + usize::from(signed);
        let is_exponent = matches!(self.byte(0), Some(b'e' | b'E'))
            && self.byte(digits).is_some_and(|byte| byte.is_ascii_digit());
        if is_exponent {
            self.at += digits;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        is_exponent
    }

    fn string(&mut self) {
        let start = self.at;
        let mut chars = self.text[start..].char_indices().peekable();
        chars.next();
        let end = self.string_end(start, &mut chars);
        // Only a string that is never closed is worth the walk to the end of the line.
        let rest_of_line = || self.text[start..].split('\n').next().unwrap_or_default().len();
        self.at = start + end.unwrap_or_else(rest_of_line);
        if end.is_none() {
            self.report(
                Code::MalformedString,
                "this string is never closed".to_owned(),
                start,
                "a string ends on its line, with `\"`; a line end inside it is written `\\n`",
            );
        }
        self.push(Kind::Str, start);
    }

    /// The length of the string that begins at `start`, if it ends on its line; reports what may
    /// not stand in it.
    fn string_end(&mut self, start: usize, chars: &mut Peekable<CharIndices<'_>>) -> Option<usize> {
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return Some(at + 1),
                '\n' => return None,
                '\\' => {
                    let next = chars.peek().map(|&(_, next)| next);
                    match next {
                        Some('"' | '\\' | 'n') => {
                            chars.next();
                        }
                        Some('\n') | None => return None,
                        Some(other) => self.bad_escape(start + at, other),
                    }
                }
                c if c.is_control() && c != '\t' => self.control_character(start + at, c),
                _ => {}
            }
        }
        None
    }

    fn bad_escape(&mut self, at: usize, c: char) {
        let end = at + 1 + c.len_utf8();
        let span = self.source.span(at as u32, end as u32);
        let shown: String = c.escape_debug().collect();
        self.diagnostics.push(
            Diagnostic::error(Code::MalformedString, format!("`\\{shown}` is not an escape"))
                .at(span, "")
                .help("in a string `\\\"`, `\\\\` and `\\n` have a meaning; a backslash is `\\\\`"),
        );
    }

    fn control_character(&mut self, at: usize, c: char) {
        let span = self.source.span(at as u32, (at + c.len_utf8()) as u32);
        let message = format!("a control character, U+{:04X}, stands here", u32::from(c));
        self.diagnostics.push(Diagnostic::error(Code::UnknownCharacter, message).at(span, ""));
    }

    fn sign(&mut self) {
        let start = self.at;
        let rest = &self.text[start..];
        let lone_point = rest.starts_with('.') && !rest.starts_with("..");
        if lone_point && self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.skip_number_tail();
            let message = format!("`{}` is not a number", &self.text[start..self.at]);
            let help = "a point needs a digit on both sides";
            self.report(Code::MalformedNumber, message, start, help);
            return self.push(Kind::Error, start);
        }
        // The longest sign counts; none has more than three bytes.
        let spelled = |n| rest.get(..n).and_then(Sign::spelled);
        match spelled(3).or_else(|| spelled(2)).or_else(|| spelled(1)) {
            Some(sign) => {
                self.at += sign.text().len();
                self.push(Kind::Sign(sign), start);
            }
            None => self.unknown(),
        }
    }

    /// Reports a run of characters that no token has.
    fn unknown(&mut self) {
        let start = self.at;
        let first = self.text[start..].chars().next().expect("the caller looks at a byte of it");
        self.at += first.len_utf8();
        if first.is_control() {
            self.control_character(start, first);
            return self.push(Kind::Error, start);
        }
        let help = match first {
            ';' => {
                "a statement ends at the end of its line, and commas stand between sizes and \
                 arguments"
            }
            '\'' => "strings stand in double quotes",
            '&' => "write `and`",
            '|' => "write `or`",
            '!' => "write `not`",
            '^' => "a power is written `**`",
            '?' => OPEN_DIMENSION,
            '.' => "a dot stands only inside a scoped name or a number",
            '\u{FFFD}' => "",
            _ if first.is_alphabetic() => "names are made of A-Z, a-z, 0-9 and `_`",
            _ => "",
        };
        match first {
            '&' | '|' => self.skip_while(|byte| byte == b'&' || byte == b'|'),
            '\'' => self.skip_quoted(),
            _ if !first.is_ascii() => self.skip_foreign_word(),
            _ => {}
        }
        let text = &self.text[start..self.at];
        // Bytes that are not UTF-8 were reported once for the whole file.
        if !(text.contains('\u{FFFD}') && self.source.first_invalid().is_some()) {
            let shown: String = text.chars().take(40).collect();
            let message = format!("`{shown}` is not part of the language");
            self.report(Code::UnknownCharacter, message, start, help);
        }
        self.push(Kind::Error, start);
    }

    /// Skips to the next single quote on the line, if there is one.
    fn skip_quoted(&mut self) {
        let rest = &self.text[self.at..];
        let end = rest.find(['\'', '\n']).filter(|&at| rest[at..].starts_with('\''));
        self.at += end.map_or(0, |quote| quote + 1);
    }

    fn skip_foreign_word(&mut self) {
        let word = |c: &char| !c.is_ascii() && !c.is_whitespace() || is_name_char(*c);
        let n_bytes: usize =
            self.text[self.at..].chars().take_while(word).map(char::len_utf8).sum();
        self.at += n_bytes;
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether `part` may follow a dot: a name, or digits alone.
fn is_scope_part(part: &str) -> bool {
    !part.starts_with(|c: char| c.is_ascii_digit()) || part.bytes().all(|b| b.is_ascii_digit())
}
/// Whether what follows a number is a name that it is meant to be multiplied with, and not what
/// other languages end a number with.
fn is_factor(tail: &str) -> bool {
    const ENDINGS: [&str; 12] = ["f", "F", "d", "D", "j", "J", "l", "L", "u", "U", "e", "E"];
    let is_type = |name: &str| name.len() > 1 && name[1..].bytes().all(|b| b.is_ascii_digit());
    let is_name = tail.starts_with(|c: char| c.is_ascii_alphabetic())
        && tail.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name && !ENDINGS.contains(&tail) && !(is_type(tail) && "fiu".contains(&tail[..1]))
}
