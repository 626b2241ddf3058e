//! Which values share their outer loops.
//!
//! Values are visited operands first. A value joins the group of a producer when, along every
//! unit dimension that is kept, it reads the producers in that group only at its own unit: the
//! index along the producer's unit axis is one of its own result axes, the same for all reads.
//! Dimensions for which this fails are dropped, as long as enough units are left for the work.
//! Two values over the same loops that read the same large value, and not each other, share their
//! loops too: what they read passes through the cache once.

use rustc_hash::{FxHashMap, FxHashSet};

use super::values::{Value, Values, Work};
use super::{Residence, Stage};
use crate::ir::{AxisId, NodeId, Target};

/// A group must keep so many units, unless it is cheap: fewer cannot keep several threads busy.
const MIN_UNITS: usize = 8;

/// Nanoseconds below which a group is cheap: sharing it costs more than it saves.
const CHEAP: f64 = 5_000.0;

/// Units are made so long, in nanoseconds, where the shape allows: long enough for the loop
/// around them not to count, short enough to share evenly.
const UNIT_NS: f64 = 2_000.0;

/// One dimension of the units of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitDim {
    /// How many indices it has.
    pub extent: usize,
    /// How many of them a unit covers; only the last dimension of a group has more than 1.
    pub block: usize,
}

/// A value as a member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// The position in [`Values::list`].
    pub value: usize,
    /// For each unit dimension, the dimension of the value that it is.
    pub dims: Vec<usize>,
    /// Where the value lives.
    pub residence: Residence,
}

/// Values that are computed by one kernel.
#[derive(Clone, Debug)]
pub struct Group {
    /// The members, operands before users.
    pub members: Vec<Member>,
    /// The unit dimensions, outermost first.
    pub units: Vec<UnitDim>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
}

/// Every value of a region in one group without units.
pub(super) fn region(values: &Values) -> Group {
    let members = (0..values.list.len()).map(|value| Member {
        value,
        dims: vec![],
        residence: Residence::Register,
    });
    Group { members: members.collect(), units: vec![], stages: vec![] }
}

struct Draft {
    members: Vec<usize>,
    /// Per unit dimension: its extent, and the dimension of each member that it is.
    dims: Vec<(usize, Vec<usize>)>,
    cost: f64,
}

pub(super) fn group(values: &Values, target: &Target, fuse: bool) -> Vec<Group> {
    let mut drafts: Vec<Draft> = vec![];
    let mut group_of: FxHashMap<NodeId, usize> = FxHashMap::default();
    let mut readers: FxHashMap<NodeId, Vec<usize>> = FxHashMap::default();
    for (i, value) in values.list.iter().enumerate() {
        if value.work == Work::Result {
            // The result of a loop is written by the loop's kernel.
            let g = group_of[&value.reads[0]];
            drafts[g].members.push(i);
            group_of.insert(value.node, g);
            continue;
        }
        if fuse && is_source(values, value) {
            // It waits for its first reader.
            continue;
        }
        let joined = if fuse && may_join(value) {
            join(values, &drafts, &group_of, i)
                .or_else(|| join_sibling(values, &drafts, &group_of, &readers, i))
        } else {
            None
        };
        let at = match joined {
            Some((g, kept)) => {
                add(&mut drafts[g], values, i, kept);
                g
            }
            None => {
                drafts.push(alone(values, value, i));
                drafts.len() - 1
            }
        };
        group_of.insert(value.node, at);
        for source in waiting_sources(values, value, &group_of) {
            let home = match source_dims(values, &drafts[at], value, source) {
                Some(dims) if fuse => {
                    adopt(&mut drafts[at], values, source, dims);
                    at
                }
                Some(_) | None => {
                    drafts.push(alone(values, &values.list[source], source));
                    drafts.len() - 1
                }
            };
            group_of.insert(values.list[source].node, home);
        }
        for &read in &value.reads {
            let groups = readers.entry(read).or_default();
            if groups.last() != Some(&at) {
                groups.push(at);
            }
        }
    }
    for (i, value) in values.list.iter().enumerate() {
        if !group_of.contains_key(&value.node) {
            drafts.push(alone(values, value, i));
            group_of.insert(value.node, drafts.len() - 1);
        }
    }
    let order = order(values, &drafts, &group_of);
    order.into_iter().map(|g| finish(values, &drafts[g], target)).collect()
}

/// Whether a value is made from nothing that the step computes: its first reader can have it in
/// its own group.
fn is_source(values: &Values, value: &Value) -> bool {
    matches!(value.work, Work::Random { .. })
        && value.reads.iter().all(|r| !values.position.contains_key(r))
}

