//! The text of `--data`: which source it names, with which options.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::csv::CsvOptions;
use super::generated::{Generated, MAX_ROWS};
use super::images::ImageOptions;
use super::{DataError, HeldBackOptions, Split, Standardise};

/// What `--data` names.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Where the arrays come from.
    pub kind: SourceKind,
    /// The part that `?split=` chooses, whatever the command would take.
    pub split: Option<Split>,
    /// The classes that `?classes=` chooses: numbers or names.
    pub classes: Option<Vec<String>>,
    /// The rows that `?rows=` takes, from the first on; those of a generated set are in its kind.
    pub rows: Option<usize>,
    /// The arrays that `?standardise` measures by the mean and deviation of the training part.
    pub standardise: Option<Standardise>,
    text: String,
}

/// Where arrays come from.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// A built-in data set.
    Generated {
        /// Which.
        what: Generated,
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
    /// CIFAR-10: `image` f32[32, 32, 3], `label` i32.
    Cifar10(PathBuf),
    /// A table: `x` `f32[columns]`, and `label` if one is asked for.
    Csv {
        /// The file.
        path: PathBuf,
        /// How it is read.
        options: CsvOptions,
    },
    /// Pictures, a folder a class: `image` f32[size, size, 3], `label` i32.
    Images {
        /// The folder of the classes' folders.
        folder: PathBuf,
        /// How they become rows.
        options: ImageOptions,
    },
    /// Windows of a text: `tokens` and `next`, `i32[seq]` each.
    Text {
        /// The file.
        path: PathBuf,
        /// Characters of a window.
        seq: usize,
        /// Characters from the beginning of one training window to the next; by default `seq`.
        stride: Option<usize>,
        /// Whether nothing is held back, and each part is the whole.
        whole: bool,
    },
    /// Lines of texts: `tokens` `i32[length]`, `label` i32, the number of the file.
    Lines {
        /// The files.
        files: Vec<PathBuf>,
        /// Numbers of tokens.
        vocab: usize,
        /// Tokens of a row.
        length: usize,
        /// Whether nothing is held back, and each part is the whole.
        whole: bool,
    },
}

/// The option that every source of floats takes.
const STANDARDISE: &str = "standardise";

/// The name of Fashion-MNIST, as a source and in the cache.
pub(super) const FASHION: &str = "fashion-mnist";

/// Rows and columns of an image, unless others are asked for.
const IMAGE_SIZE: usize = 32;

/// The largest images that can be asked for: 200 MB each.
const MAX_IMAGE_SIZE: usize = 4096;

/// Characters of a window, unless others are asked for.
const SEQ: usize = 64;

/// Numbers of tokens, unless others are asked for.
const VOCAB: usize = 10_000;

/// Tokens of a line, unless others are asked for.
const LENGTH: usize = 50;

/// The most tokens of a row, and numbers of tokens, that can be asked for.
const MAX_TOKENS: usize = 1 << 20;

