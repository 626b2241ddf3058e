//! Every public function through which a program begins something has an example.

use std::fs;
use std::path::Path;

/// The files that such functions are in.
const FILES: &[&str] = &[
    "frontends/brolga/src/lib.rs",
    "frontends/brolga/src/graph.rs",
    "frontends/brolga/src/report.rs",
    "frontends/brolga/src/library.rs",
    "frontends/brolga/src/builder/mod.rs",
    "frontends/brolga/src/builder/arguments.rs",
    "frontends/brolga/src/builder/init.rs",
    "frontends/brolga/src/builder/library.rs",
    "frontends/brolga/src/builder/loops.rs",
    "frontends/brolga/src/builder/optimizer.rs",
    "frontends/brolga/src/builder/value.rs",
    "frontends/build/src/lib.rs",
    "runtime/src/checkpoint.rs",
    "runtime/src/data/load.rs",
    "runtime/src/data/mod.rs",
    "runtime/src/data/source.rs",
    "runtime/src/session/calls.rs",
    "runtime/src/session/mod.rs",
    "runtime/src/session/prepared.rs",
    "runtime/src/train/checkpoints.rs",
    "runtime/src/train/fit.rs",
    "runtime/src/train/log.rs",
    "runtime/src/train/options.rs",
    "runtime/src/train/stopping.rs",
    "runtime/src/train/tensorboard.rs",
];

/// The types whose own example shows what their functions do.
const SHOWN_BY_TYPE: &[&str] = &["EarlyStop", "Prepared"];

/// The functions without an example, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("Checkpoint::standards", "for `predict` of the command"),
    ("Checkpoint::names", "for `predict` of the command"),
    ("Checkpoint::read_names", "for `predict` of the command"),
    ("Checkpoint::set_data", "for `train` of the command"),
    ("DataSet::standardise", "for `fit`; `standardised` has the example"),
    ("DataSet::with_standards", "for `fit`; `standardised` has the example"),
    ("DataSet::standards", "for `fit`; `standardised` has the example"),
    ("DataSet::left_out", "for messages"),
    ("BatchReport::progress", "for `Checkpoints`"),
];

/// The name that a text begins with.
fn name(text: &str) -> &str {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}

/// The functions and types of a file that have no example and should.
fn lacking(text: &str) -> Vec<String> {
    let (mut of, mut has, mut lacking) = ("", false, vec![]);
    for line in text.lines() {
        let code = line.trim_start();
        if code.starts_with("///") || code.starts_with("#[") {
            has |= code.starts_with("/// ```");
            continue;
        }
        if line.starts_with("impl") {
            // The type is the last word.
            of = name(line.trim_end_matches(" {").rsplit(' ').next().unwrap_or_default());
        } else if line == "}" {
            of = "";
        } else if let Some(function) = code.strip_prefix("pub fn ").map(name)
            && !(has || function.is_empty() || SHOWN_BY_TYPE.contains(&of))
        {
            lacking.push(format!("{of}::{function}"));
        } else if let Some(of_type) = code.strip_prefix("pub struct ").map(name)
            && !has
            && SHOWN_BY_TYPE.contains(&of_type)
        {
            lacking.push(of_type.to_string());
        }
        has = false;
    }
    lacking
}

#[test]
fn functions_that_begin_something_have_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = |file: &&str| fs::read_to_string(root.join(file)).expect("the file is there");
    let found: Vec<String> = FILES.iter().flat_map(|file| lacking(&text(file))).collect();
    let expected: Vec<&str> = WITHOUT.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, expected, "what has no example, and what may have none");
}
