//! A loop within a kernel: a serial loop around the stages of its body's values.
//!
//! Everything inside lives in locals: the carries from one iteration to the next, the values of
//! the body within one. Sequences and captured values are read where they are, through strided
//! views that move with the iteration.

use rustc_hash::FxHashMap;

use super::{Bound, Builder, Layouts};
use crate::fuse::{Body, Residence};
use crate::ir::{DType, Expr, Graph, IndexId, NodeId, PlaceId, TensorType, strides};
use crate::loop_ir::{Extent, Local, Loop, LoopKind, Stmt};
use crate::ops::Scan;

impl Builder<'_> {
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
        for (k, &operand) in operands.iter().enumerate() {
            let parameter = scan.body.inputs[k];
            let mut source = self.whole(operand);
            if k < scan.n_carries {
                let carry = self.carry(&scan.body, parameter);
                stmts.extend(self.copy(&source, &carry, self.graph.tensor_type(operand)));
                carries.push(carry.clone());
                source = carry;
            } else if scan.sequences().contains(&k) {
                let step = source.strides.remove(scan.axis);
                source.base = self.exprs.index_add(source.base, t, step);
            }
            bound.insert(parameter, source);
        }
        let iteration = scan.body.inputs.get(operands.len()).map(|&n| (n, t));
        let body = self.region(&scan, body, bound, iteration, &carries, (node, t));
        // The loop writes its memories, so nothing that it reads of them moves out of it.
        stmts.push(Stmt::For(Loop {
            axis: time,
            extent: Extent::Const(length),
            kind: LoopKind::Serial,
            body,
            folds: vec![],
        }));
        for (k, carry) in carries.iter().enumerate() {
            if let Some(to) = self.result(node, k) {
                let tensor_type = self.graph.node(node).types[k].clone();
                stmts.extend(self.copy(carry, &to, &tensor_type));
            }
        }
        stmts
    }

    /// The statements of one iteration: the body's stages, then what it hands on.
    fn region(
        &mut self,
        scan: &Scan,
        body: &Body,
        bound: FxHashMap<NodeId, Bound>,
        iteration: Option<(NodeId, IndexId)>,
        carries: &[Bound],
        (node, t): (NodeId, IndexId),
    ) -> Vec<Stmt> {
        let [group] = body.fusion.groups.as_slice() else {
            unreachable!("a body within a kernel is one group, and so are those within it")
        };
        let values = &body.fusion.values;
        let layouts = Layouts::default();
        let results: Vec<Option<Bound>> = (carries.len()..scan.body.outputs.len())
            .map(|k| self.result(node, k).map(|to| self.slice_of(to, scan.axis, t)))
            .collect();
        let mut inner = Builder {
            graph: &scan.body,
            values,
            group,
            layouts: &layouts,
            checks: self.checks,
            members: super::members(values, group),
            exprs: std::mem::take(&mut self.exprs),
            units: vec![],
            buffers: std::mem::take(&mut self.buffers),
            arguments: std::mem::take(&mut self.arguments),
            locals: std::mem::take(&mut self.locals),
            places: FxHashMap::default(),
            bound,
            iteration,
            nodes: std::mem::take(&mut self.nodes),
            noted: Default::default(),
        };
        let mut stmts = inner.stages();
        let targets = carries.iter().cloned().map(Some).chain(results);
        for ((_, output), to) in scan.body.outputs.iter().zip(targets) {
            let Some(to) = to else { continue };
            let from = inner.whole(*output);
            let tensor_type = scan.body.tensor_type(*output).clone();
            stmts.extend(inner.copy(&from, &to, &tensor_type));
        }
        self.exprs = std::mem::take(&mut inner.exprs);
        self.buffers = std::mem::take(&mut inner.buffers);
        self.arguments = std::mem::take(&mut inner.arguments);
        self.locals = std::mem::take(&mut inner.locals);
        self.nodes = std::mem::take(&mut inner.nodes);
        stmts
    }

    /// All of a node's elements where they are.
    fn whole(&mut self, node: NodeId) -> Bound {
        let sizes = self.graph.tensor_type(node).sizes().expect("numbers");
        let zeros: Vec<IndexId> = sizes.iter().map(|_| self.exprs.index_constant(0)).collect();
        let (place, base) = self.position(node, &zeros);
        let strides = self.bound_strides(node);
        Bound { place, base, strides }
    }

    fn bound_strides(&self, node: NodeId) -> Vec<i64> {
        let of_memory = || super::strides_of(self.graph, self.layouts, node);
        self.bound.get(&node).map_or_else(of_memory, |b| b.strides.clone())
    }

    /// A local that keeps a carry from one iteration to the next.
    fn carry(&mut self, body: &Graph, parameter: NodeId) -> Bound {
        let tensor_type = body.tensor_type(parameter);
        let sizes = tensor_type.sizes().expect("numbers");
        let place = PlaceId::Local(self.locals.len() as u32);
        self.locals.push(Local {
            name: body.node(parameter).name.to_string(),
            dtype: tensor_type.dtype,
            len: sizes.iter().product(),
        });
        Bound { place, base: self.exprs.index_constant(0), strides: strides(&sizes) }
    }

    /// Where result `k` of a loop goes; `None` where nothing reads it.
    fn result(&mut self, node: NodeId, k: usize) -> Option<Bound> {
        let user = super::waves::result(self.graph, self.values, node, k)?;
        let at = self.member_of(user)?;
        let sizes = self.value(at).sizes.clone();
        let zeros: Vec<IndexId> = sizes.iter().map(|_| self.exprs.index_constant(0)).collect();
        let (place, base) = self.destination(at, &zeros)?;
        let strides = match self.group.members[at].residence {
            Residence::Memory => super::strides_of(self.graph, self.layouts, user),
            Residence::Register | Residence::Local => strides(&sizes),
        };
        Some(Bound { place, base, strides })
    }

    /// The part of a stacked result that iteration `t` emits.
    fn slice_of(&mut self, mut whole: Bound, axis: usize, t: IndexId) -> Bound {
        let step = whole.strides.remove(axis);
        whole.base = self.exprs.index_add(whole.base, t, step);
        whole
    }

    fn copy(&mut self, from: &Bound, to: &Bound, tensor_type: &TensorType) -> Vec<Stmt> {
        let sizes = tensor_type.sizes().expect("numbers");
        let dims: Vec<_> = sizes.iter().map(|&n| self.free_dimension(n)).collect();
        let at = |s: &mut Self, b: &Bound| {
            dims.iter().zip(&b.strides).fold(b.base, |i, (d, &k)| s.exprs.index_add(i, d.index, k))
        };
        let (source, target) = (at(self, from), at(self, to));
        let load = Expr::Load { place: from.place, index: source, dtype: tensor_type.dtype };
        let value = self.exprs.intern(load);
        let axes: Vec<_> = dims.iter().filter_map(|d| d.axis).collect();
        let adjacent = from.strides.last() == Some(&1) && to.strides.last() == Some(&1);
        let store = vec![Stmt::Store { place: to.place, index: target, value }];
        if adjacent && tensor_type.dtype != DType::Bool {
            self.vector_nest(&axes, store)
        } else {
            super::wrap(&axes, store)
        }
    }
}
