//! The compiler: a static dataflow graph in, native code out. A pure function: it starts no
//! threads, reads no files and asks no clock but to say how long its phases took.
//!
//! The line from a module to machine code, and the module that is each arrow:
//!
//! ```text
//! Module ─entry (autodiff, optimizer)─▶ Graph: a whole training step, symbolic
//!        ─specialise─▶ Graph: every dimension a number
//!        ─passes─▶ Graph: folded, simplified, shared
//!        ─fuse─▶ Groups ─lower─▶ Kernels ─loop_ir─▶ Kernels: expanded, placed
//!        ─schedule─▶ Waves ─plan─▶ Program: plain data
//!        ─codegen─▶ machine code
//! ```
//!
//! [`compile::compile`] reads like this diagram. A module imports only from its own line below
//! or an earlier one; `ir`, `ops` and `error` are one knot: a graph holds ops, rules build nodes.

pub mod error;
pub mod ir;
pub mod ops;

pub mod autodiff;
pub mod optimizer;
pub mod specialise;
pub mod widen;

pub mod passes;

pub mod fuse;
pub mod loop_ir;
pub mod lower;
pub mod program;
pub mod schedule;

pub mod plan;

pub mod codegen;

pub mod compile;
pub mod entry;
#[cfg(feature = "object")]
pub mod object;
#[cfg(feature = "inspect")]
pub mod stages;
