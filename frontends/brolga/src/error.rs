//! Everything that can go wrong, as one type.

use std::fmt;

use brolga_compiler::error::CompileError;
#[cfg(feature = "library")]
use brolga_compiler::object::ObjectError;
use brolga_runtime::RunError;
use brolga_runtime::data::DataError;
use brolga_text::LoadError;

/// An error of Brolga, whatever it was that failed. What `{:?}` shows, and with it a `main` that ends
/// with `?`, is the message too: code, place, shapes, and what to change.
///
/// ```
/// fn train() -> Result<(), brolga::Error> {
///     let graph = brolga::Graph::from_text("y.graph", "input x: f32[3]\noutput y = x @ x2\n")?;
///     let session = brolga::Session::new(graph, Default::default())?;
///     session.save("y.safetensors")?;
///     Ok(())
/// }
/// let error = train().err().ok_or("`x2` is nowhere")?;
/// let text = format!("{error:?}");
/// assert!(text.starts_with("error[E0301]") && text.contains("--> y.graph:2:16"), "{text}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub enum Error {
    /// A text is wrong: all that is, rendered with its lines.
    Text(Box<LoadError>),
    /// A graph that was built in Rust is wrong.
    Build(BuildErrors),
    /// No library can be made of a graph.
    #[cfg(feature = "library")]
    Library(Box<ObjectError>),
    /// Compiling, running, training, or the data have failed.
    Run(RunError),
}

/// All that is wrong with a graph that was built in Rust, at least one thing.
#[derive(Clone, PartialEq)]
pub struct BuildErrors(pub(crate) Vec<CompileError>);

impl std::ops::Deref for BuildErrors {
    type Target = [CompileError];

    fn deref(&self) -> &[CompileError] {
        &self.0
    }
}

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl fmt::Debug for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BuildErrors {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Text(error) => error.fmt(f),
            Error::Build(errors) => errors.fmt(f),
            #[cfg(feature = "library")]
            Error::Library(error) => error.fmt(f),
            // With its code, and what to change.
            Error::Run(error) => fmt::Debug::fmt(error, f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<Box<LoadError>> for Error {
    fn from(error: Box<LoadError>) -> Error {
        Error::Text(error)
    }
}

impl From<BuildErrors> for Error {
    fn from(errors: BuildErrors) -> Error {
        Error::Build(errors)
    }
}

#[cfg(feature = "library")]
impl From<ObjectError> for Error {
    fn from(error: ObjectError) -> Error {
        Error::Library(Box::new(error))
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Error {
        Error::Run(error)
    }
}

impl From<CompileError> for Error {
    fn from(error: CompileError) -> Error {
        Error::Run(error.into())
    }
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Error {
        Error::Run(error.into())
    }
}
