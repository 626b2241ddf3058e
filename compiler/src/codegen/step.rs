//! The step function: `step(frame)` goes through the waves of a program, and through those of its
//! loops again and again.
//!
//! The tables of a wave (pointers to the arguments of each call, and the calls themselves) are
//! made on the stack, wave after wave in the same bytes, so several frames can be in use at once.
//! There, too, is the number of the iteration of each loop around.

use std::mem::offset_of;
use std::ops::Range;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, FuncRef, Function, InstBuilder, MemFlagsData, StackSlot, StackSlotData,
    StackSlotKind, Value, types,
};

use super::error::CodegenError;
use super::origins::{Emission, location};
use crate::ir::Origins;
use crate::loop_ir::CACHE_LINE;
use crate::program::{Address, Call, Frame, Location, Motion, Phase, Program, Repeat, Wave};

/// Bytes of a call in a wave's table: kernel, arguments, units, cost.
const CALL_BYTES: usize = 4 * 8;

/// The most bytes that the tables of a wave may take on the stack.
const MAX_TABLE_BYTES: usize = 512 << 10;

/// The functions that a step calls: for each call of the program its kernel, or what runs it, and the
/// runtime's `brolga_wave`.
pub(super) struct Callees {
    pub(super) calls: Vec<FuncRef>,
    pub(super) wave: FuncRef,
}

/// The bytes from one thread's scratch to the next.
pub fn scratch_stride(program: &Program) -> usize {
    program.scratch_bytes.next_multiple_of(CACHE_LINE)
}

/// Fills an empty function with the step of a program: `fn(frame)`. Each instruction's location is an
/// origin, the numbers of calls.
pub(super) fn emit(
    program: &Program,
    mut func: Function,
    callees: &Callees,
) -> Result<Emission, CodegenError> {
    let waves = program.waves().into_iter();
    let bytes = waves.map(|(wave, _)| table_bytes(wave)).max().unwrap_or(0);
    if bytes > MAX_TABLE_BYTES {
        return Err(CodegenError::WaveTooLarge { bytes, limit: MAX_TABLE_BYTES });
    }
    let mut slot = |bytes: usize| {
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes.max(8) as u32, 3);
        func.create_sized_stack_slot(slot)
    };
    let table = slot(bytes);
    let numbers = slot(8 * depth(&program.phases));
    let block = func.dfg.make_block();
    func.layout.append_block(block);
    let frame = func.dfg.append_block_param(block, types::I64);
    let mut at = FuncCursor::new(&mut func).at_bottom(block);
    let mut origins = Origins::default();
    let n_calls = n_calls(&program.phases);
    let all = origins.of(0..n_calls);
    at.set_srcloc(location(all));
    let table = at.ins().stack_addr(types::I64, table, 0);
    let (loops, call) = (vec![], 0);
    let mut step = Step { program, callees, at, frame, table, numbers, loops, origins, call };
    step.phases(&program.phases);
    step.serve(0..n_calls);
    step.at.ins().return_(&[]);
    let origins = step.origins;
    Ok(Emission { func, origins, all, uses: vec![] })
}

fn table_bytes(wave: &Wave) -> usize {
    let arguments: usize = wave.calls.iter().map(|call| call.arguments.len()).sum();
    wave.calls.len() * CALL_BYTES + arguments * 8
}

/// How many calls there are in phases.
fn n_calls(phases: &[Phase]) -> u32 {
    let of_phase = |phase: &Phase| match phase {
        Phase::Wave(wave) => wave.calls.len() as u32,
        Phase::Repeat(repeat) => n_calls(&repeat.phases),
    };
    phases.iter().map(of_phase).sum()
}

/// How many loops are around the innermost waves.
fn depth(phases: &[Phase]) -> usize {
    let of_phase = |phase: &Phase| match phase {
        Phase::Wave(_) => 0,
        Phase::Repeat(repeat) => 1 + depth(&repeat.phases),
    };
    phases.iter().map(of_phase).max().unwrap_or(0)
}

struct Step<'a> {
    program: &'a Program,
    callees: &'a Callees,
    at: FuncCursor<'a>,
    frame: Value,
    table: Value,
    /// The numbers of the iterations of the loops around, the outermost first.
    numbers: StackSlot,
    /// The loops around, the outermost first.
    loops: Vec<Turn>,
    origins: Origins,
    /// The number of the next call.
    call: u32,
}

/// The turn of a loop and the number of its iteration.
#[derive(Clone, Copy)]
struct Turn {
    turn: Value,
    iteration: Value,
}

/// The flags of accesses to the frame and the tables.
fn flags() -> MemFlagsData {
    MemFlagsData::trusted()
}