/// The sources that a value is the first to read.
fn waiting_sources(
    values: &Values,
    value: &Value,
    group_of: &FxHashMap<NodeId, usize>,
) -> Vec<usize> {
    let new = value.reads.iter().filter(|r| !group_of.contains_key(r));
    let sources = new.filter_map(|r| values.position.get(r).copied());
    sources.filter(|&s| is_source(values, &values.list[s])).collect()
}

/// For each unit dimension of the group that the value is the last member of, the dimension of
/// the source that the value reads at its own unit; `None` if there is none for one of them.
fn source_dims(values: &Values, draft: &Draft, value: &Value, source: usize) -> Option<Vec<usize>> {
    let source = &values.list[source];
    let elements = values.elements(value);
    let reads: Vec<_> = elements.iter().filter(|(n, _)| *n == source.node).collect();
    let own = |(extent, dims): &(usize, Vec<usize>)| {
        let axis = value.axes[*dims.last()?];
        let at = |d: &usize| {
            source.sizes[*d] == *extent
                && reads.iter().all(|(_, index)| values.exprs.as_axis(index[*d]) == Some(axis))
        };
        (0..source.sizes.len()).find(at)
    };
    draft.dims.iter().map(own).collect()
}

/// Puts a source into a group, before the last member, which reads it.
fn adopt(draft: &mut Draft, values: &Values, source: usize, dims: Vec<usize>) {
    let before = draft.members.len() - 1;
    draft.members.insert(before, source);
    for ((_, members), dim) in draft.dims.iter_mut().zip(dims) {
        members.insert(before, dim);
    }
    draft.cost += values.list[source].cost;
}

/// A loop over a region is a kernel of its own, and so are its results.
fn may_join(value: &Value) -> bool {
    !matches!(value.work, Work::Repeat | Work::Result)
}

fn alone(values: &Values, value: &Value, i: usize) -> Draft {
    let dims = match value.work {
        Work::Repeat | Work::Result => vec![],
        // Rows that every part has whole can be units.
        Work::Place { .. } if shares_rows(values, value) => vec![(value.sizes[0], vec![0])],
        Work::Place { .. } => vec![],
        Work::Map(_) | Work::Reduce { .. } | Work::Contract { .. } | Work::Random { .. } => {
            let dims = value.sizes.iter().enumerate().filter(|(_, n)| **n > 1);
            dims.map(|(d, &n)| (n, vec![d])).collect()
        }
    };
    Draft { members: vec![i], dims, cost: value.cost }
}

/// Whether every part of a placement has all rows of the result, each at its place.
fn shares_rows(values: &Values, value: &Value) -> bool {
    let Work::Place { parts, .. } = &value.work else { return false };
    value.sizes.first().is_some_and(|&n| n > 1)
        && parts.iter().all(|part| {
            let row = part.index.first().and_then(|&i| values.exprs.as_axis(i));
            row.is_some()
                && row == part.axes.first().copied()
                && row.is_some_and(|r| values.exprs.extent(r) as usize == value.sizes[0])
        })
}

/// The group that a value joins, with, per kept unit dimension, the value's own dimension.
fn join(
    values: &Values,
    drafts: &[Draft],
    group_of: &FxHashMap<NodeId, usize>,
    i: usize,
) -> Option<(usize, Vec<(usize, usize)>)> {
    let value = &values.list[i];
    if matches!(value.work, Work::Place { .. }) {
        return None;
    }
    let elements = values.elements(value);
    let mut candidates: Vec<usize> =
        value.reads.iter().filter_map(|n| group_of.get(n)).copied().collect();
    candidates.sort_unstable();
    candidates.dedup();
    // The latest producer first: joining it cannot make a cycle through the others.
    candidates.into_iter().rev().find_map(|g| {
        let draft = &drafts[g];
        if !joinable(values, draft) || reaches(values, drafts, group_of, value, g) {
            return None;
        }
        let kept = kept_dims(values, draft, value, &elements);
        enough(draft, value, &kept).then_some((g, kept))
    })
}

/// So many of the latest readers of a value are looked at.
const MAX_SIBLINGS: usize = 8;

