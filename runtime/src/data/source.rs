//! The text of `--data`: which source it names, and the arrays that the source holds.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use brolga_compiler::ir::Literal;

use super::{DataError, DataSet, Split, digits, idx, npy, safetensors};

/// What `--data` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where the arrays come from.
    pub kind: SourceKind,
    /// The part that `?split=` chooses, whatever the command would take.
    pub split: Option<Split>,
    text: String,
}

/// Where arrays come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Generated digits: `image` f32[28, 28], `label` i32.
    Digits {
        /// The number of rows, if it was written.
        rows: Option<usize>,
    },
    /// MNIST, or Fashion-MNIST under the same names: `image` f32[28, 28], `label` i32.
    Mnist {
        /// The folder of the four files; the cache's if none was written.
        folder: Option<PathBuf>,
        /// The folder's name in the cache: `mnist` or `fashion-mnist`.
        name: &'static str,
    },
    /// A pair of IDX files.
    Idx {
        /// The images.
        images: PathBuf,
        /// The labels.
        labels: PathBuf,
    },
    /// An `.npz` file.
    Npz(PathBuf),
    /// `.npy` files by name.
    Npy(Vec<(String, PathBuf)>),
    /// A `.safetensors` file.
    Safetensors(PathBuf),
}

/// Reads the arrays of a source; of one with two parts, `split`, unless its text chooses.
pub fn load(source: &Source, split: Split) -> Result<DataSet, DataError> {
    let split = source.split.unwrap_or(split);
    let arrays = match &source.kind {
        SourceKind::Digits { rows } => {
            digits::arrays(split, rows.unwrap_or(digits::default_rows(split)))?
        }
        SourceKind::Mnist { folder, name } => {
            let folder = folder.clone().unwrap_or_else(|| cache().join(name));
            let (images, labels) = idx::original_names(&folder, split);
            idx::read_pair(&images, &labels)?
        }
        SourceKind::Idx { images, labels } => idx::read_pair(images, labels)?,
        SourceKind::Npz(path) => npy::read_npz(path)?,
        SourceKind::Npy(files) => files
            .iter()
            .map(|(name, path)| Ok((name.clone(), npy::read_npy(path)?)))
            .collect::<Result<Vec<(String, Literal)>, DataError>>()?,
        SourceKind::Safetensors(path) => safetensors::load_tensors(path)?,
    };
    DataSet::new(source.text.clone(), arrays)
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

impl Source {
    /// The source that `text` names. Errors: none, or an option that it does not take.
    pub fn parse(text: &str) -> Result<Source, DataError> {
        let (place, options) = match text.split_once('?') {
            Some((place, options)) => (place, options),
            None => (text, ""),
        };
        let kind =
            parse_kind(place).ok_or_else(|| DataError::UnknownSource { text: text.to_string() })?;
        let mut source = Source { kind, split: None, text: text.to_string() };
        for option in options.split('&').filter(|o| !o.is_empty()) {
            source.set(option)?;
        }
        Ok(source)
    }

    /// Whether the source comes in a training and a test part.
    pub fn has_parts(&self) -> bool {
        match self.kind {
            SourceKind::Digits { .. } | SourceKind::Mnist { .. } => true,
            SourceKind::Idx { .. }
            | SourceKind::Npz(_)
            | SourceKind::Npy(_)
            | SourceKind::Safetensors(_) => false,
        }
    }

    fn set(&mut self, option: &str) -> Result<(), DataError> {
        let fail = |reason: &str| DataError::SourceOption {
            source_text: self.text.clone(),
            option: option.to_string(),
            reason: reason.to_string(),
        };
        let (key, value) = option.split_once('=').ok_or_else(|| fail("is not `NAME=VALUE`"))?;
        match key {
            "rows" => {
                let n: usize = value
                    .parse()
                    .ok()
                    .filter(|n| (1..=digits::MAX_ROWS).contains(n))
                    .ok_or_else(|| fail(&format!("is not from 1 to {}", digits::MAX_ROWS)))?;
                match &mut self.kind {
                    SourceKind::Digits { rows } => *rows = Some(n),
                    SourceKind::Mnist { .. }
                    | SourceKind::Idx { .. }
                    | SourceKind::Npz(_)
                    | SourceKind::Npy(_)
                    | SourceKind::Safetensors(_) => return Err(fail("is for `digits` alone")),
                }
            }
            "split" if !self.has_parts() => {
                return Err(fail("is for sources that come in two parts"));
            }
            "split" => {
                self.split = Some(match value {
                    "train" => Split::Train,
                    "test" => Split::Test,
                    _ => return Err(fail("is neither `train` nor `test`")),
                });
            }
            _ => return Err(fail("is not known")),
        }
        Ok(())
    }
}

fn parse_kind(place: &str) -> Option<SourceKind> {
    let mnist =
        |folder: Option<&str>, name| SourceKind::Mnist { folder: folder.map(PathBuf::from), name };
    Some(match (place, place.split_once(':')) {
        ("digits", _) => SourceKind::Digits { rows: None },
        ("mnist", _) => mnist(None, "mnist"),
        ("fashion-mnist", _) => mnist(None, "fashion-mnist"),
        (_, Some(("mnist", folder))) if !folder.is_empty() => mnist(Some(folder), "mnist"),
        (_, Some(("fashion-mnist", folder))) if !folder.is_empty() => {
            mnist(Some(folder), "fashion-mnist")
        }
        (_, Some(("idx", files))) => {
            let (images, labels) = files.split_once(',')?;
            SourceKind::Idx { images: images.into(), labels: labels.into() }
        }
        _ => return parse_files(place),
    })
}

/// `FILE.npz`, `FILE.safetensors` or `x=a.npy,y=b.npy`.
fn parse_files(place: &str) -> Option<SourceKind> {
    let ends = |text: &str, ending: &str| {
        Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case(ending))
    };
    if ends(place, "npz") {
        return Some(SourceKind::Npz(place.into()));
    }
    if ends(place, "safetensors") {
        return Some(SourceKind::Safetensors(place.into()));
    }
    let file = |part: &str| {
        let (name, path) = part.split_once('=')?;
        (!name.is_empty() && ends(path, "npy")).then(|| (name.to_string(), PathBuf::from(path)))
    };
    place.split(',').map(file).collect::<Option<Vec<_>>>().map(SourceKind::Npy)
}

