//! Instructions for what is computed, of numbers and lanes.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstructionData, Opcode, types};

use super::inst::{Class, IntOp, MaskOp, Op, Reg, ShiftOp, VectorOp, Width};
use super::parts::Extreme;
use super::select::{Result, Selector, no, width_of};

impl Selector<'_> {
    pub(super) fn splat(&mut self, inst: ir::Inst) -> Result<()> {
        let x = self.argument(inst, 0);
        let y = match self.type_of(x) {
            types::F32 => {
                let (x, width) = (self.vector(x)?, self.width(inst)?);
                self.vector_op(Op::Broadcast, &[x], 0, width)
            }
            types::I32 => {
                let (x, width) = (self.int(x)?, self.width(inst)?);
                self.vector_op(Op::BroadcastInt, &[x], 0, width)
            }
            // Both halves of a register, of two lanes each.
            types::F64 if self.result_type(inst) == types::F64X2 => {
                let x = self.vector(x)?;
                self.vector_op(Op::Permute, &[x], 0x44, Width::Xmm)
            }
            ty => return no(format!("splat of {ty}")),
        };
        self.bind(inst, y);
        Ok(())
    }

    pub(super) fn bitcast(&mut self, inst: ir::Inst) -> Result<()> {
        let x = self.argument(inst, 0);
        let y = match (self.type_of(x), self.result_type(inst)) {
            (types::I32, types::F32) => {
                let x = self.int(x)?;
                self.vector_op(Op::FromWord, &[x], 0, Width::Xmm)
            }
            (types::F32, types::I32) => {
                let x = self.vector(x)?;
                self.make(Op::ExtractInt, Class::Int, &[x], 0, Width::Xmm)
            }
            // A part of a wider one, or a vector of parts.
            (a, b) if a.lane_type() == types::F128 || b.lane_type() == types::F128 => {
                self.vector(x)?
            }
            (a, b) if a.is_vector() && b.is_vector() => self.any(x)?,
            (a, b) => return no(format!("bits of {a} as {b}")),
        };
        self.bind(inst, y);
        Ok(())
    }

    pub(super) fn comparison(&mut self, inst: ir::Inst) -> Result<()> {
        let [a, b] = [self.argument(inst, 0), self.argument(inst, 1)];
        let ty = self.type_of(a);
        let mask = match self.func.dfg.insts[inst] {
            InstructionData::FloatCompare { cond, .. } => {
                let (a, b) = (self.vector(a)?, self.vector(b)?);
                let op = Op::Compare { float: true };
                self.make(op, Class::Mask, &[a, b], float_predicate(cond)?, width_of(ty)?)
            }
            InstructionData::IntCompare { cond, .. } => {
                let (a, b, width) = match ty {
                    types::I32 => {
                        let (a, b) = (self.int(a)?, self.int(b)?);
                        let a = self.vector_op(Op::FromWord, &[a], 0, Width::Xmm);
                        let b = self.vector_op(Op::FromWord, &[b], 0, Width::Xmm);
                        (a, b, Width::Xmm)
                    }
                    _ if ty.is_vector() && ty.lane_type() == types::I32 => {
                        (self.vector(a)?, self.vector(b)?, width_of(ty)?)
                    }
                    _ => return no(format!("a comparison of {ty}")),
                };
                let op = Op::Compare { float: false };
                self.make(op, Class::Mask, &[a, b], int_predicate(cond)?, width)
            }
            _ => return no("a comparison of another kind"),
        };
        self.bind(inst, mask);
        Ok(())
    }

    pub(super) fn choice(&mut self, inst: ir::Inst) -> Result<()> {
        if let Some(Extreme { op, a, b, .. }) = self.extreme(inst) {
            let (a, b, width) = (self.vector(a)?, self.vector(b)?, self.width(inst)?);
            let y = self.vector_op(Op::Vector(op), &[a, b], 0, width);
            self.bind(inst, y);
            return Ok(());
        }
        let [condition, yes, no_] = [0, 1, 2].map(|n| self.argument(inst, n));
        let ty = self.result_type(inst);
        if ty.is_int() && !ty.is_vector() {
            if ty != types::I32 {
                return no(format!("a choice of {ty}"));
            }
            let (yes, no_, mask) = (self.int(yes)?, self.int(no_)?, self.mask(condition)?);
            let [yes, no_] = [yes, no_].map(|x| self.vector_op(Op::FromWord, &[x], 0, Width::Xmm));
            let y = self.vector_op(Op::Blend, &[yes, no_, mask], 0, Width::Xmm);
            let y = self.make(Op::ExtractInt, Class::Int, &[y], 0, Width::Xmm);
            self.bind(inst, y);
            return Ok(());
        }
        let is_mask = match self.regs.get(&self.func.dfg.resolve_aliases(condition)) {
            Some(&reg) => self.class(reg) != Class::Vector,
            None => true,
        };
        let (yes, no_) = (self.vector(yes)?, self.vector(no_)?);
        let y = if is_mask {
            let mask = self.mask(condition)?;
            let width = match self.width(inst)? {
                Width::One => Width::Xmm,
                width => width,
            };
            self.vector_op(Op::Blend, &[yes, no_, mask], 0, width)
        } else {
            let condition = self.vector(condition)?;
            let width = self.width(inst)?;
            self.vector_op(Op::Logic, &[condition, yes, no_], 0xCA, width)
        };
        self.bind(inst, y);
        Ok(())
    }

    /// And, or and exclusive or of whatever they are of.
    pub(super) fn logic(&mut self, inst: ir::Inst) -> Result<()> {
        let opcode = self.func.dfg.insts[inst].opcode();
        let [a, b] = [self.argument(inst, 0), self.argument(inst, 1)];
        let ty = self.result_type(inst);
        let op = match opcode {
            Opcode::Band => MaskOp::And,
            Opcode::Bor => MaskOp::Or,
            _ => MaskOp::Xor,
        };
        if ty == types::I64 || ty == types::I32 {
            return self.int_inst(inst);
        }
        if ty == types::I8 {
            // Not, of one.
            if opcode == Opcode::Bxor && self.number(b) == Some(1) {
                let a = self.mask(a)?;
                let y = self.make(Op::MaskNot, Class::Mask, &[a], 0, Width::One);
                self.bind(inst, y);
                return Ok(());
            }
            let (a, b) = (self.mask(a)?, self.mask(b)?);
            let y = self.make(Op::Mask(op), Class::Mask, &[a, b], 0, Width::One);
            self.bind(inst, y);
            return Ok(());
        }
        let width = width_of(ty)?;
        let regs = [self.any(a)?, self.any(b)?];
        let y = match (regs.map(|reg| self.class(reg)), op) {
            ([Class::Mask, Class::Mask], op) => {
                self.make(Op::Mask(op), Class::Mask, &regs, 0, Width::One)
            }
            ([Class::Vector, Class::Mask], MaskOp::Or) => {
                self.vector_op(Op::SetLanes, &regs, 0, width)
            }
            ([Class::Mask, Class::Vector], MaskOp::Or) => {
                self.vector_op(Op::SetLanes, &[regs[1], regs[0]], 0, width)
            }
            ([Class::Vector, Class::Mask], MaskOp::And) => {
                self.vector_op(Op::KeepLanes, &regs, 0, width)
            }
            ([Class::Mask, Class::Vector], MaskOp::And) => {
                self.vector_op(Op::KeepLanes, &[regs[1], regs[0]], 0, width)
            }
            (_, op) => {
                let (a, b) = (self.vector(a)?, self.vector(b)?);
                let op = match op {
                    MaskOp::And => VectorOp::And,
                    MaskOp::Or => VectorOp::Or,
                    MaskOp::Xor => VectorOp::Xor,
                };
                self.vector_op(Op::Vector(op), &[a, b], 0, width)
            }
        };
        self.bind(inst, y);
        Ok(())
    }

    /// Lanes that change places.
    pub(super) fn lanes(&mut self, inst: ir::Inst) -> Result<()> {
        let x = self.argument(inst, 0);
        let y = match self.func.dfg.insts[inst] {
            InstructionData::BinaryImm8 { imm: lane, .. } => {
                let a = self.vector(x)?;
                let lane = i64::from(lane);
                match self.type_of(x) {
                    types::F32X4 if lane == 0 => a,
                    types::F32X4 => self.vector_op(Op::Extract, &[a], lane, Width::Xmm),
                    types::I32X4 => self.make(Op::ExtractInt, Class::Int, &[a], lane, Width::Xmm),
                    types::F64X2 if lane == 0 => a,
                    types::F128X4 => self.vector_op(Op::Part, &[a], lane, Width::Zmm),
                    types::F128X2 => self.vector_op(Op::Part, &[a], lane, Width::Ymm),
                    ty => return no(format!("a lane of {ty}")),
                }
            }
            InstructionData::TernaryImm8 { imm: lane, .. } => {
                let a = self.vector(x)?;
                let b = self.argument(inst, 1);
                match self.type_of(x) {
                    types::F32X4 => {
                        let b = self.vector(b)?;
                        self.vector_op(Op::Insert, &[a, b], lane.into(), Width::Xmm)
                    }
                    types::I32X4 => {
                        let b = self.int(b)?;
                        self.vector_op(Op::InsertInt, &[a, b], lane.into(), Width::Xmm)
                    }
                    ty => return no(format!("a lane of {ty}")),
                }
            }
            InstructionData::Shuffle { imm, .. } => {
                let bytes = self.func.dfg.immediates[imm].as_slice();
                let words: Option<Vec<u32>> = bytes
                    .chunks(4)
                    .map(|w| {
                        let is_word = w[0] % 4 == 0 && (1..4).all(|i| w[i] == w[0] + i as u8);
                        is_word.then_some(u32::from(w[0] / 4))
                    })
                    .collect();
                let Some(words) = words else { return no("a shuffle of bytes") };
                let (a, b) = (self.vector(x)?, self.vector(self.argument(inst, 1))?);
                let order: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
                if a == b || words.iter().all(|&w| w < 4) {
                    let imm = words.iter().rev().fold(0, |imm, w| imm << 2 | i64::from(w % 4));
                    self.vector_op(Op::Permute, &[a], imm, Width::Xmm)
                } else {
                    let order = self.constant(&order, Width::Xmm);
                    self.vector_op(Op::Choose, &[a, b, order], 0, Width::Xmm)
                }
            }
            _ => match self.type_of(x) {
                types::F32 => {
                    let a = self.vector(x)?;
                    self.vector_op(Op::Only, &[a], 0, Width::Xmm)
                }
                types::I32 => {
                    let a = self.int(x)?;
                    self.vector_op(Op::FromWord, &[a], 0, Width::Xmm)
                }
                ty => return no(format!("lanes of one {ty}")),
            },
        };
        self.bind(inst, y);
        Ok(())
    }

    pub(super) fn int_inst(&mut self, inst: ir::Inst) -> Result<()> {
        let opcode = self.func.dfg.insts[inst].opcode();
        let ty = self.result_type(inst);
        let wide = match ty {
            types::I64 => true,
            types::I32 => false,
            _ => return no(format!("{opcode} of {ty}")),
        };
        let a = self.argument(inst, 0);
        let op = match opcode {
            Opcode::Sextend if self.type_of(a) == types::I32 => {
                let a = self.int(a)?;
                let y = self.make(Op::SignExtend, Class::Int, &[a], 0, Width::One);
                self.bind(inst, y);
                return Ok(());
            }
            Opcode::FcvtToSintSat if self.type_of(a) == types::F32 => {
                let a = self.vector(a)?;
                let y = self.saturated(a, Width::Xmm);
                let y = self.make(Op::ExtractInt, Class::Int, &[y], 0, Width::Xmm);
                self.bind(inst, y);
                return Ok(());
            }
            Opcode::Ineg => {
                let (a, op) = (self.int(a)?, Op::Int { op: IntOp::Mul, wide });
                let y = self.make(op, Class::Int, &[a], -1, Width::One);
                self.bind(inst, y);
                return Ok(());
            }
            // One, or a bool as one.
            Opcode::Uextend if matches!(self.type_of(a), types::I32 | types::I8) => {
                let a = self.int(a)?;
                let y = self.make(Op::ZeroExtend, Class::Int, &[a], 0, Width::One);
                self.bind(inst, y);
                return Ok(());
            }
            Opcode::Ireduce if self.type_of(a) == types::I64 => {
                let a = self.int(a)?;
                let y = self.make(Op::ZeroExtend, Class::Int, &[a], 0, Width::One);
                self.bind(inst, y);
                return Ok(());
            }
            Opcode::Iadd => IntOp::Add,
            Opcode::Isub => IntOp::Sub,
            Opcode::Imul => IntOp::Mul,
            Opcode::Band => IntOp::And,
            Opcode::Bor => IntOp::Or,
            Opcode::Bxor => IntOp::Xor,
            Opcode::Ishl => IntOp::ShiftLeft,
            Opcode::Ushr => IntOp::ShiftRight,
            Opcode::Sshr => IntOp::ShiftRightSigned,
            Opcode::Smin => IntOp::Min,
            Opcode::Smax => IntOp::Max,
            _ => return no(format!("{opcode} of {ty}")),
        };
        let mut operands = [a, self.argument(inst, 1)];
        let commutes = !matches!(
            op,
            IntOp::Sub | IntOp::ShiftLeft | IntOp::ShiftRight | IntOp::ShiftRightSigned
        );
        if commutes && self.number(operands[0]).is_some() {
            operands.swap(0, 1);
        }
        let [a, b] = operands;
        let limit = matches!(op, IntOp::Min | IntOp::Max);
        let shift = matches!(op, IntOp::ShiftLeft | IntOp::ShiftRight | IntOp::ShiftRightSigned);
        let imm = self.number(b).and_then(|n| i32::try_from(n).ok()).filter(|_| !limit);
        let a = self.int(a)?;
        let y = match imm {
            Some(imm) => self.make(Op::Int { op, wide }, Class::Int, &[a], imm.into(), Width::One),
            None if shift => return no("a shift by a value"),
            None => {
                let b = self.int(b)?;
                self.make(Op::Int { op, wide }, Class::Int, &[a, b], 0, Width::One)
            }
        };
        self.bind(inst, y);
        Ok(())
    }

    /// What is computed of numbers, one or in lanes.
    pub(super) fn arithmetic(&mut self, inst: ir::Inst) -> Result<()> {
        let opcode = self.func.dfg.insts[inst].opcode();
        let ty = self.result_type(inst);
        if ty.lane_type() != types::F32 && ty.lane_type() != types::I32 {
            return no(format!("{opcode} of {ty}"));
        }
        let width = width_of(ty)?;
        let n = self.func.dfg.inst_args(inst).len();
        let shift = match opcode {
            Opcode::Ishl => Some(ShiftOp::Left),
            Opcode::Ushr => Some(ShiftOp::Right),
            Opcode::Sshr => Some(ShiftOp::RightSigned),
            _ => None,
        };
        if let Some(op) = shift {
            let Some(by) = self.number(self.argument(inst, 1)) else {
                return no("a shift by a value");
            };
            let a = self.vector(self.argument(inst, 0))?;
            let y = self.vector_op(Op::Shift(op), &[a], by & 31, width);
            self.bind(inst, y);
            return Ok(());
        }
        if opcode == Opcode::FcvtFromSint && ty == types::F32 {
            let a = self.argument(inst, 0);
            if self.type_of(a) != types::I32 {
                return no("a float of 64 bits");
            }
            let a = self.int(a)?;
            let a = self.vector_op(Op::FromWord, &[a], 0, Width::Xmm);
            let y = self.vector_op(Op::FromInt, &[a], 0, Width::Xmm);
            self.bind(inst, y);
            return Ok(());
        }
        let mut x = vec![];
        for i in 0..n {
            x.push(self.vector(self.argument(inst, i))?);
        }
        let float = ty.lane_type() == types::F32;
        let sign = |selector: &mut Self, bits: u32| {
            let bytes = bits.to_le_bytes().repeat(ty.bytes().max(16) as usize / 4);
            let width = if width == Width::One { Width::Xmm } else { width };
            (selector.constant(&bytes, width), width)
        };
        let y = match opcode {
            Opcode::Fadd => self.vector_op(Op::Vector(VectorOp::Add), &x, 0, width),
            Opcode::Fsub => self.vector_op(Op::Vector(VectorOp::Sub), &x, 0, width),
            Opcode::Fmul => self.vector_op(Op::Vector(VectorOp::Mul), &x, 0, width),
            Opcode::Fdiv => self.vector_op(Op::Vector(VectorOp::Div), &x, 0, width),
            Opcode::Iadd => self.vector_op(Op::Vector(VectorOp::IntAdd), &x, 0, width),
            Opcode::Isub => self.vector_op(Op::Vector(VectorOp::IntSub), &x, 0, width),
            Opcode::Imul => self.vector_op(Op::Vector(VectorOp::IntMul), &x, 0, width),
            Opcode::Smin => self.vector_op(Op::Vector(VectorOp::IntMin), &x, 0, width),
            Opcode::Smax => self.vector_op(Op::Vector(VectorOp::IntMax), &x, 0, width),
            // A sum that a loop carries stays where it is.
            Opcode::Fma if self.made_by(self.argument(inst, 2)).is_none() => {
                self.vector_op(Op::FmaOnto, &[x[2], x[0], x[1]], 0, width)
            }
            Opcode::Fma => self.vector_op(Op::Fma, &x, 0, width),
            Opcode::Sqrt => self.vector_op(Op::Sqrt, &x, 0, width),
            // Without a signal for what is inexact.
            Opcode::Nearest => self.vector_op(Op::Round, &x, 0x08, width),
            Opcode::Floor => self.vector_op(Op::Round, &x, 0x09, width),
            Opcode::Ceil => self.vector_op(Op::Round, &x, 0x0A, width),
            Opcode::Fabs if float => {
                let (mask, width) = sign(self, 0x7FFF_FFFF);
                self.vector_op(Op::Vector(VectorOp::And), &[x[0], mask], 0, width)
            }
            Opcode::Fneg if float => {
                let (mask, width) = sign(self, 0x8000_0000);
                self.vector_op(Op::Vector(VectorOp::Xor), &[x[0], mask], 0, width)
            }
            Opcode::Iabs => self.vector_op(Op::Abs, &x, 0, width),
            Opcode::Ineg => {
                let zero = self.vector_op(Op::Zero, &[], 0, Width::Xmm);
                self.vector_op(Op::Vector(VectorOp::IntSub), &[zero, x[0]], 0, width)
            }
            Opcode::FcvtFromSint => self.vector_op(Op::FromInt, &x, 0, width),
            Opcode::FcvtToSintSat if width != Width::One => self.saturated(x[0], width),
            _ => return no(format!("{opcode} of {ty}")),
        };
        self.bind(inst, y);
        Ok(())
    }

    /// Floats as integers: the nearest that there is, and 0 for a NaN.
    pub(super) fn saturated(&mut self, x: Reg, width: Width) -> Reg {
        let bytes = |bits: u32| bits.to_le_bytes().repeat(16);
        // The instruction gives the smallest integer for what does not fit.
        let limit = self.constant(&bytes(2_147_483_648.0f32.to_bits()), width);
        let largest = self.constant(&bytes(i32::MAX as u32), width);
        let compare = Op::Compare { float: true };
        let ordered = self.make(compare, Class::Mask, &[x, x], 7, width);
        let beyond = self.make(compare, Class::Mask, &[x, limit], 0x1D, width);
        let y = self.vector_op(Op::ToInt, &[x], 0, width);
        let y = self.vector_op(Op::KeepLanes, &[y, ordered], 0, width);
        self.vector_op(Op::Blend, &[largest, y, beyond], 0, width)
    }
}

