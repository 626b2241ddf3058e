//! Chooses the loop of each nest that runs several elements at once, and moves it to where it can.
//!
//! In: serial loops in the order of the dimensions. Out: of each nest at most one loop in vectors.
//! A nest is loops within each other, first those without folds, *parallel* ones, each the whole
//! body of the one around it, then those with folds, *reduced* ones. A parallel loop that is chosen
//! becomes the innermost of the parallel ones; of the reduced loops only the last can be chosen,
//! where it is.
//!
//! A loop moves and runs in vectors only if no iteration touches what another one writes. That is
//! taken as shown if, in the nest,
//!
//! - there are assignments and loops alone: no check, whose failures are reported in order, no call of
//!   the library;
//! - no extent depends on the nest's loops, and that of a loop with folds is constant;
//! - every memory that is written is read and written at one index only;
//! - that index is another number for any two iterations of the loops that change places or run at
//!   once, whatever the loops inside of them count: it is a sum in which each of those loops has a
//!   step, and the step of every loop is longer than the way that the loops of shorter steps go. What
//!   else is in the sum, as an index from data, follows none of these loops.
//!
//! Two memories may be the same bytes only where an element is read in the iteration that
//! overwrites it, which holds in any order of iterations (see
//! [`may_overwrite`](crate::fuse::may_overwrite)).
//!
//! Values of elements stay, bit for bit; a fold in a vector loop has another order than in a serial
//! one. Linear in the expressions and in the accesses for each loop of a nest.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Extent, Kernel, Loop, LoopKind, Stmt};
use crate::ir::{AxisId, Expr, ExprId, Exprs, IndexId, PlaceId};

/// Loops shorter than this stay serial: the smallest vector.
const SHORTEST: usize = 4;

/// Bytes of all lanes of a value: four registers of 128 bits.
const WIDTH: usize = 64;

/// Chooses the vector loops of a kernel.
pub fn vectorise(kernel: &mut Kernel) {
    stmts(&kernel.exprs, &mut kernel.body);
}

fn stmts(exprs: &Exprs, body: &mut [Stmt]) {
    body.iter_mut().filter_map(as_loop).for_each(|l| nest(exprs, l));
}

/// The nest that a loop is, or those within it.
fn nest(exprs: &Exprs, l: &mut Loop) {
    if l.kind != LoopKind::Serial {
        return;
    }
    match Nest::of(exprs, l) {
        Some(nest) => {
            if let Some(choice) = nest.choice() {
                run_at_once(l, &choice);
            }
        }
        None => stmts(exprs, &mut l.body),
    }
}

/// Moves the chosen loop inwards and makes it a vector loop.
fn run_at_once(mut l: &mut Loop, choice: &Choice) {
    for _ in 0..choice.level {
        l = inner(&mut l.body);
    }
    for _ in 0..choice.inwards {
        let inside = inner(&mut l.body);
        std::mem::swap(&mut l.axis, &mut inside.axis);
        std::mem::swap(&mut l.extent, &mut inside.extent);
        l = inside;
    }
    l.kind = LoopKind::Vector(choice.lanes);
}

/// The one loop in a body.
fn inner(body: &mut [Stmt]) -> &mut Loop {
    body.iter_mut().find_map(as_loop).expect("the loops of a nest are within each other")
}

fn as_loop(stmt: &mut Stmt) -> Option<&mut Loop> {
    if let Stmt::For(l) = stmt { Some(l) } else { None }
}

/// A loop to run at once.
struct Choice {
    /// Its number in the nest.
    level: usize,
    /// How many loops move out of it.
    inwards: usize,
    lanes: u8,
}

/// Loops within each other, and what their bodies read and write.
pub(super) struct Nest<'a> {
    exprs: &'a Exprs,
    /// The loops, outermost first: parallel ones, then reduced ones.
    levels: Vec<(AxisId, Extent)>,
    n_parallel: usize,
    loads: Vec<(PlaceId, IndexId)>,
    stores: Vec<Store>,
    /// Bytes of the widest value.
    widest: usize,
    seen: FxHashSet<ExprId>,
}

struct Store {
    place: PlaceId,
    index: IndexId,
    /// How many loops of the nest are around it.
    depth: usize,
}

