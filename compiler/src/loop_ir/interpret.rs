//! The meaning of kernels, executed: the oracle that machine code is compared with, bit for bit
//! but for the bits of a NaN. A kernel must have passed [`verify`](super::verify()).

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::{Chunk, ChunkFn, Extent, Fold, Kernel, Loop, LoopKind, Stmt, Tile, failure};
use crate::ir::{
    AxisId, BinaryFn, DType, Expr, ExprId, Exprs, IndexId, LibraryFn, Monoid, PlaceId, Scalar,
    Target, Term, VarId, philox_word,
};

/// Where an argument of a kernel is: in which of the memories, from which byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The number of the memory.
    pub memory: usize,
    /// The position in bytes.
    pub offset: usize,
}

/// Runs a range of a kernel's units on `memories`, of which `arguments` names one place per
/// buffer. Arguments may overlap as far as the kernel allows. `status` becomes the [`failure`] of
/// the first check that fails, if it is 0.
pub fn run_units(
    kernel: &Kernel,
    target: &Target,
    arguments: &[Pointer],
    memories: &mut [Vec<u8>],
    units: Range<usize>,
    status: &mut u64,
) {
    let locals = kernel.locals.iter().map(|l| vec![0; l.len * l.dtype.size()]).collect();
    let mut machine = Machine {
        kernel,
        target,
        arguments,
        memories,
        locals,
        status,
        axes: vec![],
        lanes: (None, 1),
        vars: vec![],
        known: Known::default(),
    };
    for unit in units {
        // All bits set is a NaN: what reads a local before the unit has written it shows.
        machine.locals.iter_mut().for_each(|local| local.fill(0xFF));
        let mut rest = unit;
        for &axis in kernel.units.iter().rev() {
            let extent = kernel.exprs.extent(axis).max(1) as usize;
            machine.set_axis(axis, rest % extent);
            rest /= extent;
        }
        machine.body(&kernel.body);
    }
}

/// The values of expressions within one evaluation, so that what is shared is computed once.
#[derive(Default)]
struct Known {
    evaluation: u64,
    values: Vec<(u64, Scalar)>,
}

struct Machine<'a> {
    kernel: &'a Kernel,
    target: &'a Target,
    arguments: &'a [Pointer],
    memories: &'a mut [Vec<u8>],
    locals: Vec<Vec<u8>>,
    status: &'a mut u64,
    /// By axis: what it counts. Within a vector loop lane 0's.
    axes: Vec<i64>,
    /// The axis of the vector loop around, and how many values it runs at once.
    lanes: (Option<AxisId>, usize),
    /// By variable: one value, or one a lane.
    vars: Vec<Vec<Scalar>>,
    known: Known,
}

