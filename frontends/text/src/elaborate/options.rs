//! What a file is loaded with.

use crate::parser;

/// How large a file and what it expands to may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The limits of the text.
    pub syntax: parser::Limits,
    /// How deep expressions and calls may nest, together.
    pub depth: usize,
    /// How many iterations of `for` may be expanded, all loops together.
    pub iterations: usize,
    /// How many calls of functions may be expanded.
    pub calls: usize,
    /// How many nodes a graph may have.
    pub nodes: usize,
    /// How many members a list may have, those of its lists included.
    pub list: usize,
    /// The size of a tensor in bytes, where its dimensions are numbers.
    pub bytes: usize,
}

impl Default for Limits {
    /// Ten times what the largest programs need; 64 GiB for a tensor. A level of depth is at most
    /// some two kilobytes of a thread's stack, of which a thread has two megabytes.
    fn default() -> Limits {
        Limits {
            syntax: parser::Limits::default(),
            depth: 400,
            iterations: 100_000,
            calls: 100_000,
            nodes: 1_000_000,
            list: 1_000_000,
            bytes: 64 << 30,
        }
    }
}

/// What a file is loaded with.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Values for consts of the file, as text of the language: `("rate", "0.5")`.
    pub consts: &'a [(String, String)],
    /// The bytes of an imported file, whose path is relative to where the first file's is. Errors:
    /// why it cannot be read.
    pub import: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
    /// How large it may be.
    pub limits: Limits,
    /// Whether the calls of `grad` are kept, as [`super::Loaded::gradients`].
    pub keep_gradients: bool,
}

impl Default for LoadOptions<'_> {
    /// No consts, no files to import, the usual limits, no calls kept.
    fn default() -> Self {
        let import = &|_: &str| Err("there are no files to import from".to_owned());
        LoadOptions { consts: &[], import, limits: Limits::default(), keep_gradients: false }
    }
}
