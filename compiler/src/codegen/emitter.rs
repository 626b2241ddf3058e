//! The state of the emission of one kernel: the function, the loops around the place where code is
//! added, and what is known there.
//!
//! Code is added at a **level**: level 0 is the function's entry, every loop (and every region
//! that runs under a condition) is one more. Code of an outer level is inserted before the jump
//! into the next loop, so what does not change in a loop is computed before it; each level
//! remembers what was computed there. Values are numbered: the same operation on the same values
//! is one instruction.

use std::rc::Rc;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{
    Block, BlockArg, ConstantData, Endianness, Function, Inst, InstBuilder, MemFlagsData, Type,
    Value, types,
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::error::CodegenError;
use super::origins::location;
use super::outlined::Outlined;
use super::pressure::CONSTANTS;
use crate::ir::{AxisId, DType, Expr, ExprId, OriginId, Origins, PlaceId, VarId};
use crate::loop_ir::Kernel;

/// A value of one element, or of one element a lane.
#[derive(Clone, Debug)]
pub(super) enum Val {
    /// A number: made where it is used.
    Const(u64),
    /// The same in all lanes; a bool is 0 or 1 in 8 bits.
    One(Value),
    /// 128-bit registers of lanes. A bool is a mask as wide as the type that was compared; a `u8`
    /// is 32 bits wide, the upper ones zero.
    Many(Rc<[Value]>),
}

/// A value, the level from which on it is there, and the memories that it was read from.
#[derive(Clone, Debug)]
pub(super) struct Emitted {
    pub(super) val: Val,
    pub(super) level: usize,
    pub(super) reads: Places,
}

/// A set of memories; numbers modulo 64, so it may hold more than was put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(u128);

impl Places {
    pub(super) fn of(place: PlaceId) -> Places {
        match place {
            PlaceId::Buffer(b) => Places(1 << (b % 64)),
            PlaceId::Local(l) => Places(1 << (64 + l % 64)),
        }
    }

    pub(super) fn with(self, other: Places) -> Places {
        Places(self.0 | other.0)
    }

    fn meets(self, other: Places) -> bool {
        self.0 & other.0 != 0
    }
}

/// An integer: of a loop's count, a position, a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Int {
    Const(i64),
    Value(Value, usize),
}

/// What value numbering tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum IntOp {
    Add,
    Sub,
    Mul,
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
    And,
    Divide,
    Min,
    Max,
    SignExtend,
    ZeroExtend,
}

#[derive(Default)]
struct Level {
    /// The jump into it; `None` for what runs in line.
    entry: Option<Inst>,
    /// Whether it is a loop.
    repeats: bool,
    constants_in_registers: usize,
    exprs: FxHashMap<ExprId, Emitted>,
    numbered: FxHashMap<(IntOp, Value, Option<Value>, i64), Value>,
    constants: FxHashMap<(Type, Bytes), Value>,
    splats: FxHashMap<(Type, Value), Value>,
    places: FxHashMap<PlaceId, Value>,
}

/// The vector loop that is emitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    pub(super) axis: AxisId,
    pub(super) n: usize,
    /// The lane of the loop that is the first of them.
    pub(super) first: usize,
}

pub(super) struct Emitter<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) func: Function,
    pub(super) block: Block,
    levels: Vec<Level>,
    pub(super) lanes: Option<Lanes>,
    pub(super) axes: FxHashMap<AxisId, Int>,
    pub(super) vars: FxHashMap<VarId, Emitted>,
    pub(super) frame: Value,
    pub(super) args: Value,
    pub(super) scratch: Value,
    pub(super) local_offsets: Vec<usize>,
    /// The sets of nodes that code is for.
    pub(super) origins: Origins,
    /// That of what is added.
    origin: OriginId,
    /// Whose values are used by whom: one instruction may do both, as one that reads memory.
    pub(super) uses: FxHashSet<(OriginId, OriginId)>,
    /// The origin of each variable's value.
    bound_for: FxHashMap<VarId, OriginId>,
    /// What the machine has.
    pub(super) machine: Machine,
    /// The runs of loops that are functions of their own.
    pub(super) outlined: Outlined,
}

