//! What a C program does wrong: each mistake is an error, nothing has changed after it, nothing is
//! lost.

use std::ffi::OsStr;
use std::process::Command;

use crate::programs::{Linked, compiled, done, folder, has, own, under_valgrind};

#[test]
fn every_mistake_is_an_error() {
    let folder = folder("misuse");
    let program = compiled(&own("tests/capi/misuse.c"), &folder, ("c", Linked::Static));
    let said = done(Command::new(&program).arg(&folder).arg("1"));
    assert_eq!(said.trim(), env!("CARGO_PKG_VERSION"));
    if has("valgrind") {
        let run = |times| under_valgrind(&program, &[folder.as_os_str(), OsStr::new(times)]);
        let (_, once) = run("1");
        let (_, thrice) = run("3");
        assert_eq!(once, thrice, "what is made is freed");
    }
}
