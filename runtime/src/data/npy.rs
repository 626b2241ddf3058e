//! NumPy's `.npy` and `.npz`, read and written through `ndarray-npy`; what a header claims is
//! checked against the file before memory is asked for.

use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use brolga_compiler::ir::{Element, Literal};
use brolga_compiler::with_array;
use ndarray::ArrayD;
use ndarray_npy::npy::header::Header;
use ndarray_npy::{NpzWriter, ReadNpyExt, ReadableElement, WriteNpyExt};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive};

use super::bytes::{Sink, append_exactly, open_file, read_exactly, write_atomically};
use super::input::{MAX_INFLATION, expect_end};
use super::mapped::{Mapped, MappedFile};
use super::stored::Stored;
use super::{Array, DataError};

/// NumPy itself refuses longer headers (`numpy.lib.format`, `max_header_size`).
const MAX_HEADER: usize = 10_000;

/// Nesting of brackets in a header: `{'shape': (3, 4)}` has 2, a structured type 4. The reader of
/// Python literals recurses, so its depth must not be the file's to choose.
const MAX_NESTING: usize = 6;

/// The most dimensions of an array, as in NumPy 2.
const MAX_RANK: usize = 64;

/// The size from which an entry needs the 64-bit fields of zip, less room for its header.
const LARGE_ENTRY: usize = 0xffff_ffff - 2 * MAX_HEADER;

/// Returns the array of an `.npy` file in row-major order. i8, i16 and u16 become i32, u32
/// becomes i64.
pub fn read_npy(path: &Path) -> Result<Literal, DataError> {
    let (file, len) = open_file(path)?;
    read_array(&mut BufReader::new(file), len, path)
}

/// The same; an array of at least `mapped_from` bytes in memory stays in the file where it is
/// row-major and little-endian there.
pub(super) fn open_npy(path: &Path, mapped_from: usize) -> Result<Array, DataError> {
    let (file, len) = open_file(path)?;
    let mut reader = BufReader::new(file);
    if let Some(found) = find_mapped(&mut reader, path, mapped_from)? {
        let file = MappedFile::open(path)?;
        if let Some(mapped) = found.mapped(&file, 0, len) {
            return Ok(mapped.into());
        }
    }
    reader.rewind().map_err(|e| DataError::read(path, &e))?;
    read_array(&mut reader, len, path).map(Array::from)
}

/// Returns the arrays of an `.npz` file in the file's order, by their names without `.npy`.
pub fn read_npz(path: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    let arrays = open_npz(path, usize::MAX)?;
    Ok(arrays.into_iter().map(|(name, array)| (name, array.whole())).collect())
}

/// The same; arrays of at least `mapped_from` bytes in memory stay in the file where they are
/// row-major, little-endian and not compressed there. Of those the checksums are not compared.
pub(super) fn open_npz(path: &Path, mapped_from: usize) -> Result<Vec<(String, Array)>, DataError> {
    let (file, len) = open_file(path)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| zip_error(path, &e))?;
    // Entries that share their compressed bytes are no reason to hold them many times over.
    let mut budget = len.saturating_mul(MAX_INFLATION);
    let mut whole: Option<Arc<MappedFile>> = None;
    let mut arrays = vec![];
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|e| zip_error(path, &e))?;
        let Some(name) = entry.name().strip_suffix(".npy").map(str::to_string) else {
            let reason = format!("its entry `{}` is not an .npy array", entry.name());
            return Err(DataError::corrupt(path, reason));
        };
        let place = path.join(&name);
        let packed = entry.compressed_size().min(len);
        if entry.compression() == CompressionMethod::Stored
            && let start = entry.data_start()
            && let Some(found) = find_mapped(&mut entry, &place, mapped_from)?
        {
            let file = match &whole {
                Some(file) => file,
                None => whole.insert(MappedFile::open(path)?),
            };
            if let Some(mapped) = found.mapped(file, start, packed) {
                arrays.push((name, mapped.into()));
                continue;
            }
        }
        drop(entry);
        let mut entry = archive.by_index(i).map_err(|e| zip_error(path, &e))?;
        let at_most = match entry.compression() {
            CompressionMethod::Stored => packed,
            _ => packed.saturating_mul(MAX_INFLATION),
        };
        let array = read_array(&mut entry, at_most.min(budget), &place)?;
        budget = budget.saturating_sub((array.n_elements() * array.dtype().size()) as u64);
        arrays.push((name, array.into()));
    }
    Ok(arrays)
}

