//! NumPy's `.npy` and `.npz`, read and written through `ndarray-npy`; what a header claims is
//! checked against the file before memory is asked for.

use std::io::{BufReader, Read};
use std::path::Path;

use brolga_compiler::ir::{Element, Literal};
use brolga_compiler::with_array;
use ndarray::ArrayD;
use ndarray_npy::npy::header::Header;
use ndarray_npy::{NpzWriter, ReadNpyExt, ReadableElement, WriteNpyExt};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive};

use super::DataError;
use super::bytes::{
    MAX_INFLATION, Sink, append_exactly, expect_end, open_file, read_exactly, write_atomically,
};

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

/// Returns the arrays of an `.npz` file in the file's order, by their names without `.npy`.
pub fn read_npz(path: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    let (file, len) = open_file(path)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| zip_error(path, &e))?;
    // Entries that share their compressed bytes are no reason to hold them many times over.
    let mut budget = len.saturating_mul(MAX_INFLATION);
    let mut arrays = vec![];
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|e| zip_error(path, &e))?;
        let Some(name) = entry.name().strip_suffix(".npy").map(str::to_string) else {
            let reason = format!("its entry `{}` is not an .npy array", entry.name());
            return Err(DataError::corrupt(path, reason));
        };
        let packed = entry.compressed_size().min(len);
        let at_most = match entry.compression() {
            CompressionMethod::Stored => packed,
            _ => packed.saturating_mul(MAX_INFLATION),
        };
        let place = path.join(&name);
        let array = read_array(&mut entry, at_most.min(budget), &place)?;
        budget = budget.saturating_sub((array.n_elements() * array.dtype().size()) as u64);
        arrays.push((name, array));
    }
    Ok(arrays)
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
    let (descriptor, size) = match header.type_descriptor.as_string() {
        Some(text) => (text.as_str(), element_size(text)),
        None => ("a structure", None),
    };
    let element_type =
        || DataError::ElementType { path: place.to_path_buf(), found: descriptor.to_string() };
    let size = size.ok_or_else(element_type)?;
    let n = n_bytes(&header.shape, size).filter(|&n| n as u64 <= at_most).ok_or_else(|| {
        let reason = format!("it claims the sizes {:?}, which it is too short for", header.shape);
        DataError::corrupt(place, reason)
    })?;
    append_exactly(reader, n, &mut bytes, place)?;
    expect_end(reader, place)?;
    let bytes = bytes.as_slice();
    match descriptor.trim_start_matches(['<', '>', '|', '=']) {
        "f4" => plain::<f32>(bytes, place),
        "f8" => plain::<f64>(bytes, place),
        "i4" => plain::<i32>(bytes, place),
        "i8" => plain::<i64>(bytes, place),
        "u1" | "B" => plain::<u8>(bytes, place),
        "b1" => plain::<bool>(bytes, place),
        "i1" | "b" => widened::<i8, i32>(bytes, place),
        "i2" => widened::<i16, i32>(bytes, place),
        "u2" => widened::<u16, i32>(bytes, place),
        "u4" => widened::<u32, i64>(bytes, place),
        _ => Err(element_type()),
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

/// The bytes of one element of a NumPy type descriptor such as `<f4`.
fn element_size(descriptor: &str) -> Option<usize> {
    match descriptor.trim_start_matches(['<', '>', '|', '=']) {
        "u1" | "B" | "b1" | "i1" | "b" => Some(1),
        "i2" | "u2" => Some(2),
        "f4" | "i4" | "u4" => Some(4),
        "f8" | "i8" => Some(8),
        _ => None,
    }
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
