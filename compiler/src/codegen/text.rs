//! The code of a program to be looked at: the `clif` and `asm` stages of a dump.

use cranelift_module::default_libcall_names;
use cranelift_object::{ObjectBuilder, ObjectModule};

use super::{Code, CodegenError, CodegenOptions, compile_program, isa};
use crate::ir::Target;
use crate::program::Program;

/// What [`compile_program`] makes for a target, with the texts of all functions. The code itself is
/// dropped.
///
/// # Errors
/// As [`compile_program`].
pub fn code(program: &Program, target: &Target) -> Result<Code, CodegenError> {
    let isa = isa(target, false, true)?;
    let builder = ObjectBuilder::new(isa, "brolga", default_libcall_names()).map_err(Box::new)?;
    let mut module = ObjectModule::new(builder);
    let options =
        CodegenOptions { keep_clif: true, keep_assembly: true, ..CodegenOptions::default() };
    compile_program(&mut module, program, "brolga", options)
}
