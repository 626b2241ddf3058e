//! A loss that is not finite ends a training, and is explained: the steps are run again from where
//! all was well, up to the one in which the first value went wrong, which is then run node by node.
//! The same bits come again, so that is the same step.

use brolga_compiler::ir::{Literal, Name};
use brolga_compiler::program::OutputKind;
use indexmap::IndexMap;

use super::feeding::Feeding;
use crate::RunError;
use crate::session::{Clock, Prepared, Session};

/// Steps after which the place to begin again moves on.
const EVERY: i64 = 512;

/// A moment at which every variable was kept.
pub(super) struct Start {
    variables: IndexMap<Name, Literal>,
    clock: Clock,
    /// The number of the batch in its epoch.
    batch: usize,
}

impl Start {
    /// Keeps this moment, before a batch, if none is kept or the kept one is long ago.
    pub(super) fn keep(start: &mut Option<Start>, prepared: &Prepared<'_>, batch: usize) {
        let session = prepared.session();
        let clock = session.clock();
        if start.as_ref().is_none_or(|start| clock.step - start.clock.step >= EVERY) {
            *start = Some(Start { variables: variables(session), clock, batch });
        }
    }

    /// The error of a loss that was not finite at `clock`, which counts the step already. The
    /// session is left as it was before the step in which the first value went wrong.
    pub(super) fn explain(
        self,
        session: &mut Session,
        feeding: &mut Feeding,
        step: i64,
    ) -> RunError {
        match self.trace(session, feeding, step) {
            Ok(error) | Err(error) => error,
        }
    }

    fn trace(
        self,
        session: &mut Session,
        feeding: &mut Feeding,
        step: i64,
    ) -> Result<RunError, RunError> {
        let (mut clock, mut batch) = (self.clock, self.batch);
        restore(session, &self.variables, clock)?;
        loop {
            feeding.set_epoch(clock.epoch as u64);
            let before = variables(session);
            let mut prepared = feeding.prepare(session, batch)?;
            feeding.fill(&mut prepared, batch);
            prepared.run(clock.step)?;
            let is_well =
                loss_is_finite(&prepared) && variables(prepared.session()).values().all(is_finite);
            if !is_well || clock.step >= step {
                restore(session, &before, clock)?;
                let mut prepared = feeding.prepare(session, batch)?;
                feeding.fill(&mut prepared, batch);
                // Without memory for all values at once, the step is known at least.
                let mut first = prepared.first_not_finite(clock.step).ok().flatten().map(Box::new);
                if let Some(first) = &mut first {
                    first.row = feeding.row(&first.node, &first.position, batch);
                }
                return Ok(RunError::NotFinite { step, clock, batch, first });
            }
            clock.step += 1;
            batch += 1;
            if batch == feeding.batches().n_batches() {
                (clock.epoch, batch) = (clock.epoch + 1, 0);
            }
            session.set_clock(clock);
        }
    }
}

/// Whether the losses of the batch that was run last are finite.
pub(super) fn loss_is_finite(prepared: &Prepared<'_>) -> bool {
    prepared.outputs().iter().enumerate().all(|(number, output)| match output.kind {
        OutputKind::Metric { .. } if *output.name == *"loss" => {
            prepared.scalar(number).is_none_or(|loss| loss.to_f64().is_finite())
        }
        OutputKind::Metric { .. } | OutputKind::Output => true,
    })
}

fn is_finite(value: &Literal) -> bool {
    !value.dtype().is_float() || value.scalars().all(|x| x.to_f64().is_finite())
}

fn variables(session: &Session) -> IndexMap<Name, Literal> {
    session.variables().map(|(name, _, value)| (name.clone(), value)).collect()
}

fn restore(
    session: &mut Session,
    values: &IndexMap<Name, Literal>,
    clock: Clock,
) -> Result<(), RunError> {
    session.set_variables(values.clone())?;
    session.set_clock(clock);
    Ok(())
}
