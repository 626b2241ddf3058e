//! Machine code against the loop interpreter, bit for bit but for the bits of a NaN.

#![allow(unsafe_code)]

mod harness;
mod long_vectors;
mod operations;
mod statements;
