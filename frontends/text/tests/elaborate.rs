//! Tests of elaboration as data: each `.graph` file below `tests/elaborate` has its expected text
//! beside it: the variables and the graph with `training` true, or the errors. `BLESS=1 cargo
//! test` rewrites the expected texts.

use std::path::{Path, PathBuf};

use brolga_compiler::ir::GraphText;
use brolga_text::{LoadOptions, load};

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

#[test]
fn modules_are_made() {
    for case in cases("modules") {
        let bytes = std::fs::read(&case).expect("the case can be read");
        match load(&name_of(&case), &bytes, &LoadOptions::default()) {
            Ok(loaded) => {
                let module = &loaded.module;
                let variables = module.variables.iter().collect();
                let name = module.name.as_deref();
                let text = GraphText { name, variables, graph: &module.train }.to_string();
                check(&case, &text);
            }
            Err(error) => panic!("{}\n{error}", case.display()),
        }
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