impl<'a> Nest<'a> {
    /// The nest that begins with a loop; `None` if its loops must stay as they are.
    pub(super) fn of(exprs: &'a Exprs, l: &Loop) -> Option<Nest<'a>> {
        let mut nest = Nest {
            exprs,
            levels: vec![],
            n_parallel: 0,
            loads: vec![],
            stores: vec![],
            widest: 4,
            seen: FxHashSet::default(),
        };
        nest.level(l)?;
        (nest.extents_are_fixed() && nest.has_one_index_each()).then_some(nest)
    }

    fn level(&mut self, l: &Loop) -> Option<()> {
        let is_parallel = l.folds.is_empty();
        if l.kind != LoopKind::Serial || is_parallel && self.n_parallel < self.levels.len() {
            return None;
        }
        self.levels.push((l.axis, l.extent));
        self.n_parallel += usize::from(is_parallel);
        let mut inside = None;
        for stmt in &l.body {
            match stmt {
                Stmt::For(inner) => {
                    if inside.replace(inner).is_some() || inner.folds.is_empty() && l.body.len() > 1
                    {
                        return None;
                    }
                }
                Stmt::Let(_, value) => self.expr(*value),
                Stmt::Store { place, index, value, .. } => {
                    self.expr(*value);
                    self.index(*index);
                    let depth = self.levels.len();
                    self.stores.push(Store { place: *place, index: *index, depth });
                }
                Stmt::Check { .. } | Stmt::Tile(_) | Stmt::Chunk(_) => return None,
            }
        }
        let folded = l.folds.iter().flat_map(|f| f.init.iter().chain(&f.values));
        folded.for_each(|&value| self.expr(value));
        inside.map_or(Some(()), |inner| self.level(inner))
    }

    fn expr(&mut self, root: ExprId) {
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            if !self.seen.insert(id) {
                continue;
            }
            self.widest = self.widest.max(self.exprs.dtype(id).size());
            match self.exprs.expr(id) {
                Expr::Load { place, index, .. } => {
                    self.loads.push((*place, *index));
                    stack.extend(self.exprs.data_of(*index));
                }
                Expr::Index(index, _) => stack.extend(self.exprs.data_of(*index)),
                _ => stack.extend(self.exprs.operands(id)),
            }
        }
    }

    /// The data that an index is from.
    fn index(&mut self, id: IndexId) {
        self.exprs.data_of(id).into_iter().for_each(|value| self.expr(value));
    }

    fn extents_are_fixed(&self) -> bool {
        self.levels.iter().all(|(_, extent)| match extent {
            Extent::Const(_) => true,
            Extent::Block { axis, .. } => self.levels.iter().all(|(own, _)| own != axis),
        })
    }

    /// Whether each memory that is written is read and written at one index.
    fn has_one_index_each(&self) -> bool {
        let written: FxHashMap<PlaceId, IndexId> =
            self.stores.iter().map(|s| (s.place, s.index)).collect();
        self.stores.iter().all(|s| written[&s.place] == s.index)
            && self.loads.iter().all(|(place, at)| written.get(place).is_none_or(|own| own == at))
    }

    /// The loop that suits vectors best, of those that may run at once; of equals the innermost.
    fn choice(&self) -> Option<Choice> {
        let n = self.levels.len();
        let is_constant = |&level: &usize| matches!(self.levels[level].1, Extent::Const(_));
        let reduced = (self.n_parallel < n).then(|| n - 1).filter(is_constant);
        let places = (0..self.n_parallel).chain(reduced);
        let free = places.filter(|&level| self.is_free(level));
        let (score, level) = free.map(|level| (self.score(level), level)).max()?;
        let inwards = self.end_of_kind(level) - level - 1;
        (score >= 0).then(|| Choice { level, inwards, lanes: self.lanes(level) })
    }

    /// The loop after the last one of the same kind.
    fn end_of_kind(&self, level: usize) -> usize {
        if level < self.n_parallel { self.n_parallel } else { self.levels.len() }
    }

    /// Whether the iterations of a loop, moved to be the last of its kind, leave what others write
    /// alone.
    fn is_free(&self, level: usize) -> bool {
        let end = self.end_of_kind(level);
        let mut within = self.stores.iter().filter(|store| store.depth > level);
        within.all(|store| self.tells_apart(store.index, level..end, end..store.depth))
    }

