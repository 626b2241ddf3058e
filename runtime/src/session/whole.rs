//! Runs that happen as a whole or not at all: an index out of range, the one thing in data that
//! stops a program, leaves the variables as they were.
//!
//! Machine code writes in place and goes on after such an index, so what it has written is undone.
//! That needs the values from before, which are kept only where a run may stop: where an index is
//! computed, or one that is fed is out of range.

use brolga_compiler::compile::Compiled;
use brolga_compiler::ir::{DType, Element, Literal, Name};
use brolga_compiler::ops::indices;

use super::{Feed, Prepared};
use crate::RunError;

/// How the indices of a program come about.
#[derive(Debug, Default)]
pub(super) struct Stops {
    /// The inputs whose elements are indices, each by its number, with what they index.
    fed: Vec<(usize, i64)>,
    /// Whether there are others, which are known only when they are computed.
    has_computed: bool,
}

impl Stops {
    pub(super) fn new(compiled: &Compiled) -> Stops {
        let Compiled { specialised, program, .. } = compiled;
        let mut stops = Stops::default();
        for check in &program.checks {
            let fed = indices(specialised, &check.node).filter(|found| found.computed.is_none());
            let feed = fed.and_then(|fed| {
                program.feeds.iter().position(|(name, t)| {
                    // What indexes is i32, so an input of another type has been converted.
                    *name == fed.input && t.dtype == DType::I32
                })
            });
            match feed.map(|feed| (feed, check.size)) {
                Some(fed) if stops.fed.contains(&fed) => {}
                Some(fed) => stops.fed.push(fed),
                None => stops.has_computed = true,
            }
        }
        stops
    }

    /// Whether a run with these feeds may stop.
    fn are_near(&self, feeds: &[Feed]) -> bool {
        let is_outside = |&(feed, size): &(usize, i64)| {
            let mut indices = feeds[feed].bytes().chunks_exact(i32::SIZE).map(i32::read);
            indices.any(|index| index < 0 || i64::from(index) >= size)
        };
        self.has_computed || self.fed.iter().any(is_outside)
    }
}

impl Prepared<'_> {
    /// Runs the program as [`Prepared::run`] does, but leaves the variables as they were where that
    /// fails. Errors: the same.
    pub(super) fn run_whole(&mut self, batch: i64) -> Result<(), RunError> {
        let instance = self.instance();
        if !instance.stops.are_near(&instance.feeds) {
            return self.run(batch);
        }
        let stored = self.session.store.iter();
        let kept: Vec<(Name, Literal)> =
            stored.map(|(name, stored)| (name.clone(), stored.literal())).collect();
        let done = self.run(batch);
        if done.is_err() {
            kept.iter().try_for_each(|(name, value)| self.session.store.set(name, value))?;
        }
        done
    }
}
