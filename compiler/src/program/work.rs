//! How much work the calls of a program are: operations, bytes, and which nodes they are for.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Call, Program};
use crate::ir::{Expr, ExprId, OriginId};
use crate::loop_ir::{Chunk, ChunkFn, Extent, Kernel, Loop, LoopKind, Stmt, Tile};

/// The work of a kernel, each time that it is called.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// Operations on numbers: a fused multiply-add is two, a function of the library as many as its
    /// cost.
    pub operations: f64,
    /// Bytes of the memories that it reads and that it writes, each once.
    pub bytes: f64,
    /// For each set of nodes that something in it is for, an estimate of the time that this takes
    /// beside the others, in no unit.
    pub parts: Vec<(OriginId, f64)>,
}

impl Program {
    /// The work of each kernel.
    pub fn work(&self) -> Vec<Work> {
        self.kernels.iter().map(|kernel| Counter::new(kernel).run()).collect()
    }
}

/// What the time of a call is for: the part of it, from 0 to 1, for each node by its number in
/// [`Call::nodes`]. What is for several nodes is for each of them alike.
pub fn shares(kernel: &Kernel, call: &Call, work: &Work) -> Vec<f64> {
    let mut shares = vec![0.0; call.nodes.len()];
    for &(origin, weight) in &work.parts {
        let numbers = kernel.exprs.origins().get(origin);
        for &n in numbers {
            shares[n as usize] += weight / numbers.len() as f64;
        }
    }
    let all: f64 = shares.iter().sum();
    if all > 0.0 {
        shares.iter_mut().for_each(|share| *share /= all);
    }
    shares
}

/// Lanes that a unit of weight does at once, beside one scalar: those of a register of f32.
const AT_ONCE: f64 = 8.0;

/// Operations of a product in a unit of weight.
const OF_PRODUCT: f64 = 2.0 * AT_ONCE;

struct Counter<'a> {
    kernel: &'a Kernel,
    /// How often what is counted runs.
    times: f64,
    /// How many lanes run at once.
    lanes: f64,
    operations: f64,
    parts: FxHashMap<OriginId, f64>,
}

impl Counter<'_> {
    fn new(kernel: &Kernel) -> Counter<'_> {
        let times = kernel.n_units() as f64;
        Counter { kernel, times, lanes: 1.0, operations: 0.0, parts: FxHashMap::default() }
    }

    fn run(mut self) -> Work {
        self.body(&self.kernel.body);
        let bytes = |b: &crate::loop_ir::Buffer| (b.len * b.dtype.size()) as f64;
        let bytes = self.kernel.buffers.iter().map(bytes).sum();
        let mut parts: Vec<(OriginId, f64)> = self.parts.into_iter().collect();
        parts.sort_unstable_by_key(|(origin, _)| *origin);
        Work { operations: self.operations, bytes, parts }
    }

    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::For(l) => self.in_loop(l),
                Stmt::Let(_, value) => self.value(*value),
                Stmt::Store { value, origin, .. } => {
                    self.value(*value);
                    self.weigh(*origin, 1.0);
                }
                Stmt::Check { value, origin, .. } => {
                    self.value(*value);
                    self.weigh(*origin, 1.0);
                }
                Stmt::Tile(tile) => self.tile(tile),
                Stmt::Chunk(chunk) => self.chunk(chunk),
            }
        }
    }

    fn in_loop(&mut self, l: &Loop) {
        let (times, lanes) = (self.times, self.lanes);
        self.times *= self.count(l.extent);
        if let LoopKind::Vector(n) = l.kind {
            self.lanes = f64::from(n).min(AT_ONCE);
        }
        self.body(&l.body);
        for fold in &l.folds {
            fold.values.iter().for_each(|&value| self.value(value));
            self.operations += self.times;
            self.weigh(fold.origin, 1.0);
        }
        (self.times, self.lanes) = (times, lanes);
    }

    /// How far a loop counts, on average over the units.
    fn count(&self, extent: Extent) -> f64 {
        match extent {
            Extent::Const(n) => n as f64,
            Extent::Block { block, total, .. } => {
                total as f64 / total.div_ceil(block).max(1) as f64
            }
        }
    }

    /// Every operation of an expression once.
    fn value(&mut self, root: ExprId) {
        let exprs = &self.kernel.exprs;
        let (mut seen, mut stack) = (FxHashSet::default(), vec![root]);
        while let Some(id) = stack.pop() {
            if !seen.insert(id) {
                continue;
            }
            let own = match exprs.expr(id) {
                Expr::Const(..) | Expr::Var(..) => continue,
                Expr::Load { index, .. } | Expr::Index(index, _) => {
                    stack.extend(exprs.data_of(*index));
                    0
                }
                Expr::Fma(..) => 2,
                Expr::Unary(f, _) => f.cost(),
                Expr::Binary(f, ..) => f.cost(),
                Expr::Compare(..) | Expr::Select(..) => 1,
                Expr::Element { .. } | Expr::Cast(..) | Expr::Bitcast(..) => 0,
                Expr::ShiftLeft(..) | Expr::ShiftRightSigned(..) => 0,
            };
            stack.extend(exprs.operands(id));
            if exprs.dtype(id).is_float() {
                self.operations += f64::from(own) * self.times;
            }
            self.weigh(exprs.origin_of(id), f64::from(own.max(1)));
        }
    }

    fn tile(&mut self, tile: &Tile) {
        let terms = match tile.within {
            Some(_) => (0..tile.m[0].max()).map(|i| tile.terms(i).len()).sum::<usize>() as f64,
            None => self.count(tile.m[0]) * tile.len[2] as f64,
        };
        let elements = self.count(tile.m[1]) * self.count(tile.n);
        let operations = 2.0 * elements * terms * (tile.len[0] * tile.len[1]) as f64;
        self.operations += operations * self.times;
        let weight = operations * self.times / OF_PRODUCT;
        *self.parts.entry(tile.origin).or_default() += weight;
    }

    fn chunk(&mut self, chunk: &Chunk) {
        let n = self.count(chunk.n);
        let of_element = match &chunk.function {
            ChunkFn::Math { function, .. } => f64::from(function.cost()),
            ChunkFn::Philox { .. } => AT_ONCE,
            ChunkFn::Sort { .. } => AT_ONCE * n.max(2.0).log2(),
            ChunkFn::Claim => return,
        };
        if let ChunkFn::Math { .. } = chunk.function {
            self.operations += of_element * n * self.times;
        }
        *self.parts.entry(chunk.origin).or_default() += of_element * n * self.times / AT_ONCE;
    }

    fn weigh(&mut self, origin: OriginId, weight: f64) {
        *self.parts.entry(origin).or_default() += weight * self.times / self.lanes;
    }
}
