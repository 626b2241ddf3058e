//! Eager mode: a graph is run node by node, in order, by the ops' own `eval`.

mod contraction;

pub use contraction::Kernels;
