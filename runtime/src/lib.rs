//! The runtime of Brolga: gives a compiled program memory, threads and library kernels, feeds it
//! with data and trains with it.

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
pub mod train;

#[cfg(feature = "library")]
pub use brolga_kernels::ARCHIVES as KERNELS_ARCHIVES;
pub use error::{Fault, FedElement, RunError};
pub use host::{host_memory, host_target, host_threads};
