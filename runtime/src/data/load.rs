//! The arrays that a source holds.

use std::path::PathBuf;
use std::sync::Arc;

use super::source::FASHION;
use super::{
    DataError, DataSet, Source, SourceKind, Split, cifar, csv, digits, idx, images, npy,
    safetensors, text,
};

/// The array of the classes.
const LABEL: &str = "label";

/// What the labels of Fashion-MNIST mean (Xiao, Rasul and Vollgraf 2017, table 2).
const GARMENTS: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Reads the arrays of a source; of one with two parts, `split`, unless its text chooses.
pub fn load(source: &Source, split: Split) -> Result<DataSet, DataError> {
    let data = read(source, split)?;
    Ok(match source.standardise {
        Some(which) => data.standardised(which),
        None => data,
    })
}

fn read(source: &Source, split: Split) -> Result<DataSet, DataError> {
    let split = source.split.unwrap_or(split);
    let named = |arrays| DataSet::new(source.to_string(), arrays);
    match &source.kind {
        SourceKind::Digits { rows } => {
            named(digits::arrays(split, rows.unwrap_or(digits::default_rows(split)))?)
        }
        SourceKind::Mnist { folder, name } => {
            let folder = folder.clone().unwrap_or_else(|| cache().join(name));
            let (images, labels) = idx::original_names(&folder, split);
            let data = named(idx::read_pair(&images, &labels)?)?;
            let garments = || GARMENTS.map(str::to_string).to_vec();
            Ok(if *name == FASHION { data.with_classes(LABEL, garments()) } else { data })
        }
        SourceKind::Idx { images, labels } => named(idx::read_pair(images, labels)?),
        SourceKind::Npz(path) => named(npy::read_npz(path)?),
        SourceKind::Npy(files) => {
            let read = |(name, path): &(String, PathBuf)| Ok((name.clone(), npy::read_npy(path)?));
            named(files.iter().map(read).collect::<Result<_, DataError>>()?)
        }
        SourceKind::Safetensors(path) => named(safetensors::load_tensors(path)?),
        SourceKind::Cifar10(folder) => {
            let data = named(cifar::read_part(folder, split)?)?;
            Ok(match cifar::class_names(folder)? {
                Some(names) => data.with_classes(LABEL, names),
                None => data,
            })
        }
        SourceKind::Csv { path, options } => {
            let table = csv::read_part(path, options, split)?;
            let data = named(table.arrays)?.with_columns("x", table.columns);
            Ok(if table.classes.is_empty() {
                data
            } else {
                data.with_classes(LABEL, table.classes)
            })
        }
        SourceKind::Images { folder, options } => {
            let pictures = images::read_folders(folder, options, split)?;
            Ok(named(pictures.arrays)?.with_classes(LABEL, pictures.classes))
        }
        SourceKind::Text { path, seq, stride } => {
            let text = text::windows(path, (*seq, stride.unwrap_or(*seq)), split)?;
            let vocabulary: Arc<[String]> = text.vocabulary.into();
            let data = named(text.arrays)?.with_classes("tokens", vocabulary.clone());
            Ok(data.with_classes("next", vocabulary))
        }
        SourceKind::Lines { files, vocab, length } => {
            let lines = text::lines(files, (*vocab, *length), split)?;
            let data = named(lines.arrays)?.with_classes("tokens", lines.vocabulary);
            Ok(data.with_classes(LABEL, text::file_names(files)))
        }
    }
}

/// The folder of data sets that were fetched once: `BROLGA_DATA`, or `brolga` among the user's
/// caches.
fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("BROLGA_DATA")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("brolga")))
        .or_else(|| Some(variable("HOME")?.join(".cache/brolga")))
        .unwrap_or_else(|| PathBuf::from("."))
}