impl Machine<'_> {
    fn set_axis(&mut self, axis: AxisId, value: usize) {
        let i = axis.0 as usize;
        if self.axes.len() <= i {
            self.axes.resize(i + 1, 0);
        }
        self.axes[i] = value as i64;
    }

    fn set_var(&mut self, var: VarId, values: Vec<Scalar>) {
        let i = var.0 as usize;
        if self.vars.len() <= i {
            self.vars.resize(i + 1, vec![]);
        }
        self.vars[i] = values;
    }

    fn count(&self, extent: Extent) -> usize {
        match extent {
            Extent::Const(n) => n,
            Extent::Block { axis, block, total } => {
                block.min(total - block * self.axes[axis.0 as usize] as usize)
            }
        }
    }

    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::For(l) => self.for_loop(l),
                Stmt::Let(var, value) => {
                    let values = self.lanes_of(*value);
                    self.set_var(*var, values);
                }
                Stmt::Store { place, index, value, .. } => {
                    let positions: Vec<usize> =
                        (0..self.lanes.1).map(|lane| self.position(*index, lane)).collect();
                    let values = self.lanes_of(*value);
                    for (position, value) in positions.into_iter().zip(values) {
                        self.store(*place, position, value);
                    }
                }
                Stmt::Check { value, size, number, .. } => {
                    for x in self.lanes_of(*value) {
                        let index = integer(x);
                        if !(0..*size).contains(&index) && *self.status == 0 {
                            *self.status = failure(*number, index);
                        }
                    }
                }
                Stmt::Tile(tile) => self.tile(tile),
                Stmt::Chunk(chunk) => self.chunk(chunk),
            }
        }
    }

    fn for_loop(&mut self, l: &Loop) {
        let n = self.count(l.extent);
        let mut folded: Vec<Vec<Vec<Scalar>>> = l.folds.iter().map(|f| self.initial(f)).collect();
        match l.kind {
            LoopKind::Serial => self.iterations(l, 0..n, &mut folded),
            LoopKind::Vector(lanes) => self.vectors(l, usize::from(lanes), n, &mut folded),
        }
        for (fold, values) in l.folds.iter().zip(folded) {
            for (v, &var) in fold.vars.iter().enumerate() {
                self.set_var(var, values.iter().map(|value| value[v]).collect());
            }
        }
    }

    /// The start of a fold: per lane, per variable.
    fn initial(&mut self, fold: &Fold) -> Vec<Vec<Scalar>> {
        let init: Vec<Vec<Scalar>> = fold.init.iter().map(|&x| self.lanes_of(x)).collect();
        transposed(&init)
    }

    /// `acc = acc ⊕ value` in every lane.
    fn fold_in(&mut self, l: &Loop, folded: &mut [Vec<Vec<Scalar>>]) {
        let values: Vec<Vec<Vec<Scalar>>> = l
            .folds
            .iter()
            .map(|fold| fold.values.iter().map(|&x| self.lanes_of(x)).collect::<Vec<_>>())
            .map(|of_vars| transposed(&of_vars))
            .collect();
        for ((fold, acc), values) in l.folds.iter().zip(folded).zip(values) {
            for (acc, value) in acc.iter_mut().zip(values) {
                *acc = combine(fold.monoid, acc, &value);
            }
        }
    }

    /// Iterations one by one.
    fn iterations(&mut self, l: &Loop, range: Range<usize>, folded: &mut [Vec<Vec<Scalar>>]) {
        for i in range {
            self.set_axis(l.axis, i);
            self.body(&l.body);
            self.fold_in(l, folded);
        }
    }

    /// The iterations of a vector loop, and what its lanes fold to.
    fn vectors(&mut self, l: &Loop, lanes: usize, n: usize, folded: &mut [Vec<Vec<Scalar>>]) {
        let mut partial: Vec<Vec<Vec<Scalar>>> =
            l.folds.iter().map(|fold| vec![identities(&self.kernel.exprs, fold); lanes]).collect();
        let whole = n - n % lanes;
        self.lanes = (Some(l.axis), lanes);
        for i in (0..whole).step_by(lanes) {
            self.set_axis(l.axis, i);
            self.body(&l.body);
            self.fold_in(l, &mut partial);
        }
        self.lanes = (None, 1);
        for i in whole..n {
            let mut lane: Vec<Vec<Vec<Scalar>>> =
                partial.iter().map(|of_fold| vec![of_fold[i - whole].clone()]).collect();
            self.iterations(l, i..i + 1, &mut lane);
            for (of_fold, lane) in partial.iter_mut().zip(&mut lane) {
                of_fold[i - whole] = lane.remove(0);
            }
        }
        for ((fold, partial), acc) in l.folds.iter().zip(&mut partial).zip(folded) {
            let mut half = lanes / 2;
            while half > 0 {
                for lane in 0..half {
                    partial[lane] = combine(fold.monoid, &partial[lane], &partial[lane + half]);
                }
                half /= 2;
            }
            acc[0] = combine(fold.monoid, &acc[0], &partial[0]);
        }
    }

    /// The value of an expression in every lane.
    fn lanes_of(&mut self, id: ExprId) -> Vec<Scalar> {
        (0..self.lanes.1).map(|lane| self.value(id, lane)).collect()
    }

    fn value(&mut self, id: ExprId, lane: usize) -> Scalar {
        self.known.evaluation += 1;
        self.expr(id, lane)
    }

    fn position(&mut self, index: IndexId, lane: usize) -> usize {
        self.known.evaluation += 1;
        self.index(index, lane) as usize
    }

    fn expr(&mut self, id: ExprId, lane: usize) -> Scalar {
        let i = id.0 as usize;
        if self.known.values.len() <= i {
            self.known.values.resize(i + 1, (0, Scalar::I64(0)));
        }
        let (evaluation, known) = self.known.values[i];
        if evaluation == self.known.evaluation {
            return known;
        }
        let value = self.compute(id, lane);
        self.known.values[i] = (self.known.evaluation, value);
        value
    }

    fn compute(&mut self, id: ExprId, lane: usize) -> Scalar {
        let kernel = self.kernel;
        match kernel.exprs.expr(id) {
            Expr::Load { place, index, dtype } => {
                let position = self.index(*index, lane) as usize;
                self.load(*place, position, *dtype)
            }
            Expr::Var(var, _) => {
                let values = &self.vars[var.0 as usize];
                values[lane.min(values.len() - 1)]
            }
            Expr::Index(index, dtype) => Scalar::I64(self.index(*index, lane)).cast(*dtype),
            Expr::Const(..)
            | Expr::Element { .. }
            | Expr::Unary(..)
            | Expr::Binary(..)
            | Expr::Compare(..)
            | Expr::Select(..)
            | Expr::Cast(..)
            | Expr::Fma(..)
            | Expr::Bitcast(..)
            | Expr::ShiftLeft(..)
            | Expr::ShiftRightSigned(..) => {
                let mut x = [Scalar::I64(0); 3];
                for (x, operand) in x.iter_mut().zip(kernel.exprs.operands(id)) {
                    *x = self.expr(operand, lane);
                }
                apply(kernel.exprs.expr(id), x)
            }
        }
    }

    fn index(&mut self, id: IndexId, lane: usize) -> i64 {
        let kernel = self.kernel;
        let index = kernel.exprs.index(id);
        let terms = index.terms.iter().map(|&(term, c)| c * self.term(term, lane));
        terms.sum::<i64>() + index.constant
    }

    fn term(&mut self, term: Term, lane: usize) -> i64 {
        match term {
            Term::Axis(axis) => {
                let lane = if self.lanes.0 == Some(axis) { lane as i64 } else { 0 };
                self.axes[axis.0 as usize] + lane
            }
            Term::Div(x, n) => self.index(x, lane).div_euclid(n),
            Term::Mod(x, n) => self.index(x, lane).rem_euclid(n),
            Term::Data(value, n) => integer(self.expr(value, lane)).min(n - 1).max(0),
        }
    }

    /// The bytes of a memory from its first element on.
    fn bytes(&self, place: PlaceId) -> &[u8] {
        match place {
            PlaceId::Buffer(b) => {
                let slot = self.arguments[b as usize];
                &self.memories[slot.memory][slot.offset..]
            }
            PlaceId::Local(l) => &self.locals[l as usize],
        }
    }

    fn load(&self, place: PlaceId, position: usize, dtype: DType) -> Scalar {
        let size = dtype.size();
        let from = position * size;
        let mut bits = [0; 8];
        bits[..size].copy_from_slice(&self.bytes(place)[from..from + size]);
        Scalar::from_bits(dtype, u64::from_le_bytes(bits))
    }

    fn store(&mut self, place: PlaceId, position: usize, value: Scalar) {
        let (bytes, start) = match place {
            PlaceId::Buffer(b) => {
                let slot = self.arguments[b as usize];
                (&mut self.memories[slot.memory], slot.offset)
            }
            PlaceId::Local(l) => (&mut self.locals[l as usize], 0),
        };
        let size = value.dtype().size();
        let from = start + position * size;
        bytes[from..from + size].copy_from_slice(&value.bits().to_le_bytes()[..size]);
    }

    fn tile(&mut self, tile: &Tile) {
        let [c, a, b] = [tile.c.offset, tile.a.offset, tile.b.offset].map(|x| self.position(x, 0));
        let m = tile.m.map(|m| self.count(m));
        for i in 0..m[0] * m[1] {
            let [outer, inner] = [i / m[1], i % m[1]];
            let row = |start: usize, steps: [i64; 2]| {
                (start as i64 + steps[0] * outer as i64 + steps[1] * inner as i64) as usize
            };
            let terms = tile.terms(outer);
            let a = (a as i64 + tile.row_of_a(outer) + tile.a.row[1] * inner as i64) as usize;
            let b = (b as i64 + tile.b_step[2] * terms.start as i64) as usize;
            for j in 0..self.count(tile.n) {
                let to = row(c, tile.c.row) + j;
                let a = a + j * tile.a.column as usize;
                let mut sum = Scalar::zero(tile.dtype);
                if tile.accumulate {
                    sum = self.load(tile.c.place, to, tile.dtype);
                }
                let (x, y) = (self.bytes(tile.a.place), self.bytes(tile.b.place));
                let (fused, starts) = (self.target.fma, [a, b + j]);
                let sum = match sum {
                    Scalar::F32(sum) => {
                        let of = |bytes, at| f32::from_le_bytes(element(bytes, at));
                        let add = |a: f32, b, c| if fused { a.mul_add(b, c) } else { a * b + c };
                        let next = |sum, [a, b]: [usize; 2]| add(of(x, a), of(y, b), sum);
                        Scalar::F32(fold_levels(tile, terms.len(), starts, sum, next))
                    }
                    Scalar::F64(sum) => {
                        let of = |bytes, at| f64::from_le_bytes(element(bytes, at));
                        let add = |a: f64, b, c| if fused { a.mul_add(b, c) } else { a * b + c };
                        let next = |sum, [a, b]: [usize; 2]| add(of(x, a), of(y, b), sum);
                        Scalar::F64(fold_levels(tile, terms.len(), starts, sum, next))
                    }
                    other => unreachable!("a product of {}", other.dtype()),
                };
                self.store(tile.c.place, to, sum);
            }
        }
    }

    fn chunk(&mut self, chunk: &Chunk) {
        let n = self.count(chunk.n);
        let to = self.position(chunk.to.1, 0);
        match &chunk.function {
            ChunkFn::Math { function, dtype, from } => {
                let starts: Vec<usize> = from.iter().map(|f| self.position(f.1, 0)).collect();
                let function = Straight::of(*function, *dtype, self.target);
                for i in 0..n {
                    let x = from.iter().zip(&starts);
                    let x: Vec<Scalar> =
                        x.map(|(f, start)| self.load(f.0, start + i, *dtype)).collect();
                    self.store(chunk.to.0, to + i, function.evaluate(&x));
                }
            }
            ChunkFn::Philox { key, first, seed, step } => {
                let first = self.position(*first, 0);
                let [key, seed, step] =
                    [key, seed, step].map(|&place| self.load(place, 0, DType::I64).bits());
                for i in 0..n {
                    let word = philox_word((first + i) as u64, key, seed, step);
                    self.store(chunk.to.0, to + i, Scalar::I32(word as i32));
                }
            }
            ChunkFn::Sort { first: _ } => {
                let number = |s: Scalar| s.bits() as i64;
                let mut all: Vec<i64> =
                    (0..n).map(|i| number(self.load(chunk.to.0, to + i, DType::I64))).collect();
                all.sort_unstable();
                for (i, x) in all.into_iter().enumerate() {
                    self.store(chunk.to.0, to + i, Scalar::I64(x));
                }
            }
            ChunkFn::Claim => {}
        }
    }
}

