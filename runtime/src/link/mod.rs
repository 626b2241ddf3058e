//! Where Rust meets native code.

#![allow(unsafe_code)]

pub(crate) mod convolution;
mod executable;
mod observed;
pub(crate) mod product;

pub(crate) use executable::Executable;
pub(crate) use observed::{Observer, Part, Watched};
