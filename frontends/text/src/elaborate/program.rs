//! The files of a program: the library, the user's file, and what these import.

use std::collections::HashMap;
use std::sync::Arc;

use super::options::LoadOptions;
use super::value::FileId;
use crate::ast::{Expr, File, Function, Stmt, StmtKind, Text};
use crate::codes::Code;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::library::library;
use crate::parser::{Limits, parse};
use crate::source::{SourceId, Sources, Span};

/// The most files that a program may have.
const MAX_FILES: usize = 1000;

/// The files of a program: the library first, then the user's.
pub(crate) struct ProgramFiles {
    pub(super) files: Vec<FileUnit>,
    /// What consts of the user's file are set to from outside.
    pub(super) overrides: HashMap<Arc<str>, Override>,
}

/// A value that a const is set to from outside.
pub(super) struct Override {
    /// The value, if it reads as an expression.
    pub(super) expr: Option<Expr>,
    /// The value as it was given.
    pub(super) text: Arc<str>,
}

/// A file with its functions; the library's are found elsewhere.
pub(super) struct FileUnit {
    pub(super) source: SourceId,
    pub(super) file: File,
    functions: HashMap<Arc<str>, Arc<Function>>,
    pub(super) imports: Vec<FileId>,
}

impl FileUnit {
    fn empty(source: SourceId) -> FileUnit {
        let file = File { source, version: 1, graph: None, body: Vec::new() };
        FileUnit { source, file, functions: HashMap::new(), imports: Vec::new() }
    }

    fn new(source: SourceId, file: File, diagnostics: &mut Diagnostics) -> FileUnit {
        let mut functions: HashMap<Arc<str>, Arc<Function>> = HashMap::new();
        for function in all_functions(&file.body) {
            if let Some(first) = functions.get(&function.name.text) {
                let message = format!("the function `{}` is declared twice", function.name.text);
                let error = Diagnostic::error(Code::AlreadyDeclared, message);
                let error = error.at(function.name.span, "again here");
                diagnostics.push(error.with(first.name.span, "first here"));
                continue;
            }
            functions.insert(function.name.text.clone(), function.clone());
        }
        FileUnit { source, file, functions, imports: Vec::new() }
    }
}

/// The functions at the top of a file, those in an `if` included.
fn all_functions(body: &[Stmt]) -> Vec<&Arc<Function>> {
    let mut found = Vec::new();
    for stmt in body {
        match &stmt.kind {
            StmtKind::Fn(function) => found.push(function),
            StmtKind::If(branch) => {
                branch.arms.iter().for_each(|arm| found.extend(all_functions(&arm.body.body)));
                let otherwise = branch.otherwise.iter();
                otherwise.for_each(|block| found.extend(all_functions(&block.body)));
            }
            _ => {}
        }
    }
    found
}

impl ProgramFiles {
    /// Reads the files; the program lacks what is wrong, which is reported.
    pub(super) fn read(
        name: &str,
        text: &[u8],
        options: &LoadOptions<'_>,
        sources: &mut Sources,
    ) -> (ProgramFiles, Diagnostics) {
        let mut reader = Reader {
            options,
            sources,
            diagnostics: Diagnostics::new(),
            files: vec![of_library()],
            known: HashMap::new(),
        };
        reader.add(name, text, &options.limits.syntax);
        reader.known.insert(normal(name), FileId::MAIN);
        reader.imports(FileId::MAIN, name, &mut vec![normal(name)]);
        let overrides = reader.overrides();
        (ProgramFiles { files: reader.files, overrides }, reader.diagnostics)
    }

    /// The library with an empty file in the place of the user's.
    pub(super) fn without_text(source: SourceId) -> ProgramFiles {
        ProgramFiles {
            files: vec![of_library(), FileUnit::empty(source)],
            overrides: HashMap::new(),
        }
    }

    pub(super) fn file(&self, id: FileId) -> &FileUnit {
        &self.files[id.0]
    }

    pub(super) fn main(&self) -> &FileUnit {
        self.file(FileId::MAIN)
    }

    /// A function as a file sees it: its own, then what it imports, then the library's.
    pub(super) fn function(&self, file: FileId, name: &str) -> Option<(FileId, &Arc<Function>)> {
        let unit = self.file(file);
        let own = |id: FileId| self.file(id).functions.get(name).map(|f| (id, f));
        own(file)
            .or_else(|| unit.imports.iter().find_map(|&id| own(id)))
            .or_else(|| library().function(name).map(|f| (FileId::STD, f)))
    }

    /// The names of the functions that a file sees.
    pub(super) fn function_names(&self, file: FileId) -> Vec<&str> {
        let mut names: Vec<&str> = library().names().collect();
        for &id in self.file(file).imports.iter().chain([&file]) {
            names.extend(self.file(id).functions.keys().map(|name| &**name));
        }
        names
    }
}

/// The library as a file, without its functions.
fn of_library() -> FileUnit {
    FileUnit::empty(library().id())
}

struct Reader<'a, 'o> {
    options: &'a LoadOptions<'o>,
    sources: &'a mut Sources,
    diagnostics: Diagnostics,
    files: Vec<FileUnit>,
    known: HashMap<String, FileId>,
}

impl Reader<'_, '_> {
    fn add(&mut self, name: &str, text: &[u8], limits: &Limits) -> FileId {
        let source = self.sources.add(name, text);
        let parsed = parse(self.sources.get(source), limits);
        self.diagnostics.extend(parsed.diagnostics);
        self.files.push(FileUnit::new(source, parsed.file, &mut self.diagnostics));
        FileId(self.files.len() - 1)
    }