/// An expression of constants and variables, as steps of which each reads earlier ones.
pub(crate) struct Straight {
    steps: Vec<(Expr, Vec<usize>)>,
}

impl Straight {
    /// The steps of an expression.
    pub(crate) fn new(exprs: &Exprs, id: ExprId) -> Straight {
        fn visit(
            exprs: &Exprs,
            id: ExprId,
            seen: &mut FxHashMap<ExprId, usize>,
            steps: &mut Vec<(Expr, Vec<usize>)>,
        ) -> usize {
            if let Some(&step) = seen.get(&id) {
                return step;
            }
            let operands = exprs.operands(id);
            let operands = operands.map(|x| visit(exprs, x, seen, steps)).collect();
            steps.push((exprs.expr(id).clone(), operands));
            seen.insert(id, steps.len() - 1);
            steps.len() - 1
        }
        let mut steps = vec![];
        visit(exprs, id, &mut FxHashMap::default(), &mut steps);
        Straight { steps }
    }

    /// The steps of a library function, of as many variables as it takes.
    fn of(function: LibraryFn, dtype: DType, target: &Target) -> Straight {
        let mut exprs = Exprs::default();
        let variable = |exprs: &mut Exprs| {
            let var = exprs.var();
            exprs.intern(Expr::Var(var, dtype))
        };
        let operands: Vec<ExprId> =
            (0..function.n_operands()).map(|_| variable(&mut exprs)).collect();
        let expansion = function.expand(&mut exprs, &operands, target);
        let value = expansion.map(|e| e.whole(&mut exprs));
        Straight::new(&exprs, value.expect("the verifier saw that it is one of floats"))
    }

