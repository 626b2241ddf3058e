//! The library that is written in the language itself: its text, where each of its functions
//! stands in it, and their trees. A load pays for the functions that it uses alone: the text is
//! read and its functions are found once in a process, and each is parsed when it is first called.
//!
//! Invariant: the library's file holds functions alone, each with `fn` at the start of its first
//! line and of no other, which a test holds against what the parser says of the whole file.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::ast::{Function, Stmt, StmtKind};
use crate::parser::{Limits, parse_part};
use crate::source::{Source, SourceId, Sources};

/// The text of the library.
const TEXT: &str = include_str!("std.graph");

/// The library.
pub(crate) struct Library {
    /// The library's file alone.
    sources: Sources,
    id: SourceId,
    /// In the order of the file.
    functions: Vec<Entry>,
    numbers: HashMap<&'static str, usize>,
}

/// A function of the library.
struct Entry {
    name: &'static str,
    /// From its first line to that of the next function.
    bytes: Range<usize>,
    /// Its tree, once it has been used.
    tree: OnceLock<Arc<Function>>,
}

/// The library of this process.
pub(crate) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let mut sources = Sources::new();
        let id = sources.add("std.graph", TEXT.as_bytes());
        let functions = entries(TEXT);
        let numbers = functions.iter().enumerate().map(|(k, entry)| (entry.name, k)).collect();
        Library { sources, id, functions, numbers }
    })
}

/// The text of the library.
pub fn std_source() -> &'static str {
    TEXT
}

/// The functions of the library in its order, each with its text and the comment above it.
pub fn std_functions() -> Vec<(String, &'static str)> {
    let library = library();
    let functions = library.functions.iter();
    functions.map(|entry| (entry.name.to_owned(), with_comment(library.statement(entry)))).collect()
}

impl Library {
    /// The table of files that a load begins with: the library's alone.
    pub(crate) fn sources(&self) -> Sources {
        self.sources.clone()
    }

    /// The file of the library in [`Library::sources`].
    pub(crate) fn id(&self) -> SourceId {
        self.id
    }

    /// The names of the functions, in the order of the file.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.functions.iter().map(|entry| entry.name)
    }

    /// The function of that name; parsed now if nobody has asked for it before.
    pub(crate) fn function(&self, name: &str) -> Option<&Arc<Function>> {
        let entry = &self.functions[*self.numbers.get(name)?];
        Some(entry.tree.get_or_init(|| match self.statement(entry).kind {
            StmtKind::Fn(function) => function,
            _ => unreachable!("an entry begins with `fn`"),
        }))
    }

    /// What a function takes, as the comment above it says: the line after `# Takes`.
    pub(crate) fn takes(&self, name: &str) -> Option<&'static str> {
        let entry = &self.functions[*self.numbers.get(name)?];
        let text = with_comment(self.statement(entry));
        text.lines().find_map(|line| line.strip_prefix("# Takes "))
    }

    fn source(&self) -> &Source {
        self.sources.get(self.id)
    }

    /// The statement of a function.
    fn statement(&self, entry: &Entry) -> Stmt {
        let parsed = parse_part(self.source(), entry.bytes.clone(), &Limits::default());
        parsed.file.body.into_iter().next().expect("a test parses every function of the library")
    }
}

/// Where the functions of the library's text stand. `O(bytes)`.
fn entries(text: &'static str) -> Vec<Entry> {
    const HEAD: &str = "\nfn ";
    let starts: Vec<usize> = text.match_indices(HEAD).map(|(at, _)| at + 1).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let entry = |(&start, end): (&usize, usize)| {
        let head = &text[start + HEAD.len() - 1..end];
        let name = head.split('(').next().unwrap_or(head);
        Entry { name, bytes: start..end, tree: OnceLock::new() }
    };
    starts.iter().zip(ends).map(entry).collect()
}

/// The text of a statement with the comment lines directly above it.
fn with_comment(stmt: Stmt) -> &'static str {
    let mut start = stmt.span.start as usize;
    while let Some(line) = TEXT[..start].trim_end_matches('\n').rsplit('\n').next() {
        let directly_above = TEXT[..start].ends_with(&format!("{line}\n"));
        if !(directly_above && line.starts_with('#')) {
            break;
        }
        start -= line.len() + 1;
    }
    &TEXT[start..stmt.span.end as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::parse;

    #[test]
    fn functions_are_those_of_the_whole_file() {
        let library = library();
        let whole = parse(library.source(), &Limits::default());
        assert!(whole.diagnostics.is_empty(), "{:?}", whole.diagnostics);
        let part = |entry: &Entry| {
            let parsed = parse_part(library.source(), entry.bytes.clone(), &Limits::default());
            assert!(parsed.diagnostics.is_empty(), "{}: {:?}", entry.name, parsed.diagnostics);
            parsed.file.body
        };
        let parts: Vec<Stmt> = library.functions.iter().flat_map(part).collect();
        assert_eq!(format!("{parts:#?}"), format!("{:#?}", whole.file.body));
        assert_eq!(library.numbers.len(), library.functions.len(), "a name stands twice");
        for name in library.names() {
            let function = library.function(name).expect("it is in the index");
            assert_eq!(&*function.name.text, name);
        }
    }
}
