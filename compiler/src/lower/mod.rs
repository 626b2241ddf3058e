//! Lowers a group to a kernel, by substituting producers into consumers.
//!
//! Every stage becomes a loop nest, a tile, a placement or a library call; values go to the
//! place that `fuse` chose for them. The order of statements inside a loop body is: the values
//! of all members, then their stores, so that a store never comes between two reads of what it
//! overwrites.

mod contract;
mod nest;
mod parts;
mod prefix;
mod random;
mod repeat;
mod share;
mod sort;
mod waves;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::fuse::{Along, Fusion, Group, Member, Residence, UnitDim, Value, Values, Work};
use crate::ir::{
    AxisId, Costs, Expr, ExprId, Exprs, Graph, IndexId, Literal, Name, NodeId, PlaceId, Provenance,
    Rewrite, Target, strides,
};
use crate::loop_ir::{Buffer, Extent, IndexCheck, Kernel, Local, Loop, LoopKind, Stmt};
use crate::ops::{Leaf, Op};

/// A group as code, with the memories that it reads and writes.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// What each memory holds, and whether the group writes it: of a kernel, buffer by buffer.
    pub arguments: Vec<(Argument, bool)>,
    /// Whether another group reads what this one writes there; empty until the schedule notes it.
    pub exchanged: Vec<bool>,
    /// The nodes that the group computes, inlined ones included: names and provenance. The origins of
    /// a kernel's expressions and statements are their numbers here.
    pub nodes: Vec<(Name, Provenance)>,
    /// The number of the stored value that each node is a part of.
    pub part_of: Vec<u32>,
    /// What runs.
    pub code: Code,
}

/// What a group is lowered to.
#[derive(Clone, Debug)]
pub enum Code {
    /// A kernel.
    Kernel(Box<Kernel>),
    /// A loop of waves.
    Repeat(Repeat),
}

/// A loop whose body is kernels. Arguments of theirs are nodes of the body.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The loop's node.
    pub node: NodeId,
    /// How many iterations.
    pub length: usize,
    /// The distance in elements from an element of each sequence to the next.
    pub sequence_steps: Vec<usize>,
    /// The nodes of the last carries; `None` where nothing reads one.
    pub last: Vec<Option<NodeId>>,
    /// The nodes of what is emitted, with the distance in elements from one part to the next;
    /// `None` where nothing reads it.
    pub emitted: Vec<Option<(NodeId, usize)>>,
    /// The groups of the body.
    pub body: Vec<Lowered>,
}

/// What a buffer of a kernel holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// The elements of a node of the graph.
    Node(NodeId),
    /// A constant inside of a region.
    Constant(Arc<Literal>),
    /// The key of a stream of random numbers, an i64.
    Key(Name),
}

impl Argument {
    /// The node, if it is one.
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Argument::Node(node) => Some(*node),
            Argument::Constant(_) | Argument::Key(_) => None,
        }
    }
}

/// The nodes that read at an index from data, one for each check: names and provenance.
pub type Checks = Vec<IndexCheck>;

/// The strides, in elements, of the nodes of a loop's body that are parts of memories around it;
/// every other node is row-major.
type Layouts = FxHashMap<NodeId, Vec<i64>>;

/// Lowers every group; `checks` collects the nodes whose indices come from data.
pub fn lower(fusion: &Fusion, target: &Target, checks: &mut Checks) -> Vec<Lowered> {
    lower_in(fusion, target, &Layouts::default(), checks)
}

fn lower_in(
    fusion: &Fusion,
    target: &Target,
    layouts: &Layouts,
    checks: &mut Checks,
) -> Vec<Lowered> {
    let (graph, values) = (&fusion.graph, &fusion.values);
    let around = waves::Surroundings { graph, values, target, layouts };
    let group = |group: &Group| match waves::repeats(fusion, group) {
        Some((value, length, body)) => waves::lower(&around, value, length, body, checks),
        None => KernelBuilder::new(fusion, group, target, layouts, checks).run(),
    };
    fusion.groups.iter().map(group).collect()
}

/// The distances of neighbours along each dimension of a node.
fn strides_of(graph: &Graph, layouts: &Layouts, node: NodeId) -> Vec<i64> {
    let row_major = || strides(&graph.tensor_type(node).sizes().expect("numbers"));
    layouts.get(&node).cloned().unwrap_or_else(row_major)
}

