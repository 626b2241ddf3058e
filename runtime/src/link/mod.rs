//! Where Rust meets native code.

#![allow(unsafe_code)]

mod executable;
pub(crate) mod product;

pub(crate) use executable::Executable;
