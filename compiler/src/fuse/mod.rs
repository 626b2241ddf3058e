//! Groups the nodes of a specialised graph into kernels: what shares an outer loop, in which
//! stages, what lives where.
//!
//! 1. [`inline`]: which nodes are *values* (stored somewhere) and which are expressions inlined
//!    into their readers. What remains of the graph is values that read elements of values.
//!    [`factors`]: which operands of contractions are read where they are, and which are copied.
//! 2. [`groups`]: values that share outer axes become a group. A producer joins its consumer
//!    when, for a fixed unit of those axes, the consumer reads only what the producer makes for
//!    that unit.
//! 3. [`stages`]: inside a unit, values over the same loops that read each other at the same
//!    index share one loop nest.
//!
//! The body of a loop is grouped in the same way, see [`Form`].
//!
//! There is one rule and no list of patterns. Linear in the nodes but for the search for cycles,
//! which visits the groups between a producer and its consumer.

mod body;
mod cost;
mod factors;
mod groups;
mod in_place;
mod inline;
mod order;
mod print;
mod stages;
mod values;

pub use body::{Body, Form};
pub use groups::{Group, UnitDim};
pub use in_place::may_overwrite;
pub use stages::{Residence, Stage};
pub use values::{DataIndex, Factor, PlacedPart, Value, Values, Work, is_memory};

use crate::ir::{Costs, Graph, NodeId, Target};

/// The groups of a graph, in an order in which each comes after those it reads.
#[derive(Clone, Debug)]
pub struct Fusion {
    /// The graph, with the copies that were found needful; every other node has the number that it
    /// had.
    pub graph: Graph,
    /// The values.
    pub values: Values,
    /// The groups.
    pub groups: Vec<Group>,
}

impl Fusion {
    /// The body of a loop, by the loop's node.
    pub fn body(&self, node: NodeId) -> &Body {
        match self.values.get(node).map(|v| &v.work) {
            Some(Work::Repeat { body, .. }) => body,
            _ => unreachable!("a loop is a value that repeats"),
        }
    }
}

/// What may share kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FuseOptions {
    /// Nodes; without, every node is a value and a kernel of its own, in the bodies of loops too.
    pub nodes: bool,
    /// The iterations of a loop; without, every loop is a loop of waves.
    pub iterations: bool,
    /// What is worth a kernel or a unit.
    pub costs: Costs,
}

impl FuseOptions {
    /// Every node is a kernel.
    pub fn nothing() -> FuseOptions {
        FuseOptions { nodes: false, iterations: false, costs: Costs::default() }
    }
}

impl Default for FuseOptions {
    fn default() -> FuseOptions {
        FuseOptions { nodes: true, iterations: true, costs: Costs::default() }
    }
}

/// Groups the nodes of a specialised graph.
pub fn fuse(graph: &Graph, target: &Target, options: FuseOptions) -> Fusion {
    let (graph, values) = inline::values(graph, target, options);
    groups_of(graph, values, target, options)
}

fn groups_of(graph: Graph, values: Values, target: &Target, options: FuseOptions) -> Fusion {
    let mut groups = groups::group(&values, target, options);
    for group in &mut groups {
        stages::stage(&values, group);
    }
    stages::settle(&graph, &values, &mut groups);
    Fusion { graph, values, groups }
}
