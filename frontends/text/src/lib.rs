//! The `.graph` language: text to a syntax tree, with diagnostics that point at the text.

#![forbid(unsafe_code)]

pub mod ast;
pub mod codes;
pub mod diagnostics;
mod lexer;
pub mod parser;
pub mod print;
pub mod source;
