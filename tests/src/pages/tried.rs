//! What is done with each kind of block.
//!
//! | block | what must hold |
//! | --- | --- |
//! | `graph` | a whole file: no error, no warning, and each of its entries runs |
//! | `graph file NAME` | the same, and later blocks can import it |
//! | `graph prelude` | what the parts after it stand below |
//! | `graph part` | with the prelude above it, a whole file |
//! | `graph names` | a part; its comments are the names of the variables that it makes, in order |
//! | `graph values` | a whole file; after `#=` stands the value of the output of the line |
//! | `graph refused` | an error, which the block after it shows as it is printed |
//! | any other | nothing |

use std::cell::RefCell;
use std::collections::HashMap;

use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, Module};
use brolga_runtime::session::{Results, Session, SessionOptions};
use brolga_text::{LoadOptions, Loaded, load};

use super::Block;

/// Rows of a batch, and every other dimension that a file leaves open.
const SIZE: u64 = 2;

/// What a page has shown so far.
pub(super) struct Tried {
    files: RefCell<HashMap<String, String>>,
    prelude: String,
}

impl Tried {
    pub(super) fn new() -> Tried {
        Tried { files: RefCell::default(), prelude: String::new() }
    }

    /// Tries a block; `next` is the one after it. Errors: what does not hold.
    pub(super) fn block(&mut self, block: &Block, next: Option<&Block>) -> Result<(), String> {
        let (info, text) = (block.info.as_str(), block.text.as_str());
        match info.split_once(' ').unwrap_or((info, "")) {
            ("graph", "") => self.runs(text),
            ("graph", "prelude") => {
                self.prelude = text.to_string();
                self.runs(&self.part(""))
            }
            ("graph", "part") => self.runs(&self.part(text)),
            ("graph", "names") => self.names(text),
            ("graph", "values") => self.values(text),
            ("graph", "refused") => match next {
                Some(shown) if shown.info == "text" => self.refused(text, &shown.text),
                Some(_) | None => Err("no block of `text` follows it".to_string()),
            },
            ("graph", what) => match what.strip_prefix("file ") {
                Some(name) => {
                    self.files.borrow_mut().insert(name.to_string(), text.to_string());
                    self.runs(text)
                }
                None => Err(format!("`graph {what}` is no kind of block")),
            },
            _ => Ok(()),
        }
    }

    /// A part below the prelude, as a file that has something to compute.
    fn part(&self, text: &str) -> String {
        format!("{}\n{text}\noutput page.end = 0.0\n", self.prelude)
    }

    fn load(&self, text: &str) -> Result<Loaded, String> {
        let import = |path: &str| {
            let files = self.files.borrow();
            let file = files.get(path).ok_or("no block is this file")?;
            Ok(file.clone().into_bytes())
        };
        let options = LoadOptions { import: &import, ..LoadOptions::default() };
        load("model.graph", text.as_bytes(), &options).map_err(|error| error.to_string())
    }

    fn module(&self, text: &str) -> Result<Module, String> {
        let loaded = self.load(text)?;
        match loaded.warnings.is_empty() {
            true => Ok(loaded.module),
            false => Err(format!("there are warnings: {:?}", loaded.warnings)),
        }
    }

    fn runs(&self, text: &str) -> Result<(), String> {
        let module = self.module(text)?;
        entries(&module).into_iter().try_for_each(|entry| run(&module, &entry).map(drop))
    }

    fn names(&self, text: &str) -> Result<(), String> {
        let before = self.module(&self.part(""))?.variables.len();
        let module = self.module(&self.part(text))?;
        let names: Vec<&str> = module.variables.keys().skip(before).map(|name| &**name).collect();
        let comments = text.lines().filter_map(|line| line.split_once('#'));
        let said: Vec<&str> = comments.flat_map(|(_, said)| said.split_whitespace()).collect();
        if names == said { Ok(()) } else { Err(format!("the variables are {names:?}")) }
    }

    fn values(&self, text: &str) -> Result<(), String> {
        let module = self.module(text)?;
        let results = run(&module, &Entry::Run { fetch: vec![] })?;
        for line in text.lines() {
            let Some((statement, said)) = line.split_once("#=") else { continue };
            let name = statement.trim_start().trim_start_matches("output ");
            let name = name.split(['=', ':', ' ']).next().unwrap_or_default();
            let value = results.outputs.get(name).ok_or(format!("`{name}` is no output"))?;
            if value.to_string() != said.trim() {
                return Err(format!("`{name}` is {value}"));
            }
        }
        Ok(())
    }

    fn refused(&self, text: &str, shown: &str) -> Result<(), String> {
        match self.load(text) {
            Ok(_) => Err("it is accepted".to_string()),
            Err(error) if error.trim_end() == shown.trim_end() => Ok(()),
            Err(error) => Err(format!("the error is\n{error}")),
        }
    }
}

/// What a module can be asked for.
fn entries(module: &Module) -> Vec<Entry> {
    let (train, infer) = (&module.train, &module.infer);
    let mut entries = vec![];
    if !train.steps.is_empty() || !train.updates.is_empty() {
        entries.push(Entry::Train);
    }
    if !infer.steps.is_empty() || !infer.metrics.is_empty() {
        entries.push(Entry::Eval);
    }
    if !infer.outputs.is_empty() {
        entries.push(Entry::Run { fetch: vec![] });
    }
    entries
}

/// Runs an entry once as machine code, on zeros, with the same number for every dimension that is
/// left open.
fn run(module: &Module, entry: &Entry) -> Result<Results, String> {
    let options = SessionOptions { threads: 1, ..SessionOptions::default() };
    let mut session = Session::new(module.clone(), options).map_err(|e| e.to_string())?;
    let mut binding = Binding::default();
    for graph in [&module.train, &module.infer] {
        let types = graph.inputs.iter().map(|&input| graph.tensor_type(input));
        for symbol in types.flat_map(|t| &t.shape).flat_map(|dim| dim.symbols()) {
            binding.bind(&symbol.0, SIZE);
        }
    }
    let mut prepared = session.prepare(entry, &binding).map_err(|e| e.to_string())?;
    prepared.run(0).map_err(|e| e.to_string())?;
    prepared.results().map_err(|e| e.to_string())
}
