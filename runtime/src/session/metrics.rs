//! Metrics that are made of parts.

use std::sync::Arc;

use brolga_compiler::ir::{Graph, Literal};
use brolga_compiler::ops::{Leaf, Leaves};

use crate::RunError;
use crate::arena::Budget;
use crate::eager::{Evaluator, Kernels};

/// The value of a metric's formula for the sums of its parts.
///
/// # Errors
/// If the formula cannot be evaluated.
pub fn finish_metric(finish: &Arc<Graph>, parts: &[Literal]) -> Result<Literal, RunError> {
    let mut evaluator = Evaluator::new(finish.clone(), &Budget::new(usize::MAX), "a metric")?;
    evaluator.run(&Parts(parts), &Kernels { pool: None })?;
    Ok(evaluator.value(finish.outputs[0].1).clone())
}

/// The parameters of a metric's formula.
struct Parts<'a>(&'a [Literal]);

impl Leaves for Parts<'_> {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Parameter { number, .. } => self.0.get(*number).cloned(),
            Leaf::Input { .. }
            | Leaf::Variable { .. }
            | Leaf::Constant(_)
            | Leaf::Dim { .. }
            | Leaf::Seed
            | Leaf::Step
            | Leaf::Epoch
            | Leaf::Batch => None,
        }
    }
}
