//! What can be computed of the models and of the inputs of the file tests.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use brolga_compiler::compile::{Compiled, Options, compile};
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, Dim, Module, Symbol, Target};

/// A size that no tile or vector divides.
const SIZE: u64 = 7;

/// The models, and the inputs of the file tests, which have every operation, loops in loops, and nothing
/// where something could be.
fn files() -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|e| e == "graph") {
                files.push(path);
            }
        }
    }
    let mut files = vec![];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    collect(&root.join("../frontends/cli/models"), &mut files);
    collect(&root.join("filetests"), &mut files);
    files.sort();
    files
}

/// A number for each dimension that has none.
fn binding(module: &Module) -> Binding {
    let graphs = [&module.train, &module.infer];
    let inputs =
        graphs.into_iter().flat_map(|g| g.inputs.iter().map(|&id| &g.tensor_type(id).shape));
    let variables = module.variables.values().map(|v| &v.tensor_type.shape);
    let symbols: BTreeSet<Symbol> =
        inputs.chain(variables).flatten().flat_map(Dim::symbols).collect();
    Binding::from_iter(symbols.iter().map(|s| (&*s.0, SIZE)))
}

/// A step of a file.
pub(crate) struct Step {
    /// The file's name.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) text: String,
    /// Whether it is a model, of which everything compiles.
    is_model: bool,
    module: Module,
    entry: Entry,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.entry)
    }
}

impl Step {
    /// The step compiled with every dimension of a size that nothing divides. Sizes of 7 do not fit all
    /// file tests, and few of them train.
    pub(crate) fn compiled(&self, target: &Target) -> Option<Compiled> {
        let binding = binding(&self.module);
        match compile(&self.module, &self.entry, &binding, target, &Options::default()) {
            Ok(compiled) => Some(compiled),
            Err(_) if !self.is_model => None,
            Err(error) => panic!("{self}: {error}"),
        }
    }
}

/// Shows every step of every file that is a program.
pub(crate) fn every_step(mut show: impl FnMut(&Step)) {
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a file");
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let is_model = file.components().any(|part| part.as_os_str() == "models");
        let module = match brolga_text::load(&name, text.as_bytes(), &Default::default()) {
            Ok(loaded) => loaded.module,
            // Some file tests are of errors.
            Err(_) if !is_model => continue,
            Err(_) => panic!("{name} is valid"),
        };
        for entry in [Entry::Train, Entry::Eval, Entry::Run { fetch: vec![] }] {
            let (name, text, module) = (name.clone(), text.clone(), module.clone());
            show(&Step { name, text, is_model, module, entry });
        }
    }
}
