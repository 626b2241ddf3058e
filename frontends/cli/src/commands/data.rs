//! `brolga data`: what a source, or a file of weights, holds.

mod example;

use std::path::Path;

use brolga::runtime::data::{
    Array, ArraySummary, DataError, Names, Source, SourceKind, Split, Standards, Statistics,
    TableColumn, summarise, summarise_array,
};
use brolga::runtime::session::Clock;
use brolga::runtime::train::literal_json;
use brolga::{DataSet, Literal};
use serde_json::{Map, Value, json};

use crate::arguments::{Inspect, Part};
use crate::failure::Failure;
use crate::model::read_source;
use crate::output::outln;
use crate::tokens;
use crate::weights::{is_of_keras, read_weights};

/// Classes that are listed; of more, the number of the others is said.
const LISTED: usize = 20;

pub(crate) fn run(arguments: &Inspect) -> Result<(), Failure> {
    let source = match Source::parse(&arguments.source) {
        Ok(source) => source,
        Err(DataError::UnknownSource { .. }) if is_of_keras(&arguments.source) => {
            return show_weights(arguments, Path::new(&arguments.source));
        }
        Err(error) => return Err(Failure::data(&error)),
    };
    let part = part(&source, arguments.split)?;
    let split = part.unwrap_or(Split::Train);
    let data = match (read_source(&source, split), &source.kind) {
        (Ok(data), _) => data,
        // Arrays that are no rows of examples are weights.
        (
            Err(DataError::RowCounts { .. } | DataError::Empty { .. }),
            SourceKind::Npz(path) | SourceKind::Safetensors(path),
        ) => return show_weights(arguments, path),
        (Err(error), _) => return Err(Failure::data(&error)),
    };
    let summaries = summarise(&data);
    let n_examples = arguments.examples.min(data.n_rows());
    if arguments.json {
        outln!("{}", as_json(&data, part, &summaries, n_examples));
        return Ok(());
    }
    let part = part.map_or_else(String::new, |part| format!(" ({part} part)"));
    outln!("{}{part}: {} rows", data.name(), data.n_rows());
    for summary in &summaries {
        describe(data.classes(&summary.name), summary);
    }
    for row in 0..n_examples {
        outln!("\nrow {row}");
        for ((name, array), summary) in data.arrays().iter().zip(&summaries) {
            let value = array.row(row);
            example::show(&data, name, &value, &summary.statistics);
        }
    }
    Ok(())
}

/// Says what a file of weights holds, which has no examples.
fn show_weights(arguments: &Inspect, path: &Path) -> Result<(), Failure> {
    let weights = read_weights(path, None)?;
    let summary = |(name, tensor): (String, Literal)| summarise_array(&name, &tensor.into(), &[]);
    let summaries: Vec<ArraySummary> = weights.tensors.into_iter().map(summary).collect();
    let standardised: Vec<&str> =
        weights.standards.iter().flat_map(Standards::iter).map(|(name, _)| name).collect();
    if arguments.json {
        let arrays = summaries.iter().map(|summary| array_json(&[], summary)).collect();
        let mut json = source_json(&arguments.source, None, None, arrays, vec![]);
        json["step"] = json!(weights.clock.step);
        json["epoch"] = json!(weights.clock.epoch);
        json["standardised"] = json!(standardised);
        json["names"] = weights.names.to_json();
        outln!("{json}");
        return Ok(());
    }
    let s = if summaries.len() == 1 { "" } else { "s" };
    outln!("{}: {} tensor{s}, which are no rows of examples", path.display(), summaries.len());
    summaries.iter().for_each(|summary| describe(&[], summary));
    if weights.clock.step != 0 {
        let Clock { step, epoch } = weights.clock;
        outln!("  saved at step {step}, epoch {epoch}");
    }
    say_names(&weights.names);
    if !standardised.is_empty() {
        outln!("  the data are standardised: {}", standardised.join(", "));
    }
    Ok(())
}

/// Says what numbers and columns stand for in the data that weights are for.
fn say_names(names: &Names) {
    let some = |names: &[String]| {
        let shown: Vec<String> =
            names.iter().take(LISTED).map(|name| example::one_line(name).to_string()).collect();
        match names.len() - shown.len() {
            0 => shown.join(", "),
            more => format!("{} and {more} others", shown.join(", ")),
        }
    };
    for (array, columns) in names.tables() {
        outln!("  the columns of {array}:");
        for column in columns {
            match column {
                TableColumn::Number { name, .. } => outln!("    {}", example::one_line(name)),
                TableColumn::Category { name, categories } => {
                    outln!("    {}: one of {}", example::one_line(name), some(categories));
                }
            }
        }
    }
    for (array, classes) in names.all_classes() {
        outln!("  the numbers of {array}: {}", some(classes));
    }
}

/// The part that is shown, of a source that comes in two.
fn part(source: &Source, asked: Option<Part>) -> Result<Option<Split>, Failure> {
    let asked = asked.map(|part| match part {
        Part::Train => Split::Train,
        Part::Test => Split::Test,
    });
    match (source.has_parts(), asked, source.split) {
        (false, Some(part), _) => Err(Failure::Usage(format!(
            "error: `--split {part}`: the source `{source}` does not come in two parts\n"
        ))),
        (true, Some(part), Some(written)) if part != written => Err(Failure::Usage(format!(
            "error: `--split {part}`: the source `{source}` says `{written}`\n"
        ))),
        (true, asked, written) => Ok(asked.or(written).or(Some(Split::Train))),
        (false, None, _) => Ok(None),
    }
}

