//! Data for training: sources of named arrays, their match with a graph's inputs, and the loader,
//! whose order is a function of seed, epoch and position.
//!
//! Invariant of a [`DataSet`]: every array is in row-major order, and all that are not scalars
//! have the same first dimension, the rows, of at least 1.

mod array;
#[cfg(feature = "fit")]
mod augment;
#[cfg(feature = "fit")]
mod batches;
mod bytes;
#[cfg(feature = "fit")]
mod class_weights;
#[cfg(feature = "fit")]
pub mod cifar;
#[cfg(feature = "fit")]
mod classes;
mod counter;
#[cfg(feature = "fit")]
pub mod csv;
mod error;
mod feed;
#[cfg(feature = "fit")]
mod fetch;
#[cfg(feature = "fit")]
mod generated;
#[cfg(feature = "fit")]
mod grid;
#[cfg(feature = "fit")]
pub mod hdf5;
#[cfg(feature = "fit")]
mod held_back;
#[cfg(feature = "fit")]
pub mod idx;
#[cfg(feature = "fit")]
pub mod images;
#[cfg(feature = "fit")]
mod input;
mod mapped;
mod names;
#[cfg(feature = "fit")]
pub mod npy;
#[cfg(feature = "fit")]
mod renaming;
mod rows;
pub mod safetensors;
#[cfg(feature = "fit")]
mod load;
#[cfg(feature = "fit")]
mod source;
mod standards;
mod stored;
#[cfg(feature = "fit")]
mod summary;
#[cfg(feature = "fit")]
pub mod text;
#[cfg(all(test, feature = "fit"))]
pub(crate) mod tests;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use brolga_compiler::ir::Literal;

pub use array::Array;
#[cfg(feature = "fit")]
pub use augment::{Augment, Augmenter, Change};
#[cfg(feature = "fit")]
pub use batches::{BatchOptions, Batches, Tail, fold_rows, split_rows};
pub use bytes::write_file;
pub(crate) use bytes::{read_all, write_atomically};
#[cfg(feature = "fit")]
pub use class_weights::{ClassWeights, WEIGHT};
pub use counter::Counter;
pub(crate) use error::with_help;
pub use error::{DataError, FeedPair};
pub use feed::{BatchDimension, Feed, FeedPlan, FeedWhole, feed_plan, feed_whole, taken_by_place};
#[cfg(feature = "fit")]
pub use generated::{Generated, MAX_ROWS};
#[cfg(feature = "fit")]
pub use grid::write_grid;
#[cfg(feature = "fit")]
pub use held_back::{HeldBack, HeldBackOptions};
#[cfg(feature = "fit")]
pub use load::{load, load_as};
pub use mapped::Mapped;
pub use names::{Names, TableColumn};
#[cfg(feature = "fit")]
pub use renaming::Renaming;
#[cfg(feature = "fit")]
pub use source::{Source, SourceKind};
pub use standards::{Standard, Standardise, Standardiser, Standards};
#[cfg(feature = "fit")]
pub use summary::{ArraySummary, Statistics, summarise, summarise_array};

/// One of the two parts that some sources come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// What `train` learns from.
    Train,
    /// What `eval`, `predict` and `--validation` look at.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Test => "test",
        })
    }
}

/// Named arrays with a common first dimension. Cloning shares the elements; those of large files
/// stay where they are ([`Array`]).
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    name: String,
    arrays: Vec<(String, Array)>,
    n_rows: usize,
    /// What numbers and columns stand for.
    names: Names,
    /// Why an array is not there that the source could have had.
    left_out: Option<String>,
    /// The arrays that are to be standardised.
    standardise: Option<Standardise>,
    /// By what, once it is known.
    standards: Option<Arc<Standards>>,
}

