//! Running a graph by the ops' `eval`, within a budget of memory.

use std::cell::Cell;
use std::sync::Arc;

use brolga_compiler::ir::{Graph, Literal, NodeId};
use brolga_compiler::ops::{Contraction, EvalContext, EvalPlan, Leaves, Values};

use crate::RunError;
use crate::arena::Budget;

thread_local! {
    /// How often an operation's `eval` was called on this thread.
    static EVAL_CALLS: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has called an operation's `eval` to run a graph, a loop counted once.
/// What lies between two readings says whether a step has computed by `eval`.
pub fn eval_calls() -> u64 {
    EVAL_CALLS.get()
}

/// A graph whose dimensions are numbers, ready to be run any number of times.
#[derive(Debug)]
pub struct Evaluator {
    graph: Arc<Graph>,
    plan: EvalPlan,
    values: Values,
}

impl Evaluator {
    /// An evaluator of what the roots of `graph` need.
    ///
    /// # Errors
    /// If the values that live at once are beyond the budget, for `purpose`.
    pub fn new(graph: Arc<Graph>, budget: &Budget, purpose: &str) -> Result<Evaluator, RunError> {
        let plan = EvalPlan::new(&graph, &graph.roots());
        let bytes = plan.peak_bytes(&graph);
        if bytes.is_none_or(|bytes| bytes > budget.limit()) {
            return Err(RunError::MemoryLimit {
                purpose: purpose.to_string(),
                bytes: bytes.unwrap_or(usize::MAX) as u64,
                taken: 0,
                limit: budget.limit() as u64,
            });
        }
        Ok(Evaluator { graph, plan, values: Values::default() })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What is computed, operands before users.
    pub fn order(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.plan.order()
    }

    /// Computes the roots.
    ///
    /// # Errors
    /// If a leaf has no value or the data do not fit, with the node.
    pub fn run(
        &mut self,
        leaves: &dyn Leaves,
        contraction: &dyn Contraction,
    ) -> Result<(), RunError> {
        EVAL_CALLS.set(EVAL_CALLS.get() + self.plan.n_evals() as u64);
        let cx = EvalContext::new(leaves, contraction);
        self.plan.run(&self.graph, &cx, &mut self.values).map_err(|failure| {
            let node = self.graph.node(failure.node);
            let (node, provenance, error) = failure.error.located(&node.name, &node.provenance);
            RunError::Eval { node, provenance, error, fed: None }
        })
    }

    /// The value of a root after a run.
    ///
    /// # Panics
    /// If the node is no root, or nothing was run.
    pub fn value(&self, root: NodeId) -> &Literal {
        self.values.of(root)
    }
}
