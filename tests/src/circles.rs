//! No circles between modules: of those in one folder, each with all below it, none is imported by
//! what it imports. A module and what it declares are one thing in this.

use std::collections::{BTreeMap, BTreeSet};

use crate::architecture::{code, is_test, sources};

/// The source of the crates.
const SOURCES: &[&str] = &[
    "compiler/src",
    "runtime/src",
    "runtime/kernels/src",
    "frontends/text/src",
    "frontends/brolga/src",
    "frontends/cli/src",
];

/// Modules that are one knot: a graph holds operations, rules build nodes, and say what is wrong with
/// one.
const KNOT: [&str; 3] = ["ir", "ops", "error"];

/// The path of a module from the root of its crate.
type Module = Vec<String>;

/// Reads the paths in a text, those of a tree one by one.
struct Paths<'a> {
    text: &'a str,
    found: Vec<Vec<&'a str>>,
}

impl<'a> Paths<'a> {
    /// The paths that begin with `crate` or `super`.
    fn of(code: &'a str) -> Vec<Vec<&'a str>> {
        let mut paths = Paths { text: code, found: vec![] };
        let starts = ["crate::", "super::"].map(|start| code.match_indices(start));
        for (at, _) in starts.into_iter().flatten() {
            // `pub(crate) use super::super::x` is one path, from its first word on.
            let inside =
                code[..at].ends_with(|c: char| c == ':' || c == '_' || c.is_alphanumeric());
            if !inside {
                paths.text = &code[at..];
                paths.tree(&[]);
            }
        }
        paths.found
    }

    fn tree(&mut self, prefix: &[&'a str]) {
        self.text = self.text.trim_start();
        if let Some(rest) = self.text.strip_prefix('{') {
            self.text = rest;
            self.members(prefix);
            return;
        }
        let end = self.text.find(|c: char| !(c == '_' || c.is_alphanumeric()));
        let (word, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
        let path = [prefix, &[word]].concat();
        match rest.strip_prefix("::") {
            Some(rest) => {
                self.text = rest;
                self.tree(&path);
            }
            None => {
                self.text = rest;
                self.found.push(path);
            }
        }
    }

    /// The members of a tree, up to its end.
    fn members(&mut self, prefix: &[&'a str]) {
        loop {
            self.tree(prefix);
            let Some(end) = self.text.find([',', '}']) else { return };
            let (is_last, rest) = (self.text[end..].starts_with('}'), &self.text[end + 1..]);
            self.text = rest;
            let ends = rest.trim_start().strip_prefix('}');
            if !is_last && let Some(rest) = ends {
                self.text = rest;
            }
            if is_last || ends.is_some() {
                return;
            }
        }
    }
}

/// The module of a file.
fn module(path: &str) -> Module {
    let mut parts: Module = path.trim_end_matches(".rs").split('/').map(str::to_string).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// The module that a path in `from` names a part of.
fn named(from: &Module, path: &[&str], modules: &BTreeSet<Module>) -> Module {
    let mut at = if path[0] == "crate" { vec![] } else { from.clone() };
    for &word in path.iter().skip_while(|word| **word == "crate") {
        match word {
            "super" => {
                at.pop();
            }
            name => at.push(name.to_string()),
        }
    }
    while !modules.contains(&at) && at.pop().is_some() {}
    at
}

/// By folder and module in it, the modules beside it that it imports.
type Edges = BTreeMap<Module, BTreeMap<String, BTreeSet<String>>>;

fn edges(files: &[(Module, String)]) -> Edges {
    let modules: BTreeSet<Module> = files.iter().map(|(module, _)| module.clone()).collect();
    let mut edges = Edges::new();
    for (from, text) in files {
        for path in Paths::of(&code(text)) {
            let to = named(from, &path, &modules);
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if let (Some(a), Some(b)) = (from.get(common), to.get(common)) {
                let folder = edges.entry(from[..common].to_vec()).or_default();
                folder.entry(a.clone()).or_default().insert(b.clone());
            }
        }
    }
    edges
}

/// All that a module of a folder imports, and what that imports, and so on.
fn reached(folder: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_string()];
    while let Some(module) = open.pop() {
        for next in folder.get(&module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}

/// The modules of a crate that are part of a circle, each with its folder.
fn circles(files: &[(Module, String)]) -> Vec<String> {
    let mut found = vec![];
    for (folder, modules) in edges(files) {
        for module in modules.keys().filter(|module| reached(&modules, module).contains(*module)) {
            let is_knot = folder.is_empty() && KNOT.contains(&module.as_str());
            if !is_knot {
                found.push(format!("{}::{module}", folder.join("::")));
            }
        }
    }
    found
}

#[test]
fn modules_do_not_import_each_other_in_circles() {
    for folder in SOURCES {
        let files: Vec<(Module, String)> = sources(folder)
            .into_iter()
            .filter(|(path, _)| !is_test(path))
            .map(|(path, text)| (module(path.trim_start_matches(folder).trim_matches('/')), text))
            .collect();
        assert!(files.len() > 1, "{folder} has files");
        assert_eq!(circles(&files), Vec::<String>::new(), "in {folder}");
    }
}

#[test]
fn a_circle_is_seen() {
    let file = |path: &str, text: &str| (module(path), text.to_string());
    let files = [
        file("lib.rs", "mod a;\nmod b;\nmod c;\n"),
        file("a.rs", "use crate::{\n    b::{X, inner::Y as Z},\n    c,\n};\n"),
        file("b/mod.rs", "mod inner;\nuse crate::c::X;\n"),
        file("b/inner.rs", "fn f() { super::super::c::g::<u8>() }\n"),
        file("c.rs", "// crate::a is only spoken of\n"),
    ];
    assert_eq!(circles(&files), Vec::<String>::new());
    let mut circular = files.to_vec();
    circular[4].1 = "pub(crate) use super::a;\n".to_string();
    assert_eq!(circles(&circular), ["::a", "::b", "::c"]);
}
