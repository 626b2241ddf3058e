//! Loops over short rows of which each is folded: what is done with the result of a row is done
//! with those of several rows at once, in lanes, and so are the last steps of folding them.
//!
//! The order within each row stays, and so does every bit. What a row reads moves before what the
//! rows before it write, which the rule for memories that are the same bytes allows: an element is
//! read in the iteration that overwrites it alone (see [`vectorise`](crate::loop_ir::vectorise)).

use super::emitter::{Emitted, Emitter, Int, Places, Val};
use super::kernel::{Externs, Result, any_expr, is_straight};
use super::lanes::NARROW;
use crate::ir::{AxisId, DType, Expr, ExprId, PlaceId, VarId};
use crate::loop_ir::{Extent, Fold, Loop, LoopKind, Stmt};

/// Rows have less than so many whole vectors: of longer ones the last steps are little of the work.
const LONGEST: usize = 5;

/// The parts of a loop over short rows.
struct ShortRows<'l> {
    /// What comes before a row is folded.
    before: &'l [Stmt],
    /// The fold of a row.
    row: &'l Loop,
    lanes: usize,
    /// The elements of a row.
    n: i64,
    /// What is done with the result.
    after: &'l [Stmt],
}

impl Emitter<'_> {
    /// As many rows of a loop as whole registers of their results need; where what is left begins.
    pub(super) fn short_rows(&mut self, l: &Loop, externs: &Externs) -> Result<Int> {
        let Some(rows) = self.as_short_rows(l) else { return Ok(Int::Const(0)) };
        let n = self.extent(l.extent);
        self.whole_steps(l, n, NARROW, |e, range| {
            e.repeated(l, range, vec![], |e, _| e.rows_at_once(l, &rows, externs))
        })
    }

    fn as_short_rows<'l>(&self, l: &'l Loop) -> Option<ShortRows<'l>> {
        let at = l.body.iter().position(|stmt| matches!(stmt, Stmt::For(_)))?;
        let (before, [Stmt::For(row), after @ ..]) = l.body.split_at(at) else { return None };
        let (LoopKind::Vector(lanes), Extent::Const(n)) = (row.kind, row.extent) else {
            return None;
        };
        let lanes = usize::from(lanes);
        let is_let = |stmt: &Stmt| matches!(stmt, Stmt::Let(..));
        let exprs = &self.kernel.exprs;
        let is_word = |fold: &Fold| {
            let dtype = exprs.dtype(fold.values[0]);
            fold.vars.len() == 1 && matches!(dtype, DType::F32 | DType::I32)
        };
        let is_constant = |fold: &Fold| exprs.as_constant(fold.init[0]).is_some();
        let is_short = n >= NARROW as usize && n < LONGEST * lanes && !row.folds.is_empty();
        (is_short
            && row.folds.iter().all(|fold| is_word(fold) && is_constant(fold))
            && self.lanes.is_none()
            && l.folds.is_empty()
            && before.iter().chain(&row.body).all(is_let)
            && is_straight(after)
            && self.is_of_words(after, &[])
            && self.stands_alone(l.axis, before, row, after))
        .then_some(ShortRows { before, row, lanes, n: n as i64, after })
    }

    /// Whether what is done with the result of a row is each time with other elements, which no row
    /// reads, and with values that stand for all rows.
    fn stands_alone(&self, axis: AxisId, before: &[Stmt], row: &Loop, after: &[Stmt]) -> bool {
        let exprs = &self.kernel.exprs;
        let stored = |place: PlaceId| {
            after.iter().filter(move |s| matches!(s, Stmt::Store { place: p, .. } if *p == place))
        };
        let is_once = |stmt: &Stmt| match stmt {
            Stmt::Store { place, index, .. } => {
                stored(*place).count() == 1 && exprs.coefficient(*index, axis) == Some(1)
            }
            _ => true,
        };
        let reads_stored = |id: ExprId| match exprs.expr(id) {
            Expr::Load { place, .. } => stored(*place).count() > 0,
            _ => false,
        };
        let of_row = |var: VarId| {
            before.iter().any(|stmt| matches!(stmt, Stmt::Let(bound, _) if *bound == var))
        };
        let uses_row = |id: ExprId| matches!(exprs.expr(id), Expr::Var(var, _) if of_row(*var));
        after.iter().all(is_once)
            && !any_expr(exprs, before, &[], reads_stored)
            && !any_expr(exprs, &row.body, &row.folds, reads_stored)
            && !any_expr(exprs, after, &[], |id| reads_stored(id) || uses_row(id))
    }

    /// The rows from the one that the axis of the loop counts.
    fn rows_at_once(
        &mut self,
        l: &Loop,
        rows: &ShortRows<'_>,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        let (first, here) = (self.axes[&l.axis], self.here());
        let mut folded: Vec<Vec<Emitted>> = vec![];
        for row in 0..NARROW {
            self.enter(None, false);
            // Whatever is known of a row is forgotten with it.
            let at = self.int_add(first, Int::Const(row));
            let at = Int::Value(self.int_value(at), self.here());
            self.axes.insert(l.axis, at);
            self.body(rows.before, externs)?;
            let partial = self.fold_lanes(rows.row, rows.lanes, rows.n, externs)?;
            let partial = self.in_lanes(rows.row, rows.lanes, |e| {
                e.combine_down_to(rows.row, NARROW as usize, partial)
            })?;
            folded.push(Self::settled(partial, here));
            self.leave();
        }
        self.axes.insert(l.axis, first);
        self.in_lanes(l, NARROW as usize, |e| {
            let results = e.results_of_rows(rows.row, &folded)?;
            let mut init = vec![];
            for fold in &rows.row.folds {
                init.push(e.expr(fold.init[0])?);
            }
            let results = e.combine_all(rows.row, &init, &results, false)?;
            let vars = rows.row.folds.iter().map(|fold| fold.vars[0]);
            vars.zip(results).for_each(|(var, value)| e.bind(var, value));
            e.body(rows.after, externs)
        })?;
        Ok(vec![])
    }

    /// Of each fold the register of the rows' results, from a register of lanes of each row: lane 0
    /// with lane 2 and lane 1 with lane 3, then what they make, of all rows at once.
    fn results_of_rows(&mut self, row: &Loop, folded: &[Vec<Emitted>]) -> Result<Vec<Emitted>> {
        let halves = [[0, 1, 4, 5], [2, 3, 6, 7]];
        let pairs = [[0, 2, 4, 6], [1, 3, 5, 7]];
        let two = self.interleaved(row, &folded[0], &folded[1], halves)?;
        let others = self.interleaved(row, &folded[2], &folded[3], halves)?;
        self.interleaved(row, &two, &others, pairs)
    }

    /// `x ⊕ y` of each fold, with lanes of `a` (0 to 3) and `b` (4 to 7) in `x` and `y`.
    fn interleaved(
        &mut self,
        row: &Loop,
        a: &[Emitted],
        b: &[Emitted],
        lanes: [[usize; 4]; 2],
    ) -> Result<Vec<Emitted>> {
        let (here, dtypes) = (self.here(), self.dtypes(row));
        let mut operands = [vec![], vec![]];
        for ((&dtype, a), b) in dtypes.iter().zip(a).zip(b) {
            let [a, b] = [a, b].map(|x| self.many(here, dtype, x)[0]);
            for (operand, lanes) in operands.iter_mut().zip(lanes) {
                let val = Val::Many([self.chosen(a, b, |lane| lanes[lane])].into());
                operand.push(Emitted { val, level: here, reads: Places::default() });
            }
        }
        self.combine_all(row, &operands[0], &operands[1], false)
    }
}
