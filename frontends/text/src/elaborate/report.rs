//! What is wrong, told at the user's own text: an error inside the library points at the call,
//! with the library's line as a note.

use std::sync::Arc;

use brolga_compiler::ir::{Position, Provenance, Site};
use brolga_compiler::ops::TypeError;

use super::value::FileId;
use super::{Elaborator, Failed};
use crate::codes::Code;
use crate::diagnostics::{Diagnostic, Severity};
use crate::source::{SourceId, Span};

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
        let key = (diagnostic.code, diagnostic.message.clone(), diagnostic.span());
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
        let inner = std::mem::take(&mut diagnostic.labels);
        for label in inner.into_iter().filter(|label| label.primary) {
            diagnostic = diagnostic.at(call, label.text);
        }
        diagnostic.note_at(span, "in this line of the library")
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
