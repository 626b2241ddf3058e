//! The texts of a program's code: the `clif` and `asm` stages of a dump.

use cranelift_module::default_libcall_names;
use cranelift_object::{ObjectBuilder, ObjectModule};

use super::{CodeText, CodegenError, CodegenOptions, compile_program, isa};
use crate::ir::Target;
use crate::program::Program;

/// The texts of the functions that [`compile_program`] makes for a target: the kernels' in
/// their order, last the step's. The code itself is dropped.
///
/// # Errors
/// As [`compile_program`].
pub fn texts(program: &Program, target: &Target) -> Result<Vec<CodeText>, CodegenError> {
    let isa = isa(target, false, true)?;
    let builder = ObjectBuilder::new(isa, "brolga", default_libcall_names()).map_err(Box::new)?;
    let mut module = ObjectModule::new(builder);
    let options = CodegenOptions { keep_clif: true, keep_assembly: true };
    Ok(compile_program(&mut module, program, "brolga", options)?.texts)
}
