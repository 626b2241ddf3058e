//! The `brolga` command.
fn main() {}
