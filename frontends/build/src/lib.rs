//! Models in a Rust program that has no compiler in it: a build script compiles a `.graph` file to
//! machine code and to a module of safe functions, and the program holds those alone.
//!
//! In `Cargo.toml`, `brolga-build` is one of the `[build-dependencies]`; the build script is
//!
//! ```no_run
//! fn main() -> Result<(), brolga_build::Error> {
//!     brolga_build::Model::new("mlp.graph")
//!         .entry("train", &[("batch", 32)])
//!         .entry("predict", &[("batch", 1)])
//!         .compile()
//! }
//! ```
//!
//! and the program has, by the name of the file,
//!
//! ```ignore
//! mod mlp {
//!     include!(concat!(env!("OUT_DIR"), "/mlp.rs"));
//! }
//!
//! let mut model = mlp::Model::new(0).ok_or("another processor")?;
//! let loss = model.train(&images, &labels)?.loss;
//! model.predict(&image, &mut probability)?;
//! ```
//!
//! A method of `Model` takes the inputs of its entry as slices, then the outputs that are arrays, and
//! returns those that are numbers. `variables` lists the weights by name, to save them or to give
//! them. The values are those of `brolga train --no-shuffle`, bit for bit. `example`, beside
//! this crate, is a whole program.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use brolga::compiler::compile::Options;
use brolga::compiler::object::{self, EntryKind, Given, Wanted};
use brolga::library::{LibraryError, place, static_library};
use brolga::runtime::data::write_file;
use brolga::{Binding, DataError, Graph, RunError, Session, SessionOptions, host_memory};

pub use brolga::{Error, Target};

/// A file to compile, and for what.
///
/// ```no_run
/// use brolga_build::{Model, Target};
///
/// fn main() -> Result<(), brolga_build::Error> {
///     Model::new("mlp.graph")
///         .dim("size", 28)
///         .entry("train", &[("batch", 32)])
///         .entry("predict", &[("batch", 1)])
///         .weights("mlp.safetensors")
///         .target(Target::X86_64_V3)
///         .compile()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    path: PathBuf,
    entries: Vec<(String, Binding)>,
    dims: Binding,
    weights: Option<PathBuf>,
    target: Target,
}

/// Compiles a file whose dimensions all have numbers, for all that it has. The output and what the
/// build must know of it are said as a build script says it, on standard output.
///
/// ```no_run
/// // In build.rs.
/// fn main() -> Result<(), brolga_build::Error> {
///     brolga_build::compile("circle.graph")
/// }
/// ```
///
/// # Errors
/// As for [`Model::compile`].
pub fn compile(path: impl AsRef<Path>) -> Result<(), Error> {
    Model::new(path).compile()
}

impl Model {
    /// A file, compiled for the machine that builds.
    ///
    /// ```no_run
    /// // As `brolga_build::compile("mlp.graph")`.
    /// brolga_build::Model::new("mlp.graph").compile()?;
    /// # Ok::<(), brolga_build::Error>(())
    /// ```
    pub fn new(path: impl AsRef<Path>) -> Model {
        Model {
            path: path.as_ref().to_path_buf(),
            entries: vec![],
            dims: Binding::default(),
            weights: None,
            target: brolga::host_target(),
        }
    }

    /// A number for a dimension in every entry.
    ///
    /// ```
    /// let model = brolga_build::Model::new("mlp.graph").dim("batch", 32);
    /// ```
    pub fn dim(mut self, name: &str, n: u64) -> Model {
        self.dims.bind(name, n);
        self
    }

    /// An entry: `train`, `eval`, `predict` or `run`, with numbers for its dimensions; without any, all
    /// that the file has.
    ///
    /// ```
    /// let model = brolga_build::Model::new("mlp.graph")
    ///     .entry("train", &[("batch", 32)])
    ///     .entry("predict", &[("batch", 1)]);
    /// ```
    pub fn entry(mut self, name: &str, dims: &[(&str, u64)]) -> Model {
        self.entries.push((name.to_string(), dims.iter().copied().collect()));
        self
    }

