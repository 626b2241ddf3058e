//! MNIST and Fashion-MNIST, fetched once into the user's cache, and taken only if their SHA-256 is the
//! published one's.
//!
//! `curl` does the transfer: certificates and proxies are then those of the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use super::source::FASHION;
use super::{DataError, Source, SourceKind, Split, read_all};

/// Where MNIST is kept for PyTorch's users, and where the authors of Fashion-MNIST keep theirs.
const MNIST_URL: &str = "https://ossci-datasets.s3.amazonaws.com/mnist";
const FASHION_URL: &str = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com";

/// The files with their sums: of MNIST, then of Fashion-MNIST.
const FILES: [(&str, [&str; 2]); 4] = [
    (
        "train-images-idx3-ubyte",
        [
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ],
    ),
    (
        "train-labels-idx1-ubyte",
        [
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ],
    ),
    (
        "t10k-images-idx3-ubyte",
        [
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ],
    ),
    (
        "t10k-labels-idx1-ubyte",
        [
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ],
    ),
];

/// A file that is not in the cache yet.
struct Missing {
    url: String,
    sum: &'static str,
    place: PathBuf,
}

impl Source {
    /// What [`super::load`] has to fetch first for a part of this source, for people to read.
    pub fn to_fetch(&self, split: Split) -> Option<String> {
        let SourceKind::Mnist { folder: None, name } = &self.kind else { return None };
        let missing = missing(name, self.split.unwrap_or(split));
        let place = cache().join(name);
        (!missing.is_empty()).then(|| format!("fetching {name} once, to {}", place.display()))
    }
}

/// The folder of `mnist` or `fashion-mnist` in the cache, with the files of a part.
///
/// # Errors
/// If the files are not there and cannot be fetched, or are not what was published.
pub(super) fn fetched(name: &str, split: Split) -> Result<PathBuf, DataError> {
    let folder = cache().join(name);
    let missing = missing(name, split);
    if !missing.is_empty() {
        std::fs::create_dir_all(&folder).map_err(|e| DataError::write(&folder, &e))?;
    }
    missing.iter().try_for_each(fetch)?;
    Ok(folder)
}

/// The files of a part that are neither there as they are nor compressed.
fn missing(name: &str, split: Split) -> Vec<Missing> {
    let (folder, is_fashion) = (cache().join(name), name == FASHION);
    let mirror = std::env::var("BROLGA_MIRROR").ok().filter(|url| !url.is_empty());
    let url = match mirror {
        Some(mirror) => format!("{mirror}/{name}"),
        None => (if is_fashion { FASHION_URL } else { MNIST_URL }).to_string(),
    };
    let part = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let of_part = FILES.iter().filter(|(file, _)| file.starts_with(part));
    let absent = of_part.filter(|(file, _)| {
        !folder.join(file).exists() && !folder.join(format!("{file}.gz")).exists()
    });
    let missing = |(file, sums): &(&str, [&'static str; 2])| Missing {
        url: format!("{url}/{file}.gz"),
        sum: sums[usize::from(is_fashion)],
        place: folder.join(format!("{file}.gz")),
    };
    absent.map(missing).collect()
}

/// Fetches a file beside its place, and moves it there if it is the one that was published.
fn fetch(missing: &Missing) -> Result<(), DataError> {
    let Missing { url, sum, place } = missing;
    let refused = |reason: String| DataError::Fetch { url: url.clone(), reason };
    let part = place.with_extension(format!("{}.part", std::process::id()));
    let fetched = Command::new("curl")
        .args(["--fail", "--location", "--silent", "--show-error", "--output"])
        .arg(&part)
        .arg(url)
        .output()
        .map_err(|e| refused(format!("`curl` cannot be run: {e}")))?;
    let outcome = if fetched.status.success() {
        check_sum(&part, sum)
            .and_then(|()| std::fs::rename(&part, place).map_err(|e| DataError::write(place, &e)))
    } else {
        Err(refused(String::from_utf8_lossy(&fetched.stderr).trim().to_string()))
    };
    if outcome.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&part);
    }
    outcome
}

fn check_sum(path: &Path, wanted: &str) -> Result<(), DataError> {
    let sum: String = Sha256::digest(read_all(path)?).iter().map(|b| format!("{b:02x}")).collect();
    if sum == wanted {
        return Ok(());
    }
    Err(DataError::corrupt(path, format!("its SHA-256 is {sum}, not {wanted}")))
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