/// What the code generator's input may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// Whether there are comparisons of lanes that also hold where one is NaN.
    pub(super) compares_unordered: bool,
    /// Bytes of a register of lanes, and how many constants a loop keeps in registers.
    pub(super) register: u32,
    pub(super) constants: usize,
    /// So many iterations of a vector loop are written out.
    pub(super) unrolled: i64,
}

impl Machine {
    /// Vectors of 512 bits, of which there are 32.
    pub(super) const WIDE: Machine =
        Machine { compares_unordered: true, register: 64, constants: 20, unrolled: 4 };

    /// Vectors of 128 bits.
    pub(super) fn narrow(compares_unordered: bool) -> Machine {
        Machine { compares_unordered, register: 16, constants: CONSTANTS, unrolled: 1 }
    }
}

/// The bytes of a register that all have the same lanes, or of the longest register.
pub(super) type Bytes = [u8; 64];

/// The flags of every access to data: in bounds, at any alignment.
pub(super) fn data() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// The flags of a bitcast.
pub(super) fn little() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

impl<'a> Emitter<'a> {
    /// An emitter at the entry of a function; returns also its parameters.
    pub(super) fn new<const N: usize>(
        kernel: &'a Kernel,
        mut func: Function,
        machine: Machine,
    ) -> (Emitter<'a>, [Value; N]) {
        let block = func.dfg.make_block();
        func.layout.append_block(block);
        let parameters = [(); N].map(|()| func.dfg.append_block_param(block, types::I64));
        let emitter = Emitter {
            kernel,
            func,
            block,
            levels: vec![Level::default()],
            lanes: None,
            axes: FxHashMap::default(),
            vars: FxHashMap::default(),
            frame: parameters[0],
            args: parameters[1.min(N - 1)],
            scratch: parameters[N - 1],
            local_offsets: kernel.scratch_layout().0,
            origins: kernel.exprs.origins().clone(),
            origin: OriginId::default(),
            uses: FxHashSet::default(),
            bound_for: FxHashMap::default(),
            machine,
            outlined: Outlined::default(),
        };
        (emitter, parameters)
    }

    /// The innermost level.
    pub(super) fn here(&self) -> usize {
        self.levels.len() - 1
    }

    /// Adds code for these nodes from now on; returns for which before.
    pub(super) fn serve(&mut self, origin: OriginId) -> OriginId {
        std::mem::replace(&mut self.origin, origin)
    }

    /// Notes that a value is used by what code is added for.
    pub(super) fn uses(&mut self, id: ExprId) {
        let exprs = &self.kernel.exprs;
        let of = match exprs.expr(id) {
            Expr::Var(var, _) => self.bound_for.get(var).copied().unwrap_or_default(),
            _ => exprs.origin_of(id),
        };
        if of != self.origin {
            self.uses.insert((of, self.origin));
        }
    }

    /// Binds a value, which stays as it is whatever is written to where it came from.
    pub(super) fn bind(&mut self, var: VarId, value: Emitted) {
        self.bound_for.insert(var, self.origin);
        self.vars.insert(var, Emitted { reads: Places::default(), ..value });
    }