impl FromStr for Source {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Source, DataError> {
        Source::parse(text)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> SourceKind {
        Source::parse(text).expect("a source").kind
    }

    #[test]
    fn texts_name_sources() {
        assert_eq!(kind("digits"), SourceKind::Digits { rows: None });
        let source = Source::parse("digits?rows=12&split=test").expect("a source");
        assert_eq!(source.kind, SourceKind::Digits { rows: Some(12) });
        assert_eq!(source.split, Some(Split::Test));
        assert_eq!(source.to_string(), "digits?rows=12&split=test");
        let folder = Some("a/b".into());
        assert_eq!(kind("mnist:a/b"), SourceKind::Mnist { folder, name: "mnist" });
        let folder = Some("f".into());
        assert_eq!(kind("fashion-mnist:f"), SourceKind::Mnist { folder, name: "fashion-mnist" });
        assert_eq!(kind("idx:i,l"), SourceKind::Idx { images: "i".into(), labels: "l".into() });
        assert_eq!(kind("dir/x.npz"), SourceKind::Npz("dir/x.npz".into()));
        let files = vec![("x".into(), "a.npy".into()), ("y".into(), "b.npy".into())];
        assert_eq!(kind("x=a.npy,y=b.npy"), SourceKind::Npy(files));
        assert_eq!(kind("w.safetensors"), SourceKind::Safetensors("w.safetensors".into()));
    }

    #[test]
    fn what_names_no_source_is_refused() {
        let cases = [
            ("", "E0601"),
            ("digit", "E0601"),
            ("mnist:", "E0601"),
            ("idx:one", "E0601"),
            ("a.npy", "E0601"),
            ("=a.npy", "E0601"),
            ("x=a.npy,", "E0601"),
            ("x=a.npy,y=b.txt", "E0601"),
            ("digits?rows=0", "E0602"),
            ("digits?rows=-1", "E0602"),
            ("digits?rows=99999999999999999999", "E0602"),
            ("digits?row=1", "E0602"),
            ("digits?rows", "E0602"),
            ("digits?split=both", "E0602"),
            ("a.npz?split=test", "E0602"),
            ("mnist:x?rows=5", "E0602"),
        ];
        for (text, code) in cases {
            let error = Source::parse(text).expect_err(text);
            assert_eq!(error.code(), code, "{text}: {error}");
            assert!(!error.help().is_empty());
        }
    }
}
