//! What the numbers and the columns of arrays stand for. Weights keep it, so that other data can be
//! read in the terms of those that were trained on.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

/// What a column of a table is in `x`.
#[derive(Clone, Debug, PartialEq)]
pub enum TableColumn {
    /// One column, of numbers.
    Number {
        /// What the table calls it.
        name: String,
        /// The mean of the training part, which stands where a value is missing.
        mean: f32,
    },
    /// A column for each category, 1 where a row is of it and 0 elsewhere.
    Category {
        /// What the table calls it.
        name: String,
        /// The texts of its cells, in the order of the columns.
        categories: Vec<String>,
    },
}

/// What the numbers and the columns of arrays stand for; an array that is not here has no names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// By the array that holds the numbers.
    classes: BTreeMap<String, Arc<[String]>>,
    /// By the array whose last axis the columns are.
    tables: BTreeMap<String, Arc<[TableColumn]>>,
}

impl TableColumn {
    /// What the table calls it.
    pub fn name(&self) -> &str {
        match self {
            TableColumn::Number { name, .. } | TableColumn::Category { name, .. } => name,
        }
    }

    /// What its columns of `x` are called: `age`, or `colour=blue` and `colour=red`.
    pub fn names(&self) -> Vec<String> {
        match self {
            TableColumn::Number { name, .. } => vec![name.clone()],
            TableColumn::Category { name, categories } => {
                categories.iter().map(|category| format!("{name}={category}")).collect()
            }
        }
    }

    /// What stands where a value is missing: nothing among categories.
    pub(super) fn mean(&self) -> f32 {
        match self {
            TableColumn::Number { mean, .. } => *mean,
            TableColumn::Category { .. } => 0.0,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            TableColumn::Number { name, mean } => json!({"name": name, "mean": mean}),
            TableColumn::Category { name, categories } => {
                json!({"name": name, "categories": categories})
            }
        }
    }

    fn of_json(value: &Value) -> Option<TableColumn> {
        let name = value.get("name")?.as_str()?.to_string();
        Some(match value.get("categories") {
            Some(categories) => TableColumn::Category { name, categories: texts(categories)? },
            None => TableColumn::Number { name, mean: value.get("mean")?.as_f64()? as f32 },
        })
    }
}

impl Names {
    /// What the numbers of an array are called, from 0 on; empty where they have no names.
    pub fn classes(&self, array: &str) -> &[String] {
        self.classes.get(array).map_or(&[], |names| names)
    }

    /// The columns of the table that an array is; empty where it is none.
    pub fn table(&self, array: &str) -> &[TableColumn] {
        self.tables.get(array).map_or(&[], |columns| columns)
    }

    /// Whether nothing has a name.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty() && self.tables.is_empty()
    }

    /// Calls the numbers of an array, from 0 on, by these names.
    pub(super) fn set_classes(&mut self, array: &str, names: impl Into<Arc<[String]>>) {
        self.classes.insert(array.to_string(), names.into());
    }

    /// Says that an array is a table of these columns.
    pub(super) fn set_table(&mut self, array: &str, columns: impl Into<Arc<[TableColumn]>>) {
        self.tables.insert(array.to_string(), columns.into());
    }

    /// The same names without those of an array's numbers.
    pub(super) fn without_classes(&self, array: &str) -> Names {
        let mut names = self.clone();
        names.classes.remove(array);
        names
    }

    /// Takes the names that `other` has for further arrays, and its own for the same.
    pub fn extend(&mut self, other: Names) {
        self.classes.extend(other.classes);
        self.tables.extend(other.tables);
    }

    /// What the numbers of arrays are called, by the arrays.
    pub fn all_classes(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.classes.iter().map(|(array, names)| (array.as_str(), &**names))
    }

    /// The arrays that are tables, with their columns.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &[TableColumn])> {
        self.tables.iter().map(|(array, columns)| (array.as_str(), &**columns))
    }

    /// The names as they stand in files.
    pub fn to_json(&self) -> Value {
        let classes = self.classes.iter().map(|(array, names)| (array.clone(), json!(**names)));
        let table = |columns: &[TableColumn]| columns.iter().map(TableColumn::to_json).collect();
        let tables = self.tables.iter().map(|(array, columns)| (array.clone(), table(columns)));
        let tables: Map<String, Value> = tables.collect();
        json!({"classes": classes.collect::<Map<String, Value>>(), "tables": tables})
    }

    /// The names that stand in a file so; `None` for other JSON.
    pub(crate) fn of_json(value: &Value) -> Option<Names> {
        let mut names = Names::default();
        for (array, value) in value.get("classes")?.as_object()? {
            names.set_classes(array, texts(value)?);
        }
        for (array, value) in value.get("tables")?.as_object()? {
            let columns = value.as_array()?.iter().map(TableColumn::of_json);
            names.set_table(array, columns.collect::<Option<Vec<TableColumn>>>()?);
        }
        Some(names)
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| Some(text.as_str()?.to_string())).collect()
}

/// How many names are listed.
const LISTED: usize = 8;

/// Names for a message: the first of them, in backquotes.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(LISTED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..LISTED].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_files() {
        let mut names = Names::default();
        assert!(names.is_empty());
        names.set_classes("label", vec!["no \"one\"".to_string(), "é=\n".to_string()]);
        names.set_classes("tokens", vec![String::new()]);
        let categories = vec!["a=b".to_string(), String::new()];
        let (age, town) = ("age=years".to_string(), "town".to_string());
        let number = |mean| TableColumn::Number { name: age.clone(), mean };
        let columns = vec![number(0.1), TableColumn::Category { name: town, categories }];
        names.set_table("x", columns);
        let text = names.to_json().to_string();
        let read = serde_json::from_str(&text).ok().as_ref().and_then(Names::of_json);
        assert_eq!(read, Some(names));
        for mean in [f32::MIN_POSITIVE, 1.0 / 3.0, -16_777_217.0, 1e-45, f32::MAX] {
            let text = number(mean).to_json().to_string();
            let read = serde_json::from_str(&text).ok().as_ref().and_then(TableColumn::of_json);
            assert_eq!(read, Some(number(mean)));
        }
        for text in ["[]", "{}", r#"{"classes": {"a": [1]}, "tables": {}}"#] {
            assert_eq!(serde_json::from_str(text).ok().as_ref().and_then(Names::of_json), None);
        }
    }
}
