//! How the body of a loop repeats: inside of one kernel, or as waves.
//!
//! A body stays in one kernel where each of its units needs nothing of the others, from the first
//! iteration to the last: along one dimension of every value, the same number of units, everything
//! is read at its reader's own unit, and each carry's next value lies along the carry's dimension.
//! The rows of a batch are such units. A unit then runs all iterations on one thread, without
//! barriers. A body without such a dimension stays in one kernel, as its only unit, if it is too
//! cheap to be shared; else it repeats as waves.

use rustc_hash::FxHashMap;

use super::groups::{self, Group};
use super::inline::values;
use super::values::{Value, Values, Work};
use super::{FuseContext, Fusion, groups_of, stages};
use crate::ir::{AxisId, Costs, Indices, NodeId};
use crate::ops::Scan;

/// The body of a loop, which repeats.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its groups.
    pub fusion: Fusion,
    /// How it repeats.
    pub form: Form,
}

/// How the body of a loop repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Inside of one kernel: the body is one group, whose units are the kernel's; loops in it repeat
    /// in the same way, and what it computes lives in locals.
    Kernel,
    /// As waves: the groups are kernels, whose places move with the iteration.
    Waves,
}

impl Body {
    pub(super) fn new(scan: &Scan, length: usize, cx: &FuseContext<'_>) -> Body {
        let (graph, values) = values(&scan.body, cx);
        let group = if cx.options.iterations { one_group(scan, &values, length, cx) } else { None };
        match group {
            Some(mut group) => {
                stages::stage(&values, &mut group);
                stages::settle_locally(&graph, &values, &mut group);
                let fusion = Fusion { graph, values, groups: vec![group], costs: *cx.costs };
                Body { fusion, form: Form::Kernel }
            }
            None => Body { fusion: groups_of(graph, values, cx), form: Form::Waves },
        }
    }

    /// Of a body in a kernel: the dimension of a value along which the units lie, if there are any.
    pub fn unit_dim(&self, node: NodeId) -> Option<usize> {
        let group = self.fusion.groups.first()?;
        let value = self.fusion.values.position.get(&node)?;
        let member = group.members.iter().find(|m| m.value == *value)?;
        member.dims.first().map(|along| along.dim)
    }
}

/// All values of a body as one group, if a kernel is to hold its iterations.
fn one_group(scan: &Scan, values: &Values, length: usize, cx: &FuseContext<'_>) -> Option<Group> {
    let costs = cx.costs;
    let cost = values.cost();
    // What is cheap as a whole is not worth a second unit.
    let shared = !costs.is_cheap(cost * length as f64);
    let with_units = shared.then(|| unit_dims(scan, values, costs)).flatten();
    with_units
        .map(|units| groups::in_units(values, units, cost * length as f64, cx))
        .or_else(|| costs.is_cheap(cost).then(|| groups::one_group(values)))
}

/// The dimension of each value along which units need nothing of each other, with their number.
fn unit_dims(scan: &Scan, values: &Values, costs: &Costs) -> Option<(usize, Vec<usize>)> {
    if values.list.len() > costs.max_members
        || !values.list.iter().all(|value| has_loops(values, value))
    {
        return None;
    }
    let reads: Vec<Vec<(NodeId, Indices)>> =
        values.list.iter().map(|v| values.elements(v)).collect();
    let first = scan.body.inputs.first().filter(|_| scan.n_carries > 0)?;
    let sizes = scan.body.tensor_type(*first).sizes()?;
    sizes.iter().enumerate().filter(|(_, n)| **n >= costs.min_units).find_map(|(dim, &n)| {
        let mut search = Search { scan, values, reads: &reads, n, dims: FxHashMap::default() };
        search.set(*first, dim)?;
        let dims = search.all()?;
        Some((n, dims))
    })
}

/// Whether a value is computed by loops or a tile over its own dimensions, or of parts that have all
/// of its rows.
fn has_loops(values: &Values, value: &Value) -> bool {
    match value.work {
        Work::Map(_) | Work::Reduce { .. } | Work::Contract(_) => true,
        Work::Prefix(_) | Work::Sort(_) => true,
        Work::Placement { .. } => groups::shares_rows(values, value),
        Work::Scatter(_) | Work::Random { .. } => false,
        Work::Repeat { .. } | Work::Result => false,
    }
}

