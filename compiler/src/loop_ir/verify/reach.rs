//! Where the accesses of a kernel reach: within their memories, and only to what is there.
//!
//! What a unit reads of a local it has written before; so with a buffer that the kernel writes:
//! that is a value of its own, which has no elements before it is computed. (What an update writes
//! over is another buffer to the kernel.)
//!
//! An axis that numbers blocks is looked at twice, while the blocks are whole and at its last
//! value, where the block may be smaller: so the range of an index is that of a sum of axes that
//! count between fixed ends. The positions of an access are those of all values of the axes around
//! it, relative to the terms that are *held*: what depends on the unit, or on a loop of which an
//! iteration reads what it has written itself. A read must be covered by writes with the same held
//! terms. That is exact where indices are affine; elsewhere a read counts as reaching more than it
//! does, and a write as none.
//!
//! Linear in the statements and in the rows of what is written to locals.

use rustc_hash::{FxHashMap, FxHashSet};

use super::spans::{Positions, Spans};
use super::{KernelError, Problem};
use crate::ir::{AxisId, Expr, ExprId, IndexId, PlaceId, Term};
use crate::loop_ir::text::place_names;
use crate::loop_ir::{Chunk, ChunkFn, Extent, Kernel, Loop, Stmt, Tile, View};

/// Checks all accesses of a kernel whose types and scopes have been checked.
pub(super) fn check(kernel: &Kernel) -> Result<(), KernelError> {
    let mut blocks = FxHashSet::default();
    blocks_in(&kernel.body, &mut blocks);
    let mut walk = Walk {
        kernel,
        blocks,
        tracked: tracked(kernel),
        axes: FxHashMap::default(),
        held: kernel.units.clone(),
        written: FxHashMap::default(),
        mode: Mode::Check,
        path: vec![],
    };
    walk.units(&kernel.units)
}

/// The axes of which an extent within the statements says that their last block is smaller.
fn blocks_in(body: &[Stmt], blocks: &mut FxHashSet<AxisId>) {
    for stmt in body {
        let extents = match stmt {
            Stmt::For(l) => {
                blocks_in(&l.body, blocks);
                vec![l.extent]
            }
            Stmt::Tile(tile) => vec![tile.m[0], tile.m[1], tile.n],
            Stmt::Chunk(chunk) => vec![chunk.n],
            Stmt::Let(..) | Stmt::Store { .. } | Stmt::Check { .. } => vec![],
        };
        blocks.extend(extents.into_iter().filter_map(|extent| match extent {
            Extent::Block { axis, block, total } => (total % block != 0).then_some(axis),
            Extent::Const(_) => None,
        }));
    }
}

/// The memories that hold nothing before the unit writes it.
fn tracked(kernel: &Kernel) -> FxHashSet<PlaceId> {
    let written = (0..).zip(&kernel.buffers).filter(|(_, b)| b.written);
    let locals = (0..).zip(&kernel.locals).map(|(l, _)| PlaceId::Local(l));
    written.map(|(b, _)| PlaceId::Buffer(b)).chain(locals).collect()
}

/// What a walk over statements is for.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Checks accesses and notes what is written.
    Check,
    /// Notes what is written.
    Note,
}

type Checked = Result<(), KernelError>;

/// Terms of an index with their coefficients.
type Terms = Vec<(Term, i64)>;

struct Walk<'a> {
    kernel: &'a Kernel,
    /// The axes whose last block is smaller than the others.
    blocks: FxHashSet<AxisId>,
    tracked: FxHashSet<PlaceId>,
    /// The first and the last value of each axis that counts here.
    axes: FxHashMap<AxisId, (i64, i64)>,
    /// The axes that have one value at a time: those of units, then of loops, the innermost last.
    held: Vec<AxisId>,
    /// What has been written of each memory, by the held terms of the index.
    written: FxHashMap<(PlaceId, Terms), Spans>,
    mode: Mode,
    path: Vec<usize>,
}