    /// The loop around the vector loop that runs along something which that one reads in steps of
    /// at least `far` elements; of several the innermost. `None` if a loop is shorter than `least`.
    pub(super) fn read_along(
        &self,
        around: &[(AxisId, Extent)],
        vector: AxisId,
        far: usize,
        least: usize,
    ) -> Option<usize> {
        let step =
            |index: IndexId, axis: AxisId| self.exprs.step(index, axis).map(i64::unsigned_abs);
        let is_far = |index: IndexId| step(index, vector).is_some_and(|by| by >= far as u64);
        let runs = |&(axis, extent): &(AxisId, Extent)| {
            let along = |&(_, index): &(PlaceId, IndexId)| {
                is_far(index) && step(index, axis).is_some_and(|by| by == 1)
            };
            extent.max() >= least && self.loads.iter().any(along)
        };
        around.iter().rposition(runs)
    }

    /// Whether the iterations of these loops, the last of the nest, may run in any order.
    pub(super) fn may_change_places(&self, loops: Range<usize>) -> bool {
        self.n_parallel == self.levels.len()
            && self.stores.iter().all(|s| self.tells_apart(s.index, loops.clone(), 0..0))
    }

    /// Whether the iterations of a loop, moved within all others, leave what others write alone.
    pub(super) fn may_be_innermost(&self, level: usize) -> bool {
        let within = self.stores.iter().filter(|store| store.depth > self.n_parallel);
        within.into_iter().all(|s| self.tells_apart(s.index, level..s.depth, s.depth..s.depth))
    }

    /// Whether an index differs in any two iterations of `loops`, whatever `inside` counts.
    fn tells_apart(&self, index: IndexId, loops: Range<usize>, inside: Range<usize>) -> bool {
        let mut steps = vec![];
        for level in loops.clone().chain(inside) {
            let (axis, extent) = self.levels[level];
            match self.exprs.step(index, axis) {
                None => return false,
                Some(0) if loops.contains(&level) => return false,
                Some(0) => {}
                Some(step) => steps.push((step.unsigned_abs(), extent.max() as u64)),
            }
        }
        steps.sort_unstable();
        let mut way = 0u64;
        steps.into_iter().all(|(step, n)| {
            let is_longer = step > way;
            way = way.saturating_add(step.saturating_mul(n.saturating_sub(1)));
            is_longer
        })
    }

    /// How well a loop suits vectors: adjacent reads and writes, less strided reads, each of which
    /// puts a lane into a register, and twice the strided writes; negative for short loops.
    fn score(&self, level: usize) -> i64 {
        let (axis, extent) = self.levels[level];
        if extent.max() < SHORTEST {
            return -1;
        }
        let access = |index: IndexId, strided: i64| match self.exprs.step(index, axis) {
            Some(step @ (0 | 1)) => step,
            Some(_) | None => strided,
        };
        let loads = self.loads.iter().map(|&(_, index)| access(index, -1));
        let stores = self.stores.iter().map(|store| access(store.index, -2));
        loads.chain(stores).sum()
    }

