//! Takes the rows of a unit through all of its loops a strip at a time: `for i: a; for i: b` becomes
//! `for s: for i of s: a; for i of s: b`, so that what `a` wrote or read of a row is still in a cache
//! when `b` reads it; and what lives no longer than a strip needs a local no larger.
//!
//! Strip-mining and fusion of loops (Allen and Kennedy, "Optimizing Compilers for Modern
//! Architectures", 2002, sections 8.6 and 9.3).
//!
//! In: a unit after `columns`. Loops over the same rows, each after the other, that fold nothing from
//! row to row; `columns` may have taken several rows at a time, and `collapse` have joined a row with
//! its elements. A loop may hold tiles, which touch what lies between their first and last elements.
//! Statements between them that have nothing to do with the loops before come first.
//! Out: one loop over strips around those loops, if a unit touches more than [`Costs::strip`] bytes in
//! them.
//!
//! A strip of a loop runs before the later strips of the loops before it. That is allowed if no loop
//! touches in a strip what another one writes in another strip: taken as shown if all that is
//! touched of a memory is a sum with the same terms of what is around the loops, the same step from
//! row to row, and a rest that is less than this step. Two memories of one type and length may be the
//! same one (see [`may_overwrite`](crate::fuse::may_overwrite)). No value changes. Linear in
//! the statements of a unit.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::columns::ROWS;
use super::rebuild::Rebuild;
use super::{Buffer, ChunkFn, Extent, Kernel, Loop, LoopKind, Stmt, Tile, View};
use crate::ir::{
    AxisId, Costs, Expr, ExprId, Exprs, Index, IndexId, IndexTerms, PlaceId, Reindex, Term,
};

/// The fewest lanes of a vector loop.
const FEWEST_LANES: usize = 4;

/// The most statements of a run: a group of so many loops is rare, and what is looked at from each
/// statement on must not grow with the kernel.
const LONGEST: usize = 64;

/// Cuts what pays in a kernel.
pub fn strips(kernel: &mut Kernel, costs: &Costs) {
    let rest = std::mem::take(&mut kernel.body);
    let mut accesses: VecDeque<Accesses> =
        rest.iter().map(|stmt| Accesses::of(&kernel.exprs, stmt)).collect();
    let mut uses = FxHashMap::default();
    accesses.iter().for_each(|accesses| accesses.count(&mut uses));
    let mut rest: VecDeque<Stmt> = rest.into();
    let mut before = FxHashSet::default();
    while !rest.is_empty() {
        let near = rest.iter().zip(&accesses).take(LONGEST).collect::<Vec<_>>();
        let run = Run::at_the_start(kernel, &near, &before);
        let run = run.and_then(|run| Some((run.rows_of_a_strip(kernel, costs)?, run)));
        let n = run.as_ref().map_or(1, |(_, run)| run.parts.len());
        let (stmts, accesses): (Vec<Stmt>, Vec<Accesses>) =
            (rest.drain(..n).collect(), accesses.drain(..n).collect());
        before.extend(accesses.iter().flat_map(Accesses::places));
        match run {
            Some((rows, run)) => {
                let body = run.in_strips(kernel, (stmts, &accesses), rows, &uses);
                kernel.body.extend(body);
            }
            None => kernel.body.extend(stmts),
        }
    }
}

/// What a statement reads and writes.
#[derive(Default)]
struct Accesses {
    elements: Vec<Access>,
    /// The memories that library functions reach.
    called: Vec<PlaceId>,
    /// The axes of the loops.
    axes: FxHashSet<AxisId>,
    /// Whether it holds what must stay as it is: a check, whose failures are reported in order, a call
    /// of a library function, a loop or a tile as long as a loop around it says.
    stays: bool,
    seen: FxHashSet<ExprId>,
}

/// What is read or written at once: the element at an index, or that of a tile and those that are up to
/// so many before and behind it.
#[derive(Clone, Copy)]
struct Access {
    place: PlaceId,
    index: IndexId,
    before: i64,
    behind: i64,
    writes: bool,
}

impl Access {
    fn element(place: PlaceId, index: IndexId, writes: bool) -> Access {
        Access { place, index, before: 0, behind: 0, writes }
    }

    /// A view of a tile, which has so many elements so far apart on each level.
    fn view(view: &View, levels: &[(usize, i64)], writes: bool) -> Access {
        let far = |&(n, step): &(usize, i64)| n.saturating_sub(1) as i64 * step;
        let before = levels.iter().map(|level| -far(level).min(0)).sum();
        let behind = levels.iter().map(|level| far(level).max(0)).sum();
        Access { place: view.place, index: view.offset, before, behind, writes }
    }
}

