//! The pages of the language, as texts.

/// The reference of the language, in Markdown.
pub const LANGUAGE: &str = include_str!("../LANGUAGE.md");