/// Whether an axis is that of a dimension of a value; of a placement only its rows have one.
fn is_own_axis(value: &Value, dim: usize, axis: AxisId) -> bool {
    match &value.work {
        Work::Placement { parts, .. } => dim == 0 && parts.iter().any(|p| p.axes[0] == axis),
        Work::Map(_) | Work::Reduce { .. } | Work::Contract(_) | Work::Scatter(_) => {
            value.axes[dim] == axis
        }
        Work::Prefix(_) | Work::Sort(_) => value.axes[dim] == axis,
        Work::Random { .. } | Work::Repeat { .. } | Work::Result => value.axes[dim] == axis,
    }
}

/// Finds the dimension of each value that follows from that of one of them.
struct Search<'a> {
    scan: &'a Scan,
    values: &'a Values,
    /// What each value reads, and at which index.
    reads: &'a [Vec<(NodeId, Indices)>],
    /// The number of units.
    n: usize,
    /// The dimension of values and carries, as far as it is known.
    dims: FxHashMap<NodeId, usize>,
}

impl Search<'_> {
    /// Notes the dimension of a value or carry; `None` if it is known to be another.
    fn set(&mut self, node: NodeId, dim: usize) -> Option<()> {
        // A copy for a tile is a value, and no node of the body.
        let sizes = match self.values.get(node) {
            Some(value) => value.sizes.clone(),
            None => self.scan.body.tensor_type(node).sizes()?,
        };
        let known = *self.dims.entry(node).or_insert(dim);
        let is_whole = self.values.get(node).is_none_or(|value| match value.work {
            Work::Placement { .. } => dim == 0,
            Work::Map(_) | Work::Reduce { .. } | Work::Contract(_) | Work::Scatter(_) => {
                value.is_whole(dim)
            }
            Work::Prefix(_) | Work::Sort(_) => value.is_whole(dim),
            Work::Random { .. } | Work::Repeat { .. } | Work::Result => value.is_whole(dim),
        });
        (is_whole && known == dim && sizes.get(dim) == Some(&self.n)).then_some(())
    }

    /// The dimension of every value; `None` where there is none, or more than one.
    fn all(mut self) -> Option<Vec<usize>> {
        loop {
            let before = self.dims.len();
            self.carry_over()?;
            for at in 0..self.values.list.len() {
                self.follow(at)?;
            }
            if self.dims.len() == before {
                break;
            }
        }
        self.values.list.iter().map(|v| self.dims.get(&v.node).copied()).collect()
    }

    /// A carry's next value lies along the carry's dimension.
    fn carry_over(&mut self) -> Option<()> {
        for k in 0..self.scan.n_carries {
            let (carry, next) = (self.scan.body.inputs[k], self.scan.body.outputs[k].1);
            match (self.dims.get(&carry), self.dims.get(&next)) {
                (Some(&dim), _) => self.set(next, dim)?,
                (None, Some(&dim)) => self.set(carry, dim)?,
                (None, None) => {}
            }
        }
        Some(())
    }

    /// What a value reads of the body and of carries is read at the value's own unit.
    fn follow(&mut self, at: usize) -> Option<()> {
        let value = &self.values.list[at];
        for (node, index) in &self.reads[at] {
            let is_carry = self.scan.body.inputs[..self.scan.n_carries].contains(node);
            if !is_carry && !self.values.position.contains_key(node) {
                continue;
            }
            let axis_of = |d: usize| self.values.exprs.as_axis(index[d]);
            let (of_node, own) = (self.dims.get(node), self.dims.get(&value.node));
            match (of_node.copied(), own.copied()) {
                (Some(dim), _) => {
                    let axis = axis_of(dim)?;
                    let own = (0..value.axes.len()).find(|&d| is_own_axis(value, d, axis))?;
                    self.set(value.node, own)?;
                }
                (None, Some(own)) => {
                    let mut dims = 0..index.len();
                    let is_own = |a: AxisId| is_own_axis(value, own, a);
                    let dim = dims.find(|&d| axis_of(d).is_some_and(is_own))?;
                    self.set(*node, dim)?;
                }
                (None, None) => {}
            }
        }
        Some(())
    }
}