impl Walk<'_> {
    fn units(&mut self, units: &[AxisId]) -> Checked {
        let Some((&unit, inner)) = units.split_first() else {
            self.written.clear();
            return self.body(&self.kernel.body);
        };
        let n = self.kernel.exprs.extent(unit);
        self.parts(unit, n, |walk| walk.units(inner))
    }

    /// Does something for an axis that counts to `n`: once, or while its blocks are whole and then
    /// for the last.
    fn parts(
        &mut self,
        axis: AxisId,
        n: i64,
        mut run: impl FnMut(&mut Self) -> Checked,
    ) -> Checked {
        let parts = match self.blocks.contains(&axis) && n > 1 {
            true => vec![(0, n - 2), (n - 1, n - 1)],
            false => vec![(0, n - 1)],
        };
        for part in parts {
            self.axes.insert(axis, part);
            run(self)?;
        }
        self.axes.remove(&axis);
        Ok(())
    }

    fn count(&self, extent: Extent) -> i64 {
        match extent {
            Extent::Const(n) => n as i64,
            Extent::Block { axis, block, total } => {
                let (_, last) = self.axes[&axis];
                (block as i64).min(total as i64 - block as i64 * last)
            }
        }
    }

    fn body(&mut self, body: &[Stmt]) -> Checked {
        self.path.push(0);
        for (i, stmt) in body.iter().enumerate() {
            if let Some(last) = self.path.last_mut() {
                *last = i;
            }
            self.stmt(stmt)?;
        }
        self.path.pop();
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt) -> Checked {
        match stmt {
            Stmt::For(l) => self.for_loop(l),
            Stmt::Let(_, value) => self.values("let", &[*value]),
            Stmt::Check { value, .. } => self.values("check", &[*value]),
            Stmt::Store { place, index, value, .. } => {
                self.values("store", &[*value])?;
                self.index("store", *index)?;
                self.write("store", *place, *index, &[])
            }
            Stmt::Tile(tile) => self.tile(tile),
            Stmt::Chunk(chunk) => self.chunk(chunk),
        }
    }

    fn for_loop(&mut self, l: &Loop) -> Checked {
        for fold in &l.folds {
            self.values("for", &fold.init)?;
        }
        let n = self.count(l.extent);
        if n == 0 {
            return Ok(());
        }
        if self.mode == Mode::Note || !self.reads_its_own(l) {
            return self.parts(l.axis, n, |walk| walk.iteration(l));
        }
        let before = self.written.clone();
        self.held.push(l.axis);
        self.parts(l.axis, n, |walk| walk.iteration(l))?;
        self.held.pop();
        // After the loop, what each of its iterations has written is there.
        self.written = before;
        self.mode = Mode::Note;
        self.parts(l.axis, n, |walk| walk.iteration(l))?;
        self.mode = Mode::Check;
        Ok(())
    }

    /// The body of a loop, then what it folds.
    fn iteration(&mut self, l: &Loop) -> Checked {
        self.body(&l.body)?;
        l.folds.iter().try_for_each(|fold| self.values("fold", &fold.values))
    }

    /// Whether an iteration could read what it, or one before, has written.
    fn reads_its_own(&self, l: &Loop) -> bool {
        let mut accesses = Accesses {
            walk: self,
            read: Default::default(),
            seen: Default::default(),
            written: Default::default(),
        };
        accesses.for_loop(l);
        !accesses.read.is_disjoint(&accesses.written)
    }

    fn values(&mut self, statement: &str, values: &[ExprId]) -> Checked {
        if self.mode == Mode::Note {
            return Ok(());
        }
        let mut loads = vec![];
        let mut seen = FxHashSet::default();
        values.iter().for_each(|&v| loads_in(self.kernel, v, &mut seen, &mut loads));
        loads.into_iter().try_for_each(|(place, index)| self.read(statement, place, index, &[]))
    }

    /// The elements that an index needs.
    fn index(&mut self, statement: &str, index: IndexId) -> Checked {
        let data = self.kernel.exprs.data_of(index);
        self.values(statement, &data)
    }

    fn tile(&mut self, tile: &Tile) -> Checked {
        let ([m0, m1], n) = (tile.m.map(|m| self.count(m)), self.count(tile.n));
        if [m0, m1, n].contains(&0) {
            return Ok(());
        }
        let rows = |view: &View| [(m0, view.row[0]), (m1, view.row[1])];
        let mut of_b: Vec<_> = (0..3).map(|l| (tile.len[l] as i64, tile.b_step[l])).collect();
        let of_a = tile.levels_of_a([m0, m1].map(|m| m as usize));
        let mut of_a: Vec<_> = of_a.into_iter().map(|(n, step)| (n as i64, step)).collect();
        of_a.push((n, tile.a.column));
        of_b.push((n, 1));
        let mut of_c = rows(&tile.c).to_vec();
        of_c.push((n, 1));
        let View { place, offset, .. } = tile.c;
        if !tile.len.contains(&0) {
            self.read("tile", tile.a.place, tile.a.offset, &of_a)?;
            self.read("tile", tile.b.place, tile.b.offset, &of_b)?;
        }
        if tile.accumulate {
            self.read("tile", place, offset, &of_c)?;
        }
        self.write("tile", place, offset, &of_c)
    }

    fn chunk(&mut self, chunk: &Chunk) -> Checked {
        let n = self.count(chunk.n);
        if n == 0 {
            return Ok(());
        }
        let (place, index) = chunk.to;
        match &chunk.function {
            ChunkFn::Math { from, .. } => {
                for &(place, index) in from {
                    self.read("chunk", place, index, &[(n, 1)])?;
                }
            }
            ChunkFn::Philox { key, seed, step, .. } => {
                for &place in [key, seed, step] {
                    self.first("chunk", place)?;
                }
            }
            ChunkFn::Sort { .. } => self.read("chunk", place, index, &[(n, 1)])?,
            ChunkFn::Claim => return self.within("chunk", place, self.range(index, &[(n, 1)])),
        }
        self.write("chunk", place, index, &[(n, 1)])
    }

    /// That a memory has an element.
    fn first(&self, statement: &str, place: PlaceId) -> Checked {
        self.within(statement, place, (0, 0))
    }

    fn read(
        &mut self,
        statement: &str,
        place: PlaceId,
        index: IndexId,
        more: &[(i64, i64)],
    ) -> Checked {
        if self.mode == Mode::Note {
            return Ok(());
        }
        self.within(statement, place, self.range(index, more))?;
        if !self.tracked.contains(&place) {
            return Ok(());
        }
        // Written in the same iteration, or for all iterations of a loop before it.
        let found = (self.kernel.units.len()..=self.held.len()).rev().any(|n| {
            let (held, positions, _) = self.positions(index, more, &self.held[..n]);
            let written = self.written.get(&(place, held));
            written.is_some_and(|w| positions.all(|first, end| w.cover(first, end)))
        });
        if found {
            return Ok(());
        }
        let place = self.name(place);
        Err(self.error(statement, Problem::NotWritten { place }))
    }

    fn write(
        &mut self,
        statement: &str,
        place: PlaceId,
        index: IndexId,
        more: &[(i64, i64)],
    ) -> Checked {
        if self.mode == Mode::Check {
            self.within(statement, place, self.range(index, more))?;
        }
        let (held, positions, exact) = self.positions(index, more, &self.held);
        if exact {
            let written = self.written.entry((place, held)).or_default();
            positions.all(|first, end| {
                written.insert(first, end);
                true
            });
        }
        Ok(())
    }

    /// The positions of an index plus counts, apart from the terms that are held with these axes;
    /// whether they are exactly those.
    fn positions(
        &self,
        index: IndexId,
        more: &[(i64, i64)],
        axes: &[AxisId],
    ) -> (Terms, Positions, bool) {
        let index = self.kernel.exprs.index(index);
        let mut positions = Positions { first: index.constant.into(), counts: vec![] };
        let (mut held, mut exact) = (vec![], true);
        for &(term, c) in &index.terms {
            if self.is_held(term, axes) {
                held.push((term, c));
                continue;
            }
            let (low, high) = self.term_range(term);
            positions.first += low * i128::from(c);
            positions.counts.push((high - low + 1, c.into()));
            exact &= matches!(term, Term::Axis(_));
        }
        positions.counts.extend(more.iter().map(|&(n, step)| (n.into(), step.into())));
        (held, positions, exact)
    }

    /// Whether a term has one value at a time, as axes that are held say.
    fn is_held(&self, term: Term, axes: &[AxisId]) -> bool {
        match term {
            Term::Axis(axis) => axes.contains(&axis),
            Term::Div(x, _) | Term::Mod(x, _) => {
                let terms = &self.kernel.exprs.index(x).terms;
                !terms.is_empty() && terms.iter().all(|&(term, _)| self.is_held(term, axes))
            }
            Term::Data(..) => false,
        }
    }

    /// The smallest and the largest position of an index plus counts.
    fn range(&self, index: IndexId, more: &[(i64, i64)]) -> (i128, i128) {
        let (mut low, mut high) = self.index_range(index);
        for &(n, step) in more {
            let far = i128::from(n - 1) * i128::from(step);
            low += far.min(0);
            high += far.max(0);
        }
        (low, high)
    }

    fn index_range(&self, index: IndexId) -> (i128, i128) {
        let index = self.kernel.exprs.index(index);
        let constant = i128::from(index.constant);
        index.terms.iter().fold((constant, constant), |(low, high), &(term, c)| {
            let (first, last) = self.term_range(term);
            let (a, b) = (first * i128::from(c), last * i128::from(c));
            (low + a.min(b), high + a.max(b))
        })
    }

    fn term_range(&self, term: Term) -> (i128, i128) {
        match term {
            Term::Axis(axis) => {
                let (first, last) = self.axes[&axis];
                (first.into(), last.into())
            }
            Term::Div(x, n) => {
                let (low, high) = self.index_range(x);
                (low.div_euclid(n.into()), high.div_euclid(n.into()))
            }
            Term::Mod(x, n) => {
                let (n, (low, high)) = (i128::from(n), self.index_range(x));
                match low.div_euclid(n) == high.div_euclid(n) {
                    true => (low.rem_euclid(n), high.rem_euclid(n)),
                    false => (0, n - 1),
                }
            }
            Term::Data(_, n) => (0, i128::from(n - 1).max(0)),
        }
    }

    fn within(&self, statement: &str, place: PlaceId, (first, last): (i128, i128)) -> Checked {
        let len = self.kernel.place_len(place);
        if first >= 0 && last < len as i128 {
            return Ok(());
        }
        let place = self.name(place);
        Err(self.error(statement, Problem::OutOfBounds { place, first, last, len }))
    }

    fn name(&self, place: PlaceId) -> String {
        place_names(self.kernel).remove(&place).unwrap_or_default()
    }

    fn error(&self, statement: &str, problem: Problem) -> KernelError {
        KernelError::new(self.kernel, statement, &self.path, problem)
    }
}

