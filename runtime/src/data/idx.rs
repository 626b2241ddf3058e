//! The IDX format of MNIST (LeCun, Cortes and Burges, "The MNIST database", section "File
//! formats"): big-endian magic `0 0 type rank`, a u32 a dimension, then the elements.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use brolga_compiler::ir::Literal;

use super::bytes::read_exactly;
use super::input::{Input, expect_end, open};
use super::mapped::{Mapped, MappedFile};
use super::stored::Stored;
use super::{Array, DataError, Split};

/// The code of unsigned bytes, the element type of the MNIST files.
const UNSIGNED_BYTE: u8 = 0x08;

/// The numbers of dimensions of a file of images.
const IMAGE_RANKS: RangeInclusive<u8> = 2..=4;

/// Returns `image` (f32, the bytes over 255, `[rows, ...]`) and `label` (i32, `[rows]`) of a pair
/// of IDX files of bytes, plain or gzip. Images of at least `mapped_from` bytes in memory stay in a
/// file that is plain.
pub(super) fn open_pair(
    images: &Path,
    labels: &Path,
    mapped_from: usize,
) -> Result<Vec<(String, Array)>, DataError> {
    let image = match open_images(images, mapped_from)? {
        Some(image) => image,
        None => {
            let (sizes, pixels) = read_bytes(images, IMAGE_RANKS)?;
            Stored::Pixel.literal(&sizes, &pixels).ok_or_else(|| no_array(images))?.into()
        }
    };
    let (sizes, classes) = read_bytes(labels, 1..=1)?;
    let classes: Vec<i32> = classes.iter().map(|&c| i32::from(c)).collect();
    let label = Literal::from_vec(&sizes, classes).ok_or_else(|| no_array(labels))?;
    Ok(vec![("image".to_string(), image), ("label".to_string(), label.into())])
}

/// The images of a plain file, if they take at least `mapped_from` bytes in memory.
fn open_images(path: &Path, mapped_from: usize) -> Result<Option<Array>, DataError> {
    let mut input = open(path)?;
    // Of a compressed file nothing can be mapped.
    if input.is_compressed || input.at_most.saturating_mul(4) < mapped_from as u64 {
        return Ok(None);
    }
    let (sizes, n) = read_sizes(&mut input, path, IMAGE_RANKS)?;
    let header = 4 + 4 * sizes.len();
    if input.at_most != (header + n) as u64 {
        // Reading says what is wrong.
        return Ok(None);
    }
    let file = MappedFile::open(path)?;
    Ok(Mapped::new(&file, header, Stored::Pixel, &sizes).map(Array::from))
}

fn no_array(path: &Path) -> DataError {
    DataError::corrupt(path, "its sizes do not make an array")
}

/// The image and label file of one part of MNIST or Fashion-MNIST in `folder`, under their
/// original names, plain or with `.gz`; the plain one wins.
pub fn original_names(folder: &Path, split: Split) -> (PathBuf, PathBuf) {
    let part = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let find = |name: String| {
        let plain = folder.join(&name);
        if plain.exists() { plain } else { folder.join(name + ".gz") }
    };
    (find(format!("{part}-images-idx3-ubyte")), find(format!("{part}-labels-idx1-ubyte")))
}

/// The dimensions and elements of an IDX file of bytes whose rank is in `ranks`.
fn read_bytes(path: &Path, ranks: RangeInclusive<u8>) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let mut input = open(path)?;
    let (sizes, n) = read_sizes(&mut input, path, ranks)?;
    let elements = read_exactly(&mut input.reader, n, path)?;
    expect_end(&mut input.reader, path)?;
    Ok((sizes, elements))
}

/// The dimensions that an IDX file of bytes begins with, and how many bytes they ask for.
fn read_sizes(
    input: &mut Input,
    path: &Path,
    ranks: RangeInclusive<u8>,
) -> Result<(Vec<usize>, usize), DataError> {
    let magic = read_exactly(&mut input.reader, 4, path)?;
    let &[0, 0, element, rank] = magic.as_slice() else {
        return Err(DataError::corrupt(path, format!("an IDX file does not begin {magic:02x?}")));
    };
    if element != UNSIGNED_BYTE {
        let found = format!("0x{element:02x}");
        return Err(DataError::ElementType { path: path.to_path_buf(), found });
    }
    if !ranks.contains(&rank) {
        let (lo, hi) = (ranks.start(), ranks.end());
        let wanted = if lo == hi { lo.to_string() } else { format!("{lo} to {hi}") };
        let reason = format!("it has {rank} dimensions where {wanted} are expected");
        return Err(DataError::corrupt(path, reason));
    }
    let header = read_exactly(&mut input.reader, 4 * usize::from(rank), path)?;
    let sizes: Vec<usize> = header
        .chunks_exact(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
        .collect();
    let n = sizes
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d))
        .filter(|&n| n as u64 <= input.at_most)
        .ok_or_else(|| {
            let reason = format!("it claims the sizes {sizes:?}, which it is too short for");
            DataError::corrupt(path, reason)
        })?;
    Ok((sizes, n))
}
