//! The C library as C sees it: its header, the example, and calls that make no sense.

mod header;
mod programs;
mod example;
mod misuse;
mod page;
