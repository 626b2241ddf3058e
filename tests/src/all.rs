//! Every test of the workspace's boundaries, in one binary.

mod architecture;
mod circles;
mod compare;
mod every_file;
mod examples;
mod filetests;
mod growing;
mod initial_values;
mod language_page;
mod long_loops;
mod loop_text;
mod memory;
mod operations;
mod origins;
mod pages;
mod programs;
mod random_graphs;
mod random_loops;
mod random_training;
mod read_back;
mod references;
mod rules;
mod ways;
