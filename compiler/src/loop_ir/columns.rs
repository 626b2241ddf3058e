//! Lets reductions along columns go through memory row by row: `for j: for i: s += x[i, j]` becomes
//! `for i: for j: s[j] += x[i, j]` with the sums in a local. A column at a time would touch a cache
//! line for each of its elements and come back for the next column when the line has gone.
//!
//! In: nests after `vectorise`. A vector loop that holds nothing but reduced loops, each the whole body
//! of the one around it, and what is done with their results becomes three: one that sets the
//! accumulators, the reduced loops around one that updates them, and one for what is done with them.
//! Only where the reduced loops read more than [`Costs::near`] bytes, more than one vector wide; and where no
//! iteration of the loops that change places touches what another one writes.
//!
//! An accumulator takes all values in the order of the reduced loops, where the loops it comes from
//! fold the inner ones first. Every other value stays, bit for bit. Linear in the statements.

use super::rebuild::Rebuild;
use super::vectorise::Nest;
use super::{Extent, Fold, Kernel, Local, Loop, LoopKind, Stmt};
use crate::ir::{
    AxisId, BinaryFn, CompareFn, Costs, Expr, ExprId, Exprs, IndexId, Monoid, PlaceId, Reindex,
    UnaryFn,
};

/// Reduced loops of fewer iterations gain nothing.
const SHORTEST: usize = 8;
/// Rows that an accumulator takes at a time.
pub(super) const ROWS: usize = 4;

/// Turns what can be turned in a kernel.
pub fn columns(kernel: &mut Kernel, costs: &Costs) {
    let body = std::mem::take(&mut kernel.body);
    kernel.body = stmts(kernel, costs, body);
}

fn stmts(kernel: &mut Kernel, costs: &Costs, body: Vec<Stmt>) -> Vec<Stmt> {
    let turn = |stmt: Stmt| match stmt {
        Stmt::For(l) => match Columns::of(kernel, costs, &l) {
            Some(found) => found.by_rows(kernel, costs, l),
            None => {
                let body = stmts(kernel, costs, l.body);
                vec![Stmt::For(Loop { body, ..l })]
            }
        },
        other => vec![other],
    };
    body.into_iter().flat_map(turn).collect()
}

/// The reductions of a vector loop.
struct Columns {
    /// The reduced loops, outermost first.
    reduced: Vec<(AxisId, Extent)>,
    /// The body of the innermost.
    inner: Vec<Stmt>,
    /// For each reduction the outermost fold, with the innermost values.
    folds: Vec<(Fold, Vec<ExprId>)>,
}

impl Columns {
    fn of(kernel: &Kernel, costs: &Costs, l: &Loop) -> Option<Columns> {
        let LoopKind::Vector(lanes) = l.kind else { return None };
        let [Stmt::For(first), ..] = l.body.as_slice() else { return None };
        if !l.folds.is_empty() || l.extent.max() <= usize::from(lanes) {
            return None;
        }
        let (mut reduced, mut at) = (vec![], first);
        let mut folds: Vec<(Fold, Vec<ExprId>)> =
            first.folds.iter().map(|f| (f.clone(), f.values.clone())).collect();
        let inner = loop {
            if at.kind != LoopKind::Serial || at.folds.len() != folds.len() {
                return None;
            }
            reduced.push((at.axis, at.extent));
            match at.body.as_slice() {
                [Stmt::For(within)] => {
                    for (fold, values) in &mut folds {
                        let [value] = values[..] else { return None };
                        *values = vec![folded_within(&kernel.exprs, fold, value, within)?];
                    }
                    at = within;
                }
                body => break body.to_vec(),
            }
        };
        let is_plain = |s: &Stmt| matches!(s, Stmt::Let(..) | Stmt::Store { .. });
        let plain = inner.iter().chain(&l.body[1..]).all(is_plain);
        // Of pairs the first stays, where a later one has a larger index.
        let keeps = |(fold, _): &(Fold, Vec<ExprId>)| {
            fold.monoid.function().is_some() || fold.rises(&kernel.exprs, first.axis)
        };
        let single = !folds.is_empty() && folds.iter().all(keeps);
        let found = Columns { reduced, inner, folds };
        let pays = found.is_far(kernel, costs, l);
        (plain && single && pays && may_turn(&kernel.exprs, l)).then_some(found)
    }

    /// Whether a column's lines would be gone before the next column is read.
    fn is_far(&self, kernel: &Kernel, costs: &Costs, l: &Loop) -> bool {
        let rows =
            self.reduced.iter().map(|(_, extent)| extent.max()).fold(1, usize::saturating_mul);
        let values = self.folds.iter().flat_map(|(_, values)| values);
        let widest = values.map(|&v| kernel.exprs.dtype(v).size()).max().unwrap_or(1);
        let bytes = rows.saturating_mul(l.extent.max()).saturating_mul(widest);
        rows >= SHORTEST && bytes > costs.near
    }

