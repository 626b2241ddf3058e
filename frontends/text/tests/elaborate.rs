//! Tests of elaboration as data: each `.graph` file below `tests/elaborate` has its expected text
//! beside it: the variables and the graph with `training` true (`modules`), the names and types of
//! the variables (`names`), the values of outputs and variables (`values`), or the errors.
//! `BLESS=1 cargo test` rewrites the expected texts.

use std::path::{Path, PathBuf};

use brolga_compiler::ir::{Graph, GraphText, Literal, Scalar};
use brolga_compiler::ops::{EvalContext, Leaf, Leaves, Reference, evaluate};
use brolga_text::{LoadOptions, Loaded, load};

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/elaborate").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder of cases is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut cases: Vec<_> =
        paths.filter(|path| path.extension() == Some("graph".as_ref())).collect();
    cases.sort();
    cases
}

/// Compares with the file beside the case, or writes it.
fn check(case: &Path, actual: &str) {
    let expected_path = case.with_extension("expected");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected_path, actual).expect("the expected text can be written");
        return;
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    assert!(
        actual == expected,
        "{}\n--- expected\n{expected}\n--- actual\n{actual}",
        case.display()
    );
}

fn name_of(case: &Path) -> String {
    case.file_name().expect("a case is a file").to_string_lossy().into_owned()
}

fn loaded(case: &Path) -> Loaded {
    let bytes = std::fs::read(case).expect("the case can be read");
    match load(&name_of(case), &bytes, &LoadOptions::default()) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{}\n{error}", case.display()),
    }
}

#[test]
fn modules_are_made() {
    for case in cases("modules") {
        let module = loaded(&case).module;
        let variables = module.variables.iter().collect();
        let name = module.name.as_deref();
        check(&case, &GraphText { name, variables, graph: &module.train }.to_string());
    }
}

#[test]
fn variables_are_named() {
    for case in cases("names") {
        let module = loaded(&case).module;
        let line = |(name, v): (&_, &brolga_compiler::ir::Variable)| {
            format!("{:?} {name}: {}\n", v.kind, v.tensor_type)
        };
        check(&case, &module.variables.iter().map(line).collect::<String>());
    }
}

/// A seed of 7, at step 0.
struct Clocks;

impl Leaves for Clocks {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Seed => Some(Scalar::I64(7).into()),
            Leaf::Step | Leaf::Epoch => Some(Scalar::I64(0).into()),
            _ => None,
        }
    }
}

fn outputs(graph: &Graph) -> Vec<(String, Literal)> {
    let wanted: Vec<_> = graph.outputs.iter().map(|(_, node)| *node).collect();
    let cx = EvalContext { leaves: &Clocks, contraction: &Reference };
    let values = evaluate(graph, &cx, &wanted).expect("the case is closed");
    graph.outputs.iter().map(|(name, _)| name.to_string()).zip(values).collect()
}

#[test]
fn values_are_computed() {
    for case in cases("values") {
        let module = loaded(&case).module;
        let mut text = String::new();
        for (name, value) in outputs(&module.infer) {
            text.push_str(&format!("{name}: {} = {value}\n", value.tensor_type()));
        }
        for (name, variable) in &module.variables {
            let (_, value) = &outputs(&variable.initial)[0];
            text.push_str(&format!("{name}: {} = {value}\n", value.tensor_type()));
        }
        check(&case, &text);
    }
}

#[test]
fn errors_are_rendered() {
    for case in cases("errors") {
        let bytes = std::fs::read(&case).expect("the case can be read");
        match load(&name_of(&case), &bytes, &LoadOptions::default()) {
            Ok(_) => panic!("{} has no error", case.display()),
            Err(error) => check(&case, &error.to_string()),
        }
    }
}

/// What is printed parses to the same graph, at both modes.
#[test]
fn printed_modules_read_back() {
    for case in cases("modules").into_iter().chain(cases("values")).chain(cases("names")) {
        let module = loaded(&case).module;
        let variables: Vec<_> = module.variables.iter().collect();
        let name = module.name.as_deref();
        let text = GraphText { name, variables, graph: &module.train }.to_string();
        let again = match load("dump.graph", text.as_bytes(), &LoadOptions::default()) {
            Ok(again) => again.module,
            Err(error) => panic!("{}\n{text}\n{error}", case.display()),
        };
        let variables: Vec<_> = again.variables.iter().collect();
        let second = GraphText { name, variables, graph: &again.train }.to_string();
        let differs = text.lines().zip(second.lines()).find(|(a, b)| a != b);
        assert_eq!(differs, None, "{}", case.display());
        assert_eq!(text.lines().count(), second.lines().count(), "{}", case.display());
        assert!(again.train == module.train, "{} is the same graph", case.display());
    }
}

#[test]
fn loading_takes_little_time() {
    let case = cases("modules").into_iter().find(|c| c.ends_with("mnist_mlp.graph"));
    let case = case.expect("the page's example is there");
    loaded(&case);
    let start = std::time::Instant::now();
    (0..20).for_each(|_| drop(loaded(&case)));
    println!("{:?} a file", start.elapsed() / 20);
}
