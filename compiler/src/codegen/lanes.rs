//! Loops that run several values at once: whole vectors, what they leave, and how the lanes of a
//! fold are combined.

use std::ops::Range;

use cranelift_codegen::ir::condcodes::IntCC;

use super::emitter::{Emitted, Emitter, Int, IntOp, Lanes, Places, Val};
use super::kernel::{Externs, Result, any_expr, is_straight, written};
use super::ops::Registers;
use super::pressure::{self, lanes_at_once};
use crate::ir::{DType, Monoid, Scalar};
use crate::loop_ir::{Fold, Loop, Stmt};

/// The lanes of one register of 32-bit values.
pub(super) const NARROW: i64 = pressure::NARROW as i64;
/// The lanes of half a register.
const HALF: i64 = NARROW / 2;
/// Bytes of the longest registers.
const WIDEST: u32 = 64;

impl Emitter<'_> {
    /// The iterations of a vector loop, and what it folds.
    pub(super) fn vector(
        &mut self,
        l: &Loop,
        lanes: usize,
        n: Int,
        acc: Vec<Emitted>,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        if !l.folds.is_empty() {
            return self.fold_vectors(l, lanes, n, acc, externs);
        }
        let whole = self.whole_steps(l, n, lanes as i64, |e, range| {
            e.in_lanes(l, lanes, |e| e.counted(l, range, vec![], externs))
        })?;
        let whole = self.narrow_vectors(l, whole, n, externs)?;
        self.serial(l, whole, n, acc, externs)
    }

    /// Runs a part of a loop without accumulators over as many whole steps as there are, if there
    /// are any; where what is left begins.
    pub(super) fn whole_steps(
        &mut self,
        l: &Loop,
        n: Int,
        step: i64,
        part: impl FnOnce(&mut Self, (Int, Int, i64)) -> Result<Vec<Emitted>>,
    ) -> Result<Int> {
        let whole = match n {
            Int::Const(n) => Int::Const(n - n % step),
            Int::Value(n, level) => self.int(IntOp::And, (n, level), Int::Const(-step)),
        };
        let range = (Int::Const(0), whole, step);
        match whole {
            Int::Const(0) => {}
            Int::Const(_) => drop(part(self, range)?),
            Int::Value(..) => {
                let any = self.int_compare(IntCC::SignedGreaterThan, whole, Int::Const(0));
                self.guarded(l, any, vec![], |e, _| part(e, range))?;
            }
        }
        Ok(whole)
    }

    /// Runs a part in so many lanes of a loop.
    pub(super) fn in_lanes<T>(
        &mut self,
        l: &Loop,
        lanes: usize,
        part: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outside = self.lanes.replace(Lanes { axis: l.axis, n: lanes, first: 0 });
        let done = part(self)?;
        self.lanes = outside;
        Ok(done)
    }

    /// An iteration of a vector loop, as many lanes at once as there are registers for.
    pub(super) fn in_parts(
        &mut self,
        l: &Loop,
        lanes: Lanes,
        acc: Vec<Emitted>,
        rises: bool,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        let at_once = match self.machine.register {
            // There are registers for all.
            WIDEST => lanes.n,
            _ => lanes_at_once(&self.kernel.exprs, l, lanes.n),
        };
        if at_once == lanes.n {
            return self.iteration(l, acc, rises, externs);
        }
        let (dtypes, here) = (self.dtypes(l), self.here());
        let mut all: Vec<Registers> = vec![vec![]; acc.len()];
        for first in (0..lanes.n).step_by(at_once) {
            self.enter(None, false);
            self.lanes = Some(Lanes { n: at_once, first, ..lanes });
            let part = |(x, &dtype): (&Emitted, &DType)| match &x.val {
                Val::Many(registers) => {
                    let per = self.vector_type(dtype).lane_count() as usize;
                    let val = Val::Many(registers[first / per..(first + at_once) / per].into());
                    Emitted { val, ..x.clone() }
                }
                Val::Const(_) | Val::One(_) => x.clone(),
            };
            let part = acc.iter().zip(&dtypes).map(part).collect();
            let part = self.iteration(l, part, rises, externs)?;
            for ((all, x), &dtype) in all.iter_mut().zip(&part).zip(&dtypes) {
                all.extend(self.lanes_of(here + 1, dtype, x));
            }
            self.leave();
        }
        self.lanes = Some(lanes);
        let emitted = |x: Registers| Emitted {
            val: Val::Many(x.into()),
            level: here,
            reads: Places::default(),
        };
        Ok(all.into_iter().map(emitted).collect())
    }

    /// What whole vectors leave of a loop without folds, in vectors of one register, then of half a
    /// register, as far as they go; where what is left then begins.
    fn narrow_vectors(&mut self, l: &Loop, first: Int, end: Int, externs: &Externs) -> Result<Int> {
        let (Int::Const(mut first), Int::Const(end)) = (first, end) else { return Ok(first) };
        if !is_straight(&l.body) {
            return Ok(Int::Const(first));
        }
        for lanes in [NARROW, HALF] {
            let last = first + (end - first) / lanes * lanes;
            if first < last && (lanes == NARROW || self.is_of_words(&l.body, &l.folds)) {
                let range = (Int::Const(first), Int::Const(last), lanes);
                self.in_lanes(l, lanes as usize, |e| e.counted(l, range, vec![], externs))?;
                first = last;
            }
        }
        Ok(Int::Const(first))
    }

    /// A vector loop with folds: lane by lane, of which the lanes are then combined by halves, and
    /// `init ⊕ that`.
    fn fold_vectors(
        &mut self,
        l: &Loop,
        lanes: usize,
        n: Int,
        init: Vec<Emitted>,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        let Int::Const(n) = n else {
            return Err(self.unsupported("a vector loop that folds up to no constant"));
        };
        let partial = self.fold_lanes(l, lanes, n, externs)?;
        let combined = self.in_lanes(l, lanes, |e| e.combine_lanes(l, partial))?;
        self.combine_all(l, &init, &combined, false)
    }

    /// What the lanes of a vector loop fold.
    pub(super) fn fold_lanes(
        &mut self,
        l: &Loop,
        lanes: usize,
        n: i64,
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        let whole = n - n % lanes as i64;
        let mut partial = self.identities(l);
        if whole > 0 {
            let range = (Int::Const(0), Int::Const(whole), lanes as i64);
            partial = self.in_lanes(l, lanes, |e| e.counted(l, range, partial, externs))?;
        }
        if whole < n {
            partial = self.fold_rest(l, lanes, whole..n, &partial, externs)?;
        }
        Ok(partial)
    }

    /// Folds what whole vectors leave into the first of the lanes: a register of values at a time,
    /// the last of which may be filled up with identities.
    fn fold_rest(
        &mut self,
        l: &Loop,
        lanes: usize,
        rest: Range<i64>,
        partial: &[Emitted],
        externs: &Externs,
    ) -> Result<Vec<Emitted>> {
        let (dtypes, level) = (self.dtypes(l), self.here());
        let mut registers: Vec<Registers> = vec![vec![]; dtypes.len()];
        let mut first = rest.start;
        while first < rest.end {
            let n = if rest.end - first >= NARROW { NARROW } else { 1 };
            let found = if n == NARROW {
                self.in_lanes(l, n as usize, |e| e.values_at(l, first, externs))?
            } else {
                self.filled_up(l, first..rest.end, externs)?
            };
            registers.iter_mut().zip(found).for_each(|(all, of_value)| all.extend(of_value));
            first += NARROW;
        }
        let emitted =
            |x: Registers| Emitted { val: Val::Many(x.into()), level, reads: Places::default() };
        let filled = (rest.end - rest.start + NARROW - 1) / NARROW * NARROW;
        let mut kept = vec![];
        let mut before = vec![];
        for ((&dtype, x), new) in dtypes.iter().zip(partial).zip(&registers) {
            let all = self.in_lanes(l, lanes, |e| Ok(e.lanes_of(level, dtype, x)))?;
            let mut all = self.narrowed(all);
            kept.push(all.split_off(new.len()));
            let is_start = matches!(x.val, Val::Const(_));
            before.push(if is_start { x.clone() } else { emitted(all) });
        }
        let new: Vec<Emitted> = registers.into_iter().map(emitted).collect();
        self.in_lanes(l, filled as usize, |e| {
            let folded = e.combine_all(l, &before, &new, false)?;
            let parts = dtypes.iter().zip(&folded).zip(kept);
            Ok(parts
                .map(|((&dtype, x), kept)| emitted([e.lanes_of(level, dtype, x), kept].concat()))
                .collect())
        })
    }

    /// The values that a loop folds in one iteration, or in as many as there are lanes, in
    /// registers.
    fn values_at(&mut self, l: &Loop, i: i64, externs: &Externs) -> Result<Vec<Registers>> {
        let outside = self.here();
        self.forget(written(&l.body));
        self.enter(None, false);
        self.axes.insert(l.axis, Int::Const(i));
        self.body(&l.body, externs)?;
        let mut values = vec![];
        for fold in &l.folds {
            for &value in &fold.values {
                let dtype = self.kernel.exprs.dtype(value);
                let value = self.expr(value)?;
                values.push(match self.lanes {
                    Some(_) => self.lanes_of(outside + 1, dtype, &value),
                    None => vec![self.one(outside + 1, dtype, &value.val)],
                });
            }
        }
        self.leave();
        Ok(values)
    }

    /// The values of so few iterations that they do not fill a register, and identities after them.
    fn filled_up(
        &mut self,
        l: &Loop,
        few: Range<i64>,
        externs: &Externs,
    ) -> Result<Vec<Registers>> {
        let (here, dtypes) = (self.here(), self.dtypes(l));
        let mut filled = vec![];
        for (&dtype, x) in dtypes.iter().zip(&self.identities(l)) {
            filled.push(self.in_lanes(l, NARROW as usize, |e| Ok(e.many(here, dtype, x)))?);
        }
        let mut first = few.start;
        if few.end - first >= HALF && self.is_of_words(&l.body, &l.folds) {
            let halves = self.in_lanes(l, HALF as usize, |e| e.values_at(l, first, externs))?;
            for (registers, half) in filled.iter_mut().zip(halves) {
                registers[0] = self.chosen(half[0], registers[0], |lane| [0, 1, 6, 7][lane]);
            }
            first += HALF;
        }
        for i in first..few.end {
            let values = self.values_at(l, i, externs)?;
            let lane = (i - few.start) as usize;
            for ((&dtype, registers), value) in dtypes.iter().zip(&mut filled).zip(values) {
                self.put_lane(here, dtype, registers, lane, value[0]);
            }
        }
        Ok(filled)
    }

    /// A value as registers, of masks as 32 bits a lane.
    fn lanes_of(&mut self, level: usize, dtype: DType, x: &Emitted) -> Registers {
        let registers = self.many(level, dtype, x);
        if dtype == DType::Bool { self.narrow_masks(level, &registers) } else { registers }
    }

    /// Whether a register has a lane for each 32 bits, of all values of statements and folds.
    pub(super) fn is_of_words(&self, body: &[Stmt], folds: &[Fold]) -> bool {
        let exprs = &self.kernel.exprs;
        !any_expr(exprs, body, folds, |id| exprs.dtype(id).size() > size_of::<u32>())
    }

    /// What the lanes of a loop's folds start from.
    fn identities(&self, l: &Loop) -> Vec<Emitted> {
        let of_fold = |fold: &Fold| {
            let monoid = fold.monoid;
            let number = move |(i, dtype): (usize, DType)| identity(monoid, i, dtype);
            let dtypes: Vec<DType> =
                fold.values.iter().map(|&v| self.kernel.exprs.dtype(v)).collect();
            dtypes.into_iter().enumerate().map(number).collect::<Vec<_>>()
        };
        let numbers = l.folds.iter().flat_map(of_fold);
        let emitted =
            |x: Scalar| Emitted { val: Val::Const(x.bits()), level: 0, reads: Places::default() };
        numbers.map(emitted).collect()
    }

    /// The lanes of accumulators combined: lane `i` with lane `i + n/2`, until one is left; whole
    /// registers at a time while the halves of all accumulators are in registers of their own, or
    /// in the same lanes of one.
    fn combine_lanes(&mut self, l: &Loop, partial: Vec<Emitted>) -> Result<Vec<Emitted>> {
        let partial = self.combine_down_to(l, 1, partial)?;
        self.combine_scalars(l, &self.dtypes(l), &partial)
    }

    /// The lanes of accumulators combined by halves until so many are left, or no whole registers
    /// are.
    pub(super) fn combine_down_to(
        &mut self,
        l: &Loop,
        least: usize,
        mut partial: Vec<Emitted>,
    ) -> Result<Vec<Emitted>> {
        let dtypes = self.dtypes(l);
        let per: Vec<usize> =
            dtypes.iter().map(|&d| self.vector_type(d).lane_count() as usize).collect();
        let alike = per.iter().all(|&p| p == per[0]);
        while let Some(lanes) = self.lanes
            && lanes.n > least
            && (alike || per.iter().all(|&p| lanes.n / 2 >= p))
        {
            let halves = self.halves(&dtypes, &partial, lanes.n / 2);
            self.lanes = Some(Lanes { n: lanes.n / 2, ..lanes });
            partial = self.combine_all(l, &halves[0], &halves[1], false)?;
        }
        Ok(partial)
    }

    /// The lower and the upper half of the lanes of accumulators.
    fn halves(&mut self, dtypes: &[DType], partial: &[Emitted], half: usize) -> [Vec<Emitted>; 2] {
        let level = self.here();
        let mut halves = [vec![], vec![]];
        for (&dtype, x) in dtypes.iter().zip(partial) {
            let mut registers = self.many(level, dtype, x);
            if dtype == DType::Bool {
                registers = self.narrow_masks(level, &registers);
            }
            registers = self.narrowed(registers);
            let upper = match registers[..] {
                [one] => vec![self.rearranged(one, |lane| (lane + half) % (2 * half))],
                _ => registers.split_off(registers.len() / 2),
            };
            for (half, registers) in halves.iter_mut().zip([registers, upper]) {
                let val = Val::Many(registers.into());
                half.push(Emitted { val, level, reads: Places::default() });
            }
        }
        halves
    }

    /// The lanes that are left, combined by halves as scalars.
    fn combine_scalars(
        &mut self,
        l: &Loop,
        dtypes: &[DType],
        partial: &[Emitted],
    ) -> Result<Vec<Emitted>> {
        let (here, n) = (self.here(), self.lanes.map_or(1, |l| l.n));
        let mut lanes: Vec<Vec<Emitted>> = vec![];
        for lane in 0..n {
            let mut of_lane = vec![];
            for (&dtype, x) in dtypes.iter().zip(partial) {
                let val = Val::One(self.lane(dtype, &x.val, lane));
                of_lane.push(Emitted { val, level: here, reads: Places::default() });
            }
            lanes.push(of_lane);
        }
        while lanes.len() > 1 {
            let upper = lanes.split_off(lanes.len() / 2);
            let pairs = lanes.into_iter().zip(upper);
            lanes = pairs
                .map(|(low, high)| self.combine_all(l, &low, &high, false))
                .collect::<Result<Vec<_>>>()?;
        }
        Ok(lanes.remove(0))
    }
}

/// What variable `i` of a fold starts from in a lane; an index is as large as can be.
fn identity(monoid: Monoid, i: usize, dtype: DType) -> Scalar {
    if i == 0 { monoid.identity(dtype) } else { Scalar::I64(i64::MAX).cast(dtype) }
}
