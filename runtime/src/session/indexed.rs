//! Which element of what was fed is an index that is out of range.

use brolga_compiler::ir::{Graph, Literal, Name, NodeId, Scalar};
use brolga_compiler::ops::{EvalError, Indices, indices};
use brolga_compiler::specialise::specialise;

use super::Prepared;
use super::eager::{Given, Values};
use super::feed::Clocks;
use super::finite::position;
use crate::eager::{Evaluator, Kernels};
use crate::{FedElement, RunError};

impl Prepared<'_> {
    /// The error with the place of its node alone, without those of what passes have found to be
    /// the same; and with the element of an input that it speaks of, where a node indexes by an input:
    /// the first that is out of range.
    pub(super) fn with_element(&mut self, mut error: RunError) -> RunError {
        let RunError::Eval { node, error: why, fed, provenance } = &mut error else { return error };
        let (entry, _) = self.instance().key();
        if let Ok(entry) = self.session.entry(&entry)
            && let Some(id) = entry.graph.find(node)
        {
            *provenance = entry.graph.node(id).provenance.clone();
        }
        if let EvalError::IndexOutOfRange { size, .. } = *why {
            let found = self.outside(node, size);
            if let Some((index, element)) = found {
                *why = EvalError::IndexOutOfRange { index, size };
                *fed = Some(Box::new(element));
            }
        }
        error
    }

    /// The first index of a node that is none into so many, and the element of an input that it is
    /// or is computed of.
    fn outside(&mut self, node: &Name, size: usize) -> Option<(i64, FedElement)> {
        let (entry, binding) = self.instance().key();
        let graph = specialise(&self.session.entry(&entry).ok()?.graph, &binding).ok()?;
        let Indices { input, computed } = indices(&graph, node)?;
        let feed = self.feeds().iter().find(|feed| feed.name == input)?;
        let fed = feed.literal();
        let values = match computed {
            Some(node) => self.value_of(graph, node)?,
            None => fed.clone(),
        };
        if values.n_elements() != fed.n_elements() {
            return None;
        }
        let whole = |x: Scalar| x.to_f64() as i64;
        let is_outside = |x: i64| usize::try_from(x).is_err() || x as usize >= size;
        let mut places = values.scalars().map(whole).enumerate();
        let (number, index) = places.find(|(_, x)| is_outside(*x))?;
        let value = fed.scalars().nth(number).map(whole)?;
        let position = position(fed.sizes(), number);
        Some((index, FedElement { input, value, position, row: None }))
    }

    /// The value of a node, computed of what was fed.
    fn value_of(&self, mut graph: Graph, node: NodeId) -> Option<Literal> {
        graph.metrics.clear();
        graph.steps.clear();
        graph.updates.clear();
        graph.outputs = vec![(graph.node(node).name.clone(), node)].into_iter().collect();
        let purpose = "the indices of a node";
        let mut evaluator = Evaluator::new(graph.into(), &self.session.budget, purpose).ok()?;
        // Of what the step has written nothing is asked again: indices come of inputs.
        let clocks =
            Clocks { seed: self.session.options.seed, clock: self.session.clock, batch: 0 };
        let call = Given { feeds: &self.instance().feeds, clocks };
        let leaves = Values { call: &call, store: &self.session.store };
        evaluator.run(&leaves, &Kernels { pool: self.session.pool.as_ref() }).ok()?;
        Some(evaluator.value(node).clone())
    }
}
