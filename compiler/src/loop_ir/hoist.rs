//! Places every expression in the outermost loop where what it reads is known, and gives a name
//! to each that is used twice: scalars before the loops, row values once a row.
//!
//! In: a kernel whose statements hold whole expressions. Out: the same values, bit for bit, with
//! `Let`s. A load moves only out of loops that do not write its memory. Linear in the
//! expressions times the depth of the loops.

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::rebuild::Rebuild;
use super::{Chunk, ChunkFn, Fold, Kernel, Loop, Stmt};
use crate::ir::{AxisId, Expr, ExprId, Exprs, IndexId, PlaceId, Term, VarId};

/// Moves the expressions of a kernel out of loops.
pub fn hoist(kernel: &mut Kernel) {
    let body = std::mem::take(&mut kernel.body);
    let mut hoister = Hoister { exprs: &mut kernel.exprs, loads: Loads::default() };
    kernel.body = hoister.block(body);
}

/// What a loop changes from one iteration to the next.
#[derive(Default)]
struct Varying {
    axes: FxHashSet<AxisId>,
    vars: FxHashSet<VarId>,
    written: FxHashSet<PlaceId>,
}

struct Hoister<'a> {
    exprs: &'a mut Exprs,
    loads: Loads,
}

impl Hoister<'_> {
    /// Hoists out of each loop of a block what does not vary in it, then goes inside.
    fn block(&mut self, stmts: Vec<Stmt>) -> Vec<Stmt> {
        let mut placed = vec![];
        for stmt in stmts {
            match stmt {
                Stmt::For(l) => {
                    let hoisted = self.hoist(l, &mut placed);
                    let l = self.bind_folded(hoisted);
                    placed.push(Stmt::For(Loop { body: self.block(l.body), ..l }));
                }
                other => placed.push(other),
            }
        }
        self.share(placed)
    }

    fn hoist(&mut self, l: Loop, before: &mut Vec<Stmt>) -> Loop {
        if never_runs(&l) {
            return l;
        }
        let mut varying = Varying::default();
        varying.axes.insert(l.axis);
        collect_varying(&l.body, &mut varying);
        varying.vars.extend(l.folds.iter().flat_map(|f| &f.vars));
        let mut mover = Mover {
            exprs: self.exprs,
            varying: &varying,
            lets: vec![],
            done: FxHashMap::default(),
            varies: FxHashMap::default(),
        };
        let body = mover.stmts(l.body);
        let folds = l
            .folds
            .into_iter()
            .map(|f| Fold { values: f.values.iter().map(|&v| mover.expr(v)).collect(), ..f });
        let folds = folds.collect();
        before.append(&mut mover.lets);
        Loop { body, folds, ..l }
    }

    /// Binds what a loop folds at the end of its body, where it shares with the stores; but for an
    /// index, by which a pair is known to rise.
    fn bind_folded(&mut self, mut l: Loop) -> Loop {
        for value in l.folds.iter_mut().flat_map(|f| &mut f.values) {
            let expr = self.exprs.expr(*value);
            if !is_free(expr) && !matches!(expr, Expr::Index(..)) {
                let (var, dtype) = (self.exprs.var(), self.exprs.dtype(*value));
                l.body.push(Stmt::Let(var, *value));
                *value = self.exprs.intern(Expr::Var(var, dtype));
            }
        }
        l
    }

    /// Names what a block uses more than once, where it is first used.
    fn share(&mut self, stmts: Vec<Stmt>) -> Vec<Stmt> {
        let mut out: Vec<Stmt> = vec![];
        // A store changes what a load gives, so sharing is between stores.
        let mut run: Vec<Stmt> = vec![];
        for stmt in stmts {
            let ends = !matches!(stmt, Stmt::Let(..) | Stmt::Store { .. } | Stmt::Check { .. });
            run.push(stmt);
            if ends {
                let last = run.pop();
                self.share_run(std::mem::take(&mut run), &mut out);
                out.extend(last);
            }
        }
        self.share_run(run, &mut out);
        out
    }

    fn share_run(&mut self, stmts: Vec<Stmt>, out: &mut Vec<Stmt>) {
        let mut uses: FxHashMap<ExprId, u32> = FxHashMap::default();
        for root in stmts.iter().flat_map(roots) {
            self.count(root, &mut uses);
        }
        let mut named: FxHashMap<ExprId, ExprId> = FxHashMap::default();
        for stmt in stmts {
            let mut lets = vec![];
            let stmt = match stmt {
                Stmt::Let(var, value) => {
                    let inner = match named.get(&value) {
                        Some(&var) => var,
                        None => self.name_operands(value, &uses, &mut named, &mut lets),
                    };
                    let dtype = self.exprs.dtype(value);
                    named.insert(value, self.exprs.intern(Expr::Var(var, dtype)));
                    Stmt::Let(var, inner)
                }
                Stmt::Store { place, index, value, origin } => {
                    let value = self.name(value, &uses, &mut named, &mut lets);
                    Stmt::Store { place, index, value, origin }
                }
                Stmt::Check { value, size, number, origin } => {
                    let value = self.name(value, &uses, &mut named, &mut lets);
                    Stmt::Check { value, size, number, origin }
                }
                Stmt::For(_) | Stmt::Tile(_) | Stmt::Chunk(_) => stmt,
            };
            out.extend(lets);
            // After a store a load of the same memory is another value.
            if let Stmt::Store { place, .. } = stmt {
                named.retain(|&e, _| !self.loads.of(self.exprs, e).contains(&place));
            }
            out.push(stmt);
        }
    }

    fn count(&self, root: ExprId, uses: &mut FxHashMap<ExprId, u32>) {
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            let n = uses.entry(id).or_insert(0);
            *n += 1;
            if *n == 1 {
                stack.extend(self.exprs.operands(id));
                stack.extend(index_exprs(self.exprs, id));
            }
        }
    }

    fn name(
        &mut self,
        id: ExprId,
        uses: &FxHashMap<ExprId, u32>,
        named: &mut FxHashMap<ExprId, ExprId>,
        lets: &mut Vec<Stmt>,
    ) -> ExprId {
        if let Some(&var) = named.get(&id) {
            return var;
        }
        let inner = self.name_operands(id, uses, named, lets);
        if uses.get(&id).copied().unwrap_or(0) < 2 || is_free(self.exprs.expr(id)) {
            return inner;
        }
        let var = self.exprs.var();
        let dtype = self.exprs.dtype(id);
        lets.push(Stmt::Let(var, inner));
        let var = self.exprs.intern(Expr::Var(var, dtype));
        named.insert(id, var);
        var
    }

    fn name_operands(
        &mut self,
        id: ExprId,
        uses: &FxHashMap<ExprId, u32>,
        named: &mut FxHashMap<ExprId, ExprId>,
        lets: &mut Vec<Stmt>,
    ) -> ExprId {
        let expr = self.exprs.expr(id).clone();
        let new = expr.map_operands(&mut |o| self.name(o, uses, named, lets));
        if new == expr {
            return id;
        }
        let own = self.exprs.origin_of(id);
        self.exprs.for_origin(own, |exprs| exprs.intern(new))
    }
}

