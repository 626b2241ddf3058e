//! Expressions: what is shared is computed once, what does not change in a loop before it, and in
//! a vector loop what differs between lanes as registers, all else as scalars.

use std::rc::Rc;

use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::emitter::{Emitted, Emitter, Int, Places, Val, scalar_type, vector_like};
use super::error::CodegenError;
use super::index::Stride;
use super::ops::Registers;
use crate::ir::{BinaryFn, CompareFn, DType, Expr, ExprId, IndexId, Monoid, Scalar};

type Result<T> = std::result::Result<T, CodegenError>;

/// A function of up to three values.
#[derive(Clone, Copy)]
enum Function {
    Unary(crate::ir::UnaryFn),
    Binary(BinaryFn),
    Compare(CompareFn),
    /// Whether a comparison does not hold, as of a NaN.
    CompareNot(CompareFn),
    Select,
    Fma,
    Cast(DType),
    Bits(DType),
    Shift(u8, bool),
}

impl Emitter<'_> {
    /// The value of an expression here.
    pub(super) fn expr(&mut self, id: ExprId) -> Result<Emitted> {
        self.uses(id);
        if let Some(known) = self.known(id) {
            return Ok(known.clone());
        }
        let exprs = &self.kernel.exprs;
        match exprs.expr(id) {
            // Neither is code of its own.
            Expr::Const(..) | Expr::Var(..) => self.made(id),
            _ => {
                let around = self.serve(exprs.origin_of(id));
                let made = self.made(id);
                self.serve(around);
                made
            }
        }
    }

    fn made(&mut self, id: ExprId) -> Result<Emitted> {
        let kernel = self.kernel;
        let function = match kernel.exprs.expr(id) {
            Expr::Const(_, bits) => {
                let (val, reads) = (Val::Const(*bits), Places::default());
                return Ok(Emitted { val, level: 0, reads });
            }
            Expr::Var(var, _) => {
                let bound = self.vars.get(var).cloned();
                return bound.ok_or_else(|| self.unsupported(format!("unbound value {}", var.0)));
            }
            Expr::Load { place, index, dtype } => {
                let loaded = self.load(*place, *index, *dtype)?;
                self.remember(id, &loaded);
                return Ok(loaded);
            }
            Expr::Index(index, dtype) => {
                let value = self.index_number(*index, *dtype)?;
                self.remember(id, &value);
                return Ok(value);
            }
            Expr::Element { .. } => return Err(self.unsupported("an operand's element")),
            Expr::Unary(f, _) => Function::Unary(*f),
            Expr::Binary(f, _, _) => Function::Binary(*f),
            Expr::Compare(f, _, _) => Function::Compare(*f),
            Expr::Select(..) => Function::Select,
            Expr::Fma(..) => Function::Fma,
            Expr::Cast(dtype, _) => Function::Cast(*dtype),
            Expr::Bitcast(dtype, _) => Function::Bits(*dtype),
            Expr::ShiftLeft(_, n) => Function::Shift(*n, true),
            Expr::ShiftRightSigned(_, n) => Function::Shift(*n, false),
        };
        let mut operands = vec![];
        for x in kernel.exprs.operands(id) {
            operands.push((kernel.exprs.dtype(x), self.expr(x)?));
        }
        let value = self.apply(function, &operands)?;
        self.remember(id, &value);
        Ok(value)
    }

    /// `f(a, b)` of values.
    pub(super) fn binary_of(
        &mut self,
        f: BinaryFn,
        dtype: DType,
        a: &Emitted,
        b: &Emitted,
    ) -> Result<Emitted> {
        self.apply(Function::Binary(f), &[(dtype, a.clone()), (dtype, b.clone())])
    }

    fn compare_of(
        &mut self,
        f: CompareFn,
        dtype: DType,
        a: &Emitted,
        b: &Emitted,
    ) -> Result<Emitted> {
        self.apply(Function::Compare(f), &[(dtype, a.clone()), (dtype, b.clone())])
    }

    /// `acc ⊕ value`, per variable of the fold; of pairs, whether the value's index `rises` above the
    /// one that is kept.
    pub(super) fn combine(
        &mut self,
        (monoid, rises): (Monoid, bool),
        dtypes: &[DType],
        acc: &[Emitted],
        value: &[Emitted],
    ) -> Result<Vec<Emitted>> {
        if let Some(f) = monoid.function() {
            let identity = monoid.identity(dtypes[0]).bits();
            if matches!(acc[0].val, Val::Const(bits) if bits == identity) {
                return Ok(vec![value[0].clone()]);
            }
            return Ok(vec![self.binary_of(f, dtypes[0], &acc[0], &value[0])?]);
        }
        let none = [monoid.neutral(dtypes[0]), Scalar::I64(i64::MAX).cast(dtypes[1])];
        let none = none.map(Scalar::bits);
        let is_none = |at: usize| matches!(acc[at].val, Val::Const(bits) if bits == none[at]);
        if is_none(0) && is_none(1) {
            return Ok(value.to_vec());
        }
        let replaces = match rises {
            true => self.replaces_earlier(monoid, dtypes[0], &acc[0], &value[0])?,
            false => self.replaces(monoid, dtypes, acc, value)?,
        };
        let mut chosen = vec![];
        for (i, &dtype) in dtypes.iter().enumerate() {
            let operands = [
                (DType::Bool, replaces.clone()),
                (dtype, value[i].clone()),
                (dtype, acc[i].clone()),
            ];
            chosen.push(self.apply(Function::Select, &operands)?);
        }
        Ok(chosen)
    }

    /// `Monoid::replaces` where the value's index is the larger one: the value is beyond the best, or
    /// the first NaN.
    fn replaces_earlier(
        &mut self,
        monoid: Monoid,
        dtype: DType,
        acc: &Emitted,
        value: &Emitted,
    ) -> Result<Emitted> {
        let (beyond, within) = match monoid == Monoid::ArgMin {
            true => (CompareFn::Lt, CompareFn::Ge),
            false => (CompareFn::Gt, CompareFn::Le),
        };
        if !dtype.is_float() {
            return self.compare_of(beyond, dtype, value, acc);
        }
        let operands = [(dtype, value.clone()), (dtype, acc.clone())];
        let beyond = self.apply(Function::CompareNot(within), &operands)?;
        let number = self.compare_of(CompareFn::Eq, dtype, acc, acc)?;
        self.binary_of(BinaryFn::And, DType::Bool, &beyond, &number)
    }

    /// `Monoid::replaces`: the value is beyond the best, or equal at a smaller index; a NaN is
    /// beyond all numbers.
    fn replaces(
        &mut self,
        monoid: Monoid,
        dtypes: &[DType],
        acc: &[Emitted],
        value: &[Emitted],
    ) -> Result<Emitted> {
        let order = if monoid == Monoid::ArgMin { CompareFn::Lt } else { CompareFn::Gt };
        let beyond = self.compare_of(order, dtypes[0], &value[0], &acc[0])?;
        let same = self.compare_of(CompareFn::Eq, dtypes[0], &value[0], &acc[0])?;
        let before = self.compare_of(CompareFn::Lt, dtypes[1], &value[1], &acc[1])?;
        let first = self.binary_of(BinaryFn::And, DType::Bool, &same, &before)?;
        let replaces = self.binary_of(BinaryFn::Or, DType::Bool, &beyond, &first)?;
        if !dtypes[0].is_float() {
            return Ok(replaces);
        }
        let nan = self.compare_of(CompareFn::Ne, dtypes[0], &value[0], &value[0])?;
        let number = self.compare_of(CompareFn::Eq, dtypes[0], &acc[0], &acc[0])?;
        let allowed = self.binary_of(BinaryFn::Or, DType::Bool, &number, &before)?;
        let nan = self.binary_of(BinaryFn::And, DType::Bool, &nan, &allowed)?;
        self.binary_of(BinaryFn::Or, DType::Bool, &replaces, &nan)
    }

    /// A function of values: at the level where all operands are known, in registers of lanes if
    /// any operand is.
    fn apply(&mut self, f: Function, operands: &[(DType, Emitted)]) -> Result<Emitted> {
        let level = operands.iter().map(|(_, x)| x.level).max().unwrap_or(0);
        let reads = operands.iter().fold(Places::default(), |r, (_, x)| r.with(x.reads));
        let many = operands.iter().any(|(_, x)| matches!(x.val, Val::Many(_)));
        let val = if many {
            self.apply_many(level, f, operands)?
        } else {
            let x: Vec<Registers> =
                operands.iter().map(|(dtype, x)| vec![self.one(level, *dtype, &x.val)]).collect();
            let dtype = operands[0].0;
            let y = self.registers(level, f, dtype, operands, &x);
            let y = y.ok_or_else(|| self.unsupported(name(f)))?;
            Val::One(y[0])
        };
        Ok(Emitted { val, level, reads })
    }

    fn apply_many(
        &mut self,
        level: usize,
        f: Function,
        operands: &[(DType, Emitted)],
    ) -> Result<Val> {
        if let (Function::Binary(BinaryFn::ShiftRight), [(dtype, a), (_, b)]) = (f, operands)
            && let Some(y) = self.shift_right_all(level, *dtype, a, b)
        {
            return Ok(Val::Many(y.into()));
        }
        let mut x: Vec<Registers> = vec![];
        for (dtype, operand) in operands {
            x.push(self.many(level, *dtype, operand));
        }
        self.agree_on_masks(level, operands, &mut x);
        if let Some(y) = self.registers(level, f, operands[0].0, operands, &x) {
            return Ok(Val::Many(y.into()));
        }
        let n = self.lanes.map_or(1, |l| l.n);
        let mut lanes = vec![];
        for lane in 0..n {
            let x: Vec<Registers> = operands
                .iter()
                .map(|(dtype, x)| vec![self.lane_at(level, *dtype, &x.val, lane)])
                .collect();
            let y = self.registers(level, f, operands[0].0, operands, &x);
            lanes.push(y.ok_or_else(|| self.unsupported(name(f)))?[0]);
        }
        let dtype = result(f, operands);
        Ok(Val::Many(self.packed(level, dtype, &lanes).into()))
    }

    /// The masks among the operands in the width of what they choose from, or in one width.
    fn agree_on_masks(&mut self, level: usize, operands: &[(DType, Emitted)], x: &mut [Registers]) {
        let chosen = operands.iter().position(|(dtype, _)| *dtype != DType::Bool);
        let masks = operands.iter().enumerate().filter(|(_, (d, _))| *d == DType::Bool);
        let masks: Vec<usize> = masks.map(|(i, _)| i).collect();
        let same = masks.iter().all(|&i| self.type_of(x[i][0]) == self.type_of(x[masks[0]][0]));
        for i in masks {
            match chosen {
                Some(chosen) => {
                    let ty = self.type_of(x[chosen][0]);
                    x[i] = self.masks_for(level, ty, &x[i]);
                }
                None if !same => x[i] = self.narrow_masks(level, &x[i]),
                None => {}
            }
        }
    }

    fn registers(
        &mut self,
        level: usize,
        f: Function,
        dtype: DType,
        operands: &[(DType, Emitted)],
        x: &[Registers],
    ) -> Option<Registers> {
        match f {
            Function::Unary(f) => self.unary(level, f, dtype, &x[0]),
            Function::Binary(f @ (BinaryFn::Max | BinaryFn::Min))
                if dtype.is_float() && is_number(dtype, &operands[0].1.val) =>
            {
                Some(self.extreme_of_number(level, f, &x[0], &x[1]))
            }
            Function::Binary(f) => self.binary(level, f, dtype, &x[0], &x[1]),
            Function::Compare(f) => Some(self.compare(level, f, dtype, &x[0], &x[1])),
            Function::CompareNot(f) => Some(self.compare_not(level, f, &x[0], &x[1])),
            Function::Select => Some(self.select(level, &x[0], &x[1], &x[2])),
            Function::Fma => Some(self.fma(level, &x[0], &x[1], &x[2])),
            Function::Cast(to) => self.cast(level, dtype, to, &x[0]),
            Function::Bits(to) => {
                let vector = self.type_of(x[0][0]).is_vector();
                let like = self.type_of(x[0][0]);
                let to = if vector { vector_like(like, to) } else { scalar_type(to) };
                Some(self.bits(level, to, &x[0]))
            }
            Function::Shift(bits, left) => Some(self.shift(level, dtype, &x[0], bits, left)),
        }
    }

    /// A shift of lanes by an amount that all have in common.
    fn shift_right_all(
        &mut self,
        level: usize,
        dtype: DType,
        a: &Emitted,
        b: &Emitted,
    ) -> Option<Registers> {
        let bits = 8 * dtype.size() as i64;
        let Val::Many(a) = &a.val else { return None };
        let amount = match b.val {
            Val::Const(c) => {
                let amount = c as i64 & (bits - 1);
                self.at(level).ins().iconst(types::I32, amount)
            }
            Val::One(b) => {
                let mut at = self.at(level);
                let mask = at.ins().iconst(scalar_type(dtype), bits - 1);
                at.ins().band(b, mask)
            }
            Val::Many(_) => return None,
        };
        let mut at = self.at(level);
        Some(a.iter().map(|&a| at.ins().ushr(a, amount)).collect())
    }

    /// A value as a scalar.
    pub(super) fn one(&mut self, level: usize, dtype: DType, val: &Val) -> Value {
        match val {
            Val::Const(bits) => self.constant(level, scalar_type(dtype), *bits),
            Val::One(value) => *value,
            Val::Many(registers) => {
                let registers = Rc::clone(registers);
                self.extract(level, dtype, &registers, 0)
            }
        }
    }

    /// A value in one lane, as a scalar, here.
    pub(super) fn lane(&mut self, dtype: DType, val: &Val, lane: usize) -> Value {
        let here = self.here();
        self.lane_at(here, dtype, val, lane)
    }

    pub(super) fn lane_at(&mut self, level: usize, dtype: DType, val: &Val, lane: usize) -> Value {
        match val {
            Val::Many(registers) => {
                let registers = Rc::clone(registers);
                self.extract(level, dtype, &registers, lane)
            }
            Val::Const(_) | Val::One(_) => self.one(level, dtype, val),
        }
    }

    fn extract(&mut self, level: usize, dtype: DType, registers: &[Value], lane: usize) -> Value {
        let per = self.type_of(registers[0]).lane_count() as usize;
        let mut at = self.at(level);
        let value = at.ins().extractlane(registers[lane / per], (lane % per) as u8);
        match dtype {
            DType::U8 => at.ins().ireduce(types::I8, value),
            DType::Bool => {
                let byte = at.ins().ireduce(types::I8, value);
                let one = at.ins().iconst(types::I8, 1);
                at.ins().band(byte, one)
            }
            DType::F32 | DType::F64 | DType::I32 | DType::I64 => value,
        }
    }

    /// A value as registers of lanes.
    pub(super) fn many(&mut self, level: usize, dtype: DType, value: &Emitted) -> Registers {
        let n = self.lanes.map_or(1, |l| l.n);
        let ty = self.vector_type(dtype);
        let count = n.div_ceil(ty.lane_count() as usize);
        let register = match &value.val {
            Val::Many(registers) => return registers.to_vec(),
            Val::Const(bits) => {
                let bits = if dtype == DType::Bool && *bits != 0 { u64::MAX } else { *bits };
                self.constant(level, ty, bits)
            }
            Val::One(one) => {
                let wide = self.in_lane(value.level, dtype, *one);
                self.splat(ty, wide, value.level)
            }
        };
        vec![register; count]
    }

    /// A scalar in the form that it has in a lane.
    fn in_lane(&mut self, level: usize, dtype: DType, value: Value) -> Value {
        match dtype {
            DType::F32 | DType::F64 | DType::I32 | DType::I64 => value,
            DType::U8 => self.numbered_extend(level, value, false),
            DType::Bool => self.numbered_extend(level, value, true),
        }
    }

    fn numbered_extend(&mut self, level: usize, value: Value, mask: bool) -> Value {
        let mut at = self.at(level);
        let wide = at.ins().uextend(types::I32, value);
        if mask { at.ins().ineg(wide) } else { wide }
    }

    /// Scalars as the lanes of registers.
    pub(super) fn packed(&mut self, level: usize, dtype: DType, lanes: &[Value]) -> Registers {
        let ty = self.vector_type(dtype);
        let lanes: Vec<Value> =
            lanes.iter().map(|&lane| self.in_lane(level, dtype, lane)).collect();
        let mut at = self.at(level);
        let of_register =
            |lanes: &[Value]| {
                let first = at.ins().scalar_to_vector(ty, lanes[0]);
                lanes.iter().enumerate().skip(1).fold(first, |register, (i, &lane)| {
                    at.ins().insertlane(register, lane, i as u8)
                })
            };
        lanes.chunks(ty.lane_count() as usize).map(of_register).collect()
    }

    /// Puts a scalar into a lane of registers.
    pub(super) fn put_lane(
        &mut self,
        level: usize,
        dtype: DType,
        registers: &mut [Value],
        lane: usize,
        value: Value,
    ) {
        let per = self.vector_type(dtype).lane_count() as usize;
        let value = self.in_lane(level, dtype, value);
        let register = &mut registers[lane / per];
        *register = self.at(level).ins().insertlane(*register, value, (lane % per) as u8);
    }

    /// An index as a number.
    pub(super) fn index_number(&mut self, index: IndexId, dtype: DType) -> Result<Emitted> {
        let stride = self.stride(index)?;
        let reads = self.index_reads(index)?;
        if stride == Stride::Same {
            let value = self.index(index, 0)?;
            let (value, level) = match value {
                Int::Const(c) => {
                    let level = self.here();
                    let bits = Scalar::I64(c).cast(dtype).bits();
                    return Ok(Emitted { val: Val::Const(bits), level, reads });
                }
                // An axis that is a number here is another one in the next iteration: what stands
                // further out must not be remembered there.
                Int::Value(value, _) if self.has_number(index) => (value, self.here()),
                Int::Value(value, level) => (value, level),
            };
            let value = self.cast(level, DType::I64, dtype, &[value]);
            let value = value.ok_or_else(|| self.unsupported("an index as a number"))?;
            return Ok(Emitted { val: Val::One(value[0]), level, reads });
        }
        let level = self.here();
        let n = self.lanes.map_or(1, |l| l.n);
        let (low, high) = self.kernel.exprs.range(index);
        let fits = low >= i64::from(i32::MIN) && high <= i64::from(i32::MAX);
        if let (Stride::Step(step), DType::I32 | DType::I64, true) = (stride, dtype, fits) {
            let first = self.index(index, 0)?;
            let val = self.count_up(first, step, dtype, n);
            return Ok(Emitted { val: Val::Many(val.into()), level, reads });
        }
        let mut lanes = vec![];
        for lane in 0..n {
            let value = self.index(index, lane)?;
            let value = self.int_value(value);
            let value = self.cast(level, DType::I64, dtype, &[value]);
            lanes.push(value.ok_or_else(|| self.unsupported("an index as a number"))?[0]);
        }
        Ok(Emitted { val: Val::Many(self.packed(level, dtype, &lanes).into()), level, reads })
    }

    /// `first`, `first + step`, ... in the lanes.
    fn count_up(&mut self, first: Int, step: i64, dtype: DType, n: usize) -> Registers {
        let ty = self.vector_type(dtype);
        let (per, here) = (ty.lane_count() as usize, self.here());
        let first = self.int_value(first);
        let first =
            if dtype == DType::I32 { self.ins().ins().ireduce(types::I32, first) } else { first };
        let first = self.ins().ins().splat(ty, first);
        let size = dtype.size();
        let register = |r: usize| {
            let mut bytes = [0; 64];
            for (l, lane) in bytes.chunks_exact_mut(size).take(per).enumerate() {
                let value = (r * per + l) as i64 * step;
                lane.copy_from_slice(&value.to_le_bytes()[..size]);
            }
            bytes
        };
        let counts: Vec<Value> =
            (0..n.div_ceil(per)).map(|r| self.constant_bytes(here, ty, register(r))).collect();
        let mut at = self.ins();
        counts.into_iter().map(|count| at.ins().iadd(first, count)).collect()
    }
}

