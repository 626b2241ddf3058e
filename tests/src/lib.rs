//! The workspace's integration tests live in the one test binary beside this file, `all.rs`.
