//! The functions on elements, as instructions on scalars or on registers of lanes alike.
//!
//! Each takes lists of registers, one for a scalar, and returns `None` where a vector has no such
//! instruction; then [`Emitter::by_lanes`](super::expr) takes the lanes one by one. Their meaning
//! is that of `ir/scalar.rs`, bit for bit but for the bits of a NaN.

use cranelift_codegen::cursor::FuncCursor;
use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

use super::emitter::{Emitter, little, scalar_type, vector_like};
use crate::ir::{BinaryFn, CompareFn, DType, UnaryFn};
use crate::ops::Instruction;

/// Registers of one value.
pub(super) type Registers = Vec<Value>;

/// The type of a comparison's result on values of a type.
fn mask_type(ty: Type) -> Type {
    if ty.is_vector() { ty.as_truthy() } else { types::I8 }
}

fn float_condition(f: CompareFn) -> FloatCC {
    match f {
        CompareFn::Eq => FloatCC::Equal,
        CompareFn::Ne => FloatCC::NotEqual,
        CompareFn::Lt => FloatCC::LessThan,
        CompareFn::Le => FloatCC::LessThanOrEqual,
        CompareFn::Gt => FloatCC::GreaterThan,
        CompareFn::Ge => FloatCC::GreaterThanOrEqual,
    }
}

/// `mask ? a : b`.
fn choose(at: &mut FuncCursor<'_>, mask: Value, a: Value, b: Value) -> Value {
    let ty = at.func.dfg.value_type(a);
    if !ty.is_vector() {
        return at.ins().select(mask, a, b);
    }
    let mask = if at.func.dfg.value_type(mask) == ty {
        mask
    } else {
        at.ins().bitcast(ty, little(), mask)
    };
    at.ins().bitselect(mask, a, b)
}

/// What of an integer division is wanted.
#[derive(Clone, Copy)]
enum Division {
    Quotient,
    Rest,
}

