//! Arrays that are not read but mapped: the system reads the rows that are looked at, and lets go
//! of them when memory is wanted for something else. So a file may be larger than the memory.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use super::DataError;
use super::bytes::open_file;
use super::stored::Stored;

/// Arrays of as many bytes in memory are mapped, where the file's bytes allow it. What is smaller
/// is read at once, and then does not care what becomes of the file.
pub(super) const MAPPED_FROM: usize = 256 << 20;

/// A file that is mapped as long as something looks at it.
#[derive(Debug)]
pub(super) struct MappedFile {
    path: PathBuf,
    file: File,
    map: Mmap,
}

impl MappedFile {
    /// Maps a regular file. Errors: it cannot be opened or mapped.
    pub(super) fn open(path: &Path) -> Result<Arc<MappedFile>, DataError> {
        let (file, _) = open_file(path)?;
        // SAFETY: the map is only read, as bytes, of which every pattern is one. Whoever changes
        // the file meanwhile changes what is read next, as of any file; whoever cuts it is found by
        // `check` before the next batch.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(|e| DataError::read(path, &e))?;
        Ok(Arc::new(MappedFile { path: path.to_path_buf(), file, map }))
    }

    /// The bytes of the whole file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Errors: the file was cut since it was mapped, and reading beyond its end would end the
    /// process.
    fn check(&self) -> Result<(), DataError> {
        let metadata = self.file.metadata().map_err(|e| DataError::read(&self.path, &e))?;
        if metadata.len() < self.map.len() as u64 {
            let (before, now) = (self.map.len(), metadata.len());
            let reason =
                format!("it was cut while its rows were in use, from {before} bytes to {now}");
            return Err(DataError::Read { path: self.path.clone(), reason });
        }
        Ok(())
    }
}

/// An array of at least one axis whose elements lie row-major in a mapped file.
#[derive(Clone, Debug)]
pub struct Mapped {
    file: Arc<MappedFile>,
    offset: usize,
    stored: Stored,
    sizes: Vec<usize>,
}

impl Mapped {
    /// The array of these sizes from the byte `offset` of the file on; `None` if it does not lie
    /// within the file, or has no axis.
    pub(super) fn new(
        file: &Arc<MappedFile>,
        offset: usize,
        stored: Stored,
        sizes: &[usize],
    ) -> Option<Mapped> {
        let n_bytes = sizes.iter().try_fold(stored.size(), |n, &d| n.checked_mul(d))?;
        let end = offset.checked_add(n_bytes)?;
        let fits = end <= file.bytes().len() && !sizes.is_empty();
        fits.then(|| Mapped { file: file.clone(), offset, stored, sizes: sizes.to_vec() })
    }

    pub(super) fn stored(&self) -> Stored {
        self.stored
    }

    pub(super) fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The elements, as they lie in the file.
    pub(super) fn bytes(&self) -> &[u8] {
        let n = self.sizes.iter().product::<usize>() * self.stored.size();
        &self.file.bytes()[self.offset..self.offset + n]
    }

    /// Errors: the file was cut.
    pub(super) fn check(&self) -> Result<(), DataError> {
        self.file.check()
    }
}
