//! Machine code: each kernel and the step function through Cranelift, into any of its modules (a
//! JIT's or an object file's).
//!
//! Cranelift has vectors of 128 bits. Where the machine has longer ones, the [runs](crate::loop_ir)
//! of a kernel's loops that are worth a call are functions of their own: emitted as all code is, with
//! longer types, and made by [`wide`]. What that refuses stays in the kernel, and the dump says so.
//!
//! The code of a kernel is a pure function of the kernel, so equal kernels may
//! share it and each can be made on any thread. Its meaning is that of the loop IR, bit for bit;
//! of a NaN only that it is one is kept, not its bits. No data makes it trap.

mod described;
mod elements;
mod emitter;
mod error;
mod expr;
mod externs;
mod index;
mod kernel;
mod lanes;
#[cfg(feature = "inspect")]
mod listing;
mod observed;
mod ops;
mod origins;
mod outlined;
mod pressure;
mod rows;
mod run;
mod step;
#[cfg(feature = "inspect")]
mod text;
mod wide;

pub use described::{Described, MachineCode, legend};
pub use error::CodegenError;
pub use externs::Extern;
#[cfg(feature = "inspect")]
pub use listing::listing;
pub use origins::CodeOrigins;
pub use step::scratch_stride;
#[cfg(feature = "inspect")]
pub use text::code;

use std::time::Instant;

use cranelift_codegen::ir::{FuncRef, Function};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa, TargetIsa, lookup_by_name};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CompiledCode, Context, ir::UserFuncName};
use cranelift_module::{FuncId, Linkage, Module, ModuleReloc, ModuleRelocTarget};
use rustc_hash::FxHashMap;

use self::emitter::Machine;
use self::origins::Emission;
use self::outlined::Outlined;
use self::wide::Unsupported;
use crate::ir::{Costs, Target};
use crate::loop_ir::{Kernel, Run, runs};
use crate::program::Program;

/// What else to do while code is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodegenOptions {
    /// Keep the text of the code before Cranelift.
    pub keep_clif: bool,
    /// Keep the machine code and Cranelift's text of it.
    pub keep_assembly: bool,
    /// Let the runtime run every kernel, so that it can see what each call does.
    pub observe: bool,
    /// [`Costs::loops`].
    pub loops: usize,
}

impl Default for CodegenOptions {
    fn default() -> CodegenOptions {
        let loops = Costs::default().loops;
        CodegenOptions { keep_clif: false, keep_assembly: false, observe: false, loops }
    }
}

/// The functions of a program in a module.
#[derive(Clone, Debug)]
pub struct Code {
    /// `extern "C" fn(frame: *mut Frame)`: one step.
    pub step: FuncId,
    /// `extern "C" fn(frame, args, first_unit, end_unit, scratch)`, per kernel of the program.
    pub kernels: Vec<FuncId>,
    /// All functions: each kernel after its loops that are functions of their own, and the step.
    pub functions: Vec<CodeFunction>,
    /// The kernels of which loops are not in the machine's longest vectors, and what they hold that
    /// those have no instruction for.
    pub refused: Vec<(usize, String)>,
    /// Milliseconds that making the code of each kernel took.
    pub kernel_ms: Vec<f64>,
    /// Bytes of machine code of all of them.
    pub bytes: usize,
}

/// What a function is of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A kernel, by its number.
    Kernel(usize),
    /// Loops of a kernel, by its number, in the machine's longest vectors.
    Loops(usize),
    /// The step.
    Step,
}

/// A function of machine code.
#[derive(Clone, Debug)]
pub struct CodeFunction {
    /// The function in its module.
    pub id: FuncId,
    /// What it is.
    pub part: Part,
    /// For which nodes its code is or, of the step's, for which calls.
    pub origins: CodeOrigins,
    /// Its texts, as far as the options keep them.
    pub text: CodeText,
}

/// The texts of a function.
#[derive(Clone, Debug, Default)]
pub struct CodeText {
    /// The name.
    pub name: String,
    /// Cranelift's input; empty if not kept.
    pub clif: String,
    /// The machine code in Cranelift's notation; empty if not kept.
    pub assembly: String,
    /// The machine code; empty if not kept.
    pub code: MachineCode,
}