/// A loop over one dimension of a value, as a stage sees it.
#[derive(Clone, Copy)]
struct Dimension {
    /// The loop's axis; `None` where the unit or a size of 1 fixes the index.
    axis: Option<(AxisId, Extent)>,
    /// The index along the dimension.
    index: IndexId,
}

struct KernelBuilder<'a> {
    graph: &'a Graph,
    values: &'a Values,
    group: &'a Group,
    target: &'a Target,
    costs: &'a Costs,
    layouts: &'a Layouts,
    checks: &'a mut Checks,
    /// The position in the group of each member's node.
    members: FxHashMap<NodeId, usize>,
    exprs: Exprs,
    /// The axis of each unit dimension.
    units: Vec<AxisId>,
    buffers: Vec<Buffer>,
    arguments: Vec<(Argument, bool)>,
    locals: Vec<Local>,
    /// The place of a node's elements, and whether it is a local of this unit's part.
    places: FxHashMap<(NodeId, bool), PlaceId>,
    /// The parameters of a region and what it hands on, where they are.
    bound: FxHashMap<NodeId, Bound>,
    /// The parameters that are numbers of iterations, of the loop or of those around it.
    numbers: FxHashMap<NodeId, IndexId>,
    /// Whether this is the body of a loop.
    in_body: bool,
    nodes: Vec<(Name, Provenance)>,
    /// The number of the value that each of them is a part of.
    part_of: Vec<u32>,
    /// The number of each node of this graph among them.
    noted: FxHashMap<NodeId, u32>,
    /// The numbers of the parts of the member at hand, by those of the graph's nodes.
    own: FxHashMap<u32, u32>,
}

/// A strided view of a memory that stands for a parameter.
#[derive(Clone)]
struct Bound {
    place: PlaceId,
    base: IndexId,
    strides: Vec<i64>,
}

