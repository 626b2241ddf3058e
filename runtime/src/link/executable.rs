//! The JIT linker: a program's machine code in memory, its symbols resolved against the runtime's
//! kernels and nothing else.

use brolga_compiler::ir::Target;
use brolga_compiler::program::{Frame, Program};
use cranelift_jit::JITModule;

use crate::RunError;

/// A program with its machine code, which is freed with it.
pub(crate) struct Executable {
    program: Program,
    step: unsafe extern "C" fn(*mut Frame),
    /// There until the drop.
    code: Option<JITModule>,
}

// SAFETY: the code is not written after it was linked.
unsafe impl Send for Executable {}
// SAFETY: as above; who runs it answers for the frame.
unsafe impl Sync for Executable {}

impl std::fmt::Debug for Executable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executable").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Executable {
    /// Links a program.
    ///
    /// # Errors
    /// If it calls what the runtime does not have, or no code can be made: bugs.
    pub(crate) fn new(_program: Program, _target: &Target) -> Result<Executable, RunError> {
        Err(RunError::Code("there is no code generator yet".to_string()))
    }

    /// The program.
    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// Runs one step.
    ///
    /// # Safety
    /// The frame's tables and blocks are as large as the program says and used by nobody else.
    pub(crate) unsafe fn step(&self, frame: &mut Frame) {
        // SAFETY: the caller's promise.
        unsafe { (self.step)(frame) }
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        if let Some(code) = self.code.take() {
            // SAFETY: nothing runs the code any more, and no pointer to it is left.
            unsafe { code.free_memory() };
        }
    }
}
