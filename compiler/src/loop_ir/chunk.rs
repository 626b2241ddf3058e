//! Takes transcendental functions out of long vector loops: the arguments go into a local, one
//! library call applies the function to all of them with the widest vectors of the machine, and
//! the loop reads the results. The bits stay: the library computes what `expand_math` writes.
//!
//! In: vector loops with whole expressions, as `vectorise` and `fma` leave them. Out: each such loop
//! as a loop for the arguments, a `Chunk`, and the loop itself; a long one is cut into blocks of
//! [`Costs::chunk`] elements first, so that the local stays in the nearest cache. Linear in the
//! expressions for each function that is taken out.

use rustc_hash::{FxHashMap, FxHashSet};

use super::rebuild::Rebuild;
use super::{Chunk, ChunkFn, Extent, Kernel, Local, Loop, LoopKind, Stmt};
use crate::ir::{
    AxisId, Costs, DType, Expr, ExprId, Exprs, IndexId, PlaceId, Reindex, Term, UnaryFn, VarId,
};

/// From so many elements on a function is called of which the library computes what only few arguments
/// need for these alone: expanded, it is most of the work.
const SHORTEST_RARE: usize = 16;

/// Takes the transcendental functions out of the long vector loops of a kernel.
pub fn chunk(kernel: &mut Kernel, costs: &Costs) {
    let body = std::mem::take(&mut kernel.body);
    let mut chunker = Chunker { exprs: &mut kernel.exprs, locals: &mut kernel.locals, costs };
    kernel.body = chunker.stmts(body);
}

struct Chunker<'a> {
    exprs: &'a mut Exprs,
    locals: &'a mut Vec<Local>,
    costs: &'a Costs,
}

/// A function of an element, in a statement of a loop's body (or in its folds).
struct Application {
    call: ExprId,
    function: UnaryFn,
    argument: ExprId,
    dtype: DType,
}

impl Chunker<'_> {
    fn stmts(&mut self, stmts: Vec<Stmt>) -> Vec<Stmt> {
        let mut done = vec![];
        for stmt in stmts {
            match stmt {
                Stmt::For(l) => match l.kind {
                    LoopKind::Vector(_) => self.vector_loop(l, &mut done),
                    LoopKind::Serial | LoopKind::Unrolled => {
                        done.push(Stmt::For(Loop { body: self.stmts(l.body), ..l }));
                    }
                },
                other => done.push(other),
            }
        }
        done
    }

    fn vector_loop(&mut self, l: Loop, done: &mut Vec<Stmt>) {
        let Some(call) = find(self.exprs, &l, self.costs) else {
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
        let number = self.locals.len();
        let name = format!("{}.{number}", call.function.name());
        self.locals.push(Local { name, dtype: call.dtype, len: l.extent.max() });
        let place = PlaceId::Local(number as u32);
        let index = self.exprs.index_axis(l.axis);
        let start = self.exprs.index_constant(0);
        let argument = Stmt::Store { place, index, value: call.argument };
        let mut arguments = self.lets_of(&l, call.argument);
        arguments.push(argument);
        let (extent, dtype) = (l.extent, call.dtype);
        let first = Loop { axis: l.axis, extent, kind: l.kind, body: arguments, folds: vec![] };
        done.push(Stmt::For(first));
        let function = ChunkFn::Math { function: call.function, dtype, from: (place, start) };
        done.push(Stmt::Chunk(Chunk { function, to: (place, start), n: extent }));
        let result = self.exprs.intern(Expr::Load { place, index, dtype });
        let rest = self.replaced(l, call.call, result);
        self.vector_loop(rest, done);
    }

    /// The bindings of a loop's body that a value needs.
    fn lets_of(&mut self, l: &Loop, value: ExprId) -> Vec<Stmt> {
        let mut needed = Reads::default();
        needed.expr(self.exprs, value);
        let mut lets = vec![];
        for stmt in l.body.iter().rev() {
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
}

/// The first function that can be taken out of a loop, which is long enough for it: its argument has
/// none itself, varies in the loop, and does not see a store of the same iteration.
fn find(exprs: &Exprs, l: &Loop, costs: &Costs) -> Option<Application> {
    let mut values: Vec<ExprId> = vec![];
    for stmt in &l.body {
        match stmt {
            Stmt::Let(_, value) | Stmt::Store { value, .. } | Stmt::Check { value, .. } => {
                values.push(*value);
            }
            Stmt::For(_) | Stmt::Tile(_) | Stmt::Chunk(_) => return None,
        }
    }
    values.extend(l.folds.iter().flat_map(|f| &f.values));
    let mut seen = FxHashSet::default();
    let mut calls = vec![];
    values.iter().for_each(|&v| calls_in(exprs, v, &mut seen, &mut calls));
    calls
        .into_iter()
        .find(|call| l.extent.max() >= shortest(call, costs) && is_free(exprs, l, call.argument))
}

fn shortest(call: &Application, costs: &Costs) -> usize {
    if call.function.has_rare(call.dtype) { SHORTEST_RARE } else { costs.shortest_chunk }
}

/// The calls in an expression, those in arguments first.
fn calls_in(exprs: &Exprs, id: ExprId, seen: &mut FxHashSet<ExprId>, calls: &mut Vec<Application>) {
    if !seen.insert(id) {
        return;
    }
    for x in exprs.operands(id) {
        calls_in(exprs, x, seen, calls);
    }
    if let Expr::Unary(function, argument) = exprs.expr(id) {
        let dtype = exprs.dtype(id);
        if function.is_transcendental() && dtype.is_float() {
            calls.push(Application { call: id, function: *function, argument: *argument, dtype });
        }
    }
}

/// Whether a value can be computed for all iterations before the loop's first store.
fn is_free(exprs: &Exprs, l: &Loop, value: ExprId) -> bool {
    let mut reads = Reads::default();
    reads.expr(exprs, value);
    for stmt in l.body.iter().rev() {
        if let Stmt::Let(var, bound) = stmt
            && reads.vars.contains(var)
        {
            reads.expr(exprs, *bound);
        }
    }
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

/// What an expression reads.
#[derive(Default)]
struct Reads {
    seen: FxHashSet<ExprId>,
    axes: FxHashSet<AxisId>,
    vars: FxHashSet<VarId>,
    places: FxHashSet<PlaceId>,
}

impl Reads {
    fn expr(&mut self, exprs: &Exprs, id: ExprId) {
        if !self.seen.insert(id) {
            return;
        }
        match exprs.expr(id) {
            Expr::Load { place, index, .. } => {
                self.places.insert(*place);
                self.index(exprs, *index);
            }
            Expr::Index(index, _) => self.index(exprs, *index),
            Expr::Var(var, _) => {
                self.vars.insert(*var);
            }
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
                exprs.operands(id).into_iter().for_each(|x| self.expr(exprs, x));
            }
        }
    }

    fn index(&mut self, exprs: &Exprs, id: IndexId) {
        for &(term, _) in &exprs.index(id).terms {
            match term {
                Term::Axis(axis) => {
                    self.axes.insert(axis);
                }
                Term::Div(x, _) | Term::Mod(x, _) => self.index(exprs, x),
                Term::Data(value, _) => self.expr(exprs, value),
            }
        }
    }
}

/// Puts expressions in the place of others; what stands in indices stays.
struct Replace<'a> {
    exprs: &'a mut Exprs,
    done: FxHashMap<ExprId, ExprId>,
}

impl Rebuild for Replace<'_> {
    fn expr(&mut self, id: ExprId) -> ExprId {
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
