//! Classes: `?classes=A,B`, the rows of some alone, and the numbers that a training gave them.

use std::sync::Arc;

use brolga_compiler::ir::Literal;

use super::names::listed;
use super::{Array, DataSet};

/// The array of the classes.
pub(super) const LABEL: &str = "label";

/// The rows of `data` whose label is one of `chosen`, numbers or names of classes, in the data's
/// order; their labels are the places in `chosen`. Errors: why there are none.
pub(super) fn of_classes(data: &DataSet, chosen: &[String]) -> Result<DataSet, String> {
    let labels = match data.array(LABEL).map(Array::whole) {
        Some(Literal::I32(labels)) if labels.ndim() == 1 => labels,
        Some(_) | None => return Err("needs labels, whole numbers named `label`".to_string()),
    };
    let names = data.classes(LABEL);
    let number = |class: &String| {
        let named = names.iter().position(|name| name == class);
        let number = named.or_else(|| class.parse().ok()).and_then(|n| i32::try_from(n).ok());
        let known = number.filter(|n| labels.iter().any(|label| label == n));
        known.ok_or_else(|| format!("names `{class}`, and no row has that class"))
    };
    let numbers: Vec<i32> = chosen.iter().map(number).collect::<Result<_, _>>()?;
    let new = |label: &i32| numbers.iter().position(|n| n == label);
    let rows = (0u32..).zip(&labels).filter(|(_, label)| new(label).is_some());
    let rows: Vec<u32> = rows.map(|(row, _)| row).collect();
    let renumbered: Vec<i32> = labels.iter().filter_map(new).map(|n| n as i32).collect();
    let renumbered = Literal::from_vec(&[rows.len()], renumbered).expect("a label a row");
    let selected = |(name, array): &(String, Array)| {
        let array = match name.as_str() {
            LABEL => renumbered.clone(),
            _ => array.select(&rows),
        };
        (name.clone(), array)
    };
    let arrays = data.arrays().iter().map(selected).collect();
    let chosen = DataSet::new(data.name(), arrays).map_err(|e| e.to_string())?;
    let call = |n: &i32| names.get(*n as usize).cloned().unwrap_or_else(|| n.to_string());
    let called: Arc<[String]> = numbers.iter().map(call).collect();
    Ok(chosen.with_names_of(data).with_classes(LABEL, called))
}

/// The data with the numbers that the classes `known` have, by name; without labels where one of
/// its classes is not among them. Nothing changes where either has no names.
pub(super) fn renumbered(data: DataSet, known: &[String]) -> DataSet {
    let own = data.classes(LABEL);
    if known.is_empty() || own.is_empty() || own == known {
        return data;
    }
    let number = |name: &String| known.iter().position(|k| k == name).map(|n| n as i32);
    let numbers: Vec<Option<i32>> = own.iter().map(number).collect();
    let number = |label: &i32| usize::try_from(*label).ok().and_then(|n| *numbers.get(n)?);
    let labels = match data.array(LABEL).map(Array::whole) {
        Some(Literal::I32(labels)) => labels.iter().map(number).collect::<Option<Vec<i32>>>(),
        Some(_) | None => None,
    };
    let labels = labels.and_then(|labels| Literal::from_vec(&[data.n_rows()], labels));
    match labels {
        Some(labels) => data.with_elements(LABEL, labels).with_classes(LABEL, known.to_vec()),
        None => {
            let new = own.iter().filter(|name| !known.contains(name)).map(String::as_str);
            let reason = format!(
                "`{LABEL}` is left out, since {} is not among the classes that were trained on: {}",
                listed(new),
                listed(known.iter().map(String::as_str)),
            );
            data.without_array(LABEL, reason)
        }
    }
}
