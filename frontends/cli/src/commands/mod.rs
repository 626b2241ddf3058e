//! The commands, each in a file.

pub(crate) mod demo;
pub(crate) mod check;
pub(crate) mod run;
pub(crate) mod train;
pub(crate) mod eval;
pub(crate) mod predict;
pub(crate) mod data;
pub(crate) mod compile;
pub(crate) mod dump;
pub(crate) mod bench;
pub(crate) mod profile;
mod timed;
pub(crate) mod gradcheck;
pub(crate) mod help;
pub(crate) mod new;
pub(crate) mod reference;