/// A group with a value over the same loops that reads the same value, with, per unit dimension,
/// the value's own dimension.
fn join_sibling(
    values: &Values,
    drafts: &[Draft],
    group_of: &FxHashMap<NodeId, usize>,
    readers: &FxHashMap<NodeId, Vec<usize>>,
    i: usize,
) -> Option<(usize, Vec<(usize, usize)>)> {
    let value = &values.list[i];
    let own = loops(values, value)?;
    let large = own.iter().product::<usize>();
    let candidates = value.reads.iter().filter(|r| elements_of(values, **r, value) == large);
    let candidates = candidates.filter_map(|r| readers.get(r));
    candidates.flat_map(|g| g.iter().rev().take(MAX_SIBLINGS)).copied().find_map(|g| {
        let draft = &drafts[g];
        let reads_it = value.reads.iter().any(|r| group_of.get(r) == Some(&g));
        if reads_it || !joinable(values, draft) || reaches(values, drafts, group_of, value, g) {
            return None;
        }
        let twin = draft.members.iter().position(|&m| {
            let other = &values.list[m];
            other.sizes == value.sizes && loops(values, other).as_ref() == Some(&own)
        })?;
        Some((g, (0..draft.dims.len()).map(|u| (u, draft.dims[u].1[twin])).collect()))
    })
}

/// The loops of a map or a reduction: the sizes of its result, then of what it reduces over.
fn loops(values: &Values, value: &Value) -> Option<Vec<usize>> {
    let reduced: &[AxisId] = match &value.work {
        Work::Map(_) => &[],
        Work::Reduce { reduced, .. } => reduced,
        Work::Contract { .. } | Work::Place { .. } | Work::Random { .. } => return None,
        Work::Repeat | Work::Result => return None,
    };
    let reduced = reduced.iter().map(|&r| values.exprs.extent(r) as usize);
    Some(value.sizes.iter().copied().chain(reduced).collect())
}

/// How many elements of a node a value reads in the course of its loops, if it reads each once.
fn elements_of(values: &Values, node: NodeId, value: &Value) -> usize {
    let reads = values.elements(value).into_iter().filter(|(n, _)| *n == node);
    let axes = reads.map(|(_, index)| {
        let each = index.iter().map(|&i| values.exprs.as_axis(i));
        let extents = each.map(|a| a.map_or(0, |a| values.exprs.extent(a) as usize));
        extents.product::<usize>()
    });
    axes.max().unwrap_or(0)
}

fn joinable(values: &Values, draft: &Draft) -> bool {
    draft
        .members
        .iter()
        .all(|&m| !matches!(values.list[m].work, Work::Repeat | Work::Result | Work::Place { .. }))
}

/// Whether a producer of the value outside of group `g` depends on `g`: joining `g` would then
/// make a cycle.
fn reaches(
    values: &Values,
    drafts: &[Draft],
    group_of: &FxHashMap<NodeId, usize>,
    value: &Value,
    g: usize,
) -> bool {
    let mut stack: Vec<usize> =
        value.reads.iter().filter_map(|n| group_of.get(n)).copied().filter(|&h| h != g).collect();
    let mut seen: FxHashSet<usize> = stack.iter().copied().collect();
    while let Some(h) = stack.pop() {
        if h == g {
            return true;
        }
        let reads = drafts[h].members.iter().flat_map(|&m| &values.list[m].reads);
        for next in reads.filter_map(|n| group_of.get(n)).copied().filter(|&n| n != h) {
            if seen.insert(next) {
                stack.push(next);
            }
        }
    }
    false
}

/// The unit dimensions of the group along which every read of a member is at the value's own
/// unit: `(unit dimension, dimension of the value)`.
fn kept_dims(
    values: &Values,
    draft: &Draft,
    value: &Value,
    elements: &[(NodeId, Vec<crate::ir::IndexId>)],
) -> Vec<(usize, usize)> {
    let member_at: FxHashMap<NodeId, usize> =
        draft.members.iter().enumerate().map(|(at, &m)| (values.list[m].node, at)).collect();
    let own = |axis: AxisId| value.axes.iter().position(|&a| a == axis);
    let aligned = |dims: &[usize]| -> Option<usize> {
        let mut found = None;
        for (node, index) in elements {
            let Some(&at) = member_at.get(node) else { continue };
            let dim = own(values.exprs.as_axis(index[dims[at]])?)?;
            if *found.get_or_insert(dim) != dim {
                return None;
            }
        }
        found
    };
    let mut taken = vec![];
    let mut kept = vec![];
    for (u, (extent, dims)) in draft.dims.iter().enumerate() {
        if let Some(dim) = aligned(dims).filter(|d| !taken.contains(d)) {
            if value.sizes[dim] == *extent {
                taken.push(dim);
                kept.push((u, dim));
            }
        }
    }
    kept
}

