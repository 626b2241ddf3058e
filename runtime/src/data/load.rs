//! The arrays that a source holds.

use std::path::PathBuf;
use std::sync::Arc;

use super::classes::{LABEL, of_classes};
use super::fetch::fetched;
use super::source::FASHION;
use super::{
    DataError, DataSet, Source, SourceKind, Split, cifar, csv, idx, images, npy, safetensors, text,
};

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
    let data = load_all(source, source.split.unwrap_or(split))?;
    let data = match &source.classes {
        Some(classes) => of_classes(&data, classes).map_err(|reason| DataError::SourceOption {
            source_text: source.to_string(),
            option: format!("classes={}", classes.join(",")),
            reason,
        })?,
        None => data,
    };
    Ok(match source.standardise {
        Some(which) => data.standardised(which),
        None => data,
    })
}

/// Reads the arrays of a part, with all their rows.
fn load_all(source: &Source, split: Split) -> Result<DataSet, DataError> {
    let named = |arrays| DataSet::new(source.to_string(), arrays);
    match &source.kind {
        SourceKind::Generated { what, rows } => {
            let rows = rows.unwrap_or_else(|| what.default_rows(split));
            what.data_set(&source.to_string(), split, rows)
        }
        SourceKind::Mnist { folder, name } => {
            let folder = folder.clone().map_or_else(|| fetched(name, split), Ok)?;
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
