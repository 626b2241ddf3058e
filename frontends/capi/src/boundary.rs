//! Where calls come in and errors go out: whatever happens within, the caller gets a status.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use brolga::compiler::error::{CompileError, codes};
use brolga::text::codes::Code;
use brolga::text::diagnostics::RenderOptions;
use brolga::text::source::Sources;
use brolga::{Error, Fault, Report, RunError};

use crate::error::keep;
use crate::types::{
    BROLGA_ERROR_BUG, BROLGA_ERROR_CALL, BROLGA_ERROR_INPUT, BROLGA_ERROR_MACHINE, BROLGA_OK,
    Status,
};

/// Why a call ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    report: Report,
}

impl Failure {
    /// The call makes no sense.
    pub(crate) fn call(code: Code, message: impl Into<String>, help: &str) -> Failure {
        let report = Report::new(Fault::Input, code.id(), message.into(), help);
        Failure { status: BROLGA_ERROR_CALL, report }
    }

    /// What the runtime says, with the lines of `sources` that it speaks of.
    pub(crate) fn run(error: &RunError, sources: &Sources) -> Failure {
        Failure::of(Report::of_run(error, sources, &RenderOptions::default()))
    }

    fn of(report: Report) -> Failure {
        let status = match report.fault {
            Fault::Input => BROLGA_ERROR_INPUT,
            Fault::Machine => BROLGA_ERROR_MACHINE,
            Fault::Bug => BROLGA_ERROR_BUG,
        };
        Failure { status, report }
    }

    fn bug(message: &str) -> Failure {
        let help = "this is a bug of Brolga: please report it with the graph";
        Failure::of(Report::new(Fault::Bug, codes::BUG, message.to_string(), help))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match &error {
            Error::Text(error) => Failure::of(Report::of_load(error, &RenderOptions::default())),
            Error::Run(error) => Failure::run(error, &Sources::default()),
            // No function builds a graph in Rust, or makes a library.
            Error::Build(_) | Error::Library(_) => {
                Failure::run(&CompileError::bug(error.to_string()).into(), &Sources::default())
            }
        }
    }
}

/// Does what a function is called for. Whatever comes of it, a panic too, becomes the status and
/// the thread's error.
pub(crate) fn call(body: impl FnOnce() -> Result<(), Failure>) -> Status {
    // What a panic leaves half done is not looked at again: a session refuses all calls after it.
    let done = catch_unwind(AssertUnwindSafe(body));
    let done = done.unwrap_or_else(|panic| Err(Failure::bug(message(&*panic))));
    let error = done.err().map(|failure| (failure.status, failure.report));
    let status = error.as_ref().map_or(BROLGA_OK, |(status, _)| *status);
    keep(error);
    status
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::error::{brolga_error_code, brolga_error_message, brolga_error_status};

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(call(|| panic!("there is no row {}", 7)), BROLGA_ERROR_BUG);
        // SAFETY: texts of errors are there until the next call of this thread.
        let texts = unsafe {
            [brolga_error_code(), brolga_error_message()].map(|text| CStr::from_ptr(text))
        };
        assert_eq!(texts, [c"E0999", c"there is no row 7"]);
        assert_eq!(call(|| Ok(())), BROLGA_OK);
        assert_eq!(brolga_error_status(), BROLGA_OK);
    }
}