impl DataSet {
    /// A data set of `arrays`, named after where they came from. Errors: no rows, different
    /// numbers of rows, a repeated name, more than 2^32 - 1 rows.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let x = Literal::from_vec(&[3, 2], vec![1f32, 2., 3., 4., 5., 6.]).ok_or("six elements")?;
    /// let arrays = vec![("x".to_string(), x), ("label".to_string(), label.clone())];
    /// assert_eq!(DataSet::new("pets", arrays)?.n_rows(), 3);
    /// let one = Literal::from_vec(&[1], vec![1f32]).ok_or("one element")?;
    /// let arrays = vec![("x".to_string(), one), ("label".to_string(), label)];
    /// assert_eq!(DataSet::new("pets", arrays).err().ok_or("1 is not 3")?.code(), "E0607");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        name: impl Into<String>,
        arrays: Vec<(String, impl Into<Array>)>,
    ) -> Result<DataSet, DataError> {
        let source_text = name.into();
        let arrays: Vec<(String, Array)> =
            arrays.into_iter().map(|(name, array)| (name, array.into())).collect();
        let mut seen = HashSet::new();
        if let Some((name, _)) = arrays.iter().find(|(name, _)| !seen.insert(name.as_str())) {
            return Err(DataError::RepeatedName { name: name.clone(), source_text });
        }
        let mut rows = arrays.iter().filter_map(|(n, a)| Some((n, *a.sizes().first()?)));
        let Some((first, n_rows)) = rows.next().filter(|(_, n)| *n > 0) else {
            return Err(DataError::Empty { source_text });
        };
        if let Some((second, second_rows)) = rows.find(|(_, n)| *n != n_rows) {
            let (first, second) = (first.clone(), second.clone());
            let first_rows = n_rows;
            return Err(DataError::RowCounts {
                source_text,
                first,
                first_rows,
                second,
                second_rows,
            });
        }
        if u32::try_from(n_rows).is_err() {
            let reason = format!("it has {n_rows} rows, and at most {} are taken", u32::MAX);
            return Err(DataError::TooLarge { name: source_text, reason });
        }
        Ok(DataSet {
            name: source_text,
            arrays,
            n_rows,
            names: Names::default(),
            left_out: None,
            standardise: None,
            standards: None,
        })
    }

    /// The same data set, in which the number `i` of the array `array` is called `names[i]`. Of an
    /// array of labels these are classes, of one of tokens the vocabulary.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// let data = data.with_classes("label", ["cat".to_string(), "dog".to_string()]);
    /// assert_eq!(data.classes("label")[1], "dog");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_classes(mut self, array: &str, names: impl Into<Arc<[String]>>) -> DataSet {
        self.names.set_classes(array, names);
        self
    }

    /// The same data set, in which the last axis of the array `array` is these columns of a table.
    ///
    /// ```
    /// use brolga::{DataSet, Literal, data::TableColumn};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("x".to_string(), label)])?;
    /// let columns = [TableColumn::Number { name: "age".to_string(), mean: 0.5 }];
    /// assert_eq!(data.with_table("x", columns).columns("x"), ["age"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_table(mut self, array: &str, columns: impl Into<Arc<[TableColumn]>>) -> DataSet {
        self.names.set_table(array, columns);
        self
    }

    /// The same data set with what `other` knows of its classes, columns and what it lacks.
    fn with_names_of(mut self, other: &DataSet) -> DataSet {
        self.names = other.names.clone();
        self.left_out = other.left_out.clone();
        self
    }

    /// The same data set without an array, and why it is not there.
    fn without_array(mut self, array: &str, reason: String) -> DataSet {
        self.arrays.retain(|(name, _)| name != array);
        self.left_out = Some(reason);
        self
    }

    /// The same data set with other elements in an array.
    fn with_elements(mut self, array: &str, elements: Literal) -> DataSet {
        debug_assert!(elements.sizes().first() == Some(&self.n_rows));
        for (_, old) in self.arrays.iter_mut().filter(|(name, _)| name == array) {
            *old = elements.clone().into();
        }
        self
    }

    /// The same data set, whose arrays are standardised when they are fed: a training measures them
    /// by the rows that it learns from, all else by the standards of a training.
    ///
    /// ```
    /// use brolga::{DataSet, Literal, data::Standardise};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// let data = data.standardised(Standardise::Features);
    /// assert_eq!(data.standardise(), Some(Standardise::Features));
    /// // A training is what measures them.
    /// assert!(data.standards().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn standardised(mut self, which: Standardise) -> DataSet {
        self.standardise = Some(which);
        self
    }

    /// Which arrays are to be standardised.
    pub fn standardise(&self) -> Option<Standardise> {
        self.standardise
    }

    /// The same data set, whose arrays are measured by these standards when they are fed.
    pub fn with_standards(mut self, standards: impl Into<Arc<Standards>>) -> DataSet {
        self.standards = Some(standards.into());
        self
    }

    /// What the arrays are measured by. Errors: they are to be standardised, and nothing says by
    /// what.
    pub fn standards(&self) -> Result<Option<&Arc<Standards>>, DataError> {
        if self.standardise.is_some() && self.standards.is_none() {
            let reason = "the means and deviations of the rows that were trained on are not known";
            let source_text = self.name.clone();
            return Err(DataError::Standards { source_text, reason: reason.to_string() });
        }
        Ok(self.standards.as_ref())
    }

    /// What the numbers of an array are called, from 0 on; empty where they have no names.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// assert!(data.classes("label").is_empty());
    /// let data = data.with_classes("label", ["cat".to_string(), "dog".to_string()]);
    /// assert_eq!(data.classes("label"), ["cat", "dog"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn classes(&self, array: &str) -> &[String] {
        self.names.classes(array)
    }

    /// What the positions of an array's last axis are called; empty where they have no names.
    ///
    /// ```
    /// use brolga::{DataSet, Literal, data::TableColumn};
    ///
    /// let x = Literal::from_vec(&[2, 2], vec![0f32, 1., 1., 0.]).ok_or("four elements")?;
    /// let categories = vec!["blue".to_string(), "red".to_string()];
    /// let column = TableColumn::Category { name: "colour".to_string(), categories };
    /// let data = DataSet::new("pets", vec![("x".to_string(), x)])?.with_table("x", [column]);
    /// assert_eq!(data.columns("x"), ["colour=blue", "colour=red"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn columns(&self, array: &str) -> Vec<String> {
        self.names.table(array).iter().flat_map(TableColumn::names).collect()
    }

    /// What the numbers and the columns of all arrays stand for.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// assert!(data.names().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Why an array is not there that the source could have had, if one is not.
    pub fn left_out(&self) -> Option<&str> {
        self.left_out.as_deref()
    }

    /// Where the arrays came from, for people to read.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// assert_eq!(data.name(), "pets");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arrays in the source's order.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// for (name, array) in data.arrays() {
    ///     assert_eq!(format!("{name}: {}", array.tensor_type()), "label: i32[3]");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn arrays(&self) -> &[(String, Array)] {
        &self.arrays
    }

    /// The array of that name.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// let array = data.array("label").ok_or("it was given")?;
    /// assert_eq!(array.row(2).to_string(), "1");
    /// assert!(data.array("image").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn array(&self, name: &str) -> Option<&Array> {
        self.arrays.iter().find(|(n, _)| n == name).map(|(_, a)| a)
    }

    /// The same data set with another array, of as many rows and a name that is not taken.
    pub(crate) fn with_array(&self, name: &str, array: Literal) -> DataSet {
        let mut data = self.clone();
        debug_assert!(data.array(name).is_none() && array.sizes().first() == Some(&data.n_rows));
        data.arrays.push((name.to_string(), array.into()));
        data
    }

    /// Bytes in memory of the elements of all arrays; those in files take none.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// assert_eq!(data.n_bytes(), 12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn n_bytes(&self) -> usize {
        self.arrays.iter().map(|(_, a)| a.n_bytes()).sum()
    }

    /// Errors: a file in which rows lie was cut since.
    pub(crate) fn check_files(&self) -> Result<(), DataError> {
        self.arrays.iter().try_for_each(|(_, array)| array.check())
    }

    /// The common first dimension.
    ///
    /// ```
    /// use brolga::{DataSet, Literal};
    ///
    /// let label = Literal::from_vec(&[3], vec![0, 1, 1]).ok_or("three elements")?;
    /// let data = DataSet::new("pets", vec![("label".to_string(), label)])?;
    /// assert_eq!(data.n_rows(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
}