/// The type of what a function makes of its operands.
fn result(f: Function, operands: &[(DType, Emitted)]) -> DType {
    match f {
        Function::Unary(_) | Function::Binary(_) | Function::Fma | Function::Shift(..) => {
            operands[0].0
        }
        Function::Compare(_) | Function::CompareNot(_) => DType::Bool,
        Function::Select => operands[1].0,
        Function::Cast(dtype) | Function::Bits(dtype) => dtype,
    }
}

fn name(f: Function) -> String {
    match f {
        Function::Unary(f) => f.name().into(),
        Function::Binary(f) => f.name().into(),
        Function::Compare(f) => f.symbol().into(),
        Function::CompareNot(f) => format!("not {}", f.symbol()),
        Function::Select => "select".into(),
        Function::Fma => "fma".into(),
        Function::Cast(dtype) => format!("a cast to {dtype}"),
        Function::Bits(dtype) => format!("bits of {dtype}"),
        Function::Shift(..) => "a shift".into(),
    }
}

/// Whether a value is known not to be NaN.
fn is_number(dtype: DType, val: &Val) -> bool {
    match val {
        Val::Const(bits) => !Scalar::from_bits(dtype, *bits).to_f64().is_nan(),
        Val::One(_) | Val::Many(_) => false,
    }
}
