//! The error of a thread, and the functions that tell it.

use std::cell::RefCell;
use std::ffi::{CString, c_char};

use brolga::Report;

use crate::types::{BROLGA_OK, Status};

/// An error as C reads it.
struct Kept {
    status: Status,
    code: CString,
    message: CString,
    file: CString,
    line: u32,
    column: u32,
    text: CString,
}

thread_local! {
    static LAST: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Keeps an error as the thread's, or none.
pub(crate) fn keep(error: Option<(Status, Report)>) {
    let kept = error.map(|(status, report)| {
        let Report { code, message, place, text, fault: _ } = report;
        let (file, line, column) = match &place {
            Some(place) => (&*place.file, place.line, place.column),
            None => ("", 0, 0),
        };
        let (code, message, file) = (c_text(code), c_text(&message), c_text(file));
        Kept { status, code, message, file, line, column, text: c_text(&text) }
    });
    // A thread that ends has no error any more, and nobody to read it.
    let _ = LAST.try_with(|last| last.replace(kept));
}

/// A text as C reads it: it ends where a zero byte stands.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).expect("it has no zero byte")
}

fn last<T>(none: T, read: impl FnOnce(&Kept) -> T) -> T {
    let found = LAST.try_with(|last| last.borrow().as_ref().map(read));
    found.ok().flatten().unwrap_or(none)
}

/// What the last function of this thread has returned that returns a status.
///
/// The texts of the functions brolga_error_... are the library's. They are there until this thread
/// calls another function that returns a status; those that free something change nothing. They are
/// never NULL: where there is no error, they are empty.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_error_status() -> Status {
    last(BROLGA_OK, |kept| kept.status)
}

/// The code of the error, "E0301", which the command `brolga explain E0301` explains.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_error_code() -> *const c_char {
    last(c"".as_ptr(), |kept| kept.code.as_ptr())
}

/// What is wrong, in one sentence; of several errors in a text, the first.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_error_message() -> *const c_char {
    last(c"".as_ptr(), |kept| kept.message.as_ptr())
}

/// The file, or the name of the text, in which the error stands; empty if it has no place there.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_error_file() -> *const c_char {
    last(c"".as_ptr(), |kept| kept.file.as_ptr())
}

/// The line of the error in its file, from 1; 0 if it has no place there.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_error_line() -> u32 {
    last(0, |kept| kept.line)
}

/// The column of the error in its line, in characters from 1; 0 if it has no place there.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_error_column() -> u32 {
    last(0, |kept| kept.column)
}

/// All that is to say, as the command prints it: every error with its code, the lines of the file
/// with marks under them, and what to change. It ends with a line end.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_error_text() -> *const c_char {
    last(c"".as_ptr(), |kept| kept.text.as_ptr())
}
