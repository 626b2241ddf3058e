//! Who is at fault, as an exit status, and what is said on standard error.

use brolga::Report;
use brolga::compiler::error::{CompileError, codes};
use brolga::runtime::data::DataError;
use brolga::runtime::{Fault, RunError};
use brolga::text::codes::Code;
use brolga::text::diagnostics::RenderOptions;
use brolga::text::source::Sources;
use serde_json::{Value, json};

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
        Failure::of(Report::of_run(error, sources, &render_options()))
    }

    /// What the compiler refuses.
    pub(crate) fn compile(error: &CompileError, sources: &Sources) -> Failure {
        let report = Report::of_compile(error, sources, &render_options());
        match error.code {
            codes::UNKNOWN_PASS => Failure::Usage(report.text),
            _ => Failure::of(report),
        }
    }

    /// Data that cannot be read or written.
    pub(crate) fn data(error: &DataError) -> Failure {
        Failure::of(Report::of_data(error))
    }

    fn of(report: Report) -> Failure {
        match report.fault {
            Fault::Input => Failure::Input(report.text),
            Fault::Machine | Fault::Bug => Failure::Machine(report.text),
        }
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

/// Colours where standard error is a terminal that wants them.
pub(crate) fn render_options() -> RenderOptions {
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let wants = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let plain = crate::output::is_json();
    RenderOptions { colour: terminal && wants && !plain, ..RenderOptions::default() }
}
