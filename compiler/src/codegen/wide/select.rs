//! Chooses instructions for the code generator's input, each for its value.
//!
//! What is used by one instruction alone may become a part of it: the parts of an address, the
//! comparison of a larger or smaller number, that of a jump. A mask stays one as long as masks are
//! made of it or lanes are chosen by it, and has all bits of its lanes where they are numbers.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, Function, InstructionData, Opcode, SourceLoc, Type, Value, ValueDef, types,
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::inst::{
    Base, Block, Class, Code, Condition, Edge, End, Inst, IntOp, Mem, Op, Reg, Width,
};

/// What there is no instruction for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Unsupported(pub(in super::super) String);

pub(super) type Result<T> = std::result::Result<T, Unsupported>;

pub(super) fn no<T>(what: impl std::fmt::Display) -> Result<T> {
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

pub(super) struct Selector<'a> {
    pub(super) func: &'a Function,
    pub(super) code: Code,
    pub(super) regs: FxHashMap<Value, Reg>,
    pub(super) uses: FxHashMap<Value, u32>,
    /// What is a part of its one use.
    pub(super) parts: FxHashSet<ir::Inst>,
    pub(super) pooled: FxHashMap<Vec<u8>, i32>,
    pub(super) body: Vec<Inst>,
    pub(super) block: Option<ir::Block>,
    pub(super) location: SourceLoc,
}

impl<'a> Selector<'a> {
    pub(super) fn new(func: &'a Function) -> Selector<'a> {
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

    pub(super) fn argument(&self, inst: ir::Inst, n: usize) -> Value {
        self.func.dfg.resolve_aliases(self.func.dfg.inst_args(inst)[n])
    }

    pub(super) fn type_of(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    /// The instruction that makes a value.
    pub(super) fn made_by(&self, value: Value) -> Option<ir::Inst> {
        match self.func.dfg.value_def(self.func.dfg.resolve_aliases(value)) {
            ValueDef::Result(inst, _) => Some(inst),
            ValueDef::Param(..) | ValueDef::Union(..) => None,
        }
    }

    pub(super) fn opcode_of(&self, value: Value) -> Option<(ir::Inst, Opcode)> {
        let inst = self.made_by(value)?;
        Some((inst, self.func.dfg.insts[inst].opcode()))
    }

    pub(super) fn is_used_once(&self, value: Value) -> bool {
        self.uses.get(&self.func.dfg.resolve_aliases(value)) == Some(&1)
    }

    /// The number that a value always is.
    pub(super) fn number(&self, value: Value) -> Option<i64> {
        match (self.opcode_of(value)?, &self.func.dfg.insts[self.made_by(value)?]) {
            ((_, Opcode::Iconst), InstructionData::UnaryImm { imm, .. }) => {
                let bits = self.type_of(value).bits();
                Some(imm.bits() << (64 - bits) >> (64 - bits))
            }
            _ => None,
        }
    }

    pub(super) fn reg(&mut self, class: Class) -> Reg {
        self.code.classes.push(class);
        Reg(self.code.classes.len() as u32 - 1)
    }

    pub(super) fn class(&self, reg: Reg) -> Class {
        self.code.classes[reg.0 as usize]
    }

    pub(super) fn block(
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

    pub(super) fn push(
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
    pub(super) fn make(
        &mut self,
        op: Op,
        class: Class,
        from: &[Reg],
        imm: i64,
        width: Width,
    ) -> Reg {
        let to = self.reg(class);
        self.push(op, Some(to), from, None, imm, width);
        to
    }

    pub(super) fn vector_op(&mut self, op: Op, from: &[Reg], imm: i64, width: Width) -> Reg {
        self.make(op, Class::Vector, from, imm, width)
    }

    pub(super) fn bind(&mut self, inst: ir::Inst, reg: Reg) {
        self.regs.insert(self.func.dfg.first_result(inst), reg);
    }

    /// A value in a register of whatever class it has.
    pub(super) fn any(&mut self, value: Value) -> Result<Reg> {
        let value = self.func.dfg.resolve_aliases(value);
        if let Some(&reg) = self.regs.get(&value) {
            return Ok(reg);
        }
        match self.number(value) {
            Some(n) => Ok(self.make(Op::IntConst, Class::Int, &[], n, Width::One)),
            None => no(format!("{value} of another kind")),
        }
    }

    pub(super) fn int(&mut self, value: Value) -> Result<Reg> {
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

    pub(super) fn vector(&mut self, value: Value) -> Result<Reg> {
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

    pub(super) fn mask(&mut self, value: Value) -> Result<Reg> {
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

    pub(super) fn pooled(&mut self, bytes: Vec<u8>) -> Mem {
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
    pub(super) fn constant(&mut self, bytes: &[u8], width: Width) -> Reg {
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

    pub(super) fn address(&mut self, at: Value, offset: i32) -> Result<Mem> {
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

    pub(super) fn edge(
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
    pub(super) fn inst(
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
                        (Condition::of(IntCC::NotEqual), bits, Err(0))
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

    pub(super) fn result_type(&self, inst: ir::Inst) -> Type {
        self.type_of(self.func.dfg.first_result(inst))
    }

    pub(super) fn width(&self, inst: ir::Inst) -> Result<Width> {
        width_of(self.result_type(inst))
    }

    pub(super) fn is_int(&self, inst: ir::Inst) -> bool {
        let ty = self.result_type(inst);
        ty.is_int() && !ty.is_vector()
    }

    pub(super) fn load(&mut self, inst: ir::Inst) -> Result<()> {
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

    pub(super) fn store(&mut self, inst: ir::Inst) -> Result<()> {
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

    pub(super) fn known(&mut self, inst: ir::Inst) -> Result<()> {
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
}

pub(super) fn class_of(ty: Type) -> Result<Class> {
    match ty {
        types::I64 | types::I32 => Ok(Class::Int),
        types::I8 => Ok(Class::Mask),
        _ => width_of(ty).map(|_| Class::Vector),
    }
}

/// The width of numbers of a type.
pub(super) fn width_of(ty: Type) -> Result<Width> {
    match (ty.lane_type(), ty.bits()) {
        (types::F32, 32) => Ok(Width::One),
        (_, 128) => Ok(Width::Xmm),
        (types::F32 | types::I32 | types::F128, 256) => Ok(Width::Ymm),
        (types::F32 | types::I32 | types::F128, 512) => Ok(Width::Zmm),
        (_, _) => no(format!("values of {ty}")),
    }
}

pub(super) fn lanes_width(ty: Type) -> Result<Width> {
    match (ty.is_vector(), ty.lane_type()) {
        (true, types::I32 | types::F32) => width_of(ty),
        _ => no(format!("a mask of {ty}")),
    }
}
