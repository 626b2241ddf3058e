//! A run of a kernel's loops as a function of its own, and the call of it.

use cranelift_codegen::ir::{
    Function, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, types,
};

use super::emitter::{Emitted, Emitter, Int, Machine, Places, Val, data, scalar_type};
use super::kernel::{Externs, Result, written};
use super::origins::Emission;
use super::outlined::Call;
use crate::loop_ir::{Kernel, Run, Stmt};

/// Fills an empty function with the code of a run of loops: `fn(words)`, of which the first two are
/// the kernel's arguments and scratch, the others the run's axes and values.
pub(super) fn emit_run(kernel: &Kernel, func: Function, run: &Run<'_>) -> Result<Emission> {
    let (mut e, [words]) = Emitter::new(kernel, func, Machine::WIDE);
    let parts = e.origin_of_all(run.body);
    e.serve(parts);
    let mut offset = 0;
    let mut word = |e: &mut Emitter<'_>, ty| {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        let value = e.ins().ins().load(ty, flags, words, offset);
        offset += WORD;
        value
    };
    (e.args, e.scratch) = (word(&mut e, types::I64), word(&mut e, types::I64));
    for &axis in &run.axes {
        let value = word(&mut e, types::I64);
        e.axes.insert(axis, Int::Value(value, 0));
    }
    for &(var, dtype) in &run.vars {
        let val = Val::One(word(&mut e, scalar_type(dtype)));
        e.bind(var, Emitted { val, level: 0, reads: Places::default() });
    }
    e.body(run.body, &Externs::default())?;
    e.ins().ins().return_(&[]);
    let uses = e.uses.into_iter().collect();
    Ok(Emission { func: e.func, origins: e.origins, all: parts, uses })
}

/// Bytes of a word.
const WORD: i32 = 8;

impl Emitter<'_> {
    /// Calls the function that a run of loops is.
    pub(super) fn outline(&mut self, run: &[Stmt], call: &Call) -> Result<()> {
        let all = self.origin_of_all(run);
        self.serve(all);
        let n = 2 + call.axes.len() + call.vars.len();
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, n as u32 * WORD as u32, 3);
        let slot = self.func.create_sized_stack_slot(slot);
        let words = self.at(0).ins().stack_addr(types::I64, slot, 0);
        let (args, scratch) = (self.args, self.scratch);
        // What does not change is written once.
        self.at(0).ins().store(data(), args, words, 0);
        self.at(0).ins().store(data(), scratch, words, WORD);
        let mut offset = 2 * WORD;
        for &axis in &call.axes {
            let value = self.axes.get(&axis).copied().unwrap_or(Int::Const(0));
            let value = self.int_value(value);
            self.ins().ins().store(data(), value, words, offset);
            offset += WORD;
        }
        let here = self.here();
        for &(var, dtype) in &call.vars {
            let bound = self.vars.get(&var).cloned();
            let bound =
                bound.ok_or_else(|| self.unsupported(format!("unbound value {}", var.0)))?;
            let value = self.one(here, dtype, &bound.val);
            self.ins().ins().store(data(), value, words, offset);
            offset += WORD;
        }
        self.ins().ins().call(call.callee, &[words]);
        self.forget(written(run));
        Ok(())
    }
}
