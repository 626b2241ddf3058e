//! What is wrong, told at the user's own text: an error inside the library points at the call,
//! with the library's line as a note.

use std::sync::Arc;

use brolga_compiler::ir::{Position, Provenance, Site};
use brolga_compiler::ops::TypeError;

use super::value::{Bare, FileId, FunctionRef, Value};
use super::{Elaborator, Failed, Frame};
use crate::codes::Code;
use crate::diagnostics::{Diagnostic, Severity};
use crate::foreign::{Place, hint};
use crate::library::library;
use crate::source::{SourceId, Span};

/// How the headline begins that tells of what a library function was given.
const NO_FIT: &str = "these arguments do not fit";

/// The most calls that the notes of an error show.
const MAX_CALLS_SHOWN: usize = 4;

impl Elaborator<'_> {
    /// Reports an error of one place.
    pub(super) fn error(
        &mut self,
        code: Code,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Failed {
        self.push(Diagnostic::error(code, message).at(span, label))
    }

    /// Reports a diagnostic, unless it has been reported before.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) -> Failed {
        let diagnostic = self.told_to_user(diagnostic);
        // Of arguments that do not fit, the first error says enough.
        let is_of_arguments = diagnostic.message.starts_with(NO_FIT);
        let code = if is_of_arguments { Code::WrongArguments } else { diagnostic.code };
        let key = (code, diagnostic.message.clone(), diagnostic.span());
        if self.reported.insert(key) {
            self.diagnostics.push(diagnostic);
        }
        Failed
    }

    /// Moves the place of an error in the library to the call that led there, and adds the calls
    /// that lead to a place in a function.
    fn told_to_user(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let std = self.program.file(FileId::STD).source;
        let Some(span) = diagnostic.span() else { return diagnostic };
        let calls: Vec<Span> = self.frames.iter().filter_map(|frame| frame.call).collect();
        let shown = |span: &Span| span.source != std;
        if shown(&span) {
            let is_here = self.frames.iter().rposition(|frame| frame.call.is_some());
            if is_here.is_some() && diagnostic.severity == Severity::Error {
                let outside =
                    calls.iter().rev().filter(|call| shown(call) && !contains(**call, span));
                for call in outside.take(MAX_CALLS_SHOWN) {
                    diagnostic = diagnostic.note_at(*call, "in the call here");
                }
            }
            diagnostic.labels.retain(|label| shown(&label.span));
            return diagnostic;
        }
        let Some(call) = calls.iter().rev().find(|span| shown(span)).copied() else {
            return diagnostic;
        };
        let within = "in this line of the library";
        let inner = std::mem::take(&mut diagnostic.labels).into_iter();
        let labels: Vec<String> = inner.filter(|l| l.primary).map(|l| l.text).collect();
        let is_call = |frame: &&Frame| frame.call == Some(call) && frame.function.is_some();
        let frame = self.frames.iter().rev().find(is_call);
        match frame.filter(|_| speaks_of_values(diagnostic.code)) {
            Some(frame) => {
                let said = said(&diagnostic, &labels);
                let diagnostic = self.told_of_arguments(diagnostic, frame, call);
                diagnostic.note_at(span, format!("{within}{said}"))
            }
            None => {
                let label = labels.into_iter().next().unwrap_or_default();
                diagnostic.at(call, label).note_at(span, within)
            }
        }
    }

    /// What a library function cannot do, in terms of what it was given and what it takes.
    fn told_of_arguments(
        &self,
        mut diagnostic: Diagnostic,
        frame: &Frame,
        call: Span,
    ) -> Diagnostic {
        let Some(function) = &frame.function else { return diagnostic };
        let name = &function.name.text;
        if speaks_of_types(diagnostic.code) {
            diagnostic.message = format!("{NO_FIT} `{name}`");
        }
        // That the library parts a shape into so many names is no matter of the user's.
        if diagnostic.code == Code::CountMismatch {
            diagnostic.code = Code::WrongArguments;
        }
        let given = frame.given.iter().map(|(name, value)| match value {
            Value::Tensor(x) => format!("{name}: {}", self.tensor_type(*x)),
            other => format!("{name} = {}", told(other)),
        });
        let given: Vec<String> = given.collect();
        let mut diagnostic = diagnostic.at(call, given.join(", "));
        if let Some(takes) = library().takes(name) {
            // What the library's line could do is no advice to its user.
            diagnostic.help.clear();
            let advice = self.advice_for_arguments(frame, diagnostic.code, takes);
            diagnostic.help.extend(advice);
            diagnostic.help.push(format!("`{name}` takes {takes}"));
        }
        diagnostic
    }

    /// What to write instead of arguments of another kind or element type than is wanted.
    fn advice_for_arguments(&self, frame: &Frame, code: Code, takes: &str) -> Vec<String> {
        let is_of_kind = code == Code::WrongKind;
        let is_of_dtype = matches!(
            code,
            Code::DTypesDiffer | Code::DTypeRefused | Code::BareNumber | Code::ParamNotFloat
        );
        let advice = |(name, value): &(Arc<str>, Value)| match value {
            Value::Str(text) if is_of_kind && self.function_named(text).is_some() => {
                Some(format!("write `{name}={text}`, without quotes"))
            }
            Value::Str(text) if is_of_kind => hint(Place::Function, text),
            Value::Tensor(x) if is_of_dtype && !self.tensor_type(*x).dtype.is_float() => {
                let wants_floats = !matches!(&**name, "labels" | "mask" | "ids");
                let is_told = takes.contains("floats") && wants_floats;
                is_told.then(|| format!("write `cast(.., f32)` around `{name}`"))
            }
            _ => None,
        };
        frame.given.iter().filter_map(advice).collect()
    }

    fn main_source(&self) -> SourceId {
        self.program.main().source
    }

    /// The user's own text that leads to `span`.
    pub(super) fn shown(&self, span: Span) -> Span {
        let std = self.program.file(FileId::STD).source;
        let calls = self.frames.iter().rev().filter_map(|frame| frame.call);
        std::iter::once(span).chain(calls).find(|span| span.source != std).unwrap_or(span)
    }

    /// Reports what an operation refuses, at the expression that is being read.
    pub(super) fn type_error(&mut self, error: &TypeError) -> Failed {
        let diagnostic = type_diagnostic(error, self.at);
        self.push(diagnostic)
    }

    /// Where the expression that is being read stands, with the calls that led there.
    pub(super) fn provenance(&mut self) -> Provenance {
        if let Some(mark) = &self.mark {
            return mark.clone();
        }
        if let Some((span, n_calls, provenance)) = &self.last_provenance
            && (*span, *n_calls) == (self.at, self.n_calls)
        {
            return provenance.clone();
        }
        let calls = self.frames.iter().filter_map(|frame| frame.call);
        let chain: Vec<Position> = calls.chain([self.at]).map(|span| self.position(span)).collect();
        let provenance = Provenance::of(Site { chain, role: None });
        self.last_provenance = Some((self.at, self.n_calls, provenance.clone()));
        provenance
    }

    pub(super) fn position(&self, span: Span) -> Position {
        if let Some(caller) = self.caller.as_ref().filter(|_| span.source == self.main_source()) {
            return caller.clone();
        }
        let at = self.sources.start(span);
        Position {
            file: Arc::from(self.sources.get(span.source).name()),
            line: at.line,
            column: at.column,
            length: self.sources.text(span).chars().count() as u32,
        }
    }
}