    /// The value where the variables are `x`, by their numbers.
    pub(crate) fn evaluate(&self, x: &[Scalar]) -> Scalar {
        let mut values: Vec<Scalar> = Vec::with_capacity(self.steps.len());
        for (expr, operands) in &self.steps {
            let value = match expr {
                Expr::Var(var, _) => x[var.0 as usize],
                Expr::Const(..)
                | Expr::Element { .. }
                | Expr::Load { .. }
                | Expr::Index(..)
                | Expr::Unary(..)
                | Expr::Binary(..)
                | Expr::Compare(..)
                | Expr::Select(..)
                | Expr::Cast(..)
                | Expr::Fma(..)
                | Expr::Bitcast(..)
                | Expr::ShiftLeft(..)
                | Expr::ShiftRightSigned(..) => {
                    let mut read = [Scalar::I64(0); 3];
                    for (to, &from) in read.iter_mut().zip(operands) {
                        *to = values[from];
                    }
                    apply(expr, read)
                }
            };
            values.push(value);
        }
        values.last().copied().expect("an expression is a step at least")
    }
}

/// What an expression makes of its operands; zero for those that need a machine.
fn apply(expr: &Expr, x: [Scalar; 3]) -> Scalar {
    match expr {
        Expr::Const(dtype, bits) => Scalar::from_bits(*dtype, *bits),
        Expr::Unary(f, _) => f.eval(x[0]),
        Expr::Binary(f, _, _) => f.eval(x[0], x[1]),
        Expr::Compare(f, _, _) => Scalar::Bool(f.eval(x[0], x[1])),
        Expr::Select(..) => {
            if x[0].bits() != 0 {
                x[1]
            } else {
                x[2]
            }
        }
        Expr::Cast(dtype, _) => x[0].cast(*dtype),
        Expr::Fma(..) => multiply_add(true, x[0], x[1], x[2]),
        Expr::Bitcast(dtype, _) => Scalar::from_bits(*dtype, x[0].bits()),
        Expr::ShiftLeft(_, n) => Scalar::from_bits(x[0].dtype(), x[0].bits() << n),
        Expr::ShiftRightSigned(_, n) => match x[0] {
            Scalar::I32(x) => Scalar::I32(x >> n),
            Scalar::I64(x) => Scalar::I64(x >> n),
            Scalar::U8(x) => Scalar::U8(x >> n),
            Scalar::F32(_) | Scalar::F64(_) | Scalar::Bool(_) => x[0],
        },
        Expr::Element { .. } | Expr::Load { .. } | Expr::Var(..) | Expr::Index(..) => {
            Scalar::I64(0)
        }
    }
}