/// An array that can stay in its file.
struct Found {
    /// The bytes of the header.
    header: usize,
    stored: Stored,
    sizes: Vec<usize>,
}

impl Found {
    /// The array of the `n` bytes from `start` on; `None` if they are not those of header and
    /// elements, about which reading says what is wrong.
    fn mapped(&self, file: &Arc<MappedFile>, start: u64, n: u64) -> Option<Mapped> {
        let elements = n_bytes(&self.sizes, self.stored.size())?;
        let start = usize::try_from(start).ok()?;
        let is_whole = self.header.checked_add(elements).is_some_and(|sum| sum as u64 == n);
        let offset = start.checked_add(self.header).filter(|_| is_whole)?;
        Mapped::new(file, offset, self.stored, &self.sizes)
    }
}

/// What the header says of an array of at least `mapped_from` bytes in memory that can stay where
/// it is.
fn find_mapped(
    reader: &mut dyn Read,
    place: &Path,
    mapped_from: usize,
) -> Result<Option<Found>, DataError> {
    if mapped_from == usize::MAX {
        return Ok(None);
    }
    let bytes = read_header(reader, place)?;
    let Ok(header) = Header::from_reader(&mut bytes.as_slice()) else { return Ok(None) };
    let descriptor = header.type_descriptor.as_string().map_or("", |text| text.as_str());
    let stored = descriptor.strip_prefix(['<', '|']).and_then(stored);
    // The bytes of truth values are looked at when they are read.
    let can_stay = |stored: &Stored| *stored != Stored::Bool && !header.layout.is_fortran();
    let Some(stored) = stored.filter(can_stay) else { return Ok(None) };
    let n = n_bytes(&header.shape, stored.dtype().size());
    Ok(n.filter(|&n| n >= mapped_from).map(|_| Found {
        header: bytes.len(),
        stored,
        sizes: header.shape,
    }))
}

/// The element type of a NumPy type descriptor without its byte order.
fn stored(name: &str) -> Option<Stored> {
    Some(match name {
        "f4" => Stored::F32,
        "f8" => Stored::F64,
        "i4" => Stored::I32,
        "i8" => Stored::I64,
        "u1" | "B" => Stored::U8,
        "b1" => Stored::Bool,
        "i1" | "b" => Stored::I8,
        "i2" => Stored::I16,
        "u2" => Stored::U16,
        "u4" => Stored::U32,
        _ => return None,
    })
}

/// Writes arrays as an uncompressed `.npz`, in their order. The same arrays give the same bytes;
/// a file of that name is replaced as a whole.
pub fn write_npz(path: &Path, arrays: &[(String, Literal)]) -> Result<(), DataError> {
    write_atomically(path, |file| write_entries(file, arrays))
}

/// Writes an array as `.npy`; a file of that name is replaced as a whole.
pub fn write_npy(path: &Path, array: &Literal) -> Result<(), DataError> {
    write_atomically(path, |file| with_array!(array, a => a.write_npy(&mut *file)))
}

fn write_entries(
    file: &mut dyn Sink,
    arrays: &[(String, Literal)],
) -> Result<(), ndarray_npy::WriteNpzError> {
    let mut writer = NpzWriter::new(file);
    for (name, array) in arrays {
        let bytes = array.n_elements().saturating_mul(array.dtype().size());
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(bytes >= LARGE_ENTRY);
        with_array!(array, a => writer.add_array_with_options(name.as_str(), a, options))?;
    }
    writer.finish().map(|_| ())
}

