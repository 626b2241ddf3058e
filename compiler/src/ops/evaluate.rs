//! The values of nodes, node by node through each operation's `eval`: eager mode, the bodies of
//! loops, and the oracle that compiled code is compared with.
//!
//! What is known of a graph before any value, an [`EvalPlan`] holds; it serves every run, and a
//! loop's body has its own within the plan of the graph around it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{EvalContext, EvalError, Movement, Op, OpRules};
use crate::ir::{Graph, Literal, NodeId};

/// Which node could not be evaluated, and why. The data are at fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct EvalFailure {
    /// The node.
    pub node: NodeId,
    /// Why.
    pub error: EvalError,
}

/// The first result of each of the `wanted` nodes of a graph whose dimensions are all numbers.
/// Errors: the first node that cannot be evaluated.
pub fn evaluate(
    graph: &Graph,
    cx: &EvalContext<'_>,
    wanted: &[NodeId],
) -> Result<Vec<Literal>, EvalFailure> {
    let mut values = Values::default();
    EvalPlan::new(graph, wanted).run(graph, cx, &mut values)?;
    Ok(wanted.iter().map(|&n| values.of(n).clone()).collect())
}

/// How a graph is evaluated: in which order, and where each value is read last.
#[derive(Debug)]
pub struct EvalPlan {
    steps: Vec<Step>,
    /// The length of tables by number of the node.
    n_numbers: usize,
}

/// One node of a plan.
#[derive(Debug)]
struct Step {
    node: NodeId,
    how: How,
    /// The nodes that nothing reads after this one.
    dead: Vec<NodeId>,
}

/// Where the results of a node come from.
#[derive(Debug)]
enum How {
    /// The operation's `eval`.
    Eval,
    /// The same, which runs a region by this plan.
    Region(EvalPlan),
    /// The operand: a broadcast that what reads it implies.
    Operand,
}

/// The results of nodes, while someone will read them.
#[derive(Debug, Default)]
pub struct Values {
    /// By number of the node.
    results: Vec<Vec<Literal>>,
}

impl Values {
    /// The first result of a node that a plan was made for, after a run of it.
    ///
    /// # Panics
    /// If the plan was made for other nodes, or was not run.
    pub fn of(&self, node: NodeId) -> &Literal {
        self.results[node.number()].first().expect("what is wanted stays after a run")
    }
}

impl EvalPlan {
    /// The plan of what the `wanted` nodes need. Linear in the nodes, those of regions included.
    pub fn new(graph: &Graph, wanted: &[NodeId]) -> EvalPlan {
        let order = graph.order_from(wanted);
        let implied = implied_broadcasts(graph, &order, wanted);
        let dead = last_uses(graph, &order, wanted);
        let how = |node: NodeId| match graph.op(node).region() {
            _ if implied.contains(&node) => How::Operand,
            Some(region) => How::Region(EvalPlan::of_region(region)),
            None => How::Eval,
        };
        let steps = order.iter().zip(dead).map(|(&node, dead)| Step { node, how: how(node), dead });
        EvalPlan { steps: steps.collect(), n_numbers: graph.n_numbers() }
    }

    /// The plan of a region, whose outputs are wanted.
    pub(super) fn of_region(region: &Graph) -> EvalPlan {
        let outputs: Vec<NodeId> = region.outputs.iter().map(|(_, node)| *node).collect();
        EvalPlan::new(region, &outputs)
    }

    /// What is computed, operands before users.
    pub fn order(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.steps.iter().map(|step| step.node)
    }

    /// How often a run calls an operation's `eval`, those within regions not counted.
    pub fn n_evals(&self) -> usize {
        self.steps.iter().filter(|step| !matches!(step.how, How::Operand)).count()
    }

