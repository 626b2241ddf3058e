//! The bytes of instructions, of registers that are chosen.
//!
//! Encodings are those of the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2
//! (sections 2.2.1 on REX, 2.3 on VEX, 2.7 on EVEX, and the pages of the instructions).

use super::inst::{Condition, IntOp, MaskOp, Op, ShiftOp, VectorOp, Width};

/// Number of the stack pointer, and of the register that the function's frame is reached by.
pub(super) const STACK: u8 = 4;
pub(super) const FRAME: u8 = 5;

/// An address of registers that are chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// `None` for the constants.
    pub(super) base: Option<u8>,
    pub(super) index: Option<(u8, u8)>,
    pub(super) offset: i32,
}

/// The operand that may be in memory.
#[derive(Clone, Copy, Debug)]
enum Rm {
    Reg(u8),
    Mem(At),
}

/// Opcode maps, by their numbers.
const MAP_0F: u8 = 1;
const MAP_0F38: u8 = 2;
const MAP_0F3A: u8 = 3;

/// Prefixes that belong to opcodes, by their numbers.
const NONE: u8 = 0;
const P66: u8 = 1;
const PF3: u8 = 2;
const PF2: u8 = 3;

/// An instruction with an EVEX prefix: what its page says, and its operands.
#[derive(Clone, Copy)]
struct Evex {
    map: u8,
    prefix: u8,
    opcode: u8,
    /// Of a single number or of lanes of 128 bits 0, of 256 bits 1, of 512 bits 2.
    length: u8,
    reg: u8,
    /// 0 where there is none.
    second: u8,
    rm: Rm,
    mask: u8,
    zeros: bool,
    /// Of 64 bits.
    wide: bool,
    /// Bytes that it reads or writes.
    unit: i32,
    imm: Option<u8>,
}

impl Evex {
    fn new(map: u8, prefix: u8, opcode: u8, length: u8, reg: u8, second: u8, rm: Rm) -> Evex {
        Evex {
            map,
            prefix,
            opcode,
            length,
            reg,
            second,
            rm,
            mask: 0,
            zeros: false,
            wide: false,
            unit: 1,
            imm: None,
        }
    }

    fn imm(self, imm: i64) -> Evex {
        Evex { imm: Some(imm as u8), ..self }
    }

    fn masked(self, mask: u8) -> Evex {
        Evex { mask, ..self }
    }
}

/// An operation whose registers are chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) op: Op,
    pub(super) to: u8,
    pub(super) from: [u8; 3],
    /// Whether `b` is a register: integer operations take `imm` otherwise.
    pub(super) has_b: bool,
    pub(super) at: Option<At>,
    pub(super) imm: i64,
    pub(super) width: Width,
}

/// A place in the code that is still to be known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// Code as it grows.
#[derive(Default)]
pub(super) struct Assembler {
    bytes: Vec<u8>,
    labels: Vec<Option<usize>>,
    /// Distances to labels: where they are written.
    jumps: Vec<(usize, Label)>,
    /// Distances to constants: where they are written, the end of the instruction, the offset.
    constants: Vec<(usize, usize, i32)>,
}

