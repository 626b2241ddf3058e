//! The loop nests inside a unit of a group, and where each member lives.
//!
//! A stage is one loop nest. Its domain is the parallel dimensions of its members followed by
//! the reduced ones; a member that reduces does so over a suffix of the domain. A value that is
//! read in its own stage at the same index is in a register; one that other stages of its group
//! read is in a local; one that other groups read is in the arena.

use rustc_hash::FxHashMap;

use super::groups::{Group, Member};
use super::values::{Value, Values, Work};
use crate::ir::{AxisId, Graph, IndexId, NodeId};

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

/// The loops of each member. One whose first dimension has several indices to one of a unit dimension
/// goes through these in a loop of their own, where that makes its loops those of another.
fn domains(values: &Values, group: &mut Group) -> Vec<Option<Vec<usize>>> {
    let of = |member: &Member| domain(values, &values.list[member.value]);
    let whole: Vec<Option<Vec<usize>>> = group.members.iter().map(of).collect();
    let cut = |(member, domain): (&mut Member, &Option<Vec<usize>>)| {
        let block = member.dims.iter().find(|along| along.dim == 0 && along.scale > 1);
        let (Some(along), Some([n, rest @ ..])) = (block, domain.as_deref()) else {
            return domain.clone();
        };
        let loops = Some([&[n / along.scale, along.scale], rest].concat());
        if !whole.contains(&loops) {
            return domain.clone();
        }
        member.cut = along.scale;
        loops
    };
    group.members.iter_mut().zip(&whole).map(cut).collect()
}

pub(super) fn stage(values: &Values, group: &mut Group) {
    let domains = domains(values, group);
    let mut stages: Vec<Stage> = vec![];
    // The member that each node is, and its stage.
    let mut made: FxHashMap<NodeId, (usize, usize)> = FxHashMap::default();
    for (at, domain) in domains.into_iter().enumerate() {
        let value = &values.list[group.members[at].value];
        let earliest = earliest(values, group, at, &domain, &stages, &made);
        let found = (earliest..stages.len()).find(|&s| {
            domain.is_some() && stages[s].domain == domain && same_units(group, &stages[s], at)
        });
        let s = found.unwrap_or_else(|| {
            stages.push(Stage { members: vec![], domain });
            stages.len() - 1
        });
        stages[s].members.push(at);
        made.insert(value.node, (at, s));
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
    made: &FxHashMap<NodeId, (usize, usize)>,
) -> usize {
    let value = &values.list[group.members[at].value];
    let mut earliest = 0;
    for (node, index) in values.elements(value) {
        let Some(&(producer_at, s)) = made.get(&node) else { continue };
        let producer = values.get(node).expect("a member is a value");
        let members = [producer_at, at].map(|m| &group.members[m]);
        let shares = matches!(producer.work, Work::Map(_))
            && stages[s].domain == *domain
            && is_own_place(values, members, &index);
        earliest = earliest.max(if shares { s } else { s + 1 });
    }
    earliest
}

/// Whether the second of two members over the same loops reads in each iteration, at `index`, just what
/// the first makes then.
pub(super) fn is_own_place(values: &Values, [made, own]: [&Member; 2], index: &[IndexId]) -> bool {
    let (exprs, reader) = (&values.exprs, &values.list[own.value]);
    let reduced: &[AxisId] = match &reader.work {
        Work::Reduce { reduced, .. } => reduced,
        _ => &[],
    };
    let loops: Vec<AxisId> = reader.axes.iter().chain(reduced).copied().collect();
    let is_at = |(&axis, &i): (&AxisId, &IndexId)| {
        exprs.as_axis(i) == Some(axis) || (exprs.extent(axis) == 1 && exprs.range(i) == (0, 0))
    };
    let are_at = |loops: &[AxisId], index: &[IndexId]| {
        loops.len() == index.len() && loops.iter().zip(index).all(is_at)
    };
    match (loops.as_slice(), index) {
        (loops, index) if made.cut == own.cut => are_at(loops, index),
        (&[block, within, ref loops @ ..], [first, index @ ..]) if own.cut == 1 => {
            exprs.is_sum(*first, [(block, made.cut as i64), (within, 1)]) && are_at(loops, index)
        }
        _ => false,
    }
}

/// Whether the unit dimensions are the same dimensions of the domain for the member as for those
/// of the stage, which are the same for all of them.
fn same_units(group: &Group, stage: &Stage, at: usize) -> bool {
    let first = stage.members.first();
    first.is_none_or(|&m| group.members[m].unit_loops() == group.members[at].unit_loops())
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
                    let Home { group: h, stage: t, member } = home[&producer];
                    let needs = if h != g {
                        Residence::Memory
                    } else if t == s
                        && is_own_place(values, [member, at].map(|m| &group.members[m]), &index)
                    {
                        continue;
                    } else {
                        Residence::Local
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

/// Where a value is computed, by number.
#[derive(Clone, Copy)]
struct Home {
    group: usize,
    stage: usize,
    member: usize,
}

/// That of each value.
fn homes(groups: &[Group]) -> FxHashMap<usize, Home> {
    let mut homes = FxHashMap::default();
    for (g, group) in groups.iter().enumerate() {
        for (s, stage) in group.stages.iter().enumerate() {
            for &at in &stage.members {
                let home = Home { group: g, stage: s, member: at };
                homes.insert(group.members[at].value, home);
            }
        }
    }
    homes
}
