//! Shared libraries, which the system's linker makes of static ones.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;

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
