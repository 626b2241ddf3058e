//! Takes transcendental functions out of long vector loops: the arguments go into a memory, one
//! library call applies the function to all of them with the widest vectors of the machine, and
//! the loop reads the results. The bits stay: the library computes what `expand_math` writes.
//!
//! In: vector loops with whole expressions, as `vectorise` and `fma` leave them. Out: each such loop
//! as a loop for the arguments, a `Chunk`, and the loop itself; a long one is cut into blocks of
//! [`Costs::chunk`] elements first, so that the arguments stay in the nearest cache. Of a short loop
//! in a serial one, as over the elements of short rows, all rows together are one chunk. Arguments
//! that stand in a memory as they are, are read there, and results that the loop stores as they are
//! are written where it stores them; else both are in a local. Where the loop itself may be in the
//! longest vectors of the machine, its functions stay, but for those of rare arguments. Linear in the
//! expressions for each function that is taken out.

use rustc_hash::{FxHashMap, FxHashSet};

use super::effects::{Reads, Writes, bound};
use super::rebuild::Rebuild;
use super::runs::can_be_of_a_run;
use super::{Chunk, ChunkFn, Extent, Kernel, Local, Loop, LoopKind, Stmt};
use crate::ir::{
    AxisId, Costs, DType, Expr, ExprId, Exprs, IndexId, LibraryFn, OriginId, PlaceId, Reindex,
    Target, VarId,
};

/// From so many elements on a function is called of which the library computes what only few arguments
/// need for these alone: expanded, it is most of the work.
const SHORTEST_RARE: usize = 16;

/// Takes the transcendental functions out of the long vector loops of a kernel.
pub fn chunk(kernel: &mut Kernel, costs: &Costs, target: &Target) {
    let body = std::mem::take(&mut kernel.body);
    let (exprs, locals) = (&mut kernel.exprs, &mut kernel.locals);
    let mut chunker = Chunker { exprs, locals, costs, long_vectors: target.long_vectors };
    kernel.body = chunker.stmts(body);
}

struct Chunker<'a> {
    exprs: &'a mut Exprs,
    locals: &'a mut Vec<Local>,
    costs: &'a Costs,
    /// Whether loops may be in vectors as long as the library's.
    long_vectors: bool,
}

/// A function of an element, in a statement of a loop's body (or in its folds).
struct Application {
    call: ExprId,
    function: LibraryFn,
    arguments: Vec<ExprId>,
    dtype: DType,
}

/// A memory with an element for each iteration, next to each other.
type Row = (PlaceId, IndexId);

/// Where a loop stores the results of a call, and for whom.
type Destination = (Row, OriginId);

