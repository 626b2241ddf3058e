//! Chooses instructions for the code generator's input, each for its value.
//!
//! What is used by one instruction alone may become a part of it: the parts of an address, the
//! comparison of a larger or smaller number, that of a jump. A mask stays one as long as masks are
//! made of it or lanes are chosen by it, and has all bits of its lanes where they are numbers.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    self, Function, InstructionData, Opcode, SourceLoc, Type, Value, ValueDef, types,
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::inst::{
    Base, Block, Class, Code, Condition, Edge, End, Inst, IntOp, MaskOp, Mem, Op, Reg, ShiftOp,
    VectorOp, Width,
};

/// What there is no instruction for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Unsupported(pub(in super::super) String);

type Result<T> = std::result::Result<T, Unsupported>;

fn no<T>(what: impl std::fmt::Display) -> Result<T> {
    Err(Unsupported(what.to_string()))
}

/// Chooses the instructions of a function of one parameter.
pub(super) fn select(func: &Function) -> Result<Code> {
    let mut selector = Selector::new(func);
    let blocks: Vec<ir::Block> = func.layout.blocks().collect();
    let numbers = blocks.iter().enumerate().map(|(number, &block)| (block, number)).collect();
    for (number, &block) in blocks.iter().enumerate() {
        let made = selector.block(block, number == 0, &numbers)?;
        selector.code.blocks.push(made);
    }
    Ok(selector.code)
}

struct Selector<'a> {
    func: &'a Function,
    code: Code,
    regs: FxHashMap<Value, Reg>,
    uses: FxHashMap<Value, u32>,
    /// What is a part of its one use.
    parts: FxHashSet<ir::Inst>,
    pooled: FxHashMap<Vec<u8>, i32>,
    body: Vec<Inst>,
    block: Option<ir::Block>,
    location: SourceLoc,
}

/// The larger or the smaller of two values, as a choice between them.
struct Extreme {
    /// The comparison, and what takes its bits for numbers.
    parts: Vec<ir::Inst>,
    op: VectorOp,
    a: Value,
    b: Value,
}

