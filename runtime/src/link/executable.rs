//! The JIT linker: a program's machine code in memory, its symbols resolved against the runtime's
//! kernels and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

#[cfg(target_os = "linux")]
use brolga_compiler::codegen::Described;
use brolga_compiler::codegen::{CodeFunction, CodegenOptions, Part, compile_program, isa};
use brolga_compiler::ir::Target;
use brolga_compiler::program::{Frame, Program};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module};

use super::observed::brolga_observed;
use crate::RunError;

/// A program with its machine code, which is freed with it.
pub(crate) struct Executable {
    program: Program,
    step: unsafe extern "C" fn(*mut Frame),
    bytes: usize,
    timings: [(&'static str, f64); 2],
    kernel_ms: Vec<f64>,
    /// Owns the code that `step` points to.
    _code: Code,
}

// SAFETY: the code is not written after it was linked.
unsafe impl Send for Executable {}
// SAFETY: as above; who runs it answers for the frame.
unsafe impl Sync for Executable {}

/// How code is made.
#[derive(Clone, Copy)]
pub(crate) struct Making {
    /// Check what Cranelift is given.
    pub(crate) verify: bool,
    /// So that it must be run with a [`Watched`](super::Watched) frame.
    pub(crate) observe: bool,
    /// Tell `perf` of it.
    pub(crate) perf: bool,
    /// From how many instructions on loops are functions of their own.
    pub(crate) loops: usize,
}

impl Executable {
    /// Makes the code of a program and links it.
    ///
    /// # Errors
    /// If it calls what the runtime does not have, or no code can be made: bugs.
    pub(crate) fn new(
        program: Program,
        target: &Target,
        making: Making,
    ) -> Result<Executable, RunError> {
        let start = Instant::now();
        let mut code = Code::new(target, making.verify)?;
        let Making { observe, loops, .. } = making;
        let options = CodegenOptions { observe, loops, ..CodegenOptions::default() };
        let made = compile_program(code.module(), &program, "brolga", options);
        let made = made.map_err(|error| RunError::Code(error.to_string()))?;
        let code_ms = milliseconds(start);
        let start = Instant::now();
        code.check_symbols()?;
        let step = code.link(made.step)?;
        // SAFETY: the step function has this signature.
        let step =
            unsafe { std::mem::transmute::<*const u8, unsafe extern "C" fn(*mut Frame)>(step) };
        let timings = [("code", code_ms), ("link", milliseconds(start))];
        if making.perf {
            code.tell_perf(&program, &made)?;
        }
        let (bytes, kernel_ms) = (made.bytes, made.kernel_ms);
        Ok(Executable { program, step, bytes, timings, kernel_ms, _code: code })
    }

    /// The program.
    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// Bytes of machine code.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How long making and linking the code took, in milliseconds.
    pub(crate) fn timings(&self) -> [(&'static str, f64); 2] {
        self.timings
    }

    /// How long making the code of each kernel took, in milliseconds.
    pub(crate) fn kernel_ms(&self) -> &[f64] {
        &self.kernel_ms
    }

    /// Runs one step.
    ///
    /// # Safety
    /// The frame's tables and blocks are as large as the program says and used by nobody else; it is that
    /// of a [`Watched`](super::Watched) if the code is observed.
    pub(crate) unsafe fn step(&self, frame: *mut Frame) {
        // SAFETY: the caller's promise.
        unsafe { (self.step)(frame) }
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// What code may call.
fn symbols() -> Vec<(&'static str, *const u8)> {
    let mut symbols = brolga_kernels::symbols();
    symbols.push(("brolga_observed", brolga_observed as *const u8));
    symbols
}

/// Code that is being made, or is made; freed on drop, which Cranelift's module alone does not do.
struct Code(Option<JITModule>);

impl Code {
    /// No code yet, for a target that this machine can run.
    fn new(target: &Target, verify: bool) -> Result<Code, RunError> {
        let isa = isa(target, false, verify).map_err(|error| RunError::Code(error.to_string()))?;
        // What Cranelift would call for an instruction that the machine lacks has no symbol here.
        let mut builder =
            JITBuilder::with_isa(isa, Box::new(|libcall| format!("libcall {libcall}")));
        builder.symbols(symbols());
        Ok(Code(Some(JITModule::new(builder))))
    }

    fn module(&mut self) -> &mut JITModule {
        self.0.as_mut().expect("it is there until the drop")
    }

    /// Checks that the runtime has every function that the code imports, before the linker would
    /// look for it in the whole process.
    fn check_symbols(&mut self) -> Result<(), RunError> {
        let known = symbols();
        for (_, function) in self.module().declarations().get_functions() {
            let name = function.name.as_deref().unwrap_or_default();
            if function.linkage == Linkage::Import && known.iter().all(|(n, _)| *n != name) {
                return Err(RunError::UnknownSymbol(name.to_string()));
            }
        }
        Ok(())
    }

    /// Names kernels and lines for `perf`.
    #[cfg(target_os = "linux")]
    fn tell_perf(
        &mut self,
        program: &Program,
        made: &brolga_compiler::codegen::Code,
    ) -> Result<(), RunError> {
        let (all, by_kernel) = program.calls_by_kernel();
        let module = self.module();
        let mut functions = vec![];
        for CodeFunction { id, part, origins, .. } in &made.functions {
            let (name, described) = match *part {
                Part::Kernel(n) | Part::Loops(n) => {
                    (program.kernels[n].name.clone(), Described::kernel(program, &by_kernel[n]))
                }
                Part::Step => ("step".to_string(), Described::step(program, &all)),
            };
            let address = module.get_finalized_function(*id);
            // SAFETY: the function has so many bytes of instructions, which nobody writes.
            let code = unsafe { std::slice::from_raw_parts(address, origins.end() as usize) };
            let lines = described.rows(origins);
            functions.push(super::perf::Function { name, address, code, lines });
        }
        super::perf::write(&functions)
            .map_err(|error| RunError::Code(format!("what perf reads cannot be written: {error}")))
    }

    #[cfg(not(target_os = "linux"))]
    fn tell_perf(
        &mut self,
        _: &Program,
        _: &brolga_compiler::codegen::Code,
    ) -> Result<(), RunError> {
        Err(RunError::Code("perf is of Linux".to_string()))
    }

    /// Makes the code executable; returns where a function of it is.
    fn link(&mut self, function: FuncId) -> Result<*const u8, RunError> {
        let module = self.module();
        let linked = catch_unwind(AssertUnwindSafe(|| module.finalize_definitions()));
        let linked = linked.map_err(|_| RunError::Code("a symbol is missing".to_string()))?;
        linked.map_err(|error| RunError::Code(error.to_string()))?;
        Ok(module.get_finalized_function(function))
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.0.take() {
            // SAFETY: who has a pointer into the code owns this too, and is gone.
            unsafe { module.free_memory() };
        }
    }
}