impl Chunker<'_> {
    fn stmts(&mut self, stmts: Vec<Stmt>) -> Vec<Stmt> {
        let mut done = vec![];
        for stmt in stmts {
            match stmt {
                Stmt::For(l) => match l.kind {
                    LoopKind::Vector(_) => self.vector_loop(l, &mut done),
                    LoopKind::Serial => self.outer_loop(l, &mut done),
                },
                other => done.push(other),
            }
        }
        done
    }

    fn vector_loop(&mut self, l: Loop, done: &mut Vec<Stmt>) {
        let call = self.find(&l, l.extent.max());
        let Some(call) = call.filter(|call| !self.expands(&l, call)) else {
            done.push(Stmt::For(l));
            return;
        };
        let n = l.extent.max();
        match l.extent {
            _ if n <= self.costs.chunk => self.take_out(l, &call, done),
            Extent::Const(n) if l.folds.is_empty() => {
                let blocks = self.cut(l, n);
                done.push(Stmt::For(blocks));
            }
            Extent::Const(_) | Extent::Block { .. } if n <= self.costs.longest_fold => {
                self.take_out(l, &call, done);
            }
            Extent::Const(_) | Extent::Block { .. } => done.push(Stmt::For(l)),
        }
    }

    /// Whether a function is better computed in its loop, which then needs no memory for the arguments
    /// and the results.
    fn expands(&self, l: &Loop, call: &Application) -> bool {
        self.long_vectors
            && call.dtype == DType::F32
            && !call.function.has_rare(call.dtype)
            && can_be_of_a_run(self.exprs, l)
    }

    /// The loop as a loop of blocks.
    fn cut(&mut self, l: Loop, n: usize) -> Loop {
        let block = self.costs.chunk;
        let outer = self.exprs.axis(n.div_ceil(block));
        let inner = self.exprs.axis(block);
        let ids = [outer, inner].map(|a| self.exprs.index_axis(a));
        let position = self.exprs.index_dot(&ids, &[block as i64, 1]);
        let body = Reindex::new(self.exprs, [(l.axis, position)]).stmts(l.body);
        let extent = Extent::Block { axis: outer, block, total: n };
        let inside = Loop { axis: inner, extent, kind: l.kind, body, folds: vec![] };
        let mut body = vec![];
        self.vector_loop(inside, &mut body);
        let extent = Extent::Const(n.div_ceil(block));
        Loop { axis: outer, extent, kind: LoopKind::Serial, body, folds: vec![] }
    }

    /// The loop as arguments, call and rest; then the next function of the rest.
    fn take_out(&mut self, l: Loop, call: &Application, done: &mut Vec<Stmt>) {
        let steps = [(l.axis, 1)];
        let place = self.destination(&l, call, &steps);
        let (arguments, chunk, to) = self.call(call, &l, &steps, l.extent, place);
        done.extend(self.argument_loop(&l, arguments));
        done.push(chunk);
        if let Some(rest) = self.rest(l, call, to, place.is_some()) {
            self.vector_loop(rest, done);
        }
    }

    /// A loop around others: of the first short vector loop in it with a function of which there are
    /// enough for a call in all iterations together, the function before the loop; then the next.
    fn outer_loop(&mut self, l: Loop, done: &mut Vec<Stmt>) {
        let Some((at, call)) = self.find_in_rows(&l) else {
            done.push(Stmt::For(Loop { body: self.stmts(l.body), ..l }));
            return;
        };
        let mut before = l.body;
        let mut after = before.split_off(at);
        let Stmt::For(row) = after.remove(0) else { unreachable!("a loop was found there") };
        let n = row.extent.max();
        let steps = [(l.axis, n as i64), (row.axis, 1)];
        let place = self.destination(&row, &call, &steps);
        let place = place.filter(|((place, _), _)| matches!(place, PlaceId::Local(_)));
        let (arguments, chunk, to) = self.call(&call, &row, &steps, l.extent.times(n), place);
        if let Some(Stmt::For(arguments)) = self.argument_loop(&row, arguments) {
            let mut body = self.lets_of(&before, &values_of(&arguments));
            body.push(Stmt::For(arguments));
            let (axis, extent, kind) = (l.axis, l.extent, l.kind);
            done.push(Stmt::For(Loop { axis, extent, kind, body, folds: vec![] }));
        }
        done.push(chunk);
        let rest = self.rest(row, &call, to, place.is_some());
        before.extend(rest.map(Stmt::For));
        before.extend(after);
        let rest =
            Loop { axis: l.axis, extent: l.extent, kind: l.kind, body: before, folds: l.folds };
        self.outer_loop(rest, done);
    }

    /// The statements that store what is not yet in a memory, the call, and where its results are:
    /// in `place`, or in a local.
    fn call(
        &mut self,
        call: &Application,
        l: &Loop,
        steps: &[(AxisId, i64)],
        n: Extent,
        place: Option<Destination>,
    ) -> (Vec<Stmt>, Stmt, Row) {
        let to = place.map_or_else(|| self.local(call, steps, n), |(row, _)| row);
        let own = self.exprs.origin_of(call.call);
        let stored_for = place.map_or(own, |(_, origin)| origin);
        let origin = self.exprs.origins_mut().union(own, stored_for);
        // An argument may stand where its result comes to. In a buffer, which may be the bytes of one
        // that another argument is read from, only if there is no other.
        let free = matches!(to.0, PlaceId::Local(_)) || call.arguments.len() == 1;
        let (mut from, mut stores, mut free) = (vec![], vec![], free.then_some(to));
        for &value in &call.arguments {
            let row = self.stands(l, value, steps, call.dtype).unwrap_or_else(|| {
                let row = free.take().unwrap_or_else(|| self.local(call, steps, n));
                stores.push(Stmt::Store { place: row.0, index: row.1, value, origin });
                row
            });
            from.push((row.0, self.first(row.1, steps)));
        }
        let function = ChunkFn::Math { function: call.function, dtype: call.dtype, from };
        let first = (to.0, self.first(to.1, steps));
        (stores, Stmt::Chunk(Chunk { function, to: first, n, origin }), to)
    }

    /// A new local for a function's operands or results.
    fn local(&mut self, call: &Application, steps: &[(AxisId, i64)], n: Extent) -> Row {
        let number = self.locals.len();
        let name = format!("{}.{number}", call.function.name());
        self.locals.push(Local { name, dtype: call.dtype, len: n.max() });
        let axes: Vec<IndexId> = steps.iter().map(|&(a, _)| self.exprs.index_axis(a)).collect();
        let factors: Vec<i64> = steps.iter().map(|&(_, step)| step).collect();
        (PlaceId::Local(number as u32), self.exprs.index_dot(&axes, &factors))
    }

    /// An index where the axes begin.
    fn first(&mut self, index: IndexId, steps: &[(AxisId, i64)]) -> IndexId {
        steps.iter().fold(index, |index, &(axis, step)| {
            let axis = self.exprs.index_axis(axis);
            self.exprs.index_add(index, axis, -step)
        })
    }

    /// Whether an index goes by these steps along axes alone.
    fn goes(&self, index: IndexId, steps: &[(AxisId, i64)]) -> bool {
        steps.iter().all(|&(axis, step)| self.exprs.coefficient(index, axis) == Some(step))
    }

    /// Where a value stands already for all iterations, if it does.
    fn stands(
        &self,
        l: &Loop,
        value: ExprId,
        steps: &[(AxisId, i64)],
        dtype: DType,
    ) -> Option<Row> {
        match *self.exprs.expr(bound(self.exprs, &l.body, value)) {
            Expr::Load { place, index, dtype: of } => {
                (of == dtype && self.goes(index, steps)).then_some((place, index))
            }
            _ => None,
        }
    }

    /// Where the loop stores the results of a call as they are. In a local that the loop does not
    /// touch otherwise; in a buffer, which may be the bytes of another one that the loop reads, only
    /// if the store is all that it does.
    fn destination(
        &self,
        l: &Loop,
        call: &Application,
        steps: &[(AxisId, i64)],
    ) -> Option<Destination> {
        let is_other = |stmt: &&Stmt| !matches!(stmt, Stmt::Let(..));
        let mut own = l.body.iter().filter_map(|stmt| match *stmt {
            Stmt::Store { place, index, value, origin }
                if bound(self.exprs, &l.body, value) == call.call && self.goes(index, steps) =>
            {
                Some((place, index, origin))
            }
            _ => None,
        });
        let (place, index, origin) = own.next()?;
        let alone = match place {
            PlaceId::Buffer(_) => l.folds.is_empty() && l.body.iter().filter(is_other).count() == 1,
            PlaceId::Local(_) => {
                let stores = |s: &&Stmt| matches!(s, Stmt::Store { place: p, .. } if *p == place);
                let mut reads = Reads::default();
                values_of(l).into_iter().for_each(|v| reads.expr(self.exprs, v));
                !reads.places.contains(&place) && l.body.iter().filter(stores).count() == 1
            }
        };
        alone.then_some(((place, index), origin))
    }

    /// The loop that stores arguments, if there are any.
    fn argument_loop(&self, l: &Loop, stores: Vec<Stmt>) -> Option<Stmt> {
        if stores.is_empty() {
            return None;
        }
        let values: Vec<ExprId> = stores.iter().filter_map(stored_value).collect();
        let mut body = self.lets_of(&l.body, &values);
        body.extend(stores);
        let (axis, extent, kind) = (l.axis, l.extent, l.kind);
        Some(Stmt::For(Loop { axis, extent, kind, body, folds: vec![] }))
    }

    /// The loop with the results of a call for it, and without the store that wrote them; `None` if
    /// nothing is left.
    fn rest(
        &mut self,
        l: Loop,
        call: &Application,
        (place, index): Row,
        own: bool,
    ) -> Option<Loop> {
        let result = Expr::Load { place, index, dtype: call.dtype };
        let origin = self.exprs.origin_of(call.call);
        let result = self.exprs.for_origin(origin, |exprs| exprs.intern(result));
        let mut l = self.replaced(l, call.call, result);
        if own {
            l.body.retain(|s| !matches!(s, Stmt::Store { place: p, .. } if *p == place));
        }
        let is_idle = l.folds.is_empty() && l.body.iter().all(|s| matches!(s, Stmt::Let(..)));
        (!is_idle).then_some(l)
    }

    /// The bindings of a body that values need.
    fn lets_of(&self, body: &[Stmt], values: &[ExprId]) -> Vec<Stmt> {
        let mut needed = Reads::default();
        values.iter().for_each(|&value| needed.expr(self.exprs, value));
        let mut lets = vec![];
        for stmt in body.iter().rev() {
            if let Stmt::Let(var, bound) = stmt
                && needed.vars.contains(var)
            {
                needed.expr(self.exprs, *bound);
                lets.push(stmt.clone());
            }
        }
        lets.reverse();
        lets
    }

    /// The loop with another expression for a call.
    fn replaced(&mut self, l: Loop, call: ExprId, result: ExprId) -> Loop {
        let mut done = FxHashMap::default();
        done.insert(call, result);
        let mut replace = Replace { exprs: self.exprs, done };
        replace.rebuilt(l)
    }

    /// The first function of a loop that can be taken out of it, and of which there are enough in `n`
    /// elements: its arguments have none themselves, vary in the loop, and do not see a store of the
    /// same iteration.
    fn find(&self, l: &Loop, n: usize) -> Option<Application> {
        let is_nest = |s: &Stmt| matches!(s, Stmt::For(_) | Stmt::Tile(_) | Stmt::Chunk(_));
        if l.body.iter().any(is_nest) {
            return None;
        }
        let mut seen = FxHashSet::default();
        let mut calls = vec![];
        values_of(l).into_iter().for_each(|v| calls_in(self.exprs, v, &mut seen, &mut calls));
        calls
            .into_iter()
            .find(|call| n >= self.shortest(call) && is_free(self.exprs, l, &call.arguments))
    }

    /// The first function in a short vector loop of a serial loop that can be taken out of both.
    fn find_in_rows(&self, l: &Loop) -> Option<(usize, Application)> {
        let rows = l.extent.max();
        let is_serial = l.kind == LoopKind::Serial && l.folds.is_empty();
        l.body.iter().enumerate().find_map(|(at, stmt)| {
            let Stmt::For(row) = stmt else { return None };
            let (LoopKind::Vector(_), Extent::Const(n)) = (row.kind, row.extent) else {
                return None;
            };
            let all = rows.saturating_mul(n);
            if !is_serial || rows < 2 || all > self.costs.longest_fold {
                return None;
            }
            let call = self.find(row, all)?;
            let outside = is_free_of_rows(self.exprs, l, &l.body[..at], row, &call.arguments);
            (n < self.shortest(&call) && outside).then_some((at, call))
        })
    }

    fn shortest(&self, call: &Application) -> usize {
        match call.function.has_rare(call.dtype) {
            true => SHORTEST_RARE,
            false => self.costs.shortest_chunk,
        }
    }
}

