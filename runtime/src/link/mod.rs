//! Where Rust meets native code.

#![allow(unsafe_code)]

pub(crate) mod convolution;
mod executable;
mod observed;
#[cfg(target_os = "linux")]
mod perf;
pub(crate) mod product;

pub(crate) use executable::{Executable, Making};
pub(crate) use observed::{Observer, Part, Watch, Watched};
