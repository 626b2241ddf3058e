//! Which values share their outer loops.
//!
//! Values are visited operands first. A value joins the group of a producer when, along every
//! unit dimension that is kept, it reads the producers in that group only at its own unit: the
//! index along the producer's unit axis is one of its own result axes, the same for all reads.
//! Dimensions for which this fails are dropped, as long as enough units are left for the work.
//! Two values over the same loops that read the same large value, and not each other, share their
//! loops too: what they read passes through the cache once.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::values::{Value, Values, Work};
use super::{Form, Residence, Stage};
use crate::ir::{AxisId, NodeId, Target};

/// A group must keep so many units, unless it is cheap: fewer cannot keep several threads busy.
pub(super) const MIN_UNITS: usize = 8;

/// Nanoseconds below which a group is cheap: sharing it costs more than it saves.
pub(super) const CHEAP: f64 = 5_000.0;

/// Units are made so long, in nanoseconds, where the shape allows: long enough for the loop
/// around them not to count, short enough to share evenly.
const UNIT_NS: f64 = 2_000.0;

/// A group takes so many values: the code of a kernel is compiled as a whole, and the time that
/// takes grows faster than its length.
pub(super) const MAX_MEMBERS: usize = 64;

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

/// Every value in one group without units.
pub(super) fn one_group(values: &Values) -> Group {
    let members = (0..values.list.len()).map(|value| Member {
        value,
        dims: vec![],
        residence: Residence::Register,
    });
    Group { members: members.collect(), units: vec![], stages: vec![] }
}

/// Every value in one group of `n` units along a dimension of each value. `cost` is that of all
/// units, in nanoseconds.
pub(super) fn in_units(
    values: &Values,
    (n, dims): (usize, Vec<usize>),
    cost: f64,
    target: &Target,
) -> Group {
    let members = (0..values.list.len()).collect();
    finish(values, &Draft { members, dims: vec![(n, dims)], cost }, target)
}

struct Draft {
    members: Vec<usize>,
    /// Per unit dimension: its extent, and the dimension of each member that it is.
    dims: Vec<(usize, Vec<usize>)>,
    cost: f64,
}

pub(super) fn group(values: &Values, target: &Target, fuse: bool) -> Vec<Group> {
    let mut grouper = Grouper {
        values,
        fuse,
        drafts: vec![],
        group_of: FxHashMap::default(),
        readers: FxHashMap::default(),
        waiting: BTreeSet::new(),
    };
    for i in 0..values.list.len() {
        grouper.visit(i);
    }
    let rest = std::mem::take(&mut grouper.waiting);
    grouper.place_waiting(&rest);
    let order = order(values, &grouper.drafts, &grouper.group_of);
    order.into_iter().map(|g| finish(values, &grouper.drafts[g], target)).collect()
}

/// The groups while they are made.
struct Grouper<'a> {
    values: &'a Values,
    fuse: bool,
    drafts: Vec<Draft>,
    group_of: FxHashMap<NodeId, usize>,
    /// The groups that read each value.
    readers: FxHashMap<NodeId, Vec<usize>>,
    /// Values that depend on nothing but leaves and each other, by position: they join the group
    /// of their first reader.
    waiting: BTreeSet<usize>,
}

