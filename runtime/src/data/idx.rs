//! The IDX format of MNIST (LeCun, Cortes and Burges, "The MNIST database", section "File
//! formats"): big-endian magic `0 0 type rank`, a u32 a dimension, then the elements.

use std::path::{Path, PathBuf};

use brolga_compiler::ir::Literal;

use super::bytes::{expect_end, open, read_exactly};
use super::{DataError, Split};

/// The code of unsigned bytes, the element type of the MNIST files.
const UNSIGNED_BYTE: u8 = 0x08;

/// Returns `image` (f32, the bytes over 255, `[rows, ...]`) and `label` (i32, `[rows]`) of a pair
/// of IDX files of bytes, plain or gzip.
pub fn read_pair(images: &Path, labels: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    let (image_sizes, pixels) = read_bytes(images, 2..=4)?;
    let (label_sizes, classes) = read_bytes(labels, 1..=1)?;
    let pixels: Vec<f32> = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    let classes: Vec<i32> = classes.iter().map(|&c| i32::from(c)).collect();
    let literal = |path: &Path, l: Option<Literal>| {
        l.ok_or_else(|| DataError::corrupt(path, "its sizes do not make an array"))
    };
    let images = literal(images, Literal::from_vec(&image_sizes, pixels))?;
    let labels = literal(labels, Literal::from_vec(&label_sizes, classes))?;
    Ok(vec![("image".to_string(), images), ("label".to_string(), labels)])
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
fn read_bytes(
    path: &Path,
    ranks: std::ops::RangeInclusive<u8>,
) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let mut input = open(path)?;
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
    let elements = read_exactly(&mut input.reader, n, path)?;
    expect_end(&mut input.reader, path)?;
    Ok((sizes, elements))
}
