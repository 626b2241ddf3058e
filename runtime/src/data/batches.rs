//! The loader. It has no state: the order of an epoch is a function of the seed, the epoch and
//! the number of rows; a batch is a function of that order and its position.

use std::num::NonZeroUsize;

use brolga_compiler::ir::Literal;

use super::{Counter, DataError, DataSet, Feed, FeedPlan};

/// What becomes of rows that do not fill a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// They are a smaller batch of their own, the last.
    Keep,
    /// They are left out of this epoch (a batch of fixed size).
    Drop,
}

/// How rows become batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// Rows of a batch.
    pub batch_size: NonZeroUsize,
    /// What becomes of the rest.
    pub tail: Tail,
    /// The seed of the order; `None` keeps the rows in theirs.
    pub shuffle: Option<u64>,
}

/// The batches of an epoch over some rows of a data set.
#[derive(Clone, Debug)]
pub struct Batches {
    data: DataSet,
    plan: FeedPlan,
    options: BatchOptions,
    rows: Vec<u32>,
    order: Vec<u32>,
    epoch: u64,
}

/// Separates the words of the counter: orders of epochs and validation parts are unrelated.
const ORDER: u64 = u64::from_be_bytes(*b"order\0\0\0");
const VALIDATION: u64 = u64::from_be_bytes(*b"validate");

/// Returns the rows of the training part and of the validation part, each in the data's order:
/// `fraction` of `n_rows` drawn by `seed`. Errors: a part without rows.
pub fn split_rows(
    n_rows: usize,
    fraction: f64,
    seed: u64,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    let error = || DataError::Fraction { fraction: fraction.to_string(), rows: n_rows };
    let n = (n_rows as f64 * fraction).round();
    if !(fraction > 0.0 && fraction < 1.0 && n >= 1.0 && n < n_rows as f64) {
        return Err(error());
    }
    let mut rows = (0..u32::try_from(n_rows).map_err(|_| error())?).collect::<Vec<u32>>();
    permute(&mut rows, Counter::new(&[VALIDATION, seed, n_rows as u64]));
    let mut training = rows.split_off(n as usize);
    rows.sort_unstable();
    training.sort_unstable();
    Ok((training, rows))
}

/// Returns the rows that are trained on and those that are held back, each in the data's order: of
/// `n_rows` in an order drawn by `seed`, the part number `fold` of `folds` parts is held back. The parts
/// differ by a row at most, and every row is in one. Errors: fewer than two parts, or fewer rows.
pub fn fold_rows(
    n_rows: usize,
    (fold, folds): (u32, u32),
    seed: u64,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    let (fold, folds) = (fold as usize, folds as usize);
    if folds < 2 || folds > n_rows || u32::try_from(n_rows).is_err() {
        return Err(DataError::Fraction { fraction: format!("1/{folds}"), rows: n_rows });
    }
    let mut rows = (0..n_rows as u32).collect::<Vec<u32>>();
    permute(&mut rows, Counter::new(&[VALIDATION, seed, n_rows as u64]));
    let end = |parts: usize| n_rows * parts / folds;
    let mut held_out: Vec<u32> = rows.drain(end(fold)..end(fold + 1)).collect();
    rows.sort_unstable();
    held_out.sort_unstable();
    Ok((rows, held_out))
}

/// Shuffles by Fisher and Yates, in Durstenfeld's form (1964, Algorithm 235).
fn permute(rows: &mut [u32], numbers: Counter) {
    for i in (1..rows.len()).rev() {
        rows.swap(i, numbers.below(i as u64, i as u64 + 1) as usize);
    }
}

impl Batches {
    /// The batches of all rows of `data`, which `plan` was made for, at epoch 0.
    pub fn new(data: &DataSet, plan: &FeedPlan, options: BatchOptions) -> Batches {
        // A data set has fewer than 2^32 rows.
        Batches::of_rows(data, plan, options, (0..data.n_rows() as u32).collect())
    }

