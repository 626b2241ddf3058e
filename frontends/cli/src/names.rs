//! What the numbers and columns of arrays are called: kept with the weights of a training, and
//! compared with other data.

use std::collections::BTreeMap;

use brolga::runtime::data::{Array, DataSet, Source, SourceKind};

use crate::failure::Failure;

/// What the metadata of the weights call the names of an array's numbers, before the array's name.
pub(crate) const NAMES: &str = "names of ";

/// The same of the names of its columns.
const COLUMNS: &str = "columns of ";

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

/// Refuses data in which numbers or columns stand for something else than in the training that has
/// kept these names.
pub(crate) fn check_names(
    text: &str,
    data: &DataSet,
    kept: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let Some(message) = mismatch(text, data, kept)? else { return Ok(()) };
    let help = "give data with the same names in the same order, as `brolga data` lists them: a \
                part of the table that was trained on, or one with each of its categories";
    Err(Failure::input("E0611", &message, help))
}

/// What numbers or columns stand for something else than in the training that has kept these names:
/// of a table or of pictures, which take their names from what is there, and of a text.
pub(crate) fn mismatch(
    text: &str,
    data: &DataSet,
    kept: &BTreeMap<String, String>,
) -> Result<Option<String>, Failure> {
    let source = Source::parse(text).map_err(|e| Failure::data(&e))?;
    let takes_names = matches!(
        source.kind,
        SourceKind::Csv { .. } | SourceKind::Images { .. } | SourceKind::Text { .. }
    );
    let of_array = |(array, _): &(String, Array)| {
        let both =
            [(NAMES, "numbers", data.classes(array)), (COLUMNS, "columns", data.columns(array))];
        both.into_iter().find_map(|(what, of, names)| {
            let known = kept.get(&format!("{what}{array}"))?;
            let known: Vec<String> = serde_json::from_str(known).ok()?;
            let differ = !names.is_empty() && known != names;
            differ.then(|| {
                let difference = difference(&known, names);
                format!(
                    "the {of} of `{array}` in `{text}` are not those that were trained on: \
                     {difference}"
                )
            })
        })
    };
    Ok(if takes_names { data.arrays().iter().find_map(of_array) } else { None })
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
