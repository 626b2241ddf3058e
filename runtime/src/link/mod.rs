//! Where Rust meets native code.

#![allow(unsafe_code)]

pub(crate) mod product;
