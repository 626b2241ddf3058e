//! What a batch holds: the rows of its place, measured by the standards and changed at random as the
//! training asks for. A function of the epoch and the number of the batch alone.

use crate::arena::Memory;
use crate::data::{Augmenter, Batches, Standardiser};

/// The place of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) epoch: u64,
    /// The number in the epoch.
    pub(super) batch: usize,
}

/// What fills batches: their rows, and what becomes of them.
#[derive(Clone)]
pub(super) struct Filler {
    pub(super) batches: Batches,
    pub(super) standardiser: Option<Standardiser>,
    pub(super) augmenter: Option<Augmenter>,
}

impl Filler {
    /// Fills batches with their rows as they are.
    pub(super) fn new(batches: Batches) -> Filler {
        Filler { batches, standardiser: None, augmenter: None }
    }

    /// The bytes of each feed at the largest batch, the first one.
    pub(super) fn bytes(&self) -> impl Iterator<Item = usize> {
        let rows = self.batches.rows(0).len();
        self.batches.feeds().iter().map(move |feed| feed.n_bytes(rows))
    }

    /// Fills memories, one for each feed, with the batch of a place; allocates nothing.
    pub(super) fn fill_all(&mut self, place: Place, memories: &mut [Memory]) {
        self.batches.set_epoch(place.epoch);
        for (feed_idx, memory) in memories.iter_mut().enumerate() {
            self.fill(place.batch, feed_idx, memory.bytes_mut());
        }
    }

    /// Writes a batch of one feed to the start of `bytes`, which has room for it; allocates nothing.
    pub(super) fn fill(&mut self, batch: usize, feed_idx: usize, bytes: &mut [u8]) {
        self.batches.fill(batch, feed_idx, bytes);
        let rows = self.batches.rows(batch);
        let bytes = &mut bytes[..self.batches.feeds()[feed_idx].n_bytes(rows.len())];
        if let Some(standardiser) = &self.standardiser {
            standardiser.apply(feed_idx, bytes);
        }
        if let Some(augmenter) = &mut self.augmenter {
            augmenter.apply(self.batches.epoch(), rows, feed_idx, bytes);
        }
    }
}
