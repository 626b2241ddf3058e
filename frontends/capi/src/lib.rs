//! The C library of Brolga: what a C program calls to read, train and run a graph.
//!
//! `include/brolga.h` is made of this crate's declarations, and a test holds it against them; its
//! comments are those that stand here. Invariant: whatever a function is given, it returns; what is
//! wrong becomes a status and the thread's error ([`error`]), a panic too.
//!
//! The functions of this crate are for C. They are unsafe as every function of C is: a pointer that
//! is not NULL must point to what its function asks for, for as long as the call lasts.

#![allow(unsafe_code)]
#![expect(clippy::missing_safety_doc, reason = "it is the same for all of them, and stands above")]

pub mod types;
pub mod error;
mod boundary;
mod given;
mod listing;
pub mod graph;
pub mod session;
pub mod calls;
pub mod variables;

/// The version of the library: "0.1.0". The text is the library's, for ever.
#[unsafe(no_mangle)]
pub extern "C" fn brolga_version() -> *const std::ffi::c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
