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
    let folder = PathBuf::from(variable("OUT_DIR"));
    let host = variable("TARGET");
    let mut targets = vec![host.as_str()];
    targets.extend(OTHERS.iter().filter(|other| **other != host && has_target(other)));
    let archives: Vec<String> = targets.iter().map(|target| archive(target, &folder)).collect();
    let list = format!("&[{}]", archives.join(", "));
    fs::write(folder.join("archives.rs"), list).expect("the folder is ours");
}

/// Machines that libraries can be written for from another one, where the toolchain has their core
/// library: `rustup target add aarch64-unknown-linux-gnu`.
const OTHERS: [&str; 1] = ["aarch64-unknown-linux-gnu"];

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// Whether the toolchain has the core library of a target.
fn has_target(target: &str) -> bool {
    let arguments = ["--print", "target-libdir", "--target", target];
    let output = Command::new(variable("RUSTC")).args(arguments).output();
    let folder = output.ok().filter(|o| o.status.success()).map(|o| o.stdout).unwrap_or_default();
    Path::new(String::from_utf8_lossy(&folder).trim()).is_dir()
}

/// Compiles the library for a target and compresses it; returns its place in the list of all.
fn archive(target: &str, folder: &Path) -> String {
    let library = folder.join(format!("libbrolga_kernels-{target}.a"));
    let status = Command::new(variable("RUSTC"))
        .args(["--crate-name", "brolga_kernels", "--crate-type", "staticlib", "--edition", "2024"])
        .args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "codegen-units=1"])
        .args(["-C", "relocation-model=pic", "-C", "overflow-checks=off", "--cap-lints", "allow"])
        .args(["--target", target])
        .args([Path::new("src/lib.rs"), Path::new("-o"), &library])
        .status()
        .unwrap_or_else(|error| panic!("the compiler does not start: {error}"));
    assert!(status.success(), "the static library of the kernels cannot be built for {target}");
    let bytes = fs::read(&library).expect("it was just written");
    let path = folder.join(format!("kernels-{target}.a.gz"));
    let archive = fs::File::create(&path).expect("the folder is ours");
    let mut archive = GzEncoder::new(archive, Compression::best());
    archive.write_all(&needed(&bytes)).expect("the folder is ours");
    archive.finish().expect("the folder is ours");
    format!("({target:?}, include_bytes!({:?}))", path.display().to_string())
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