/// The memories and positions that an expression loads, those within indices included.
fn loads_in(
    kernel: &Kernel,
    id: ExprId,
    seen: &mut FxHashSet<ExprId>,
    loads: &mut Vec<(PlaceId, IndexId)>,
) {
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        match kernel.exprs.expr(id) {
            Expr::Load { place, index, .. } => {
                loads.push((*place, *index));
                stack.extend(kernel.exprs.data_of(*index));
            }
            Expr::Index(index, _) => stack.extend(kernel.exprs.data_of(*index)),
            _ => stack.extend(kernel.exprs.operands(id)),
        }
    }
}

/// The tracked memories that statements read and write.
struct Accesses<'a> {
    walk: &'a Walk<'a>,
    read: FxHashSet<PlaceId>,
    written: FxHashSet<PlaceId>,
    seen: FxHashSet<ExprId>,
}

impl Accesses<'_> {
    fn for_loop(&mut self, l: &Loop) {
        for fold in &l.folds {
            fold.init.iter().chain(&fold.values).for_each(|&v| self.value(v));
        }
        l.body.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::For(l) => self.for_loop(l),
            Stmt::Let(_, value) | Stmt::Check { value, .. } => self.value(*value),
            Stmt::Store { place, index, value, .. } => {
                self.value(*value);
                self.walk.kernel.exprs.data_of(*index).into_iter().for_each(|v| self.value(v));
                self.written.insert(*place);
            }
            Stmt::Tile(tile) => {
                self.reads([tile.a.place, tile.b.place]);
                self.written.insert(tile.c.place);
            }
            Stmt::Chunk(Chunk { function, to, .. }) => match function {
                ChunkFn::Math { from, .. } => {
                    self.reads(from.iter().map(|f| f.0));
                    self.written.insert(to.0);
                }
                ChunkFn::Philox { .. } => {
                    self.written.insert(to.0);
                }
                ChunkFn::Sort { .. } => {
                    self.reads([to.0]);
                    self.written.insert(to.0);
                }
                ChunkFn::Claim => {}
            },
        }
    }

    fn value(&mut self, value: ExprId) {
        let mut loads = vec![];
        loads_in(self.walk.kernel, value, &mut self.seen, &mut loads);
        self.reads(loads.into_iter().map(|(place, _)| place));
    }

    fn reads(&mut self, places: impl IntoIterator<Item = PlaceId>) {
        let tracked = places.into_iter().filter(|p| self.walk.tracked.contains(p));
        self.read.extend(tracked);
    }
}