impl Accesses {
    fn of(exprs: &Exprs, stmt: &Stmt) -> Accesses {
        let mut found = Accesses::default();
        found.stmt(exprs, stmt);
        found
    }

    fn places(&self) -> impl Iterator<Item = PlaceId> {
        self.elements.iter().map(|access| &access.place).chain(&self.called).copied()
    }

    /// Counts the statement with each memory that it touches.
    fn count(&self, uses: &mut FxHashMap<PlaceId, usize>) {
        let places: FxHashSet<PlaceId> = self.places().collect();
        places.into_iter().for_each(|place| *uses.entry(place).or_default() += 1);
    }

    fn stmt(&mut self, exprs: &Exprs, stmt: &Stmt) {
        self.stays |= matches!(stmt, Stmt::Check { .. } | Stmt::Chunk(_));
        match stmt {
            Stmt::For(l) => {
                self.stays |= self.is_said_around(l.extent);
                self.axes.insert(l.axis);
                let folded = l.folds.iter().flat_map(|f| f.init.iter().chain(&f.values));
                folded.for_each(|&value| self.expr(exprs, value));
                l.body.iter().for_each(|stmt| self.stmt(exprs, stmt));
            }
            Stmt::Let(_, value) | Stmt::Check { value, .. } => self.expr(exprs, *value),
            Stmt::Store { place, index, value, .. } => {
                self.expr(exprs, *value);
                exprs.data_of(*index).into_iter().for_each(|data| self.expr(exprs, data));
                self.elements.push(Access::element(*place, *index, true));
            }
            Stmt::Tile(tile) => {
                let Tile { c, a, b, .. } = &**tile;
                let extents = [tile.m[0], tile.m[1], tile.n];
                self.stays |= extents.into_iter().any(|extent| self.is_said_around(extent));
                let rows = |view: &View| [0, 1].map(|level| (tile.m[level].max(), view.row[level]));
                let column = |view: &View| (tile.n.max(), view.column);
                let sums = |steps: [i64; 3]| [0, 1, 2].map(|level| (tile.len[level], steps[level]));
                let of_c = [&rows(c)[..], &[column(c)]].concat();
                let rows_and_sums = tile.levels_of_a(tile.m.map(|m| m.max()));
                let of_a = [&rows_and_sums[..], &[column(a)]].concat();
                let of_b = [&[column(b)][..], &sums(tile.b_step)].concat();
                self.elements.extend([
                    Access::view(c, &of_c, true),
                    Access::view(a, &of_a, false),
                    Access::view(b, &of_b, false),
                ]);
            }
            Stmt::Chunk(chunk) => {
                self.called.push(chunk.to.0);
                match &chunk.function {
                    ChunkFn::Math { from, .. } => self.called.extend(from.iter().map(|f| f.0)),
                    ChunkFn::Philox { key, seed, step, .. } => {
                        self.called.extend([*key, *seed, *step]);
                    }
                    ChunkFn::Sort { .. } | ChunkFn::Claim => {}
                }
            }
        }
    }

    /// Whether a loop around what is looked at says how far this goes.
    fn is_said_around(&self, extent: Extent) -> bool {
        matches!(extent, Extent::Block { axis, .. } if self.axes.contains(&axis))
    }

    fn expr(&mut self, exprs: &Exprs, root: ExprId) {
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            if !self.seen.insert(id) {
                continue;
            }
            match exprs.expr(id) {
                &Expr::Load { place, index, .. } => {
                    self.elements.push(Access::element(place, index, false));
                    stack.extend(exprs.data_of(index));
                }
                Expr::Index(index, _) => stack.extend(exprs.data_of(*index)),
                _ => stack.extend(exprs.operands(id)),
            }
        }
    }
}

/// A statement of a run.
enum Part {
    /// A loop over the rows.
    Rows(Pace),
    /// What has nothing to do with the loops before, and comes before them.
    First,
}

/// How a loop goes over rows: several an iteration, or in several iterations each.
#[derive(Clone, Copy)]
struct Pace {
    rows: usize,
    iterations: usize,
}

impl Pace {
    /// That of a loop so long over so many rows.
    fn of(n: usize, rows: usize) -> Option<Pace> {
        match n {
            0 => None,
            n if n.is_multiple_of(rows) => Some(Pace { rows: 1, iterations: n / rows }),
            n if n == rows / ROWS => Some(Pace { rows: ROWS, iterations: 1 }),
            _ => None,
        }
    }

    /// The iterations for so many rows.
    fn iterations(self, rows: usize) -> usize {
        rows * self.iterations / self.rows
    }
}