/// The element at a position in bytes.
fn element<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at * N..].first_chunk().expect("the verifier has seen that it is there")
}

/// The positions in the factors of a tile from where they start on, so many on the innermost level, one
/// after another, folded.
fn fold_levels<T>(
    tile: &Tile,
    terms: usize,
    [a, b]: [usize; 2],
    mut sum: T,
    next: impl Fn(T, [usize; 2]) -> T,
) -> T {
    let [[a0, a1, a2], [b0, b1, b2]] = [tile.a_step, tile.b_step];
    let (mut a_outer, mut b_outer) = (a as i64, b as i64);
    for _ in 0..tile.len[0] {
        let (mut a_inner, mut b_inner) = (a_outer, b_outer);
        for _ in 0..tile.len[1] {
            let (mut a, mut b) = (a_inner, b_inner);
            for _ in 0..terms {
                sum = next(sum, [a as usize, b as usize]);
                (a, b) = (a + a2, b + b2);
            }
            (a_inner, b_inner) = (a_inner + a1, b_inner + b1);
        }
        (a_outer, b_outer) = (a_outer + a0, b_outer + b0);
    }
    sum
}

/// `a · b + c`, rounded once if `fused`, else twice.
fn multiply_add(fused: bool, a: Scalar, b: Scalar, c: Scalar) -> Scalar {
    match (a, b, c) {
        (Scalar::F32(a), Scalar::F32(b), Scalar::F32(c)) if fused => Scalar::F32(a.mul_add(b, c)),
        (Scalar::F64(a), Scalar::F64(b), Scalar::F64(c)) if fused => Scalar::F64(a.mul_add(b, c)),
        (a, b, c) => BinaryFn::Add.eval(BinaryFn::Mul.eval(a, b), c),
    }
}

