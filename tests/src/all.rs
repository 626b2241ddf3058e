//! Every test of the workspace's boundaries, in one binary.

mod architecture;
mod compare;
mod random_graphs;
mod rules;
