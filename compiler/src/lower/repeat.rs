//! A loop within a kernel: a serial loop around the stages of its body's values.
//!
//! Everything inside lives in locals: the carries from one iteration to the next, the values of
//! the body within one, of each the part of the kernel's unit. Sequences and captured values are
//! read, and what is emitted is written, where it is, through strided views that move with the
//! iteration. A carry's next value is written over it, or copied to it at the end of an iteration.

use rustc_hash::FxHashMap;

use super::{Bound, KernelBuilder, Layouts, result, strides_of, wrap};
use crate::fuse::{Body, Residence, may_overwrite};
use crate::ir::{Expr, Graph, IndexId, NodeId, PlaceId, TensorType, strides};
use crate::loop_ir::{Extent, Local, Stmt};
use crate::ops::Scan;

impl KernelBuilder<'_> {
    pub(super) fn repeat(&mut self, at: usize, length: usize, body: &Body) -> Vec<Stmt> {
        let node = self.value(at).node;
        let scan = self.graph.op(node).scan().expect("what repeats a region is a scan").clone();
        let operands = self.graph.operands(node).to_vec();
        let time = self.exprs.axis(length);
        let forward = self.exprs.index_axis(time);
        let t = if scan.reverse {
            self.exprs.index_scale(forward, -1, length as i64 - 1)
        } else {
            forward
        };

        let mut stmts = vec![];
        let mut bound: FxHashMap<NodeId, Bound> = FxHashMap::default();
        let mut carries = vec![];
        let iteration = scan.body.inputs.get(operands.len()).map(|&n| (n, t));
        let mut numbers: FxHashMap<NodeId, IndexId> = iteration.into_iter().collect();
        for (k, &operand) in operands.iter().enumerate() {
            let parameter = scan.body.inputs[k];
            if let Some(&number) = self.numbers.get(&operand) {
                numbers.insert(parameter, number);
                continue;
            }
            let mut source = self.whole(operand);
            if k < scan.n_carries {
                let unit = body.unit_dim(scan.body.outputs[k].1);
                let carry = self.carry(&scan.body, parameter, unit);
                stmts.extend(self.copy(&source, &carry, self.graph.tensor_type(operand), unit));
                carries.push(carry.clone());
                source = carry;
            } else if scan.sequences().contains(&k) {
                let step = source.strides.remove(scan.axis);
                source.base = self.exprs.index_add(source.base, t, step);
            }
            bound.insert(parameter, source);
        }
        let inside = self.region(&scan, body, bound, numbers, &carries, (node, t));
        // The loop writes its memories, so nothing that it reads of them moves out of it.
        stmts.extend(wrap(&[(time, Extent::Const(length))], inside));
        for (k, carry) in carries.iter().enumerate() {
            if let Some(to) = self.result(node, k) {
                let tensor_type = self.graph.node(node).types[k].clone();
                let unit = body.unit_dim(scan.body.outputs[k].1);
                stmts.extend(self.copy(carry, &to, &tensor_type, unit));
            }
        }
        stmts
    }

    /// The statements of one iteration: the body's stages, then what it hands on.
    fn region(
        &mut self,
        scan: &Scan,
        body: &Body,
        mut bound: FxHashMap<NodeId, Bound>,
        numbers: FxHashMap<NodeId, IndexId>,
        carries: &[Bound],
        (node, t): (NodeId, IndexId),
    ) -> Vec<Stmt> {
        let [group] = body.fusion.groups.as_slice() else {
            unreachable!("a body within a kernel is one group, and so are those within it")
        };
        let values = &body.fusion.values;
        let layouts = Layouts::default();
        let mut copied = vec![];
        for (k, &(_, output)) in scan.body.outputs.iter().enumerate() {
            if k >= carries.len() {
                let whole = self.result(node, k);
                let part = whole.map(|whole| self.slice_of(whole, scan.axis, t));
                bound.extend(part.map(|part| (output, part)));
            } else if may_overwrite(values, group, &[scan.body.inputs[k]], output) {
                bound.insert(output, carries[k].clone());
            } else {
                copied.push((output, &carries[k]));
            }
        }
        let mut inner = KernelBuilder {
            graph: &body.fusion.graph,
            values,
            group,
            target: self.target,
            costs: self.costs,
            layouts: &layouts,
            checks: self.checks,
            members: super::members(values, group),
            exprs: std::mem::take(&mut self.exprs),
            units: self.units.clone(),
            buffers: std::mem::take(&mut self.buffers),
            arguments: std::mem::take(&mut self.arguments),
            locals: std::mem::take(&mut self.locals),
            places: FxHashMap::default(),
            bound,
            numbers,
            in_body: true,
            nodes: std::mem::take(&mut self.nodes),
            part_of: std::mem::take(&mut self.part_of),
            noted: FxHashMap::default(),
            own: FxHashMap::default(),
        };
        let own = inner.exprs.origin();
        let mut stmts = inner.stages();
        inner.exprs.set_origin(own);
        for (output, to) in copied {
            let from = inner.whole(output);
            let unit = body.unit_dim(output);
            stmts.extend(inner.copy(&from, to, scan.body.tensor_type(output), unit));
        }
        self.exprs = std::mem::take(&mut inner.exprs);
        self.buffers = std::mem::take(&mut inner.buffers);
        self.arguments = std::mem::take(&mut inner.arguments);
        self.locals = std::mem::take(&mut inner.locals);
        self.nodes = std::mem::take(&mut inner.nodes);
        self.part_of = std::mem::take(&mut inner.part_of);
        stmts
    }

    /// All of a node's elements where they are.
    fn whole(&mut self, node: NodeId) -> Bound {
        let sizes = self.graph.tensor_type(node).sizes().expect("numbers");
        let zeros: Vec<IndexId> = sizes.iter().map(|_| self.exprs.index_constant(0)).collect();
        let (place, base) = self.position(node, &zeros);
        let strides = self.held_strides(node);
        Bound { place, base, strides }
    }

    /// The strides of a node where its elements are.
    fn held_strides(&self, node: NodeId) -> Vec<i64> {
        let local = |&at: &usize| self.group.members[at].residence == Residence::Local;
        match (self.bound.get(&node), self.member_of(node).filter(local)) {
            (Some(bound), _) => bound.strides.clone(),
            (None, Some(at)) => strides(&self.local_sizes(at)),
            (None, None) => strides_of(self.graph, self.layouts, node),
        }
    }

    /// A local that keeps the unit's part of a carry from one iteration to the next. `unit` is the
    /// carry's dimension along which the units lie.
    fn carry(&mut self, body: &Graph, parameter: NodeId, unit: Option<usize>) -> Bound {
        let tensor_type = body.tensor_type(parameter);
        let mut sizes = tensor_type.sizes().expect("numbers");
        if let Some(d) = unit {
            sizes[d] = self.group.units[0].block;
        }
        let place = PlaceId::Local(self.locals.len() as u32);
        self.locals.push(Local {
            name: body.node(parameter).name.to_string(),
            dtype: tensor_type.dtype,
            len: sizes.iter().product(),
        });
        let strides = strides(&sizes);
        let mut base = self.exprs.index_constant(0);
        if let Some(d) = unit {
            let first = self.exprs.index_axis(self.units[0]);
            base = self.exprs.index_add(base, first, -(sizes[d] as i64) * strides[d]);
        }
        Bound { place, base, strides }
    }

    /// Where result `k` of a loop goes; `None` where nothing reads it.
    fn result(&mut self, node: NodeId, k: usize) -> Option<Bound> {
        let user = result(self.graph, self.values, node, k)?;
        let at = self.member_of(user)?;
        let sizes = self.value(at).sizes.clone();
        let zeros: Vec<IndexId> = sizes.iter().map(|_| self.exprs.index_constant(0)).collect();
        let (place, base) = self.destination(at, &zeros)?;
        let strides = self.held_strides(user);
        Some(Bound { place, base, strides })
    }

    /// The part of a stacked result that iteration `t` emits.
    fn slice_of(&mut self, mut whole: Bound, axis: usize, t: IndexId) -> Bound {
        let step = whole.strides.remove(axis);
        whole.base = self.exprs.index_add(whole.base, t, step);
        whole
    }

    /// Copies the unit's part of a value.
    fn copy(
        &mut self,
        from: &Bound,
        to: &Bound,
        tensor_type: &TensorType,
        unit: Option<usize>,
    ) -> Vec<Stmt> {
        let sizes = tensor_type.sizes().expect("numbers");
        let dimension = |(d, &n): (usize, &usize)| match unit {
            Some(u) if u == d => self.unit_dimension(0, 1),
            Some(_) | None => self.free_dimension(n),
        };
        let dims: Vec<_> = sizes.iter().enumerate().map(dimension).collect();
        let at = |s: &mut Self, b: &Bound| {
            dims.iter().zip(&b.strides).fold(b.base, |i, (d, &k)| s.exprs.index_add(i, d.index, k))
        };
        let (source, target) = (at(self, from), at(self, to));
        let load = Expr::Load { place: from.place, index: source, dtype: tensor_type.dtype };
        let value = self.exprs.intern(load);
        let axes: Vec<_> = dims.iter().filter_map(|d| d.axis).collect();
        wrap(&axes, vec![self.store(to.place, target, value)])
    }
}