impl Source {
    /// The source that `text` names. Errors: none, or an option that it does not take.
    ///
    /// ```
    /// use brolga::{Source, Split};
    ///
    /// let source = Source::parse("mnist:DIR?split=test&rows=100")?;
    /// assert_eq!((source.split, source.rows), (Some(Split::Test), Some(100)));
    /// let error = Source::parse("digits?row=1").err().ok_or("`rows` is meant")?;
    /// assert_eq!(error.code(), "E0602");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(text: &str) -> Result<Source, DataError> {
        let (place, options) = match text.split_once('?') {
            Some((place, options)) => (place, options),
            None => (text, ""),
        };
        let kind =
            parse_kind(place).ok_or_else(|| DataError::UnknownSource { text: text.to_string() })?;
        let (split, classes, rows, standardise) = (None, None, None, None);
        let mut source = Source { kind, split, classes, rows, standardise, text: text.to_string() };
        let mut seen = vec![];
        for option in options.split('&').filter(|o| !o.is_empty()) {
            let refused = |reason: String| DataError::SourceOption {
                source_text: text.to_string(),
                option: option.to_string(),
                reason,
            };
            let pair = option.split_once('=');
            let pair = pair.or((option == STANDARDISE).then_some((option, "features")));
            let (key, value) = pair.ok_or_else(|| refused("is not `NAME=VALUE`".to_string()))?;
            if seen.contains(&key) {
                return Err(refused("is given more than once".to_string()));
            }
            seen.push(key);
            source.set(key, value).map_err(refused)?;
        }
        if let Some((option, reason)) = source.contradiction() {
            return Err(DataError::SourceOption {
                source_text: text.to_string(),
                option: option.to_string(),
                reason: reason.to_string(),
            });
        }
        Ok(source)
    }

    /// Whether the source comes in a training and a test part.
    ///
    /// ```
    /// use brolga::Source;
    ///
    /// assert!(Source::parse("digits")?.has_parts());
    /// assert!(!Source::parse("table.csv")?.has_parts());
    /// assert!(Source::parse("table.csv?test=0.2")?.has_parts());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn has_parts(&self) -> bool {
        match &self.kind {
            SourceKind::Generated { .. } | SourceKind::Mnist { .. } | SourceKind::Cifar10(_) => {
                true
            }
            SourceKind::Text { whole, .. } | SourceKind::Lines { whole, .. } => !whole,
            SourceKind::Csv { options, .. } => options.held_back.fraction.is_some(),
            SourceKind::Images { options, .. } => options.held_back.fraction.is_some(),
            SourceKind::Idx { .. }
            | SourceKind::Npz(_)
            | SourceKind::Npy(_)
            | SourceKind::Safetensors(_) => false,
        }
    }

    /// The option that does not make sense beside the others, and why.
    fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        if self.split.is_some() && !self.has_parts() {
            return Some(("split", self.kind.why_no_parts()));
        }
        match &self.kind {
            SourceKind::Csv { options, .. } => options.contradiction(),
            SourceKind::Images { options, .. } => {
                options.held_back.contradiction().map(|why| ("seed", why))
            }
            SourceKind::Generated { .. }
            | SourceKind::Mnist { .. }
            | SourceKind::Idx { .. }
            | SourceKind::Npz(_)
            | SourceKind::Npy(_)
            | SourceKind::Safetensors(_)
            | SourceKind::Cifar10(_)
            | SourceKind::Text { .. }
            | SourceKind::Lines { .. } => None,
        }
    }

    /// Takes an option. Errors: why it is refused.
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (&mut self.kind, key) {
            (_, "split") => {
                self.split = Some(match value {
                    "train" => Split::Train,
                    "test" => Split::Test,
                    _ => return Err("is neither `train` nor `test`".to_string()),
                });
            }
            (SourceKind::Text { .. } | SourceKind::Lines { .. }, STANDARDISE) => {
                return Err("is for arrays of floats, which the source does not have".to_string());
            }
            (_, STANDARDISE) => {
                self.standardise = Some(match value {
                    "features" => Standardise::Features,
                    "all" => Standardise::All,
                    _ => return Err("is neither `features` nor `all`".to_string()),
                });
            }
            (_, "classes") => {
                let classes: Vec<String> = value.split(',').map(str::to_string).collect();
                let repeated = |(i, class)| classes[..i].contains(class);
                if classes.iter().any(String::is_empty) || classes.iter().enumerate().any(repeated)
                {
                    return Err("is no list of different classes".to_string());
                }
                self.classes = Some(classes);
            }
            (SourceKind::Generated { rows, .. }, "rows") => {
                *rows = Some(number(value, MAX_ROWS)?);
            }
            (_, "rows") => self.rows = Some(number(value, u32::MAX as usize)?),
            (SourceKind::Images { options, .. }, "size") => {
                options.size = number(value, MAX_IMAGE_SIZE)?;
            }
            (SourceKind::Images { options, .. }, "test" | "seed") => {
                options.held_back.set(key, value)?;
            }
            (SourceKind::Text { whole, .. } | SourceKind::Lines { whole, .. }, "test") => {
                *whole = value == "0";
                if !*whole {
                    return Err("is not `test=0`, which holds nothing back".to_string());
                }
            }
            (SourceKind::Text { seq, .. }, "seq") => *seq = number(value, MAX_TOKENS)?,
            (SourceKind::Text { stride, .. }, "stride") => {
                *stride = Some(number(value, MAX_TOKENS)?);
            }
            (SourceKind::Lines { vocab, .. }, "vocab") => *vocab = number(value, MAX_TOKENS)?,
            (SourceKind::Lines { length, .. }, "length") => *length = number(value, MAX_TOKENS)?,
            (SourceKind::Csv { options, .. }, _) => {
                if !options.set(key, value)? {
                    return Err(self.kind.unknown_option());
                }
            }
            (kind, _) => return Err(kind.unknown_option()),
        }
        Ok(())
    }
}