/// The values of a loop's statements and folds, without those of loops in it.
fn values_of(l: &Loop) -> Vec<ExprId> {
    let of_stmt = |stmt: &Stmt| match stmt {
        Stmt::Let(_, value) | Stmt::Store { value, .. } | Stmt::Check { value, .. } => Some(*value),
        Stmt::For(_) | Stmt::Tile(_) | Stmt::Chunk(_) => None,
    };
    l.body.iter().filter_map(of_stmt).chain(l.folds.iter().flat_map(|f| f.values.clone())).collect()
}

fn stored_value(stmt: &Stmt) -> Option<ExprId> {
    if let Stmt::Store { value, .. } = stmt { Some(*value) } else { None }
}

/// The calls in an expression, those in arguments first.
fn calls_in(exprs: &Exprs, id: ExprId, seen: &mut FxHashSet<ExprId>, calls: &mut Vec<Application>) {
    if !seen.insert(id) {
        return;
    }
    let arguments: Vec<ExprId> = exprs.operands(id).collect();
    for &x in &arguments {
        calls_in(exprs, x, seen, calls);
    }
    if let Some(function) = LibraryFn::of(exprs, id) {
        calls.push(Application { call: id, function, arguments, dtype: exprs.dtype(id) });
    }
}

/// What values read, also through the bindings of a body.
fn reads_of(exprs: &Exprs, body: &[Stmt], values: &[ExprId]) -> Reads {
    let mut reads = Reads::default();
    values.iter().for_each(|&value| reads.expr(exprs, value));
    reads.through(exprs, body);
    reads
}