impl Assembler {
    pub(super) fn position(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    pub(super) fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.bytes.len());
    }

    /// The code with its constants behind it, from a multiple of 64 on.
    pub(super) fn finish(mut self, pool: &[u8]) -> Vec<u8> {
        let start = self.bytes.len().next_multiple_of(64);
        for &(at, label) in &self.jumps {
            let target = self.labels[label.0].unwrap_or(at + 4);
            let distance = target as i64 - (at as i64 + 4);
            self.bytes[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        for &(at, after, offset) in &self.constants {
            let distance = start as i64 + i64::from(offset) - after as i64;
            self.bytes[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        if !pool.is_empty() {
            self.bytes.resize(start, 0);
            self.bytes.extend_from_slice(pool);
        }
        self.bytes
    }

    fn word(&mut self, word: i32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    /// The bytes that say which operands; `behind` bytes of the instruction follow. A distance of one
    /// byte counts in so many bytes.
    fn operands(&mut self, reg: u8, rm: Rm, unit: i32, behind: usize) {
        let reg = (reg & 7) << 3;
        match rm {
            Rm::Reg(rm) => self.bytes.push(0xC0 | reg | rm & 7),
            Rm::Mem(At { base: None, offset, .. }) => {
                self.bytes.push(reg | 5);
                let at = self.bytes.len();
                self.word(0);
                self.constants.push((at, at + 4 + behind, offset));
            }
            Rm::Mem(At { base: Some(base), index, offset }) => {
                let (base, low) = (base & 7, base & 7 == STACK);
                let short = (offset % unit == 0).then_some(offset / unit);
                let short = short.and_then(|n| i8::try_from(n).ok());
                let size = match short {
                    // That of the frame's register means another thing without a distance.
                    Some(0) if base != FRAME => 0x00,
                    Some(_) => 0x40,
                    None => 0x80,
                };
                self.bytes.push(size | reg | if index.is_some() || low { 4 } else { base });
                if let Some((index, scale)) = index {
                    self.bytes.push((scale.trailing_zeros() as u8) << 6 | (index & 7) << 3 | base);
                } else if low {
                    self.bytes.push(0x20 | base);
                }
                match (size, short) {
                    (0x00, _) => {}
                    (_, Some(n)) => self.bytes.push(n as u8),
                    (_, None) => self.word(offset),
                }
            }
        }
    }

    /// The fourth bits of the registers of `rm`: its index, and its base or itself.
    fn upper(rm: Rm) -> (u8, u8) {
        match rm {
            Rm::Reg(rm) => (rm >> 4 & 1, rm >> 3 & 1),
            Rm::Mem(at) => {
                let index = at.index.map_or(0, |(index, _)| index >> 3 & 1);
                (index, at.base.map_or(0, |base| base >> 3 & 1))
            }
        }
    }

    fn evex(&mut self, e: Evex) {
        let (x, b) = Self::upper(e.rm);
        let (reg, second) = (!e.reg, !e.second);
        self.bytes.push(0x62);
        self.bytes
            .push((reg >> 3 & 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | (reg >> 4 & 1) << 4 | e.map);
        self.bytes.push(u8::from(e.wide) << 7 | (second & 0xF) << 3 | 4 | e.prefix);
        let zeros = u8::from(e.zeros) << 7;
        self.bytes.push(zeros | e.length << 5 | (second >> 4 & 1) << 3 | e.mask);
        self.bytes.push(e.opcode);
        self.operands(e.reg, e.rm, e.unit, usize::from(e.imm.is_some()));
        self.bytes.extend(e.imm);
    }

    /// An instruction on masks with a VEX prefix, of map 0F without prefix.
    fn vex(&mut self, opcode: u8, long: bool, reg: u8, second: u8, rm: Rm) {
        let (x, b) = Self::upper(rm);
        let x = if let Rm::Reg(_) = rm { 0 } else { x };
        self.bytes.extend([
            0xC4,
            (!reg >> 3 & 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | MAP_0F,
            (!second & 0xF) << 3 | u8::from(long) << 2,
            opcode,
        ]);
        self.operands(reg, rm, 1, 0);
    }

    /// An instruction on integers.
    fn int(&mut self, wide: bool, opcode: &[u8], reg: u8, rm: Rm, behind: usize) {
        let (x, b) = Self::upper(rm);
        let x = if let Rm::Reg(_) = rm { 0 } else { x };
        let rex = 0x40 | u8::from(wide) << 3 | (reg >> 3 & 1) << 2 | x << 1 | b;
        if rex != 0x40 {
            self.bytes.push(rex);
        }
        self.bytes.extend_from_slice(opcode);
        self.operands(reg, rm, 1, behind);
    }

    pub(super) fn push(&mut self, reg: u8) {
        self.short(0x50, reg);
    }

    pub(super) fn pop(&mut self, reg: u8) {
        self.short(0x58, reg);
    }

    fn short(&mut self, opcode: u8, reg: u8) {
        if reg >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.push(opcode | reg & 7);
    }

    pub(super) fn move_int(&mut self, to: u8, from: u8) {
        self.int(true, &[0x8B], to, Rm::Reg(from), 0);
    }

    /// `to = a op imm` in place.
    pub(super) fn int_imm(&mut self, op: IntOp, wide: bool, to: u8, imm: i32) {
        let digit = match op {
            IntOp::Add => 0,
            IntOp::Or => 1,
            IntOp::And => 4,
            IntOp::Sub => 5,
            IntOp::Xor => 6,
            IntOp::Mul => {
                self.int(wide, &[0x69], to, Rm::Reg(to), 4);
                return self.word(imm);
            }
            IntOp::ShiftLeft | IntOp::ShiftRight | IntOp::ShiftRightSigned => {
                let digit = match op {
                    IntOp::ShiftLeft => 4,
                    IntOp::ShiftRight => 5,
                    _ => 7,
                };
                self.int(wide, &[0xC1], digit, Rm::Reg(to), 1);
                return self.bytes.push(imm as u8);
            }
            // Chosen for registers alone.
            IntOp::Min | IntOp::Max => unreachable!("a limit is in a register"),
        };
        self.arithmetic(wide, digit, to, imm);
    }

    /// The operation of a number on a register and a number.
    fn arithmetic(&mut self, wide: bool, digit: u8, to: u8, imm: i32) {
        match i8::try_from(imm) {
            Ok(imm) => {
                self.int(wide, &[0x83], digit, Rm::Reg(to), 1);
                self.bytes.push(imm as u8);
            }
            Err(_) => {
                self.int(wide, &[0x81], digit, Rm::Reg(to), 4);
                self.word(imm);
            }
        }
    }

    /// Compares for a jump.
    pub(super) fn compare(&mut self, a: u8, b: Result<u8, i32>) {
        match b {
            Ok(b) => self.int(true, &[0x3B], a, Rm::Reg(b), 0),
            Err(imm) => self.arithmetic(true, 7, a, imm),
        }
    }

    pub(super) fn jump(&mut self, label: Label) {
        self.bytes.push(0xE9);
        self.distance_to(label);
    }

    pub(super) fn jump_if(&mut self, cc: Condition, label: Label) {
        self.bytes.extend([0x0F, 0x80 | cc.0]);
        self.distance_to(label);
    }

    fn distance_to(&mut self, label: Label) {
        self.jumps.push((self.bytes.len(), label));
        self.word(0);
    }

    /// Ends a function whose wide registers no caller may pay for.
    pub(super) fn return_(&mut self) {
        self.bytes.push(0xC3);
    }

    pub(super) fn zero_upper(&mut self) {
        self.bytes.extend([0xC5, 0xF8, 0x77]);
    }

    /// An instruction. Of those that read operands after they have written `to`, `a` is copied first.
    pub(super) fn inst(&mut self, p: &Placed) {
        let Placed { op, to, from: [a, b, c], imm, width, .. } = *p;
        let length = match width {
            Width::One | Width::Two | Width::Xmm => 0,
            Width::Ymm => 1,
            Width::Zmm => 2,
        };
        let one = width == Width::One;
        let memory = || Rm::Mem(p.at.expect("it has an address"));
        let e = Evex::new;
        match op {
            Op::Entry => unreachable!("the parameter is copied to its place"),
            Op::IntConst => self.int_const(to, imm),
            Op::IntLoad { wide } => self.int(wide, &[0x8B], to, memory(), 0),
            Op::IntStore { wide } => self.int(wide, &[0x89], a, memory(), 0),
            Op::Int { op, wide } => self.int_op(op, wide, to, a, p.has_b.then_some(b), imm as i32),
            Op::SignExtend => self.int(true, &[0x63], to, Rm::Reg(a), 0),
            Op::ZeroExtend => self.int(false, &[0x8B], to, Rm::Reg(a), 0),
            Op::Load | Op::Store => {
                let prefix = match width {
                    Width::One => PF3,
                    Width::Two => PF2,
                    Width::Xmm | Width::Ymm | Width::Zmm => NONE,
                };
                let (opcode, reg) = if op == Op::Load { (0x10, to) } else { (0x11, a) };
                let moved = e(MAP_0F, prefix, opcode, length, reg, 0, memory());
                let unit = match width {
                    Width::One => 4,
                    Width::Two => 8,
                    Width::Xmm => 16,
                    Width::Ymm => 32,
                    Width::Zmm => 64,
                };
                self.evex(Evex { wide: width == Width::Two, unit, ..moved });
            }
            Op::LoadBroadcast => {
                let moved = e(MAP_0F38, P66, 0x18, length, to, 0, memory());
                self.evex(Evex { unit: 4, ..moved });
            }
            Op::Broadcast => self.evex(e(MAP_0F38, P66, 0x18, length, to, 0, Rm::Reg(a))),
            Op::BroadcastInt => self.evex(e(MAP_0F38, P66, 0x7C, length, to, 0, Rm::Reg(a))),
            Op::Zero => self.evex(e(MAP_0F, P66, 0xEF, 0, to, to, Rm::Reg(to))),
            Op::Ones => self.evex(e(MAP_0F3A, P66, 0x25, length, to, to, Rm::Reg(to)).imm(0xFF)),
            Op::Vector(op) => self.vector(op, width, length, to, [a, b]),
            Op::Abs => self.evex(e(MAP_0F38, P66, 0x1E, length, to, 0, Rm::Reg(a))),
            Op::Sqrt if one => self.evex(e(MAP_0F, PF3, 0x51, 0, to, a, Rm::Reg(a))),
            Op::Sqrt => self.evex(e(MAP_0F, NONE, 0x51, length, to, 0, Rm::Reg(a))),
            Op::Round if one => {
                self.evex(e(MAP_0F3A, P66, 0x0A, 0, to, a, Rm::Reg(a)).imm(imm));
            }
            Op::Round => self.evex(e(MAP_0F3A, P66, 0x08, length, to, 0, Rm::Reg(a)).imm(imm)),
            Op::FromInt => self.evex(e(MAP_0F, NONE, 0x5B, length, to, 0, Rm::Reg(a))),
            Op::ToInt => self.evex(e(MAP_0F, PF3, 0x5B, length, to, 0, Rm::Reg(a))),
            Op::Fma => {
                self.move_vector(to, a);
                let opcode = if one { 0xA9 } else { 0xA8 };
                self.evex(e(MAP_0F38, P66, opcode, length, to, b, Rm::Reg(c)));
            }
            Op::FmaOnto => {
                self.move_vector(to, a);
                let opcode = if one { 0xB9 } else { 0xB8 };
                self.evex(e(MAP_0F38, P66, opcode, length, to, b, Rm::Reg(c)));
            }
            Op::Logic => {
                self.move_vector(to, a);
                self.evex(e(MAP_0F3A, P66, 0x25, length, to, b, Rm::Reg(c)).imm(imm));
            }
            Op::SetLanes => {
                self.move_vector(to, a);
                let ones = e(MAP_0F3A, P66, 0x25, length, to, to, Rm::Reg(to)).imm(0xFF);
                self.evex(ones.masked(b));
            }
            Op::KeepLanes => {
                let moved = e(MAP_0F, NONE, 0x28, length, to, 0, Rm::Reg(a)).masked(b);
                self.evex(Evex { zeros: true, ..moved });
            }
            Op::Shift(op) => {
                let digit = match op {
                    ShiftOp::Left => 6,
                    ShiftOp::Right => 2,
                    ShiftOp::RightSigned => 4,
                };
                self.evex(e(MAP_0F, P66, 0x72, length, digit, to, Rm::Reg(a)).imm(imm));
            }
            Op::Compare { float: true } => {
                let prefix = if one { PF3 } else { NONE };
                self.evex(e(MAP_0F, prefix, 0xC2, length, to, a, Rm::Reg(b)).imm(imm));
            }
            Op::Compare { float: false } => {
                self.evex(e(MAP_0F3A, P66, 0x1F, length, to, a, Rm::Reg(b)).imm(imm));
            }
            Op::Blend => {
                self.evex(e(MAP_0F38, P66, 0x65, length, to, b, Rm::Reg(a)).masked(c));
            }
            Op::Mask(op) => {
                let opcode = match op {
                    MaskOp::And => 0x41,
                    MaskOp::Or => 0x45,
                    MaskOp::Xor => 0x47,
                };
                self.vex(opcode, true, to, a, Rm::Reg(b));
            }
            Op::MaskNot => self.vex(0x44, false, to, 0, Rm::Reg(a)),
            Op::MaskToVector => self.evex(e(MAP_0F38, PF3, 0x38, length, to, 0, Rm::Reg(a))),
            Op::MaskToInt => self.vex(0x93, false, to, 0, Rm::Reg(a)),
            Op::IntToMask => self.vex(0x92, false, to, 0, Rm::Reg(a)),
            Op::MaskLoad => self.vex(0x90, false, to, 0, memory()),
            Op::MaskStore => self.vex(0x91, false, a, 0, memory()),
            Op::Extract => {
                self.evex(e(MAP_0F3A, P66, 0x04, 0, to, 0, Rm::Reg(a)).imm(0x55 * imm));
            }
            Op::Permute => self.evex(e(MAP_0F3A, P66, 0x04, 0, to, 0, Rm::Reg(a)).imm(imm)),
            Op::Part => {
                self.evex(e(MAP_0F3A, P66, 0x19, length, a, 0, Rm::Reg(to)).imm(imm));
            }
            Op::ExtractInt => self.evex(e(MAP_0F3A, P66, 0x16, 0, a, 0, Rm::Reg(to)).imm(imm)),
            Op::Insert => self.evex(e(MAP_0F3A, P66, 0x21, 0, to, a, Rm::Reg(b)).imm(imm << 4)),
            Op::InsertInt => self.evex(e(MAP_0F3A, P66, 0x22, 0, to, a, Rm::Reg(b)).imm(imm)),
            Op::Only => self.evex(e(MAP_0F3A, P66, 0x21, 0, to, a, Rm::Reg(a)).imm(0xE)),
            Op::Choose => {
                self.move_vector(to, a);
                self.evex(e(MAP_0F38, P66, 0x7F, 0, to, c, Rm::Reg(b)));
            }
            Op::FromWord => self.evex(e(MAP_0F, P66, 0x6E, 0, to, 0, Rm::Reg(a))),
        }
    }

    fn vector(&mut self, op: VectorOp, width: Width, length: u8, to: u8, [a, b]: [u8; 2]) {
        let float = if width == Width::One { PF3 } else { NONE };
        let (map, prefix, opcode) = match op {
            VectorOp::Add => (MAP_0F, float, 0x58),
            VectorOp::Mul => (MAP_0F, float, 0x59),
            VectorOp::Sub => (MAP_0F, float, 0x5C),
            VectorOp::Min => (MAP_0F, float, 0x5D),
            VectorOp::Div => (MAP_0F, float, 0x5E),
            VectorOp::Max => (MAP_0F, float, 0x5F),
            VectorOp::And => (MAP_0F, P66, 0xDB),
            VectorOp::Or => (MAP_0F, P66, 0xEB),
            VectorOp::Xor => (MAP_0F, P66, 0xEF),
            VectorOp::IntAdd => (MAP_0F, P66, 0xFE),
            VectorOp::IntSub => (MAP_0F, P66, 0xFA),
            VectorOp::IntMul => (MAP_0F38, P66, 0x40),
            VectorOp::IntMin => (MAP_0F38, P66, 0x39),
            VectorOp::IntMax => (MAP_0F38, P66, 0x3D),
        };
        self.evex(Evex::new(map, prefix, opcode, length, to, a, Rm::Reg(b)));
    }

    /// Copies a whole register of lanes, if it is another one.
    pub(super) fn move_vector(&mut self, to: u8, from: u8) {
        if to != from {
            self.evex(Evex::new(MAP_0F, NONE, 0x28, 2, to, 0, Rm::Reg(from)));
        }
    }

    pub(super) fn move_mask(&mut self, to: u8, from: u8) {
        self.vex(0x90, false, to, 0, Rm::Reg(from));
    }

    fn int_const(&mut self, to: u8, value: i64) {
        if let Ok(value) = u32::try_from(value) {
            self.short_rex(false, to);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.int(true, &[0xC7], 0, Rm::Reg(to), 4);
            self.word(value);
        } else {
            self.short_rex(true, to);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn short_rex(&mut self, wide: bool, to: u8) {
        let rex = 0x40 | u8::from(wide) << 3 | to >> 3 & 1;
        if rex != 0x40 {
            self.bytes.push(rex);
        }
        self.bytes.push(0xB8 | to & 7);
    }

    fn int_op(&mut self, op: IntOp, wide: bool, to: u8, a: u8, b: Option<u8>, imm: i32) {
        let Some(b) = b else {
            match op {
                IntOp::Add if wide && to != a => {
                    let at = At { base: Some(a), index: None, offset: imm };
                    self.int(true, &[0x8D], to, Rm::Mem(at), 0);
                }
                IntOp::Mul => {
                    self.int(wide, &[0x69], to, Rm::Reg(a), 4);
                    self.word(imm);
                }
                _ => {
                    if to != a {
                        self.move_int(to, a);
                    }
                    self.int_imm(op, wide, to, imm);
                }
            }
            return;
        };
        let opcode: &[u8] = match op {
            IntOp::Add => {
                let at = At { base: Some(a), index: Some((b, 1)), offset: 0 };
                return self.int(wide, &[0x8D], to, Rm::Mem(at), 0);
            }
            IntOp::Min | IntOp::Max => {
                if to != a {
                    self.move_int(to, a);
                }
                self.int(wide, &[0x3B], to, Rm::Reg(b), 0);
                // Takes `b` if `a` is greater, or less.
                let opcode = if op == IntOp::Min { 0x4F } else { 0x4C };
                return self.int(wide, &[0x0F, opcode], to, Rm::Reg(b), 0);
            }
            IntOp::Sub => &[0x2B],
            IntOp::Mul => &[0x0F, 0xAF],
            IntOp::And => &[0x23],
            IntOp::Or => &[0x0B],
            IntOp::Xor => &[0x33],
            IntOp::ShiftLeft | IntOp::ShiftRight | IntOp::ShiftRightSigned => {
                unreachable!("a shift is by a number")
            }
        };
        if to != a {
            self.move_int(to, a);
        }
        self.int(wide, opcode, to, Rm::Reg(b), 0);
    }
}

#[cfg(all(test, feature = "inspect"))]
mod tests;