    /// The batches of the rows of numbers `rows` (below the data's number of rows).
    pub fn of_rows(
        data: &DataSet,
        plan: &FeedPlan,
        options: BatchOptions,
        rows: Vec<u32>,
    ) -> Batches {
        let order = rows.clone();
        let (data, plan) = (data.clone(), plan.clone());
        let mut batches = Batches { data, plan, options, rows, order, epoch: 0 };
        batches.order_rows();
        batches
    }

    /// Takes the order of another epoch. Linear in the rows, without allocation.
    pub fn set_epoch(&mut self, epoch: u64) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.order_rows();
        }
    }

    /// The epoch whose order is taken.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number of batches of an epoch.
    pub fn n_batches(&self) -> usize {
        let size = self.options.batch_size.get();
        match self.options.tail {
            Tail::Keep => self.rows.len().div_ceil(size),
            Tail::Drop => self.rows.len() / size,
        }
    }

    /// The number of rows that an epoch goes through.
    pub fn n_rows(&self) -> usize {
        match self.options.tail {
            Tail::Keep => self.rows.len(),
            Tail::Drop => self.n_batches() * self.options.batch_size.get(),
        }
    }

    /// The row numbers of a batch, in order; none past the last.
    pub fn rows(&self, batch_idx: usize) -> &[u32] {
        let size = self.options.batch_size.get();
        let start = batch_idx.saturating_mul(size).min(self.n_rows());
        &self.order[start..start.saturating_add(size).min(self.n_rows())]
    }

    /// How the inputs are fed, in their order.
    pub fn feeds(&self) -> &[Feed] {
        &self.plan.feeds
    }

    /// What the data set is called.
    pub fn data_name(&self) -> &str {
        self.data.name()
    }

    /// Errors: a file in which rows lie was cut.
    pub(crate) fn check_files(&self) -> Result<(), DataError> {
        self.data.check_files()
    }

    /// The plan that the batches follow.
    pub fn plan(&self) -> &FeedPlan {
        &self.plan
    }

    /// Writes a batch of one feed, row-major and little-endian, to the start of `bytes`, which
    /// has room for it ([`Feed::n_bytes`] of the batch's rows). Allocates nothing.
    pub fn fill(&self, batch_idx: usize, feed_idx: usize, bytes: &mut [u8]) {
        self.plan.feeds[feed_idx].write(&self.data, self.rows(batch_idx), bytes);
    }

    /// A batch of one feed as a tensor.
    pub fn literal(&self, batch_idx: usize, feed_idx: usize) -> Literal {
        let feed = &self.plan.feeds[feed_idx];
        let n = self.rows(batch_idx).len();
        let mut bytes = vec![0; feed.n_bytes(n)];
        self.fill(batch_idx, feed_idx, &mut bytes);
        Literal::from_bytes(feed.dtype, &feed.sizes(n), &bytes)
            .expect("as many bytes as the sizes ask for")
    }

    fn order_rows(&mut self) {
        self.order.copy_from_slice(&self.rows);
        if let Some(seed) = self.options.shuffle {
            let n = self.rows.len() as u64;
            permute(&mut self.order, Counter::new(&[ORDER, seed, self.epoch, n]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_parts_of_the_rows() {
        for (n_rows, folds) in [(10, 5), (7, 3), (2, 2), (33, 32)] {
            let mut all = vec![];
            for fold in 0..folds {
                let (kept, held_out) = fold_rows(n_rows, (fold, folds), 4).expect("enough rows");
                assert_eq!(kept.len() + held_out.len(), n_rows);
                assert!(kept.iter().all(|row| !held_out.contains(row)));
                assert!(held_out.len().abs_diff(n_rows / folds as usize) <= 1);
                all.extend(held_out);
            }
            all.sort_unstable();
            assert_eq!(all, (0..n_rows as u32).collect::<Vec<u32>>());
        }
        assert!(fold_rows(3, (0, 4), 0).is_err() && fold_rows(3, (0, 1), 0).is_err());
    }
}
