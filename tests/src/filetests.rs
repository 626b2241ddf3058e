//! Files as tests: `tests/filetests/**/*.graph`, and `*.loops` with the text of kernels. The header says
//! what is done with the file, the lines that begin with `#>` say what comes out, made for one fixed
//! target.
//!
//! ```text
//! # test: pass cse --dim batch=4
//! input x: f32[batch]
//! output y = tanh(x) * tanh(x)
//! #> version 1
//! ```
//!
//! A file with several commands gets a section for each. `BLESS=1 cargo test` writes what comes out into the files.

mod command;
mod header;
mod loops;
mod run;

pub(crate) use header::parse as headers;
pub(crate) use run::{runs_alike, trains_alike};

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use similar::TextDiff;

/// Bytes of the stack of a thread that runs tests.
const STACK: usize = 64 << 20;

/// Two tests share the files, so that there are as many threads as tests that run at once: programs on
/// several threads wait for each other where there are more than cores.
#[test]
fn filetests_even() {
    check_every_other(0);
}

#[test]
fn filetests_odd() {
    check_every_other(1);
}

fn check_every_other(first: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filetests");
    let only = std::env::var("FILETEST").unwrap_or_default();
    let mut files = files(&root);
    files.retain(|path| path.to_string_lossy().contains(&only));
    let files: Vec<PathBuf> = files.into_iter().skip(first).step_by(2).collect();
    let failures = failures(&files);
    assert!(
        failures.is_empty(),
        "\n{}\n{} of {} file tests failed; to accept what comes out:\n    \
         BLESS=1 cargo test --release -p brolga-tests filetests\n",
        failures.join("\n"),
        failures.len(),
        files.len()
    );
}

/// The files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "graph" || e == "loops") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What is wrong with each file, in their order.
fn failures(files: &[PathBuf]) -> Vec<String> {
    std::thread::scope(|scope| {
        let all = || files.iter().filter_map(|path| failure(path)).collect();
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, all);
        thread.expect("a thread for the stack").join().expect("panics are caught within")
    })
}

/// What is wrong with a file.
fn failure(path: &Path) -> Option<String> {
    let checked = catch_unwind(AssertUnwindSafe(|| check(path)));
    let result = checked.unwrap_or_else(|_| Err("it panicked, see above".to_string()));
    result.err().map(|why| format!("--- {}\n{why}", path.display()))
}

fn check(path: &Path) -> Result<(), String> {
    let whole = fs::read_to_string(path).map_err(|e| e.to_string())?;
    let (input, expected) = split(&whole);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let headers = header::parse(&input)?;
    let mut found = String::new();
    for header in &headers {
        if headers.len() > 1 {
            found.push_str(&format!("==== {}\n", header.command));
        }
        let output = match path.extension().is_some_and(|e| e == "loops") {
            true => loops::execute(header, &input),
            false => command::execute(header, &name, &input),
        };
        found.push_str(&output.map_err(|why| format!("{}: {why}", header.command))?);
    }
    if found == expected {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some_and(|v| v == "1") {
        return fs::write(path, joined(&input, &found)).map_err(|e| e.to_string());
    }
    let diff = TextDiff::from_lines(&expected, &found);
    Err(diff.unified_diff().header("expected", "found").to_string())
}

/// The input and the expected output of a file.
fn split(whole: &str) -> (String, String) {
    let (mut input, mut expected) = (String::new(), String::new());
    for line in whole.lines() {
        match line.strip_prefix("#>") {
            Some(rest) => {
                expected.push_str(rest.strip_prefix(' ').unwrap_or(rest));
                expected.push('\n');
            }
            None => {
                input.push_str(line);
                input.push('\n');
            }
        }
    }
    (format!("{}\n", input.trim_end()), expected)
}

fn joined(input: &str, output: &str) -> String {
    let line = |line: &str| if line.is_empty() { "#>\n".into() } else { format!("#> {line}\n") };
    format!("{input}\n{}", output.lines().map(line).collect::<String>())
}
