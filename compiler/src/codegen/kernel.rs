//! The code of one kernel: its loops and statements.

use std::ops::Range;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    FuncRef, Function, InstBuilder, StackSlotData, StackSlotKind, Value, types,
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::emitter::{Emitted, Emitter, Int, Machine, Places, Val, data};
use super::error::CodegenError;
use super::externs::Extern;
use super::origins::Emission;
use super::outlined::Outlined;
use crate::ir::{DType, Expr, ExprId, Exprs, OriginId, PlaceId};
use crate::loop_ir::{Chunk, ChunkFn, Extent, Fold, Kernel, Loop, LoopKind, Stmt, Tile, failure};
use crate::program::Frame;

pub(super) type Result<T> = std::result::Result<T, CodegenError>;

/// Bytes of the descriptor that a tile takes.
const TILE_BYTES: u32 = 23 * 8;

/// So many iterations that whole vectors leave, or that an axis of a window has, are written out: a loop
/// would cost as much again.
const FEW: i64 = 3;

/// The runtime's functions that a kernel calls.
pub(super) fn externs_of(kernel: &Kernel) -> Vec<Extern> {
    fn walk(body: &[Stmt], found: &mut Vec<Extern>) {
        for stmt in body {
            match stmt {
                Stmt::For(l) => walk(&l.body, found),
                Stmt::Tile(tile) => found.push(tile_extern(tile)),
                Stmt::Chunk(chunk) => found.extend(chunk_extern(chunk)),
                Stmt::Let(..) | Stmt::Store { .. } | Stmt::Check { .. } => {}
            }
        }
    }
    let mut found = vec![];
    walk(&kernel.body, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

fn tile_extern(tile: &Tile) -> Extern {
    if tile.dtype == DType::F64 { Extern::TileF64 } else { Extern::TileF32 }
}

fn chunk_extern(chunk: &Chunk) -> Option<Extern> {
    match &chunk.function {
        ChunkFn::Math { function, dtype, .. } => {
            function.has_kernel().then_some(Extern::Math(*function, *dtype))
        }
        ChunkFn::Philox { .. } => Some(Extern::Philox),
        ChunkFn::Sort { .. } => Some(Extern::Sort),
        ChunkFn::Claim => Some(Extern::Claim),
    }
}

/// Fills an empty function with the code of a kernel: `fn(frame, args, first, end, scratch)`. Each
/// instruction's location is an origin.
pub(super) fn emit(
    kernel: &Kernel,
    func: Function,
    externs: &FxHashMap<Extern, FuncRef>,
    machine: Machine,
    outlined: Outlined,
) -> Result<Emission> {
    let (mut e, [_, _, first, end, _]) = Emitter::new(kernel, func, machine);
    e.outlined = outlined;
    let parts = e.origin_of_all(&kernel.body);
    let all = e.origins.union(parts, kernel.exprs.origin());
    e.serve(all);
    let any = e.ins().ins().icmp(IntCC::UnsignedLessThan, first, end);
    let (start, _) = e.new_block(&[]);
    let (header, unit) = e.new_block(&[types::I64]);
    let (exit, _) = e.new_block(&[]);
    let entry = e.branch(any, (start, &[]), (exit, &[]));
    e.block = start;
    e.jump(header, &[first]);
    e.enter(Some(entry), true);
    e.block = header;
    e.units(unit[0]);
    e.body(&kernel.body, externs)?;
    let next = {
        let mut at = e.ins();
        let one = at.ins().iconst(types::I64, 1);
        at.ins().iadd(unit[0], one)
    };
    let more = e.ins().ins().icmp(IntCC::UnsignedLessThan, next, end);
    e.branch(more, (header, &[next]), (exit, &[]));
    e.leave();
    e.move_to_end(exit);
    e.block = exit;
    e.ins().ins().return_(&[]);
    Ok(Emission { func: e.func, origins: e.origins, all, uses: e.uses.into_iter().collect() })
}

/// The memories that statements write.
pub(super) fn written(body: &[Stmt]) -> Places {
    body.iter().fold(Places::default(), |places, stmt| {
        places.with(match stmt {
            Stmt::For(l) => written(&l.body),
            Stmt::Store { place, .. } => Places::of(*place),
            Stmt::Tile(tile) => Places::of(tile.c.place),
            Stmt::Chunk(chunk) => Places::of(chunk.to.0),
            Stmt::Let(..) | Stmt::Check { .. } => Places::default(),
        })
    })
}

/// Whether statements hold neither a loop nor a call.
pub(super) fn is_straight(body: &[Stmt]) -> bool {
    body.iter().all(|s| matches!(s, Stmt::Let(..) | Stmt::Store { .. }))
}

/// How many elements a loop folds of a window, which is straight but for other such loops: `None` if it
/// is no such loop.
fn windows(l: &Loop) -> Option<i64> {
    let Extent::Const(n) = l.extent else { return None };
    let inside = |stmt: &Stmt| match stmt {
        Stmt::Let(..) => Some(1),
        Stmt::For(l) if l.kind == LoopKind::Serial => windows(l),
        Stmt::For(_) | Stmt::Store { .. } | Stmt::Check { .. } | Stmt::Tile(_) | Stmt::Chunk(_) => {
            None
        }
    };
    let most = l.body.iter().map(inside).try_fold(1, |most, n| Some(n?.max(most)))?;
    (!l.folds.is_empty() && n as i64 <= FEW).then_some(n as i64 * most)
}

/// Whether something is so of any expression in statements without loops and in folds.
pub(super) fn any_expr(
    exprs: &Exprs,
    body: &[Stmt],
    folds: &[Fold],
    is_so: impl Fn(ExprId) -> bool,
) -> bool {
    let folded = folds.iter().flat_map(|fold| fold.init.iter().chain(&fold.values)).copied();
    let mut stack: Vec<ExprId> = folded.collect();
    for stmt in body {
        if let Stmt::Let(_, value) | Stmt::Store { value, .. } | Stmt::Check { value, .. } = stmt {
            stack.push(*value);
        }
        if let Stmt::Store { index, .. } = stmt {
            stack.extend(exprs.data_of(*index));
        }
    }
    let mut seen = FxHashSet::default();
    while let Some(id) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        if is_so(id) {
            return true;
        }
        match exprs.expr(id) {
            Expr::Load { index, .. } | Expr::Index(index, _) => stack.extend(exprs.data_of(*index)),
            _ => stack.extend(exprs.operands(id)),
        }
    }
    false
}

pub(super) type Externs = FxHashMap<Extern, FuncRef>;

impl Emitter<'_> {
    /// The values of the unit axes, from the number of the unit.
    fn units(&mut self, unit: Value) {
        let kernel = self.kernel;
        let mut rest = Int::Const(0);
        if kernel.n_units() > 1 {
            rest = Int::Value(unit, self.here());
        }
        let mut last = kernel.n_units() as i64 - 1;
        for (d, &axis) in kernel.units.iter().enumerate().rev() {
            let n = kernel.exprs.extent(axis).max(1);
            let value = match (d, n) {
                (_, 1) => Int::Const(0),
                (0, _) => rest,
                (_, _) => self.int_mod(rest, n, (0, last)),
            };
            self.axes.insert(axis, value);
            rest = self.int_div(rest, n, (0, last));
            last = (last + 1) / n - 1;
        }
    }

    /// The end of the layout, so that blocks stand in the order in which they run.
    fn move_to_end(&mut self, block: cranelift_codegen::ir::Block) {
        self.func.layout.remove_block(block);
        self.func.layout.append_block(block);
    }

    pub(super) fn body(&mut self, body: &[Stmt], externs: &Externs) -> Result<()> {
        let around = self.serve(OriginId::default());
        let mut skipped = 0;
        for (number, stmt) in body.iter().enumerate() {
            if number < skipped {
                continue;
            }
            if let Some(call) = self.outlined.at(stmt) {
                skipped = number + call.statements;
                self.outline(&body[number..skipped], &call)?;
                continue;
            }
            let own = self.origin_of(stmt);
            self.serve(own);
            match stmt {
                Stmt::For(l) => self.for_loop(l, externs)?,
                Stmt::Let(var, value) => {
                    let value = self.expr(*value)?;
                    self.bind(*var, value);
                }
                Stmt::Store { place, index, value, .. } => self.store(*place, *index, *value)?,
                Stmt::Check { value, size, number, .. } => self.check(*value, *size, *number)?,
                Stmt::Tile(tile) => self.tile(tile, externs)?,
                Stmt::Chunk(chunk) => self.chunk(chunk, externs)?,
            }
        }
        self.serve(around);
        Ok(())
    }

    /// The nodes that a statement is for; a loop is for all that is in it.
    fn origin_of(&mut self, stmt: &Stmt) -> OriginId {
        match stmt {
            Stmt::For(l) => {
                let body = self.origin_of_all(&l.body);
                l.folds.iter().fold(body, |all, fold| self.origins.union(all, fold.origin))
            }
            Stmt::Let(_, value) => self.kernel.exprs.origin_of(*value),
            Stmt::Store { origin, .. } | Stmt::Check { origin, .. } => *origin,
            Stmt::Tile(tile) => tile.origin,
            Stmt::Chunk(chunk) => chunk.origin,
        }
    }

    pub(super) fn origin_of_all(&mut self, body: &[Stmt]) -> OriginId {
        body.iter().fold(OriginId::default(), |all, stmt| {
            let own = self.origin_of(stmt);
            self.origins.union(all, own)
        })
    }

    fn for_loop(&mut self, l: &Loop, externs: &Externs) -> Result<()> {
        let n = self.extent(l.extent);
        let mut acc = vec![];
        for fold in &l.folds {
            for &init in &fold.init {
                acc.push(self.expr(init)?);
            }
        }
        let acc = match l.kind {
            LoopKind::Serial => {
                let first = self.short_rows(l, externs)?;
                self.serial(l, first, n, acc, externs)?
            }
            LoopKind::Vector(lanes) => self.vector(l, usize::from(lanes), n, acc, externs)?,
        };
        let vars = l.folds.iter().flat_map(|fold| &fold.vars);
        vars.zip(acc).for_each(|(&var, value)| self.bind(var, value));
        Ok(())
    }

    /// A few iterations in straight line.
    fn unrolled(
        &mut self,
        l: &Loop,
        range: Range<i64>,
        mut acc: Vec<Emitted>,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        let rises = self.rises(l);
        for i in range {
            self.enter(None, false);
            self.axes.insert(l.axis, Int::Const(i));
            self.body(&l.body, externs)?;
            acc = self.fold_in(l, acc, rises)?;
            acc = Self::settled(acc, self.here() - 1);
            self.leave();
        }
        Ok(acc)
    }

    /// Values that are there from a level on, as they stand in straight line with it.
    pub(super) fn settled(acc: Vec<Emitted>, level: usize) -> Vec<Emitted> {
        acc.into_iter().map(|x| Emitted { level: x.level.min(level), ..x }).collect()
    }

    /// A loop one by one that may have no iterations.
    pub(super) fn serial(
        &mut self,
        l: &Loop,
        first: Int,
        end: Int,
        acc: Vec<Emitted>,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        let range = (first, end, 1);
        match (first, end) {
            (Int::Const(a), Int::Const(b)) if a >= b => return Ok(acc),
            (Int::Const(a @ 1..), Int::Const(b)) if b - a <= FEW && is_straight(&l.body) => {
                return self.unrolled(l, a..b, acc, externs);
            }
            (Int::Const(0), Int::Const(_)) if windows(l).is_some_and(|n| n <= FEW * FEW) => {
                return self.unrolled(l, 0..l.extent.max() as i64, acc, externs);
            }
            (Int::Const(_), Int::Const(_)) => return self.counted(l, range, acc, externs),
            // A block has at least one row.
            (Int::Const(0), Int::Value(..)) => return self.counted(l, range, acc, externs),
            (_, _) => {}
        }
        let any = self.int_compare(IntCC::SignedLessThan, first, end);
        self.guarded(l, any, acc, |e, acc| e.counted(l, range, acc, externs))
    }

    /// Runs a part under a condition; without it the accumulators stay as they are.
    pub(super) fn guarded(
        &mut self,
        l: &Loop,
        condition: Value,
        acc: Vec<Emitted>,
        part: impl FnOnce(&mut Self, Vec<Emitted>) -> Result<Vec<Emitted>>,
    ) -> Result<Vec<Emitted>> {
        let before = self.flat(l, &acc);
        let types: Vec<_> = before.iter().map(|&v| self.type_of(v)).collect();
        let (inside, _) = self.new_block(&[]);
        let (join, joined) = self.new_block(&types);
        let entry = self.branch(condition, (inside, &[]), (join, &before));
        self.enter(Some(entry), false);
        self.block = inside;
        let acc = part(self, acc)?;
        let after = self.flat(l, &acc);
        self.jump(join, &after);
        self.leave();
        self.move_to_end(join);
        self.block = join;
        Ok(self.unflat(l, &joined))
    }

    /// A loop from `first` to before `end` in steps, with at least one iteration.
    pub(super) fn counted(
        &mut self,
        l: &Loop,
        range: (Int, Int, i64),
        mut acc: Vec<Emitted>,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        // From another place on than a known one, there may be nothing before.
        let rises = matches!(range.0, Int::Const(_)) && self.rises(l);
        if rises && range.0 == Int::Const(0) {
            acc = self.first_indices(l, acc)?;
        }
        self.repeated(l, range, acc, |e, acc| match e.lanes {
            Some(lanes) if lanes.axis == l.axis => e.in_parts(l, lanes, acc, rises, externs),
            _ => e.iteration(l, acc, rises, externs),
        })
    }

    pub(super) fn iteration(
        &mut self,
        l: &Loop,
        acc: Vec<Emitted>,
        rises: bool,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        self.body(&l.body, externs)?;
        self.fold_in(l, acc, rises)
    }

    /// The iterations of a loop from `first` to before `end` in steps, of which there is at least
    /// one.
    pub(super) fn repeated(
        &mut self,
        l: &Loop,
        (first, end, step): (Int, Int, i64),
        acc: Vec<Emitted>,
        iteration: impl Fn(&mut Self, Vec<Emitted>) -> Result<Vec<Emitted>>,
    ) -> Result<Vec<Emitted>> {
        self.forget(written(&l.body));
        let at_once = if step > 1 { self.machine.unrolled } else { 1 };
        if let (Int::Const(a), Int::Const(b)) = (first, end)
            && a + at_once * step >= b
        {
            let mut acc = acc;
            for at in (a..b).step_by(step as usize) {
                self.enter(None, false);
                self.axes.insert(l.axis, Int::Const(at));
                acc = iteration(self, acc)?;
                acc = Self::settled(acc, self.here() - 1);
                self.leave();
            }
            return Ok(acc);
        }
        let start = self.int_value(first);
        let mut arguments = vec![start];
        arguments.extend(self.flat(l, &acc));
        let types: Vec<_> = arguments.iter().map(|&v| self.type_of(v)).collect();
        let (header, parameters) = self.new_block(&types);
        let (exit, results) = self.new_block(&types[1..]);
        let entry = self.jump(header, &arguments);
        self.enter(Some(entry), true);
        self.block = header;
        self.axes.insert(l.axis, Int::Value(parameters[0], self.here()));
        let acc = self.unflat(l, &parameters[1..]);
        let acc = iteration(self, acc)?;
        let next = {
            let mut at = self.ins();
            let step = at.ins().iconst(types::I64, step);
            at.ins().iadd(parameters[0], step)
        };
        let end = self.int_value(end);
        let more = self.ins().ins().icmp(IntCC::SignedLessThan, next, end);
        let acc = self.flat(l, &acc);
        let mut again = vec![next];
        again.extend(&acc);
        self.branch(more, (header, &again), (exit, &acc));
        self.leave();
        self.move_to_end(exit);
        self.block = exit;
        Ok(self.unflat(l, &results))
    }

    /// The accumulators as block arguments: registers of lanes within a vector loop.
    fn flat(&mut self, l: &Loop, acc: &[Emitted]) -> Vec<Value> {
        let here = self.here();
        let dtypes = self.dtypes(l);
        let mut values = vec![];
        for (&dtype, x) in dtypes.iter().zip(acc) {
            if self.lanes.is_some() {
                let registers = self.many(here, dtype, x);
                let fixed = if dtype == DType::Bool {
                    self.narrow_masks(here, &registers)
                } else {
                    registers
                };
                values.extend(fixed);
            } else {
                values.push(self.one(here, dtype, &x.val));
            }
        }
        values
    }

    fn unflat(&mut self, l: &Loop, values: &[Value]) -> Vec<Emitted> {
        let level = self.here();
        let mut values = values.iter().copied();
        let dtypes = self.dtypes(l).into_iter();
        let vals: Vec<Val> = match self.lanes {
            Some(lanes) => dtypes
                .map(|dtype| {
                    let per = self.vector_type(dtype).lane_count() as usize;
                    let count = lanes.n.div_ceil(per);
                    Val::Many(values.by_ref().take(count).collect())
                })
                .collect(),
            None => dtypes.zip(values).map(|(_, value)| Val::One(value)).collect(),
        };
        let emitted = |val| Emitted { val, level, reads: Places::default() };
        vals.into_iter().map(emitted).collect()
    }

    /// The types of all accumulators of a loop.
    pub(super) fn dtypes(&self, l: &Loop) -> Vec<DType> {
        let values = l.folds.iter().flat_map(|fold| &fold.values);
        values.map(|&v| self.kernel.exprs.dtype(v)).collect()
    }

    /// Whether the indices of all pairs that a loop folds rise from each iteration to the next, and
    /// no fold starts from an index: then none comes before the one that is kept.
    fn rises(&self, l: &Loop) -> bool {
        let exprs = &self.kernel.exprs;
        l.folds.iter().filter(|fold| fold.vars.len() == 2).all(|fold| fold.rises(exprs, l.axis))
    }

    /// Accumulators that hold nothing, with the first index of each pair for its neutral one. A
    /// value that is the neutral one need then not take its place, as it has its index.
    fn first_indices(&mut self, l: &Loop, mut acc: Vec<Emitted>) -> Result<Vec<Emitted>> {
        self.enter(None, false);
        self.axes.insert(l.axis, Int::Const(0));
        let mut at = 0;
        for fold in &l.folds {
            // Not by `expr`, which would remember it for all iterations.
            if let [_, value] = fold.values[..]
                && let Expr::Index(index, dtype) = *self.kernel.exprs.expr(value)
            {
                acc[at + 1] = self.index_number(index, dtype)?;
            }
            at += fold.values.len();
        }
        let acc = Self::settled(acc, self.here() - 1);
        self.leave();
        Ok(acc)
    }

    /// `acc ⊕ value` for every fold of a loop; `rises` as [`Self::rises`].
    fn fold_in(&mut self, l: &Loop, acc: Vec<Emitted>, rises: bool) -> Result<Vec<Emitted>> {
        let values = l.folds.iter().flat_map(|fold| &fold.values);
        let values: Vec<Emitted> = values.map(|&value| self.expr(value)).collect::<Result<_>>()?;
        self.combine_all(l, &acc, &values, rises)
    }

    pub(super) fn combine_all(
        &mut self,
        l: &Loop,
        acc: &[Emitted],
        values: &[Emitted],
        rises: bool,
    ) -> Result<Vec<Emitted>> {
        let (mut done, mut from) = (vec![], 0);
        for fold in &l.folds {
            let to = from + fold.vars.len();
            let dtypes = &self.dtypes(l)[from..to];
            let (acc, values) = (&acc[from..to], &values[from..to]);
            let around = self.serve(fold.origin);
            done.extend(self.combine((fold.monoid, rises), dtypes, acc, values)?);
            self.serve(around);
            from = to;
        }
        Ok(done)
    }

    /// Reports a value outside of `0..size`; the first report stays.
    fn check(&mut self, value: ExprId, size: i64, number: u32) -> Result<()> {
        let dtype = self.kernel.exprs.dtype(value);
        let value = self.expr(value)?;
        let here = self.here();
        let n = if let Val::Many(_) = value.val { self.lanes.map_or(1, |l| l.n) } else { 1 };
        let (mut wrong, mut lanes) = (None, vec![]);
        for lane in 0..n {
            let one = self.lane(dtype, &value.val, lane);
            let wide = self.widen(dtype, one, here);
            let mut at = self.ins();
            let size = at.ins().iconst(types::I64, size);
            let outside = at.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, wide, size);
            wrong = Some(match wrong {
                None => outside,
                Some(wrong) => at.ins().bor(wrong, outside),
            });
            lanes.push((outside, wide));
        }
        let Some(wrong) = wrong else { return Ok(()) };
        let (report, _) = self.new_block(&[]);
        let (next, _) = self.new_block(&[]);
        self.branch(wrong, (report, &[]), (next, &[]));
        self.func.layout.set_cold(report);
        self.block = report;
        let (frame, offset) = (self.frame, std::mem::offset_of!(Frame, status) as i32);
        let mut at = self.ins();
        let status = at.ins().load(types::I64, data(), frame, offset);
        // The index of the first lane that is wrong.
        let mut lanes = lanes.into_iter().rev();
        let last = lanes.next().map(|(_, index)| index);
        let index = lanes.fold(last, |found, (outside, index)| {
            Some(found.map_or(index, |found| at.ins().select(outside, index, found)))
        });
        let mask = at.ins().iconst(types::I64, i64::from(u32::MAX));
        let none = at.ins().iconst(types::I64, 0);
        let index = at.ins().band(index.unwrap_or(none), mask);
        let number = at.ins().iconst(types::I64, failure(number, 0) as i64);
        let number = at.ins().bor(number, index);
        let zero = at.ins().iconst(types::I64, 0);
        let first = at.ins().icmp(IntCC::Equal, status, zero);
        let status = at.ins().select(first, number, status);
        at.ins().store(data(), status, frame, offset);
        self.jump(next, &[]);
        self.block = next;
        Ok(())
    }

    fn tile(&mut self, tile: &Tile, externs: &Externs) -> Result<()> {
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, TILE_BYTES, 3);
        let slot = self.func.create_sized_stack_slot(slot);
        let descriptor = self.at(0).ins().stack_addr(types::I64, slot, 0);
        let (m, n) = (tile.m.map(|m| self.extent(m)), self.extent(tile.n));
        let mut words = vec![];
        for view in [&tile.c, &tile.a, &tile.b] {
            words.push(Int::Value(self.pointer(view.place, view.offset)?, self.here()));
        }
        words.extend([m[0], m[1], n]);
        words.extend(tile.c.row.into_iter().chain(tile.a.row).map(Int::Const));
        words.extend(tile.len.map(|n| Int::Const(n as i64)));
        words.extend(tile.a_step.map(Int::Const));
        words.extend(tile.b_step.map(Int::Const));
        words.push(Int::Const(i64::from(tile.accumulate)));
        words.push(Int::Const(i64::from(tile.a.column != 0)));
        words.extend(tile.within.unwrap_or_default().map(|n| Int::Const(n as i64)));
        for (i, word) in words.into_iter().enumerate() {
            let offset = 8 * i as i32;
            match word {
                // What does not change is written once.
                Int::Const(c) => {
                    let mut at = self.at(0);
                    let word = at.ins().iconst(types::I64, c);
                    at.ins().store(data(), word, descriptor, offset);
                }
                Int::Value(word, _) => {
                    self.ins().ins().store(data(), word, descriptor, offset);
                }
            }
        }
        self.call(tile_extern(tile), &[descriptor], externs)?;
        self.forget(Places::of(tile.c.place));
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk, externs: &Externs) -> Result<()> {
        let function = chunk_extern(chunk);
        let function = function.ok_or_else(|| self.unsupported("a chunk of this function"))?;
        let to = self.pointer(chunk.to.0, chunk.to.1)?;
        let n = self.extent(chunk.n);
        let n = self.int_value(n);
        match &chunk.function {
            ChunkFn::Math { from, .. } => {
                let mut arguments = vec![to];
                for &(place, index) in from {
                    arguments.push(self.pointer(place, index)?);
                }
                arguments.push(n);
                self.call(function, &arguments, externs)?;
            }
            ChunkFn::Philox { key, first, seed, step } => {
                let first = self.index(*first, 0)?;
                let first = self.int_value(first);
                let [key, seed, step] = [key, seed, step].map(|&place| self.word(place));
                self.call(function, &[to, n, first, key, seed, step], externs)?;
            }
            ChunkFn::Sort { first } => {
                let first = self.ins().ins().iconst(types::I64, *first as i64);
                self.call(function, &[to, n, first], externs)?;
            }
            ChunkFn::Claim => {
                let size = self.kernel.place_dtype(chunk.to.0).size();
                let (frame, offset) = (self.frame, std::mem::offset_of!(Frame, pool) as i32);
                let mut at = self.ins();
                let pool = at.ins().load(types::I64, data(), frame, offset);
                let size = at.ins().iconst(types::I64, size as i64);
                let bytes = at.ins().imul(n, size);
                return self.call(function, &[pool, to, bytes], externs);
            }
        }
        self.forget(Places::of(chunk.to.0));
        Ok(())
    }

    /// The one i64 in a memory.
    fn word(&mut self, place: PlaceId) -> Value {
        let (base, offset) = self.base(place);
        self.ins().ins().load(types::I64, data(), base, offset as i32)
    }

    fn call(&mut self, function: Extern, arguments: &[Value], externs: &Externs) -> Result<()> {
        let callee = externs.get(&function).copied();
        let callee = callee.ok_or_else(|| self.unsupported(function.name()))?;
        self.ins().ins().call(callee, arguments);
        Ok(())
    }
}
