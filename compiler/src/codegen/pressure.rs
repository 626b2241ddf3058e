//! How many lanes of a vector loop are computed at once: as many as there are registers for.
//!
//! Operation by operation for all lanes, what one register waits for is hidden by the others; but each
//! value that is still needed takes a register for every four lanes. Where there are not so many,
//! part of the lanes goes through the whole body before the next. A value that goes to the stack and
//! comes back costs more than the waiting, which the machine hides itself where bodies are short.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::{AxisId, DType, Expr, ExprId, Exprs, VarId};
use crate::loop_ir::{Loop, Stmt};

/// The lanes of one register of 32-bit values.
pub(super) const NARROW: usize = 4;

/// The machine's registers of lanes.
const REGISTERS: usize = 16;

/// A body of so many operations is longer than the machine looks ahead.
const LONG: usize = 32;

/// The constants that a loop keeps in registers; the others are loaded where they are used. The rest is
/// left to four interleaved values and what they need.
pub(super) const CONSTANTS: usize = 6;

/// Of a straight vector loop of so many lanes, those that are computed at once.
pub(super) fn lanes_at_once(exprs: &Exprs, l: &Loop, lanes: usize) -> usize {
    let mut walk = Walk::new(exprs, l.axis);
    for stmt in &l.body {
        match stmt {
            Stmt::Let(var, value) => {
                let value = walk.value(*value);
                walk.vars.insert(*var, value);
            }
            Stmt::Store { value, .. } => {
                let value = walk.value(*value);
                walk.step(&[value]);
            }
            Stmt::For(_) | Stmt::Check { .. } | Stmt::Tile(_) | Stmt::Chunk(_) => return lanes,
        }
    }
    let folded: Vec<ExprId> = l.folds.iter().flat_map(|fold| &fold.values).copied().collect();
    let found: Vec<Option<usize>> = folded.iter().map(|&value| walk.value(value)).collect();
    found.into_iter().for_each(|value| walk.step(&[value]));
    if walk.operations > LONG {
        return lanes;
    }
    let words = |&value: &ExprId| words(exprs.dtype(value));
    let accumulators = lanes / NARROW * folded.iter().map(words).sum::<usize>();
    let (most, same) = (walk.most(), walk.constants.len().min(CONSTANTS) + walk.same.len());
    let fits = |&n: &usize| accumulators + same + n / NARROW * most <= REGISTERS;
    let parts = || std::iter::successors(Some(lanes), |n| (*n > NARROW).then_some(n / 2));
    parts().find(fits).or(parts().last()).unwrap_or(lanes)
}

/// Registers of four lanes.
fn words(dtype: DType) -> usize {
    dtype.size().div_ceil(4)
}

/// A value that differs between lanes, from when until when it is needed.
struct Needed {
    words: usize,
    is_load: bool,
    from: usize,
    to: usize,
    uses: usize,
}

/// A walk over a body in the order in which it is computed.
struct Walk<'a> {
    exprs: &'a Exprs,
    axis: AxisId,
    now: usize,
    operations: usize,
    values: Vec<Needed>,
    of: FxHashMap<ExprId, Option<usize>>,
    vars: FxHashMap<VarId, Option<usize>>,
    /// What is a number, and what is the same in all lanes, as operands of what is not.
    constants: FxHashSet<ExprId>,
    same: FxHashSet<ExprId>,
}

impl<'a> Walk<'a> {
    fn new(exprs: &'a Exprs, axis: AxisId) -> Walk<'a> {
        Walk {
            exprs,
            axis,
            now: 0,
            operations: 0,
            values: vec![],
            of: FxHashMap::default(),
            vars: FxHashMap::default(),
            constants: FxHashSet::default(),
            same: FxHashSet::default(),
        }
    }

    /// The value of an expression; `None` if it is the same in all lanes.
    fn value(&mut self, id: ExprId) -> Option<usize> {
        if let Some(&known) = self.of.get(&id) {
            return known;
        }
        let exprs = self.exprs;
        let found = match *exprs.expr(id) {
            Expr::Const(..) => None,
            Expr::Var(var, _) => self.vars.get(&var).copied().flatten(),
            Expr::Load { index, .. } | Expr::Index(index, _) => {
                let is_load = matches!(exprs.expr(id), Expr::Load { .. });
                let varies = exprs.index_follows(index, self.axis);
                varies.then(|| self.made(id, is_load, &[]))
            }
            _ => {
                let ids: Vec<ExprId> = exprs.operands(id).collect();
                let operands: Vec<_> = ids.iter().map(|&x| self.value(x)).collect();
                let varies = operands.iter().any(Option::is_some);
                varies.then(|| {
                    self.note_same(&ids, &operands);
                    self.operations += 1;
                    self.made(id, false, &operands)
                })
            }
        };
        self.of.insert(id, found);
        found
    }

    fn note_same(&mut self, ids: &[ExprId], operands: &[Option<usize>]) {
        for (&x, _) in ids.iter().zip(operands).filter(|(_, value)| value.is_none()) {
            match self.exprs.expr(x) {
                Expr::Const(..) => self.constants.insert(x),
                _ => self.same.insert(x),
            };
        }
    }

    fn made(&mut self, id: ExprId, is_load: bool, operands: &[Option<usize>]) -> usize {
        self.step(operands);
        let (words, now) = (words(self.exprs.dtype(id)), self.now);
        self.values.push(Needed { words, is_load, from: now, to: now, uses: 0 });
        self.values.len() - 1
    }

    /// The next instruction, which needs these values.
    fn step(&mut self, operands: &[Option<usize>]) {
        self.now += 1;
        for &value in operands.iter().flatten() {
            let needed = &mut self.values[value];
            (needed.to, needed.uses) = (self.now, needed.uses + 1);
        }
    }

    /// The most registers of four lanes that are needed at a time. What only the next instruction
    /// needs of memory is read by it.
    fn most(&self) -> usize {
        let mut change = vec![0i64; self.now + 2];
        for value in &self.values {
            if value.is_load && value.uses == 1 && value.to == value.from + 1 {
                continue;
            }
            change[value.from] += value.words as i64;
            change[value.to.max(value.from + 1)] -= value.words as i64;
        }
        let running = change.iter().scan(0, |live, change| {
            *live += change;
            Some(*live)
        });
        running.max().unwrap_or(0) as usize
    }
}
