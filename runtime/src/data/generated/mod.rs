//! The built-in data sets: generated ones, each small enough to learn in seconds.
//!
//! Every row is a function of its part and number alone, computed with integers and with `+ - * /
//! sqrt`, which IEEE 754 rounds exactly: the elements are the same on every machine. Fewer rows are
//! the first of more.

mod dates;
mod digits;
mod ratings;
mod tones;

use std::fmt;

use brolga_compiler::ir::Literal;

use super::{Counter, DataError, DataSet, Split};

/// The most rows that can be asked for: 3 GB of pixels.
pub const MAX_ROWS: usize = 1_000_000;

/// A data set that is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// Digits as if written by hand: `image` f32[28, 28] in [0, 1], `label`.
    Digits,
    /// Dates in words and in numbers: `source` `i32[18]`, `target` `i32[10]`, both of characters.
    Dates,
    /// What users think of films: `user` i32, `film` i32, `rating` f32.
    Ratings,
    /// Half a second of a sound: `wave` `f32[4000]` in `[-1, 1]`, `label`.
    Tones,
}

impl Generated {
    /// All of them.
    pub const ALL: [Generated; 4] =
        [Generated::Digits, Generated::Dates, Generated::Ratings, Generated::Tones];

    /// What the source is called.
    pub fn name(self) -> &'static str {
        match self {
            Generated::Digits => "digits",
            Generated::Dates => "dates",
            Generated::Ratings => "ratings",
            Generated::Tones => "tones",
        }
    }

    /// The number of rows of a part, unless another is asked for.
    pub fn default_rows(self, split: Split) -> usize {
        let (train, test) = match self {
            Generated::Digits => (8192, 2048),
            Generated::Dates => (20_000, 2_000),
            Generated::Ratings => (100_000, 10_000),
            Generated::Tones => (4_000, 1_000),
        };
        match split {
            Split::Train => train,
            Split::Test => test,
        }
    }

    /// The data set under the name `name`. Errors: `rows` is 0 or above [`MAX_ROWS`].
    pub fn data_set(self, name: &str, split: Split, rows: usize) -> Result<DataSet, DataError> {
        let too_large = || DataError::TooLarge {
            name: self.to_string(),
            reason: format!("{rows} rows are asked for, and at most {MAX_ROWS} are made"),
        };
        if rows > MAX_ROWS {
            return Err(too_large());
        }
        let arrays: Option<Vec<(String, Literal)>> = match self {
            Generated::Digits => digits::arrays(split, rows),
            Generated::Dates => dates::arrays(split, rows),
            Generated::Ratings => ratings::arrays(split, rows),
            Generated::Tones => tones::arrays(split, rows),
        };
        let data = DataSet::new(name, arrays.ok_or_else(too_large)?)?;
        Ok(match self {
            Generated::Digits | Generated::Ratings => data,
            Generated::Dates => {
                let characters = dates::characters();
                data.with_classes("source", characters.clone()).with_classes("target", characters)
            }
            Generated::Tones => data.with_classes("label", tones::classes()),
        })
    }
}

impl fmt::Display for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The numbers that a row is made of; `key` is the name of the data set in ASCII.
fn row_numbers(key: u64, split: Split, row: usize) -> Counter {
    let part = match split {
        Split::Train => 0,
        Split::Test => 1,
    };
    Counter::new(&[key, part, row as u64])
}

/// A number of mean 0 and variance 1, nearly normal: the sum of twelve even numbers (in three
/// digits after the point for sizes below 2, and never beyond 6). Takes the positions from `12 *
/// position` on.
fn normal(numbers: Counter, position: u64) -> f32 {
    let sum = |from: u64| (from..from + 12).map(|i| numbers.unit(i)).sum::<f32>();
    sum(12 * position) - 6.0
}
