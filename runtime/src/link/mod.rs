//! Where Rust meets native code.

#![allow(unsafe_code)]

pub(crate) mod convolution;
mod executable;
pub(crate) mod product;

pub(crate) use executable::Executable;