    /// The three loops.
    fn by_rows(mut self, kernel: &mut Kernel, costs: &Costs, l: Loop) -> Vec<Stmt> {
        let at = kernel.exprs.index_axis(l.axis);
        let mut accumulators = vec![];
        for (fold, values) in std::mem::take(&mut self.folds) {
            let place = |&value: &ExprId| accumulator(kernel, value, l.extent);
            let places = values.iter().map(place).collect();
            accumulators.push(Accumulators { fold, values, places, at });
        }
        let exprs = &mut kernel.exprs;
        let first = self.reduced[0].0;
        let set = accumulators.iter().flat_map(|a| a.set(exprs, first)).collect();
        let mut take: Vec<Stmt> = accumulators.iter().flat_map(|a| a.take(exprs)).collect();
        take.extend(l.body.iter().skip(1).cloned());
        let rows = self.rows(exprs, costs, &accumulators, &l);
        let mut stmts = vec![around(exprs, &l, set)];
        stmts.extend(rows);
        stmts.push(around(exprs, &l, take));
        stmts
    }

    /// The reduced loops around the loop along the row, several rows at a time where they are light.
    fn rows(
        self,
        exprs: &mut Exprs,
        costs: &Costs,
        accumulators: &[Accumulators],
        l: &Loop,
    ) -> Vec<Stmt> {
        let is_light = |&value: &ExprId| exprs.operations(value) <= costs.light_row;
        let light =
            self.inner.is_empty() && accumulators.iter().all(|a| a.values.iter().all(is_light));
        let mut outer = self.reduced;
        let innermost = outer.last().copied();
        let rows = match innermost {
            Some((axis, Extent::Const(n))) if light => {
                outer.pop();
                several(exprs, accumulators, l, (axis, n))
            }
            _ => {
                let mut body = self.inner;
                body.extend(accumulators.iter().flat_map(|a| a.update(exprs, &[None])));
                vec![around(exprs, l, body)]
            }
        };
        let serial = |body: Vec<Stmt>, (axis, extent): (AxisId, Extent)| {
            vec![Stmt::For(Loop { axis, extent, kind: LoopKind::Serial, body, folds: vec![] })]
        };
        outer.into_iter().rev().fold(rows, serial)
    }
}

/// The loop over the elements of a row around statements, with an axis of its own.
fn around(exprs: &mut Exprs, l: &Loop, body: Vec<Stmt>) -> Stmt {
    let axis = exprs.axis(l.extent.max());
    let index = exprs.index_axis(axis);
    let body = Reindex::new(exprs, [(l.axis, index)]).stmts(body);
    Stmt::For(Loop { axis, extent: l.extent, kind: l.kind, body, folds: vec![] })
}

/// The rows of an axis, [`ROWS`] at a time and then the rest: an accumulator is read and written once
/// for so many.
fn several(
    exprs: &mut Exprs,
    accumulators: &[Accumulators],
    l: &Loop,
    (axis, n): (AxisId, usize),
) -> Vec<Stmt> {
    let body = |exprs: &mut Exprs, rows: Vec<IndexId>| {
        let rows: Vec<Option<(AxisId, IndexId)>> =
            rows.into_iter().map(|row| Some((axis, row))).collect();
        let body = accumulators.iter().flat_map(|a| a.update(exprs, &rows)).collect();
        around(exprs, l, body)
    };
    let (whole, rest) = (n / ROWS, n % ROWS);
    let mut stmts = vec![];
    if whole > 0 {
        let block = exprs.axis(whole);
        let first = exprs.index_axis(block);
        let rows = (0..ROWS).map(|k| exprs.index_scale(first, ROWS as i64, k as i64)).collect();
        let body = vec![body(exprs, rows)];
        let (extent, kind) = (Extent::Const(whole), LoopKind::Serial);
        stmts.push(Stmt::For(Loop { axis: block, extent, kind, body, folds: vec![] }));
    }
    if rest > 0 {
        let rows = (n - rest..n).map(|row| exprs.index_constant(row as i64)).collect();
        stmts.push(body(exprs, rows));
    }
    stmts
}

/// A fold whose accumulators are elements of locals, one a variable.
struct Accumulators {
    fold: Fold,
    /// What it takes from a row.
    values: Vec<ExprId>,
    places: Vec<PlaceId>,
    at: IndexId,
}

