//! Tensors by name in the safetensors format.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use ::safetensors::tensor::{Dtype, SafeTensors, TensorView};
use brolga_compiler::ir::Literal;
use serde_json::{Map, Value};

use super::bytes::open_file;
use super::mapped::{Mapped, MappedFile};
use super::stored::Stored;
use super::{Array, DataError, read_all};

/// Reads every tensor of a safetensors file, by name. Errors: a file that cannot be read, is
/// damaged, or holds other element types.
pub fn load_tensors(path: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    parse(&read_all(path)?, path)
}

/// The tensors of a file; those of at least `mapped_from` bytes in memory stay in it.
pub(super) fn open_tensors(
    path: &Path,
    mapped_from: usize,
) -> Result<Vec<(String, Array)>, DataError> {
    let file = MappedFile::open(path)?;
    let bytes = file.bytes();
    let array = |tensor: Tensor<'_>| {
        let Tensor { stored, sizes, .. } = &tensor;
        let n_bytes = tensor.bytes.len() / stored.size() * stored.dtype().size();
        // The tensor is a part of the file's bytes.
        let offset = tensor.bytes.as_ptr().addr() - bytes.as_ptr().addr();
        let mapped = match n_bytes >= mapped_from {
            true => Mapped::new(&file, offset, *stored, sizes),
            false => None,
        };
        match mapped {
            Some(mapped) => Ok((tensor.name, mapped.into())),
            None => tensor.literal(path).map(|(name, literal)| (name, literal.into())),
        }
    };
    tensors(bytes, path)?.into_iter().map(array).collect()
}

/// The tensors of a file's bytes, in the order of names. f16 and bf16 become f32, small integers
/// wider ones. Errors: a damaged file, or one that holds other element types.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    tensors(bytes, path)?.into_iter().map(|tensor| tensor.literal(path)).collect()
}

/// What a file's header says of a tensor, and its bytes.
struct Tensor<'a> {
    name: String,
    stored: Stored,
    sizes: Vec<usize>,
    bytes: &'a [u8],
}

impl Tensor<'_> {
    /// Its name and its elements.
    fn literal(self, path: &Path) -> Result<(String, Literal), DataError> {
        match self.stored.literal(&self.sizes, self.bytes) {
            Some(literal) => Ok((self.name, literal)),
            None => {
                let reason = "its sizes do not make an array";
                Err(DataError::corrupt(&path.join(&self.name), reason))
            }
        }
    }
}

/// The tensors of a file's bytes, in the order of names.
fn tensors<'a>(bytes: &'a [u8], path: &Path) -> Result<Vec<Tensor<'a>>, DataError> {
    check_ends(bytes, path)?;
    let file =
        SafeTensors::deserialize(bytes).map_err(|e| DataError::corrupt(path, e.to_string()))?;
    let mut tensors = file.tensors();
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let described = |(name, view): (String, TensorView<'a>)| {
        let stored = stored(view.dtype()).ok_or_else(|| {
            let found = view.dtype().to_string();
            DataError::ElementType { path: path.join(&name), found }
        })?;
        Ok(Tensor { name, stored, sizes: view.shape().to_vec(), bytes: view.data() })
    };
    tensors.into_iter().map(described).collect()
}

/// Checks that every tensor ends within the file: the format's reader adds up what the header
/// says before it compares, and a header that lies would overflow.
fn check_ends(bytes: &[u8], path: &Path) -> Result<(), DataError> {
    for (name, entry) in header(bytes, path)?.iter().filter(|(name, _)| *name != METADATA) {
        let end = entry.pointer("/data_offsets/1").and_then(Value::as_u64);
        if end.is_none_or(|end| end > bytes.len() as u64) {
            let reason = format!("the tensor `{name}` does not lie within it");
            return Err(DataError::corrupt(path, reason));
        }
    }
    Ok(())
}

/// The entry of a header that is text about the file.
const METADATA: &str = "__metadata__";

/// The bytes of a header's length, a little-endian u64, before the header.
const LENGTH: usize = 8;

/// The header of a file whose beginning `bytes` are, by its entries: JSON. Errors: the header does
/// not end in them, or is no such thing.
fn header(bytes: &[u8], path: &Path) -> Result<Map<String, Value>, DataError> {
    let corrupt = |reason: &str| DataError::corrupt(path, reason);
    let header = bytes
        .split_first_chunk::<LENGTH>()
        .and_then(|(length, rest)| rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?));
    let missing = "it does not begin with the length of a header and a header";
    let header = header.ok_or_else(|| corrupt(missing))?;
    match serde_json::from_slice(header) {
        Ok(Value::Object(entries)) => Ok(entries),
        Ok(_) => Err(corrupt("its header is no JSON object")),
        Err(error) => Err(corrupt(&format!("its header: {error}"))),
    }
}

/// The text about a file whose beginning `bytes` are, by what it is called; what is no text is left
/// out. Errors: as for its tensors.
pub(crate) fn metadata(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, String>, DataError> {
    let header = header(bytes, path)?;
    let entries = header.get(METADATA).and_then(Value::as_object).into_iter().flatten();
    let texts = entries.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_string())));
    Ok(texts.collect())
}

/// The beginning of a file, as far as its header. Errors: a file that cannot be read, or begins
/// otherwise.
pub(crate) fn read_header(path: &Path) -> Result<Vec<u8>, DataError> {
    let (mut file, _) = open_file(path)?;
    let mut read = |n: u64, bytes: &mut Vec<u8>| {
        let taken = (&mut file).take(n).read_to_end(bytes);
        taken.map(drop).map_err(|e| DataError::read(path, &e))
    };
    let mut bytes = vec![];
    read(LENGTH as u64, &mut bytes)?;
    if let Some(length) = bytes.first_chunk::<LENGTH>() {
        read(u64::from_le_bytes(*length), &mut bytes)?;
    }
    Ok(bytes)
}

fn stored(dtype: Dtype) -> Option<Stored> {
    Some(match dtype {
        Dtype::F32 => Stored::F32,
        Dtype::F64 => Stored::F64,
        Dtype::I32 => Stored::I32,
        Dtype::I64 => Stored::I64,
        Dtype::U8 => Stored::U8,
        Dtype::BOOL => Stored::Bool,
        Dtype::I8 => Stored::I8,
        Dtype::I16 => Stored::I16,
        Dtype::U16 => Stored::U16,
        Dtype::U32 => Stored::U32,
        Dtype::F16 => Stored::F16,
        Dtype::BF16 => Stored::BF16,
        _ => return None,
    })
}
