//! Orders by calls of the library, which sorts i64s: each is a key of 32 bits above its position,
//! so that no two are equal and equal keys stay in their order. Keys of 64 bits are sorted by their
//! lower halves and then, as they are in that order, by their upper halves.

use rustc_hash::FxHashMap;

use super::{Dimension, KernelBuilder, wrap, wrap_checked};
use crate::ir::{AxisId, BinaryFn, DType, Expr, ExprId, IndexId, PlaceId, Scalar, Sorted};
use crate::loop_ir::{Chunk, ChunkFn, Extent, Local, Stmt};

impl KernelBuilder<'_> {
    /// For each index of the other dimensions: the keys with their positions, a call that sorts
    /// them, and the positions as they are then.
    pub(super) fn sort(&mut self, at: usize, sorted: &Sorted) -> Vec<Stmt> {
        let dims = self.dimensions(at);
        let others = dims.iter().enumerate().filter(|(d, _)| *d != sorted.along);
        let others: Vec<Dimension> = others.map(|(_, d)| *d).collect();
        let n = self.values.exprs.extent(sorted.positions) as usize;
        let wanted = self.value(at).sizes[sorted.along];
        let from = self.counter(n);
        let axes = sorted.axes.iter().enumerate().filter(|(d, _)| *d != sorted.along);
        let mut pairs: Vec<(AxisId, IndexId)> =
            axes.map(|(_, &axis)| axis).zip(others.iter().map(|d| d.index)).collect();
        pairs.push((sorted.positions, from.index));
        let none = FxHashMap::default();
        let checks = self.checks_of(&pairs, &none, &self.value(at).indices);
        let key = self.rewrite(&pairs, &none, sorted.key);
        let to = self.counter(wanted);
        let (mut stmts, position) = match self.exprs.dtype(key) {
            DType::I64 => self.by_halves(at, (n, wanted), (&from, key), &to, checks),
            DType::I32 | DType::U8 | DType::Bool | DType::F32 | DType::F64 => {
                let keys = self.packing(at, "keys", n);
                let stmts = self.pack((&keys, wanted), &from, key, checks);
                (stmts, self.unpacked(&keys, to.index))
            }
        };
        let value = self.exprs.cast(DType::I32, position);
        let mut index: Vec<IndexId> = dims.iter().map(|d| d.index).collect();
        index[sorted.along] = to.index;
        let Some((place, index)) = self.destination(at, &index) else { return vec![] };
        stmts.extend(wrap(&[to.level], vec![self.store(place, index, value)]));
        let loops: Vec<(AxisId, Extent)> = others.iter().filter_map(|d| d.axis).collect();
        wrap(&loops, stmts)
    }

    /// Sorts positions by the lower halves of keys, then those positions by the upper halves.
    fn by_halves(
        &mut self,
        at: usize,
        (n, wanted): (usize, usize),
        (from, key): (&Counter, ExprId),
        to: &Counter,
        checks: Vec<Stmt>,
    ) -> (Vec<Stmt>, ExprId) {
        let (keys, lower, upper) = (
            self.packing(at, "keys", n),
            self.packing(at, "lower", n),
            self.packing(at, "upper", n),
        );
        let store = self.store(keys.place, from.index, key);
        let mut stmts = wrap_checked(&self.exprs, &[from.level], checks, vec![store]);
        let again = self.counter(n);
        let key = self.loaded(&keys, again.index);
        // The lower half has no sign: its order as an i32 is that of it less 2^31.
        let half = self.exprs.intern(Expr::ShiftLeft(key, HALF));
        let sign = self.exprs.constant(Scalar::I64(i64::MIN));
        let half = self.exprs.binary(BinaryFn::Add, half, sign);
        let half = self.exprs.intern(Expr::ShiftRightSigned(half, HALF));
        stmts.extend(self.pack((&lower, n), &again, half, vec![]));
        let again = self.counter(n);
        let position = self.unpacked(&lower, again.index);
        let position = self.exprs.index_data(position, n);
        let key = self.loaded(&keys, position);
        let half = self.exprs.intern(Expr::ShiftRightSigned(key, HALF));
        stmts.extend(self.pack((&upper, wanted), &again, half, vec![]));
        let position = self.unpacked(&upper, to.index);
        let position = self.exprs.index_data(position, n);
        (stmts, self.unpacked(&lower, position))
    }

    /// A loop over all positions.
    fn counter(&mut self, n: usize) -> Counter {
        let axis = self.exprs.axis(n);
        Counter { level: (axis, Extent::Const(n)), index: self.exprs.index_axis(axis) }
    }

    /// A local of `n` i64s.
    fn packing(&mut self, at: usize, what: &str, n: usize) -> Packing {
        let place = PlaceId::Local(self.locals.len() as u32);
        let name = format!("{}.{what}", self.graph.node(self.value(at).node).name);
        self.locals.push(Local { name, dtype: DType::I64, len: n });
        Packing { place, n }
    }

    /// Fills a local with keys of 32 bits and their positions, and sorts so many of the first.
    fn pack(
        &mut self,
        (to, first): (&Packing, usize),
        counter: &Counter,
        key: ExprId,
        checks: Vec<Stmt>,
    ) -> Vec<Stmt> {
        let key = self.exprs.cast(DType::I64, key);
        let key = self.exprs.intern(Expr::ShiftLeft(key, HALF));
        let position = self.exprs.intern(Expr::Index(counter.index, DType::I64));
        let value = self.exprs.binary(BinaryFn::Add, key, position);
        let store = self.store(to.place, counter.index, value);
        let mut stmts = wrap_checked(&self.exprs, &[counter.level], checks, vec![store]);
        let start = self.exprs.index_constant(0);
        let (function, n) = (ChunkFn::Sort { first }, Extent::Const(to.n));
        let origin = self.exprs.origin();
        stmts.push(Stmt::Chunk(Chunk { function, to: (to.place, start), n, origin }));
        stmts
    }

    fn loaded(&mut self, from: &Packing, index: IndexId) -> ExprId {
        self.exprs.intern(Expr::Load { place: from.place, index, dtype: DType::I64 })
    }

    /// The position below a key.
    fn unpacked(&mut self, from: &Packing, index: IndexId) -> ExprId {
        let packed = self.loaded(from, index);
        let position = self.exprs.intern(Expr::ShiftLeft(packed, HALF));
        self.exprs.intern(Expr::ShiftRightSigned(position, HALF))
    }
}

/// Bits of a half of an i64.
const HALF: u8 = 32;

/// A loop over positions.
struct Counter {
    level: (AxisId, Extent),
    index: IndexId,
}

/// A local of i64s.
struct Packing {
    place: PlaceId,
    n: usize,
}
