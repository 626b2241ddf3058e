//! Lines with their provenance, which is aligned at the end of the lines.

use std::fmt;

use crate::ir::Provenance;

/// A comment stands at most so far to the right, longer lines apart.
const MAX_COLUMN: usize = 96;

#[derive(Default)]
pub(super) struct Lines {
    lines: Vec<(String, String)>,
    pub(super) indent: usize,
}

impl Lines {
    pub(super) fn push(&mut self, text: impl AsRef<str>, provenance: &Provenance) {
        let text = format!("{:indent$}{}", "", text.as_ref(), indent = 4 * self.indent);
        self.lines.push((text, provenance.to_string()));
    }

    /// An empty line, unless the last one is empty.
    pub(super) fn blank(&mut self) {
        if self.lines.last().is_some_and(|(text, _)| !text.is_empty()) {
            self.lines.push((String::new(), String::new()));
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marked = self.lines.iter().filter(|(_, provenance)| !provenance.is_empty());
        let lengths = marked.map(|(text, _)| text.chars().count());
        let column = lengths.filter(|&n| n <= MAX_COLUMN).max().unwrap_or(0);
        let end = self.lines.iter().rposition(|(text, _)| !text.is_empty()).map_or(0, |n| n + 1);
        for (text, provenance) in &self.lines[..end] {
            match provenance.as_str() {
                "" => writeln!(f, "{text}")?,
                mark => writeln!(f, "{text:column$}  #@ {mark}")?,
            }
        }
        Ok(())
    }
}