impl Step<'_> {
    fn phases(&mut self, phases: &[Phase]) {
        for phase in phases {
            match phase {
                Phase::Wave(wave) => self.wave(wave),
                // There is at least one turn.
                Phase::Repeat(repeat) if repeat.length == 0 => {
                    self.call += n_calls(&repeat.phases);
                }
                Phase::Repeat(repeat) => self.repeat(repeat),
            }
        }
    }

    /// Adds code for these calls from now on.
    fn serve(&mut self, calls: Range<u32>) {
        let origin = self.origins.of(calls);
        self.at.set_srcloc(location(origin));
    }

    fn repeat(&mut self, repeat: &Repeat) {
        let first_call = self.call;
        let calls = first_call..first_call + n_calls(&repeat.phases);
        self.serve(calls.clone());
        let (body, after) = (self.at.func.dfg.make_block(), self.at.func.dfg.make_block());
        let turn = self.at.func.dfg.append_block_param(body, types::I64);
        let first = self.number(0);
        self.at.ins().jump(body, &[BlockArg::Value(first)]);
        self.at.insert_block(body);
        let iteration = if repeat.reverse {
            let last = self.number(repeat.length - 1);
            self.at.ins().isub(last, turn)
        } else {
            turn
        };
        let depth = self.loops.len();
        self.at.ins().stack_store(types::I64, iteration, self.numbers, 8 * depth as i32);
        self.loops.push(Turn { turn, iteration });
        self.phases(&repeat.phases);
        self.loops.pop();
        self.serve(calls);
        let next = self.at.ins().iadd_imm_s(turn, 1);
        let length = repeat.length as i64;
        let more = self.at.ins().icmp_imm_u(IntCC::UnsignedLessThan, next, length);
        self.at.ins().brif(more, body, &[BlockArg::Value(next)], after, &[]);
        self.at.insert_block(after);
    }

    fn wave(&mut self, wave: &Wave) {
        let numbers = self.call..self.call + wave.calls.len() as u32;
        self.call = numbers.end;
        let calls = numbers.clone().zip(&wave.calls).filter(|(_, call)| self.units(call) > 0);
        let calls: Vec<(u32, &Call)> = calls.collect();
        let mut arguments_at = calls.len() * CALL_BYTES;
        self.serve(numbers.clone());
        let scratch = self.field(offset_of!(Frame, scratch));
        for (i, &(number, call)) in calls.iter().enumerate() {
            self.serve(number..number + 1);
            let at = arguments_at;
            for place in &call.arguments {
                let pointer = self.pointer(place);
                self.put(pointer, arguments_at);
                arguments_at += 8;
            }
            let arguments = self.at.ins().iadd_imm_s(self.table, at as i64);
            let kernel = self.callees.calls[number as usize];
            let units = self.number(self.units(call));
            if wave.serial {
                let first = self.number(0);
                let frame = self.frame;
                self.at.ins().call(kernel, &[frame, arguments, first, units, scratch]);
                continue;
            }
            let cost = self.number(self.program.kernels[call.kernel].cost as usize);
            let kernel = self.at.ins().func_addr(types::I64, kernel);
            for (word, value) in [kernel, arguments, units, cost].into_iter().enumerate() {
                self.put(value, i * CALL_BYTES + 8 * word);
            }
        }
        if !wave.serial && !calls.is_empty() {
            self.serve(numbers);
            self.share(calls.len(), scratch);
        }
    }

    /// Lets the pool run the calls of the table.
    fn share(&mut self, n_calls: usize, scratch: Value) {
        let pool = self.field(offset_of!(Frame, pool));
        let (n, serial) = (self.number(n_calls), self.number(0));
        let stride = self.number(scratch_stride(self.program));
        let (frame, table) = (self.frame, self.table);
        let arguments = [pool, frame, table, n, serial, scratch, stride];
        self.at.ins().call(self.callees.wave, &arguments);
    }

    fn units(&self, call: &Call) -> usize {
        self.program.kernels[call.kernel].n_units()
    }

    fn number(&mut self, n: usize) -> Value {
        self.at.ins().iconst(types::I64, n as i64)
    }

    fn put(&mut self, value: Value, offset: usize) {
        self.at.ins().store(flags(), value, self.table, offset as i32);
    }

    fn field(&mut self, offset: usize) -> Value {
        self.at.ins().load(types::I64, flags(), self.frame, offset as i32)
    }

    /// Where an argument is in this turn of the loops around.
    fn pointer(&mut self, place: &Address) -> Value {
        let mut pointer = self.memory(place.location);
        for m in &place.moves {
            let Turn { turn, iteration } = self.loops[m.depth];
            let moved = match m.motion {
                Motion::Along { step } => self.at.ins().imul_imm_s(iteration, step as i64),
                Motion::Alternate { bytes, from_second } => {
                    let turn = self.at.ins().iadd_imm_s(turn, i64::from(from_second));
                    let odd = self.at.ins().band_imm_s(turn, 1);
                    self.at.ins().imul_imm_s(odd, bytes as i64)
                }
            };
            pointer = self.at.ins().iadd(pointer, moved);
        }
        pointer
    }

    /// Where a memory is.
    fn memory(&mut self, location: Location) -> Value {
        let (field, offset) = match location {
            Location::Variable(i) => return self.entry(offset_of!(Frame, variables), i),
            Location::Feed(i) => return self.entry(offset_of!(Frame, feeds), i),
            Location::Output(i) => return self.entry(offset_of!(Frame, outputs), i),
            Location::Arena(offset) => (self.field(offset_of!(Frame, arena)), offset),
            Location::Constant(offset) => (self.field(offset_of!(Frame, constants)), offset),
            Location::Seed => (self.frame, offset_of!(Frame, seed)),
            Location::Step => (self.frame, offset_of!(Frame, step)),
            Location::Epoch => (self.frame, offset_of!(Frame, epoch)),
            Location::Batch => (self.frame, offset_of!(Frame, batch)),
            Location::Iteration(depth) => {
                return self.at.ins().stack_addr(types::I64, self.numbers, 8 * depth as i32);
            }
        };
        self.at.ins().iadd_imm_s(field, offset as i64)
    }

    fn entry(&mut self, table: usize, i: usize) -> Value {
        let table = self.field(table);
        self.at.ins().load(types::I64, flags(), table, 8 * i as i32)
    }
}
