//! The test part of a source that comes as a whole: so many of its rows, drawn by a seed.

use super::{DataError, Split, split_rows};

/// Which rows are the test part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldBack {
    /// The fraction of the rows, above 0 and below 1.
    pub fraction: f64,
    /// The seed of the draw.
    pub seed: u64,
}

impl HeldBack {
    /// The numbers of the rows of a part of `n_rows`, in the source's order. Errors: a part without
    /// rows.
    pub fn rows(&self, n_rows: usize, split: Split) -> Result<Vec<u32>, DataError> {
        let (training, test) = split_rows(n_rows, self.fraction, self.seed)?;
        Ok(match split {
            Split::Train => training,
            Split::Test => test,
        })
    }
}

/// What `test=F` and `seed=N` say of a source; without a fraction nothing is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeldBackOptions {
    /// `test=`.
    pub fraction: Option<f64>,
    /// `seed=`; 0 without.
    pub seed: Option<u64>,
}

impl HeldBackOptions {
    /// Takes the value of `test` or `seed`. Errors: why it is none.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if key == "seed" {
            self.seed = Some(value.parse().map_err(|_| "is no whole number".to_string())?);
            return Ok(());
        }
        let fraction = value.parse().ok().filter(|f| *f > 0.0 && *f < 1.0);
        self.fraction = Some(fraction.ok_or("is no fraction above 0 and below 1")?);
        Ok(())
    }

    /// Why the options do not make sense together, if they do not.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let idle = self.seed.is_some() && self.fraction.is_none();
        idle.then_some("has no use without `test=0.2` or the like")
    }

    /// What is held back, if anything is.
    pub fn held_back(&self) -> Option<HeldBack> {
        Some(HeldBack { fraction: self.fraction?, seed: self.seed.unwrap_or(0) })
    }
}
