//! Diagnostics as text for people: source lines, marks under them, notes and advice.

use annotate_snippets::normalize_untrusted_str as clean;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Label, Severity};
use crate::source::{SourceId, Sources, Span};

/// How diagnostics are rendered.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// Whether to colour the text by ANSI escapes.
    pub colour: bool,
    /// The width of the terminal in columns; longer source lines are cut around the marks.
    pub width: usize,
    /// How many diagnostics to show; the rest is counted.
    pub limit: usize,
}

impl Default for RenderOptions {
    /// Without colours, 140 columns, 20 diagnostics.
    fn default() -> RenderOptions {
        RenderOptions { colour: false, width: 140, limit: 20 }
    }
}

/// The diagnostics as text, one empty line between two, with a line end at the end.
pub fn render(diagnostics: &Diagnostics, sources: &Sources, options: &RenderOptions) -> String {
    let base = if options.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = base.term_width(options.width);
    let shown = diagnostics.iter().take(options.limit);
    let mut parts: Vec<String> =
        shown.map(|diagnostic| render_one(diagnostic, sources, &renderer)).collect();
    let n_more = diagnostics.len() - parts.len();
    if n_more > 0 {
        let plural = if n_more == 1 { "" } else { "s" };
        parts.push(format!("... and {n_more} more diagnostic{plural}\n"));
    }
    parts.join("\n")
}

fn render_one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code.id());
    let elsewhere = diagnostic
        .elsewhere
        .iter()
        .map(|at| Origin::path(&*at.file).line(at.line as usize).char_column(at.column as usize));
    let mut main = Group::with_title(title)
        .elements(elsewhere)
        .elements(snippets(&diagnostic.labels, sources));
    let mut shown_lines = Vec::new();
    for note in &diagnostic.notes {
        match note.span {
            None => main = main.element(Level::NOTE.message(clean(&note.text))),
            Some(span) => {
                shown_lines.push(Level::NOTE.secondary_title(clean(&note.text)).element(snippet(
                    span.source,
                    &[mark(span, "", true)],
                    sources,
                )))
            }
        }
    }
    let advice = diagnostic.help.iter().map(|help| Level::HELP.message(clean(help)));
    let mut groups = vec![main.elements(advice)];
    groups.extend(shown_lines);
    tighten(&renderer.render(&groups))
}

/// One snippet a file, that of the first primary label first: it gives the `-->` line.
fn snippets<'a>(labels: &'a [Label], sources: &'a Sources) -> Vec<Snippet<'a, Annotation<'a>>> {
    let mut files: Vec<SourceId> = Vec::new();
    let (primary, secondary): (Vec<&Label>, Vec<&Label>) =
        labels.iter().partition(|label| label.primary);
    for label in primary.into_iter().chain(secondary) {
        if !files.contains(&label.span.source) {
            files.push(label.span.source);
        }
    }
    let marks = |file: SourceId| -> Vec<Mark<'a>> {
        let here = labels.iter().filter(|label| label.span.source == file);
        here.map(|label| mark(label.span, &label.text, label.primary)).collect()
    };
    files.into_iter().map(|file| snippet(file, &marks(file), sources)).collect()
}

/// A label whose text may be borrowed from anywhere.
struct Mark<'a> {
    span: Span,
    text: &'a str,
    primary: bool,
}

fn mark(span: Span, text: &str, primary: bool) -> Mark<'_> {
    Mark { span, text, primary }
}

/// The lines from the first mark to the last, and no others: the renderer walks all it is given.
fn snippet<'a>(
    file: SourceId,
    marks: &[Mark<'a>],
    sources: &'a Sources,
) -> Snippet<'a, Annotation<'a>> {
    let source = sources.get(file);
    let whole = marks.iter().map(|mark| mark.span).reduce(Span::to);
    let lines = source.lines_around(whole.expect("a snippet shows at least one mark"));
    let annotation = |mark: &Mark<'a>| {
        let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        let range = mark.span.range();
        let within = range.start - lines.start..range.end - lines.start;
        kind.span(within).label(Some(mark.text).filter(|text| !text.is_empty()))
    };
    Snippet::source(&source.text()[lines.clone()])
        .path(source.name())
        .line_start(source.position(lines.start as u32).line as usize)
        .annotations(marks.iter().map(annotation))
}

/// Drops the empty gutter line before a note or advice, and ends the text with a line end.
fn tighten(rendered: &str) -> String {
    let lines: Vec<&str> = rendered.lines().collect();
    let mut text = String::with_capacity(rendered.len() + 1);
    for (at, line) in lines.iter().enumerate() {
        let before_remark =
            lines.get(at + 1).is_some_and(|next| visible(next).trim_start().starts_with("= "));
        if !(before_remark && visible(line).trim() == "|") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// A line without its ANSI escapes.
fn visible(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    text
}
