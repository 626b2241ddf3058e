//! What is wrong with a file, as data: collected here, rendered by [`render`] or listed by
//! [`Record`].

mod render;

use brolga_compiler::ir::Position;

use crate::codes::Code;
use crate::source::{Sources, Span};

pub use render::{RenderOptions, render};

/// Diagnostics kept of one run. More than anyone reads, few enough for any machine: a file of
/// sixteen million wrong bytes must not turn into sixteen million messages in memory.
const MAX_KEPT: usize = 1000;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is made of the file.
    Error,
    /// Legal, but probably not what is meant.
    Warning,
}

impl Severity {
    /// The word that messages use.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One error or warning.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Which rule is broken.
    pub code: Code,
    /// The headline: lower case, no full stop.
    pub message: String,
    /// Where the error is, if the text is not there to mark it: `mlp.graph:8:15`.
    pub elsewhere: Option<Position>,
    /// Marked places; the first primary one is where the error is.
    pub labels: Vec<Label>,
    /// Facts that explain it, such as the chain of calls that led to it.
    pub notes: Vec<Note>,
    /// What to change.
    pub help: Vec<String>,
}

/// A marked place.
#[derive(Clone, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to say about it; may be empty.
    pub text: String,
    /// Whether the error is here (`^^^`) or this only has to do with it (`---`).
    pub primary: bool,
}

/// A remark after the marked places.
#[derive(Clone, Debug)]
pub struct Note {
    /// The remark.
    pub text: String,
    /// A line to show with it, such as the one of a library function.
    pub span: Option<Span>,
}

impl Diagnostic {
    /// An error without places.
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            elsewhere: None,
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning without places.
    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    /// The same with the place where the error is.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into(), primary: true });
        self
    }

    /// The same with a place in a text that is not there to be shown.
    pub fn elsewhere(mut self, position: Position) -> Diagnostic {
        self.elsewhere = Some(position);
        self
    }

    /// The same with a place that has to do with it.
    pub fn with(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// The same with a remark.
    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(Note { text: text.into(), span: None });
        self
    }

    /// The same with a remark that shows a line.
    pub fn note_at(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.notes.push(Note { text: text.into(), span: Some(span) });
        self
    }

    /// The same with an advice.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help.push(text.into());
        self
    }

    /// Where the error is: its first primary label.
    pub fn span(&self) -> Option<Span> {
        self.labels.iter().find(|label| label.primary).map(|label| label.span)
    }
}

/// The diagnostics of a run: the first thousand and a count of the rest.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    n_errors: usize,
    n_dropped: usize,
}

impl Diagnostics {
    /// No diagnostics.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds one, or counts it when there are too many. An error takes the place of a warning.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let is_error = diagnostic.severity == Severity::Error;
        self.n_errors += usize::from(is_error);
        if self.list.len() < MAX_KEPT {
            return self.list.push(diagnostic);
        }
        self.n_dropped += 1;
        let warning = self.list.iter().rposition(|kept| kept.severity == Severity::Warning);
        if let Some(place) = warning.filter(|_| is_error) {
            self.list[place] = diagnostic;
        }
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        self.n_dropped += other.n_dropped;
        let n_kept_errors = other.iter().filter(|kept| kept.severity == Severity::Error).count();
        self.n_errors += other.n_errors - n_kept_errors;
        other.list.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Puts them in the order of their places; those without a place come last.
    pub fn sort(&mut self) {
        self.list.sort_by_key(|diagnostic| {
            let span = diagnostic.span();
            (span.is_none(), span.map(|span| (span.source, span.start)))
        });
    }

    /// The ones that were kept.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one is an error.
    pub fn has_errors(&self) -> bool {
        self.n_errors > 0
    }

    /// How many errors there are, those not kept included.
    pub fn n_errors(&self) -> usize {
        self.n_errors
    }

    /// How many there are, those not kept included.
    pub fn len(&self) -> usize {
        self.list.len() + self.n_dropped
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        let mut all = Diagnostics::new();
        all.push(diagnostic);
        all
    }
}

/// A diagnostic as plain data, with lines and columns: what `--json` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// `E0203`.
    pub code: &'static str,
    /// The headline.
    pub message: String,
    /// Marked places.
    pub labels: Vec<LabelRecord>,
    /// Remarks; those with a line have it as a label-like place.
    pub notes: Vec<NoteRecord>,
    /// What to change.
    pub help: Vec<String>,
}

/// A marked place as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRecord {
    /// Whether the error is here.
    pub primary: bool,
    /// The place.
    pub place: PlaceRecord,
    /// What is to say about it.
    pub text: String,
}

/// A remark as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteRecord {
    /// The remark.
    pub text: String,
    /// The place that it speaks of.
    pub place: Option<PlaceRecord>,
}

/// A place as plain data; lines and columns from 1, columns in characters, the end not included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRecord {
    /// The name of the file.
    pub file: String,
    /// The first line.
    pub line: u32,
    /// The first column.
    pub column: u32,
    /// The last line.
    pub end_line: u32,
    /// The column after the last.
    pub end_column: u32,
}

/// A diagnostic as plain data.
pub fn record(diagnostic: &Diagnostic, sources: &Sources) -> Record {
    let label = |label: &Label| LabelRecord {
        primary: label.primary,
        place: place(label.span, sources),
        text: label.text.clone(),
    };
    let note = |note: &Note| NoteRecord {
        text: note.text.clone(),
        place: note.span.map(|span| place(span, sources)),
    };
    Record {
        severity: diagnostic.severity.word(),
        code: diagnostic.code.id(),
        message: diagnostic.message.clone(),
        labels: diagnostic.labels.iter().map(label).collect(),
        notes: diagnostic.notes.iter().map(note).collect(),
        help: diagnostic.help.clone(),
    }
}

fn place(span: Span, sources: &Sources) -> PlaceRecord {
    let (start, end) = (sources.start(span), sources.end(span));
    PlaceRecord {
        file: sources.get(span.source).name().to_owned(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}
