//! Which values share their outer loops.
//!
//! Values are visited operands first. A value joins the group of a producer when, along every
//! unit dimension that is kept, it reads the producers in that group only at its own unit: the
//! index along the producer's unit axis is one of its own result axes, the same for all reads; or in
//! a block of it, `a · r .. a · r + a` for its own index `r`, and then a unit has `a` times as many
//! indices of the producer. Dimensions for which this fails are dropped, as long as enough units are left for the work.
//! Two values over the same loops that read the same large value, and not each other, share their
//! loops too: what they read passes through the cache once. A sum that is made in parts goes through
//! a row in two loops, and so does then what goes through it in one.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::draft::{Along, Draft, Kept, UnitDim};
use super::nesting::Nesting;
use super::order::Order;
use super::values::{Value, Values, Work};
use super::{Form, FuseContext, Residence, Stage, units};
use crate::ir::{AxisId, IndexId, Indices, NodeId, Term};

/// A value as a member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// The position in [`Values::list`].
    pub value: usize,
    /// For each unit dimension, the dimension of the value that it is.
    pub dims: Vec<Along>,
    /// The first dimension is gone through in blocks of so many, which are a loop of their own; 1
    /// where it is a loop itself.
    pub cut: usize,
    /// Where the value lives.
    pub residence: Residence,
}

impl Member {
    /// For each unit dimension, the loop of the member that it is.
    pub(super) fn unit_loops(&self) -> Vec<Along> {
        let of = |along: &Along| match along.dim {
            0 => Along { dim: 0, scale: along.scale / self.cut },
            dim => Along { dim: dim + self.cuts(), ..*along },
        };
        self.dims.iter().map(of).collect()
    }

    /// How many loops it has more than its value has dimensions and axes.
    pub fn cuts(&self) -> usize {
        usize::from(self.cut > 1)
    }
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
        cut: 1,
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
    cx: &FuseContext<'_>,
) -> Group {
    let members = (0..values.list.len()).collect();
    let dims = dims.into_iter().map(|dim| Along { dim, scale: 1 }).collect();
    finish(values, &Draft { members, dims: vec![(n, dims)], cost }, cx)
}

pub(super) fn group(values: &Values, cx: &FuseContext<'_>) -> Vec<Group> {
    let mut grouper = Grouper {
        values,
        cx,
        drafts: vec![],
        order: Order::default(),
        group_of: FxHashMap::default(),
        readers: FxHashMap::default(),
        waiting: BTreeSet::new(),
    };
    for i in 0..values.list.len() {
        grouper.visit(i);
    }
    let rest = grouper.waiting.clone();
    grouper.place_waiting(&rest);
    let groups = grouper.order.groups().iter();
    groups.map(|&g| finish(values, &grouper.drafts[g], cx)).collect()
}

/// The groups while they are made. A value is put into a group before any value that reads it is,
/// and into none that what it reads depends on: so no group ever depends on itself, and the members
/// of a group stand operands first.
struct Grouper<'a> {
    values: &'a Values,
    cx: &'a FuseContext<'a>,
    drafts: Vec<Draft>,
    order: Order,
    group_of: FxHashMap<NodeId, usize>,
    /// The groups that read each value.
    readers: FxHashMap<NodeId, Vec<usize>>,
    /// Values that depend on nothing but leaves and each other, by position: they join the group
    /// of their first reader.
    waiting: BTreeSet<usize>,
}

/// A group that a value can join, with the unit dimensions that are kept.
type Joined = (usize, Vec<Kept>);

