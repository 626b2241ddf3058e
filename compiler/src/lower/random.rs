//! Random bits as calls of the library.

use super::{Argument, KernelBuilder, strides_of, wrap};
use crate::fuse::Residence;
use crate::ir::{AxisId, DType, Expr, IndexId, Name, NodeId, PlaceId, strides};
use crate::loop_ir::{Buffer, Chunk, ChunkFn, Extent, Local, Stmt};

impl KernelBuilder<'_> {
    /// The first dimension of a member from which on its elements are adjacent in memory.
    fn first_adjacent(&self, at: usize) -> usize {
        let value = self.value(at);
        let found = match self.bound.get(&value.node) {
            Some(bound) => bound.strides.clone(),
            None if self.group.members[at].residence == Residence::Memory => {
                strides_of(self.graph, self.layouts, value.node)
            }
            None => return 0,
        };
        let wanted = strides(&value.sizes);
        let gap = (0..value.sizes.len()).rev().find(|&d| found[d] != wanted[d]);
        gap.map_or(0, |d| (d + 1).min(value.sizes.len().saturating_sub(1)))
    }

    /// One library call for each part of the unit that is adjacent in memory: from the last unit
    /// dimension on, or from a later one where the result has gaps.
    pub(super) fn random(
        &mut self,
        at: usize,
        stream: &Name,
        seed: NodeId,
        step: NodeId,
    ) -> Vec<Stmt> {
        let dims = self.dimensions(at);
        let sizes = &self.value(at).sizes;
        let mut stmts = vec![];
        let (seed, step) = (self.clock(seed, &mut stmts), self.clock(step, &mut stmts));
        let last_unit = self.group.members[at].dims.iter().map(|a| a.dim).max().unwrap_or(0);
        let split = last_unit.max(self.first_adjacent(at));
        let mut index: Vec<IndexId> = dims.iter().map(|d| d.index).collect();
        // The call begins where the loops that it stands for would.
        for (index, dim) in index.iter_mut().zip(&dims).skip(split) {
            if let Some((axis, _)) = dim.axis {
                let axis = self.exprs.index_axis(axis);
                *index = self.exprs.index_add(*index, axis, -1);
            }
        }
        let inner: usize = sizes.iter().skip(split + 1).product();
        let n = dims.get(split).and_then(|d| d.axis).map_or(Extent::Const(1), |(_, n)| n);
        let n = n.times(inner);
        let first = self.exprs.index_dot(&index, &strides(sizes));
        let Some(to) = self.destination(at, &index) else { return vec![] };
        let key = self.key(stream);
        let function = ChunkFn::Philox { key, first, seed, step };
        let call = Chunk { function, to, n, origin: self.exprs.origin() };
        let axes: Vec<(AxisId, Extent)> = dims[..split].iter().filter_map(|d| d.axis).collect();
        stmts.extend(wrap(&axes, vec![Stmt::Chunk(call)]));
        stmts
    }

    /// The memory of the key of a stream: kernels that differ in it alone share their code.
    fn key(&mut self, stream: &Name) -> PlaceId {
        let argument = (Argument::Key(stream.clone()), false);
        let known = self.arguments.iter().position(|known| *known == argument);
        let at = known.unwrap_or_else(|| {
            let name = format!("{stream}.key");
            self.buffers.push(Buffer { name, dtype: DType::I64, len: 1, written: false });
            self.arguments.push(argument);
            self.arguments.len() - 1
        });
        PlaceId::Buffer(at as u32)
    }

    /// The memory that begins with an i64 scalar: its own, or a local to which it is copied first.
    fn clock(&mut self, node: NodeId, stmts: &mut Vec<Stmt>) -> PlaceId {
        let value = match self.numbers.get(&node) {
            Some(&number) => Expr::Index(number, DType::I64),
            None => {
                let (place, index) = self.position(node, &[]);
                if self.exprs.range(index) == (0, 0) {
                    return place;
                }
                Expr::Load { place, index, dtype: DType::I64 }
            }
        };
        let value = self.exprs.intern(value);
        let place = PlaceId::Local(self.locals.len() as u32);
        let name = self.graph.node(node).name.to_string();
        self.locals.push(Local { name, dtype: DType::I64, len: 1 });
        let index = self.exprs.index_constant(0);
        stmts.push(self.store(place, index, value));
        place
    }
}