/// Whether the cause of an error inside the library can be what its function was given; else it
/// is told as it stands, and [`Code::ShapesUnequal`] speaks of the arguments itself.
fn speaks_of_values(code: Code) -> bool {
    speaks_of_types(code) || code == Code::BatchVariable
}

/// Whether an error is about shapes, element types and kinds of values, which inside the library
/// are not the user's own.
fn speaks_of_types(code: Code) -> bool {
    let is_of_types = code.id().starts_with("E02") && code != Code::ShapesUnequal;
    is_of_types || matches!(code, Code::CountMismatch | Code::ParamNotFloat)
}

/// What an error says at the place in the library: its label, or else its headline.
fn said(diagnostic: &Diagnostic, labels: &[String]) -> String {
    let label = labels.iter().find(|label| !label.is_empty());
    format!(": {}", label.unwrap_or(&diagnostic.message))
}

/// More members of a list than anyone reads.
const MAX_SHOWN: usize = 8;

/// A value that is no tensor, in short.
fn told(value: &Value) -> String {
    match value {
        Value::Bare(Bare::Int(dim)) => dim.to_string(),
        Value::Bare(Bare::Bool(b)) => b.to_string(),
        Value::Bare(Bare::Float(number)) => match number.known() {
            Some(x) => format!("{x:?}"),
            None => "a number".to_owned(),
        },
        Value::Str(text) => format!("{text:?}"),
        Value::Element(dtype) => dtype.to_string(),
        Value::List(members) if members.len() <= MAX_SHOWN && !value.holds_tensor() => {
            let members: Vec<String> = members.iter().map(told).collect();
            format!("[{}]", members.join(", "))
        }
        Value::Function(FunctionRef::Graph(_, function)) => function.name.text.to_string(),
        Value::Function(FunctionRef::Builtin(builtin)) => builtin.name.to_owned(),
        Value::Tensor(_)
        | Value::List(_)
        | Value::Function(FunctionRef::Shared(_))
        | Value::Initial(_)
        | Value::Poison => value.kind().to_owned(),
    }
}

fn contains(outer: Span, inner: Span) -> bool {
    outer.source == inner.source && outer.start <= inner.start && inner.end <= outer.end
}

/// What an operation refuses, as a diagnostic at a place.
pub(super) fn type_diagnostic(error: &TypeError, span: Span) -> Diagnostic {
    let code = Code::from_id(error.code).unwrap_or(Code::WrongKind);
    let diagnostic = Diagnostic::error(code, code.title()).at(span, error.message.clone());
    match &error.help {
        Some(help) => diagnostic.help(help.clone()),
        None => diagnostic,
    }
}
