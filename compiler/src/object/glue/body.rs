//! A function of the library that is being written: where code is added, and the parts that functions
//! have in common.

use std::mem::offset_of;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, GlobalValue, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_module::{DataId, Linkage, Module};

use super::{Made, Maker, Step, dtype_number, refused, signature};
use crate::ir::Name;
use crate::object::layout::{Field, Fields, bytes, state};
use crate::object::{CompiledEntry, Guard};
use crate::program::{Frame, Program};

/// A function that is being written.
pub(super) struct Body<'f> {
    pub(super) at: FuncCursor<'f>,
    pub(super) parameters: Vec<Value>,
}

impl Body<'_> {
    pub(super) fn block(&mut self) -> Block {
        self.at.func.dfg.make_block()
    }

    pub(super) fn number(&mut self, n: usize) -> Value {
        self.at.ins().iconst(types::I64, n as i64)
    }

    pub(super) fn load(&mut self, ty: Type, from: Value, offset: usize) -> Value {
        self.at.ins().load(ty, MemFlagsData::trusted(), from, offset as i32)
    }

    pub(super) fn store(&mut self, value: Value, to: Value, offset: usize) {
        self.at.ins().store(MemFlagsData::trusted(), value, to, offset as i32);
    }

    pub(super) fn within(&mut self, block: Value, offset: usize) -> Value {
        self.at.ins().iadd_imm_s(block, offset as i64)
    }

    pub(super) fn give(&mut self, value: Value) {
        self.at.ins().return_(&[value]);
    }

    pub(super) fn give_number(&mut self, n: i64) {
        let n = self.at.ins().iconst(types::I32, n);
        self.give(n);
    }

    /// Goes to `fail` if the comparison holds.
    pub(super) fn fail_if(&mut self, cc: IntCC, value: Value, n: i64, fail: Block) {
        let next = self.block();
        let holds = self.at.ins().icmp_imm_u(cc, value, n);
        self.at.ins().brif(holds, fail, &[], next, &[]);
        self.at.insert_block(next);
    }

    /// Goes to `block` with the value if it is not `n`.
    pub(super) fn at_if_not(&mut self, value: Value, n: i64, block: Block) {
        let next = self.block();
        let differs = self.at.ins().icmp_imm_u(IntCC::NotEqual, value, n);
        self.at.ins().brif(differs, block, &[ir::BlockArg::Value(value)], next, &[]);
        self.at.insert_block(next);
    }

    /// The address of data of the object.
    pub(super) fn address(&mut self, maker: &mut Maker<'_>, data: DataId) -> Value {
        let global: GlobalValue = maker.module.declare_data_in_func(data, self.at.func);
        self.at.ins().symbol_value(types::I64, global)
    }

    /// Calls a function of the C library or of the kernels'.
    pub(super) fn call(
        &mut self,
        maker: &mut Maker<'_>,
        symbol: &str,
        arguments: &[Value],
        result: Type,
    ) -> Made<Value> {
        let parameters: Vec<Type> =
            arguments.iter().map(|&v| self.at.func.dfg.value_type(v)).collect();
        let signature = signature(&parameters, result, maker.call_conv());
        let id = maker.module.declare_function(symbol, Linkage::Import, &signature);
        let id = id.map_err(refused)?;
        let func = maker.module.declare_func_in_func(id, self.at.func);
        let call = self.at.ins().call(func, arguments);
        let results = self.at.func.dfg.inst_results(call);
        Ok(results.first().copied().unwrap_or(arguments[0]))
    }

    /// Fills the frame and runs a step; returns its status.
    pub(super) fn frame(
        &mut self,
        maker: &mut Maker<'_>,
        step: Step,
        block: Value,
        (variables, feeds, outputs): (&[Value], &[Value], &[Value]),
    ) -> Made<Value> {
        let tables = maker.layout.tables;
        for (table, values) in tables.into_iter().zip([variables, feeds, outputs]) {
            for (i, &value) in values.iter().enumerate() {
                self.store(value, block, table + 8 * i);
            }
        }
        let frame = self.within(block, state::FRAME);
        let [variables, feeds, outputs] = tables.map(|at| self.within(block, at));
        let arena = self.within(block, maker.layout.arena);
        let constants = match step.constants {
            Some(data) => self.address(maker, data),
            None => self.number(0),
        };
        // One thread's scratch is in the block, that of several where the threads are.
        let own = self.within(block, maker.layout.scratch);
        let theirs = self.load(types::I64, block, state::SCRATCH);
        let scratch = self.at.ins().select(theirs, theirs, own);
        let pool = self.load(types::I64, block, state::POOL);
        let seed = self.load(types::I64, block, state::SEED);
        let number = self.load(types::I64, block, state::STEP);
        let epoch = self.load(types::I64, block, state::EPOCH);
        let none = self.number(0);
        for (value, offset) in [
            (variables, offset_of!(Frame, variables)),
            (feeds, offset_of!(Frame, feeds)),
            (outputs, offset_of!(Frame, outputs)),
            (arena, offset_of!(Frame, arena)),
            (constants, offset_of!(Frame, constants)),
            (scratch, offset_of!(Frame, scratch)),
            (pool, offset_of!(Frame, pool)),
            (seed, offset_of!(Frame, seed)),
            (number, offset_of!(Frame, step)),
            (epoch, offset_of!(Frame, epoch)),
            (number, offset_of!(Frame, batch)),
            (none, offset_of!(Frame, status)),
        ] {
            self.store(value, frame, offset);
        }
        let func = maker.module.declare_func_in_func(step.step, self.at.func);
        self.at.ins().call(func, &[frame]);
        Ok(self.load(types::I64, frame, offset_of!(Frame, status)))
    }

    /// What the caller feeds, each aligned as code expects it: where it is, or in its copy.
    pub(super) fn feeds(
        &mut self,
        maker: &mut Maker<'_>,
        fields: &Fields,
        (block, io): (Value, Value),
        is_null: Block,
    ) -> Made<Vec<Value>> {
        let mut feeds = vec![];
        for field in &fields.feeds {
            let copy = self.within(block, field.copy);
            let bytes = self.number(bytes(&field.tensor_type));
            let given = match field.is_number {
                true => self.within(io, field.at),
                false => {
                    let given = self.load(types::I64, io, field.at);
                    self.fail_if(IntCC::Equal, given, 0, is_null);
                    given
                }
            };
            feeds.push(self.call(maker, "brolga_model_feed", &[given, copy, bytes], types::I64)?);
        }
        Ok(feeds)
    }

    /// The status of a guard: 0, or that of its check.
    pub(super) fn guarded(
        &mut self,
        maker: &mut Maker<'_>,
        (guard, program, at): (&Guard, Option<Step>, usize),
        entry: &CompiledEntry,
        (block, feeds): (Value, &[Value]),
    ) -> Made<Value> {
        let own = &entry.program.feeds[guard.feed].1;
        let (indices, tensor_type) = match (program, &guard.computed) {
            (Some(step), Some(program)) => {
                let to = self.within(block, at);
                let feed = |name: &Name| {
                    let at = entry.program.feeds.iter().position(|(other, _)| other == name);
                    feeds[at.expect("it is computed of the entry's feeds")]
                };
                let given: Vec<Value> = program.feeds.iter().map(|(n, _)| feed(n)).collect();
                self.frame(maker, step, block, (&[], &given, &[to]))?;
                (to, &program.outputs[0].tensor_type)
            }
            (_, _) => (feeds[guard.feed], own),
        };
        let dtype = self.at.ins().iconst(types::I32, i64::from(dtype_number(tensor_type.dtype)));
        let n = self.number(tensor_type.n_elements().expect("its dimensions are numbers"));
        let (size, check) = (self.number(guard.size as usize), self.number(guard.check));
        let arguments = [indices, dtype, n, size, check];
        self.call(maker, "brolga_model_outside", &arguments, types::I64)
    }

    /// Where the variables of a program lie.
    pub(super) fn variables(
        &mut self,
        maker: &Maker<'_>,
        program: &Program,
        block: Value,
    ) -> Vec<Value> {
        let place = |name: &Name| {
            let at = maker.model.variables.iter().position(|v| v.name == *name);
            maker.layout.variables[at.expect("every variable of a program was declared")]
        };
        program.variables.iter().map(|(name, _)| self.within(block, place(name))).collect()
    }

    /// Gives the caller what was found: numbers in the struct, arrays where it wants them.
    pub(super) fn results(
        &mut self,
        maker: &mut Maker<'_>,
        results: &[Field],
        (block, io): (Value, Value),
    ) -> Made<()> {
        for field in results {
            let copy = self.within(block, field.copy);
            let bytes = self.number(bytes(&field.tensor_type));
            if field.is_number {
                let to = self.within(io, field.at);
                self.call(maker, "memcpy", &[to, copy, bytes], types::I64)?;
                continue;
            }
            let to = self.load(types::I64, io, field.at);
            let (wanted, next) = (self.block(), self.block());
            self.at.ins().brif(to, wanted, &[], next, &[]);
            self.at.insert_block(wanted);
            self.call(maker, "memcpy", &[to, copy, bytes], types::I64)?;
            self.at.ins().jump(next, &[]);
            self.at.insert_block(next);
        }
        Ok(())
    }
}
