//! Machine code in vectors of 512 bits, for x86-64 with AVX-512: the code generator's functions on
//! vectors that Cranelift has types and a verifier for, but no instructions.
//!
//! In: a verified function of one parameter whose vectors have up to 16 lanes of f32 or i32, without
//! calls. Out: its machine code, bit for bit what Cranelift's would do with four times as many vectors,
//! or what in it has no instruction here. [`select`] chooses instructions on registers without end,
//! [`allocate`] the registers, [`encode`] writes the bytes.

mod allocate;
mod encode;
mod inst;
mod operations;
mod parts;
mod select;

use std::ops::Range;

use cranelift_codegen::ir::{Function, SourceLoc};

use self::allocate::{Place, SPARE_INTS, SPARE_MASKS, SPARE_VECTORS, allocate};
use self::encode::{Assembler, At, FRAME, Label, Placed, STACK};
use self::inst::{Base, Class, Code, Edge, End, Inst, IntOp, Mem, Op, Reg, Width};
pub(super) use self::select::Unsupported;

/// Registers that a function gives back as it found them.
const KEPT: [u8; 5] = [3, 12, 13, 14, 15];

/// The parameter of a function, in the System V convention.
const PARAMETER: u8 = 7;

/// The stack of a function begins at such an address, for vectors that lie within a cache line; so do
/// its constants, if its code does.
pub(super) const ALIGNMENT: u64 = 64;

/// The most bytes of stack of a function: what is within a page needs no probe.
const MOST_STACK: usize = 3 << 10;

/// A function's machine code.
#[derive(Clone, Debug, Default)]
pub(super) struct Compiled {
    /// Instructions, then constants.
    pub(super) bytes: Vec<u8>,
    /// For what the instructions are.
    pub(super) locations: Vec<(Range<u32>, SourceLoc)>,
}

/// Compiles a function.
///
/// # Errors
/// If something in it has no instruction here.
pub(super) fn compile(func: &Function) -> Result<Compiled, Unsupported> {
    let code = select::select(func)?;
    let (places, stack) = allocate(&code);
    if stack > MOST_STACK {
        return Err(Unsupported(format!("{stack} bytes of values at once")));
    }
    let mut writer = Writer {
        labels: vec![],
        assembler: Assembler::default(),
        code: &code,
        places,
        kept: vec![],
        stack: stack as i32,
        locations: vec![],
    };
    writer.function();
    let Writer { assembler, locations, .. } = writer;
    Ok(Compiled { bytes: assembler.finish(&code.pool), locations })
}

/// Writes the code of a function whose registers are chosen.
struct Writer<'a> {
    assembler: Assembler,
    code: &'a Code,
    places: Vec<Place>,
    labels: Vec<Label>,
    /// Registers to give back.
    kept: Vec<u8>,
    /// Bytes of stack.
    stack: i32,
    locations: Vec<(Range<u32>, SourceLoc)>,
}

