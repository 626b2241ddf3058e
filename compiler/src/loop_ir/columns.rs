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
    AxisId, BinaryFn, CompareFn, Costs, Expr, ExprId, Exprs, Monoid, PlaceId, Reindex, UnaryFn,
    VarId,
};

/// Reduced loops of fewer iterations gain nothing.
const SHORTEST: usize = 8;

/// Turns what can be turned in a kernel.
pub fn columns(kernel: &mut Kernel, costs: &Costs) {
    let body = std::mem::take(&mut kernel.body);
    kernel.body = stmts(kernel, costs, body);
}

fn stmts(kernel: &mut Kernel, costs: &Costs, body: Vec<Stmt>) -> Vec<Stmt> {
    let turn = |stmt: Stmt| match stmt {
        Stmt::For(l) => match Columns::of(kernel, costs, &l) {
            Some(found) => found.by_rows(kernel, l),
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
    fn by_rows(self, kernel: &mut Kernel, l: Loop) -> Vec<Stmt> {
        let mut places_of = |values: &[ExprId]| -> Vec<PlaceId> {
            values.iter().map(|&value| accumulator(kernel, value, l.extent)).collect()
        };
        let places: Vec<Vec<PlaceId>> =
            self.folds.iter().map(|(_, values)| places_of(values)).collect();
        let exprs = &mut kernel.exprs;
        let [before, after] = [(); 2].map(|()| exprs.axis(l.extent.max()));
        let around = |axis: AxisId, body: Vec<Stmt>| {
            Stmt::For(Loop { axis, extent: l.extent, kind: l.kind, body, folds: vec![] })
        };
        let mut set = vec![];
        let mut take = vec![];
        let mut update = self.inner;
        let at = exprs.index_axis(l.axis);
        for ((fold, values), places) in self.folds.iter().zip(&places) {
            let kept: Vec<ExprId> = places
                .iter()
                .zip(values)
                .map(|(&place, &value)| {
                    let dtype = exprs.dtype(value);
                    exprs.intern(Expr::Load { place, index: at, dtype })
                })
                .collect();
            let mut init = fold.init.clone();
            if let [_, index] = values[..] {
                // A value that is the neutral one has then its index.
                let zero = exprs.index_constant(0);
                init[1] = Reindex::new(exprs, [(self.reduced[0].0, zero)]).expr(index);
            }
            let combined: Vec<VarId> = combined(exprs, fold, &kept, values)
                .into_iter()
                .map(|value| {
                    let var = exprs.var();
                    update.push(Stmt::Let(var, value));
                    var
                })
                .collect();
            for (v, &place) in places.iter().enumerate() {
                set.push(Stmt::Store { place, index: at, value: init[v] });
                let dtype = exprs.dtype(values[v]);
                let value = exprs.intern(Expr::Var(combined[v], dtype));
                update.push(Stmt::Store { place, index: at, value });
                take.push(Stmt::Let(fold.vars[v], kept[v]));
            }
        }
        take.extend(l.body.into_iter().skip(1));
        let mut renamed = |axis: AxisId, body: Vec<Stmt>| {
            let index = exprs.index_axis(axis);
            Reindex::new(exprs, [(l.axis, index)]).stmts(body)
        };
        let (set, take) = (renamed(before, set), renamed(after, take));
        let rows =
            self.reduced.into_iter().rev().fold(around(l.axis, update), |body, (axis, extent)| {
                Stmt::For(Loop {
                    axis,
                    extent,
                    kind: LoopKind::Serial,
                    body: vec![body],
                    folds: vec![],
                })
            });
        vec![around(before, set), rows, around(after, take)]
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