    /// The most bytes that a run holds at once: results until their last use, those of a region
    /// while it runs, and what its iterations emit before it is put together. `None` if that is
    /// beyond all numbers.
    pub fn peak_bytes(&self, graph: &Graph) -> Option<usize> {
        let results = |id: NodeId| {
            let types = graph.node(id).types.iter();
            types.map(|t| t.n_bytes()).try_fold(0usize, |sum, n| sum.checked_add(n?))
        };
        let (mut live, mut peak) = (0usize, 0);
        for step in &self.steps {
            let own = results(step.node)?;
            let within = match (&step.how, graph.op(step.node).region()) {
                (How::Region(plan), Some(region)) => plan.peak_bytes(region)?.checked_add(own)?,
                (How::Region(_) | How::Eval | How::Operand, _) => 0,
            };
            live = live.checked_add(own)?;
            peak = peak.max(live.checked_add(within)?);
            for &dead in &step.dead {
                live -= results(dead)?;
            }
        }
        Some(peak)
    }

    /// Computes the nodes that the plan was made for, of the graph that it was made of. `values`
    /// may be those of an earlier run. Errors: the first node that cannot be evaluated.
    pub fn run(
        &self,
        graph: &Graph,
        cx: &EvalContext<'_>,
        values: &mut Values,
    ) -> Result<(), EvalFailure> {
        let values = &mut values.results;
        values.resize_with(self.n_numbers, Vec::new);
        for Step { node, how, dead } in &self.steps {
            let (node, op) = (*node, graph.op(*node));
            let n_read = if op.picks_result() { usize::MAX } else { 1 };
            let of_operand = |o: &NodeId| values[o.number()].iter().take(n_read);
            let operands: Vec<&Literal> =
                graph.operands(node).iter().flat_map(of_operand).collect();
            let eval = |region| op.eval(&EvalContext { region, ..*cx }, &operands);
            let results = match how {
                How::Operand => Ok(vec![operands[0].clone()]),
                How::Eval => eval(None),
                How::Region(plan) => eval(Some(plan)),
            };
            let results = results.map_err(|error| EvalFailure { node, error })?;
            if let Some(watch) = cx.watch {
                watch.computed(graph, node, &operands, &results);
            }
            values[node.number()] = results;
            dead.iter().for_each(|dead| values[dead.number()].clear());
        }
        Ok(())
    }
}

/// By place in the order: the nodes that nothing reads after that. What is wanted is read after
/// the run.
fn last_uses(graph: &Graph, order: &[NodeId], wanted: &[NodeId]) -> Vec<Vec<NodeId>> {
    let mut last: FxHashMap<NodeId, usize> = FxHashMap::default();
    for (place, &id) in order.iter().enumerate() {
        last.extend(graph.operands(id).iter().map(|&operand| (operand, place)));
    }
    for node in wanted {
        last.remove(node);
    }
    let mut last_uses = vec![vec![]; order.len()];
    for &id in order {
        if let Some(&place) = last.get(&id) {
            last_uses[place].push(id);
        }
    }
    last_uses
}

/// The broadcasts among the nodes of `order` that need not be made: what reads one is elementwise
/// and has an operand of the full shape beside it, and `eval` of such a node repeats a smaller
/// operand. The value of such a broadcast may be its operand's. What is `wanted` is not among them.
pub(super) fn implied_broadcasts(
    graph: &Graph,
    order: &[NodeId],
    wanted: &[NodeId],
) -> FxHashSet<NodeId> {
    let is_broadcast =
        |id: &NodeId| matches!(graph.op(*id), Op::Movement(Movement::Broadcast { .. }));
    let mut implied: FxHashSet<NodeId> = order.iter().copied().filter(is_broadcast).collect();
    wanted.iter().for_each(|node| {
        implied.remove(node);
    });
    for &id in order {
        let is_elementwise = matches!(graph.op(id), Op::Elementwise(_));
        let has_full = graph.operands(id).iter().any(|o| !is_broadcast(o));
        if !(is_elementwise && has_full) {
            graph.operands(id).iter().for_each(|operand| {
                implied.remove(operand);
            });
        }
    }
    implied
}
