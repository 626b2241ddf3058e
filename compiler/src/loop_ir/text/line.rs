//! The lines of a text.

use thiserror::Error;

use super::tokens::{Token, tokens};

/// A text that is no kernel's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {message}")]
pub struct TextError {
    /// The line, from 1 on.
    pub line: usize,
    /// The character in the line, from 1 on.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// A line that says something.
pub(super) struct Line<'a> {
    /// Its number, from 1 on.
    pub(super) number: usize,
    /// How far it is indented, by two spaces each.
    pub(super) depth: usize,
    pub(super) text: &'a str,
    /// Empty in the first line of a kernel, whose name may be anything.
    pub(super) tokens: Vec<(Token, usize)>,
}

/// The lines of a text that say something.
pub(super) fn lines(text: &str) -> Result<Vec<Line<'_>>, TextError> {
    let mut lines = vec![];
    for (number, text) in (1..).zip(text.lines()) {
        if text.starts_with('#') || text.trim().is_empty() {
            continue;
        }
        let indent = text.len() - text.trim_start_matches(' ').len();
        let error = |column, message| TextError { line: number, column, message };
        if indent % 2 == 1 {
            return Err(error(indent, "a line is indented by an odd number of spaces".into()));
        }
        let tokens = match indent {
            0 => vec![],
            _ => tokens(text).map_err(|(column, message)| error(column, message))?,
        };
        lines.push(Line { number, depth: indent / 2, text, tokens });
    }
    Ok(lines)
}

/// An error in a line.
pub(super) fn at(line: &Line<'_>, column: usize, message: &str) -> TextError {
    TextError { line: line.number, column, message: message.to_string() }
}