impl SourceKind {
    /// What is wrong with an option that it does not have.
    fn unknown_option(&self) -> String {
        let own = match self {
            SourceKind::Generated { .. } => "",
            SourceKind::Mnist { .. } | SourceKind::Cifar10(_) => "",
            SourceKind::Csv { .. } => CsvOptions::NAMES,
            SourceKind::Images { .. } => "`size`, `test`, `seed`",
            SourceKind::Text { .. } => "`seq`, `stride`, `test`",
            SourceKind::Lines { .. } => "`vocab`, `length`, `test`",
            SourceKind::Idx { .. }
            | SourceKind::Npz(_)
            | SourceKind::Npy(_)
            | SourceKind::Safetensors(_) => {
                return format!(
                    "is not known; the source takes `rows`, `classes`, `{STANDARDISE}`"
                );
            }
        };
        let common = match self {
            SourceKind::Text { .. } | SourceKind::Lines { .. } => "`split`".to_string(),
            _ => format!("`split`, `{STANDARDISE}`"),
        };
        let comma = if own.is_empty() { "" } else { ", " };
        format!("is not known; the source takes {own}{comma}`rows`, `classes`, {common}")
    }

    /// Why a source does not come in two parts.
    fn why_no_parts(&self) -> &'static str {
        match self {
            SourceKind::Csv { .. } | SourceKind::Images { .. } => {
                "needs a test part, which `test=0.2` makes"
            }
            SourceKind::Text { .. } | SourceKind::Lines { .. } => {
                "chooses a part, and with `test=0` there is none"
            }
            SourceKind::Generated { .. }
            | SourceKind::Mnist { .. }
            | SourceKind::Cifar10(_)
            | SourceKind::Idx { .. }
            | SourceKind::Npz(_)
            | SourceKind::Npy(_)
            | SourceKind::Safetensors(_) => "is for sources that come in two parts",
        }
    }
}

/// A whole number from 1 on. Errors: why it is none.
fn number(value: &str, most: usize) -> Result<usize, String> {
    let n = value.parse().ok().filter(|n| (1..=most).contains(n));
    n.ok_or_else(|| format!("is not from 1 to {most}"))
}

fn parse_kind(place: &str) -> Option<SourceKind> {
    let mnist =
        |folder: Option<&str>, name| SourceKind::Mnist { folder: folder.map(PathBuf::from), name };
    if let Some(what) = Generated::ALL.into_iter().find(|what| what.name() == place) {
        return Some(SourceKind::Generated { what, rows: None });
    }
    Some(match (place, place.split_once(':')) {
        ("mnist", _) => mnist(None, "mnist"),
        (FASHION, _) => mnist(None, FASHION),
        (_, Some(("mnist", folder))) if !folder.is_empty() => mnist(Some(folder), "mnist"),
        (_, Some((FASHION, folder))) if !folder.is_empty() => mnist(Some(folder), FASHION),
        (_, Some(("idx", files))) => {
            let (images, labels) = files.split_once(',')?;
            SourceKind::Idx { images: images.into(), labels: labels.into() }
        }
        (_, Some(("cifar10", folder))) if !folder.is_empty() => SourceKind::Cifar10(folder.into()),
        (_, Some(("images", folder))) if !folder.is_empty() => {
            let held_back = HeldBackOptions::default();
            let options = ImageOptions { size: IMAGE_SIZE, held_back };
            SourceKind::Images { folder: folder.into(), options }
        }
        (_, Some(("text", path))) if !path.is_empty() => {
            SourceKind::Text { path: path.into(), seq: SEQ, stride: None, whole: false }
        }
        (_, Some(("lines", files))) if files.split(',').all(|file| !file.is_empty()) => {
            let files = files.split(',').map(PathBuf::from).collect();
            SourceKind::Lines { files, vocab: VOCAB, length: LENGTH, whole: false }
        }
        _ => return parse_files(place),
    })
}

