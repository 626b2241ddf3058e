//! A graph that was read or built.

use std::path::Path;
use std::sync::Arc;

use brolga_compiler::ir::Module;
use brolga_runtime::data::DataError;
use brolga_text::diagnostics::Diagnostics;
use brolga_text::source::Sources;
use brolga_text::{LoadOptions, Loaded, load, unused};

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
pub struct Graph {
    module: Arc<Module>,
    text: Arc<Text>,
}

/// What is kept of the text that a graph was read of.
#[derive(Debug, Default)]
struct Text {
    sources: Sources,
    warnings: Diagnostics,
}

impl Graph {
    /// Reads a `.graph` file; what it imports is found beside it.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// # let folder = std::env::temp_dir().join(format!("from-file-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// std::fs::write(folder.join("parts.graph"), "fn double(x) = x * 2\n")?;
    /// std::fs::write(folder.join("y.graph"), "import \"parts.graph\"\noutput y = double(3)\n")?;
    /// let graph = Graph::from_file(folder.join("y.graph"))?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "6");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A file that cannot be read; everything that is wrong with it, with its lines.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Graph, Error> {
        Graph::from_file_with(path, &[])
    }

    /// The same, with other values for its consts, each as text of the language: `("rate", "0.5")`.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// # let path = std::env::temp_dir().join(format!("rate-{}.graph", std::process::id()));
    /// std::fs::write(&path, "const rate = 0.1\noutput y = 10 * rate\n")?;
    /// let graph = Graph::from_file_with(&path, &[("rate".into(), "0.5".into())])?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "5.0");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Graph::from_file`]; a const that the file does not have.
    pub fn from_file_with(
        path: impl AsRef<Path>,
        consts: &[(String, String)],
    ) -> Result<Graph, Error> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|error| DataError::Read {
            path: path.to_path_buf(),
            reason: error.to_string(),
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let import = |name: &str| std::fs::read(folder.join(name)).map_err(|e| e.to_string());
        let options = LoadOptions { consts, import: &import, ..LoadOptions::default() };
        Graph::read(&path.display().to_string(), &text, &options)
    }

    /// Reads a text of the language, which imports nothing; `name` is what messages call it.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::from_text("y.graph", "output y = sum(iota([4]))\n")?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "6");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it, with its lines.
    pub fn from_text(name: &str, text: &str) -> Result<Graph, Error> {
        Graph::from_text_with(name, text, &[])
    }

    /// The same, with other values for its consts, as [`Graph::from_file_with`] takes them.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let text = "const size = 2\noutput y = ones([size])\n";
    /// let graph = Graph::from_text_with("y.graph", text, &[("size".into(), "3".into())])?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "[1.0, 1.0, 1.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Graph::from_text`]; a const that the text does not have.
    pub fn from_text_with(
        name: &str,
        text: &str,
        consts: &[(String, String)],
    ) -> Result<Graph, Error> {
        Graph::read(name, text.as_bytes(), &LoadOptions { consts, ..LoadOptions::default() })
    }

    fn read(name: &str, text: &[u8], options: &LoadOptions<'_>) -> Result<Graph, Error> {
        let Loaded { module, mut warnings, sources, layers, .. } = load(name, text, options)?;
        warnings.extend(unused(&module, &layers, &sources));
        Ok(Graph { module: module.into(), text: Text { sources, warnings }.into() })
    }

    /// Builds a graph, as [`build_module`] does.
    ///
    /// ```
    /// use brolga::{Graph, Literal, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.input("x", f32([g.dim("n")]));
    ///     g.output("y", x * 2.0 + 1.0);
    /// })?;
    /// let x = Literal::from_vec(&[2], vec![1f32, 2.]).ok_or("two elements")?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([("x", x)])?;
    /// assert_eq!(outputs["y"].to_string(), "[3.0, 5.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Everything that does not fit, each at the line that asked for it.
    pub fn build(build: impl FnMut(&GraphBuilder)) -> Result<Graph, Error> {
        Ok(build_module(build)?.into())
    }

    /// The variables, and a graph for each mode.
    ///
    /// ```
    /// use brolga::Graph;
    ///
    /// let graph = Graph::from_text("y.graph", "input x: f32[n, 3]\noutput y = dense(x, 2)\n")?;
    /// let types: Vec<String> = graph
    ///     .module()
    ///     .variables
    ///     .iter()
    ///     .map(|(name, variable)| format!("{name}: {}", variable.tensor_type))
    ///     .collect();
    /// assert_eq!(types, ["dense.w: f32[3, 2]", "dense.b: f32[2]"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// The texts that the graph comes from, which [`Report`](crate::Report) shows lines of; none
    /// where it was built in Rust.
    ///
    /// ```
    /// let graph = brolga::Graph::from_text("y.graph", "a = 1\noutput y = a + 1\n")?;
    /// assert_eq!(graph.sources().line("y.graph", 2), Some("output y = a + 1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sources(&self) -> &Sources {
        &self.text.sources
    }

    /// What the text says that is legal but probably not meant.
    ///
    /// ```
    /// let text = "input x: f32[3]\ninput z: f32[3]\noutput y = x * 2\n";
    /// let graph = brolga::Graph::from_text("y.graph", text)?;
    /// let codes: Vec<&str> = graph.warnings().iter().map(|warning| warning.code.id()).collect();
    /// // Nothing reads `z`.
    /// assert_eq!(codes, ["E0416"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn warnings(&self) -> &Diagnostics {
        &self.text.warnings
    }
}

impl From<Graph> for Arc<Module> {
    fn from(graph: Graph) -> Arc<Module> {
        graph.module
    }
}

impl From<Module> for Graph {
    fn from(module: Module) -> Graph {
        Graph { module: module.into(), text: Arc::default() }
    }
}