fn describe(names: &[String], summary: &ArraySummary) {
    outln!("  {}: {}, {}", summary.name, summary.ty, described(&summary.statistics));
    for (column, statistics) in summary.columns.iter().take(LISTED) {
        outln!("    {}: {}", example::one_line(column), described(statistics));
    }
    say_others(summary.columns.len());
    if let Statistics::Integers { counts: Some(counts), .. } = &summary.statistics {
        // Many numbers without names are no classes that anyone wants to see.
        if names.is_empty() && counts.len() > LISTED {
            let (least, most) = (counts.values().min(), counts.values().max());
            let times = least.zip(most).map(|(a, b)| format!(", each {a} to {b} times"));
            outln!("    {} different numbers{}", counts.len(), times.unwrap_or_default());
            return;
        }
        for (number, n) in counts.iter().take(LISTED) {
            match tokens::class(names, *number) {
                Some(name) => outln!("    {number} {}: {n}", example::one_line(name)),
                None => outln!("    {number}: {n}"),
            }
        }
        say_others(counts.len());
    } else if !names.is_empty() {
        outln!("    a vocabulary of {}", names.len());
    }
}

fn say_others(n: usize) {
    if n > LISTED {
        outln!("    and {} others", n - LISTED);
    }
}

fn described(statistics: &Statistics) -> String {
    match statistics {
        Statistics::Floats { finite, n_nan, n_infinite } => {
            let range = finite.map_or("no finite number".to_string(), |(lo, hi, mean)| {
                format!("{} to {}, mean {}", short(lo), short(hi), short(mean))
            });
            let count = |n: usize, what: &str| match n {
                0 => String::new(),
                n => format!(", {n} {what}"),
            };
            format!("{range}{}{}", count(*n_nan, "NaN"), count(*n_infinite, "infinite"))
        }
        Statistics::Integers { range, .. } => {
            range.map_or("no number".to_string(), |(lo, hi)| format!("{lo} to {hi}"))
        }
        Statistics::Bools { n_true, n_false } => format!("{n_true} true, {n_false} false"),
    }
}

/// A number with as many digits as an f32 has, and no zeros at its end.
fn short(x: f64) -> String {
    let size = x.abs();
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        return format!("{x:.4e}");
    }
    // Seven digits in all; 0 has no size.
    let before_point = if size == 0.0 { 0 } else { size.log10().floor() as i32 };
    let digits = usize::try_from(6 - before_point).unwrap_or(0);
    let text = format!("{x:.digits$}");
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        None => text,
    }
}

fn as_json(
    data: &DataSet,
    part: Option<Split>,
    summaries: &[ArraySummary],
    n_examples: usize,
) -> Value {
    let array = |summary: &ArraySummary| array_json(data.classes(&summary.name), summary);
    let arrays = summaries.iter().map(array).collect();
    let value = |row: usize, (name, array): &(String, Array)| {
        let value = array.row(row);
        let json = match tokens::text(data.classes(name), &value) {
            Some(text) => json!({"tokens": literal_json(&value), "text": text}),
            None => literal_json(&value),
        };
        (name.clone(), json)
    };
    let examples = (0..n_examples).map(|row| {
        Value::Object(data.arrays().iter().map(|array| value(row, array)).collect::<Map<_, _>>())
    });
    source_json(data.name(), part, Some(data.n_rows()), arrays, examples.collect())
}

fn source_json(
    source: &str,
    part: Option<Split>,
    rows: Option<usize>,
    arrays: Vec<Value>,
    examples: Vec<Value>,
) -> Value {
    json!({
        "source": source,
        "part": part.map(|part| part.to_string()),
        "rows": rows,
        "arrays": arrays,
        "examples": examples,
    })
}

fn array_json(names: &[String], summary: &ArraySummary) -> Value {
    let mut json = statistics_json(&summary.statistics, names);
    json["name"] = json!(summary.name);
    json["type"] = json!(summary.ty.to_string());
    if !names.is_empty() {
        json["names"] = json!(names);
    }
    if !summary.columns.is_empty() {
        let column = |(name, statistics): &(String, Statistics)| {
            let mut json = statistics_json(statistics, &[]);
            json["name"] = json!(name);
            json
        };
        json["columns"] = summary.columns.iter().map(column).collect();
    }
    json
}

fn statistics_json(statistics: &Statistics, names: &[String]) -> Value {
    match statistics {
        Statistics::Floats { finite, n_nan, n_infinite } => json!({
            "min": finite.map(|(lo, _, _)| lo),
            "max": finite.map(|(_, hi, _)| hi),
            "mean": finite.map(|(_, _, mean)| mean),
            "nan": n_nan,
            "infinite": n_infinite,
        }),
        Statistics::Integers { range, counts } => {
            let mut json = json!({"min": range.map(|(lo, _)| lo), "max": range.map(|(_, hi)| hi)});
            let count = |(number, n): (&i64, &usize)| {
                let name = tokens::class(names, *number);
                json!({"class": number, "name": name, "count": n})
            };
            if let Some(counts) = counts {
                json["classes"] = counts.iter().map(count).collect();
            }
            json
        }
        Statistics::Bools { n_true, n_false } => json!({"true": n_true, "false": n_false}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (-124.349_998_474_121, "-124.35"),
            (0.1, "0.1"),
            (39320.0, "39320"),
            (123_456_789.0, "123456789"),
            (2e9, "2.0000e9"),
            (-1e-5, "-1.0000e-5"),
            (0.000_242_248, "0.000242248"),
            (1.0 / 3.0, "0.3333333"),
        ];
        for (x, expected) in cases {
            assert_eq!(short(x), expected);
        }
    }
}
