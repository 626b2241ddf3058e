//! The `.graph` language: text to a syntax tree to a module, with diagnostics that point at the
//! text.

#![forbid(unsafe_code)]

pub mod source;
pub mod codes;
pub mod diagnostics;
pub mod spelling;
mod foreign;
pub mod ast;
mod lexer;
pub mod parser;
pub mod print;
mod library;
mod unused;
mod elaborate;
mod support;
pub mod pages;

pub use elaborate::{
    Argument, Construction, GradientCall, LibraryCall, Limits, LoadError, LoadOptions, Loaded,
    Loop, Operation, Scope, StepGroup, TensorRef, constructed, load, operations,
};
pub use library::{std_functions, std_source};
pub use support::{ELEMENT_TYPES, Support, natural_entry, support};
pub use unused::{Layer, unused, variables_of_layers};