impl<'a> KernelBuilder<'a> {
    fn new(
        fusion: &'a Fusion,
        group: &'a Group,
        target: &'a Target,
        layouts: &'a Layouts,
        checks: &'a mut Checks,
    ) -> KernelBuilder<'a> {
        let mut exprs = Exprs::default();
        let units = group.units.iter().map(|u| exprs.axis(u.extent.div_ceil(u.block)));
        let units = units.collect();
        KernelBuilder {
            graph: &fusion.graph,
            values: &fusion.values,
            group,
            target,
            costs: &fusion.costs,
            layouts,
            checks,
            members: members(&fusion.values, group),
            exprs,
            units,
            buffers: vec![],
            arguments: vec![],
            locals: vec![],
            places: FxHashMap::default(),
            bound: FxHashMap::default(),
            numbers: FxHashMap::default(),
            in_body: false,
            nodes: vec![],
            part_of: vec![],
            noted: FxHashMap::default(),
            own: FxHashMap::default(),
        }
    }

    fn stages(&mut self) -> Vec<Stmt> {
        let mut stmts = vec![];
        for stage in &self.group.stages {
            stmts.extend(match &stage.domain {
                Some(_) => self.nest(stage),
                None => self.single(stage.members[0]),
            });
        }
        stmts
    }

    fn run(mut self) -> Lowered {
        let body = self.stages();
        let group = self.group;
        let members = || group.members.iter().map(|m| &self.values.list[m.value]);
        let units: usize = self.units.iter().map(|&u| self.exprs.extent(u) as usize).product();
        let cost = members().map(|v| v.cost).sum::<f64>() / units.max(1) as f64;
        let kernel = Kernel {
            name: self.name(),
            exprs: self.exprs,
            units: self.units,
            buffers: self.buffers,
            locals: self.locals,
            body,
            cost: (cost as u64).max(1),
        };
        Lowered {
            arguments: self.arguments,
            exchanged: vec![],
            nodes: self.nodes,
            part_of: self.part_of,
            code: Code::Kernel(Box::new(kernel)),
        }
    }

    /// The names of the values that leave the kernel, at most three.
    fn name(&self) -> String {
        let written = self.arguments.iter().filter(|(_, written)| *written);
        let nodes = written.filter_map(|(a, _)| a.node());
        let names: Vec<&Name> = nodes.map(|n| &self.graph.node(n).name).collect();
        let mut text = names.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join("+");
        if names.len() > 3 {
            text.push_str(&format!("+{}", names.len() - 3));
        }
        text
    }

    fn value(&self, at: usize) -> &'a Value {
        &self.values.list[self.group.members[at].value]
    }

    /// The loops over the dimensions of a member: those of its result, in their order; of one that is cut
    /// two over the first.
    fn dimensions(&mut self, at: usize) -> Vec<Dimension> {
        let sizes = &self.value(at).sizes;
        let Member { dims, cut, .. } = &self.group.members[at];
        let first = dims.iter().position(|along| along.dim == 0).filter(|_| *cut > 1);
        let Some(u) = first else { return self.dimensions_of(at, sizes) };
        let blocks = self.unit_dimension(u, dims[u].scale / cut);
        let within = self.free_dimension(*cut);
        let rest = (1..sizes.len()).map(|d| self.dimension(at, d, sizes[d]));
        [blocks, within].into_iter().chain(rest).collect()
    }

    /// Loops over as many dimensions of these sizes: those that are units of a member within the unit.
    fn dimensions_of(&mut self, at: usize, sizes: &[usize]) -> Vec<Dimension> {
        sizes.iter().enumerate().map(|(d, &n)| self.dimension(at, d, n)).collect()
    }

    fn dimension(&mut self, at: usize, d: usize, n: usize) -> Dimension {
        let dims = &self.group.members[at].dims;
        match dims.iter().position(|along| along.dim == d) {
            Some(u) => self.unit_dimension(u, dims[u].scale),
            None => self.free_dimension(n),
        }
    }

    /// The rows of the unit's block, of which `scale` are one index of the unit dimension.
    fn unit_dimension(&mut self, u: usize, scale: usize) -> Dimension {
        let UnitDim { extent: total, block } = self.group.units[u];
        let first = self.exprs.index_axis(self.units[u]);
        if block * scale == 1 {
            return Dimension { axis: None, index: first };
        }
        let row = self.exprs.axis(block * scale);
        let extent = if total.is_multiple_of(block) {
            Extent::Const(block)
        } else {
            Extent::Block { axis: self.units[u], block, total }
        };
        let extent = extent.times(scale);
        let row_index = self.exprs.index_axis(row);
        let index = self.exprs.index_add(row_index, first, (block * scale) as i64);
        Dimension { axis: Some((row, extent)), index }
    }

    fn free_dimension(&mut self, n: usize) -> Dimension {
        if n == 1 {
            return Dimension { axis: None, index: self.exprs.index_constant(0) };
        }
        let axis = self.exprs.axis(n);
        Dimension { axis: Some((axis, Extent::Const(n))), index: self.exprs.index_axis(axis) }
    }

    /// The member that a node is, if this group computes it.
    fn member_of(&self, node: NodeId) -> Option<usize> {
        self.members.get(&node).copied()
    }

    /// Where the elements of a node are, for reading; with its position for an index.
    fn position(&mut self, node: NodeId, index: &[IndexId]) -> (PlaceId, IndexId) {
        if let Some(bound) = self.bound.get(&node).cloned() {
            let steps = self.exprs.index_dot(index, &bound.strides);
            return (bound.place, self.exprs.index_add(bound.base, steps, 1));
        }
        let local =
            self.member_of(node).filter(|&at| self.group.members[at].residence == Residence::Local);
        match local {
            Some(at) => self.local_position(at, index),
            None => {
                let place = self.buffer(node, false);
                let strides = strides_of(self.graph, self.layouts, node);
                (place, self.exprs.index_dot(index, &strides))
            }
        }
    }

    /// The sizes of the part of a member that a unit computes.
    fn local_sizes(&self, at: usize) -> Vec<usize> {
        let member = &self.group.members[at];
        let mut sizes = self.value(at).sizes.clone();
        for (unit, along) in self.group.units.iter().zip(&member.dims) {
            sizes[along.dim] = unit.block * along.scale;
        }
        sizes
    }

    fn local_position(&mut self, at: usize, index: &[IndexId]) -> (PlaceId, IndexId) {
        let sizes = self.local_sizes(at);
        let mut index = index.to_vec();
        for (u, &Along { dim, scale }) in self.group.members[at].dims.iter().enumerate() {
            let unit = self.exprs.index_axis(self.units[u]);
            let rows = (self.group.units[u].block * scale) as i64;
            index[dim] = self.exprs.index_add(index[dim], unit, -rows);
        }
        let node = self.value(at).node;
        let place = match self.places.get(&(node, true)) {
            Some(&place) => place,
            None => {
                let place = PlaceId::Local(self.locals.len() as u32);
                self.locals.push(Local {
                    name: self.graph.node(node).name.to_string(),
                    dtype: self.value(at).tensor_type.dtype,
                    len: sizes.iter().product(),
                });
                self.places.insert((node, true), place);
                place
            }
        };
        (place, self.exprs.index_dot(&index, &strides(&sizes)))
    }

    fn buffer(&mut self, node: NodeId, written: bool) -> PlaceId {
        let next = PlaceId::Buffer(self.buffers.len() as u32);
        let place = *self.places.entry((node, false)).or_insert(next);
        if place == next {
            let node_type = self.graph.tensor_type(node);
            let sizes = node_type.sizes().expect("numbers");
            let len = span(&sizes, &strides_of(self.graph, self.layouts, node));
            let name = self.graph.node(node).name.to_string();
            self.buffers.push(Buffer { name, dtype: node_type.dtype, len, written });
            let argument = match self.graph.op(node) {
                Op::Leaf(Leaf::Constant(literal)) if self.in_body => {
                    Argument::Constant(literal.clone())
                }
                // A node of the body means nothing outside of it.
                _ if self.in_body => unreachable!("the body of a loop has locals and parameters"),
                _ => Argument::Node(node),
            };
            self.arguments.push((argument, written));
        }
        if let PlaceId::Buffer(b) = place {
            self.buffers[b as usize].written |= written;
            self.arguments[b as usize].1 |= written;
        }
        place
    }

    /// Where a member's own elements are written; `None` for a register.
    fn destination(&mut self, at: usize, index: &[IndexId]) -> Option<(PlaceId, IndexId)> {
        let node = self.value(at).node;
        if self.bound.contains_key(&node) {
            return Some(self.position(node, index));
        }
        match self.group.members[at].residence {
            Residence::Register => None,
            Residence::Local => Some(self.local_position(at, index)),
            Residence::Memory => {
                let place = self.buffer(node, true);
                let strides = strides_of(self.graph, self.layouts, node);
                Some((place, self.exprs.index_dot(index, &strides)))
            }
        }
    }

    /// Copies an expression of a value into the kernel. `registers` holds the values of the
    /// stage's members at the current index.
    fn rewrite(
        &mut self,
        pairs: &[(AxisId, IndexId)],
        registers: &FxHashMap<NodeId, ExprId>,
        body: ExprId,
    ) -> ExprId {
        self.rewrite_with(pairs, registers, |r| r.expr(body))
    }

    fn rewrite_with<T>(
        &mut self,
        pairs: &[(AxisId, IndexId)],
        registers: &FxHashMap<NodeId, ExprId>,
        run: impl FnOnce(&mut Rewrite<'_, &mut ElementFn<'_>>) -> T,
    ) -> T {
        let values = self.values;
        let own = std::mem::take(&mut self.own);
        // The pool moves between the rewrite and the place of an element, which needs `self`.
        let mut pool = std::mem::take(&mut self.exprs);
        let mut element = |pool: &mut Exprs, n: u32, index: &[IndexId], dtype| {
            let node = NodeId::from_number(n);
            if let Some(&value) = registers.get(&node) {
                return value;
            }
            if let Some(&t) = self.numbers.get(&node) {
                return pool.intern(Expr::Index(t, dtype));
            }
            std::mem::swap(pool, &mut self.exprs);
            let (place, index) = self.position(node, index);
            let load = self.exprs.intern(Expr::Load { place, index, dtype });
            std::mem::swap(pool, &mut self.exprs);
            load
        };
        let element: &mut ElementFn<'_> = &mut element;
        let pairs = pairs.iter().copied();
        let mut rewrite = Rewrite::new(&values.exprs, &mut pool, pairs, element).renumbered(&own);
        let result = run(&mut rewrite);
        (self.exprs, self.own) = (pool, own);
        result
    }

    /// The stages that are not loops over elements.
    fn single(&mut self, at: usize) -> Vec<Stmt> {
        let value = self.value(at);
        self.begin(at);
        match &value.work {
            Work::Contract(boxes) => {
                self.serve_parts();
                self.contract(at, boxes)
            }
            Work::Placement { .. } => self.place(at),
            Work::Scatter(part) => self.scatter(at, part),
            Work::Prefix(running) => self.prefix(at, running),
            Work::Sort(sorted) => self.sort(at, sorted),
            Work::Random { stream, seed, step } => self.random(at, stream, *seed, *step),
            Work::Repeat { length, body } => self.repeat(at, *length, body),
            Work::Result => vec![],
            Work::Map(_) | Work::Reduce { .. } => unreachable!("those are nests"),
        }
    }

    /// Begins a member: the kernel computes it, with everything inlined into it, and that is the
    /// origin of its expressions.
    fn begin(&mut self, at: usize) {
        self.own.clear();
        let value = self.value(at);
        let whole = self.whole_of(value);
        for &node in &value.parts {
            let next = self.nodes.len() as u32;
            let number = *self.noted.entry(node).or_insert(next);
            if number == next {
                let described = self.graph.node(node);
                self.nodes.push((described.name.clone(), described.provenance.clone()));
                let whole = whole.and_then(|node| self.noted.get(&node));
                self.part_of.push(whole.copied().unwrap_or(self.noted[&value.node]));
            }
            self.own.insert(node.number() as u32, number);
        }
        self.serve(at);
    }

    /// The loop of which a value is a result.
    fn whole_of(&self, value: &Value) -> Option<NodeId> {
        let picks = matches!(value.work, Work::Result);
        picks.then(|| self.graph.operands(value.node)[0])
    }

    /// What is made from now on, but for copies of expressions, is for a member alone.
    fn serve(&mut self, at: usize) {
        let number = self.noted[&self.value(at).node];
        let origin = self.exprs.origins_mut().of([number]);
        self.exprs.set_origin(origin);
    }

    /// What is made from now on is for all parts of the member at hand.
    fn serve_parts(&mut self) {
        let origin = self.exprs.origins_mut().of(self.own.values().copied());
        self.exprs.set_origin(origin);
    }

    /// A store for whom something is made at present.
    fn store(&self, place: PlaceId, index: IndexId, value: ExprId) -> Stmt {
        Stmt::Store { place, index, value, origin: self.exprs.origin() }
    }
}

