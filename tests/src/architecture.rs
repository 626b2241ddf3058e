//! Holds the imports of the source against the table of rooms.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the compiler, line by line: one imports only from its own line or an earlier.
const ROOMS: &[&[&str]] = &[
    &["ir", "ops", "error"],
    &["autodiff"],
    &["optimizer"],
    &["entry"],
    &["specialise"],
    &["widen"],
    &["passes"],
    &["fuse"],
    &["loop_ir", "program"],
    &["lower"],
    &["schedule"],
    &["plan"],
    &["codegen"],
    &["compile"],
    &["stages"],
    &["object"],
];

/// The crates of the workspace with those of ours that each may import.
const CRATES: &[(&str, &[&str])] = &[
    ("compiler", &[]),
    ("runtime/kernels", &[]),
    ("runtime", &["brolga-compiler", "brolga-kernels"]),
    ("frontends/text", &["brolga-compiler"]),
    ("frontends/brolga", &["brolga-compiler", "brolga-runtime", "brolga-text"]),
    ("frontends/build", &["brolga"]),
    ("frontends/capi", &["brolga"]),
    ("frontends/cli", &["brolga"]),
];

/// Where `unsafe` may stand.
const UNSAFE: &[&str] = &[
    "runtime/kernels/",
    // In the text that it writes.
    "compiler/src/object/rust.rs",
    "runtime/src/link/",
    "runtime/src/arena.rs",
    "runtime/src/data/mapped.rs",
    "runtime/src/session/",
    "compiler/tests/",
    "frontends/brolga/tests/allocations.rs",
    "frontends/capi/src/",
    "benches/",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below a folder, by path from the root, with their text.
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("source is UTF-8");
                let name = path.strip_prefix(root()).expect("it is below the root");
                found.push((name.to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// What a file has besides its tests, without comments.
pub(crate) fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = before_tests.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<&str>>().join("\n")
}

pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The modules of the own crate that a text names.
fn imported(code: &str) -> BTreeSet<&str> {
    let after = code.match_indices("crate::").map(|(at, _)| &code[at + "crate::".len()..]);
    after
        .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn compiler_modules_import_earlier_lines_alone() {
    let line = |room: &str| ROOMS.iter().position(|line| line.contains(&room));
    let mut wrong = vec![];
    for (path, text) in sources("compiler/src").iter().filter(|(path, _)| !is_test(path)) {
        let inner = path.trim_start_matches("compiler/src/");
        let room = inner.split(['/', '.']).next().unwrap_or_default();
        if room == "lib" {
            continue;
        }
        let Some(own) = line(room) else {
            wrong.push(format!("{path}: `{room}` is not in the table"));
            continue;
        };
        for used in imported(&code(text)) {
            if line(used).is_some_and(|used| used > own) {
                wrong.push(format!("{path} imports `{used}`, which comes later"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_import_as_the_table_says() {
    for (folder, allowed) in CRATES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml"))
            .expect("every crate has a manifest");
        let normal = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        let dependencies = normal.split("[dependencies]").nth(1).unwrap_or_default();
        let names = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        let ours: Vec<&str> = names.filter(|name| name.starts_with("brolga")).collect();
        for name in ours {
            assert!(allowed.contains(&name), "{folder} depends on {name}");
        }
    }
}

#[test]
fn petgraph_and_cranelift_stay_in_their_files() {
    for (path, text) in sources("compiler/src").into_iter().chain(sources("runtime/src")) {
        let code = code(&text);
        let may_name = ["compiler/src/ir/graph.rs", "compiler/src/ir/flow.rs"];
        assert!(!code.contains("petgraph::") || may_name.contains(&&*path), "{path}");
        let may_generate = path.starts_with("compiler/src/codegen/")
            || path.starts_with("compiler/src/object/")
            || path.starts_with("runtime/src/link/");
        assert!(!code.contains("cranelift_") || may_generate, "{path} names cranelift");
    }
}

#[test]
fn unsafe_stays_in_its_files() {
    for folder in ["compiler", "runtime", "frontends", "benches"] {
        for (path, text) in sources(folder) {
            let has = code(&text)
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .any(|w| w == "unsafe");
            assert!(!has || UNSAFE.iter().any(|allowed| path.starts_with(allowed)), "{path}");
        }
    }
}
