//! Gradients that are added up over several batches, of which one update is made.

use super::context::UpdateContext;
use crate::ir::{CompareFn, NodeId, Scalar};
use crate::ops::{Build, TypeError};

/// The slot that counts the batches whose gradients have been added up.
const COUNT: &str = "accumulated";
/// The slots of their sums.
const SUM: &str = "gradient";

impl UpdateContext<'_> {
    /// Makes the gradient of each param the mean of those of the batches since the last update, and
    /// keeps the sums and their number; returns whether this batch is the last of so many, a bool
    /// scalar. Nothing else may be written where it is not. `None` where each batch is the last.
    ///
    /// The slots count, not the clock: a training that begins from another step begins with a whole
    /// number of batches, and the mean is over those that were added up whatever that number was.
    pub(super) fn accumulate(&mut self) -> Result<Option<NodeId>, TypeError> {
        if self.step.accumulate <= 1 {
            return Ok(None);
        }
        let count = self.scalar_slot(COUNT, Scalar::I64(0))?;
        let wanted = i64::try_from(self.step.accumulate).unwrap_or(i64::MAX);
        let (n, is_last, next) = self.build(COUNT, |b| {
            let one = b.scalar(Scalar::I64(1))?;
            let n = b.add(count.value, one)?;
            let wanted = b.scalar(Scalar::I64(wanted))?;
            let is_last = b.compare(CompareFn::Ge, n, wanted)?;
            let zero = b.scalar(Scalar::I64(0))?;
            Ok((n, is_last, b.select(is_last, zero, n)?))
        })?;
        self.write_slot(count, next);
        for at in 0..self.parameters.len() {
            self.accumulate_one(at, n, is_last)?;
        }
        Ok(Some(is_last))
    }

    fn accumulate_one(&mut self, at: usize, n: NodeId, is_last: NodeId) -> Result<(), TypeError> {
        let p = self.parameters[at].clone();
        let slot = self.slot(SUM, &p)?;
        let (mean, next) = self.build(&p.name, |b: &mut Build<'_>| {
            let sum = b.add(slot.value, p.gradient)?;
            let dtype = b.dtype(sum);
            let n = b.cast(n, dtype)?;
            let zeros = b.zeros_like(sum)?;
            Ok((b.div(sum, n)?, b.select(is_last, zeros, sum)?))
        })?;
        self.write_slot(slot, next);
        self.parameters[at].gradient = mean;
        Ok(())
    }
}