fn integer(x: Scalar) -> i64 {
    match x {
        Scalar::I32(x) => i64::from(x),
        Scalar::I64(x) => x,
        Scalar::U8(x) => i64::from(x),
        Scalar::Bool(x) => i64::from(x),
        Scalar::F32(_) | Scalar::F64(_) => 0,
    }
}

/// What a lane of a fold starts from, per variable. An index is as large as can be, so that a value
/// that equals the one it starts from still replaces it.
fn identities(exprs: &Exprs, fold: &Fold) -> Vec<Scalar> {
    let dtypes = fold.values.iter().map(|&v| exprs.dtype(v)).enumerate();
    dtypes
        .map(|(i, dtype)| match i {
            0 => fold.monoid.identity(dtype),
            _ => Scalar::I64(i64::MAX).cast(dtype),
        })
        .collect()
}

/// `acc ⊕ value`.
fn combine(monoid: Monoid, acc: &[Scalar], value: &[Scalar]) -> Vec<Scalar> {
    match monoid.function() {
        Some(f) => vec![f.eval(acc[0], value[0])],
        None if monoid.replaces(acc[0], integer(acc[1]), value[0], integer(value[1])) => {
            value.to_vec()
        }
        None => acc.to_vec(),
    }
}

/// From one list of lanes per variable to one list of variables per lane.
fn transposed(of_vars: &[Vec<Scalar>]) -> Vec<Vec<Scalar>> {
    let lanes = of_vars.first().map_or(0, Vec::len);
    (0..lanes).map(|lane| of_vars.iter().map(|v| v[lane]).collect()).collect()
}
