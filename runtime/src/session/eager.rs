//! A program in eager mode: its graph, and what a call of it reads and writes.

use brolga_compiler::ir::{Graph, Literal, Name, NodeId, TensorType};
use brolga_compiler::ops::{Contraction, Leaf, Leaves, Op};
use brolga_compiler::program::{Output, OutputKind};

use super::feed::{Clocks, Feed};
use crate::RunError;
use crate::arena::Budget;
use crate::eager::Evaluator;
use crate::store::Store;

/// A graph that is run node by node.
pub(super) struct Eager {
    evaluator: Evaluator,
    outputs: Vec<Output>,
    /// The node of each output.
    nodes: Vec<NodeId>,
}

/// What one call is given.
pub(super) struct Given<'a> {
    pub(super) feeds: &'a [Feed],
    pub(super) clocks: Clocks,
}

impl Eager {
    pub(super) fn new(graph: Graph, budget: &Budget) -> Result<Eager, RunError> {
        let (outputs, nodes) = outputs(&graph).into_iter().unzip();
        let evaluator = Evaluator::new(graph.into(), budget, "the graph in eager mode")?;
        Ok(Eager { evaluator, outputs, nodes })
    }

    /// The inputs that the results need.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (&Name, &TensorType)> {
        let graph = self.evaluator.graph();
        self.evaluator.order().filter_map(|id| match graph.op(id) {
            Op::Leaf(Leaf::Input { name, tensor_type }) => Some((name, tensor_type)),
            _ => None,
        })
    }

    pub(super) fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    pub(super) fn value(&self, number: usize) -> &Literal {
        self.evaluator.value(self.nodes[number])
    }

    /// Computes the results, then writes the updates.
    pub(super) fn run(
        &mut self,
        call: &Given<'_>,
        store: &mut Store,
        contraction: &dyn Contraction,
    ) -> Result<(), RunError> {
        self.evaluator.run(&Values { call, store }, contraction)?;
        for update in &self.evaluator.graph().updates {
            store.set(&update.variable, self.evaluator.value(update.value))?;
        }
        Ok(())
    }
}

/// The results of a graph in the order of a program's: outputs, then the values of the metrics.
fn outputs(graph: &Graph) -> Vec<(Output, NodeId)> {
    let output = |name: &Name, node: NodeId, kind: OutputKind| {
        let tensor_type = graph.tensor_type(node).clone();
        (Output { name: name.clone(), tensor_type, kind }, node)
    };
    let mut outputs: Vec<_> =
        graph.outputs.iter().map(|(name, node)| output(name, *node, OutputKind::Output)).collect();
    for (metric, m) in graph.metrics.iter().enumerate() {
        for (part, &node) in m.kind.nodes().iter().enumerate() {
            outputs.push(output(&m.name, node, OutputKind::Metric { metric, part }));
        }
    }
    outputs
}

/// The values of leaves during a call.
pub(super) struct Values<'a> {
    pub(super) call: &'a Given<'a>,
    pub(super) store: &'a Store,
}

impl Leaves for Values<'_> {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Input { name, .. } => {
                self.call.feeds.iter().find(|f| f.name == *name).map(Feed::literal)
            }
            Leaf::Variable { name, .. } => self.store.get(name).map(|stored| stored.literal()),
            Leaf::Seed
            | Leaf::Step
            | Leaf::Epoch
            | Leaf::Batch
            | Leaf::Constant(_)
            | Leaf::Dim { .. }
            | Leaf::Parameter { .. } => self.call.clocks.leaf(leaf),
        }
    }
}
