//! Bytes of files that may be gzip.

use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::DataError;
use super::bytes::{damaged, open_file, too_large};

/// Deflate turns at most this many bytes into one (RFC 1951: a match of 258 bytes takes at least
/// two bits), so a compressed file bounds what it can hold.
pub(super) const MAX_INFLATION: u64 = 1032;

/// The bytes of a file after decompression, in order.
pub(super) struct Input {
    /// Where they are read from.
    pub(super) reader: Box<dyn Read>,
    /// The most bytes that can come.
    pub(super) at_most: u64,
    /// Whether the file holds other bytes than come.
    pub(super) is_compressed: bool,
}

impl Input {
    /// All that comes, of a format that does not say how much. Errors: damage, or no memory for it.
    pub(super) fn read_to_end(mut self, path: &Path) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![];
        self.reader.read_to_end(&mut bytes).map_err(|e| match e.kind() {
            ErrorKind::OutOfMemory => too_large(path, u128::from(self.at_most)),
            _ => damaged(path, &e),
        })?;
        Ok(bytes)
    }
}

/// Opens a file that may be gzip, which its first two bytes tell (RFC 1952).
pub(super) fn open(path: &Path) -> Result<Input, DataError> {
    let (mut file, len) = open_file(path)?;
    let mut magic = vec![];
    (&mut file).take(2).read_to_end(&mut magic).map_err(|e| DataError::read(path, &e))?;
    file.rewind().map_err(|e| DataError::read(path, &e))?;
    let file = BufReader::new(file);
    Ok(if magic == [0x1f, 0x8b] {
        Input {
            reader: Box::new(MultiGzDecoder::new(file)),
            at_most: len.saturating_mul(MAX_INFLATION),
            is_compressed: true,
        }
    } else {
        Input { reader: Box::new(file), at_most: len, is_compressed: false }
    })
}

/// Checks that nothing follows (which is also where gzip and zip compare their checksums).
pub(super) fn expect_end(reader: &mut dyn Read, path: &Path) -> Result<(), DataError> {
    let mut rest = vec![];
    reader.take(1).read_to_end(&mut rest).map_err(|e| damaged(path, &e))?;
    if rest.is_empty() {
        Ok(())
    } else {
        Err(DataError::corrupt(path, "more bytes follow than its header says"))
    }
}