impl Grouper<'_> {
    fn visit(&mut self, i: usize) {
        let value = &self.values.list[i];
        if matches!(value.work, Work::Result) {
            // The result of a loop is written by the loop's kernel.
            let g = self.group_of[&value.reads[0]];
            self.drafts[g].members.push(i);
            self.group_of.insert(value.node, g);
        } else if self.cx.options.nodes && self.can_wait(value) {
            self.waiting.insert(i);
        } else {
            self.place(i);
        }
    }

    fn can_wait(&self, value: &Value) -> bool {
        let may = match value.work {
            Work::Map(_) | Work::Reduce { .. } | Work::Random { .. } => true,
            Work::Prefix(_) | Work::Sort(_) => self.is_short(value),
            Work::Contract(_) | Work::Placement { .. } | Work::Scatter(_) => false,
            Work::Repeat { .. } | Work::Result => false,
        };
        may && value.reads.iter().all(|r| !self.group_of.contains_key(r))
    }

    /// Puts a value into a group, and what waits for it into the same where it can be.
    fn place(&mut self, i: usize) {
        let mut chosen = None;
        while let Some((g, kept)) = self.join(i, chosen) {
            let (adopted, left) = self.adopted(g, i, &kept);
            if left.is_empty() {
                self.add(g, i, kept, adopted);
                return;
            }
            // They come first, and may join what this group cannot read then.
            self.place_waiting(&left);
            chosen = Some(g);
        }
        let producers = self.waiting_for(i);
        self.place_waiting(&producers);
        match self.join(i, None).or_else(|| self.join_sibling(i)) {
            Some((g, kept)) => self.add(g, i, kept, BTreeMap::new()),
            None => self.begin(alone(self.values, &self.values.list[i], i)),
        }
    }

    /// A new group, of values that no group reads yet.
    fn begin(&mut self, draft: Draft) {
        let g = self.order.add();
        let members = draft.members.clone();
        self.drafts.push(draft);
        members.into_iter().for_each(|m| self.note(g, m));
    }

    /// Adds a value to a group, after what the group adopts for it.
    fn add(&mut self, g: usize, i: usize, kept: Vec<Kept>, adopted: BTreeMap<usize, Vec<Along>>) {
        self.drafts[g].keep(&kept);
        let own = kept.into_iter().map(|kept| kept.along).collect();
        for (w, dims) in adopted.into_iter().chain([(i, own)]) {
            self.waiting.remove(&w);
            self.drafts[g].push(self.values, w, dims);
            self.note(g, w);
        }
    }

    fn note(&mut self, g: usize, i: usize) {
        let value = &self.values.list[i];
        self.group_of.insert(value.node, g);
        for &read in &value.reads {
            if let Some(&h) = self.group_of.get(&read) {
                self.order.note(g, h);
            }
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
        list.iter().for_each(|w| {
            self.waiting.remove(w);
        });
        let cost: f64 = list.iter().map(|&w| self.values.list[w].cost).sum();
        let fits = (1..=self.cx.costs.max_members).contains(&list.len());
        if fits && self.cx.options.nodes && self.cx.costs.is_cheap(cost) {
            let members = list.iter().copied().collect();
            self.begin(Draft { members, dims: vec![], cost });
        } else {
            list.iter().for_each(|&w| self.place(w));
        }
    }

    /// What waits for a value that joins a group: what the group can take, with its unit dimensions,
    /// as it is read at its reader's unit; and the others, which become groups of their own first.
    fn adopted(
        &self,
        g: usize,
        i: usize,
        kept: &[Kept],
    ) -> (BTreeMap<usize, Vec<Along>>, BTreeSet<usize>) {
        let room = self.cx.costs.max_members.saturating_sub(self.drafts[g].members.len() + 1);
        let extents: Vec<usize> = kept.iter().map(|k| k.extent(&self.drafts[g])).collect();
        let dims = kept.iter().map(|kept| kept.along).collect();
        let mut adopted: BTreeMap<usize, Vec<Along>> = BTreeMap::from([(i, dims)]);
        let mut left = BTreeSet::new();
        let mut feeds_left: FxHashSet<NodeId> = FxHashSet::default();
        for w in self.waiting_for(i).into_iter().rev() {
            let value = &self.values.list[w];
            let may = adopted.len() <= room && !feeds_left.contains(&value.node);
            let dims = if may { self.unit_dims(&extents, w, &adopted) } else { None };
            // What it reads may have been put into this group since it began to wait.
            match dims.filter(|dims| self.reads_own_unit(g, w, dims, kept)) {
                Some(dims) => {
                    adopted.insert(w, dims);
                }
                None => {
                    left.insert(w);
                    feeds_left.extend(&value.reads);
                }
            }
        }
        adopted.remove(&i);
        (adopted, left)
    }

    /// Whether a value that would lie along `dims` in a group reads the members there only at its own
    /// unit, once the group has only the unit dimensions that are kept.
    fn reads_own_unit(&self, g: usize, w: usize, dims: &[Along], kept: &[Kept]) -> bool {
        let (draft, value) = (&self.drafts[g], &self.values.list[w]);
        let member = |node: &NodeId| {
            let is_it = |&m: &usize| self.values.list[m].node == *node;
            draft.members.iter().position(is_it)
        };
        let elements = self.values.elements(value);
        let mut read = elements.iter().filter_map(|(node, index)| Some((member(node)?, index)));
        read.all(|(at, index)| {
            kept.iter().zip(dims).all(|(kept, own)| {
                let Along { dim, scale } = draft.dims[kept.unit].1[at];
                let block = self.values.exprs.block_of(index[dim], value.axes[own.dim]);
                block.is_some_and(|block| block as usize * own.scale == scale * kept.merged)
            })
        })
    }

    fn reads(&self, reader: usize, value: usize) -> bool {
        self.values.list[reader].reads.contains(&self.values.list[value].node)
    }

    /// For each unit dimension, of which `extents` has the sizes, the dimension along which the value
    /// is read at the unit of its readers; `None` if there is none for one of them.
    fn unit_dims(
        &self,
        extents: &[usize],
        w: usize,
        placed: &BTreeMap<usize, Vec<Along>>,
    ) -> Option<Vec<Along>> {
        let source = &self.values.list[w];
        let mut found: Option<Vec<Along>> = None;
        for (&reader, dims) in placed.iter().filter(|(r, _)| self.reads(**r, w)) {
            let reader = &self.values.list[reader];
            let elements = self.values.elements(reader);
            let reads: Vec<_> = elements.iter().filter(|(n, _)| *n == source.node).collect();
            let own = |(along, &extent): (&Along, &usize)| {
                let axis = reader.axes[along.dim];
                let block = |index: IndexId| self.values.exprs.block_of(index, axis);
                (0..source.sizes.len()).find_map(|dim| {
                    let first = block(reads.first()?.1[dim])?;
                    let scale = along.scale * first as usize;
                    let same = reads.iter().all(|(_, i)| block(i[dim]) == Some(first));
                    let fits = same && source.is_whole(dim) && source.sizes[dim] == extent * scale;
                    fits.then_some(Along { dim, scale })
                })
            };
            let own: Vec<Along> = dims.iter().zip(extents).map(own).collect::<Option<_>>()?;
            if found.get_or_insert_with(|| own.clone()) != &own {
                return None;
            }
        }
        found
    }

    /// The groups that a value reads, and that what waits for it reads.
    fn groups_read(&self, i: usize) -> Vec<usize> {
        let waiting = self.waiting_for(i);
        let readers = waiting.iter().chain([&i]).map(|&at| &self.values.list[at]);
        let mut groups: Vec<usize> =
            readers.flat_map(|v| &v.reads).filter_map(|r| self.group_of.get(r)).copied().collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The groups of what a value reads: first that of which it reads most, as what is read within a
    /// group need not go through memory; of equal ones the latest, on which the others seldom depend.
    fn producers(&self, value: &Value) -> Vec<usize> {
        let mut read: BTreeMap<usize, usize> = BTreeMap::new();
        for node in &value.reads {
            if let (Some(&g), Some(producer)) = (self.group_of.get(node), self.values.get(*node)) {
                *read.entry(g).or_default() += producer.sizes.iter().product::<usize>();
            }
        }
        let mut groups: Vec<usize> = read.keys().copied().collect();
        groups.sort_by_key(|g| std::cmp::Reverse((read[g], *g)));
        groups
    }

    /// The group of a producer that a value joins; `chosen` first.
    fn join(&self, i: usize, chosen: Option<usize>) -> Option<Joined> {
        let value = &self.values.list[i];
        if !self.cx.options.nodes
            || !may_join(value)
            || matches!(value.work, Work::Placement { .. } | Work::Scatter(_))
            || !self.is_short(value)
        {
            return None;
        }
        let elements = self.values.elements(value);
        let read = self.groups_read(i);
        chosen.into_iter().chain(self.producers(value)).find_map(|g| {
            let draft = &self.drafts[g];
            if !self.joinable(draft) || self.order.would_close(g, &read) {
                return None;
            }
            let kept = kept_dims(self.values, draft, value, &elements);
            units::enough(self.values, draft, value, &kept, self.cx).then_some((g, kept))
        })
    }

    /// Whether a unit's part of a value that is whole along an axis fits in a local.
    fn is_short(&self, value: &Value) -> bool {
        match &value.work {
            Work::Prefix(running) => value.sizes[running.along] <= self.cx.costs.longest_fold,
            Work::Sort(sorted) => {
                let n = self.values.exprs.extent(sorted.positions) as usize;
                n <= self.cx.costs.longest_fold
            }
            Work::Map(_) | Work::Reduce { .. } | Work::Contract(_) | Work::Placement { .. } => true,
            Work::Scatter(_) | Work::Random { .. } | Work::Repeat { .. } | Work::Result => true,
        }
    }

    /// Whether a group takes more members.
    fn joinable(&self, draft: &Draft) -> bool {
        let is_open = |&m: &usize| match self.values.list[m].work {
            Work::Map(_) | Work::Reduce { .. } | Work::Contract(_) | Work::Random { .. } => true,
            Work::Prefix(_) | Work::Sort(_) => self.is_short(&self.values.list[m]),
            Work::Placement { .. } | Work::Scatter(_) | Work::Repeat { .. } | Work::Result => false,
        };
        let operations = draft.members.iter().map(|&m| self.values.list[m].operations);
        draft.members.len() < self.cx.costs.max_members
            && operations.fold(0, u32::saturating_add) < self.cx.costs.max_operations
            && draft.members.iter().all(is_open)
    }

    /// A group with a value over the same loops that reads the same value.
    fn join_sibling(&self, i: usize) -> Option<Joined> {
        let values = self.values;
        let value = &values.list[i];
        let own = loops(values, value).filter(|_| self.cx.options.nodes)?;
        let large = own.iter().product::<usize>();
        let read = self.groups_read(i);
        let shared = value.reads.iter().filter(|r| elements_of(values, **r, value) == large);
        let candidates = shared.filter_map(|r| self.readers.get(r));
        candidates.flat_map(|g| g.iter().rev().take(self.cx.costs.siblings)).copied().find_map(
            |g| {
                let draft = &self.drafts[g];
                if read.contains(&g) || !self.joinable(draft) || self.order.would_close(g, &read) {
                    return None;
                }
                let beside = |(at, &m): (usize, &usize)| {
                    let nesting = Nesting::of(&own, &loops(values, &values.list[m])?)?;
                    let units = draft.dims.iter().enumerate();
                    let kept = |(unit, (extent, members)): (usize, &(usize, Vec<Along>))| {
                        let kept = nesting.kept(unit, *extent, members[at]);
                        kept.filter(|kept| kept.along.dim < value.sizes.len())
                    };
                    Some(units.filter_map(kept).collect::<Vec<Kept>>())
                };
                let kept = draft.members.iter().enumerate().find_map(beside)?;
                units::enough(values, draft, value, &kept, self.cx).then_some((g, kept))
            },
        )
    }
}

/// A loop over a region is a kernel of its own, and so are its results.
fn may_join(value: &Value) -> bool {
    !matches!(value.work, Work::Repeat { .. } | Work::Result)
}

fn alone(values: &Values, value: &Value, i: usize) -> Draft {
    let dims = match &value.work {
        Work::Repeat { .. } | Work::Result => vec![],
        // Rows that every part has whole can be units.
        Work::Placement { .. } if shares_rows(values, value) => {
            vec![(value.sizes[0], vec![Along { dim: 0, scale: 1 }])]
        }
        Work::Placement { .. } => vec![],
        // So can be what every element stays in, wherever it goes along the others.
        Work::Scatter(part) => {
            let stays = |&(dim, &n): &(usize, &usize)| {
                let own = values.exprs.as_axis(part.index[dim]) == Some(part.axes[dim]);
                n > 1 && own && values.exprs.extent(part.axes[dim]) as usize == n
            };
            let dims = value.sizes.iter().enumerate().filter(stays);
            dims.map(|(dim, &n)| (n, vec![Along { dim, scale: 1 }])).collect()
        }
        Work::Map(_)
        | Work::Reduce { .. }
        | Work::Contract(_)
        | Work::Prefix(_)
        | Work::Sort(_)
        | Work::Random { .. } => {
            let dims = value.sizes.iter().enumerate();
            let dims = dims.filter(|&(dim, &n)| n > 1 && value.is_whole(dim));
            dims.map(|(dim, &n)| (n, vec![Along { dim, scale: 1 }])).collect()
        }
    };
    Draft { members: vec![i], dims, cost: value.cost }
}

/// Whether every part of a placement has all rows of the result, each at its place.
pub(super) fn shares_rows(values: &Values, value: &Value) -> bool {
    let Work::Placement { parts, .. } = &value.work else { return false };
    value.sizes.first().is_some_and(|&n| n > 1)
        && parts.iter().all(|part| {
            let row = part.index.first().and_then(|&i| values.exprs.as_axis(i));
            row.is_some()
                && row == part.axes.first().copied()
                && row.is_some_and(|r| values.exprs.extent(r) as usize == value.sizes[0])
        })
}

/// The loops of a map or a reduction: the sizes of its result, then of what it reduces over.
fn loops(values: &Values, value: &Value) -> Option<Vec<usize>> {
    let reduced: &[AxisId] = match &value.work {
        Work::Map(_) => &[],
        Work::Reduce { reduced, .. } => reduced,
        Work::Contract(_) | Work::Placement { .. } | Work::Scatter(_) => return None,
        Work::Prefix(_) | Work::Sort(_) | Work::Random { .. } => return None,
        Work::Repeat { .. } | Work::Result => return None,
    };
    let reduced = reduced.iter().map(|&r| values.exprs.extent(r) as usize);
    Some(value.sizes.iter().copied().chain(reduced).collect())
}

/// How many elements of a node a value reads in the course of its loops, if it reads each once.
fn elements_of(values: &Values, node: NodeId, value: &Value) -> usize {
    let reads = values.elements(value).into_iter().filter(|(n, _)| *n == node);
    let elements =
        reads.map(|(_, index)| index.iter().map(|&i| positions(values, i)).product::<usize>());
    elements.max().unwrap_or(0)
}

/// How many positions from the first on an index goes through: as many as its axes have values, if those
/// have one each and leave none out, as the parts of a split axis do.
fn positions(values: &Values, index: IndexId) -> usize {
    let extent = |&(term, _): &(Term, i64)| match term {
        Term::Axis(axis) => values.exprs.extent(axis),
        Term::Div(..) | Term::Mod(..) | Term::Data(..) => 0,
    };
    let all: i64 = values.exprs.index(index).terms.iter().map(extent).product();
    if values.exprs.range(index) == (0, all - 1) { all as usize } else { 0 }
}

/// The unit dimensions of the group along which every read of a member is at the value's own unit.
fn kept_dims(
    values: &Values,
    draft: &Draft,
    value: &Value,
    elements: &[(NodeId, Indices)],
) -> Vec<Kept> {
    let member_at: FxHashMap<NodeId, usize> =
        draft.members.iter().enumerate().map(|(at, &m)| (values.list[m].node, at)).collect();
    // The value's dimension, and for `k` of its indices how many of the unit dimension: `(k, of it)`.
    let aligned = |members: &[Along]| -> Option<(usize, (usize, usize))> {
        let mut found = None;
        for (node, index) in elements {
            let Some(&at) = member_at.get(node) else { continue };
            let read = index[members[at].dim];
            let block = |dim: usize| Some((dim, values.exprs.block_of(read, value.axes[dim])?));
            let (dim, block) = (0..value.axes.len()).find_map(block)?;
            let read = (dim, reduced(members[at].scale, block as usize));
            if *found.get_or_insert(read) != read {
                return None;
            }
        }
        found
    };
    let mut kept: Vec<Kept> = vec![];
    for (unit, (extent, members)) in draft.dims.iter().enumerate() {
        let Some((dim, (scale, merged))) = aligned(members) else { continue };
        let is_whole = extent.is_multiple_of(merged) && value.sizes[dim] == extent / merged * scale;
        if is_whole && kept.iter().all(|k| k.along.dim != dim) {
            kept.push(Kept { unit, merged, along: Along { dim, scale } });
        }
    }
    kept
}

/// A fraction in its lowest terms.
fn reduced(a: usize, b: usize) -> (usize, usize) {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1), b / x.max(1))
}

/// Chooses which dimensions become units, and the block of the last.
fn finish(values: &Values, draft: &Draft, cx: &FuseContext<'_>) -> Group {
    if let Some(body) = kernel_loop(values, draft) {
        return in_units_of(body, draft);
    }
    let chosen = units::choose(values, draft, cx);
    let members = draft.members.iter().enumerate().map(|(at, &value)| {
        let dims = chosen.iter().map(|(u, _)| draft.dims[*u].1[at]).collect();
        Member { value, dims, cut: 1, residence: Residence::Register }
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
    let member =
        |&value: &usize| Member { value, dims: vec![], cut: 1, residence: Residence::Register };
    let members = draft.members.iter().map(member).collect();
    Group { members, units: body.units.clone(), stages: vec![] }
}