/// The value that is result `k` of a loop, if anything reads it.
fn result(graph: &Graph, values: &Values, node: NodeId, k: usize) -> Option<NodeId> {
    let picks = |user: &NodeId| graph.op(*user).picked_result() == Some(k);
    graph.users(node).into_iter().find(|u| picks(u) && values.position.contains_key(u))
}

/// How many elements a memory has from the first element of a node to its last.
fn span(sizes: &[usize], strides: &[i64]) -> usize {
    if sizes.contains(&0) {
        return 0;
    }
    let last = sizes.iter().zip(strides).map(|(&n, &stride)| (n - 1) * stride as usize);
    1 + last.sum::<usize>()
}

fn members(values: &Values, group: &Group) -> FxHashMap<NodeId, usize> {
    group.members.iter().enumerate().map(|(at, m)| (values.list[m.value].node, at)).collect()
}

/// Serial loops around statements, the first axis outermost.
fn wrap(axes: &[(AxisId, Extent)], body: Vec<Stmt>) -> Vec<Stmt> {
    axes.iter().rev().fold(body, |body, &(axis, extent)| {
        vec![Stmt::For(Loop { axis, extent, kind: LoopKind::Serial, body, folds: vec![] })]
    })
}

/// Loops around a body, with each check within as few of them as it follows.
fn wrap_checked(
    exprs: &Exprs,
    axes: &[(AxisId, Extent)],
    checks: Vec<Stmt>,
    mut body: Vec<Stmt>,
) -> Vec<Stmt> {
    let mut left = checks;
    for &(axis, extent) in axes.iter().rev() {
        let here = take_following(exprs, &mut left, axis);
        body = wrap(&[(axis, extent)], [here, body].concat());
    }
    [left, body].concat()
}

/// Takes the checks of what may be another for another value of an axis; all, where it has none: what
/// is never read is not checked.
fn take_following(exprs: &Exprs, checks: &mut Vec<Stmt>, axis: AxisId) -> Vec<Stmt> {
    let follows = |stmt: &mut Stmt| match stmt {
        Stmt::Check { value, .. } => exprs.extent(axis) == 0 || exprs.follows(*value, axis),
        _ => unreachable!("a check"),
    };
    checks.extract_if(.., follows).collect()
}

type ElementFn<'a> = dyn FnMut(&mut Exprs, u32, &[IndexId], crate::ir::DType) -> ExprId + 'a;
