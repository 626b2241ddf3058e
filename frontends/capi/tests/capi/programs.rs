//! Programs in C, compiled by `cc`, which Rust links with too, and linked with the library that
//! Cargo has built beside the test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of the two libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// `libbrolga_capi.a`.
    Static,
    /// `libbrolga_capi.so`.
    Shared,
}

/// A path in this crate.
pub(crate) fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder for a test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// The folder of the libraries: that of the test itself.
pub(crate) fn libraries() -> PathBuf {
    let own = std::env::current_exe().expect("this runs");
    own.parent().expect("it is in a folder").to_path_buf()
}

/// The graph in a program: the text `TEXT`, a line in each of its own.
pub(crate) fn graph_of(program: &str) -> String {
    let (_, text) = program.split_once("TEXT =\n").expect("the program has a graph");
    let (text, _) = text.split_once(';').expect("the text ends");
    text.lines().map(|line| line.trim().trim_matches('"').replace("\\n", "\n")).collect()
}

/// A program of a source, which is strict C99 or C++.
pub(crate) fn compiled(
    source: &Path,
    folder: &Path,
    (language, linked): (&str, Linked),
) -> PathBuf {
    let program = folder.join("program");
    let (mut cc, standard) = match language {
        "c" => (Command::new("cc"), "-std=c99"),
        _ => (Command::new("c++"), "-std=c++11"),
    };
    cc.args(["-x", language, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"]);
    cc.arg("-I").arg(own("include")).arg(source).args(["-x", "none"]);
    let libraries = libraries();
    match linked {
        Linked::Static => {
            cc.arg(libraries.join("libbrolga_capi.a")).args(["-lpthread", "-ldl", "-lm"])
        }
        Linked::Shared => {
            cc.arg(libraries.join("libbrolga_capi.so")).arg("-Wl,-rpath").arg(&libraries)
        }
    };
    done(cc.arg("-o").arg(&program));
    program
}

/// Whether the machine has a program that a test can do without; says so where it has none.
pub(crate) fn has(program: &str) -> bool {
    let has = Command::new(program).arg("--version").output().is_ok();
    if !has {
        println!("skipped: there is no {program}");
    }
    has
}

/// What a program prints under Valgrind, and what it had allocated and not freed when it ended: `in
/// use at exit: 160,092 bytes in 494 blocks`. It fails for what is definitely lost, and for what is
/// read or written amiss. Tables that the library keeps for the whole process are "possibly lost"
/// to Valgrind, as a hash table is known by a pointer into its middle; that they do not grow is
/// seen by what is in use.
pub(crate) fn under_valgrind(program: &Path, arguments: &[&OsStr]) -> (String, String) {
    let log = program.with_extension("log");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]);
    let known = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/capi/valgrind.supp");
    valgrind.arg(format!("--suppressions={known}"));
    valgrind.arg(format!("--log-file={}", log.display())).arg(program).args(arguments);
    let output = valgrind.output().expect("valgrind is there");
    let log = std::fs::read_to_string(log).expect("valgrind writes it");
    assert!(output.status.success(), "{valgrind:?}\n{log}");
    let (_, in_use) = log.split_once("in use at exit: ").expect("valgrind sums up");
    let said = String::from_utf8(output.stdout).expect("it writes text");
    (said, in_use.lines().next().unwrap_or_default().to_string())
}

/// What a command prints that succeeds and has nothing to complain of.
pub(crate) fn done(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes text");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}{stderr}");
    stdout
}
