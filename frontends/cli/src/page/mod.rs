//! `--report`: a training as one page that needs nothing beside it.

mod classes;
mod curves;
mod history;
mod rows;

use std::fmt::Write;
use std::path::Path;

use brolga::compiler::ir::{Literal, Name};
use brolga::runtime::data::DataError;
use brolga::runtime::train::{EpochReport, FitOptions};
use brolga::{DataSet, Session};
use indexmap::IndexMap;

use crate::failure::Failure;
use crate::model::ReadFile;
use crate::progress::metrics_text;
use crate::tables;
use classes::{Classified, Looked, classified};
use curves::{Series, chart};
pub(crate) use history::History;
use history::number;

const STYLE: &str = include_str!("style.css");

/// More classes than these make no table that can be read.
const MAX_CLASSES: usize = 40;

/// What a page tells of.
pub(crate) struct Told<'a> {
    pub(crate) program: &'a ReadFile,
    pub(crate) file: &'a str,
    pub(crate) options: &'a FitOptions,
    pub(crate) history: &'a History,
    pub(crate) reports: &'a [EpochReport],
    /// What the classifier is tried with, and which rows of it; `None` for all.
    pub(crate) tried: (&'a DataSet, Option<&'a [u32]>),
}

/// Writes the page of a training that has ended.
pub(crate) fn write(path: &Path, session: &mut Session, told: &Told<'_>) -> Result<(), Failure> {
    let page = page(session, told)?;
    std::fs::write(path, page).map_err(|error| {
        let (path, reason) = (path.to_path_buf(), error.to_string());
        Failure::data(&DataError::Write { path, reason })
    })
}

fn page(session: &mut Session, told: &Told<'_>) -> Result<String, Failure> {
    let (data, rows) = told.tried;
    let looked = Looked { data, rows, size: &told.options.batches };
    let classified =
        classified(session, &looked).map_err(|e| Failure::run(&e, &told.program.sources))?;
    let name = told.program.module.name.as_deref().unwrap_or(told.file);
    let mut sections = vec![("Result", result(told)), ("Curves", curves(told))];
    if let Some(classified) = &classified {
        let intro = tried(&looked, classified);
        sections.push(("Confusion", format!("{intro}{}", confusion(classified))));
        sections.push(("Worst mistakes", rows::mistakes(data, classified)));
    }
    sections.push(("Matrices", matrices(told)));
    sections.push(("Time", time(told)));
    sections.push(("Run", run(session, told)));
    let body: String = sections
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(title, text)| format!("<section><h2>{title}</h2>\n{text}</section>\n"))
        .collect();
    let title = escaped(name);
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n{body}</body></html>\n"
    ))
}

/// A text as it stands in a page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A table of names and values.
fn pairs(rows: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| {
        format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value))
    };
    format!("<table class=\"pairs\">{}</table>\n", rows.iter().map(row).collect::<String>())
}

fn result(told: &Told<'_>) -> String {
    let Some(last) = told.reports.last() else {
        return "<p>No epoch was ended.</p>\n".to_string();
    };
    let mut rows = vec![("epochs", told.reports.len().to_string())];
    rows.push(("train", metrics_text(&last.train)));
    rows.extend(last.validation.as_ref().map(|v| ("validation", metrics_text(v))));
    if let Some(rule) = &told.options.early_stop {
        rows.push(("early stopping", format!("by {}, patience {}", rule.metric, rule.patience)));
    }
    pairs(&rows)
}

/// A chart for each metric that is a number, and one of the learning rates.
fn curves(told: &Told<'_>) -> String {
    let names = told.reports.first().into_iter().flat_map(|report| report.train.keys());
    let mut charts: Vec<Option<String>> = names.map(|name| metric_chart(told, name)).collect();
    let rates = told.history.moments.first().map_or(&[][..], |moment| &moment.rates);
    let series = rates.iter().enumerate().map(|(number, (name, _))| Series {
        name: name.to_string(),
        colour: number,
        points: told
            .history
            .moments
            .iter()
            .map(|moment| (moment.epochs, moment.rates[number].1.to_f64()))
            .collect(),
        is_marked: false,
    });
    charts.push(chart("learning rate", &series.collect::<Vec<Series>>()));
    let charts: String = charts.into_iter().flatten().collect();
    format!("<div class=\"charts\">\n{charts}</div>\n")
}

fn metric_chart(told: &Told<'_>, name: &Name) -> Option<String> {
    let of = |metrics: fn(&EpochReport) -> Option<&IndexMap<Name, Literal>>| -> Vec<(f64, f64)> {
        let point = |report: &EpochReport| {
            let value = metrics(report)?.get(name).and_then(number)?;
            Some(((report.epoch + 1) as f64, value))
        };
        told.reports.iter().filter_map(point).collect()
    };
    let series = |name: &str, colour, points, is_marked| Series {
        name: name.to_string(),
        colour,
        points,
        is_marked,
    };
    let batches = match &**name {
        "loss" => {
            let moments = told.history.moments.iter();
            moments.filter_map(|m| m.loss.map(|loss| (m.epochs, loss))).collect()
        }
        _ => vec![],
    };
    let mut all = vec![
        series("train, each batch", 2, batches, false),
        series("train", 0, of(|report| Some(&report.train)), true),
        series("validation", 1, of(|report| report.validation.as_ref()), true),
    ];
    all.retain(|series| !series.points.is_empty());
    chart(name, &all)
}