impl Grouper<'_> {
    fn visit(&mut self, i: usize) {
        let value = &self.values.list[i];
        if matches!(value.work, Work::Result) {
            // The result of a loop is written by the loop's kernel.
            let g = self.group_of[&value.reads[0]];
            self.drafts[g].members.push(i);
            self.group_of.insert(value.node, g);
        } else if self.fuse && self.can_wait(value) {
            self.waiting.insert(i);
        } else {
            self.place(i);
        }
    }

    fn can_wait(&self, value: &Value) -> bool {
        let may = match value.work {
            Work::Map(_) | Work::Reduce { .. } | Work::Random { .. } => true,
            Work::Contract { .. } | Work::Place { .. } => false,
            Work::Repeat { .. } | Work::Result => false,
        };
        may && value.reads.iter().all(|r| !self.group_of.contains_key(r))
    }

    /// Puts a value into a group, and what waits for it into the same where it can be.
    fn place(&mut self, i: usize) {
        if let Some((g, kept)) = self.join(i) {
            add(&mut self.drafts[g], self.values, i, kept);
            self.adopt_waiting(g, i);
            self.note(g, i);
            return;
        }
        let producers = self.waiting_for(i);
        self.place_waiting(&producers);
        let g = match self.join(i).or_else(|| self.join_sibling(i)) {
            Some((g, kept)) => {
                add(&mut self.drafts[g], self.values, i, kept);
                g
            }
            None => {
                self.drafts.push(alone(self.values, &self.values.list[i], i));
                self.drafts.len() - 1
            }
        };
        self.note(g, i);
    }

    fn note(&mut self, g: usize, i: usize) {
        let value = &self.values.list[i];
        self.group_of.insert(value.node, g);
        for &read in &value.reads {
            let groups = self.readers.entry(read).or_default();
            if groups.last() != Some(&g) {
                groups.push(g);
            }
        }
    }

    /// The waiting values that a value needs.
    fn waiting_for(&self, i: usize) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut stack = vec![i];
        while let Some(at) = stack.pop() {
            let reads = self.values.list[at].reads.iter();
            let reads = reads.filter_map(|r| self.values.position.get(r).copied());
            stack.extend(reads.filter(|r| self.waiting.contains(r) && needed.insert(*r)));
        }
        needed
    }

    /// Makes groups of values that have waited: one of all, if that is cheap.
    fn place_waiting(&mut self, list: &BTreeSet<usize>) {
        self.waiting.retain(|w| !list.contains(w));
        let cost: f64 = list.iter().map(|&w| self.values.list[w].cost).sum();
        if !list.is_empty() && self.fuse && cost < CHEAP {
            let g = self.drafts.len();
            self.drafts.push(Draft { members: list.iter().copied().collect(), dims: vec![], cost });
            list.iter().for_each(|&w| self.note(g, w));
        } else {
            list.iter().for_each(|&w| self.place(w));
        }
    }

    /// Puts what waits for the last member of a group into the group, where each is read at its
    /// reader's unit; the others become groups of their own.
    fn adopt_waiting(&mut self, g: usize, i: usize) {
        let needed = self.waiting_for(i);
        let dims = self.drafts[g].dims.iter().map(|(_, d)| d[d.len() - 1]).collect();
        let mut placed: BTreeMap<usize, Vec<usize>> = BTreeMap::from([(i, dims)]);
        let mut left = BTreeSet::new();
        for &w in needed.iter().rev() {
            let feeds_left = left.iter().any(|&l: &usize| self.reads(l, w));
            match self.unit_dims(g, w, &placed).filter(|_| !feeds_left) {
                Some(dims) => {
                    placed.insert(w, dims);
                }
                None => {
                    left.insert(w);
                }
            }
        }
        self.place_waiting(&left);
        placed.remove(&i);
        for (w, dims) in placed {
            self.waiting.remove(&w);
            adopt(&mut self.drafts[g], self.values, w, dims);
            self.note(g, w);
        }
    }

    fn reads(&self, reader: usize, value: usize) -> bool {
        self.values.list[reader].reads.contains(&self.values.list[value].node)
    }

    /// For each unit dimension of the group, the dimension along which the value is read at the
    /// unit of its readers; `None` if there is none for one of them.
    fn unit_dims(
        &self,
        g: usize,
        w: usize,
        placed: &BTreeMap<usize, Vec<usize>>,
    ) -> Option<Vec<usize>> {
        let source = &self.values.list[w];
        let mut found: Option<Vec<usize>> = None;
        for (&reader, dims) in placed.iter().filter(|(r, _)| self.reads(**r, w)) {
            let reader = &self.values.list[reader];
            let elements = self.values.elements(reader);
            let reads: Vec<_> = elements.iter().filter(|(n, _)| *n == source.node).collect();
            let own = |u: usize| {
                let (axis, extent) = (reader.axes[dims[u]], self.drafts[g].dims[u].0);
                (0..source.sizes.len()).find(|&d| {
                    source.sizes[d] == extent
                        && reads.iter().all(|(_, i)| self.values.exprs.as_axis(i[d]) == Some(axis))
                })
            };
            let own: Vec<usize> = (0..dims.len()).map(own).collect::<Option<_>>()?;
            if found.get_or_insert_with(|| own.clone()) != &own {
                return None;
            }
        }
        found
    }

    fn join(&self, i: usize) -> Option<(usize, Vec<(usize, usize)>)> {
        if !self.fuse || !may_join(&self.values.list[i]) {
            return None;
        }
        join(self.values, &self.drafts, &self.group_of, i)
    }

    fn join_sibling(&self, i: usize) -> Option<(usize, Vec<(usize, usize)>)> {
        if !self.fuse {
            return None;
        }
        join_sibling(self.values, &self.drafts, &self.group_of, &self.readers, i)
    }
}

/// Puts a value into a group, before the last member, which needs it.
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
    !matches!(value.work, Work::Repeat { .. } | Work::Result)
}

fn alone(values: &Values, value: &Value, i: usize) -> Draft {
    let dims = match value.work {
        Work::Repeat { .. } | Work::Result => vec![],
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
        Work::Repeat { .. } | Work::Result => return None,
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
    let has_room = draft.members.len() < MAX_MEMBERS;
    let mut members = draft.members.iter();
    has_room
        && members.all(|&m| {
            !matches!(values.list[m].work, Work::Repeat { .. } | Work::Result | Work::Place { .. })
        })
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
        if let Some(dim) = aligned(dims).filter(|d| !taken.contains(d))
            && value.sizes[dim] == *extent
        {
            taken.push(dim);
            kept.push((u, dim));
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
    if let Some(body) = kernel_loop(values, draft) {
        return in_units_of(body, draft);
    }
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

/// The one group of the body of a loop that a kernel holds, if that is what the group is.
fn kernel_loop<'a>(values: &'a Values, draft: &Draft) -> Option<&'a Group> {
    match &values.list[*draft.members.first()?].work {
        Work::Repeat { body, .. } if body.form == Form::Kernel => body.fusion.groups.first(),
        _ => None,
    }
}

/// A loop has the units of its body. Its results need no dimensions: the loop writes them.
fn in_units_of(body: &Group, draft: &Draft) -> Group {
    let member = |&value: &usize| Member { value, dims: vec![], residence: Residence::Register };
    let members = draft.members.iter().map(member).collect();
    Group { members, units: body.units.clone(), stages: vec![] }
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