impl<'a> Selector<'a> {
    fn new(func: &'a Function) -> Selector<'a> {
        let mut uses = FxHashMap::default();
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                for value in func.dfg.inst_values(inst) {
                    *uses.entry(func.dfg.resolve_aliases(value)).or_default() += 1;
                }
            }
        }
        let mut selector = Selector {
            func,
            code: Code::default(),
            regs: FxHashMap::default(),
            uses,
            parts: FxHashSet::default(),
            pooled: FxHashMap::default(),
            body: vec![],
            block: None,
            location: SourceLoc::default(),
        };
        selector.find_parts();
        selector
    }

    /// Finds what is a part of its uses.
    fn find_parts(&mut self) {
        for block in self.func.layout.blocks() {
            let mut addresses = vec![];
            for inst in self.func.layout.block_insts(block) {
                match self.func.dfg.insts[inst].opcode() {
                    Opcode::Bitselect => {
                        if let Some(extreme) = self.extreme(inst) {
                            self.parts.extend(extreme.parts);
                        }
                    }
                    Opcode::Brif => {
                        if let Some((compared, ..)) = self.compared(self.argument(inst, 0)) {
                            self.parts.insert(compared);
                        }
                    }
                    Opcode::Load => addresses.push(self.argument(inst, 0)),
                    Opcode::Store => addresses.push(self.argument(inst, 1)),
                    _ => {}
                }
            }
            let sums = self.used_as(addresses, block, |sum| self.is_address(sum));
            let shifted = sums.iter().map(|&sum| self.argument(sum, 1)).collect();
            let shifts = self.used_as(shifted, block, |shift| self.is_scale(shift));
            self.parts.extend(sums);
            self.parts.extend(shifts);
        }
    }

    /// The instructions of a block that are such and whose values are used as these alone.
    fn used_as(
        &self,
        values: Vec<Value>,
        block: ir::Block,
        is_such: impl Fn(ir::Inst) -> bool,
    ) -> Vec<ir::Inst> {
        let mut counts: FxHashMap<Value, u32> = FxHashMap::default();
        values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
        let all_uses = counts.iter().filter(|(value, n)| self.uses.get(value) == Some(n));
        let made = all_uses.filter_map(|(&value, _)| self.made_by(value));
        made.filter(|&inst| self.func.layout.inst_block(inst) == Some(block) && is_such(inst))
            .collect()
    }

    /// Whether an instruction makes what an address may be: a sum of a register and another one or a
    /// number.
    fn is_address(&self, inst: ir::Inst) -> bool {
        self.func.dfg.insts[inst].opcode() == Opcode::Iadd
            && self.number(self.argument(inst, 0)).is_none()
            && self.number(self.argument(inst, 1)).is_none_or(|n| i32::try_from(n).is_ok())
    }

    /// Whether an instruction makes what an index of an address may be: a register times 1, 2, 4 or 8.
    fn is_scale(&self, inst: ir::Inst) -> bool {
        self.func.dfg.insts[inst].opcode() == Opcode::Ishl
            && self.number(self.argument(inst, 1)).is_some_and(|n| (0..=3).contains(&n))
    }

    fn argument(&self, inst: ir::Inst, n: usize) -> Value {
        self.func.dfg.resolve_aliases(self.func.dfg.inst_args(inst)[n])
    }

    fn type_of(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    /// The instruction that makes a value.
    fn made_by(&self, value: Value) -> Option<ir::Inst> {
        match self.func.dfg.value_def(self.func.dfg.resolve_aliases(value)) {
            ValueDef::Result(inst, _) => Some(inst),
            ValueDef::Param(..) | ValueDef::Union(..) => None,
        }
    }

    fn opcode_of(&self, value: Value) -> Option<(ir::Inst, Opcode)> {
        let inst = self.made_by(value)?;
        Some((inst, self.func.dfg.insts[inst].opcode()))
    }

    fn is_used_once(&self, value: Value) -> bool {
        self.uses.get(&self.func.dfg.resolve_aliases(value)) == Some(&1)
    }

    /// The number that a value always is.
    fn number(&self, value: Value) -> Option<i64> {
        match (self.opcode_of(value)?, &self.func.dfg.insts[self.made_by(value)?]) {
            ((_, Opcode::Iconst), InstructionData::UnaryImm { imm, .. }) => {
                let bits = self.type_of(value).bits();
                Some(imm.bits() << (64 - bits) >> (64 - bits))
            }
            _ => None,
        }
    }

    /// What a choice between two values is, if it takes the larger or the smaller one.
    fn extreme(&self, inst: ir::Inst) -> Option<Extreme> {
        let [mask, yes, no] = [0, 1, 2].map(|n| self.argument(inst, n));
        let (mut mask, mut parts) = (mask, vec![]);
        while let (cast, Opcode::Bitcast) = self.opcode_of(mask)? {
            if !self.is_used_once(mask) {
                return None;
            }
            parts.push(cast);
            mask = self.argument(cast, 0);
        }
        let compared = self.made_by(mask).filter(|_| self.is_used_once(mask))?;
        let InstructionData::FloatCompare { cond, .. } = self.func.dfg.insts[compared] else {
            return None;
        };
        let (p, q) = match cond {
            FloatCC::LessThan => (self.argument(compared, 0), self.argument(compared, 1)),
            FloatCC::GreaterThan => (self.argument(compared, 1), self.argument(compared, 0)),
            _ => return None,
        };
        parts.push(compared);
        // `p < q`
        match (yes, no) {
            _ if (yes, no) == (q, p) => Some(Extreme { parts, op: VectorOp::Max, a: q, b: p }),
            _ if (yes, no) == (p, q) => Some(Extreme { parts, op: VectorOp::Min, a: p, b: q }),
            _ => None,
        }
    }

    /// A comparison of integers that only a jump reads.
    fn compared(&self, value: Value) -> Option<(ir::Inst, Condition, [Value; 2])> {
        let inst = self.made_by(value).filter(|_| self.is_used_once(value))?;
        let InstructionData::IntCompare { cond, .. } = self.func.dfg.insts[inst] else {
            return None;
        };
        let operands = [self.argument(inst, 0), self.argument(inst, 1)];
        (self.type_of(operands[0]) == types::I64).then_some((inst, condition(cond), operands))
    }

    fn reg(&mut self, class: Class) -> Reg {
        self.code.classes.push(class);
        Reg(self.code.classes.len() as u32 - 1)
    }

    fn class(&self, reg: Reg) -> Class {
        self.code.classes[reg.0 as usize]
    }

    fn block(
        &mut self,
        block: ir::Block,
        is_entry: bool,
        numbers: &FxHashMap<ir::Block, usize>,
    ) -> Result<Block> {
        self.block = Some(block);
        let mut parameters = vec![];
        for &value in self.func.dfg.block_params(block) {
            let class = class_of(self.type_of(value))?;
            let reg = self.reg(class);
            self.regs.insert(value, reg);
            parameters.push(reg);
        }
        if is_entry {
            self.location = SourceLoc::default();
            let [entry] = parameters[..] else { return no("a function of several parameters") };
            self.push(Op::Entry, Some(entry), &[], None, 0, Width::One);
            parameters.clear();
        }
        let mut end = None;
        for inst in self.func.layout.block_insts(block) {
            self.location = self.func.srcloc(inst);
            if !self.parts.contains(&inst) {
                end = self.inst(inst, numbers)?;
            }
        }
        let Some(end) = end else { return no("a block without an end") };
        let body = std::mem::take(&mut self.body);
        Ok(Block { parameters, body, end, location: self.location })
    }

    fn push(
        &mut self,
        op: Op,
        to: Option<Reg>,
        from: &[Reg],
        at: Option<Mem>,
        imm: i64,
        width: Width,
    ) {
        let mut operands = [None; 3];
        for (operand, &reg) in operands.iter_mut().zip(from) {
            *operand = Some(reg);
        }
        let location = self.location;
        self.body.push(Inst { op, to, from: operands, at, imm, width, location });
    }

    /// An instruction whose result is new.
    fn make(&mut self, op: Op, class: Class, from: &[Reg], imm: i64, width: Width) -> Reg {
        let to = self.reg(class);
        self.push(op, Some(to), from, None, imm, width);
        to
    }

    fn vector_op(&mut self, op: Op, from: &[Reg], imm: i64, width: Width) -> Reg {
        self.make(op, Class::Vector, from, imm, width)
    }

    fn bind(&mut self, inst: ir::Inst, reg: Reg) {
        self.regs.insert(self.func.dfg.first_result(inst), reg);
    }

    /// A value in a register of whatever class it has.
    fn any(&mut self, value: Value) -> Result<Reg> {
        let value = self.func.dfg.resolve_aliases(value);
        if let Some(&reg) = self.regs.get(&value) {
            return Ok(reg);
        }
        match self.number(value) {
            Some(n) => Ok(self.make(Op::IntConst, Class::Int, &[], n, Width::One)),
            None => no(format!("{value} of another kind")),
        }
    }

    fn int(&mut self, value: Value) -> Result<Reg> {
        let reg = self.any(value)?;
        match self.class(reg) {
            Class::Int => Ok(reg),
            Class::Mask => {
                let bits = self.make(Op::MaskToInt, Class::Int, &[reg], 0, Width::One);
                let op = Op::Int { op: IntOp::And, wide: false };
                Ok(self.make(op, Class::Int, &[bits], 1, Width::One))
            }
            Class::Vector => no("a float as an integer"),
        }
    }

    fn vector(&mut self, value: Value) -> Result<Reg> {
        let reg = self.any(value)?;
        match self.class(reg) {
            Class::Vector => Ok(reg),
            Class::Mask => {
                let width = lanes_width(self.type_of(value))?;
                Ok(self.vector_op(Op::MaskToVector, &[reg], 0, width))
            }
            Class::Int => no("an integer as a float"),
        }
    }

    fn mask(&mut self, value: Value) -> Result<Reg> {
        let reg = self.any(value)?;
        match self.class(reg) {
            Class::Mask => Ok(reg),
            // The sign of a lane is that of its mask.
            Class::Vector => {
                let width = lanes_width(self.type_of(value))?;
                let zero = self.vector_op(Op::Zero, &[], 0, Width::Xmm);
                let less = Op::Compare { float: false };
                Ok(self.make(less, Class::Mask, &[reg, zero], 1, width))
            }
            Class::Int => Ok(self.make(Op::IntToMask, Class::Mask, &[reg], 0, Width::One)),
        }
    }

    fn pooled(&mut self, bytes: Vec<u8>) -> Mem {
        let offset = match self.pooled.get(&bytes) {
            Some(&offset) => offset,
            None => {
                let size = bytes.len();
                let start = self.code.pool.len().next_multiple_of(size);
                self.code.pool.resize(start, 0);
                self.code.pool.extend_from_slice(&bytes);
                self.pooled.insert(bytes, start as i32);
                start as i32
            }
        };
        Mem { base: Base::Pool, index: None, offset }
    }

    /// A register of these bytes.
    fn constant(&mut self, bytes: &[u8], width: Width) -> Reg {
        let to = self.reg(Class::Vector);
        if bytes.iter().all(|&b| b == 0) {
            self.push(Op::Zero, Some(to), &[], None, 0, Width::Xmm);
        } else if bytes.iter().all(|&b| b == 0xFF) && width != Width::One {
            self.push(Op::Ones, Some(to), &[], None, 0, width);
        } else if width != Width::One && bytes.chunks(4).all(|word| word == &bytes[..4]) {
            let at = self.pooled(bytes[..4].to_vec());
            self.push(Op::LoadBroadcast, Some(to), &[], Some(at), 0, width);
        } else {
            let at = self.pooled(bytes.to_vec());
            self.push(Op::Load, Some(to), &[], Some(at), 0, width);
        }
        to
    }

    fn address(&mut self, at: Value, offset: i32) -> Result<Mem> {
        let sum = self.made_by(at).filter(|inst| self.parts.contains(inst));
        let Some(sum) = sum else {
            let base = Base::Reg(self.int(at)?);
            return Ok(Mem { base, index: None, offset });
        };
        let [a, b] = [self.argument(sum, 0), self.argument(sum, 1)];
        let base = Base::Reg(self.int(a)?);
        if let Some(more) = self.number(b) {
            let Some(offset) = i32::try_from(more).ok().and_then(|n| n.checked_add(offset)) else {
                return no("a far offset");
            };
            return Ok(Mem { base, index: None, offset });
        }
        let shift = self.made_by(b).filter(|inst| self.parts.contains(inst));
        let index = match shift {
            Some(shift) => {
                let by = self.number(self.argument(shift, 1)).unwrap_or(0);
                (self.int(self.argument(shift, 0))?, 1 << by)
            }
            None => (self.int(b)?, 1),
        };
        Ok(Mem { base, index: Some(index), offset })
    }

    fn edge(
        &mut self,
        call: &ir::BlockCall,
        numbers: &FxHashMap<ir::Block, usize>,
    ) -> Result<Edge> {
        let pool = &self.func.dfg.value_lists;
        let arguments: Vec<Option<Value>> = call.args(pool).map(|arg| arg.as_value()).collect();
        let block = numbers[&call.block(pool)];
        let mut regs = vec![];
        for argument in arguments {
            let Some(value) = argument else { return no("an argument that is no value") };
            let reg = match class_of(self.type_of(value))? {
                Class::Int => self.int(value)?,
                Class::Vector => self.vector(value)?,
                Class::Mask => self.mask(value)?,
            };
            regs.push(reg);
        }
        Ok(Edge { block, arguments: regs })
    }

    /// Adds an instruction; or how the block ends.
    fn inst(
        &mut self,
        inst: ir::Inst,
        numbers: &FxHashMap<ir::Block, usize>,
    ) -> Result<Option<End>> {
        let func = self.func;
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        match *data {
            InstructionData::Jump { destination, .. } => {
                return Ok(Some(End::Jump(self.edge(&destination, numbers)?)));
            }
            InstructionData::Brif { blocks, .. } => {
                let (cc, a, b) = match self.compared(self.argument(inst, 0)) {
                    Some((_, cc, [a, b])) => {
                        let imm = self.number(b).and_then(|n| i32::try_from(n).ok());
                        let b = match imm {
                            Some(imm) => Err(imm),
                            None => Ok(self.int(b)?),
                        };
                        (cc, self.int(a)?, b)
                    }
                    None => {
                        let x = self.int(self.argument(inst, 0))?;
                        let bits = self.make(Op::ZeroExtend, Class::Int, &[x], 0, Width::One);
                        (condition(IntCC::NotEqual), bits, Err(0))
                    }
                };
                let then = self.edge(&blocks[0], numbers)?;
                let other = self.edge(&blocks[1], numbers)?;
                return Ok(Some(End::Branch { cc, a, b, then, other }));
            }
            InstructionData::MultiAry { opcode: Opcode::Return, .. } => {
                return Ok(Some(End::Return));
            }
            _ => {}
        }
        match opcode {
            // Made where they are used.
            Opcode::Iconst => {}
            Opcode::Load => self.load(inst)?,
            Opcode::Store => self.store(inst)?,
            Opcode::F32const | Opcode::Vconst => self.known(inst)?,
            Opcode::Splat => self.splat(inst)?,
            Opcode::Bitcast => self.bitcast(inst)?,
            Opcode::Fcmp | Opcode::Icmp => self.comparison(inst)?,
            Opcode::Bitselect | Opcode::Select => self.choice(inst)?,
            Opcode::Band | Opcode::Bor | Opcode::Bxor => self.logic(inst)?,
            Opcode::Bnot => {
                let x = self.any(self.argument(inst, 0))?;
                let width = self.width(inst)?;
                let y = match self.class(x) {
                    Class::Mask => self.make(Op::MaskNot, Class::Mask, &[x], 0, Width::One),
                    Class::Vector => self.vector_op(Op::Logic, &[x, x, x], 0x55, width),
                    Class::Int => return no("bnot of an integer"),
                };
                self.bind(inst, y);
            }
            Opcode::Extractlane | Opcode::Insertlane | Opcode::ScalarToVector | Opcode::Shuffle => {
                self.lanes(inst)?;
            }
            _ if self.is_int(inst) => self.int_inst(inst)?,
            _ => self.arithmetic(inst)?,
        }
        Ok(None)
    }

    fn result_type(&self, inst: ir::Inst) -> Type {
        self.type_of(self.func.dfg.first_result(inst))
    }

    fn width(&self, inst: ir::Inst) -> Result<Width> {
        width_of(self.result_type(inst))
    }

    fn is_int(&self, inst: ir::Inst) -> bool {
        let ty = self.result_type(inst);
        ty.is_int() && !ty.is_vector()
    }

    fn load(&mut self, inst: ir::Inst) -> Result<()> {
        let at = match self.func.dfg.insts[inst] {
            InstructionData::Load { offset, .. } => {
                self.address(self.argument(inst, 0), offset.into())?
            }
            _ => return no("a load of another kind"),
        };
        let ty = self.result_type(inst);
        let (op, class, width) = match ty {
            types::I64 => (Op::IntLoad { wide: true }, Class::Int, Width::One),
            types::I32 => (Op::IntLoad { wide: false }, Class::Int, Width::One),
            types::F64 => (Op::Load, Class::Vector, Width::Two),
            _ => (Op::Load, Class::Vector, width_of(ty)?),
        };
        let to = self.reg(class);
        self.push(op, Some(to), &[], Some(at), 0, width);
        self.bind(inst, to);
        Ok(())
    }

    fn store(&mut self, inst: ir::Inst) -> Result<()> {
        let value = self.argument(inst, 0);
        let at = match self.func.dfg.insts[inst] {
            InstructionData::Store { offset, .. } => {
                self.address(self.argument(inst, 1), offset.into())?
            }
            _ => return no("a store of another kind"),
        };
        let ty = self.type_of(value);
        let (op, from, width) = match ty {
            types::I64 | types::I32 => {
                (Op::IntStore { wide: ty == types::I64 }, self.int(value)?, Width::One)
            }
            types::F64 => (Op::Store, self.vector(value)?, Width::Two),
            _ => (Op::Store, self.vector(value)?, width_of(ty)?),
        };
        self.push(op, None, &[from], Some(at), 0, width);
        Ok(())
    }

    fn known(&mut self, inst: ir::Inst) -> Result<()> {
        let bytes = match self.func.dfg.insts[inst] {
            InstructionData::UnaryIeee32 { imm, .. } => imm.bits().to_le_bytes().to_vec(),
            InstructionData::UnaryConst { constant_handle, .. } => {
                self.func.dfg.constants.get(constant_handle).as_slice().to_vec()
            }
            _ => return no("a constant of another kind"),
        };
        let width = self.width(inst)?;
        let to = self.constant(&bytes, width);
        self.bind(inst, to);
        Ok(())
    }

    fn splat(&mut self, inst: ir::Inst) -> Result<()> {
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

    fn bitcast(&mut self, inst: ir::Inst) -> Result<()> {
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

    fn comparison(&mut self, inst: ir::Inst) -> Result<()> {
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

    fn choice(&mut self, inst: ir::Inst) -> Result<()> {
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
    fn logic(&mut self, inst: ir::Inst) -> Result<()> {
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
    fn lanes(&mut self, inst: ir::Inst) -> Result<()> {
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

    fn int_inst(&mut self, inst: ir::Inst) -> Result<()> {
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
    fn arithmetic(&mut self, inst: ir::Inst) -> Result<()> {
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
    fn saturated(&mut self, x: Reg, width: Width) -> Reg {
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

fn class_of(ty: Type) -> Result<Class> {
    match ty {
        types::I64 | types::I32 => Ok(Class::Int),
        types::I8 => Ok(Class::Mask),
        _ => width_of(ty).map(|_| Class::Vector),
    }
}

/// The width of numbers of a type.
fn width_of(ty: Type) -> Result<Width> {
    match (ty.lane_type(), ty.bits()) {
        (types::F32, 32) => Ok(Width::One),
        (_, 128) => Ok(Width::Xmm),
        (types::F32 | types::I32 | types::F128, 256) => Ok(Width::Ymm),
        (types::F32 | types::I32 | types::F128, 512) => Ok(Width::Zmm),
        (_, _) => no(format!("values of {ty}")),
    }
}

fn lanes_width(ty: Type) -> Result<Width> {
    match (ty.is_vector(), ty.lane_type()) {
        (true, types::I32 | types::F32) => width_of(ty),
        _ => no(format!("a mask of {ty}")),
    }
}

/// The number of a condition.
fn condition(cc: IntCC) -> Condition {
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