/// Statements of a unit that can be one loop over strips of rows.
#[derive(Default)]
struct Run {
    rows: usize,
    parts: Vec<Part>,
    /// Whether every loop touches what one before it does.
    near: bool,
    /// What those statements touch that come first.
    first: FxHashSet<PlaceId>,
    /// Whether elements are found by what memories hold.
    follows_data: bool,
    /// What its loops touch of each memory, of those that may be the same together.
    touched: FxHashMap<PlaceId, Touched>,
    /// The longest step of each memory from row to row, in elements.
    steps: FxHashMap<PlaceId, i64>,
}

/// What loops touch of a memory.
#[derive(Clone, PartialEq)]
struct Touched {
    /// How many loops touch it.
    loops: usize,
    written: bool,
    /// Where, if all accesses are alike.
    rows: Option<Rows>,
}

/// Elements that a row has for itself: `step · row + base + from ..= step · row + base + to`, where
/// `to - from < step`.
#[derive(Clone, PartialEq)]
struct Rows {
    step: i64,
    /// The terms that are the same in all iterations.
    base: IndexTerms,
    from: i64,
    to: i64,
}

impl Rows {
    /// What an access within a loop over rows touches.
    fn of(
        exprs: &Exprs,
        (axis, pace): (AxisId, Pace),
        inside: &FxHashSet<AxisId>,
        access: &Access,
    ) -> Option<Rows> {
        let [rows, iterations] = [pace.rows, pace.iterations].map(|n| n as i64);
        let step = exprs.step(access.index, axis)?;
        let own = step * iterations / rows;
        let varies = |(term, _): &&(Term, i64)| match term {
            Term::Axis(axis) => inside.contains(axis),
            Term::Div(..) | Term::Mod(..) | Term::Data(..) => true,
        };
        let Index { terms, constant } = exprs.index(access.index);
        let terms = || terms.iter().filter(|(term, _)| *term != Term::Axis(axis));
        let base = terms().filter(|term| !varies(term)).copied().collect();
        let (from, to) = exprs.range_of(terms().filter(varies), *constant);
        let from = from - access.before;
        let to = to + access.behind + (iterations - 1) * step - (rows - 1) * own;
        (step % rows == 0).then_some(Rows { step: own, base, from, to })?.checked()
    }

    /// Those of two accesses.
    fn with(self, other: Rows) -> Option<Rows> {
        let alike = self.step == other.step && self.base == other.base;
        let (from, to) = (self.from.min(other.from), self.to.max(other.to));
        alike.then_some(Rows { from, to, ..self })?.checked()
    }

    fn checked(self) -> Option<Rows> {
        (self.to - self.from < self.step).then_some(self)
    }
}

impl Touched {
    /// The same of the loops before and a later one.
    fn with(&self, later: &Touched) -> Touched {
        let rows = self.rows.clone().zip(later.rows.clone());
        Touched {
            loops: self.loops + later.loops,
            written: self.written || later.written,
            rows: rows.and_then(|(a, b)| a.with(b)),
        }
    }

    /// Whether no loop touches in a strip what another one writes in another.
    fn may_run_in_strips(&self) -> bool {
        self.loops <= 1 || !self.written || self.rows.is_some()
    }
}

impl Run {
    /// The one of the most loops that a list of statements begins with.
    fn at_the_start(
        kernel: &Kernel,
        stmts: &[(&Stmt, &Accesses)],
        before: &FxHashSet<PlaceId>,
    ) -> Option<Run> {
        let mut rows: Vec<usize> = stmts.iter().filter_map(|(stmt, _)| rows_of(stmt)).collect();
        rows.sort_unstable();
        rows.dedup();
        // A loop that is not known to be near may be one that later ones need, or be in their way.
        let ways = rows.into_iter().flat_map(|rows| [(rows, false), (rows, true)]);
        let runs = ways.filter_map(|way| Run::over(kernel, stmts, way, before));
        runs.max_by_key(|run| run.parts.iter().filter(|p| matches!(p, Part::Rows(_))).count())
    }