fn tried(looked: &Looked<'_>, classified: &Classified) -> String {
    let n: usize = classified.counts.iter().flatten().sum();
    let right: usize = (0..classified.names.len()).map(|k| classified.counts[k][k]).sum();
    let which = if looked.rows.is_some() { "held-back rows" } else { "rows" };
    format!(
        "<p>By the output <code>{}</code>, {right} of {n} {which} of <code>{}</code> are right, \
         {:.2} %.</p>\n",
        escaped(&classified.output),
        escaped(looked.data.name()),
        100.0 * right as f64 / n.max(1) as f64,
    )
}

/// The matrix of confusion with the names of the classes, or of many classes the commonest
/// mistakes.
fn confusion(classified: &Classified) -> String {
    let n = classified.names.len();
    if n > MAX_CLASSES {
        return commonest(classified);
    }
    let mut text = String::from("<div class=\"wide\"><table class=\"matrix\"><tr><th></th>");
    for name in &classified.names {
        let _ = write!(text, "<th scope=\"col\">{}</th>", escaped(name));
    }
    text.push_str("<th scope=\"col\">recall</th></tr>\n");
    for (label, counts) in classified.counts.iter().enumerate() {
        let all: usize = counts.iter().sum();
        let _ = write!(text, "<tr><th scope=\"row\">{}</th>", escaped(&classified.names[label]));
        for (found, &count) in counts.iter().enumerate() {
            let share = count as f64 / all.max(1) as f64;
            let class = if found == label { "right" } else { "wrong" };
            let _ = write!(text, "<td class=\"{class}\" style=\"--share:{share:.3}\">{count}</td>");
        }
        let recall = if all == 0 { "".to_string() } else { share(counts[label], all) };
        let _ = writeln!(text, "<td>{recall}</td></tr>");
    }
    text.push_str("<tr><th scope=\"row\">precision</th>");
    for found in 0..n {
        let all: usize = classified.counts.iter().map(|row| row[found]).sum();
        let precision =
            if all == 0 { "".to_string() } else { share(classified.counts[found][found], all) };
        let _ = write!(text, "<td>{precision}</td>");
    }
    text.push_str("<td></td></tr></table></div>\n");
    format!("<p>Rows are the labels, columns what they were taken for.</p>\n{text}")
}

fn share(part: usize, all: usize) -> String {
    format!("{:.3}", part as f64 / all as f64)
}

/// How many of the commonest mistakes are listed.
const COMMONEST: usize = 20;

fn commonest(classified: &Classified) -> String {
    let counts = classified.counts.iter().enumerate();
    let mut wrong: Vec<(usize, usize, usize)> = counts
        .flat_map(|(label, row)| row.iter().enumerate().map(move |(found, &n)| (n, label, found)))
        .filter(|&(n, label, found)| n > 0 && label != found)
        .collect();
    wrong.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let row = |&(n, label, found): &(usize, usize, usize)| {
        let (label, found) = (&classified.names[label], &classified.names[found]);
        format!("<tr><td>{}</td><td>{}</td><td>{n}</td></tr>\n", escaped(label), escaped(found))
    };
    let rows: String = wrong.iter().take(COMMONEST).map(row).collect();
    format!("<table><tr><th>label</th><th>taken for</th><th>times</th></tr>\n{rows}</table>\n")
}

/// The metrics of the last epoch that are matrices.
fn matrices(told: &Told<'_>) -> String {
    let Some(last) = told.reports.last() else { return String::new() };
    let matrix = |(name, value): (&Name, &Literal)| {
        let table = tables::matrix(value)?;
        Some(format!("<h3>{}</h3><pre>{}</pre>\n", escaped(name), escaped(&table)))
    };
    last.monitored().iter().filter_map(matrix).collect()
}

fn time(told: &Told<'_>) -> String {
    let total: f64 = told.reports.iter().map(|report| report.ms).sum();
    let epochs = told.reports.len().max(1) as f64;
    let per_step = total / told.history.batches.max(1) as f64;
    pairs(&[
        ("compiling", format!("{:.1} ms", told.history.compile_ms)),
        ("epochs", format!("{:.2} s in all, {:.2} s each", total / 1e3, total / 1e3 / epochs)),
        ("batches", format!("{} batches, {per_step:.3} ms each", told.history.batches)),
    ])
}

fn run(session: &Session, told: &Told<'_>) -> String {
    let words: Vec<String> = std::env::args().map(|word| quoted(&word)).collect();
    let machine = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let clock = session.clock();
    pairs(&[
        ("command", words.join(" ")),
        ("brolga", env!("CARGO_PKG_VERSION").to_string()),
        ("machine", format!("{machine}, {} threads", session.options().threads)),
        ("seed", session.options().seed.to_string()),
        ("clock", format!("{} batches, {} epochs", clock.step, clock.epoch)),
        ("program", told.program.fingerprint()),
    ])
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+%@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_words_are_quoted() {
        assert_eq!(escaped("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
        assert_eq!(quoted("a.csv?label=b"), "'a.csv?label=b'");
        assert_eq!((quoted("it's"), quoted("--epochs")), ("'it'\\''s'".into(), "--epochs".into()));
    }
}