    /// As many lanes as the widest value allows, at most those that the extent fills.
    fn lanes(&self, level: usize) -> u8 {
        let lanes = (WIDTH / self.widest) as u8;
        match self.levels[level].1.max() {
            ..8 => lanes.min(4),
            8..16 => lanes.min(8),
            _ => lanes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{BinaryFn, DType, Monoid, OriginId, Scalar, Target};
    use crate::loop_ir::{Buffer, Fold, Pointer, run_units, verify};

    const LEN: usize = 512;

    /// An element of buffer 0, 1 or 2, by the steps of its position along each loop and where it
    /// begins.
    struct At(u32, &'static [i64], i64);

    /// `to = from + from + ...`, or a fold of that over the loops after the first `kept`, within loops
    /// of these extents.
    fn kernel(extents: &[usize], kept: usize, to: &At, from: &[At]) -> Kernel {
        let mut e = Exprs::default();
        let axes = e.axes(extents);
        let position = |e: &mut Exprs, At(_, steps, first): &At| {
            let axes = e.index_axes(&axes);
            let sum = e.index_dot(&axes, steps);
            e.index_scale(sum, 1, *first)
        };
        let mut value = e.constant(Scalar::F32(0.5));
        for at in from {
            let (place, index) = (PlaceId::Buffer(at.0), position(&mut e, at));
            let load = e.intern(Expr::Load { place, index, dtype: DType::F32 });
            value = e.binary(BinaryFn::Add, value, load);
        }
        let index = position(&mut e, to);
        let store = |value| {
            vec![Stmt::Store {
                place: PlaceId::Buffer(to.0),
                index,
                value,
                origin: OriginId::default(),
            }]
        };
        let mut body = if kept == extents.len() { store(value) } else { vec![] };
        for (level, (&axis, &n)) in axes.iter().zip(extents).enumerate().rev() {
            let mut folds = vec![];
            if level >= kept {
                let var = e.var();
                let init = vec![e.constant(Scalar::F32(0.0))];
                folds.push(Fold {
                    monoid: Monoid::Sum,
                    vars: vec![var],
                    init,
                    values: vec![value],
                    origin: OriginId::default(),
                });
                value = e.intern(Expr::Var(var, DType::F32));
            }
            let (extent, kind) = (Extent::Const(n), LoopKind::Serial);
            body = vec![Stmt::For(Loop { axis, extent, kind, body, folds })];
            if level == kept {
                body.extend(store(value));
            }
        }
        let buffer = |(name, written): (&str, bool)| Buffer {
            name: name.into(),
            dtype: DType::F32,
            len: LEN,
            written,
        };
        Kernel {
            name: "k".into(),
            exprs: e,
            units: vec![],
            buffers: [("x", false), ("w", false), ("y", true)].map(buffer).to_vec(),
            locals: vec![],
            body,
            cost: 1,
        }
    }

    /// The bytes of every memory after a run.
    fn results(kernel: &Kernel) -> Vec<Vec<u8>> {
        let number = |i: usize| ((i * 37 % 101) as f32 * 0.37).to_le_bytes();
        let mut memories: Vec<Vec<u8>> =
            (0..3).map(|m| (0..LEN).flat_map(|i| number(m * LEN + i)).collect()).collect();
        let pointers = [0, 1, 2].map(|memory| Pointer { memory, offset: 0 });
        run_units(kernel, &Target::X86_64_V4, &pointers, &mut memories, 0..1, &mut 0);
        memories
    }

    /// The loops of a kernel after the pass, outermost first: extents, and the lanes of vector
    /// loops. Loops without folds must compute the same bits; another run of the pass must change
    /// nothing.
    fn loops(mut kernel: Kernel, folds: bool) -> String {
        let before = results(&kernel);
        vectorise(&mut kernel);
        assert!(folds || results(&kernel) == before, "{kernel}");
        let once = kernel.body.clone();
        vectorise(&mut kernel);
        assert_eq!(kernel.body, once, "{kernel}");
        let mut found = vec![];
        let mut body = &kernel.body;
        while let Some(Stmt::For(l)) = body.first() {
            found.push(match l.kind {
                LoopKind::Vector(lanes) => format!("{} by {lanes}", l.extent.max()),
                LoopKind::Serial => l.extent.max().to_string(),
            });
            body = &l.body;
        }
        found.join(", ")
    }

    const Y: u32 = 2;

    #[test]
    fn chooses_loops_along_memory() {
        let map = |extents: &[usize], to: At, from: &[At]| {
            loops(kernel(extents, extents.len(), &to, from), false)
        };
        let rows = |place| At(place, &[20, 1], 0);
        let columns = |place| At(place, &[1, 9], 0);
        assert_eq!(map(&[9, 20], rows(Y), &[rows(0)]), "9, 20 by 16");
        assert_eq!(map(&[9, 20], columns(Y), &[columns(0)]), "20, 9 by 8");
        assert_eq!(map(&[9, 20], columns(Y), &[rows(0)]), "20, 9 by 8");
        assert_eq!(map(&[9, 20], At(Y, &[2, 18], 0), &[At(0, &[40, 2], 0)]), "9, 20");
        assert_eq!(map(&[9, 20], columns(Y), &[rows(0), columns(1), columns(0)]), "20, 9 by 8");
        assert_eq!(map(&[9, 3], At(Y, &[3, 1], 0), &[]), "9, 3");
        let inwards = At(Y, &[1, 30, 5], 0);
        assert_eq!(map(&[5, 7, 6], inwards, &[At(0, &[1, 0, 0], 0)]), "7, 6, 5 by 4");
    }

    #[test]
    fn reduced_loops_are_chosen_before_parallel_ones_that_suit_as_well() {
        let sum = |extents: &[usize], kept, to: At, from: &[At]| {
            loops(kernel(extents, kept, &to, from), true)
        };
        assert_eq!(sum(&[9, 20], 1, At(Y, &[1, 0], 0), &[At(0, &[20, 1], 0)]), "9, 20 by 16");
        assert_eq!(sum(&[9, 20], 1, At(Y, &[1, 0], 0), &[At(0, &[1, 9], 0)]), "9 by 8, 20");
        assert_eq!(sum(&[20], 0, At(Y, &[0], 0), &[At(0, &[1], 0)]), "20 by 16");
        let last = At(0, &[0, 5, 1], 0);
        assert_eq!(sum(&[9, 7, 5], 1, At(Y, &[1, 0, 0], 0), &[last]), "9, 7, 5 by 4");
    }

    #[test]
    fn loops_stay_that_touch_what_other_iterations_write() {
        let map = |extents: &[usize], to: At, from: &[At]| {
            loops(kernel(extents, extents.len(), &to, from), false)
        };
        // An iteration reads what the one before has written, or will be.
        assert_eq!(map(&[20], At(Y, &[1], 1), &[At(Y, &[1], 0)]), "20");
        assert_eq!(map(&[20], At(Y, &[1], 0), &[At(Y, &[1], 1)]), "20");
        assert_eq!(map(&[20], At(Y, &[1], 0), &[At(Y, &[1], 0)]), "20 by 16");
        // Two iterations write one element.
        assert_eq!(map(&[20], At(Y, &[0], 0), &[At(0, &[1], 0)]), "20");
        assert_eq!(map(&[8, 9], At(Y, &[1, 7], 0), &[At(0, &[1, 8], 0)]), "8, 9");
        assert_eq!(map(&[8, 9], At(Y, &[1, 8], 0), &[At(0, &[1, 8], 0)]), "9, 8 by 8");
        // A recurrence: its loop neither moves nor runs at once, those within it may.
        let x = [At(Y, &[0, 1], 0), At(0, &[1, 16], 0), At(1, &[1, 16], 0), At(1, &[1, 16], 1)];
        assert_eq!(map(&[16, 20], At(Y, &[0, 1], 0), &x), "16, 20");
        assert_eq!(map(&[16, 20], At(Y, &[0, 1], 0), &x[..3]), "16, 20 by 16");
        // A reduction that reads what it writes.
        let sum = kernel(&[9, 20], 1, &At(Y, &[1, 0], 0), &[At(Y, &[1, 9], 0)]);
        assert_eq!(loops(sum, true), "9, 20");
    }

    #[test]
    fn checks_and_extents_of_the_nest_keep_loops_serial() {
        let mut kernel = kernel(&[9, 20], 2, &At(Y, &[20, 1], 0), &[]);
        let Stmt::For(outer) = &mut kernel.body[0] else { unreachable!("a loop") };
        let axis = outer.axis;
        let body = &mut inner(&mut outer.body).body;
        let index = kernel.exprs.index_axis(axis);
        let value = kernel.exprs.intern(Expr::Index(index, DType::I32));
        body.push(Stmt::Check { value, size: 9, number: 0, origin: OriginId::default() });
        vectorise(&mut kernel);
        assert!(!kernel.to_string().contains("vector"), "{kernel}");

        let Stmt::For(outer) = &mut kernel.body[0] else { unreachable!("a loop") };
        let inside = inner(&mut outer.body);
        inside.body.pop();
        inside.extent = Extent::Block { axis, block: 20, total: 165 };
        vectorise(&mut kernel);
        let text = kernel.to_string();
        assert!(text.contains("for i1 < min(20, 165 - 20 i0) vector 16"), "{text}");
        assert_eq!(verify(&kernel), Ok(()));
    }
}
