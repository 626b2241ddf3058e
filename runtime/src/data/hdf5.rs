//! Tensors by name in HDF5, as Keras writes weights: `.h5`, `.weights.h5`, and `.keras`, a zip
//! archive that holds the like.

use std::collections::HashSet;
use std::io::Cursor;
use std::path::Path;

use brolga_compiler::ir::{Element, Literal};
use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, H5Type, Hdf5File, OpenOptions};
use zip::ZipArchive;

use super::bytes::append_exactly;
use super::input::MAX_INFLATION;
use super::{DataError, read_all};

/// The weights in an archive.
const WEIGHTS: &str = "model.weights.h5";

/// The deepest nesting of groups.
const MAX_DEPTH: usize = 32;

/// What Keras calls the parts of a layer, and what the language's library does. The kernel of a layer
/// that has a recurrent one is `wx`.
const PARTS: [(&str, &str); 7] = [
    ("kernel", "w"),
    ("depthwise_kernel", "w"),
    ("recurrent_kernel", "wh"),
    ("bias", "b"),
    ("embeddings", "table"),
    ("moving_mean", "mean"),
    ("moving_variance", "variance"),
];

/// Reads the weights of a file of Keras, without the optimiser's. Their names are those of layers and
/// parts: `dense.w` of `dense/kernel`, `block.dense.0` of `layers/block/dense/vars/0`, where parts
/// are numbered. Errors: a file that cannot be read, is damaged, or holds other element types.
pub fn load_tensors(path: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    let bytes = read_all(path)?;
    let is_archive = bytes.starts_with(b"PK");
    let bytes = if is_archive { weights_of(&bytes, path)? } else { bytes };
    let corrupt = |e: hdf5_reader::error::Error| DataError::corrupt(path, e.to_string());
    // No tensor is larger than what so many bytes can be inflated to.
    let n_bytes = bytes.len() as u64;
    let most = n_bytes.saturating_mul(MAX_INFLATION).try_into().unwrap_or(usize::MAX);
    let options = OpenOptions::default().with_max_read_bytes(most);
    let file = Hdf5File::from_vec_with_options(bytes, options).map_err(corrupt)?;
    let whole = file.superblock().eof_address;
    if whole > n_bytes {
        let reason = format!("it has {n_bytes} bytes, and its header says {whole}");
        return Err(DataError::corrupt(path, reason));
    }
    let mut found = vec![];
    walk(&file.root_group().map_err(corrupt)?, &mut vec![], &mut found, path)?;
    let all: Vec<Vec<String>> = found.iter().map(|(parts, _)| parts.clone()).collect();
    let names: Vec<String> = all.iter().map(|parts| short_name(parts, &all)).collect();
    let different = names.iter().collect::<HashSet<_>>().len() == names.len();
    let named = |(i, (parts, literal)): (usize, (Vec<String>, Literal))| {
        (if different { names[i].clone() } else { parts.join(".") }, literal)
    };
    Ok(found.into_iter().enumerate().map(named).collect())
}

/// The weights' file within an archive.
fn weights_of(bytes: &[u8], path: &Path) -> Result<Vec<u8>, DataError> {
    let corrupt = |e: zip::result::ZipError| DataError::corrupt(path, e.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(corrupt)?;
    let mut entry = archive.by_name(WEIGHTS).map_err(corrupt)?;
    let size = entry.size();
    if size > (bytes.len() as u64).saturating_mul(MAX_INFLATION) {
        return Err(DataError::corrupt(path, format!("`{WEIGHTS}` claims {size} bytes")));
    }
    let mut weights = vec![];
    append_exactly(&mut entry, size as usize, &mut weights, &path.join(WEIGHTS))?;
    Ok(weights)
}

/// Reads the arrays of a group and those below it, with their paths.
fn walk(
    group: &Group,
    parts: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, Literal)>,
    path: &Path,
) -> Result<(), DataError> {
    let corrupt = |e: hdf5_reader::error::Error| DataError::corrupt(path, e.to_string());
    if parts.len() > MAX_DEPTH {
        return Err(DataError::corrupt(path, format!("groups nest deeper than {MAX_DEPTH}")));
    }
    let (groups, arrays) = group.members().map_err(corrupt)?;
    for array in &arrays {
        let literal = literal(array, &path.join(array.name()))?;
        let place = parts.iter().cloned().chain([last(array.name()).to_string()]);
        found.push((place.collect(), literal));
    }
    for inner in &groups {
        let name = last(inner.name());
        if parts.is_empty() && (name == "optimizer" || name == "optimizer_weights") {
            continue;
        }
        parts.push(name.to_string());
        walk(inner, parts, found, path)?;
        parts.pop();
    }
    Ok(())
}

