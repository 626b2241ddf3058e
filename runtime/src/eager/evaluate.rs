//! Running a graph by the ops' `eval`: in order, each value freed after its last user.

use std::cell::Cell;
use std::sync::Arc;

use brolga_compiler::ir::{Graph, Literal, NodeId};
use brolga_compiler::ops::{Contraction, EvalContext, Leaves, OpRules, implied_broadcasts};
use rustc_hash::FxHashSet;

use crate::RunError;
use crate::arena::Budget;

thread_local! {
    /// How often an operation's `eval` was called on this thread.
    static EVAL_CALLS: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has called an operation's `eval`, whatever for. What lies between two
/// readings says whether a step has computed by `eval`.
pub fn eval_calls() -> u64 {
    EVAL_CALLS.get()
}

/// A graph whose dimensions are numbers, ready to be run any number of times.
#[derive(Debug)]
pub struct Evaluator {
    graph: Arc<Graph>,
    order: Vec<NodeId>,
    /// By place in the order: the nodes whose last user that is.
    last_uses: Vec<Vec<NodeId>>,
    /// The broadcasts whose value is their operand's: what reads them repeats it.
    implied: FxHashSet<NodeId>,
    /// By number of the node: its results, while someone will read them.
    values: Vec<Vec<Literal>>,
}

impl Evaluator {
    /// An evaluator of what the roots of `graph` need.
    ///
    /// # Errors
    /// If the values that live at once are beyond the budget, for `purpose`.
    pub fn new(graph: Arc<Graph>, budget: &Budget, purpose: &str) -> Result<Evaluator, RunError> {
        let roots = graph.roots();
        let order = graph.order_from(&roots);
        let last_uses = last_uses(&graph, &order, &roots);
        let bytes = peak_bytes(&graph, &order, &last_uses);
        if bytes.is_none_or(|bytes| bytes > budget.limit()) {
            return Err(RunError::MemoryLimit {
                purpose: purpose.to_string(),
                bytes: bytes.unwrap_or(usize::MAX) as u64,
                taken: 0,
                limit: budget.limit() as u64,
            });
        }
        let values = vec![vec![]; graph.n_numbers()];
        let implied = implied_broadcasts(&graph, &order);
        Ok(Evaluator { graph, order, last_uses, implied, values })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What is computed, operands before users.
    pub fn order(&self) -> &[NodeId] {
        &self.order
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
        let cx = EvalContext { leaves, contraction };
        for (&id, dead) in self.order.iter().zip(&self.last_uses) {
            let node = self.graph.node(id);
            let operands: Vec<&Literal> =
                node.operands.iter().flat_map(|o| &self.values[o.number()]).collect();
            let results = if self.implied.contains(&id) {
                vec![operands[0].clone()]
            } else {
                EVAL_CALLS.set(EVAL_CALLS.get() + 1);
                node.op.eval(&cx, &operands).map_err(|error| {
                    let (node, provenance, error) = error.located(&node.name, &node.provenance);
                    RunError::Eval { node, provenance, error }
                })?
            };
            self.values[id.number()] = results;
            for dead in dead {
                self.values[dead.number()].clear();
            }
        }
        Ok(())
    }

    /// The value of a root after a run.
    ///
    /// # Panics
    /// If the node is no root, or nothing was run.
    pub fn value(&self, root: NodeId) -> &Literal {
        self.values[root.number()].first().expect("roots keep their value after a run")
    }
}

/// By place in the order: the nodes that nothing reads after that. Roots are read after the run.
fn last_uses(graph: &Graph, order: &[NodeId], roots: &[NodeId]) -> Vec<Vec<NodeId>> {
    let mut last = vec![None; graph.n_numbers()];
    for (place, &id) in order.iter().enumerate() {
        for operand in graph.operands(id) {
            last[operand.number()] = Some(place);
        }
    }
    for root in roots {
        last[root.number()] = None;
    }
    let mut last_uses = vec![vec![]; order.len()];
    for &id in order {
        if let Some(place) = last[id.number()] {
            last_uses[place].push(id);
        }
    }
    last_uses
}

/// The most bytes that live at once; `None` if that is beyond all numbers.
fn peak_bytes(graph: &Graph, order: &[NodeId], last_uses: &[Vec<NodeId>]) -> Option<usize> {
    let bytes = |id: NodeId| {
        let types = graph.node(id).types.iter();
        types.map(|t| t.n_bytes()).try_fold(0usize, |sum, n| sum.checked_add(n?))
    };
    let (mut live, mut peak) = (0usize, 0);
    for (&id, dead) in order.iter().zip(last_uses) {
        live = live.checked_add(bytes(id)?)?;
        peak = peak.max(live);
        for &dead in dead {
            live -= bytes(dead)?;
        }
    }
    Some(peak)
}