/// Whether the units that are left are enough for the work of the group with the value.
fn enough(draft: &Draft, value: &Value, kept: &[(usize, usize)]) -> bool {
    let units: usize = kept.iter().map(|&(u, _)| draft.dims[u].0).product();
    let before: usize = draft.dims.iter().map(|d| d.0).product();
    let keeps_first = draft.dims.is_empty() || kept.first().is_some_and(|k| k.0 == 0);
    draft.cost + value.cost < CHEAP
        || (keeps_first && units >= MIN_UNITS.min(before))
            && (value.cost < CHEAP || units >= MIN_UNITS)
}

fn add(draft: &mut Draft, values: &Values, i: usize, kept: Vec<(usize, usize)>) {
    let dims = kept.into_iter().map(|(u, dim)| {
        let (extent, mut members) = draft.dims[u].clone();
        members.push(dim);
        (extent, members)
    });
    draft.dims = dims.collect();
    draft.members.push(i);
    draft.cost += values.list[i].cost;
}

/// Groups operands first. A group may hold values that come after a later group's, so the order
/// is found again.
fn order(values: &Values, drafts: &[Draft], group_of: &FxHashMap<NodeId, usize>) -> Vec<usize> {
    let mut order = vec![];
    let mut seen = vec![false; drafts.len()];
    for start in 0..drafts.len() {
        let mut stack = vec![(start, false)];
        while let Some((g, done)) = stack.pop() {
            if done {
                order.push(g);
            } else if !std::mem::replace(&mut seen[g], true) {
                stack.push((g, true));
                let reads = drafts[g].members.iter().flat_map(|&m| &values.list[m].reads);
                let next = reads.filter_map(|n| group_of.get(n)).copied().filter(|&h| h != g);
                stack.extend(next.map(|h| (h, false)));
            }
        }
    }
    order
}

/// Chooses which dimensions become units, and the block of the last.
fn finish(values: &Values, draft: &Draft, target: &Target) -> Group {
    let chosen = choose(values, draft, target);
    let members = draft.members.iter().enumerate().map(|(at, &value)| {
        let dims = chosen.iter().map(|(u, _)| draft.dims[*u].1[at]).collect();
        Member { value, dims, residence: Residence::Register }
    });
    Group {
        members: members.collect(),
        units: chosen.iter().map(|(_, unit)| *unit).collect(),
        stages: vec![],
    }
}

fn choose(values: &Values, draft: &Draft, target: &Target) -> Vec<(usize, UnitDim)> {
    let contracts = draft.members.iter().map(|&m| &values.list[m]);
    let contracts: Vec<&Value> =
        contracts.filter(|v| matches!(v.work, Work::Contract { .. })).collect();
    if draft.cost < CHEAP && contracts.is_empty() {
        return vec![];
    }
    let Some(first) = contracts.first() else { return choose_map(draft) };
    // A dimension is rows of the tile unless it is the columns of a contraction.
    let at = draft.members.iter().position(|&m| values.list[m].node == first.node).unwrap_or(0);
    let is_column = |u: usize| draft.dims[u].1[at] + 1 == first.sizes.len();
    let row = (0..draft.dims.len()).find(|&u| !is_column(u) && draft.dims[u].0 >= MIN_UNITS);
    let Some(u) = row.or_else(|| (0..draft.dims.len()).max_by_key(|&u| draft.dims[u].0)) else {
        return vec![];
    };
    let extent = draft.dims[u].0;
    let block = if is_column(u) {
        extent.div_ceil(2 * extent.div_ceil(4 * target.tile.1)).next_multiple_of(target.tile.1)
    } else {
        // An even number of blocks of at most a tile's rows each.
        extent.div_ceil(2 * extent.div_ceil(2 * target.tile.0))
    };
    vec![(u, UnitDim { extent, block: block.min(extent) })]
}

/// Leading dimensions until a unit is short enough; the last one in blocks.
fn choose_map(draft: &Draft) -> Vec<(usize, UnitDim)> {
    let mut chosen = vec![];
    let mut left = draft.cost;
    for (u, (extent, _)) in draft.dims.iter().enumerate() {
        let each = left / *extent as f64;
        if each >= UNIT_NS {
            chosen.push((u, UnitDim { extent: *extent, block: 1 }));
            left = each;
            continue;
        }
        let block = (UNIT_NS / each).ceil() as usize;
        // Long blocks in multiples of 16 keep vectors whole and cache lines unshared.
        let block = if block < 16 { block } else { block.next_multiple_of(16) };
        if block < *extent {
            chosen.push((u, UnitDim { extent: *extent, block }));
        }
        break;
    }
    chosen
}