/// The array that `reader` holds, of which at most `at_most` bytes can come.
fn read_array(reader: &mut dyn Read, at_most: u64, place: &Path) -> Result<Literal, DataError> {
    let mut bytes = read_header(reader, place)?;
    let header = Header::from_reader(&mut bytes.as_slice())
        .map_err(|e| DataError::corrupt(place, e.to_string()))?;
    let (descriptor, stored) = match header.type_descriptor.as_string() {
        Some(text) => (text.as_str(), stored(text.trim_start_matches(['<', '>', '|', '=']))),
        None => ("a structure", None),
    };
    let element_type =
        || DataError::ElementType { path: place.to_path_buf(), found: descriptor.to_string() };
    let stored = stored.ok_or_else(element_type)?;
    let n = n_bytes(&header.shape, stored.size()).filter(|&n| n as u64 <= at_most).ok_or_else(
        || {
            let reason =
                format!("it claims the sizes {:?}, which it is too short for", header.shape);
            DataError::corrupt(place, reason)
        },
    )?;
    append_exactly(reader, n, &mut bytes, place)?;
    expect_end(reader, place)?;
    let bytes = bytes.as_slice();
    match stored {
        Stored::F32 => plain::<f32>(bytes, place),
        Stored::F64 => plain::<f64>(bytes, place),
        Stored::I32 => plain::<i32>(bytes, place),
        Stored::I64 => plain::<i64>(bytes, place),
        Stored::U8 => plain::<u8>(bytes, place),
        Stored::Bool => plain::<bool>(bytes, place),
        Stored::I8 => widened::<i8, i32>(bytes, place),
        Stored::I16 => widened::<i16, i32>(bytes, place),
        Stored::U16 => widened::<u16, i32>(bytes, place),
        Stored::U32 => widened::<u32, i64>(bytes, place),
        Stored::F16 | Stored::BF16 | Stored::Pixel => Err(element_type()),
    }
}

/// The header's bytes, from the magic to the newline: `\x93NUMPY`, version, length, dictionary.
fn read_header(reader: &mut dyn Read, place: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = read_exactly(reader, 8, place)?;
    if &bytes[..6] != b"\x93NUMPY" {
        return Err(DataError::corrupt(place, "it does not begin as an .npy file"));
    }
    let length = read_exactly(reader, if bytes[6] == 1 { 2 } else { 4 }, place)?;
    let n = length.iter().rev().fold(0usize, |n, &b| n << 8 | usize::from(b));
    if n > MAX_HEADER {
        return Err(DataError::corrupt(place, format!("its header claims {n} bytes")));
    }
    bytes.extend(length);
    let dictionary = read_exactly(reader, n, place)?;
    if nesting(&dictionary) > MAX_NESTING {
        return Err(DataError::corrupt(place, "its header is nested too deeply"));
    }
    bytes.extend(dictionary);
    Ok(bytes)
}

/// How many brackets are open at most, closing ones not counted against those in strings.
fn nesting(text: &[u8]) -> usize {
    let (mut open, mut most) = (0usize, 0);
    for byte in text {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// The bytes of an array, if its sizes without the zeros make a size that memory can have.
fn n_bytes(sizes: &[usize], element: usize) -> Option<usize> {
    let held = sizes.iter().filter(|&&d| d > 0).try_fold(8usize, |n, &d| n.checked_mul(d))?;
    if held > isize::MAX as usize || sizes.len() > MAX_RANK {
        return None;
    }
    Some(sizes.iter().product::<usize>() * element)
}

fn plain<T: Element + ReadableElement>(bytes: &[u8], place: &Path) -> Result<Literal, DataError> {
    Ok(Literal::new(array::<T>(bytes, place)?))
}

fn widened<T, U>(bytes: &[u8], place: &Path) -> Result<Literal, DataError>
where
    T: ReadableElement + Copy,
    U: Element + From<T>,
{
    Ok(Literal::new(array::<T>(bytes, place)?.mapv(U::from)))
}

/// The array in row-major order, whatever the file's order was.
fn array<T: ReadableElement + Copy>(bytes: &[u8], place: &Path) -> Result<ArrayD<T>, DataError> {
    let array =
        ArrayD::<T>::read_npy(bytes).map_err(|e| DataError::corrupt(place, e.to_string()))?;
    if array.is_standard_layout() {
        return Ok(array);
    }
    Ok(array.as_standard_layout().into_owned())
}

fn zip_error(path: &Path, error: &ZipError) -> DataError {
    match error {
        ZipError::Io(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
            DataError::read(path, e)
        }
        e => DataError::corrupt(path, e.to_string()),
    }
}
