//! The runtime of Brolga: gives a compiled program memory, threads and library kernels, feeds it
//! with data and trains with it.

// What data sets alone ask of the others is little, and stays where it belongs.
#![cfg_attr(not(feature = "fit"), allow(dead_code))]

pub mod arena;
pub mod checkpoint;
pub mod data;
pub mod eager;
mod error;
mod host;
mod link;
#[cfg(test)]
mod modules;
pub mod profile;
pub mod session;
pub mod store;
#[cfg(feature = "fit")]
pub mod train;

#[cfg(feature = "library")]
pub use brolga_kernels::ARCHIVES as KERNELS_ARCHIVES;
pub use error::{Fault, FedElement, RunError};
pub use host::{host_memory, host_target, host_threads};
