//! Instructions of x86-64 with AVX-512 on registers that are still to be chosen.

use cranelift_codegen::ir::SourceLoc;
use cranelift_codegen::ir::condcodes::IntCC;

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Addresses and counts.
    Int,
    /// Numbers: one in the lowest lane, or as many as the width has.
    Vector,
    /// A bit for each lane.
    Mask,
}

/// A register that is still to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Reg(pub(super) u32);

/// How much of a register an instruction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// One f32.
    One,
    /// Two f32, which are only moved.
    Two,
    /// 128 bits.
    Xmm,
    /// 256 bits.
    Ymm,
    /// 512 bits.
    Zmm,
}

/// What an address begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// An address.
    Reg(Reg),
    /// The function's constants, from their first byte on.
    Pool,
}

/// An address: `base + index · scale + offset`, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mem {
    pub(super) base: Base,
    pub(super) index: Option<(Reg, u8)>,
    pub(super) offset: i32,
}

/// What an instruction does with `to`, its operands `a`, `b`, `c`, an address and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// `to` is the function's parameter.
    Entry,
    /// `to` is a number of 64 bits: `imm`.
    IntConst,
    /// `to` is the word there, of 32 (zeros above) or 64 bits.
    IntLoad { wide: bool },
    /// Writes `a` there.
    IntStore { wide: bool },
    /// `to = a op b`, or `a op imm`; of 32 bits the upper half is zero.
    Int { op: IntOp, wide: bool },
    /// The lower 32 bits of `a` with their sign.
    SignExtend,
    /// The lower 32 bits of `a`.
    ZeroExtend,
    /// `to` is what is there, above it zeros.
    Load,
    /// Writes the lanes of `a` there.
    Store,
    /// `to` has the f32 or i32 there in all lanes.
    LoadBroadcast,
    /// `to` has the lowest lane of `a` in all lanes.
    Broadcast,
    /// `to` has the lower 32 bits of the integer `a` in all lanes.
    BroadcastInt,
    /// `to = 0`.
    Zero,
    /// All bits of `to` are set.
    Ones,
    /// `to = a op b`.
    Vector(VectorOp),
    /// `to` is the integers `a` without their signs; the smallest stays.
    Abs,
    /// `to = sqrt(a)`.
    Sqrt,
    /// `to` is `a` rounded, as `imm` says.
    Round,
    /// `to` is the integers `a` as floats.
    FromInt,
    /// `to` is the floats `a` as integers, towards 0; what does not fit is the smallest.
    ToInt,
    /// `to = a · b + c`, rounded once.
    Fma,
    /// `to = b · c + a`, rounded once.
    FmaOnto,
    /// Each bit of `to` is bit `4 a + 2 b + c` of `imm`.
    Logic,
    /// `to` is `a` with all bits of the lanes in the mask `b` set.
    SetLanes,
    /// `to` is `a` with zeros in the lanes that are not in the mask `b`.
    KeepLanes,
    /// The integers `a` shifted by `imm` bits.
    Shift(ShiftOp),
    /// The mask of the lanes in which `a` and `b` compare as `imm` says.
    Compare { float: bool },
    /// `to` has `a` in the lanes of the mask `c`, in others `b`.
    Blend,
    /// `to = a op b` of masks.
    Mask(MaskOp),
    /// The other lanes.
    MaskNot,
    /// All bits of the lanes in `a` are set, the others are not.
    MaskToVector,
    /// `to` is the mask there.
    MaskLoad,
    /// Writes the mask `a` there.
    MaskStore,
    /// The bits of the mask `a` as an integer.
    MaskToInt,
    /// The lowest bits of the integer `a` as a mask.
    IntToMask,
    /// `to` has lane `imm` of `a`, one of four, in all lanes.
    Extract,
    /// The 128 bits of number `imm` of `a`.
    Part,
    /// The 32 bits of lane `imm` of `a` as an integer.
    ExtractInt,
    /// `to` is `a` but for lane `imm`, which is the lowest of `b`.
    Insert,
    /// `to` is `a` but for lane `imm`, which is the integer `b`.
    InsertInt,
    /// `to` is the lowest lane of `a`, and zeros.
    Only,
    /// The four lanes of `a` that the pairs of bits of `imm` say.
    Permute,
    /// The lanes of `a` and, after those, `b` that the lanes of `c` say.
    Choose,
    /// The lower 32 bits of the integer `a` as a lane, and zeros.
    FromWord,
}