    /// The longest one over so many rows that a list of statements begins with; whether every loop
    /// touches what one before it does.
    fn over(
        kernel: &Kernel,
        stmts: &[(&Stmt, &Accesses)],
        (rows, near): (usize, bool),
        before: &FxHashSet<PlaceId>,
    ) -> Option<Run> {
        let mut run = Run { rows, near, ..Run::default() };
        for &(stmt, accesses) in stmts {
            let part = match stmt {
                _ if accesses.stays || matches!(stmt, Stmt::Tile(_)) => break,
                Stmt::For(l) => run.take(kernel, l, accesses, before),
                _ => None,
            };
            match part {
                Some(part) => run.parts.push(part),
                None if run.parts.is_empty() || run.meets(kernel, accesses) => break,
                None => {
                    run.first.extend(accesses.places());
                    run.parts.push(Part::First);
                }
            }
        }
        // What comes after the last loop stays there.
        let is_loop = |part: &Part| matches!(part, Part::Rows(_));
        run.parts.truncate(run.parts.iter().rposition(is_loop)? + 1);
        Some(run)
    }

    /// Takes a loop, if it is over the rows, touches what the others do, and may run in strips with
    /// them.
    fn take(
        &mut self,
        kernel: &Kernel,
        l: &Loop,
        accesses: &Accesses,
        before: &FxHashSet<PlaceId>,
    ) -> Option<Part> {
        let Extent::Const(n) = l.extent else { return None };
        let pace = Pace::of(n, self.rows).filter(|_| l.folds.is_empty())?;
        let is_near = |access: &Access| self.steps.contains_key(&access.place);
        if self.near && !self.parts.is_empty() && !accesses.elements.iter().any(is_near) {
            return None;
        }
        let (mut touched, mut steps) = (FxHashMap::<PlaceId, Touched>::default(), vec![]);
        for access @ &Access { place, writes, .. } in &accesses.elements {
            let found = Rows::of(&kernel.exprs, (l.axis, pace), &accesses.axes, access);
            let step = found.as_ref().map_or(0, |rows| rows.step);
            steps.push((place, step));
            // The verifier must see all that is written of a row in one loop.
            if writes && step != 0 && (before.contains(&place) || self.first.contains(&place)) {
                return None;
            }
            let own = Touched { loops: 1, written: writes, rows: found };
            let of_place =
                touched.entry(one_of_alike(kernel, place)).or_insert_with(|| own.clone());
            *of_place = Touched { loops: 1, ..of_place.with(&own) };
        }
        for (place, later) in &mut touched {
            if let Some(before) = self.touched.get(place) {
                *later = before.with(later);
            }
        }
        touched.values().all(Touched::may_run_in_strips).then(|| {
            let by_data = |access: &Access| !kernel.exprs.data_of(access.index).is_empty();
            self.follows_data |= accesses.elements.iter().any(by_data);
            self.touched.extend(touched);
            for (place, step) in steps {
                let longest = self.steps.entry(place).or_default();
                *longest = step.max(*longest);
            }
            Part::Rows(pace)
        })
    }

    /// Whether a statement touches what the loops write, or writes what they touch.
    fn meets(&self, kernel: &Kernel, accesses: &Accesses) -> bool {
        accesses.elements.iter().any(|&Access { place, writes, .. }| {
            let touched = self.touched.get(&one_of_alike(kernel, place));
            touched.is_some_and(|touched| writes || touched.written)
        })
    }

    /// The rows of a strip, if strips pay.
    fn rows_of_a_strip(&self, kernel: &Kernel, costs: &Costs) -> Option<usize> {
        let bytes =
            |(&place, &step): (&PlaceId, &i64)| step as usize * kernel.place_dtype(place).size();
        let row: usize = self.steps.iter().map(bytes).sum();
        let is_light = row.saturating_mul(self.rows) <= costs.strip;
        if is_light || self.touched.values().all(|touched| touched.loops <= 1) {
            return None;
        }
        let at_once = self.parts.iter().map(|part| match part {
            Part::Rows(pace) => pace.rows,
            Part::First => 1,
        });
        let at_once = at_once.max()?;
        let fits = |&rows: &usize| {
            self.rows.is_multiple_of(rows) && (rows == at_once || rows * row <= costs.strip)
        };
        (at_once..self.rows).step_by(at_once).rfind(fits)
    }