/// The number of a comparison of floats, of those that signal nothing.
fn float_predicate(cc: FloatCC) -> Result<i64> {
    Ok(match cc {
        FloatCC::Equal => 0x00,
        FloatCC::LessThan => 0x11,
        FloatCC::LessThanOrEqual => 0x12,
        FloatCC::Unordered => 0x03,
        FloatCC::NotEqual => 0x04,
        FloatCC::UnorderedOrGreaterThanOrEqual => 0x15,
        FloatCC::UnorderedOrGreaterThan => 0x16,
        FloatCC::Ordered => 0x07,
        FloatCC::UnorderedOrEqual => 0x08,
        FloatCC::UnorderedOrLessThan => 0x19,
        FloatCC::UnorderedOrLessThanOrEqual => 0x1A,
        FloatCC::OrderedNotEqual => 0x0C,
        FloatCC::GreaterThanOrEqual => 0x1D,
        FloatCC::GreaterThan => 0x1E,
    })
}

/// The number of a comparison of signed integers.
fn int_predicate(cc: IntCC) -> Result<i64> {
    Ok(match cc {
        IntCC::Equal => 0,
        IntCC::SignedLessThan => 1,
        IntCC::SignedLessThanOrEqual => 2,
        IntCC::NotEqual => 4,
        IntCC::SignedGreaterThanOrEqual => 5,
        IntCC::SignedGreaterThan => 6,
        _ => return no(format!("lanes compared by {cc}")),
    })
}