impl Emitter<'_> {
    fn map(
        &mut self,
        level: usize,
        x: &[Value],
        f: impl Fn(&mut FuncCursor<'_>, Value) -> Value,
    ) -> Registers {
        let mut at = self.at(level);
        x.iter().map(|&x| f(&mut at, x)).collect()
    }

    fn map2(
        &mut self,
        level: usize,
        a: &[Value],
        b: &[Value],
        f: impl Fn(&mut FuncCursor<'_>, Value, Value) -> Value,
    ) -> Registers {
        let mut at = self.at(level);
        a.iter().zip(b).map(|(&a, &b)| f(&mut at, a, b)).collect()
    }

    /// A number of the type of `x`.
    fn number(&mut self, level: usize, x: &[Value], n: i64) -> Value {
        let ty = self.type_of(x[0]);
        self.constant(level, ty, n as u64)
    }

    /// A float of the type of `x`.
    fn float(&mut self, level: usize, dtype: DType, x: &[Value], value: f32) -> Value {
        let bits = match dtype {
            DType::F32 => u64::from(value.to_bits()),
            DType::F64 => f64::from(value).to_bits(),
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => 0,
        };
        let ty = self.type_of(x[0]);
        self.constant(level, ty, bits)
    }

    fn is_vector(&self, x: &[Value]) -> bool {
        self.type_of(x[0]).is_vector()
    }

    /// What a vector of `u8` has in 32 bits is cut to 8 again.
    fn wrapped(&mut self, level: usize, dtype: DType, x: Registers) -> Registers {
        if dtype != DType::U8 || !self.is_vector(&x) {
            return x;
        }
        let mask = self.number(level, &x, 0xFF);
        self.map(level, &x, |at, x| at.ins().band(x, mask))
    }

    pub(super) fn unary(
        &mut self,
        level: usize,
        f: UnaryFn,
        dtype: DType,
        x: &[Value],
    ) -> Option<Registers> {
        let float = dtype.is_float();
        // `expand_math` has rewritten the others.
        let done = match f.instruction()? {
            Instruction::Neg if float => self.negated(level, dtype, x),
            Instruction::Neg => {
                let y = self.map(level, x, |at, x| at.ins().ineg(x));
                self.wrapped(level, dtype, y)
            }
            Instruction::Abs if float => self.map(level, x, |at, x| at.ins().fabs(x)),
            Instruction::Abs if dtype == DType::U8 => x.to_vec(),
            Instruction::Abs => self.map(level, x, |at, x| at.ins().iabs(x)),
            Instruction::Sign => self.sign(level, dtype, x),
            Instruction::Relu => self.relu(level, dtype, x),
            Instruction::Sqrt => self.map(level, x, |at, x| at.ins().sqrt(x)),
            Instruction::Floor if float => self.map(level, x, |at, x| at.ins().floor(x)),
            Instruction::Ceil if float => self.map(level, x, |at, x| at.ins().ceil(x)),
            Instruction::Round if float => self.map(level, x, |at, x| at.ins().nearest(x)),
            Instruction::Floor | Instruction::Ceil | Instruction::Round => x.to_vec(),
            Instruction::Not if self.is_vector(x) => self.map(level, x, |at, x| at.ins().bnot(x)),
            Instruction::Not => {
                let one = self.number(level, x, 1);
                self.map(level, x, |at, x| at.ins().bxor(x, one))
            }
        };
        Some(done)
    }

    /// -1, 0 or 1; a zero and a NaN stay as they are.
    fn sign(&mut self, level: usize, dtype: DType, x: &[Value]) -> Registers {
        if dtype.is_float() {
            let [zero, one, minus] = [0.0, 1.0, -1.0].map(|c| self.float(level, dtype, x, c));
            return self.map(level, x, |at, x| {
                let below = at.ins().fcmp(FloatCC::LessThan, x, zero);
                let above = at.ins().fcmp(FloatCC::LessThan, zero, x);
                let y = choose(at, above, one, x);
                choose(at, below, minus, y)
            });
        }
        let [one, minus] = [1, -1].map(|c| self.number(level, x, c));
        let wide = self.type_of(x[0]) == types::I64X2;
        self.map(level, x, |at, x| match dtype {
            DType::U8 => at.ins().umin(x, one),
            _ if wide => {
                let above = at.ins().icmp(IntCC::SignedGreaterThan, x, one);
                let y = choose(at, above, one, x);
                let below = at.ins().icmp(IntCC::SignedLessThan, y, minus);
                choose(at, below, minus, y)
            }
            _ => {
                let y = at.ins().smin(x, one);
                at.ins().smax(y, minus)
            }
        })
    }

    /// The larger of 0 and a number; a NaN stays.
    fn relu(&mut self, level: usize, dtype: DType, x: &[Value]) -> Registers {
        if dtype == DType::U8 {
            return x.to_vec();
        }
        let zero = if dtype.is_float() {
            self.float(level, dtype, x, 0.0)
        } else {
            self.number(level, x, 0)
        };
        self.map(level, x, |at, x| {
            let below = if dtype.is_float() {
                at.ins().fcmp(FloatCC::LessThan, x, zero)
            } else {
                at.ins().icmp(IntCC::SignedLessThan, x, zero)
            };
            choose(at, below, zero, x)
        })
    }

    /// `a` and `b` have registers of one type; of masks, of one width.
    pub(super) fn binary(
        &mut self,
        level: usize,
        f: BinaryFn,
        dtype: DType,
        a: &[Value],
        b: &[Value],
    ) -> Option<Registers> {
        let float = dtype.is_float();
        let done = match f {
            BinaryFn::Add if float => self.map2(level, a, b, |at, a, b| at.ins().fadd(a, b)),
            BinaryFn::Sub if float => self.map2(level, a, b, |at, a, b| at.ins().fsub(a, b)),
            BinaryFn::Mul if float => self.map2(level, a, b, |at, a, b| at.ins().fmul(a, b)),
            BinaryFn::Add => {
                let y = self.map2(level, a, b, |at, a, b| at.ins().iadd(a, b));
                self.wrapped(level, dtype, y)
            }
            BinaryFn::Sub => {
                let y = self.map2(level, a, b, |at, a, b| at.ins().isub(a, b));
                self.wrapped(level, dtype, y)
            }
            BinaryFn::Mul => {
                let y = self.map2(level, a, b, |at, a, b| at.ins().imul(a, b));
                self.wrapped(level, dtype, y)
            }
            BinaryFn::Div if float => self.map2(level, a, b, |at, a, b| at.ins().fdiv(a, b)),
            // `expand_math` has rewritten these.
            BinaryFn::FloorDiv | BinaryFn::Mod if float => return None,
            BinaryFn::Div | BinaryFn::FloorDiv => {
                return self.divide(level, Division::Quotient, dtype, a, b);
            }
            BinaryFn::Mod => {
                return self.divide(level, Division::Rest, dtype, a, b);
            }
            BinaryFn::Max | BinaryFn::Min => self.extreme(level, f, dtype, a, b),
            BinaryFn::And => self.map2(level, a, b, |at, a, b| at.ins().band(a, b)),
            BinaryFn::Or => self.map2(level, a, b, |at, a, b| at.ins().bor(a, b)),
            BinaryFn::Xor => self.map2(level, a, b, |at, a, b| at.ins().bxor(a, b)),
            BinaryFn::ShiftRight => return self.shift_right_by(level, dtype, a, b),
            BinaryFn::Pow | BinaryFn::Atan2 => return None,
        };
        Some(done)
    }

    /// `if a > b || a.is_nan() { a } else { b }`, or with `<`.
    fn extreme(
        &mut self,
        level: usize,
        f: BinaryFn,
        dtype: DType,
        a: &[Value],
        b: &[Value],
    ) -> Registers {
        let max = f == BinaryFn::Max;
        if !dtype.is_float() {
            let unsigned = dtype == DType::U8 && !self.is_vector(a);
            let cc = match (max, unsigned) {
                (true, false) => IntCC::SignedGreaterThan,
                (false, false) => IntCC::SignedLessThan,
                (true, true) => IntCC::UnsignedGreaterThan,
                (false, true) => IntCC::UnsignedLessThan,
            };
            return self.map2(level, a, b, |at, a, b| {
                let mask = at.ins().icmp(cc, a, b);
                choose(at, mask, a, b)
            });
        }
        let vector = self.is_vector(a);
        self.map2(level, a, b, |at, a, b| {
            // In this form, and with this order of operands, it is one instruction.
            let mask = if max {
                at.ins().fcmp(FloatCC::LessThan, b, a)
            } else {
                at.ins().fcmp(FloatCC::LessThan, a, b)
            };
            let y = choose(at, mask, a, b);
            let nan = at.ins().fcmp(FloatCC::Unordered, a, a);
            if !vector {
                return choose(at, nan, a, y);
            }
            // Or-ed with all bits it is a NaN, in one instruction where a choice takes three.
            let ty = at.func.dfg.value_type(y);
            let bits = at.ins().bitcast(ty.as_truthy(), little(), y);
            let bits = at.ins().bor(bits, nan);
            at.ins().bitcast(ty, little(), bits)
        })
    }

    /// Floats with the other sign: of registers by a mask that loops keep, where `fneg` makes it anew.
    fn negated(&mut self, level: usize, dtype: DType, x: &[Value]) -> Registers {
        let ty = self.type_of(x[0]);
        if !ty.is_vector() {
            return self.map(level, x, |at, x| at.ins().fneg(x));
        }
        let sign = self.constant(level, ty, 1 << (8 * dtype.size() - 1));
        self.map(level, x, |at, x| at.ins().bxor(x, sign))
    }

    /// `extreme` where `a` is a number: one instruction for floats.
    pub(super) fn extreme_of_number(
        &mut self,
        level: usize,
        f: BinaryFn,
        a: &[Value],
        b: &[Value],
    ) -> Registers {
        self.map2(level, a, b, |at, a, b| {
            let mask = if f == BinaryFn::Max {
                at.ins().fcmp(FloatCC::LessThan, b, a)
            } else {
                at.ins().fcmp(FloatCC::LessThan, a, b)
            };
            choose(at, mask, a, b)
        })
    }

    /// Integer division, rounded down; 0 where `b` is 0.
    fn divide(
        &mut self,
        level: usize,
        wanted: Division,
        dtype: DType,
        a: &[Value],
        b: &[Value],
    ) -> Option<Registers> {
        if self.is_vector(a) {
            return None;
        }
        let ty = scalar_type(dtype);
        let at = &mut self.at(level);
        let (a, b) = (a[0], b[0]);
        let (zero, one) = (at.ins().iconst(ty, 0), at.ins().iconst(ty, 1));
        let by_zero = at.ins().icmp(IntCC::Equal, b, zero);
        if dtype == DType::U8 {
            let safe = at.ins().select(by_zero, one, b);
            let wide = at.ins().uextend(types::I32, a);
            let safe = at.ins().uextend(types::I32, safe);
            let y = match wanted {
                Division::Rest => at.ins().urem(wide, safe),
                Division::Quotient => at.ins().udiv(wide, safe),
            };
            let y = at.ins().ireduce(types::I8, y);
            return Some(vec![at.ins().select(by_zero, zero, y)]);
        }
        // -1 is left out because the smallest integer over it does not fit.
        let all = if ty == types::I64 { -1 } else { 0xFFFF_FFFF };
        let minus = at.ins().iconst(ty, all);
        let by_minus = at.ins().icmp(IntCC::Equal, b, minus);
        let safe = at.ins().select(by_zero, one, b);
        let safe = at.ins().select(by_minus, one, safe);
        let q = at.ins().sdiv(a, safe);
        let whole = at.ins().imul(q, safe);
        let rest = at.ins().isub(a, whole);
        let inexact = at.ins().icmp(IntCC::NotEqual, rest, zero);
        let signs = at.ins().bxor(rest, safe);
        let differ = at.ins().icmp(IntCC::SignedLessThan, signs, zero);
        let down = at.ins().band(inexact, differ);
        let y = match wanted {
            Division::Rest => {
                let up = at.ins().iadd(rest, safe);
                let y = at.ins().select(down, up, rest);
                at.ins().select(by_minus, zero, y)
            }
            Division::Quotient => {
                let below = at.ins().isub(q, one);
                let y = at.ins().select(down, below, q);
                let negative = at.ins().ineg(a);
                at.ins().select(by_minus, negative, y)
            }
        };
        Some(vec![at.ins().select(by_zero, zero, y)])
    }

    fn shift_right_by(
        &mut self,
        level: usize,
        dtype: DType,
        a: &[Value],
        b: &[Value],
    ) -> Option<Registers> {
        if self.is_vector(a) {
            return None;
        }
        // A shift takes its amount modulo the width.
        Some(self.map2(level, a, b, |at, a, b| {
            let _ = dtype;
            at.ins().ushr(a, b)
        }))
    }

    /// `x` shifted by a constant number of bits below the width.
    pub(super) fn shift(
        &mut self,
        level: usize,
        dtype: DType,
        x: &[Value],
        bits: u8,
        left: bool,
    ) -> Registers {
        let y = self.map(level, x, |at, x| {
            let bits = at.ins().iconst(types::I32, i64::from(bits));
            match (left, dtype) {
                (true, _) => at.ins().ishl(x, bits),
                (false, DType::U8) => at.ins().ushr(x, bits),
                (false, _) => at.ins().sshr(x, bits),
            }
        });
        self.wrapped(level, dtype, y)
    }

    /// Whether a comparison of floats does not hold.
    pub(super) fn compare_not(
        &mut self,
        level: usize,
        f: CompareFn,
        a: &[Value],
        b: &[Value],
    ) -> Registers {
        let cc = float_condition(f);
        if self.machine.compares_unordered || !self.is_vector(a) {
            let cc = cc.complement();
            return self.map2(level, a, b, |at, a, b| at.ins().fcmp(cc, a, b));
        }
        self.map2(level, a, b, |at, a, b| {
            let holds = at.ins().fcmp(cc, a, b);
            at.ins().bnot(holds)
        })
    }

    pub(super) fn compare(
        &mut self,
        level: usize,
        f: CompareFn,
        dtype: DType,
        a: &[Value],
        b: &[Value],
    ) -> Registers {
        if dtype.is_float() {
            let cc = float_condition(f);
            return self.map2(level, a, b, |at, a, b| at.ins().fcmp(cc, a, b));
        }
        let vector = self.is_vector(a);
        if dtype == DType::Bool && vector {
            return self.compare_masks(level, f, a, b);
        }
        let unsigned = !vector && matches!(dtype, DType::U8 | DType::Bool);
        let cc = match (f, unsigned) {
            (CompareFn::Eq, _) => IntCC::Equal,
            (CompareFn::Ne, _) => IntCC::NotEqual,
            (CompareFn::Lt, false) => IntCC::SignedLessThan,
            (CompareFn::Le, false) => IntCC::SignedLessThanOrEqual,
            (CompareFn::Gt, false) => IntCC::SignedGreaterThan,
            (CompareFn::Ge, false) => IntCC::SignedGreaterThanOrEqual,
            (CompareFn::Lt, true) => IntCC::UnsignedLessThan,
            (CompareFn::Le, true) => IntCC::UnsignedLessThanOrEqual,
            (CompareFn::Gt, true) => IntCC::UnsignedGreaterThan,
            (CompareFn::Ge, true) => IntCC::UnsignedGreaterThanOrEqual,
        };
        self.map2(level, a, b, |at, a, b| at.ins().icmp(cc, a, b))
    }

    /// Masks, of which false is below true.
    fn compare_masks(&mut self, level: usize, f: CompareFn, a: &[Value], b: &[Value]) -> Registers {
        self.map2(level, a, b, |at, a, b| {
            let differ = at.ins().bxor(a, b);
            match f {
                CompareFn::Eq => at.ins().bnot(differ),
                CompareFn::Ne => differ,
                CompareFn::Lt => at.ins().band(differ, b),
                CompareFn::Gt => at.ins().band(differ, a),
                CompareFn::Le => {
                    let above = at.ins().band(differ, a);
                    at.ins().bnot(above)
                }
                CompareFn::Ge => {
                    let below = at.ins().band(differ, b);
                    at.ins().bnot(below)
                }
            }
        })
    }

    /// `condition ? a : b`; a mask is as wide as what it chooses.
    pub(super) fn select(
        &mut self,
        level: usize,
        condition: &[Value],
        a: &[Value],
        b: &[Value],
    ) -> Registers {
        let mut at = self.at(level);
        let pairs = a.iter().zip(b);
        condition.iter().zip(pairs).map(|(&c, (&a, &b))| choose(&mut at, c, a, b)).collect()
    }

    pub(super) fn fma(&mut self, level: usize, a: &[Value], b: &[Value], c: &[Value]) -> Registers {
        let mut at = self.at(level);
        a.iter().zip(b).zip(c).map(|((&a, &b), &c)| at.ins().fma(a, b, c)).collect()
    }

    /// The same bits as another type of the same size.
    pub(super) fn bits(&mut self, level: usize, to: Type, x: &[Value]) -> Registers {
        self.map(level, x, |at, x| {
            if at.func.dfg.value_type(x) == to { x } else { at.ins().bitcast(to, little(), x) }
        })
    }

    /// `x != 0`, as a bool.
    fn truth(&mut self, level: usize, dtype: DType, x: &[Value]) -> Registers {
        let zero = self.float(level, dtype, x, 0.0);
        self.map(level, x, |at, x| {
            if dtype.is_float() {
                at.ins().fcmp(FloatCC::NotEqual, x, zero)
            } else {
                at.ins().icmp(IntCC::NotEqual, x, zero)
            }
        })
    }

    /// Conversion as `Scalar::cast`: saturating, NaN to 0.
    pub(super) fn cast(
        &mut self,
        level: usize,
        from: DType,
        to: DType,
        x: &[Value],
    ) -> Option<Registers> {
        if from == to {
            return Some(x.to_vec());
        }
        if self.is_vector(x) {
            return self.cast_vector(level, from, to, x);
        }
        if to == DType::Bool {
            return Some(self.truth(level, from, x));
        }
        let ty = scalar_type(to);
        let at = &mut self.at(level);
        let x = x[0];
        let y = match (from, to) {
            (DType::F32, DType::F64) => at.ins().fpromote(ty, x),
            (DType::F64, DType::F32) => at.ins().fdemote(ty, x),
            (DType::F32 | DType::F64, DType::I32 | DType::I64) => at.ins().fcvt_to_sint_sat(ty, x),
            (DType::F32 | DType::F64, _) => {
                let wide = at.ins().fcvt_to_sint_sat(types::I32, x);
                clamp_to_u8(at, types::I32, wide)
            }
            (DType::U8 | DType::Bool, DType::F32 | DType::F64) => {
                let wide = at.ins().uextend(types::I32, x);
                at.ins().fcvt_from_sint(ty, wide)
            }
            (DType::I32 | DType::I64, DType::F32 | DType::F64) => at.ins().fcvt_from_sint(ty, x),
            (DType::U8 | DType::Bool, DType::I32 | DType::I64) => at.ins().uextend(ty, x),
            (DType::U8 | DType::Bool, _) => x,
            (DType::I32, DType::I64) => at.ins().sextend(ty, x),
            (DType::I64, DType::I32) => {
                let low = at.ins().iconst(types::I64, i64::from(i32::MIN));
                let high = at.ins().iconst(types::I64, i64::from(i32::MAX));
                let x = at.ins().smax(x, low);
                let x = at.ins().smin(x, high);
                at.ins().ireduce(ty, x)
            }
            (DType::I32, _) => clamp_to_u8(at, types::I32, x),
            (DType::I64, _) => clamp_to_u8(at, types::I64, x),
        };
        Some(vec![y])
    }

    fn cast_vector(
        &mut self,
        level: usize,
        from: DType,
        to: DType,
        x: &[Value],
    ) -> Option<Registers> {
        let int = |d: DType| matches!(d, DType::I32 | DType::U8);
        let done = match (from, to) {
            (_, DType::Bool) => self.truth(level, from, x),
            (DType::Bool, _) => {
                // A mask is -1 where it is true.
                let x = self.narrow_masks(level, x);
                let one = self.number(level, &x, 1);
                let x = self.map(level, &x, |at, x| at.ins().band(x, one));
                return self.cast(level, DType::I32, to, &x);
            }
            (DType::U8, DType::I32) => x.to_vec(),
            (DType::I32, DType::U8) => {
                let (low, high) = (self.number(level, x, 0), self.number(level, x, 255));
                self.map(level, x, |at, x| {
                    let x = at.ins().smax(x, low);
                    at.ins().smin(x, high)
                })
            }
            (d, DType::F32) if int(d) => {
                let ty = vector_like(self.type_of(x[0]), DType::F32);
                self.map(level, x, |at, x| at.ins().fcvt_from_sint(ty, x))
            }
            (d, DType::F64) if int(d) => {
                let wide = self.doubled(level, x);
                self.map(level, &wide, |at, x| at.ins().fcvt_from_sint(types::F64X2, x))
            }
            (d, DType::I64) if int(d) => self.doubled(level, x),
            (DType::F32, DType::I32) => {
                let ty = vector_like(self.type_of(x[0]), DType::I32);
                self.map(level, x, |at, x| at.ins().fcvt_to_sint_sat(ty, x))
            }
            (DType::F32, DType::U8) => {
                let ty = vector_like(self.type_of(x[0]), DType::I32);
                let x = self.map(level, x, |at, x| at.ins().fcvt_to_sint_sat(ty, x));
                return self.cast(level, DType::I32, to, &x);
            }
            (DType::F32, DType::F64) => {
                let mut at = self.at(level);
                x.iter()
                    .flat_map(|&x| {
                        let low = at.ins().fvpromote_low(x);
                        let bytes = at.ins().bitcast(types::I64X2, little(), x);
                        let high = at.ins().extractlane(bytes, 1);
                        let high = at.ins().scalar_to_vector(types::I64X2, high);
                        let high = at.ins().bitcast(types::F32X4, little(), high);
                        [low, at.ins().fvpromote_low(high)]
                    })
                    .collect()
            }
            (DType::F64, DType::F32) => {
                let mut at = self.at(level);
                x.chunks_exact(2)
                    .map(|pair| {
                        let halves = [pair[0], pair[1]].map(|x| {
                            let x = at.ins().fvdemote(x);
                            let x = at.ins().bitcast(types::I64X2, little(), x);
                            at.ins().extractlane(x, 0)
                        });
                        let low = at.ins().scalar_to_vector(types::I64X2, halves[0]);
                        let both = at.ins().insertlane(low, halves[1], 1);
                        at.ins().bitcast(types::F32X4, little(), both)
                    })
                    .collect()
            }
            _ => return None,
        };
        Some(done)
    }

    /// Registers of 32-bit lanes as twice as many of 64 bits, the sign moving in.
    pub(super) fn doubled(&mut self, level: usize, x: &[Value]) -> Registers {
        let mut at = self.at(level);
        x.iter().flat_map(|&x| [at.ins().swiden_low(x), at.ins().swiden_high(x)]).collect()
    }

    /// Masks as 32 bits a lane.
    pub(super) fn narrow_masks(&mut self, level: usize, x: &[Value]) -> Registers {
        if self.type_of(x[0]) != types::I64X2 {
            return x.to_vec();
        }
        // The lower halves of the 64-bit lanes.
        let low: [u8; 16] = std::array::from_fn(|i| (8 * (i / 4) + i % 4) as u8);
        let mask = self.func.dfg.immediates.push(low.to_vec().into());
        let mut at = self.at(level);
        x.chunks_exact(2)
            .map(|pair| {
                let pair = [pair[0], pair[1]].map(|x| at.ins().bitcast(types::I8X16, little(), x));
                let both = at.ins().shuffle(pair[0], pair[1], mask);
                at.ins().bitcast(types::I32X4, little(), both)
            })
            .collect()
    }

    /// Masks as wide as values of a type.
    pub(super) fn masks_for(&mut self, level: usize, ty: Type, x: &[Value]) -> Registers {
        match (self.type_of(x[0]), mask_type(ty)) {
            (types::I64X2, types::I32X4) => self.narrow_masks(level, x),
            (types::I32X4, types::I64X2) => self.doubled(level, x),
            (_, _) => x.to_vec(),
        }
    }
}

fn clamp_to_u8(at: &mut FuncCursor<'_>, ty: Type, x: Value) -> Value {
    let (low, high) = (at.ins().iconst(ty, 0), at.ins().iconst(ty, 255));
    let x = at.ins().smax(x, low);
    let x = at.ins().smin(x, high);
    at.ins().ireduce(types::I8, x)
}