/// The name at the end of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `LAYER.PART` of the path of an array.
fn short_name(parts: &[String], all: &[Vec<String>]) -> String {
    let Some((leaf, groups)) = parts.split_last() else { return String::new() };
    let leaf = leaf.split(':').next().unwrap_or(leaf);
    let recurs = |part: &Vec<String>| {
        let same = part.split_last().is_some_and(|(_, around)| around == groups);
        same && part.last().is_some_and(|leaf| leaf.starts_with("recurrent_kernel"))
    };
    let leaf = match PARTS.iter().find(|(theirs, _)| *theirs == leaf) {
        Some(("kernel", _)) if all.iter().any(recurs) => "wx",
        Some((_, ours)) => ours,
        None => leaf,
    };
    let kept = |name: &&String| !matches!(name.as_str(), "model_weights" | "layers" | "vars");
    let mut groups: Vec<&str> = groups.iter().filter(kept).map(String::as_str).collect();
    if groups.last().is_some_and(|name| *name == "cell" || name.ends_with("_cell")) {
        groups.pop();
    }
    // `dense/dense/kernel:0`, `dense/sequential/dense/kernel`: the layer, then its own path.
    if parts.first().is_some_and(|first| first == "model_weights")
        && groups.len() > 1
        && groups.first() == groups.last()
    {
        groups.truncate(1);
    }
    groups.push(leaf);
    groups.join(".")
}

fn literal(array: &Dataset, place: &Path) -> Result<Literal, DataError> {
    fn read<T: H5Type + Element>(array: &Dataset, place: &Path) -> Result<Literal, DataError> {
        let read = array.read_array::<T>();
        read.map(Literal::new).map_err(|e| DataError::corrupt(place, e.to_string()))
    }
    match array.dtype() {
        Datatype::FloatingPoint { size: 4, .. } => read::<f32>(array, place),
        Datatype::FloatingPoint { size: 8, .. } => read::<f64>(array, place),
        Datatype::FixedPoint { size: 1, signed: false, .. } => read::<u8>(array, place),
        Datatype::FixedPoint { size: 4, signed: true, .. } => read::<i32>(array, place),
        Datatype::FixedPoint { size: 8, signed: true, .. } => read::<i64>(array, place),
        other => {
            Err(DataError::ElementType { path: place.to_path_buf(), found: format!("{other:?}") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str, all: &[&str]) -> String {
        let parts = |path: &str| path.split('/').map(str::to_string).collect::<Vec<_>>();
        short_name(&parts(path), &all.iter().map(|path| parts(path)).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_those_of_layers_and_parts() {
        assert_eq!(name("model_weights/dense_1/dense_1/kernel:0", &[]), "dense_1.w");
        assert_eq!(name("model_weights/last/sequential/last/bias", &[]), "last.b");
        assert_eq!(name("layers/conv2d/vars/1", &[]), "conv2d.1");
        assert_eq!(name("layers/block/layers/dense/vars/0", &[]), "block.dense.0");
        assert_eq!(name("layers/gru/cell/vars/2", &[]), "gru.2");
        let norm = "model_weights/norm/norm/moving_mean:0";
        assert_eq!(name(norm, &[]), "norm.mean");
        let lstm = ["model_weights/lstm/lstm/lstm_cell/kernel:0"];
        let both = [lstm[0], "model_weights/lstm/lstm/lstm_cell/recurrent_kernel:0"];
        assert_eq!(name(both[0], &both), "lstm.wx");
        assert_eq!(name(both[1], &both), "lstm.wh");
        assert_eq!(name(lstm[0], &lstm), "lstm.w");
    }

    /// MLPerf Tiny's ResNet-8, where it lies beside the workspace.
    fn resnet8() -> Option<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/models/keras");
        let read = std::fs::read(folder.join("mlperf-tiny-resnet8-cifar10.h5")).ok();
        if read.is_none() {
            eprintln!("skipped: no models in {}", folder.display());
        }
        read
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let Some(whole) = resnet8() else { return };
        let folder = crate::data::tests::Folder::new("hdf5");
        let path = folder.path("w.h5");
        let load = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("a folder of our own");
            load_tensors(&path)
        };
        let tensors = load(&whole).expect("a whole file");
        assert_eq!(tensors.len(), 48);
        for n in [0, 1, 8, 100, 5_000, whole.len() / 2] {
            assert!(load(&whole[..n]).is_err(), "{n} bytes");
        }
        // Somewhere in what describes the arrays: an error or other numbers, no crash.
        for at in (0..4_000).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let _ = load(&bytes);
        }
    }
}
