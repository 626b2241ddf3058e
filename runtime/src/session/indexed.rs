//! Which element of what was fed is an index that is out of range.

use brolga_compiler::ir::{Graph, Name, NodeId};
use brolga_compiler::ops::{EvalError, indexing_input};

use super::Prepared;
use super::finite::position;
use crate::{FedElement, RunError};

impl Prepared<'_> {
    /// The error with the element of an input that it speaks of, where a node indexes by an input:
    /// the first that is out of range.
    pub(super) fn with_element(&mut self, mut error: RunError) -> RunError {
        if let RunError::Eval { node, error: why, fed, .. } = &mut error
            && let EvalError::IndexOutOfRange { size, .. } = *why
        {
            *fed = self.input_of(node).and_then(|input| self.outside(&input, size)).map(Box::new);
            if let Some(fed) = fed {
                *why = EvalError::IndexOutOfRange { index: fed.value, size };
            }
        }
        error
    }

    /// The input that a node of the entry indexes by.
    fn input_of(&mut self, node: &Name) -> Option<Name> {
        let (entry, _) = self.instance().key();
        let graph = &self.session.entry(&entry).ok()?.graph;
        indexing_input(graph, find(graph, node)?)
    }

    /// The first element of an input that is no index into so many.
    fn outside(&self, input: &Name, size: usize) -> Option<FedElement> {
        let feed = self.feeds().iter().find(|feed| feed.name == *input)?;
        let fed = feed.literal();
        let is_outside = |x: i64| usize::try_from(x).is_err() || x as usize >= size;
        let values = fed.scalars().map(|x| x.to_f64() as i64);
        let (number, value) = values.enumerate().find(|(_, x)| is_outside(*x))?;
        let position = position(fed.sizes(), number);
        Some(FedElement { input: input.clone(), value, position, row: None })
    }
}

/// The node of that name.
fn find(graph: &Graph, name: &Name) -> Option<NodeId> {
    graph.ids().into_iter().find(|&id| graph.node(id).name == *name)
}