impl Accumulators {
    /// What is kept so far.
    fn kept(&self, exprs: &mut Exprs) -> Vec<ExprId> {
        let before = exprs.set_origin(self.fold.origin);
        let load = |(&place, &value): (&PlaceId, &ExprId)| {
            let dtype = exprs.dtype(value);
            exprs.intern(Expr::Load { place, index: self.at, dtype })
        };
        let kept = self.places.iter().zip(&self.values).map(load).collect();
        exprs.set_origin(before);
        kept
    }

    /// They hold nothing. A value that is the neutral one has then its index, of the `first` axis 0.
    fn set(&self, exprs: &mut Exprs, first: AxisId) -> Vec<Stmt> {
        let mut init = self.fold.init.clone();
        if let [_, index] = self.values[..] {
            let zero = exprs.index_constant(0);
            init[1] = Reindex::new(exprs, [(first, zero)]).expr(index);
        }
        self.store(&init)
    }

    fn store(&self, values: &[ExprId]) -> Vec<Stmt> {
        let (index, origin) = (self.at, self.fold.origin);
        let store = |(&place, &value)| Stmt::Store { place, index, value, origin };
        self.places.iter().zip(values).map(store).collect()
    }

    /// They take the values of rows, each given by an index for an axis or as it stands.
    fn update(&self, exprs: &mut Exprs, rows: &[Option<(AxisId, IndexId)>]) -> Vec<Stmt> {
        let (mut kept, mut stmts) = (self.kept(exprs), vec![]);
        for row in rows {
            let mut of_row = Reindex::new(exprs, *row);
            let values: Vec<ExprId> = self.values.iter().map(|&v| of_row.expr(v)).collect();
            let combine = |exprs: &mut Exprs| combined(exprs, &self.fold, &kept, &values);
            kept = exprs.for_origin(self.fold.origin, combine);
            if kept.len() > 1 {
                // All are chosen before one is stored.
                for value in &mut kept {
                    let (var, dtype) = (exprs.var(), exprs.dtype(*value));
                    stmts.push(Stmt::Let(var, *value));
                    *value = exprs.intern(Expr::Var(var, dtype));
                }
            }
        }
        stmts.extend(self.store(&kept));
        stmts
    }

    fn take(&self, exprs: &mut Exprs) -> Vec<Stmt> {
        let kept = self.kept(exprs);
        self.fold.vars.iter().zip(kept).map(|(&var, kept)| Stmt::Let(var, kept)).collect()
    }
}

/// What a fold keeps of what it has and of later values: of a pair the first that is beyond all others,
/// or NaN.
fn combined(exprs: &mut Exprs, fold: &Fold, kept: &[ExprId], values: &[ExprId]) -> Vec<ExprId> {
    if let Some(f) = fold.monoid.function() {
        return vec![exprs.binary(f, kept[0], values[0])];
    }
    let within = if fold.monoid == Monoid::ArgMin { CompareFn::Ge } else { CompareFn::Le };
    let within = exprs.compare(within, values[0], kept[0]);
    let beyond = exprs.unary(UnaryFn::Not, within);
    let number = exprs.compare(CompareFn::Eq, kept[0], kept[0]);
    let replaces = exprs.binary(BinaryFn::And, beyond, number);
    let choose = |(&kept, &value)| exprs.select(replaces, value, kept);
    kept.iter().zip(values).map(choose).collect()
}

/// What the loop within folds to the value that a fold takes, if that starts from nothing.
fn folded_within(exprs: &Exprs, fold: &Fold, value: ExprId, within: &Loop) -> Option<ExprId> {
    let Expr::Var(var, dtype) = exprs.expr(value) else { return None };
    let is_it = |inner: &&Fold| inner.vars.contains(var) && inner.monoid == fold.monoid;
    let inner = within.folds.iter().find(is_it)?;
    let neutral = fold.monoid.neutral(*dtype);
    let starts = |init: ExprId| {
        matches!(exprs.expr(init), Expr::Const(dtype, bits)
            if *dtype == neutral.dtype() && *bits == neutral.bits())
    };
    (inner.values.len() == 1 && starts(inner.init[0])).then(|| inner.values[0])
}

/// Whether the loop may become the innermost one.
fn may_turn(exprs: &Exprs, l: &Loop) -> bool {
    let serial = Loop { kind: LoopKind::Serial, ..l.clone() };
    Nest::of(exprs, &serial).is_some_and(|nest| nest.may_be_innermost(0))
}

/// A local for the accumulators of a loop so long.
fn accumulator(kernel: &mut Kernel, value: ExprId, extent: Extent) -> PlaceId {
    let place = PlaceId::Local(kernel.locals.len() as u32);
    kernel.locals.push(Local {
        name: format!("columns.{}", kernel.locals.len()),
        dtype: kernel.exprs.dtype(value),
        len: extent.max(),
    });
    place
}
