//! With the feature `archive`: this crate once more, as the static library that compiled models are
//! linked with. It needs nothing but the C library, and never unwinds.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    if env::var_os("CARGO_FEATURE_ARCHIVE").is_none() {
        return;
    }
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let folder = PathBuf::from(variable("OUT_DIR"));
    let library = folder.join("libbrolga_kernels.a");
    let status = Command::new(variable("RUSTC"))
        .args(["--crate-name", "brolga_kernels", "--crate-type", "staticlib", "--edition", "2024"])
        .args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "codegen-units=1"])
        .args(["-C", "relocation-model=pic", "-C", "overflow-checks=off", "--cap-lints", "allow"])
        .args(["--target", &variable("TARGET")])
        .args([Path::new("src/lib.rs"), Path::new("-o"), &library])
        .status()
        .unwrap_or_else(|error| panic!("the compiler does not start: {error}"));
    assert!(status.success(), "the static library of the kernels cannot be built");
    let bytes = fs::read(&library).expect("it was just written");
    let archive = fs::File::create(folder.join("kernels.a.gz")).expect("the folder is ours");
    let mut archive = GzEncoder::new(archive, Compression::best());
    archive.write_all(&needed(&bytes)).expect("the folder is ours");
    archive.finish().expect("the folder is ours");
}

/// Bytes of a member's header (as in the manual page ar(5)).
const HEADER: usize = 60;

/// An archive's members but its index, which whoever adds to it makes anew, and the functions for
/// processors that lack instructions, which every C compiler has too.
fn needed(archive: &[u8]) -> Vec<u8> {
    const MAGIC: &[u8] = b"!<arch>\n";
    let mut rest = archive.strip_prefix(MAGIC).expect("it is an archive");
    let mut kept = MAGIC.to_vec();
    let mut long_names: &[u8] = &[];
    while rest.len() >= HEADER {
        let header = &rest[..HEADER];
        let text = |from: usize, to: usize| {
            std::str::from_utf8(&header[from..to]).expect("headers are ASCII").trim_end()
        };
        let size: usize = text(48, 58).parse().expect("a size in digits");
        let member = &rest[..HEADER + size];
        let name = text(0, 16);
        if name == "//" {
            long_names = &member[HEADER..];
        }
        let name = match name.strip_prefix('/').and_then(|at| at.parse::<usize>().ok()) {
            Some(at) => {
                let name = &long_names[at..];
                let end = name.iter().position(|&b| b == b'/').unwrap_or(name.len());
                String::from_utf8_lossy(&name[..end]).into_owned()
            }
            None => name.to_string(),
        };
        if name != "/" && !name.starts_with("compiler_builtins") {
            kept.extend_from_slice(member);
            kept.extend((size % 2 == 1).then_some(b'\n'));
        }
        rest = &rest[(HEADER + size.next_multiple_of(2)).min(rest.len())..];
    }
    kept
}