/// Whether values can be computed for all iterations before the loop's first store.
fn is_free(exprs: &Exprs, l: &Loop, values: &[ExprId]) -> bool {
    let reads = reads_of(exprs, &l.body, values);
    let varies = reads.axes.contains(&l.axis);
    // A store after the last read of the place writes what the next iterations do not read; which
    // statement reads is not told apart, so any store but the last statement's forbids it.
    let n_values = l.body.len() + l.folds.len();
    let stored = l.body.iter().enumerate().any(|(i, stmt)| match stmt {
        Stmt::Store { place, .. } => reads.places.contains(place) && i + 1 < n_values,
        Stmt::Let(..) | Stmt::Check { .. } => false,
        Stmt::For(_) | Stmt::Tile(_) | Stmt::Chunk(_) => true,
    });
    varies && !stored
}

/// Whether values of a loop `row` within `l` can be computed for all iterations of both before `l`:
/// they read nothing that `l` writes, and of its variables those alone that are bound `before`.
fn is_free_of_rows(
    exprs: &Exprs,
    l: &Loop,
    before: &[Stmt],
    row: &Loop,
    values: &[ExprId],
) -> bool {
    let mut reads = reads_of(exprs, &row.body, values);
    reads.through(exprs, before);
    let mut writes = Writes::default();
    writes.stmts(&l.body);
    let lets = |body: &[Stmt]| -> Vec<VarId> {
        let var = |s: &Stmt| if let Stmt::Let(var, _) = s { Some(*var) } else { None };
        body.iter().filter_map(var).collect()
    };
    let known: FxHashSet<VarId> = lets(before).into_iter().chain(lets(&row.body)).collect();
    let varies = reads.axes.contains(&l.axis) && reads.axes.contains(&row.axis);
    varies
        && reads.places.is_disjoint(&writes.places)
        && reads.vars.iter().all(|var| known.contains(var) || !writes.vars.contains(var))
}

/// Puts expressions in the place of others; what stands in indices stays.
struct Replace<'a> {
    exprs: &'a mut Exprs,
    done: FxHashMap<ExprId, ExprId>,
}

impl Rebuild for Replace<'_> {
    fn exprs(&mut self) -> &mut Exprs {
        self.exprs
    }

    fn replace(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let expr = self.exprs.expr(id).clone();
        let new = expr.map_operands(&mut |x| self.expr(x));
        let new = if new == expr { id } else { self.exprs.intern(new) };
        self.done.insert(id, new);
        new
    }
}
