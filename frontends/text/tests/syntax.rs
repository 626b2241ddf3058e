//! Tests of the syntax as data: each `.graph` file below `tests/syntax` has its expected text
//! beside it. `BLESS=1 cargo test` rewrites the expected texts.

use std::path::{Path, PathBuf};

use brolga_text::diagnostics::{RenderOptions, render};
use brolga_text::parser::{Limits, Parsed, parse};
use brolga_text::source::Sources;

fn parsed(name: &str, bytes: &[u8]) -> (Parsed, String) {
    let mut sources = Sources::new();
    let id = sources.add(name, bytes);
    let parsed = parse(sources.get(id), &Limits::default());
    let options = RenderOptions { limit: 100, ..RenderOptions::default() };
    let errors = render(&parsed.diagnostics, &sources, &options);
    (parsed, errors)
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder of cases is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut cases: Vec<_> =
        paths.filter(|path| path.extension() == Some("graph".as_ref())).collect();
    cases.sort();
    assert!(!cases.is_empty());
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
fn errors_are_rendered() {
    for case in cases("errors") {
        let bytes = std::fs::read(&case).expect("the case can be read");
        let (_, errors) = parsed(&name_of(&case), &bytes);
        assert!(!errors.is_empty(), "{} has errors", case.display());
        check(&case, &errors);
    }
}

#[test]
fn trees_are_printed() {
    for case in cases("printed") {
        let bytes = std::fs::read(&case).expect("the case can be read");
        let (parsed_case, errors) = parsed(&name_of(&case), &bytes);
        assert!(errors.is_empty(), "{}\n{errors}", case.display());
        let printed = parsed_case.file.to_string();
        check(&case, &printed);
        let (again, errors) = parsed("printed.graph", printed.as_bytes());
        assert!(errors.is_empty(), "{}\n{errors}", case.display());
        assert_eq!(again.file.to_string(), printed);
    }
}
