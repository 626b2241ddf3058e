//! The compiler: a static dataflow graph in, native code out. See the module list in the order
//! of the straight line.

pub mod ir;
pub mod loop_ir;
pub mod ops;
pub mod program;