    /// Reads what a file imports; `open` are the paths of the files that are being read.
    fn imports(&mut self, file: FileId, path: &str, open: &mut Vec<String>) {
        let texts: Vec<Text> = imports_of(&self.files[file.0].file.body);
        for text in texts {
            if let Some(imported) = self.import(&text, path, open) {
                self.check_names(file, imported, text.span);
                self.files[file.0].imports.push(imported);
            }
        }
    }

    fn import(&mut self, text: &Text, path: &str, open: &mut Vec<String>) -> Option<FileId> {
        let target = beside(path, &text.value);
        let mut fail = |message: String, help: &str| {
            let error = Diagnostic::error(Code::ImportFailed, message).at(text.span, "");
            self.diagnostics.push(if help.is_empty() { error } else { error.help(help) });
        };
        if open.contains(&target) {
            let chain = open.join("` imports `");
            fail(
                format!("`{chain}` imports `{target}`: a circle"),
                "move what both need into a file of its own",
            );
            return None;
        }
        if let Some(&known) = self.known.get(&target) {
            return Some(known);
        }
        if self.files.len() >= MAX_FILES {
            fail(format!("a program may have {MAX_FILES} files"), "");
            return None;
        }
        match (self.options.import)(&target) {
            Err(why) => {
                fail(
                    format!("`{target}` cannot be read: {why}"),
                    "the path is relative to this file",
                );
                None
            }
            Ok(bytes) => {
                let id = self.add(&target, &bytes, &self.options.limits.syntax);
                self.known.insert(target.clone(), id);
                open.push(target.clone());
                self.imports(id, &target, open);
                open.pop();
                Some(id)
            }
        }
    }

    /// Refuses two imports of a file that bring the same function.
    fn check_names(&mut self, file: FileId, imported: FileId, span: Span) {
        let before = self.files[file.0].imports.clone();
        for other in before.into_iter().filter(|&other| other != imported) {
            let theirs = &self.files[other.0].functions;
            let mut both: Vec<&Arc<str>> = self.files[imported.0].functions.keys().collect();
            both.retain(|name| theirs.contains_key(*name));
            both.sort();
            for name in both {
                if self.files[file.0].functions.contains_key(name) {
                    continue;
                }
                let message = format!("`{name}` comes from two imported files");
                let error = Diagnostic::error(Code::AlreadyDeclared, message).at(span, "again");
                self.diagnostics.push(error.help("a function of this file's own wins over both"));
            }
        }
    }

    /// The values that the options give to consts of the user's file.
    fn overrides(&mut self) -> HashMap<Arc<str>, Override> {
        let mut overrides = HashMap::new();
        for (name, text) in self.options.consts {
            let line = format!("const {name} = {text}\n");
            let source = self.sources.add(format!("--const {name}"), line.as_bytes());
            let parsed = parse(self.sources.get(source), &self.options.limits.syntax);
            let stmt = parsed.file.body.into_iter().next();
            let expr = match stmt.map(|stmt| stmt.kind) {
                Some(StmtKind::Const(constant)) if !parsed.diagnostics.has_errors() => {
                    Some(constant.value)
                }
                _ => None,
            };
            let body = &self.files[FileId::MAIN.0].file.body;
            if !declares_const(body, name) {
                let message = format!("there is no const `{name}` to set");
                let error = Diagnostic::error(Code::UnknownConst, message);
                let names: Vec<String> =
                    consts_of(body).iter().map(|name| format!("`{name}`")).collect();
                self.diagnostics.push(error.help(match names.is_empty() {
                    true => "the file has no `const`".to_string(),
                    false => format!("the file has {}", names.join(", ")),
                }));
            }
            overrides
                .insert(Arc::from(name.as_str()), Override { expr, text: text.as_str().into() });
        }
        overrides
    }
}

fn imports_of(body: &[Stmt]) -> Vec<Text> {
    let mut found = Vec::new();
    for stmt in body {
        match &stmt.kind {
            StmtKind::Import(text) => found.push(text.clone()),
            StmtKind::If(branch) => {
                branch.arms.iter().for_each(|arm| found.extend(imports_of(&arm.body.body)));
                let otherwise = branch.otherwise.iter();
                otherwise.for_each(|block| found.extend(imports_of(&block.body)));
            }
            _ => {}
        }
    }
    found
}

/// Whether statements declare a const of that name.
pub(super) fn declares_const(body: &[Stmt], name: &str) -> bool {
    consts_of(body).iter().any(|constant| **constant == *name)
}

/// The names of the consts that statements declare, also those in branches.
fn consts_of(body: &[Stmt]) -> Vec<&str> {
    fn of_statement(stmt: &Stmt) -> Vec<&str> {
        match &stmt.kind {
            StmtKind::Const(constant) => vec![&*constant.name.text],
            StmtKind::If(branch) => {
                let arms = branch.arms.iter().map(|arm| &arm.body);
                arms.chain(&branch.otherwise).flat_map(|block| consts_of(&block.body)).collect()
            }
            _ => vec![],
        }
    }
    body.iter().flat_map(of_statement).collect()
}

/// The path of a file that another one names, without `.` and, where possible, `..`.
pub(super) fn beside(path: &str, named: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) if !named.starts_with('/') => normal(&format!("{folder}/{named}")),
        Some(_) | None => normal(named),
    }
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
