//! Variables on disk: a safetensors file of named tensors with the clock (`step` and `epoch`, i64
//! scalars, words that no variable can be called; those that are 0 are left out) and text about the
//! file, a checksum in it.
//!
//! Invariant: the same values give the same bytes, and a file is replaced as a whole or not at all.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ::safetensors::tensor::{Dtype, View, serialize};
use brolga_compiler::ir::{DType, Literal, Scalar};

use crate::data::{DataError, DataSet, Names, Standards, read_all, safetensors, write_atomically};

/// The values of variables at a moment of training.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Checkpoint {
    /// The variables by name, in the order of names after loading.
    pub variables: Vec<(String, Literal)>,
    /// The batches trained so far.
    pub step: i64,
    /// The epochs trained so far.
    pub epoch: i64,
    /// Text about the file.
    pub metadata: BTreeMap<String, String>,
}

const STEP: &str = "step";
const EPOCH: &str = "epoch";
/// The checksum among the entries of the text about the file.
const CHECKSUM: &str = "checksum";

/// The one entry of the file's own metadata, a JSON object of ours in the order of its keys: the
/// format's writer puts several entries in no fixed order.
const METADATA: &str = "brolga";

/// The entry of the metadata that says what the data of a training are measured by.
pub(crate) const STANDARDS: &str = "standards";

/// The entry of the metadata that says what numbers and columns stand for.
pub(crate) const NAMES: &str = "names";

/// The entries of the metadata that are kept of the data of a training.
pub(crate) fn metadata_of(data: &DataSet) -> Result<BTreeMap<String, String>, DataError> {
    let standards = data.standards()?.map(|standards| (STANDARDS, standards.to_json()));
    let names = (!data.names().is_empty()).then(|| (NAMES, data.names().to_json()));
    let entries = standards.into_iter().chain(names);
    Ok(entries.map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

impl Checkpoint {
    /// What the data were measured by that the variables were trained on, if they were
    /// standardised. Errors: an entry that is damaged; `path` is the file.
    pub fn standards(&self, path: &Path) -> Result<Option<Standards>, DataError> {
        let Some(text) = self.metadata.get(STANDARDS) else { return Ok(None) };
        let value = serde_json::from_str(text).ok();
        let standards = value.as_ref().and_then(Standards::of_json);
        standards.map(Some).ok_or_else(|| DataError::corrupt(path, "its standards are none"))
    }

    /// What the numbers and columns of those data stand for. Errors: as for the standards.
    pub fn names(&self, path: &Path) -> Result<Names, DataError> {
        names(&self.metadata, path)
    }

    /// The names of a file, of which the beginning alone is read, and no checksum compared. Errors:
    /// a file that cannot be read or is of another format.
    pub fn read_names(path: &Path) -> Result<Names, DataError> {
        names(&metadata(&safetensors::read_header(path)?, path)?, path)
    }

    /// Keeps what the data are measured by, and what their numbers and columns stand for. Errors:
    /// they are to be standardised, and nothing says by what.
    pub fn set_data(&mut self, data: &DataSet) -> Result<(), DataError> {
        self.metadata.extend(metadata_of(data)?);
        Ok(())
    }

    /// Writes the file. Errors: a variable named `step` or `epoch`, two of one name, or a folder
    /// that cannot be written.
    ///
    /// ```
    /// use brolga::{Checkpoint, Literal, Scalar};
    /// # let name = format!("checkpoint-save-{}.safetensors", std::process::id());
    /// # let path = std::env::temp_dir().join(name);
    ///
    /// let variables = vec![("w".to_string(), Literal::scalar(Scalar::F32(0.5)))];
    /// let checkpoint = Checkpoint { variables, step: 100, ..Checkpoint::default() };
    /// checkpoint.save(&path)?;
    /// assert_eq!(Checkpoint::load(&path)?, checkpoint);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        let clock = [(STEP, self.step), (EPOCH, self.epoch)].into_iter().filter(|(_, n)| *n != 0);
        let clock: Vec<(String, Literal)> =
            clock.map(|(name, n)| (name.to_string(), Literal::scalar(Scalar::I64(n)))).collect();
        let mut tensors: Vec<(&str, Tensor<'_>)> =
            self.variables.iter().chain(&clock).map(|(n, l)| (n.as_str(), Tensor(l))).collect();
        tensors.sort_by_key(|(name, _)| *name);
        let twice = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0);
        let mut own = self.variables.iter().map(|(name, _)| name.as_str());
        if let Some(name) = twice.or(own.find(|name| [STEP, EPOCH].contains(name))) {
            let (source_text, name) = (path.display().to_string(), name.to_string());
            return Err(DataError::RepeatedName { source_text, name });
        }
        let mut metadata = self.metadata.clone();
        let literals = tensors.iter().map(|(name, Tensor(literal))| (*name, *literal));
        metadata.insert(CHECKSUM.to_string(), checksum(literals, &self.metadata));
        let text = serde_json::to_string(&metadata).map_err(|e| DataError::write(path, &e))?;
        let metadata = HashMap::from([(METADATA.to_string(), text)]);
        let bytes = serialize(tensors, Some(metadata)).map_err(|e| DataError::write(path, &e))?;
        write_atomically(path, |file| file.write_all(&bytes))
    }

    /// Reads a file that [`Checkpoint::save`] or another program wrote; a clock that is missing
    /// is 0. f16 and bf16 become f32, small integers wider ones. Errors: a file that cannot be
    /// read, is damaged or not what its checksum says, or holds other element types.
    ///
    /// ```
    /// use brolga::{Checkpoint, Literal, Scalar};
    /// # let name = format!("checkpoint-load-{}.safetensors", std::process::id());
    /// # let path = std::env::temp_dir().join(name);
    ///
    /// let variables = vec![("w".to_string(), Literal::scalar(Scalar::F32(0.5)))];
    /// Checkpoint { variables, ..Checkpoint::default() }.save(&path)?;
    /// let (name, value) = &Checkpoint::load(&path)?.variables[0];
    /// assert_eq!((name.as_str(), value.to_string().as_str()), ("w", "0.5"));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: &Path) -> Result<Checkpoint, DataError> {
        let bytes = read_all(path)?;
        let tensors = safetensors::parse(&bytes, path)?;
        let mut metadata = metadata(&bytes, path)?;
        if let Some(wanted) = metadata.remove(CHECKSUM) {
            let mut sorted: Vec<(&str, &Literal)> =
                tensors.iter().map(|(name, literal)| (name.as_str(), literal)).collect();
            sorted.sort_by_key(|(name, _)| *name);
            if checksum(sorted, &metadata) != wanted {
                let reason = "its checksum is that of other contents";
                return Err(DataError::corrupt(path, reason));
            }
        }
        let mut checkpoint = Checkpoint { metadata, ..Self::default() };
        for (name, literal) in tensors {
            match (name.as_str(), literal.array::<i64>().filter(|a| a.ndim() == 0)) {
                (STEP, Some(n)) => checkpoint.step = n.iter().sum(),
                (EPOCH, Some(n)) => checkpoint.epoch = n.iter().sum(),
                (_, _) => checkpoint.variables.push((name, literal)),
            }
        }
        Ok(checkpoint)
    }
}

