//! The `.graph` language: text to a syntax tree, with diagnostics that point at the text.

#![forbid(unsafe_code)]

pub mod source;
pub mod codes;
pub mod diagnostics;
pub mod ast;
mod lexer;
pub mod parser;
pub mod print;