/// The code generator for a target, set as the performance of kernels wants it: no optimiser (the
/// loop IR is optimised already and its order is kept), all instructions of the target.
/// `pic` makes position-independent code, for object files; `verify` checks Cranelift's input.
///
/// # Errors
/// If Cranelift does not know the machine.
pub fn isa(target: &Target, pic: bool, verify: bool) -> Result<OwnedTargetIsa, CodegenError> {
    let mut flags = settings::builder();
    let pic = if pic { "true" } else { "false" };
    let verify = if verify { "true" } else { "false" };
    let values = [
        ("opt_level", "none"),
        ("regalloc_algorithm", "backtracking"),
        ("enable_verifier", verify),
        ("use_colocated_libcalls", "false"),
        ("is_pic", pic),
        ("unwind_info", "false"),
        // The tables of a large wave take more than a page of stack.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
    ];
    for (name, value) in values {
        flags.set(name, value).map_err(|e| CodegenError::Machine(e.to_string()))?;
    }
    let machine = |e: &dyn std::fmt::Display| CodegenError::Machine(e.to_string());
    let mut builder = lookup_by_name(target.triple).map_err(|e| machine(&e))?;
    for feature in target.features {
        builder.enable(feature).map_err(|e| machine(&e))?;
    }
    let flags = settings::Flags::new(flags);
    builder.finish(flags).map_err(|e| machine(&e))
}

/// Declares and defines all functions of a program in a module, under symbols that begin with
/// `prefix`; the caller finalises it.
///
/// # Errors
/// If a kernel holds what has no code, or Cranelift refuses a function: both are bugs.
pub fn compile_program<M: Module>(
    module: &mut M,
    program: &Program,
    prefix: &str,
    options: CodegenOptions,
) -> Result<Code, CodegenError> {
    let mut maker = Maker::new(module, options);
    let (mut kernels, mut kernel_ms) = (vec![], vec![]);
    for (i, kernel) in program.kernels.iter().enumerate() {
        let start = Instant::now();
        kernels.push(maker.kernel(&format!("{prefix}_kernel_{i}"), i, kernel)?);
        kernel_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let mut callees = vec![];
    for (number, (call, _)) in program.calls().enumerate() {
        let kernel = kernels[call.kernel];
        callees.push(match options.observe {
            true => maker.observed(&format!("{prefix}_call_{number}"), number, kernel)?,
            false => kernel,
        });
    }
    let step = maker.step(&format!("{prefix}_step"), program, &callees)?;
    let Maker { functions, refused, bytes, .. } = maker;
    Ok(Code { step, kernels, functions, refused, kernel_ms, bytes })
}

/// Declares and defines one kernel under a symbol, with the functions that it is made of:
/// `extern "C" fn(frame, args, first_unit, end_unit, scratch)`.
///
/// # Errors
/// As [`compile_program`].
pub fn define_kernel<M: Module>(
    module: &mut M,
    symbol: &str,
    kernel: &Kernel,
    options: CodegenOptions,
) -> Result<(FuncId, Vec<CodeFunction>), CodegenError> {
    let mut maker = Maker::new(module, options);
    let id = maker.kernel(symbol, 0, kernel)?;
    Ok((id, maker.functions))
}

/// Whether a machine has vectors of 512 bits, with all that is made of them here.
fn is_wide(isa: &dyn TargetIsa) -> bool {
    let flags = isa.isa_flags();
    ["has_avx512f", "has_avx512dq", "has_avx512vl"]
        .into_iter()
        .all(|name| flags.iter().any(|f| f.name == name && f.as_bool() == Some(true)))
}

/// How many parameters a kernel has.
const KERNEL_PARAMETERS: usize = 5;

struct Maker<'a, M> {
    module: &'a mut M,
    options: CodegenOptions,
    externs: FxHashMap<Extern, FuncId>,
    functions: Vec<CodeFunction>,
    refused: Vec<(usize, String)>,
    bytes: usize,
    /// Whether the machine has vectors of 512 bits.
    is_wide: bool,
}

