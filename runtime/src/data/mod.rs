//! Data for training: sources of named arrays, their match with a graph's inputs, and the loader,
//! whose order is a function of seed, epoch and position.
//!
//! Invariant of a [`DataSet`]: every array is in row-major order, and all that are not scalars
//! have the same first dimension, the rows, of at least 1.

mod array;
mod augment;
mod batches;
mod bytes;
mod class_weights;
pub mod cifar;
mod classes;
mod counter;
pub mod csv;
mod error;
mod feed;
mod fetch;
mod generated;
mod grid;
pub mod hdf5;
mod held_back;
pub mod idx;
pub mod images;
mod mapped;
pub mod npy;
mod renaming;
mod rows;
pub mod safetensors;
mod load;
mod source;
mod standards;
mod stored;
mod summary;
pub mod text;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use brolga_compiler::ir::Literal;

pub use array::Array;
pub use augment::{Augment, Augmenter, Change};
pub use batches::{BatchOptions, Batches, Tail, fold_rows, split_rows};
pub(crate) use bytes::{read_all, write_atomically};
pub use class_weights::{ClassWeights, WEIGHT};
pub use counter::Counter;
pub use error::{DataError, FeedPair};
pub use feed::{BatchDimension, Feed, FeedPlan, FeedWhole, feed_plan, feed_whole};
pub use generated::{Generated, MAX_ROWS};
pub use grid::write_grid;
pub use held_back::{HeldBack, HeldBackOptions};
pub use load::load;
pub use mapped::Mapped;
pub use renaming::Renaming;
pub use source::{Source, SourceKind};
pub use standards::{Standard, Standardise, Standardiser, Standards};
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
    /// By the array that holds their numbers.
    classes: BTreeMap<String, Arc<[String]>>,
    /// By the array whose last axis they name.
    columns: BTreeMap<String, Arc<[String]>>,
    /// By the array, which columns of its last axis say by 1 whether something is so.
    indicators: BTreeMap<String, Arc<[bool]>>,
    /// The arrays that are to be standardised.
    standardise: Option<Standardise>,
    /// By what, once it is known.
    standards: Option<Arc<Standards>>,
}

impl DataSet {
    /// A data set of `arrays`, named after where they came from. Errors: no rows, different
    /// numbers of rows, a repeated name, more than 2^32 - 1 rows.
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
        let (classes, columns, indicators) = Default::default();
        let (standardise, standards) = (None, None);
        Ok(DataSet {
            name: source_text,
            arrays,
            n_rows,
            classes,
            columns,
            indicators,
            standardise,
            standards,
        })
    }

    /// The same data set, in which the number `i` of the array `array` is called `names[i]`. Of an
    /// array of labels these are classes, of one of tokens the vocabulary.
    pub fn with_classes(mut self, array: &str, names: impl Into<Arc<[String]>>) -> DataSet {
        self.classes.insert(array.to_string(), names.into());
        self
    }

    /// The same data set, in which position `i` of the last axis of the array `array` is called
    /// `names[i]`.
    pub fn with_columns(mut self, array: &str, names: impl Into<Arc<[String]>>) -> DataSet {
        self.columns.insert(array.to_string(), names.into());
        self
    }

    /// The same data set, in which position `i` of the last axis of the array `array` says by 1
    /// whether something is so, else by 0, where `indicators[i]` is true.
    pub fn with_indicators(mut self, array: &str, indicators: impl Into<Arc<[bool]>>) -> DataSet {
        self.indicators.insert(array.to_string(), indicators.into());
        self
    }

    /// The same data set with what `other` knows of its classes and columns.
    fn with_names_of(mut self, other: &DataSet) -> DataSet {
        self.classes = other.classes.clone();
        self.columns = other.columns.clone();
        self.indicators = other.indicators.clone();
        self
    }

    /// The same data set, whose arrays are standardised when they are fed: a training measures them
    /// by the rows that it learns from, all else by the standards of a training.
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
    pub fn classes(&self, array: &str) -> &[String] {
        self.classes.get(array).map_or(&[], |names| names)
    }

    /// What the positions of an array's last axis are called; empty where they have no names.
    pub fn columns(&self, array: &str) -> &[String] {
        self.columns.get(array).map_or(&[], |names| names)
    }

    /// Which positions of an array's last axis say by 1 whether something is so; empty where none is
    /// known to.
    pub fn indicators(&self, array: &str) -> &[bool] {
        self.indicators.get(array).map_or(&[], |indicators| indicators)
    }

    /// Where the arrays came from, for people to read.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arrays in the source's order.
    pub fn arrays(&self) -> &[(String, Array)] {
        &self.arrays
    }

    /// The array of that name.
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
    pub fn n_bytes(&self) -> usize {
        self.arrays.iter().map(|(_, a)| a.n_bytes()).sum()
    }

    /// Errors: a file in which rows lie was cut since.
    pub(crate) fn check_files(&self) -> Result<(), DataError> {
        self.arrays.iter().try_for_each(|(_, array)| array.check())
    }

    /// The common first dimension.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
}