/// The expressions that a statement evaluates itself.
fn roots(stmt: &Stmt) -> Vec<ExprId> {
    match stmt {
        Stmt::Let(_, value) | Stmt::Store { value, .. } | Stmt::Check { value, .. } => vec![*value],
        Stmt::For(_) | Stmt::Tile(_) | Stmt::Chunk(_) => vec![],
    }
}

/// Whether evaluating it again costs nothing.
fn is_free(expr: &Expr) -> bool {
    matches!(expr, Expr::Const(..) | Expr::Var(..))
}

fn index_exprs(exprs: &Exprs, id: ExprId) -> Vec<ExprId> {
    match exprs.expr(id) {
        Expr::Load { index, .. } | Expr::Index(index, _) => exprs.data_of(*index),
        _ => vec![],
    }
}

/// The memories that each expression loads, found once. Most expressions load what their operands do,
/// so sets are shared.
#[derive(Default)]
struct Loads {
    sets: IndexSet<Vec<PlaceId>, FxBuildHasher>,
    /// The number of the set of an expression.
    of: FxHashMap<ExprId, usize>,
}

impl Loads {
    /// The memories that an expression loads, those within indices included.
    fn of(&mut self, exprs: &Exprs, id: ExprId) -> &[PlaceId] {
        let mut stack = vec![id];
        while let Some(&id) = stack.last() {
            let parts = exprs.operands(id).chain(index_exprs(exprs, id));
            let parts: Vec<ExprId> = parts.collect();
            let open = stack.len();
            stack.extend(parts.iter().copied().filter(|x| !self.of.contains_key(x)));
            if stack.len() == open {
                stack.pop();
                let set = self.union(exprs, id, &parts);
                self.of.insert(id, set);
            }
        }
        &self.sets[self.of[&id]]
    }

