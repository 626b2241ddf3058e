//! What the compiler says when it refuses: data for a frontend to render.

use std::fmt;

use crate::ir::{Graph, NodeId, Provenance, VerifyError};
use crate::ops::{GradientError, TypeError};

/// One thing that is wrong.
#[derive(Clone, PartialEq)]
pub struct CompileError {
    /// The code: `E0203`.
    pub code: &'static str,
    /// What is wrong, lower case without a full stop.
    pub message: String,
    /// What stands at the place: types, shapes.
    pub label: Option<String>,
    /// Where.
    pub provenance: Provenance,
    /// What to change.
    pub help: Option<String>,
}

/// Codes of errors that the compiler itself finds.
pub mod codes {
    /// A value has no gradient.
    pub const NO_GRADIENT: &str = "E0220";
    /// A name that is not in the graph.
    pub const UNKNOWN_NAME: &str = "E0301";
    /// An optimiser is called with what it does not know.
    pub const OPTIMIZER: &str = "E0410";
    /// There is nothing to compute.
    pub const NOTHING_TO_COMPUTE: &str = "E0411";
    /// A step needs more memory than is allowed.
    pub const MEMORY: &str = "E0505";
    /// A pass that does not exist.
    pub const UNKNOWN_PASS: &str = "E0506";
    /// Inputs that no data set can feed together.
    pub const BATCH_DIMENSION: &str = "E0614";
    /// A broken invariant: a bug of the compiler.
    pub const BUG: &str = "E0999";
}

impl CompileError {
    /// An error at a place.
    pub fn new(
        code: &'static str,
        message: impl Into<String>,
        provenance: &Provenance,
    ) -> CompileError {
        CompileError {
            code,
            message: message.into(),
            label: None,
            provenance: provenance.clone(),
            help: None,
        }
    }

    /// The same error with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> CompileError {
        self.help = Some(help.into());
        self
    }

    /// What an op refused at a node.
    pub fn of_type(error: TypeError, graph: &Graph, node: NodeId) -> CompileError {
        let node = graph.node(node);
        CompileError {
            code: error.code,
            message: error.message,
            label: Some(format!("`{}`", node.name)),
            provenance: node.provenance.clone(),
            help: error.help,
        }
    }

    /// A node without a gradient.
    pub fn of_gradient(error: GradientError, graph: &Graph, node: NodeId) -> CompileError {
        match error {
            GradientError::Type(error) => CompileError::of_type(error, graph, node),
            GradientError::InRegion(error) => *error,
            other @ GradientError::None(_) => {
                let provenance = &graph.node(node).provenance;
                CompileError::new(codes::NO_GRADIENT, other.to_string(), provenance)
                    .with_help("`stop_gradient` around it keeps it out of the gradient")
            }
        }
    }

    /// A fault of the compiler.
    pub fn bug(message: impl Into<String>) -> CompileError {
        CompileError::new(codes::BUG, message, &Provenance::default())
            .with_help("this is a bug of the compiler: please report it with the file")
    }
}

impl From<VerifyError> for CompileError {
    fn from(error: VerifyError) -> CompileError {
        CompileError::bug(error.to_string())
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        if let Some(place) = self.provenance.sites().first() {
            write!(f, " at {place}")?;
        }
        match &self.help {
            Some(help) => write!(f, " (help: {help})"),
            None => Ok(()),
        }
    }
}

/// What `main` shows of an error that it returns.
impl fmt::Debug for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CompileError {}