impl<'a, M: Module> Maker<'a, M> {
    fn new(module: &'a mut M, options: CodegenOptions) -> Maker<'a, M> {
        let is_wide = is_wide(module.isa());
        Maker {
            module,
            options,
            externs: FxHashMap::default(),
            functions: vec![],
            refused: vec![],
            bytes: 0,
            is_wide,
        }
    }

    fn kernel(
        &mut self,
        symbol: &str,
        number: usize,
        kernel: &Kernel,
    ) -> Result<FuncId, CodegenError> {
        let (id, mut func) = self.declare(symbol, Linkage::Local, KERNEL_PARAMETERS)?;
        let mut externs = FxHashMap::default();
        for function in kernel::externs_of(kernel) {
            externs.insert(function, self.import(function, &mut func)?);
        }
        // NEON compares for what holds of numbers alone.
        let is_arm = self.module.isa().name() == "aarch64";
        let machine = Machine::narrow(!is_arm);
        let runs = if self.is_wide { runs(kernel, self.options.loops) } else { vec![] };
        let mut outlined = Outlined::default();
        for run in runs {
            let symbol = format!("{symbol}_loops_{}", outlined.len());
            if let Some(id) = self.loops(&symbol, number, kernel, &run)? {
                let callee = self.module.declare_func_in_func(id, &mut func);
                outlined.insert(run, callee);
            }
        }
        let emitted = kernel::emit(kernel, func, &externs, machine, outlined)?;
        self.define(id, Part::Kernel(number), emitted, &kernel.name)?;
        Ok(id)
    }

    /// A run of loops as a function of its own; `None` if it holds what the machine's longest vectors
    /// have no instruction for.
    fn loops(
        &mut self,
        symbol: &str,
        number: usize,
        kernel: &Kernel,
        run: &Run<'_>,
    ) -> Result<Option<FuncId>, CodegenError> {
        let signature = externs::words(1, CallConv::SystemV);
        let func = Function::with_name_signature(UserFuncName::default(), signature.clone());
        let emitted = run::emit_run(kernel, func, run)?;
        let func = &emitted.func;
        if self.module.isa().flags().enable_verifier() {
            let flags = self.module.isa().flags();
            cranelift_codegen::verify_function(func, flags)
                .map_err(|e| CodegenError::Machine(format!("{symbol}: {e}")))?;
        }
        let compiled = match wide::compile(func) {
            Ok(compiled) => compiled,
            Err(Unsupported(what)) => {
                self.refused.push((number, what));
                return Ok(None);
            }
        };
        let declared = self.module.declare_function(symbol, Linkage::Local, &signature);
        let id = declared.map_err(Box::new)?;
        let defined = self.module.define_function_bytes(id, wide::ALIGNMENT, &compiled.bytes, &[]);
        defined.map_err(Box::new)?;
        self.bytes += compiled.bytes.len();
        // What is not of these loops is of the kernel.
        let own = emitted.origins.get(emitted.all);
        let others = (0..=emitted.origins.largest().unwrap_or(0)).filter(|n| !own.contains(n));
        let origins = CodeOrigins::of(&compiled.locations, &emitted, &others.collect());
        let mut text = CodeText { name: kernel.name.clone(), ..CodeText::default() };
        if self.options.keep_clif {
            text.clif = func.display().to_string();
        }
        if self.options.keep_assembly {
            text.code = MachineCode { bytes: compiled.bytes, relocations: vec![] };
        }
        self.functions.push(CodeFunction { id, part: Part::Loops(number), origins, text });
        Ok(Some(id))
    }

    /// A function that lets the runtime run a kernel for the call of that number.
    fn observed(
        &mut self,
        symbol: &str,
        number: usize,
        kernel: FuncId,
    ) -> Result<FuncId, CodegenError> {
        let (id, mut func) = self.declare(symbol, Linkage::Local, KERNEL_PARAMETERS)?;
        let runtime = self.import(Extern::Observed, &mut func)?;
        let kernel = self.module.declare_func_in_func(kernel, &mut func);
        let func = observed::emit(func, number, kernel, runtime);
        let mut context = Context::for_function(func);
        self.module.define_function(id, &mut context).map_err(|e| refused(symbol, e))?;
        Ok(id)
    }

    /// The step of a program, with what each call of it calls.
    fn step(
        &mut self,
        symbol: &str,
        program: &Program,
        callees: &[FuncId],
    ) -> Result<FuncId, CodegenError> {
        let (id, mut func) = self.declare(symbol, Linkage::Local, 1)?;
        let wave = self.import(Extern::Wave, &mut func)?;
        let mut known: FxHashMap<FuncId, FuncRef> = FxHashMap::default();
        let calls = callees.iter().map(|&callee| {
            let declare = || self.module.declare_func_in_func(callee, &mut func);
            *known.entry(callee).or_insert_with(declare)
        });
        let callees = step::Callees { calls: calls.collect(), wave };
        let emitted = step::emit(program, func, &callees)?;
        self.define(id, Part::Step, emitted, "step")?;
        Ok(id)
    }

    fn declare(
        &mut self,
        symbol: &str,
        linkage: Linkage,
        n_parameters: usize,
    ) -> Result<(FuncId, Function), CodegenError> {
        let signature = externs::words(n_parameters, self.module.isa().default_call_conv());
        let id = self.module.declare_function(symbol, linkage, &signature).map_err(Box::new)?;
        let name = UserFuncName::user(0, id.as_u32());
        Ok((id, Function::with_name_signature(name, signature)))
    }

    fn import(&mut self, function: Extern, func: &mut Function) -> Result<FuncRef, CodegenError> {
        let id = match self.externs.get(&function) {
            Some(&id) => id,
            None => {
                let signature = function.signature(self.module.isa().default_call_conv());
                let name = function.name();
                let id = self.module.declare_function(&name, Linkage::Import, &signature);
                let id = id.map_err(Box::new)?;
                self.externs.insert(function, id);
                id
            }
        };
        Ok(self.module.declare_func_in_func(id, func))
    }

    fn define(
        &mut self,
        id: FuncId,
        part: Part,
        mut emitted: Emission,
        name: &str,
    ) -> Result<(), CodegenError> {
        let func = std::mem::replace(&mut emitted.func, Function::new());
        let mut context = Context::for_function(func);
        context.set_disasm(self.options.keep_assembly);
        let clif =
            if self.options.keep_clif { context.func.display().to_string() } else { String::new() };
        self.module.define_function(id, &mut context).map_err(|e| refused(name, e))?;
        let compiled = context.compiled_code().expect("what is defined was compiled");
        self.bytes += compiled.code_buffer().len();
        let assembly = compiled.vcode.clone().unwrap_or_default();
        let code = match self.options.keep_assembly {
            true => self.machine_code(compiled, &context.func, id),
            false => MachineCode::default(),
        };
        let found = compiled.buffer.get_srclocs_sorted().iter();
        let found: Vec<_> = found.map(|f| (f.start..f.end, f.loc)).collect();
        let loops = self.functions.iter().filter(|f| match (f.part, part) {
            (Part::Loops(a), Part::Kernel(b)) => a == b,
            _ => false,
        });
        let elsewhere = loops.flat_map(|f| f.origins.iter().flat_map(|(_, numbers)| numbers));
        let elsewhere = elsewhere.copied().collect();
        let origins = CodeOrigins::of(&found, &emitted, &elsewhere);
        let text = CodeText { name: name.into(), clif, assembly, code };
        self.functions.push(CodeFunction { id, part, origins, text });
        Ok(())
    }

    fn machine_code(&self, compiled: &CompiledCode, func: &Function, id: FuncId) -> MachineCode {
        let relocations = compiled.buffer.relocs().iter().map(|reloc| {
            let reloc = ModuleReloc::from_mach_reloc(reloc, func, id);
            let name = match reloc.name {
                ModuleRelocTarget::User { namespace: 0, index } => {
                    let declared = self.module.declarations();
                    let declared = declared.get_function_decl(FuncId::from_u32(index));
                    declared.linkage_name(FuncId::from_u32(index)).into_owned()
                }
                other => other.to_string(),
            };
            (reloc.offset, name)
        });
        let relocations = relocations.collect();
        MachineCode { bytes: compiled.code_buffer().to_vec(), relocations }
    }
}

fn refused(function: &str, error: cranelift_module::ModuleError) -> CodegenError {
    match error {
        cranelift_module::ModuleError::Compilation(source) => {
            CodegenError::Refused { function: function.into(), source: Box::new(source) }
        }
        other => CodegenError::Module(Box::new(other)),
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn targets_have_code_generators_with_what_their_names_promise() {
        let levels = [
            (Target::X86_64, ""),
            (Target::X86_64_V2, "has_sse42 has_popcnt"),
            (Target::X86_64_V3, "has_avx has_avx2 has_fma has_bmi2 has_lzcnt"),
            (Target::X86_64_V4, "has_avx512f has_avx512vl has_avx512dq"),
        ];
        let all = levels.each_ref().map(|(_, features)| *features).join(" ");
        for (number, (target, _)) in levels.iter().enumerate() {
            let isa = isa(target, true, true).expect("a target of this processor's kind");
            let lower = levels[..=number].iter().flat_map(|(_, f)| f.split_whitespace());
            let lower: Vec<&str> = lower.collect();
            for feature in all.split_whitespace() {
                let is_on =
                    isa.isa_flags().iter().any(|f| f.name == feature && f.as_bool() == Some(true));
                assert_eq!(is_on, lower.contains(&feature), "{}: {feature}", target.name);
            }
            assert_eq!(is_wide(&*isa), target.long_vectors, "{}", target.name);
        }
    }
}
