//! Lines with their provenance, which is aligned at the end of the lines.

use std::fmt;

use rustc_hash::FxHashSet;

use super::spelled;
use crate::ir::{Graph, Provenance};
use crate::ops::Op;

/// A comment stands at most so far to the right, longer lines apart.
const MAX_COLUMN: usize = 96;

#[derive(Default)]
pub(super) struct Lines {
    lines: Vec<(String, String)>,
    pub(super) indent: usize,
    /// The names that a second name of a value may not be.
    taken: FxHashSet<String>,
}

impl Lines {
    pub(super) fn push(&mut self, text: impl AsRef<str>, provenance: &Provenance) {
        let text = format!("{:indent$}{}", "", text.as_ref(), indent = 4 * self.indent);
        self.lines.push((text, provenance.to_string()));
    }

    /// No second name will be this one.
    pub(super) fn take_name(&mut self, name: &str) {
        self.taken.insert(spelled(name));
    }

    /// No second name will be one of a node or root of this graph or its regions.
    pub(super) fn take_names(&mut self, graph: &Graph) {
        graph.outputs.iter().for_each(|(name, _)| self.take_name(name));
        graph.metrics.iter().for_each(|metric| self.take_name(&metric.name));
        for id in graph.ids() {
            self.take_name(&graph.node(id).name);
            if let Some(region) = Op::region(graph.op(id)) {
                self.take_names(region);
            }
        }
    }

    /// Prints a line that gives the value of a name a second one; returns it.
    pub(super) fn alias(&mut self, name: &str) -> String {
        let numbered = (1..).map(|n| format!("{name}.{n}"));
        let free = numbered.into_iter().find(|name| !self.taken.contains(name));
        let free = free.expect("there are more numbers than names");
        self.taken.insert(free.clone());
        self.push(format!("{free} = {name}"), &Provenance::default());
        free
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
