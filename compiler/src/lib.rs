//! The compiler.

pub mod error;
pub mod ir;
pub mod ops;

pub mod autodiff;
pub mod optimizer;
pub mod specialise;

pub mod passes;

pub mod fuse;
pub mod loop_ir;
pub mod lower;
pub mod program;
pub mod schedule;

pub mod compile;
pub mod plan;

pub mod codegen;
