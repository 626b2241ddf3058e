//! The arrays that a source holds.

use std::path::PathBuf;
use std::sync::Arc;

use super::classes::{LABEL, of_classes, renumbered};
use super::fetch::fetched;
use super::mapped::MAPPED_FROM;
use super::source::FASHION;
use super::{
    Array, DataError, DataSet, Names, Source, SourceKind, Split, cifar, csv, idx, images, npy,
    safetensors, text,
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
///
/// Arrays of 256 MiB and more in uncompressed files of binary numbers (IDX, `.npy`, `.npz`,
/// `.safetensors`) stay in their files, and their rows are read as they are wanted.
///
/// ```
/// use brolga::{Source, Split, data::load};
///
/// let source = Source::parse("digits?rows=200")?;
/// let (train, test) = (load(&source, Split::Train)?, load(&source, Split::Test)?);
/// assert_eq!((train.n_rows(), test.n_rows()), (200, 200));
/// assert_ne!(train.array("image"), test.array("image"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(source: &Source, split: Split) -> Result<DataSet, DataError> {
    load_mapped(source, split, MAPPED_FROM)
}

/// The same, in the terms of a training: in tables, folders of pictures and texts, classes, columns
/// and tokens have the numbers that `names` gives them, and missing values its means. A column that
/// is missing, and a category, class or character that has no number there, is an error; pictures
/// and lines of unknown classes have no `label`, and unknown words the number of those.
///
/// ```
/// use brolga::{Source, Split, data};
/// # let folder = std::env::temp_dir().join(format!("load-as-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
///
/// let table = |name: &str, text: &str| {
///     let path = folder.join(name).with_extension("csv");
///     std::fs::write(&path, text).map(|()| path.display().to_string())
/// };
/// let trained = Source::parse(&table("trained", "size,colour\n1,blue\n2,red\n")?)?;
/// let trained = data::load(&trained, Split::Train)?;
/// // Red has the column that it had there.
/// let other = Source::parse(&table("other", "size,colour\n3,red\n")?)?;
/// let other = data::load_as(&other, Split::Test, trained.names())?;
/// assert_eq!(other.columns("x"), ["size", "colour=blue", "colour=red"]);
/// assert_eq!(other.array("x").ok_or("a table has it")?.whole().to_string(), "[[3.0, 0.0, 1.0]]");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_as(source: &Source, split: Split, names: &Names) -> Result<DataSet, DataError> {
    load_parts(source, split, (MAPPED_FROM, names))
}

/// The same, with the bytes from which on an array stays in its file.
pub(super) fn load_mapped(
    source: &Source,
    split: Split,
    mapped_from: usize,
) -> Result<DataSet, DataError> {
    load_parts(source, split, (mapped_from, &Names::default()))
}

fn load_parts(
    source: &Source,
    split: Split,
    (mapped_from, names): (usize, &Names),
) -> Result<DataSet, DataError> {
    let split = source.split.unwrap_or(split);
    let data = match &source.classes {
        Some(classes) => {
            let all = load_all(source, split, (mapped_from, &names.without_classes(LABEL)))?;
            of_classes(&all, classes).map_err(|reason| DataError::SourceOption {
                source_text: source.to_string(),
                option: format!("classes={}", classes.join(",")),
                reason,
            })?
        }
        None => load_all(source, split, (mapped_from, names))?,
    };
    let data = match source.rows {
        Some(rows) => first_rows(&data, rows).map_err(|reason| DataError::SourceOption {
            source_text: source.to_string(),
            option: format!("rows={rows}"),
            reason,
        })?,
        None => data,
    };
    let data = renumbered(data, names.classes(LABEL));
    Ok(match source.standardise {
        Some(which) => data.standardised(which),
        None => data,
    })
}

/// The first rows alone. Errors: there are fewer.
fn first_rows(data: &DataSet, rows: usize) -> Result<DataSet, String> {
    if rows > data.n_rows() {
        return Err(format!("asks for more rows than there are: {}", data.n_rows()));
    }
    let first: Vec<u32> = (0..rows as u32).collect();
    let taken = |(name, array): &(String, Array)| (name.clone(), array.select(&first));
    let taken = DataSet::new(data.name(), data.arrays().iter().map(taken).collect());
    Ok(taken.map_err(|e| e.to_string())?.with_names_of(data))
}

/// Reads the arrays of a part, with all their rows, in the terms of `names`.
fn load_all(
    source: &Source,
    split: Split,
    (mapped_from, names): (usize, &Names),
) -> Result<DataSet, DataError> {
    let named = |arrays| DataSet::new(source.to_string(), arrays);
    let named_files = |arrays: Vec<(String, Array)>| DataSet::new(source.to_string(), arrays);
    match &source.kind {
        SourceKind::Generated { what, rows } => {
            let rows = rows.unwrap_or_else(|| what.default_rows(split));
            what.data_set(&source.to_string(), split, rows)
        }
        SourceKind::Mnist { folder, name } => {
            let folder = folder.clone().map_or_else(|| fetched(name, split), Ok)?;
            let (images, labels) = idx::original_names(&folder, split);
            let data = named_files(idx::open_pair(&images, &labels, mapped_from)?)?;
            let garments = || GARMENTS.map(str::to_string).to_vec();
            Ok(if *name == FASHION { data.with_classes(LABEL, garments()) } else { data })
        }
        SourceKind::Idx { images, labels } => {
            named_files(idx::open_pair(images, labels, mapped_from)?)
        }
        SourceKind::Npz(path) => named_files(npy::open_npz(path, mapped_from)?),
        SourceKind::Npy(files) => {
            let open = |(name, path): &(String, PathBuf)| {
                Ok((name.clone(), npy::open_npy(path, mapped_from)?))
            };
            named_files(files.iter().map(open).collect::<Result<_, DataError>>()?)
        }
        SourceKind::Safetensors(path) => named_files(safetensors::open_tensors(path, mapped_from)?),
        SourceKind::Cifar10(folder) => {
            let data = named(cifar::read_part(folder, split)?)?;
            Ok(match cifar::class_names(folder)? {
                Some(names) => data.with_classes(LABEL, names),
                None => data,
            })
        }
        SourceKind::Csv { path, options } => {
            let table = csv::read_part(path, options, split, names)?;
            let data = named(table.arrays)?.with_table("x", table.columns);
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
        SourceKind::Text { path, seq, stride, whole } => {
            let split = (!whole).then_some(split);
            let steps = (*seq, stride.unwrap_or(*seq));
            let text = text::windows(path, steps, split, names.classes("tokens"))?;
            let vocabulary: Arc<[String]> = text.vocabulary.into();
            let data = named(text.arrays)?.with_classes("tokens", vocabulary.clone());
            Ok(data.with_classes("next", vocabulary))
        }
        SourceKind::Lines { files, vocab, length, whole } => {
            let split = (!whole).then_some(split);
            let lines = text::lines(files, (*vocab, *length), split, names.classes("tokens"))?;
            let data = named(lines.arrays)?.with_classes("tokens", lines.vocabulary);
            Ok(data.with_classes(LABEL, text::file_names(files, names.classes(LABEL))))
        }
    }
}