impl Writer<'_> {
    fn function(&mut self) {
        self.labels = self.code.blocks.iter().map(|_| self.assembler.label()).collect();
        self.enter();
        for (number, block) in self.code.blocks.iter().enumerate() {
            self.assembler.bind(self.labels[number]);
            for inst in &block.body {
                let start = self.assembler.position();
                self.inst(inst);
                self.located(start, inst.location);
            }
            let start = self.assembler.position();
            self.end(&block.end, number);
            self.located(start, block.location);
        }
    }

    fn located(&mut self, start: usize, location: SourceLoc) {
        let range = start as u32..self.assembler.position() as u32;
        if !range.is_empty() {
            self.locations.push((range, location));
        }
    }

    fn place(&self, reg: Reg) -> Place {
        self.places[reg.0 as usize]
    }

    fn class(&self, reg: Reg) -> Class {
        self.code.classes[reg.0 as usize]
    }

    fn enter(&mut self) {
        let ints = (0..self.places.len() as u32).map(Reg).filter(|&r| self.class(r) == Class::Int);
        let mut used = vec![];
        for reg in ints {
            if let Place::Register(register) = self.place(reg) {
                used.push(register);
            }
        }
        self.kept = KEPT.into_iter().filter(|register| used.contains(register)).collect();
        for &register in &self.kept {
            self.assembler.push(register);
        }
        if self.stack > 0 {
            self.assembler.push(FRAME);
            self.assembler.move_int(FRAME, STACK);
            self.assembler.int_imm(IntOp::Sub, true, STACK, self.stack);
            self.assembler.int_imm(IntOp::And, true, STACK, -(ALIGNMENT as i32));
        }
    }

    fn leave(&mut self) {
        self.assembler.zero_upper();
        if self.stack > 0 {
            self.assembler.move_int(STACK, FRAME);
            self.assembler.pop(FRAME);
        }
        for &register in self.kept.iter().rev() {
            self.assembler.pop(register);
        }
        self.assembler.return_();
    }

    /// Copies a value from a place to another one.
    fn copy(&mut self, class: Class, to: Place, from: Place) {
        match (to, from) {
            _ if to == from => {}
            (Place::Register(to), Place::Register(from)) => match class {
                Class::Int => self.assembler.move_int(to, from),
                Class::Vector => self.assembler.move_vector(to, from),
                Class::Mask => self.assembler.move_mask(to, from),
            },
            (Place::Register(to), Place::Stack(from)) => self.stack(class, true, to, from),
            (Place::Stack(to), Place::Register(from)) => self.stack(class, false, from, to),
            (Place::Stack(_), Place::Stack(_)) => {
                let spare = match class {
                    Class::Int => SPARE_INTS[0],
                    Class::Vector => SPARE_VECTORS[0],
                    Class::Mask => SPARE_MASKS[0],
                };
                self.copy(class, Place::Register(spare), from);
                self.copy(class, to, Place::Register(spare));
            }
        }
    }

    /// Loads or stores a register on the stack.
    fn stack(&mut self, class: Class, loads: bool, register: u8, offset: i32) {
        let op = match (class, loads) {
            (Class::Int, true) => Op::IntLoad { wide: true },
            (Class::Int, false) => Op::IntStore { wide: true },
            (Class::Vector, true) => Op::Load,
            (Class::Vector, false) => Op::Store,
            (Class::Mask, true) => Op::MaskLoad,
            (Class::Mask, false) => Op::MaskStore,
        };
        let at = Some(At { base: Some(STACK), index: None, offset });
        let from = [register; 3];
        let width = Width::Zmm;
        self.assembler.inst(&Placed { op, to: register, from, has_b: false, at, imm: 0, width });
    }

    fn inst(&mut self, inst: &Inst) {
        if let (Op::Entry, Some(to)) = (inst.op, inst.to) {
            return self.copy(Class::Int, self.place(to), Place::Register(PARAMETER));
        }
        // Values on the stack come to spare registers. What is written may take the first: it is
        // either read before, or a copy of the operand that it is to begin with.
        let mut spare = Spare::default();
        let mut operands = [0; 3];
        for (operand, reg) in operands.iter_mut().zip(inst.from) {
            if let Some(reg) = reg {
                *operand = self.fetched(reg, &mut spare);
            }
        }
        let at = inst.at.map(|at| self.address(at, &mut spare));
        let (to, stored) = match inst.to.map(|to| (self.class(to), self.place(to))) {
            Some((_, Place::Register(to))) => (to, None),
            Some((class, Place::Stack(offset))) => {
                let to = match class {
                    Class::Int => SPARE_INTS[2],
                    Class::Vector => SPARE_VECTORS[3],
                    Class::Mask => SPARE_MASKS[2],
                };
                (to, Some((class, offset)))
            }
            None => (0, None),
        };
        let has_b = inst.from[1].is_some();
        let Inst { op, imm, width, .. } = *inst;
        self.assembler.inst(&Placed { op, to, from: operands, has_b, at, imm, width });
        if let Some((class, offset)) = stored {
            self.stack(class, false, to, offset);
        }
    }

    /// The register that a value is in, which may come from the stack.
    fn fetched(&mut self, reg: Reg, spare: &mut Spare) -> u8 {
        match self.place(reg) {
            Place::Register(register) => register,
            Place::Stack(offset) => {
                let class = self.class(reg);
                let register = spare.next(class);
                self.stack(class, true, register, offset);
                register
            }
        }
    }

    fn address(&mut self, at: Mem, spare: &mut Spare) -> At {
        let base = match at.base {
            Base::Reg(reg) => Some(self.fetched(reg, spare)),
            Base::Pool => None,
        };
        let index = at.index.map(|(index, scale)| (self.fetched(index, spare), scale));
        At { base, index, offset: at.offset }
    }

    fn end(&mut self, end: &End, number: usize) {
        match end {
            End::Return => self.leave(),
            End::Jump(edge) => {
                self.pass(edge);
                self.go(edge.block, number);
            }
            End::Branch { cc, a, b, then, other } => {
                let mut spare = Spare::default();
                let a = self.fetched(*a, &mut spare);
                let b = b.map(|b| self.fetched(b, &mut spare));
                self.assembler.compare(a, b);
                if self.moves(then).is_empty() {
                    self.assembler.jump_if(*cc, self.labels[then.block]);
                    self.pass(other);
                    return self.go(other.block, number);
                }
                let otherwise = self.assembler.label();
                self.assembler.jump_if(cc.not(), otherwise);
                self.pass(then);
                self.assembler.jump(self.labels[then.block]);
                self.assembler.bind(otherwise);
                self.pass(other);
                self.go(other.block, number);
            }
        }
    }

    /// Jumps to a block if it does not follow.
    fn go(&mut self, block: usize, number: usize) {
        if block != number + 1 {
            self.assembler.jump(self.labels[block]);
        }
    }

    /// The values of an edge that change their places.
    fn moves(&self, edge: &Edge) -> Vec<(Class, Place, Place)> {
        let parameters = &self.code.blocks[edge.block].parameters;
        let pairs = parameters.iter().zip(&edge.arguments);
        pairs
            .map(|(&to, &from)| (self.class(to), self.place(to), self.place(from)))
            .filter(|(_, to, from)| to != from)
            .collect()
    }

    /// Gives a block its parameters, all at once: a place is written when no other value is still to be
    /// read from it, and of a circle one value waits in a spare register.
    fn pass(&mut self, edge: &Edge) {
        let mut left = self.moves(edge);
        while !left.is_empty() {
            let is_read = |left: &[(Class, Place, Place)], class: Class, place: Place| {
                left.iter().any(|&(c, _, from)| c == class && from == place)
            };
            let free = (0..left.len()).find(|&i| {
                let (class, to, _) = left[i];
                let others: Vec<_> =
                    left.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, &m)| m).collect();
                !is_read(&others, class, to)
            });
            match free {
                Some(i) => {
                    let (class, to, from) = left.swap_remove(i);
                    self.copy(class, to, from);
                }
                None => {
                    let (class, _, from) = left[0];
                    let spare = Place::Register(match class {
                        Class::Int => SPARE_INTS[1],
                        Class::Vector => SPARE_VECTORS[1],
                        Class::Mask => SPARE_MASKS[1],
                    });
                    self.copy(class, spare, from);
                    for other in left.iter_mut().filter(|m| m.0 == class && m.2 == from) {
                        other.2 = spare;
                    }
                }
            }
        }
    }
}

/// The spare registers that an instruction has not taken yet.
#[derive(Default)]
struct Spare {
    ints: usize,
    vectors: usize,
    masks: usize,
}

impl Spare {
    fn next(&mut self, class: Class) -> u8 {
        let (used, all): (&mut usize, &[u8]) = match class {
            Class::Int => (&mut self.ints, &SPARE_INTS),
            Class::Vector => (&mut self.vectors, &SPARE_VECTORS),
            Class::Mask => (&mut self.masks, &SPARE_MASKS),
        };
        *used += 1;
        all[*used - 1]
    }
}