/// `FILE.npz`, `FILE.safetensors`, `FILE.csv` or `x=a.npy,y=b.npy`.
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
    if ends(place.strip_suffix(".gz").unwrap_or(place), "csv") {
        return Some(SourceKind::Csv { path: place.into(), options: CsvOptions::default() });
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
        for what in Generated::ALL {
            assert_eq!(kind(what.name()), SourceKind::Generated { what, rows: None });
        }
        let source = Source::parse("digits?rows=12&split=test").expect("a source");
        let what = Generated::Digits;
        assert_eq!(source.kind, SourceKind::Generated { what, rows: Some(12) });
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
        assert_eq!(kind("cifar10:c"), SourceKind::Cifar10("c".into()));
        let windows = SourceKind::Text { path: "t".into(), seq: 8, stride: Some(3), whole: true };
        assert_eq!(kind("text:t?seq=8&test=0&stride=3"), windows);
        let files = vec!["a".into(), "b".into()];
        let lines = SourceKind::Lines { files, vocab: 7, length: LENGTH, whole: false };
        assert_eq!(kind("lines:a,b?vocab=7"), lines);
        let held_back = HeldBackOptions { fraction: Some(0.25), seed: Some(4) };
        let options = ImageOptions { size: 16, held_back };
        let images = SourceKind::Images { folder: "i".into(), options };
        assert_eq!(kind("images:i?seed=4&size=16&test=0.25"), images);
        let options = CsvOptions { label: Some("y".into()), header: false, ..Default::default() };
        assert!(matches!(kind("t.csv.gz"), SourceKind::Csv { .. }));
        assert_eq!(
            kind("t.csv?label=y&header=no"),
            SourceKind::Csv { path: "t.csv".into(), options }
        );
    }

    #[test]
    fn sources_of_floats_can_be_standardised() {
        let of = |text: &str| Source::parse(text).expect("a source").standardise;
        assert_eq!(of("digits"), None);
        assert_eq!(of("digits?rows=5&standardise"), Some(Standardise::Features));
        assert_eq!(of("x=a.npy?standardise=features"), Some(Standardise::Features));
        assert_eq!(of("t.csv?standardise=all&label=y"), Some(Standardise::All));
    }

    #[test]
    fn sources_come_in_parts_by_themselves_or_by_an_option() {
        let has_parts = |text: &str| Source::parse(text).expect("a source").has_parts();
        for text in ["digits", "cifar10:c", "text:t", "lines:a", "images:i?test=0.2"] {
            assert!(has_parts(text), "{text}");
        }
        assert!(
            has_parts("t.csv?split=test&test=0.5") && !has_parts("t.csv") && !has_parts("a.npz")
        );
        assert!(!has_parts("lines:a?test=0") && !has_parts("text:t?test=0"));
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
            ("mnist:x?rows=0", "E0602"),
            ("cifar10:", "E0601"),
            ("cifar10", "E0601"),
            ("images:", "E0601"),
            ("text:", "E0601"),
            ("lines:", "E0601"),
            ("lines:a,,b", "E0601"),
            ("cifar10:x?size=5", "E0602"),
            ("images:x?size=0", "E0602"),
            ("images:x?size=4097", "E0602"),
            ("images:x?split=test", "E0602"),
            ("text:x?seq=0", "E0602"),
            ("text:x?stride=0", "E0602"),
            ("lines:x?length=0", "E0602"),
            ("lines:x?vocab=-1", "E0602"),
            ("lines:x?test=0.1", "E0602"),
            ("text:x?test=0&split=train", "E0602"),
            ("x.csv?split=test", "E0602"),
            ("x.csv?test=1", "E0602"),
            ("x.csv?test=0", "E0602"),
            ("x.csv?test=nan", "E0602"),
            ("x.csv?seed=-1", "E0602"),
            ("x.csv?missing=zero", "E0602"),
            ("x.csv?header=maybe", "E0602"),
            ("x.csv?separator=", "E0602"),
            ("x.csv?separator=ab", "E0602"),
            ("x.csv?label-type=text", "E0602"),
            ("x.csv?label=a&label=b", "E0602"),
            ("x.csv?size=1", "E0602"),
            ("x.csv?seed=1", "E0602"),
            ("digits?classes=", "E0602"),
            ("digits?classes=3,3", "E0602"),
            ("images:x?seed=1", "E0602"),
            ("x.csv?label-type=classes", "E0602"),
            ("a.npz?standardise=some", "E0602"),
            ("a.npz?standardise&standardise=all", "E0602"),
            ("text:x?standardise", "E0602"),
            ("lines:x?standardise=all", "E0602"),
        ];
        for (text, code) in cases {
            let error = Source::parse(text).expect_err(text);
            assert_eq!(error.code(), code, "{text}: {error}");
            assert!(!error.help().is_empty());
        }
    }
}
