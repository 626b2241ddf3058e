//! Source files and places in them. Owns the invariant that a [`Span`] lies within the stored
//! text of its file, on character boundaries.

use std::ops::Range;
use std::sync::Arc;

/// The largest file that can be stored, in bytes: decoding may triple the size, and offsets are
/// 32 bits wide.
const MAX_STORED: usize = (u32::MAX / 3) as usize;

/// Which file of a [`Sources`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A range of bytes in the stored text of one file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of the bytes `start..end` of a file.
    pub fn new(source: SourceId, start: u32, end: u32) -> Span {
        Span { source, start, end }
    }

    /// The smallest span that holds both; both lie in one file.
    pub fn to(self, other: Span) -> Span {
        Span {
            source: self.source,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The empty span right after this one.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }

    /// The byte range in the text of the file.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "@{}:{}..{}", self.source.0, self.start, self.end)
    }
}

/// A line and a column, both from 1. Columns count characters, not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// One file as it was read: its name and its decoded text.
///
/// The stored text has no byte order mark, ends its lines with `\n` alone, and holds U+FFFD where
/// the bytes were not UTF-8.
#[derive(Clone, Debug)]
pub struct Source {
    id: SourceId,
    name: String,
    text: String,
    /// The offset of the first byte of each line.
    line_starts: Vec<u32>,
    n_bytes: usize,
    first_invalid: Option<u32>,
}

impl Source {
    /// The id under which the table holds this file.
    pub fn id(&self) -> SourceId {
        self.id
    }

    /// The name that messages use: the path as the user wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The decoded text; empty if the file is too large to be stored.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The size of the file as it was read, in bytes.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Where the first byte sequence that is not UTF-8 stood, if there is one.
    pub fn first_invalid(&self) -> Option<Span> {
        self.first_invalid.map(|at| self.span(at, at + '\u{FFFD}'.len_utf8() as u32))
    }

    /// The span of `start..end` in this file.
    pub fn span(&self, start: u32, end: u32) -> Span {
        Span::new(self.id, start, end)
    }

    /// The line and column of a byte offset. `O(log lines + length of the line)`.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let start = self.line_starts[line - 1] as usize;
        let column = self.text[start..offset as usize].chars().count() + 1;
        Position { line: line as u32, column: column as u32 }
    }

    /// The bytes of whole lines that hold `span`, without the end of the last line.
    pub fn lines_around(&self, span: Span) -> Range<usize> {
        let first = self.position(span.start).line as usize;
        let last = self.position(span.end).line as usize;
        let start = self.line_starts[first - 1] as usize;
        let end = self.line_starts.get(last).map_or(self.text.len(), |&next| next as usize - 1);
        start..end
    }
}

/// The files that a compilation has read. Cloning shares their texts.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Arc<Source>>,
}

impl Sources {
    /// An empty table.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Stores a file, whatever its bytes; what is wrong with them is reported by the parser.
    pub fn add(&mut self, name: impl Into<String>, bytes: &[u8]) -> SourceId {
        let id = SourceId(self.files.len() as u32);
        let stored = if bytes.len() <= MAX_STORED { bytes } else { &[] };
        let text = decode(stored);
        let first_invalid = first_invalid(stored, &text);
        let line_starts = line_starts(&text);
        let name = name.into();
        let n_bytes = bytes.len();
        let source = Source { id, name, text, line_starts, n_bytes, first_invalid };
        self.files.push(Arc::new(source));
        id
    }

    /// The file with this id; ids are only made by [`Sources::add`].
    pub fn get(&self, id: SourceId) -> &Source {
        &self.files[id.0 as usize]
    }

    /// The span of a place that a graph remembers, if its file is in the table and long enough; of
    /// a place without a length, its first character.
    pub fn span_of(&self, place: &brolga_compiler::ir::Position) -> Option<Span> {
        let source = self.files.iter().find(|file| *file.name == *place.file)?;
        let line = *source.line_starts.get(place.line.checked_sub(1)? as usize)?;
        let after = |from: u32, n: u32| -> Option<u32> {
            let text = source.text.get(from as usize..)?;
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.take(n as usize + 1).last().map(|at| from + at as u32)
        };
        let start = after(line, place.column.checked_sub(1)?)?;
        Some(source.span(start, after(start, place.length.max(1))?))
    }

    /// The text of a line, counted from 1, of a file of that name.
    pub fn line(&self, file: &str, line: u32) -> Option<&str> {
        let source = self.files.iter().find(|source| source.name == file)?;
        source.text.lines().nth(line.checked_sub(1)? as usize)
    }

    /// The position of the first character of a span.
    pub fn start(&self, span: Span) -> Position {
        self.get(span.source).position(span.start)
    }

    /// The position right after the last character of a span.
    pub fn end(&self, span: Span) -> Position {
        self.get(span.source).position(span.end)
    }

    /// The text of a span.
    pub fn text(&self, span: Span) -> &str {
        &self.get(span.source).text[span.range()]
    }

    /// `file:line:column` of the first character of a span.
    pub fn place(&self, span: Span) -> String {
        let Position { line, column } = self.start(span);
        format!("{}:{line}:{column}", self.get(span.source).name)
    }
}

fn decode(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text.into_owned() }
}

/// The offset in `text` of the character that stands for the first bad byte. A U+FFFD that is
/// really in the file is a valid character, so the ones before the first bad byte are skipped.
fn first_invalid(bytes: &[u8], text: &str) -> Option<u32> {
    let valid = std::str::from_utf8(bytes).err()?.valid_up_to();
    let genuine = String::from_utf8_lossy(&bytes[..valid]).matches('\u{FFFD}').count();
    text.match_indices('\u{FFFD}').nth(genuine).map(|(at, _)| at as u32)
}

fn line_starts(text: &str) -> Vec<u32> {
    let after_breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
    std::iter::once(0).chain(after_breaks.map(|(at, _)| at as u32 + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let mut sources = Sources::new();
        let id = sources.add("a.graph", "\u{FEFF}a = 1\r\n# é\tb\r\nc".as_bytes());
        let source = sources.get(id);
        assert_eq!(source.text(), "a = 1\n# é\tb\nc");
        let at = |needle| source.position(source.text().find(needle).expect("in the text") as u32);
        assert_eq!(at("a"), Position { line: 1, column: 1 });
        assert_eq!(at("b"), Position { line: 2, column: 5 });
        assert_eq!(at("c"), Position { line: 3, column: 1 });
        assert_eq!(source.position(source.text().len() as u32), Position { line: 3, column: 2 });
    }

    #[test]
    fn the_first_bad_byte_is_found() {
        let mut sources = Sources::new();
        let id = sources.add("a.graph", b"# \xEF\xBF\xBD\nx = \xFF1");
        let invalid = sources.get(id).first_invalid().expect("one byte is not UTF-8");
        assert_eq!(sources.place(invalid), "a.graph:2:5");
    }
}
