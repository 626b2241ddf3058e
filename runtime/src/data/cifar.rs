//! CIFAR-10's binary records (Krizhevsky 2009, "The CIFAR-10 dataset", section "Binary version"):
//! a byte of label, then 32 x 32 bytes each of red, green and blue, 3073 bytes in all.

use std::path::{Path, PathBuf};

use brolga_compiler::ir::Literal;

use super::bytes::read_all;
use super::input::open;
use super::{DataError, Split};

/// Rows and columns of an image.
const SIDE: usize = 32;

/// Red, green and blue.
const CHANNELS: usize = 3;

/// Bytes of one channel.
const PLANE: usize = SIDE * SIDE;

/// Bytes of a record.
const RECORD: usize = 1 + CHANNELS * PLANE;

/// The number of classes.
const CLASSES: u8 = 10;

/// Where the names of the classes stand, one a line.
const NAMES: &str = "batches.meta.txt";

/// Returns `image` (f32 `[rows, 32, 32, 3]`, the bytes over 255) and `label` (i32 `[rows]`) of one
/// part in `folder`: every file whose name begins `data_batch`, or `test_batch`, plain or gzip, in
/// the order of their names. Errors: none such, a file that is no whole number of records, a
/// label above 9.
pub fn read_part(folder: &Path, split: Split) -> Result<Vec<(String, Literal)>, DataError> {
    let beginning = match split {
        Split::Train => "data_batch",
        Split::Test => "test_batch",
    };
    let (mut pixels, mut labels) = (vec![], vec![]);
    for path in batches(folder, beginning)? {
        append(&path, &mut pixels, &mut labels)?;
    }
    let n = labels.len();
    let arrays = Literal::from_vec(&[n, SIDE, SIDE, CHANNELS], pixels)
        .zip(Literal::from_vec(&[n], labels))
        .expect("a label and its pixels were appended for each record");
    Ok(vec![("image".to_string(), arrays.0), ("label".to_string(), arrays.1)])
}

/// The names of the classes, where the folder has them.
pub fn class_names(folder: &Path) -> Result<Option<Vec<String>>, DataError> {
    let path = folder.join(NAMES);
    if !path.exists() {
        return Ok(None);
    }
    let text = String::from_utf8(read_all(&path)?)
        .map_err(|_| DataError::corrupt(&path, "it is no UTF-8 text"))?;
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_string).collect();
    if names.len() != usize::from(CLASSES) {
        let reason = format!("it names {} classes where there are {CLASSES}", names.len());
        return Err(DataError::corrupt(&path, reason));
    }
    Ok(Some(names))
}

/// The files of a part; of a plain one and its compressed copy the plain one.
fn batches(folder: &Path, beginning: &str) -> Result<Vec<PathBuf>, DataError> {
    let fail = |e: &std::io::Error| DataError::read(folder, e);
    let mut paths = vec![];
    for entry in std::fs::read_dir(folder).map_err(|e| fail(&e))? {
        let path = entry.map_err(|e| fail(&e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(beginning) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let all = paths.clone();
    paths.retain(|path| {
        path.extension().is_none_or(|e| e != "gz") || !all.contains(&path.with_extension(""))
    });
    if paths.is_empty() {
        let reason = format!("it holds no file whose name begins `{beginning}`");
        return Err(DataError::Folder { path: folder.to_path_buf(), reason });
    }
    Ok(paths)
}

fn append(path: &Path, pixels: &mut Vec<f32>, labels: &mut Vec<i32>) -> Result<(), DataError> {
    let bytes = open(path)?.read_to_end(path)?;
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if !rest.is_empty() {
        let reason = format!("its {} bytes are no whole number of records", bytes.len());
        return Err(DataError::corrupt(path, reason));
    }
    let more = records.len() * CHANNELS * PLANE;
    pixels.try_reserve_exact(more).map_err(|_| DataError::TooLarge {
        name: path.display().to_string(),
        reason: format!("memory for its {more} pixels is refused"),
    })?;
    for (row, record) in records.iter().enumerate() {
        let (&label, planes) = record.split_first().expect("a record has 3073 bytes");
        if label >= CLASSES {
            let reason = format!("record {row} has the label {label}, and there are {CLASSES}");
            return Err(DataError::corrupt(path, reason));
        }
        labels.push(i32::from(label));
        let pixel = |i: usize| (0..CHANNELS).map(move |c| f32::from(planes[c * PLANE + i]) / 255.0);
        pixels.extend((0..PLANE).flat_map(pixel));
    }
    Ok(())
}
