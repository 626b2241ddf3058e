//! Texts that are fed, and that come out: the characters that numbers stand for, which a training
//! keeps with its weights.

use std::collections::BTreeMap;
use std::path::Path;

use brolga::Literal;
use brolga::runtime::checkpoint::Checkpoint;
use brolga::runtime::data::{Array, DataSet, Source, SourceKind};

use crate::arguments::Weights;
use crate::failure::Failure;

/// What the metadata of the weights call the names of an array's numbers, before the array's name.
const NAMES: &str = "names of ";

/// The same of the names of its columns.
const COLUMNS: &str = "columns of ";

/// The characters of an array of tokens, by number.
pub(crate) struct Characters(Vec<char>);

/// What a training keeps with its weights of the names that its data have for numbers and columns.
pub(crate) fn kept_names(data: &DataSet) -> impl Iterator<Item = (String, String)> {
    let of_array = |(array, _): &(String, Array)| {
        [(NAMES, data.classes(array)), (COLUMNS, data.columns(array))].map(|(what, names)| {
            let text = serde_json::to_string(names).ok()?;
            (!names.is_empty()).then(|| (format!("{what}{array}"), text))
        })
    };
    data.arrays().iter().flat_map(of_array).flatten().collect::<Vec<_>>().into_iter()
}

/// Refuses data in which numbers or columns stand for something else than where the weights were
/// trained: of a table or of pictures, which take their names from what is there, and of a text.
pub(crate) fn check_names(
    text: &str,
    data: &DataSet,
    kept: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let source = Source::parse(text).map_err(|e| Failure::data(&e))?;
    if !matches!(
        source.kind,
        SourceKind::Csv { .. } | SourceKind::Images { .. } | SourceKind::Text { .. }
    ) {
        return Ok(());
    }
    for (array, _) in data.arrays() {
        for (what, of, names) in
            [(NAMES, "numbers", data.classes(array)), (COLUMNS, "columns", data.columns(array))]
        {
            let known = kept.get(&format!("{what}{array}"));
            let known = known.and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
            let Some(known) = known.filter(|known| !names.is_empty() && known != names) else {
                continue;
            };
            let message = format!(
                "the {of} of `{array}` in `{text}` are not those that were trained on: {}",
                difference(&known, names)
            );
            let help = "give data with the same names in the same order, as `brolga data` lists \
                        them: a part of the table that was trained on, or one with each of its \
                        categories";
            return Err(Failure::input("E0611", &message, help));
        }
    }
    Ok(())
}

/// How many names are listed.
const LISTED: usize = 5;

/// What is missing of the names that are known, and what is new.
fn difference(known: &[String], names: &[String]) -> String {
    let not_in = |some: &[String], others: &[String]| -> Vec<String> {
        let missing = some.iter().filter(|name| !others.contains(name));
        missing.take(LISTED).map(|name| format!("`{name}`")).collect()
    };
    let (missing, new) = (not_in(known, names), not_in(names, known));
    let part = |list: Vec<String>, is: &str| {
        (!list.is_empty()).then(|| format!("{} {is}", list.join(", ")))
    };
    let parts: Vec<String> =
        [part(missing, "missing"), part(new, "new")].into_iter().flatten().collect();
    match parts.is_empty() {
        true => "they stand in another order".to_string(),
        false => parts.join("; "),
    }
}

impl Characters {
    /// The characters of an array, from the weights.
    pub(crate) fn of(weights: &Weights, array: &str) -> Result<Characters, Failure> {
        let refused = |message: String| {
            let help =
                "train with `--data text:FILE`, and give what `--save` has written as --params";
            Failure::input("E0636", &message, help)
        };
        for text in &weights.params {
            let path = Path::new(text.split_once('=').map_or(text.as_str(), |(_, path)| path));
            let file = Checkpoint::load(path).map_err(|e| Failure::data(&e))?;
            let Some(names) = file.metadata.get(&format!("{NAMES}{array}")) else { continue };
            let names: Vec<String> = serde_json::from_str(names).unwrap_or_default();
            let single = |name: &String| {
                let mut characters = name.chars();
                characters.next().filter(|_| characters.next().is_none())
            };
            return names
                .iter()
                .map(single)
                .collect::<Option<Vec<char>>>()
                .map(Characters)
                .ok_or_else(|| {
                    refused(format!("the numbers of `{array}` do not stand for characters"))
                });
        }
        Err(refused(format!("no weights say which characters the numbers of `{array}` stand for")))
    }

    /// The numbers of a text as one row of `length`: its end where it is longer, filled up in front
    /// with number 0 where it is shorter.
    pub(crate) fn numbers(&self, text: &str, length: usize) -> Result<Literal, Failure> {
        let number = |c: char| {
            let at =
                self.0.iter().position(|known| *known == c).and_then(|n| i32::try_from(n).ok());
            at.ok_or_else(|| {
                let message =
                    format!("the character {c:?} was not in the text that was trained on");
                Failure::input("E0636", &message, "leave it out")
            })
        };
        let numbers = text.chars().map(number).collect::<Result<Vec<i32>, Failure>>()?;
        let end = &numbers[numbers.len().saturating_sub(length)..];
        let mut row = vec![0; length - end.len()];
        row.extend_from_slice(end);
        Ok(Literal::from_vec(&[1, length], row).expect("a number for each place"))
    }

    /// The rows of numbers as texts; `None` of what holds no numbers of characters.
    pub(crate) fn texts(&self, numbers: &Literal) -> Option<Vec<String>> {
        let Literal::I32(array) = numbers else { return None };
        let length = array.shape().last().copied().filter(|n| *n > 0)?;
        let character = |n: &i32| usize::try_from(*n).ok().and_then(|n| self.0.get(n)).copied();
        let all = array.iter().map(character).collect::<Option<Vec<char>>>()?;
        Some(all.chunks(length).map(|row| row.iter().collect()).collect())
    }
}