/// CRC-32 of names, types and values, in the order of names, and of the text about the file.
fn checksum<'a>(
    tensors: impl IntoIterator<Item = (&'a str, &'a Literal)>,
    metadata: &BTreeMap<String, String>,
) -> String {
    let mut hasher = crc32fast::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for (name, value) in metadata {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    for (name, literal) in tensors {
        add(name.as_bytes());
        add(literal.tensor_type().to_string().as_bytes());
        add(&literal.to_bytes());
    }
    format!("{:08x}", hasher.finalize())
}

/// A literal as the format's writer sees it.
struct Tensor<'a>(&'a Literal);

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::I32 => Dtype::I32,
            DType::I64 => Dtype::I64,
            DType::U8 => Dtype::U8,
            DType::Bool => Dtype::BOOL,
        }
    }
    fn shape(&self) -> &[usize] {
        self.0.sizes()
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes())
    }
    fn data_len(&self) -> usize {
        self.0.n_elements() * self.0.dtype().size()
    }
}

fn metadata(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, String>, DataError> {
    let entries = safetensors::metadata(bytes, path)?;
    match entries.get(METADATA) {
        Some(text) => serde_json::from_str(text)
            .map_err(|e| DataError::corrupt(path, format!("its metadata: {e}"))),
        None => Ok(entries),
    }
}

fn names(metadata: &BTreeMap<String, String>, path: &Path) -> Result<Names, DataError> {
    let Some(text) = metadata.get(NAMES) else { return Ok(Names::default()) };
    let value = serde_json::from_str(text).ok();
    let names = value.as_ref().and_then(Names::of_json);
    names.ok_or_else(|| DataError::corrupt(path, "its names are none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::{Folder, one_of_each};

    fn checkpoint() -> Checkpoint {
        let metadata = (0..20).map(|i| (format!("key {i}"), format!("text \"{i}\" é"))).collect();
        Checkpoint { variables: one_of_each(), step: 1234, epoch: -1, metadata }
    }

    #[test]
    fn a_checkpoint_comes_back_and_its_bytes_are_stable() {
        let folder = Folder::new("checkpoint");
        let (a, b) = (folder.path("a.safetensors"), folder.path("b.safetensors"));
        let saved = checkpoint();
        saved.save(&a).expect("a folder of our own");
        let loaded = Checkpoint::load(&a).expect("what was saved");
        assert_eq!((loaded.step, loaded.epoch), (1234, -1));
        assert_eq!(loaded.metadata, saved.metadata);
        assert_eq!(loaded.variables.len(), saved.variables.len());
        for (name, literal) in &saved.variables {
            let back = loaded.variables.iter().find(|(n, _)| n == name).map(|(_, l)| l);
            assert!(back.is_some_and(|l| *l == *literal), "{name}");
        }
        let mut reversed = saved.clone();
        reversed.variables.reverse();
        reversed.save(&b).expect("a folder of our own");
        assert_eq!(read_all(&a), read_all(&b));
        assert_eq!(folder.names(), ["a.safetensors", "b.safetensors"]);
    }

    #[test]
    fn what_cannot_be_saved_is_refused_and_leaves_no_file() {
        let folder = Folder::new("unsaved");
        let step = ("step".to_string(), Literal::scalar(Scalar::F32(1.0)));
        let saved = Checkpoint { variables: vec![step], ..Checkpoint::default() };
        let error = saved.save(&folder.path("a.safetensors")).expect_err("a reserved word");
        assert_eq!(error.code(), "E0608");
        let error = checkpoint().save(&folder.path("no/such/a")).expect_err("no folder");
        assert!(error.is_machine_fault(), "{error}");
        let error = checkpoint().save(Path::new("/")).expect_err("no name");
        assert_eq!(error.code(), "E0618");
        // The name is taken by a folder: the rename fails after the temporary file was written.
        std::fs::create_dir(folder.path("taken")).expect("a folder of our own");
        let error = checkpoint().save(&folder.path("taken")).expect_err("a folder of that name");
        assert_eq!(error.code(), "E0618");
        assert_eq!(folder.names(), ["taken"]);
    }

    fn file(header: &str, body: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), body].concat()
    }

    #[test]
    fn damaged_files_are_errors() {
        let folder = Folder::new("damaged");
        let path = folder.path("a.safetensors");
        checkpoint().save(&path).expect("a folder of our own");
        let good = read_all(&path).expect("just written");
        // Eight tensors whose sizes add up past 64 bits.
        let size = (1u64 << 61) - 1;
        let huge: Vec<String> = (0..8)
            .map(|i| {
                let (start, end) = (i * size, (i + 1) * size);
                format!(r#""{i}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{start},{end}]}}"#)
            })
            .collect();
        let entry = |text: &str| file(&format!(r#"{{"a":{text}}}"#), &[0; 8]);
        let cases = [
            vec![],
            vec![0; 7],
            vec![0; 8],
            vec![0xff; 64],
            file("[]", &[]),
            file("{", &[]),
            file(&"[".repeat(100_000), &[]),
            file(&format!("{{{}}}", huge.join(",")), &[]),
            entry(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#),
            entry(r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#),
            entry(r#"{"dtype":"F32","shape":[2],"data_offsets":[8,0]}"#),
            entry(r#"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}"#),
            entry(r#"{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}"#),
            entry(r#"{"dtype":"X","shape":[2],"data_offsets":[0,8]}"#),
            entry("3"),
            good[..good.len() - 1].to_vec(),
            [good.as_slice(), &[0]].concat(),
        ];
        for (i, bytes) in cases.iter().enumerate() {
            std::fs::write(&path, bytes).expect("a folder of our own");
            let error = Checkpoint::load(&path).expect_err(&format!("case {i}"));
            assert_eq!(error.code(), "E0604", "case {i}: {error}");
        }
        for cut in 0..good.len().min(2000) {
            std::fs::write(&path, &good[..cut]).expect("a folder of our own");
            assert!(Checkpoint::load(&path).is_err(), "cut at {cut}");
        }
        std::fs::write(&path, entry(r#"{"dtype":"U64","shape":[1],"data_offsets":[0,8]}"#))
            .expect("a folder of our own");
        assert_eq!(Checkpoint::load(&path).expect_err("u64").code(), "E0605");
        assert_eq!(Checkpoint::load(&folder.path("none")).expect_err("none").code(), "E0603");
        assert_eq!(Checkpoint::load(&folder.path("")).expect_err("a folder").code(), "E0603");
    }
}
