//! The compiler.

pub mod ir;
pub mod ops;
pub mod error;
pub mod passes;
pub mod loop_ir;
pub mod fuse;
pub mod lower;
pub mod program;
pub mod schedule;
pub mod plan;
pub mod compile;
