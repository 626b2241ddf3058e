//! A graph that was read or built.

use std::path::Path;
use std::sync::Arc;

use brolga_compiler::ir::Module;
use brolga_runtime::data::DataError;
use brolga_text::{LoadOptions, load};

use crate::Error;
use crate::builder::{GraphBuilder, build_module};

/// A whole program, ready for a [`Session`](crate::Session), from a file, a text, or a closure. It is
/// cheap to clone; sessions of one graph share it, and nothing else.
///
/// ```
/// use brolga::{Graph, Literal, Session, SessionOptions};
///
/// let path = std::env::temp_dir().join(format!("line-{}.graph", std::process::id()));
/// std::fs::write(&path, "input x: f32[n, 2]\nparam w: f32[2] = 3\noutput y = x @ w\n")?;
/// let graph = Graph::from_file(&path)?;
/// let mut session = Session::new(graph, SessionOptions::default())?;
/// let x = Literal::from_vec(&[1, 2], vec![1f32, 2.]).ok_or("two elements")?;
/// assert_eq!(session.outputs([("x", x)])?["y"].to_string(), "[9.0]");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph(Arc<Module>);

impl Graph {
    /// Reads a `.graph` file; what it imports is found beside it.
    ///
    /// # Errors
    /// A file that cannot be read; everything that is wrong with it, with its lines.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Graph, Error> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|error| DataError::Read {
            path: path.to_path_buf(),
            reason: error.to_string(),
        })?;
        Graph::from_bytes(&path.display().to_string(), &text)
    }

    /// Reads a text of the language; `name` is what messages call it.
    ///
    /// # Errors
    /// Everything that is wrong with it, with its lines.
    pub fn from_text(name: &str, text: &str) -> Result<Graph, Error> {
        Graph::from_bytes(name, text.as_bytes())
    }

    fn from_bytes(name: &str, text: &[u8]) -> Result<Graph, Error> {
        Ok(Graph(load(name, text, &LoadOptions::default())?.module.into()))
    }

    /// Builds a graph, as [`build_module`] does.
    ///
    /// # Errors
    /// Everything that does not fit, each at the line that asked for it.
    pub fn build(build: impl FnMut(&GraphBuilder)) -> Result<Graph, Error> {
        Ok(Graph(build_module(build)?.into()))
    }

    /// The variables, and a graph for each mode.
    pub fn module(&self) -> &Arc<Module> {
        &self.0
    }
}

impl From<Graph> for Arc<Module> {
    fn from(graph: Graph) -> Arc<Module> {
        graph.0
    }
}

impl From<Module> for Graph {
    fn from(module: Module) -> Graph {
        Graph(module.into())
    }
}
