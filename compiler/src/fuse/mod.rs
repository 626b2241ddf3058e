//! Groups the nodes of a specialised graph into kernels: what shares an outer loop, in which
//! stages, what lives where.
//!
//! 1. [`inline`]: which nodes are *values* (stored somewhere) and which are expressions inlined
//!    into their readers. What remains of the graph is values that read elements of values.
//!    There it is decided, too, which operands of contractions are read where they are, and which are
//!    copied.
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
mod draft;
mod groups;
mod in_place;
mod inline;
mod nesting;
mod order;
mod print;
mod stages;
mod units;
mod values;

pub use body::{Body, Form};
pub use draft::{Along, UnitDim};
pub use groups::{Group, Member};
pub use in_place::may_overwrite;
pub use stages::{Residence, Stage};
pub use values::{
    DataIndex, Factor, PlacedPart, ProductBox, Span, Value, Values, Within, Work, is_memory,
};

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
    /// The costs by which they were made.
    pub costs: Costs,
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
}

impl FuseOptions {
    /// Every node is a kernel.
    pub fn nothing() -> FuseOptions {
        FuseOptions { nodes: false, iterations: false }
    }
}

impl Default for FuseOptions {
    fn default() -> FuseOptions {
        FuseOptions { nodes: true, iterations: true }
    }
}

/// What groups are made for.
#[derive(Clone, Copy, Debug)]
pub struct FuseContext<'a> {
    /// The machine.
    pub target: &'a Target,
    /// What is worth a kernel or a unit.
    pub costs: &'a Costs,
    /// What may share kernels.
    pub options: FuseOptions,
}

/// Groups the nodes of a specialised graph.
pub fn fuse(graph: &Graph, cx: &FuseContext<'_>) -> Fusion {
    let (graph, values) = inline::values(graph, cx);
    groups_of(graph, values, cx)
}

fn groups_of(graph: Graph, values: Values, cx: &FuseContext<'_>) -> Fusion {
    let mut groups = groups::group(&values, cx);
    for group in &mut groups {
        stages::stage(&values, group);
    }
    stages::settle(&graph, &values, &mut groups);
    Fusion { graph, values, groups, costs: *cx.costs }
}
