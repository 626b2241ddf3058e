//! A program run by the interpreter of the loop IR: what its machine code is checked against.

use brolga_compiler::ir::{Literal, Target};
use brolga_compiler::program::{Memories, Output, Program, run_program};

use super::feed::{Clocks, Feed};
use crate::RunError;
use crate::store::Store;

/// A program with copies of all memories that it names.
pub(super) struct Interpreted {
    program: Program,
    target: Target,
    memories: Memories,
}

impl Interpreted {
    pub(super) fn new(program: Program, target: Target) -> Result<Interpreted, RunError> {
        let sizes = || RunError::Code("a type of the program has no size".to_string());
        let memories = Memories::new(&program).ok_or_else(sizes)?;
        Ok(Interpreted { program, target, memories })
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    pub(super) fn outputs(&self) -> &[Output] {
        &self.program.outputs
    }

    /// Runs one step.
    pub(super) fn run(
        &mut self,
        feeds: &[Feed],
        store: &mut Store,
        clocks: Clocks,
    ) -> Result<(), RunError> {
        let memories = &mut self.memories;
        for (bytes, feed) in memories.feeds.iter_mut().zip(feeds) {
            bytes.copy_from_slice(feed.bytes());
        }
        for (bytes, (name, _)) in memories.variables.iter_mut().zip(&self.program.variables) {
            if let Some(stored) = store.get(name) {
                stored.literal().write_bytes(bytes);
            }
        }
        let Clocks { seed, clock, batch } = clocks;
        [memories.seed, memories.batch] = [seed, batch];
        [memories.step, memories.epoch] = [clock.step, clock.epoch];
        memories.status = 0;
        run_program(&self.program, &self.target, memories);
        for (bytes, (name, t)) in memories.variables.iter().zip(&self.program.variables) {
            let sizes = t.sizes().expect("a program has only numbers");
            let value = Literal::from_bytes(t.dtype, &sizes, bytes).expect("the type's bytes");
            store.set(name, &value)?;
        }
        RunError::of_status(memories.status, &self.program)
    }

    pub(super) fn value(&self, number: usize) -> Literal {
        let t = &self.outputs()[number].tensor_type;
        let sizes = t.sizes().expect("a program has only numbers");
        Literal::from_bytes(t.dtype, &sizes, &self.memories.outputs[number])
            .expect("the bytes of the type")
    }
}
