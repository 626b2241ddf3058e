//! Static libraries, and what the system's linker makes of them.

use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Command;

use ar_archive_writer::{
    ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream,
};
use brolga::runtime::KERNELS_ARCHIVE;
use flate2::read::GzDecoder;
use object::read::archive::ArchiveFile;

use crate::failure::Failure;

/// A static library of these object files and of the kernels. The same files give the same bytes.
pub(super) fn library(objects: &[(String, &[u8])]) -> Result<Vec<u8>, Failure> {
    let mut kernels = vec![];
    let damaged = |e: &dyn std::fmt::Display| broken(&format!("the kernels' library: {e}"));
    GzDecoder::new(KERNELS_ARCHIVE).read_to_end(&mut kernels).map_err(|e| damaged(&e))?;
    let archive = ArchiveFile::parse(&*kernels).map_err(|e| damaged(&e))?;
    let mut members: Vec<NewArchiveMember<'_>> =
        objects.iter().map(|(name, bytes)| member(name.clone(), bytes)).collect();
    for found in archive.members() {
        let found = found.map_err(|e| damaged(&e))?;
        let bytes = found.data(&*kernels).map_err(|e| damaged(&e))?;
        members.push(member(String::from_utf8_lossy(found.name()).into_owned(), bytes));
    }
    let mut library = Cursor::new(vec![]);
    write_archive_to_stream(&mut library, &members, ArchiveKind::Gnu, false, None)
        .map_err(|e| damaged(&e))?;
    Ok(library.into_inner())
}

fn member(name: String, bytes: &[u8]) -> NewArchiveMember<'_> {
    NewArchiveMember::new(bytes, &DEFAULT_OBJECT_READER, name)
}

fn broken(message: &str) -> Failure {
    Failure::input("E0654", message, "this is a bug of the command: please report it")
}

/// Links a static library to a shared one that exports what begins with `prefix`.
pub(super) fn share(library: &Path, shared: &Path, prefix: &str) -> Result<(), Failure> {
    let map = library.with_extension("map");
    let exported = format!("{{ global: {prefix}_*; local: *; }};\n");
    let refused = |message: String| {
        let help = "install a C compiler that is called `cc`, or write an .a and link it elsewhere";
        Failure::input("E0671", &message, help)
    };
    std::fs::write(&map, exported).map_err(|e| refused(format!("{}: {e}", map.display())))?;
    let outcome = Command::new("cc")
        .args(["-shared", "-nostartfiles", "-o"])
        .arg(shared)
        .arg("-Wl,--whole-archive")
        .arg(library)
        .args(["-Wl,--no-whole-archive", "-Wl,--gc-sections", "-Wl,--strip-all"])
        .arg(format!("-Wl,--version-script={}", map.display()))
        .args(["-lpthread", "-lm"])
        .output();
    let _ = std::fs::remove_file(&map);
    match outcome {
        Ok(outcome) if outcome.status.success() => Ok(()),
        Ok(outcome) => Err(refused(format!(
            "`cc` cannot link `{}`: {}",
            shared.display(),
            String::from_utf8_lossy(&outcome.stderr).trim()
        ))),
        Err(error) => Err(refused(format!("`cc`, which links a .so, does not start: {error}"))),
    }
}