/// An operation on integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IntOp {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
    Min,
    Max,
}

/// An operation on lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VectorOp {
    Add,
    Sub,
    Mul,
    Div,
    /// `a < b ? a : b`
    Min,
    /// `a > b ? a : b`
    Max,
    And,
    Or,
    Xor,
    IntAdd,
    IntSub,
    IntMul,
    IntMin,
    IntMax,
}

/// A shift of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShiftOp {
    Left,
    Right,
    RightSigned,
}

/// An operation on masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaskOp {
    And,
    Or,
    Xor,
}

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inst {
    pub(super) op: Op,
    pub(super) to: Option<Reg>,
    pub(super) from: [Option<Reg>; 3],
    pub(super) at: Option<Mem>,
    pub(super) imm: i64,
    pub(super) width: Width,
    pub(super) location: SourceLoc,
}

impl Inst {
    /// What it reads.
    pub(super) fn reads(&self) -> impl Iterator<Item = Reg> + use<> {
        let base = match self.at.map(|at| at.base) {
            Some(Base::Reg(base)) => Some(base),
            Some(Base::Pool) | None => None,
        };
        let index = self.at.and_then(|at| at.index).map(|(index, _)| index);
        self.from.into_iter().chain([base, index]).flatten()
    }

    /// Whether it writes `to` before it has read all operands but the first: they must be others.
    pub(super) fn writes_early(&self) -> bool {
        match self.op {
            Op::Int { op, .. } => op != IntOp::Add,
            Op::Fma | Op::FmaOnto | Op::Logic | Op::SetLanes | Op::Choose => true,
            _ => false,
        }
    }
}

/// Where control goes, with the values of the parameters there.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) block: usize,
    pub(super) arguments: Vec<Reg>,
}

/// How a block ends.
#[derive(Clone, Debug)]
pub(super) enum End {
    Return,
    Jump(Edge),
    /// If `a cc b`, or `a cc imm`, to the first.
    Branch {
        cc: Condition,
        a: Reg,
        b: Result<Reg, i32>,
        then: Edge,
        other: Edge,
    },
}

/// How two integers of 64 bits compare, by the number of the instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition(pub(super) u8);

impl Condition {
    /// That of a comparison.
    pub(super) fn of(cc: IntCC) -> Condition {
        Condition(match cc {
            IntCC::Equal => 0x4,
            IntCC::NotEqual => 0x5,
            IntCC::SignedLessThan => 0xC,
            IntCC::SignedGreaterThanOrEqual => 0xD,
            IntCC::SignedLessThanOrEqual => 0xE,
            IntCC::SignedGreaterThan => 0xF,
            IntCC::UnsignedLessThan => 0x2,
            IntCC::UnsignedGreaterThanOrEqual => 0x3,
            IntCC::UnsignedLessThanOrEqual => 0x6,
            IntCC::UnsignedGreaterThan => 0x7,
        })
    }

    /// When this one does not hold.
    pub(super) fn not(self) -> Condition {
        Condition(self.0 ^ 1)
    }
}

/// Instructions one after the other.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) parameters: Vec<Reg>,
    pub(super) body: Vec<Inst>,
    pub(super) end: End,
    pub(super) location: SourceLoc,
}

/// A function; its blocks in the order of their code.
#[derive(Clone, Debug, Default)]
pub(super) struct Code {
    pub(super) blocks: Vec<Block>,
    /// Of each register.
    pub(super) classes: Vec<Class>,
    /// Constants: bytes from a multiple of 64 on.
    pub(super) pool: Vec<u8>,
}