    /// Begins with the weights of a file that `brolga train --save` or
    /// [`Session::save`](brolga::Session::save) wrote, at their step.
    ///
    /// ```
    /// let model = brolga_build::Model::new("mlp.graph").weights("mlp.safetensors");
    /// ```
    pub fn weights(mut self, path: impl AsRef<Path>) -> Model {
        self.weights = Some(path.as_ref().to_path_buf());
        self
    }

    /// Compiles for another machine, such as [`Target::X86_64_V3`].
    ///
    /// ```
    /// use brolga_build::{Model, Target};
    ///
    /// let model = Model::new("mlp.graph").target(Target::AARCH64);
    /// ```
    pub fn target(mut self, target: Target) -> Model {
        self.target = target;
        self
    }

    /// Writes `NAME.rs` and `libNAME.a` into the folder of a build script's output, and says so to
    /// Cargo; NAME is the file's, without its ending.
    ///
    /// ```no_run
    /// // In build.rs, where Cargo says which folder that is.
    /// brolga_build::Model::new("mlp.graph").dim("batch", 32).compile()?;
    /// # Ok::<(), brolga_build::Error>(())
    /// ```
    ///
    /// # Errors
    /// A file that cannot be read or written, or is wrong; an entry or a dimension that it does not
    /// have; a number that is missing.
    pub fn compile(self) -> Result<(), Error> {
        println!("cargo:rerun-if-changed={}", self.path.display());
        if let Some(path) = &self.weights {
            println!("cargo:rerun-if-changed={}", path.display());
        }
        let folder = std::env::var_os("OUT_DIR").map(PathBuf::from);
        let folder = folder.ok_or_else(|| DataError::Write {
            path: self.path.with_extension("rs"),
            reason: "Cargo says where to, by OUT_DIR, to build scripts alone".to_string(),
        })?;
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let graph = Graph::from_file(&self.path)?;
        let module = graph.module();
        let name = object::prefix(module, &stem);
        let mut wanted = vec![];
        for (entry, dims) in &self.entries {
            let kind = EntryKind::named(entry)?;
            let mut binding = self.dims.clone();
            for (symbol, n) in dims.iter() {
                binding.bind(&symbol.0, n);
            }
            wanted.push(Wanted { kind, binding });
        }
        if wanted.is_empty() {
            let kinds = EntryKind::natural(module).into_iter();
            wanted.extend(kinds.map(|kind| Wanted { kind, binding: self.dims.clone() }));
        }
        let given = self.given(&graph)?;
        let options = Options { memory_limit: host_memory(), ..Options::default() };
        let compiled =
            object::Model::compile(module, &name, &wanted, given, (&self.target, &options))?;
        let source = self.path.file_name().unwrap_or_default().to_string_lossy();
        let object = compiled.emit(&place, (env!("CARGO_PKG_VERSION"), &source))?;
        let members = [(format!("{name}.o"), &*object.object)];
        let library = static_library(&self.target, &members).map_err(|error| match error {
            LibraryError::Damaged(error) => error,
            LibraryError::NoKernels(_) => RunError::Code(error.to_string()),
        })?;
        write_file(&folder.join(format!("lib{stem}.a")), &library)?;
        write_file(&folder.join(format!("{stem}.rs")), object.rust.as_bytes())?;
        println!("cargo:rustc-link-search=native={}", folder.display());
        println!("cargo:rustc-link-lib=static={stem}");
        Ok(())
    }

    fn given(&self, graph: &Graph) -> Result<Given, Error> {
        let Some(path) = &self.weights else { return Ok(Given::default()) };
        let mut session = Session::new(graph.clone(), SessionOptions::default())?;
        session.load(path)?;
        let clock = session.clock();
        let values = session.variables().map(|(name, _, value)| (name.clone(), value)).collect();
        Ok(Given { values, clock: [clock.step, clock.epoch] })
    }
}
