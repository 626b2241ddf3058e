//! Groups the nodes of a specialised graph into kernels: what shares an outer loop, in which
//! stages, what lives where.
//!
//! 1. [`values`]: which nodes are *values* (stored somewhere) and which are expressions inlined
//!    into their readers. What remains of the graph is values that read elements of values.
//! 2. [`groups`]: values that share outer axes become a group. A producer joins its consumer
//!    when, for a fixed unit of those axes, the consumer reads only what the producer makes for
//!    that unit.
//! 3. [`stages`]: inside a unit, values over the same loops that read each other at the same
//!    index share one loop nest.
//!
//! There is one rule and no list of patterns. Linear in the nodes but for the search for cycles,
//! which visits the groups between a producer and its consumer.

mod groups;
mod print;

mod stages;
mod values;

pub use groups::{Group, UnitDim};
pub use print::FusionText;
pub use stages::{Residence, Stage, is_own_index};
pub use values::{Factor, PlacedPart, Value, Values, Work, is_memory};

use crate::ir::{Graph, Target};

/// The groups of a graph, in an order in which each comes after those it reads.
#[derive(Clone, Debug)]
pub struct Fusion {
    /// The values.
    pub values: Values,
    /// The groups.
    pub groups: Vec<Group>,
}

/// Groups the nodes of a specialised graph. With `fuse` false every node is a value and a group
/// of its own.
pub fn fuse(graph: &Graph, target: &Target, fuse: bool) -> Fusion {
    let values = values::values(graph, fuse);
    let mut groups = groups::group(&values, target, fuse);
    for group in &mut groups {
        stages::stage(&values, group);
    }
    stages::settle(graph, &values, &mut groups);
    Fusion { values, groups }
}

/// The values of a region as one group of one unit, all of them in locals.
pub(crate) fn region(body: &Graph) -> (Values, Group) {
    let values = values::values(body, true);
    let mut group = groups::region(&values);
    stages::stage(&values, &mut group);
    stages::settle_region(body, &values, &mut group);
    (values, group)
}
