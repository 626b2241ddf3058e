//! Bytes of files, read with their size in mind before memory is asked for, and written as a whole.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::DataError;

/// Opens a regular file and returns its length. Errors: a missing file, a folder, a device.
pub(crate) fn open_file(path: &Path) -> Result<(File, u64), DataError> {
    let file = File::open(path).map_err(|e| DataError::read(path, &e))?;
    let metadata = file.metadata().map_err(|e| DataError::read(path, &e))?;
    if !metadata.is_file() {
        let reason = "it is not a regular file".to_string();
        return Err(DataError::Read { path: path.to_path_buf(), reason });
    }
    Ok((file, metadata.len()))
}

/// Reads the whole of a regular file.
pub(crate) fn read_all(path: &Path) -> Result<Vec<u8>, DataError> {
    let (mut file, len) = open_file(path)?;
    let len = usize::try_from(len).map_err(|_| too_large(path, u128::from(len)))?;
    let bytes = read_exactly(&mut file, len, path)?;
    Ok(bytes)
}

/// Reads `n` bytes. Errors: fewer come, or memory for them is refused.
pub(super) fn read_exactly(
    reader: &mut dyn Read,
    n: usize,
    path: &Path,
) -> Result<Vec<u8>, DataError> {
    let mut bytes = vec![];
    append_exactly(reader, n, &mut bytes, path)?;
    Ok(bytes)
}

/// Reads `n` bytes to the end of `bytes`. Errors: fewer come, or memory for them is refused.
pub(super) fn append_exactly(
    reader: &mut dyn Read,
    n: usize,
    bytes: &mut Vec<u8>,
    path: &Path,
) -> Result<(), DataError> {
    bytes.try_reserve_exact(n).map_err(|_| too_large(path, n as u128))?;
    let read = reader.take(n as u64).read_to_end(bytes).map_err(|e| damaged(path, &e))?;
    if read < n {
        return Err(DataError::corrupt(path, format!("{} bytes are missing at its end", n - read)));
    }
    Ok(())
}

/// What a file's bytes are written to.
pub(crate) trait Sink: Write + Seek {}

impl<T: Write + Seek> Sink for T {}

/// Writes bytes to a file, which is replaced as a whole.
///
/// # Errors
/// If it cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    write_atomically(path, |file| file.write_all(bytes))
}

/// Writes a file as a whole: to a temporary name beside it, then renamed, so that a reader sees
/// the old file or the new one. `write` fills it. Links are followed; what is there and no regular
/// file (a device, a pipe) stays, and is written to.
pub(crate) fn write_atomically<E: std::fmt::Display>(
    path: &Path,
    write: impl FnOnce(&mut dyn Sink) -> Result<(), E>,
) -> Result<(), DataError> {
    let refused = |e: &dyn std::fmt::Display| DataError::write(path, e);
    let place = followed(path).map_err(|e| refused(&e))?;
    let there = match std::fs::metadata(&place) {
        Ok(metadata) => Some(metadata),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => return Err(refused(&e)),
    };
    if there.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        // A pipe cannot be sought in, so the bytes are made first.
        let mut bytes = Cursor::new(vec![]);
        write(&mut bytes).map_err(|e| refused(&e))?;
        let opened = File::options().write(true).open(&place);
        return opened.and_then(|mut f| f.write_all(bytes.get_ref())).map_err(|e| refused(&e));
    }
    let name = place.file_name().ok_or_else(|| refused(&"it names no file"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = place.with_file_name(temporary);
    let outcome = File::create(&temporary).map_err(|e| refused(&e)).and_then(|mut file| {
        write(&mut file).map_err(|e| refused(&e))?;
        if let Some(metadata) = there {
            file.set_permissions(metadata.permissions()).map_err(|e| refused(&e))?;
        }
        file.flush().and_then(|()| file.sync_all()).map_err(|e| refused(&e))?;
        std::fs::rename(&temporary, &place).map_err(|e| refused(&e))
    });
    if outcome.is_err() {
        // The first error is the one to report; a temporary file that stays does no harm.
        let _ = std::fs::remove_file(&temporary);
    }
    outcome
}

/// As many links may lead to a file, one to the other, as the system follows.
const MAX_LINKS: usize = 40;

/// Where the links at a path lead; there need not be a file yet.
fn followed(path: &Path) -> std::io::Result<PathBuf> {
    let mut place = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match std::fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = std::fs::read_link(&place)?;
                place = place.parent().unwrap_or(Path::new("")).join(link);
            }
            Ok(_) | Err(_) => return Ok(place),
        }
    }
    Err(std::io::Error::other("too many links lead from one to the other"))
}

pub(super) fn too_large(path: &Path, bytes: u128) -> DataError {
    DataError::TooLarge {
        name: path.display().to_string(),
        reason: format!("memory for its {bytes} bytes is refused"),
    }
}

pub(super) fn damaged(path: &Path, error: &std::io::Error) -> DataError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            DataError::corrupt(path, "it ends in the middle of its compressed bytes")
        }
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
            DataError::corrupt(path, error.to_string())
        }
        _ => DataError::read(path, error),
    }
}
