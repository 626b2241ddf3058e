//! A loop over a region, as a serial loop around the stages of the region's values.
//!
//! Everything inside lives in locals: the carries from one iteration to the next, the values of
//! the body within one. Sequences and captured values are read where they are, through strided
//! views that move with the iteration.

use rustc_hash::FxHashMap;

use super::{Bound, Builder};
use crate::fuse;
use crate::ir::{DType, Expr, Graph, IndexId, NodeId, PlaceId, TensorType, strides};
use crate::loop_ir::{Extent, Local, Loop, LoopKind, Stmt};
use crate::ops::{Control, Op, Scan};

impl Builder<'_> {
    pub(super) fn repeat(&mut self, at: usize) -> Vec<Stmt> {
        let node = self.value(at).node;
        let Op::Control(Control::Scan(scan)) = self.graph.op(node).clone() else { return vec![] };
        let operands = self.graph.operands(node).to_vec();
        let length = scan.length.as_number().and_then(|n| usize::try_from(n).ok());
        let length = length.expect("a specialised graph has numbers");
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
            } else if k < scan.n_carries + scan.n_sequences {
                let step = source.strides.remove(scan.axis);
                source.base = self.exprs.index_add(source.base, t, step);
            }
            bound.insert(parameter, source);
        }
        let iteration = scan.body.inputs.get(operands.len()).map(|&n| (n, t));
        let mut body = self.region(&scan, bound, iteration, &carries, (node, t));
        // The loop writes its memories, so nothing that it reads of them moves out of it.
        stmts.push(Stmt::For(Loop {
            axis: time,
            extent: Extent::Const(length),
            kind: LoopKind::Serial,
            body: std::mem::take(&mut body),
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
        bound: FxHashMap<NodeId, Bound>,
        iteration: Option<(NodeId, IndexId)>,
        carries: &[Bound],
        (node, t): (NodeId, IndexId),
    ) -> Vec<Stmt> {
        let (values, group) = fuse::region(&scan.body);
        let results: Vec<Option<Bound>> = (carries.len()..scan.body.outputs.len())
            .map(|k| self.result(node, k).map(|to| self.slice_of(to, scan.axis, t)))
            .collect();
        let mut inner = Builder {
            graph: &scan.body,
            values: &values,
            group: &group,
            checks: self.checks,
            members: super::members(&values, &group),
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
        let strides = self.strides_of(node, &sizes);
        Bound { place, base, strides }
    }

    fn strides_of(&self, node: NodeId, sizes: &[usize]) -> Vec<i64> {
        self.bound.get(&node).map_or_else(|| strides(sizes), |b| b.strides.clone())
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
        let users = self.graph.users(node);
        let reads = |u: &NodeId| matches!(self.graph.op(*u), Op::Control(Control::Result { index }) if *index == k);
        let user = users.into_iter().find(|u| reads(u) && self.member_of(*u).is_some())?;
        let at = self.member_of(user)?;
        let sizes = self.value(at).sizes.clone();
        let zeros: Vec<IndexId> = sizes.iter().map(|_| self.exprs.index_constant(0)).collect();
        let (place, base) = self.destination(at, &zeros)?;
        Some(Bound { place, base, strides: strides(&sizes) })
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