    fn union(&mut self, exprs: &Exprs, id: ExprId, parts: &[ExprId]) -> usize {
        let mut sets: Vec<usize> = parts.iter().map(|x| self.of[x]).collect();
        sets.sort_unstable();
        sets.dedup();
        match (exprs.expr(id), sets.as_slice()) {
            (Expr::Load { place, .. }, _) => {
                let within = sets.iter().flat_map(|&s| &self.sets[s]);
                let places = within.chain([place]).copied().collect();
                self.intern(places)
            }
            (_, &[set]) => set,
            (_, sets) => {
                let places = sets.iter().flat_map(|&s| &self.sets[s]).copied().collect();
                self.intern(places)
            }
        }
    }

    fn intern(&mut self, mut places: Vec<PlaceId>) -> usize {
        places.sort_unstable();
        places.dedup();
        self.sets.insert_full(places).0
    }
}

fn collect_varying(stmts: &[Stmt], varying: &mut Varying) {
    for stmt in stmts {
        match stmt {
            Stmt::For(l) => {
                varying.axes.insert(l.axis);
                varying.vars.extend(l.folds.iter().flat_map(|f| &f.vars));
                collect_varying(&l.body, varying);
            }
            Stmt::Let(var, _) => {
                varying.vars.insert(*var);
            }
            Stmt::Store { place, .. } => {
                varying.written.insert(*place);
            }
            Stmt::Tile(tile) => {
                varying.written.insert(tile.c.place);
            }
            Stmt::Check { .. } | Stmt::Chunk(Chunk { function: ChunkFn::Claim, .. }) => {}
            Stmt::Chunk(Chunk { to, .. }) => {
                varying.written.insert(to.0);
            }
        }
    }
}

/// Takes what does not vary out of the statements of a loop.
struct Mover<'a> {
    exprs: &'a mut Exprs,
    varying: &'a Varying,
    lets: Vec<Stmt>,
    done: FxHashMap<ExprId, ExprId>,
    varies: FxHashMap<ExprId, bool>,
}

/// Whether a loop has no iteration: what it reads need not be there, and moves nowhere.
fn never_runs(l: &Loop) -> bool {
    l.extent.max() == 0
}

impl Rebuild for Mover<'_> {
    fn stmt(&mut self, stmt: Stmt) -> Stmt {
        match stmt {
            Stmt::For(l) if !never_runs(&l) => Stmt::For(self.rebuilt(l)),
            Stmt::For(_) => stmt,
            other => self.plain(other),
        }
    }

    fn exprs(&mut self) -> &mut Exprs {
        self.exprs
    }

    fn replace(&mut self, id: ExprId) -> ExprId {
        if let Some(&done) = self.done.get(&id) {
            return done;
        }
        let new = if !self.varies(id) && !is_free(self.exprs.expr(id)) {
            let var = self.exprs.var();
            let dtype = self.exprs.dtype(id);
            self.lets.push(Stmt::Let(var, id));
            self.exprs.intern(Expr::Var(var, dtype))
        } else {
            let expr = self.exprs.expr(id).clone();
            let new = expr.map_operands(&mut |o| self.expr(o));
            if new == expr { id } else { self.exprs.intern(new) }
        };
        self.done.insert(id, new);
        new
    }
}

impl Mover<'_> {
    fn varies(&mut self, id: ExprId) -> bool {
        if let Some(&known) = self.varies.get(&id) {
            return known;
        }
        let varies = match self.exprs.expr(id).clone() {
            Expr::Const(..) => false,
            Expr::Element { .. } => true,
            Expr::Var(var, _) => self.varying.vars.contains(&var),
            Expr::Index(index, _) => self.index_varies(index),
            Expr::Load { place, index, .. } => {
                self.varying.written.contains(&place) || self.index_varies(index)
            }
            _ => self.exprs.operands(id).any(|o| self.varies(o)),
        };
        self.varies.insert(id, varies);
        varies
    }

    fn index_varies(&mut self, id: IndexId) -> bool {
        let terms = self.exprs.index(id).terms.clone();
        terms.into_iter().any(|(term, _)| match term {
            Term::Axis(axis) => self.varying.axes.contains(&axis),
            Term::Div(x, _) | Term::Mod(x, _) => self.index_varies(x),
            Term::Data(x, _) => self.varies(x),
        })
    }
}
