//! Calls that the runtime observes: instead of a kernel the step calls a function that hands the kernel
//! and its arguments to the runtime, which runs it, with what it wants before and after.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{FuncRef, Function, InstBuilder, types};

use super::KERNEL_PARAMETERS;

/// Fills an empty function with the signature of a kernel: it calls
/// `brolga_observed(number, kernel, frame, args, first, end, scratch)`.
pub(super) fn emit(
    mut func: Function,
    number: usize,
    kernel: FuncRef,
    runtime: FuncRef,
) -> Function {
    let block = func.dfg.make_block();
    func.layout.append_block(block);
    let parameters =
        [(); KERNEL_PARAMETERS].map(|()| func.dfg.append_block_param(block, types::I64));
    let mut at = FuncCursor::new(&mut func).at_bottom(block);
    let number = at.ins().iconst(types::I64, number as i64);
    let kernel = at.ins().func_addr(types::I64, kernel);
    let arguments = [[number, kernel].as_slice(), &parameters].concat();
    at.ins().call(runtime, &arguments);
    at.ins().return_(&[]);
    func
}