    /// The statements, what comes first and the loop over strips of so many rows; `uses` counts the
    /// statements of the unit that touch a memory.
    fn in_strips(
        self,
        kernel: &mut Kernel,
        (stmts, accesses): (Vec<Stmt>, &[Accesses]),
        rows: usize,
        uses: &FxHashMap<PlaceId, usize>,
    ) -> Vec<Stmt> {
        let strip = kernel.exprs.axis(self.rows / rows);
        let (mut first, mut loops) = (vec![], vec![]);
        let mut own_uses = FxHashMap::default();
        for ((part, stmt), accesses) in self.parts.iter().zip(stmts).zip(accesses) {
            match (part, stmt) {
                (Part::Rows(pace), Stmt::For(l)) => {
                    accesses.count(&mut own_uses);
                    loops.extend(of_strip(&mut kernel.exprs, l, strip, pace.iterations(rows)));
                }
                (_, stmt) => first.push(stmt),
            }
        }
        let mut steps = FxHashMap::default();
        for (&place, touched) in &self.touched {
            if let (PlaceId::Local(local), Some(own)) = (place, &touched.rows)
                && !self.follows_data
                && uses.get(&place) == own_uses.get(&place)
                && own.base.is_empty()
            {
                steps.insert(place, own.step * rows as i64);
                let last = own.to + own.step * (rows as i64 - 1);
                kernel.locals[local as usize].len = last as usize + 1;
            }
        }
        let exprs = &mut kernel.exprs;
        let strip_index = exprs.index_axis(strip);
        let done = FxHashMap::default();
        let body = Shrunk { exprs, steps, strip: strip_index, done }.stmts(loops);
        let (extent, kind) = (Extent::Const(self.rows / rows), LoopKind::Serial);
        let all = Loop { axis: strip, extent, kind, body, folds: vec![] };
        first.push(Stmt::For(all));
        first
    }
}

/// How far a loop without folds goes, if that is always so far.
fn rows_of(stmt: &Stmt) -> Option<usize> {
    match stmt {
        Stmt::For(Loop { extent: Extent::Const(n @ 1..), folds, .. }) if folds.is_empty() => {
            Some(*n)
        }
        _ => None,
    }
}

/// A loop over rows for those of a strip, `n` iterations.
fn of_strip(exprs: &mut Exprs, l: Loop, strip: AxisId, n: usize) -> Vec<Stmt> {
    let axis = exprs.axis(n);
    let (row, strip) = (exprs.index_axis(axis), exprs.index_axis(strip));
    let index = exprs.index_add(row, strip, n as i64);
    let body = Reindex::new(exprs, [(l.axis, index)]).stmts(l.body);
    if n == 1 {
        return body;
    }
    // Nothing is folded, so it does not matter how many run at once.
    let kind = match l.kind {
        LoopKind::Vector(lanes) if n < usize::from(lanes) => match n.next_power_of_two() {
            _ if n < FEWEST_LANES => LoopKind::Serial,
            more if more > n => LoopKind::Vector((more / 2) as u8),
            lanes => LoopKind::Vector(lanes as u8),
        },
        kind => kind,
    };
    vec![Stmt::For(Loop { axis, extent: Extent::Const(n), kind, body, folds: vec![] })]
}

/// The memory that stands for all that may be the same: buffers of one type and length.
fn one_of_alike(kernel: &Kernel, place: PlaceId) -> PlaceId {
    let PlaceId::Buffer(own) = place else { return place };
    let kind = |b: &Buffer| (b.dtype, b.len);
    let own = kind(&kernel.buffers[own as usize]);
    let first = kernel.buffers.iter().position(|b| kind(b) == own);
    first.map_or(place, |first| PlaceId::Buffer(first as u32))
}

/// Locals that hold a strip at a time, each with its step from strip to strip.
struct Shrunk<'a> {
    exprs: &'a mut Exprs,
    steps: FxHashMap<PlaceId, i64>,
    strip: IndexId,
    done: FxHashMap<ExprId, ExprId>,
}

impl Shrunk<'_> {
    fn element(&mut self, place: PlaceId, index: IndexId) -> IndexId {
        match self.steps.get(&place) {
            Some(&step) => self.exprs.index_add(index, self.strip, -step),
            None => index,
        }
    }
}

impl Rebuild for Shrunk<'_> {
    fn exprs(&mut self) -> &mut Exprs {
        self.exprs
    }

    fn replace(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let new = match self.exprs.expr(id).clone() {
            Expr::Load { place, index, dtype } => {
                Expr::Load { place, index: self.element(place, index), dtype }
            }
            other => other.map_operands(&mut |x| self.expr(x)),
        };
        let new = self.exprs.intern(new);
        self.done.insert(id, new);
        new
    }

    fn plain(&mut self, stmt: Stmt) -> Stmt {
        match stmt {
            Stmt::Store { place, index, value, origin } => {
                let (index, value) = (self.element(place, index), self.expr(value));
                Stmt::Store { place, index, value, origin }
            }
            Stmt::Let(var, value) => Stmt::Let(var, self.expr(value)),
            Stmt::Tile(tile) => {
                Stmt::Tile(tile.map_views(|view| View {
                    offset: self.element(view.place, view.offset),
                    ..view
                }))
            }
            Stmt::For(_) | Stmt::Check { .. } | Stmt::Chunk(_) => stmt,
        }
    }
}
