//! The loop nests inside a unit of a group, and where each member lives.
//!
//! A stage is one loop nest. Its domain is the parallel dimensions of its members followed by
//! the reduced ones; a member that reduces does so over a suffix of the domain. A value that is
//! read in its own stage at the same index is in a register; one that other stages of its group
//! read is in a local; one that other groups read is in the arena.

use rustc_hash::FxHashMap;

use super::groups::Group;
use super::values::{Value, Values, Work};
use crate::ir::{Graph, NodeId};

/// Where a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residence {
    /// In a register of its loop, nowhere else.
    Register,
    /// In the scratch of the thread that runs the unit.
    Local,
    /// In memory that other kernels see.
    Memory,
}

/// One loop nest.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The members, by position in the group, operands first.
    pub members: Vec<usize>,
    /// The extents of the loops within a unit, parallel ones first; `None` for stages that are
    /// not a nest of loops over elements (a tile, a placement, what is scattered, a running value,
    /// an order, random bits, a loop).
    pub domain: Option<Vec<usize>>,
}

/// The loops of a value: the dimensions of its result, then what it reduces over.
fn domain(values: &Values, value: &Value) -> Option<Vec<usize>> {
    match &value.work {
        Work::Map(_) => Some(value.sizes.clone()),
        Work::Reduce { reduced, .. } => {
            let reduced = reduced.iter().map(|&r| values.exprs.extent(r) as usize);
            Some(value.sizes.iter().copied().chain(reduced).collect())
        }
        Work::Contract(_) | Work::Placement { .. } | Work::Scatter(_) => None,
        Work::Prefix(_)
        | Work::Sort(_)
        | Work::Random { .. }
        | Work::Repeat { .. }
        | Work::Result => None,
    }
}

pub(super) fn stage(values: &Values, group: &mut Group) {
    let mut stages: Vec<Stage> = vec![];
    // The stage of each member's node.
    let mut stage_of: FxHashMap<NodeId, usize> = FxHashMap::default();
    for at in 0..group.members.len() {
        let value = &values.list[group.members[at].value];
        let domain = domain(values, value);
        let earliest = earliest(values, group, at, &domain, &stages, &stage_of);
        let found = (earliest..stages.len()).find(|&s| {
            domain.is_some() && stages[s].domain == domain && same_units(group, &stages[s], at)
        });
        let s = found.unwrap_or_else(|| {
            stages.push(Stage { members: vec![], domain });
            stages.len() - 1
        });
        stages[s].members.push(at);
        stage_of.insert(value.node, s);
    }
    group.stages = stages;
}

/// The first stage that the member may be in: that of a producer that it reads at its own index,
/// or the one after.
fn earliest(
    values: &Values,
    group: &Group,
    at: usize,
    domain: &Option<Vec<usize>>,
    stages: &[Stage],
    stage_of: &FxHashMap<NodeId, usize>,
) -> usize {
    let value = &values.list[group.members[at].value];
    let mut earliest = 0;
    for (node, index) in values.elements(value) {
        let Some(&s) = stage_of.get(&node) else { continue };
        let producer = values.get(node).expect("a member is a value");
        let shares = matches!(producer.work, Work::Map(_))
            && stages[s].domain == *domain
            && is_own_index(values, value, &index);
        earliest = earliest.max(if shares { s } else { s + 1 });
    }
    earliest
}

/// Whether an index is the value's own position in its loops.
pub(super) fn is_own_index(values: &Values, value: &Value, index: &[crate::ir::IndexId]) -> bool {
    let reduced: &[_] = if let Work::Reduce { reduced, .. } = &value.work { reduced } else { &[] };
    let loops: Vec<_> = value.axes.iter().chain(reduced).collect();
    loops.len() == index.len()
        && loops.iter().zip(index).all(|(&&axis, &i)| {
            values.exprs.as_axis(i) == Some(axis)
                || (values.exprs.extent(axis) == 1 && values.exprs.range(i) == (0, 0))
        })
}

/// Whether the unit dimensions are the same dimensions of the domain for the member as for those
/// of the stage, which are the same for all of them.
fn same_units(group: &Group, stage: &Stage, at: usize) -> bool {
    let first = stage.members.first();
    first.is_none_or(|&m| group.members[m].dims == group.members[at].dims)
}

/// Decides where each member lives.
pub(super) fn settle(graph: &Graph, values: &Values, groups: &mut [Group]) {
    let roots: Vec<NodeId> = graph.roots();
    // Per value: the groups and stages that read it other than in a register.
    let mut residence: Vec<Residence> = vec![Residence::Register; values.list.len()];
    let home = homes(groups);
    for (g, group) in groups.iter().enumerate() {
        for (s, stage) in group.stages.iter().enumerate() {
            for &at in &stage.members {
                let value = &values.list[group.members[at].value];
                for (node, index) in values.elements(value) {
                    let Some(&producer) = values.position.get(&node) else { continue };
                    let needs = match home[&producer] {
                        (h, _) if h != g => Residence::Memory,
                        (_, t) if t == s && is_own_index(values, value, &index) => continue,
                        _ => Residence::Local,
                    };
                    if residence[producer] != Residence::Memory {
                        residence[producer] = needs;
                    }
                }
            }
        }
    }
    for root in roots {
        if let Some(&at) = values.position.get(&root) {
            residence[at] = Residence::Memory;
        }
    }
    for member in groups.iter_mut().flat_map(|g| &mut g.members) {
        let value = &values.list[member.value];
        let is_loop = matches!(value.work, Work::Repeat { .. } | Work::Result);
        member.residence = if is_loop { Residence::Memory } else { residence[member.value] };
    }
}

/// Keeps what the body of a loop in a kernel computes in locals: it lives for an iteration.
pub(super) fn settle_locally(body: &Graph, values: &Values, group: &mut Group) {
    settle(body, values, std::slice::from_mut(group));
    for member in &mut group.members {
        if member.residence == Residence::Memory {
            member.residence = Residence::Local;
        }
    }
}

/// The group and the stage of each value.
fn homes(groups: &[Group]) -> FxHashMap<usize, (usize, usize)> {
    let mut homes = FxHashMap::default();
    for (g, group) in groups.iter().enumerate() {
        for (s, stage) in group.stages.iter().enumerate() {
            for &at in &stage.members {
                homes.insert(group.members[at].value, (g, s));
            }
        }
    }
    homes
}
