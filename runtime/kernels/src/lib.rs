//! The precompiled CPU kernels of Brolga: what compiled programs call by name.
//!
//! Every kernel is a C symbol without dependencies, so that this crate is at once a Rust library for
//! the runtime's JIT linker ([`symbols`]) and a static library for an object file to link against.
//! Each exists once in source and is compiled for several instruction sets, of which the best that
//! the host has is chosen once, at run time ([`Isa::detect`]). All sets that have fused multiply-add
//! compute the same bits.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![allow(unsafe_code)]

extern crate alloc;

pub mod claim;
mod isa;
pub mod library;
#[cfg(any(feature = "std", test))]
pub mod limits;
pub mod math;
pub mod philox;
pub mod pool;
#[cfg(not(any(feature = "std", test)))]
mod real;
pub mod sort;
pub mod tile;
pub mod transpose;
pub mod wave;

pub use isa::Isa;
pub use pool::Pool;
pub use tile::Tile;
pub use wave::{Kernel, Task};

/// This crate as static libraries without their index, compressed (gzip), by the triples of the
/// machines that they are for: what object files of models are linked with.
#[cfg(feature = "archive")]
pub const ARCHIVES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/archives.rs"));

/// The C symbols of this crate by name, for the linker of JIT code.
pub fn symbols() -> alloc::vec::Vec<(&'static str, *const u8)> {
    let mut symbols = alloc::vec![
        ("brolga_claim", claim::brolga_claim as *const u8),
        ("brolga_philox", philox::brolga_philox as *const u8),
        ("brolga_pool_free", pool::brolga_pool_free as *const u8),
        ("brolga_pool_new", pool::brolga_pool_new as *const u8),
        ("brolga_sort_i64", sort::brolga_sort_i64 as *const u8),
        ("brolga_tile_f32", tile::brolga_tile_f32 as *const u8),
        ("brolga_tile_f64", tile::brolga_tile_f64 as *const u8),
        ("brolga_transpose_f32", transpose::brolga_transpose_f32 as *const u8),
        ("brolga_transpose_f64", transpose::brolga_transpose_f64 as *const u8),
        ("brolga_wave", wave::brolga_wave as *const u8),
    ];
    symbols.extend(math::KERNELS.iter().map(|(name, kernel)| (*name, kernel.address())));
    symbols
}
