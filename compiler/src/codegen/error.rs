//! Why code could not be made.

use cranelift_codegen::CodegenError as CraneliftError;
use cranelift_module::ModuleError;
use thiserror::Error;

/// Why code could not be made: always a bug of the compiler, or a machine that it does not know.
#[derive(Debug, Error)]
pub enum CodegenError {
    /// A kernel holds what should have been rewritten before.
    #[error("kernel `{kernel}` has no code for {what}")]
    Unsupported {
        /// The kernel's name.
        kernel: String,
        /// What has no code.
        what: String,
    },
    /// Cranelift cannot make code for this machine.
    #[error("no code can be made for this machine: {0}")]
    Machine(String),
    /// A wave has so many calls that their table does not fit on a stack.
    #[error("a wave needs {bytes} bytes for its calls, more than {limit}")]
    WaveTooLarge {
        /// The bytes of its table.
        bytes: usize,
        /// The bytes that there may be.
        limit: usize,
    },
    /// Cranelift refused a function.
    #[error("cranelift refuses `{function}`: {source}")]
    Refused {
        /// The function's name.
        function: String,
        /// Why.
        source: Box<CraneliftError>,
    },
    /// The module refused a definition.
    #[error("the module refuses a definition: {0}")]
    Module(#[from] Box<ModuleError>),
}
