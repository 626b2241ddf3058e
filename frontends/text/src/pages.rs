//! The pages of the language, as texts.

/// The reference of the language, in Markdown.
pub const LANGUAGE: &str = include_str!("../LANGUAGE.md");

/// What is written in Keras, and in the language.
pub const FROM_KERAS: &str = include_str!("../FROM_KERAS.md");
