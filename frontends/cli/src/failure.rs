//! Who is at fault, as an exit status, and what is said on standard error.

use brolga::compiler::error::{CompileError, codes};
use brolga::compiler::ops::EvalError;
use brolga::runtime::data::DataError;
use brolga::runtime::{Fault, RunError};
use brolga::text::codes::Code;
use brolga::text::diagnostics::{Diagnostic, Diagnostics, RenderOptions, render};
use brolga::text::source::Sources;
use serde_json::{Value, json};

/// What to do about an index, the one thing in data that stops a run.
const INDEX_HELP: &str = "indices and labels count from 0 and are smaller than the dimension that \
    they index: correct the data, or make the dimension larger";

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file, the data or the values are at fault.
    Input(String),
    /// The arguments make no sense.
    Usage(String),
    /// The machine, or Brolga itself.
    Machine(String),
    /// The input, as the report on standard output says already.
    Reported(String),
}

impl Failure {
    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::Input(_) | Failure::Reported(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Machine(_) => 3,
        }
    }

    /// What went wrong.
    pub(crate) fn message(&self) -> &str {
        match self {
            Failure::Input(text)
            | Failure::Usage(text)
            | Failure::Machine(text)
            | Failure::Reported(text) => text,
        }
    }

    /// What went wrong, for programs to read; nothing, where a report has said it.
    pub(crate) fn json(&self) -> Option<Value> {
        if let Failure::Reported(_) = self {
            return None;
        }
        let code = self.codes().into_iter().next();
        Some(json!({"error": {"status": self.status(), "code": code, "text": self.message()}}))
    }

    /// The codes of the errors that are told, each once.
    fn codes(&self) -> Vec<&str> {
        let mut codes: Vec<&str> = vec![];
        for part in self.message().split("error[").skip(1) {
            let code = part.split_once(']').map(|(code, _)| code);
            codes
                .extend(code.filter(|code| !codes.contains(code) && Code::from_id(code).is_some()));
        }
        codes
    }

    /// Where the errors that are told are explained: a line, or nothing where none has a code.
    pub(crate) fn more(&self) -> String {
        let codes = self.codes();
        match &codes[..] {
            [] => String::new(),
            [code] => format!("\nfor more: brolga explain {code}\n"),
            [first, others @ ..] => {
                format!("\nfor more: brolga explain {first} (or {})\n", others.join(", "))
            }
        }
    }

    /// An error with its code and advice.
    pub(crate) fn input(code: &str, message: &str, help: &str) -> Failure {
        Failure::Input(with_help(code, message, help))
    }

    /// What the runtime says, with the lines of the file that it speaks of.
    pub(crate) fn run(error: &RunError, sources: &Sources) -> Failure {
        let text = match error {
            RunError::Compile(error) => rendered(error, sources),
            RunError::Data(error) => with_help(error.code(), &error.to_string(), &error.help()),
            RunError::Eval { node, provenance, error: why, fed } => {
                let fed = fed.as_ref().map_or(String::new(), |fed| format!(": {fed}"));
                let message = format!("{why}, in `{node}`{fed}");
                let error = CompileError::new(error.code(), message, provenance);
                let error = match why {
                    EvalError::IndexOutOfRange { .. } => error.with_help(INDEX_HELP),
                    EvalError::Unfed(_) | EvalError::InRegion(_) => error,
                };
                rendered(&error, sources)
            }
            RunError::NotFinite { first: Some(first), .. } => {
                let (code, message) = (error.code(), error.to_string());
                let of_place = CompileError::new(code, message, &first.provenance);
                rendered(&of_place.with_help(error.help()), sources)
            }
            RunError::MadeNotFinite { made, .. } => {
                let (code, message) = (error.code(), error.to_string());
                let of_place = CompileError::new(code, message, &made.first.provenance);
                rendered(&of_place.with_help(error.help()), sources)
            }
            other => with_help(other.code(), &other.to_string(), &other.help()),
        };
        match error.fault() {
            Fault::Input => Failure::Input(text),
            Fault::Machine | Fault::Bug => Failure::Machine(text),
        }
    }

    /// What the compiler refuses.
    pub(crate) fn compile(error: &CompileError, sources: &Sources) -> Failure {
        let text = rendered(error, sources);
        match error.code {
            codes::BUG => Failure::Machine(text),
            codes::UNKNOWN_PASS => Failure::Usage(text),
            _ => Failure::Input(text),
        }
    }

    /// Data that cannot be read or written.
    pub(crate) fn data(error: &DataError) -> Failure {
        let text = with_help(error.code(), &error.to_string(), &error.help());
        if error.is_machine_fault() { Failure::Machine(text) } else { Failure::Input(text) }
    }
}

/// Something that the machine refused.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Machine(format!("error: {error}\n"))
    }
}

fn with_help(code: &str, message: &str, help: &str) -> String {
    let help = if help.is_empty() { String::new() } else { format!("  = help: {help}\n") };
    format!("error[{code}]: {message}\n{help}")
}

/// A compiler's error at its place in the user's text.
fn rendered(error: &CompileError, sources: &Sources) -> String {
    let Some(code) = Code::from_id(error.code) else { return format!("{error}\n") };
    let mut diagnostic = Diagnostic::error(code, error.message.clone());
    let label = error.label.clone().unwrap_or_default();
    let chain = error.provenance.sites().first().map_or(&[][..], |place| &place.chain);
    for (number, position) in chain.iter().enumerate() {
        diagnostic = match (sources.span_of(position), number) {
            (Some(span), 0) => diagnostic.at(span, label.clone()),
            // A dump names lines of the file that it was made of.
            (None, 0) => diagnostic.elsewhere(position.clone()),
            (Some(span), _) => diagnostic.note_at(span, "in this line"),
            (None, _) => diagnostic.note(format!("at {}:{}", position.file, position.line)),
        };
    }
    if let Some(help) = &error.help {
        diagnostic = diagnostic.help(help.clone());
    }
    render(&Diagnostics::from(diagnostic), sources, &render_options())
}

/// Colours where standard error is a terminal that wants them.
pub(crate) fn render_options() -> RenderOptions {
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let wants = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let plain = crate::output::is_json();
    RenderOptions { colour: terminal && wants && !plain, ..RenderOptions::default() }
}