    /// Where code of a level is added.
    pub(super) fn at(&mut self, level: usize) -> FuncCursor<'_> {
        let entry = self.levels[level + 1..].iter().find_map(|l| l.entry);
        let cursor = FuncCursor::new(&mut self.func).with_srcloc(location(self.origin));
        match entry {
            Some(inst) => cursor.at_inst(inst),
            None => cursor.at_bottom(self.block),
        }
    }

    /// Where code of the innermost level is added.
    pub(super) fn ins(&mut self) -> FuncCursor<'_> {
        let cursor = FuncCursor::new(&mut self.func).with_srcloc(location(self.origin));
        cursor.at_bottom(self.block)
    }

    pub(super) fn type_of(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    /// Begins a loop that is entered by `entry`, or, if not `repeats`, what runs once.
    pub(super) fn enter(&mut self, entry: Option<Inst>, repeats: bool) {
        self.levels.push(Level { entry, repeats, ..Level::default() });
    }

    /// Ends the innermost level.
    pub(super) fn leave(&mut self) {
        self.levels.pop();
    }

    /// A new block at the end of the function, with parameters of these types.
    pub(super) fn new_block(&mut self, parameters: &[Type]) -> (Block, Vec<Value>) {
        let block = self.func.dfg.make_block();
        self.func.layout.append_block(block);
        let values = parameters.iter().map(|&t| self.func.dfg.append_block_param(block, t));
        let values = values.collect();
        (block, values)
    }

    /// Jumps from here to a block.
    pub(super) fn jump(&mut self, block: Block, arguments: &[Value]) -> Inst {
        let arguments: Vec<BlockArg> = arguments.iter().map(|&v| BlockArg::Value(v)).collect();
        self.ins().ins().jump(block, &arguments)
    }

    /// Jumps from here to one of two blocks.
    pub(super) fn branch(
        &mut self,
        condition: Value,
        (then, then_arguments): (Block, &[Value]),
        (other, other_arguments): (Block, &[Value]),
    ) -> Inst {
        let arguments = |values: &[Value]| -> Vec<BlockArg> {
            values.iter().map(|&v| BlockArg::Value(v)).collect()
        };
        let (a, b) = (arguments(then_arguments), arguments(other_arguments));
        self.ins().ins().brif(condition, then, &a, other, &b)
    }

    /// The value of an expression, if it is known here.
    pub(super) fn known(&self, id: ExprId) -> Option<&Emitted> {
        self.levels.iter().rev().find_map(|l| l.exprs.get(&id))
    }

    /// Remembers the value of an expression at its level.
    pub(super) fn remember(&mut self, id: ExprId, value: &Emitted) {
        self.levels[value.level].exprs.insert(id, value.clone());
    }

    /// Forgets what was read from memories that are written.
    pub(super) fn forget(&mut self, written: Places) {
        for level in &mut self.levels {
            level.exprs.retain(|_, e| !e.reads.meets(written));
        }
    }

    /// The base address of a memory, to which a local's offset in scratch is still to be added.
    pub(super) fn base(&mut self, place: PlaceId) -> (Value, i64) {
        match place {
            PlaceId::Local(l) => (self.scratch, self.local_offsets[l as usize] as i64),
            PlaceId::Buffer(b) => {
                if let Some(&value) = self.levels[0].places.get(&place) {
                    return (value, 0);
                }
                // The table of arguments is not written while the kernel runs.
                let flags = MemFlagsData::trusted().with_readonly().with_can_move();
                let args = self.args;
                let value = self.at(0).ins().load(types::I64, flags, args, 8 * b as i32);
                self.levels[0].places.insert(place, value);
                (value, 0)
            }
        }
    }

    /// A number as an operand of what is computed at `level`.
    pub(super) fn constant(&mut self, level: usize, ty: Type, bits: u64) -> Value {
        if ty.is_int() {
            let mask = if ty.bits() == 64 { -1 } else { (1i64 << ty.bits()) - 1 };
            return self.at(level).ins().iconst(ty, bits as i64 & mask);
        }
        let mut bytes = [0; 64];
        let size = ty.lane_type().bytes() as usize;
        for lane in bytes.chunks_exact_mut(size) {
            lane.copy_from_slice(&bits.to_le_bytes()[..size]);
        }
        self.constant_bytes(level, ty, bytes)
    }

    /// A vector or a float of these bytes as an operand of what is computed at `level`. The first
    /// few of a loop are made before it.
    pub(super) fn constant_bytes(&mut self, level: usize, ty: Type, bytes: Bytes) -> Value {
        let key = (ty, bytes);
        let outer = &self.levels[..=level];
        if let Some(&value) = outer.iter().rev().find_map(|l| l.constants.get(&key)) {
            return value;
        }
        if level < self.here() {
            let value = self.make_constant(level, ty, bytes);
            self.levels[level].constants.insert(key, value);
            return value;
        }
        // Zero is made by one instruction without memory.
        let innermost = self.levels.iter().rposition(|l| l.repeats);
        let hoisted = innermost.filter(|&l| {
            self.levels[l].constants_in_registers < self.machine.constants && bytes != [0; 64]
        });
        let Some(inside) = hoisted else {
            return self.make_constant(level, ty, bytes);
        };
        self.levels[inside].constants_in_registers += 1;
        let value = self.make_constant(inside - 1, ty, bytes);
        self.levels[inside - 1].constants.insert(key, value);
        value
    }

    fn make_constant(&mut self, level: usize, ty: Type, bytes: Bytes) -> Value {
        let low = u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| bytes[i]));
        if ty == types::F32 {
            return self.at(level).ins().f32const(Ieee32::with_bits(low as u32));
        }
        if ty == types::F64 {
            return self.at(level).ins().f64const(Ieee64::with_bits(low));
        }
        let constant =
            self.func.dfg.constants.insert(ConstantData::from(&bytes[..ty.bytes() as usize]));
        self.at(level).ins().vconst(ty, constant)
    }

    /// `splat(x)` for a value of a level.
    pub(super) fn splat(&mut self, ty: Type, x: Value, level: usize) -> Value {
        if let Some(&value) = self.levels[level].splats.get(&(ty, x)) {
            return value;
        }
        let value = self.at(level).ins().splat(ty, x);
        self.levels[level].splats.insert((ty, x), value);
        value
    }

    /// An operation on integers, at the level where both are known.
    pub(super) fn int(&mut self, op: IntOp, a: (Value, usize), b: Int) -> Int {
        let (level, key) = match b {
            Int::Const(c) => (a.1, (op, a.0, None, c)),
            Int::Value(b, level) => (a.1.max(level), (op, a.0, Some(b), 0)),
        };
        if let Some(&value) = self.levels[level].numbered.get(&key) {
            return Int::Value(value, level);
        }
        let mut at = self.at(level);
        let b = match b {
            Int::Const(c) => at.ins().iconst(types::I64, c),
            Int::Value(b, _) => b,
        };
        let value = match op {
            IntOp::Add => at.ins().iadd(a.0, b),
            IntOp::Sub => at.ins().isub(a.0, b),
            IntOp::Mul => at.ins().imul(a.0, b),
            IntOp::ShiftLeft => at.ins().ishl(a.0, b),
            IntOp::ShiftRight => at.ins().ushr(a.0, b),
            IntOp::ShiftRightSigned => at.ins().sshr(a.0, b),
            IntOp::And => at.ins().band(a.0, b),
            IntOp::Divide => at.ins().sdiv(a.0, b),
            IntOp::Min => at.ins().smin(a.0, b),
            IntOp::Max => at.ins().smax(a.0, b),
            IntOp::SignExtend => at.ins().sextend(types::I64, a.0),
            IntOp::ZeroExtend => at.ins().uextend(types::I64, a.0),
        };
        self.levels[level].numbered.insert(key, value);
        Int::Value(value, level)
    }

    pub(super) fn int_add(&mut self, a: Int, b: Int) -> Int {
        match (a, b) {
            (Int::Const(a), Int::Const(b)) => Int::Const(a.wrapping_add(b)),
            (x, Int::Const(0)) | (Int::Const(0), x) => x,
            (Int::Value(a, level), b) | (b @ Int::Const(_), Int::Value(a, level)) => {
                self.int(IntOp::Add, (a, level), b)
            }
        }
    }

    pub(super) fn int_sub(&mut self, a: Int, b: Int) -> Int {
        match (a, b) {
            (a, Int::Const(b)) => self.int_add(a, Int::Const(b.wrapping_neg())),
            (Int::Value(a, level), b) => self.int(IntOp::Sub, (a, level), b),
            (Int::Const(c), b) => {
                let minus = self.int_mul(b, -1);
                self.int_add(minus, Int::Const(c))
            }
        }
    }

    pub(super) fn int_mul(&mut self, a: Int, c: i64) -> Int {
        match a {
            Int::Const(a) => Int::Const(a.wrapping_mul(c)),
            Int::Value(..) if c == 1 => a,
            Int::Value(..) if c == 0 => Int::Const(0),
            Int::Value(a, level) if c > 0 && c & (c - 1) == 0 => {
                self.int(IntOp::ShiftLeft, (a, level), Int::Const(c.trailing_zeros().into()))
            }
            Int::Value(a, level) => self.int(IntOp::Mul, (a, level), Int::Const(c)),
        }
    }

    /// `floor(a / n)` of an integer within `range`.
    pub(super) fn int_div(&mut self, a: Int, n: i64, range: (i64, i64)) -> Int {
        let (a, level) = match a {
            Int::Const(a) => return Int::Const(a.div_euclid(n)),
            Int::Value(a, level) => (a, level),
        };
        if n == 1 {
            return Int::Value(a, level);
        }
        if n & (n - 1) == 0 {
            let bits = Int::Const(n.trailing_zeros().into());
            return self.int(IntOp::ShiftRightSigned, (a, level), bits);
        }
        if range.0 >= 0 && range.1 < 1 << 31 && n < 1 << 31 {
            // Granlund and Montgomery, "Division by invariant integers using multiplication"
            // (PLDI 1994), theorem 4.2, for dividends of 31 bits: the product is below 2^63.
            let k = 31 + (64 - (n as u64 - 1).leading_zeros());
            let factor = ((1u128 << k) / n as u128 + 1) as i64;
            let product = self.int(IntOp::Mul, (a, level), Int::Const(factor));
            return self.shift_right(product, k);
        }
        // `sdiv` rounds to 0: one less where the remainder is negative.
        let q = self.int(IntOp::Divide, (a, level), Int::Const(n));
        let whole = self.int_mul(q, n);
        let rest = self.int_sub(Int::Value(a, level), whole);
        match rest {
            Int::Const(_) => q,
            Int::Value(rest, level) => {
                let minus = self.int(IntOp::ShiftRightSigned, (rest, level), Int::Const(63));
                self.int_add(q, minus)
            }
        }
    }

    fn shift_right(&mut self, a: Int, bits: u32) -> Int {
        match a {
            Int::Const(a) => Int::Const((a as u64 >> bits) as i64),
            Int::Value(a, level) => {
                self.int(IntOp::ShiftRight, (a, level), Int::Const(bits.into()))
            }
        }
    }

    /// `a mod n` of an integer within `range`.
    pub(super) fn int_mod(&mut self, a: Int, n: i64, range: (i64, i64)) -> Int {
        match a {
            Int::Const(a) => Int::Const(a.rem_euclid(n)),
            Int::Value(a, level) if n & (n - 1) == 0 => {
                self.int(IntOp::And, (a, level), Int::Const(n - 1))
            }
            Int::Value(..) => {
                let q = self.int_div(a, n, range);
                let whole = self.int_mul(q, n);
                self.int_sub(a, whole)
            }
        }
    }

    /// An integer as a value, here.
    pub(super) fn int_value(&mut self, a: Int) -> Value {
        match a {
            Int::Const(c) => self.ins().ins().iconst(types::I64, c),
            Int::Value(value, _) => value,
        }
    }

    /// Whether a comparison of an integer holds.
    pub(super) fn int_compare(&mut self, cc: IntCC, a: Int, b: Int) -> Value {
        let (a, b) = (self.int_value(a), self.int_value(b));
        self.ins().ins().icmp(cc, a, b)
    }

    /// The type of a register of elements, of as many lanes as there are or as it has; of at least 128
    /// bits.
    pub(super) fn vector_type(&self, dtype: DType) -> Type {
        let lane = lane_type(dtype);
        let all = self.lanes.map_or(1, |l| l.n as u32) * lane.bytes();
        let bytes = all.next_power_of_two().clamp(16, self.machine.register);
        lane.by(bytes / lane.bytes()).unwrap_or(lane)
    }

    /// The error for what cannot be emitted.
    pub(super) fn unsupported(&self, what: impl Into<String>) -> CodegenError {
        CodegenError::Unsupported { kernel: self.kernel.name.clone(), what: what.into() }
    }
}

/// The type of an element in a register of its own.
pub(super) fn scalar_type(dtype: DType) -> Type {
    match dtype {
        DType::F32 => types::F32,
        DType::F64 => types::F64,
        DType::I32 => types::I32,
        DType::I64 => types::I64,
        DType::U8 | DType::Bool => types::I8,
    }
}

/// The type of an element in a lane; a bool's where it is 32 bits wide.
fn lane_type(dtype: DType) -> Type {
    match dtype {
        DType::F32 => types::F32,
        DType::F64 => types::F64,
        DType::I32 | DType::U8 | DType::Bool => types::I32,
        DType::I64 => types::I64,
    }
}

/// The type of as many elements as another type has.
pub(super) fn vector_like(like: Type, dtype: DType) -> Type {
    lane_type(dtype).by(like.lane_count()).unwrap_or(like)
}
