//! Printing to standard output. A reader that has seen enough (`brolga dump ... | head`) ends the
//! command quietly; any other failure to write is a fault of the machine.

use std::fmt;
use std::io::{ErrorKind, Write};

/// Whether the command line asks for JSON.
pub(crate) fn is_json() -> bool {
    std::env::args_os().any(|argument| argument == "--json")
}

/// Writes text to standard output; see the macros `out` and `outln`.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    if let Err(error) = std::io::stdout().write_fmt(text) {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        eprintln!("error: standard output cannot be written: {error}");
        std::process::exit(3);
    }
}

/// As `print`.
macro_rules! out {
    ($($text:tt)*) => { $crate::output::write(format_args!($($text)*)) };
}

/// As `println`.
macro_rules! outln {
    () => { $crate::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) use {out, outln};

/// A number of things: `1 batch`, `2 batches`.
pub(crate) fn counted(n: i64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
