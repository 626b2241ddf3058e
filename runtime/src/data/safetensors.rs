//! Tensors by name in the safetensors format.

use std::path::Path;

use ::safetensors::tensor::{Dtype, SafeTensors};
use brolga_compiler::ir::Literal;

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
    let array = |(name, stored, sizes, tensor): (String, Stored, Vec<usize>, &[u8])| {
        let n_bytes = tensor.len() / stored.size() * stored.dtype().size();
        // The tensor is a part of the file's bytes.
        let offset = tensor.as_ptr().addr() - bytes.as_ptr().addr();
        let mapped =
            (n_bytes >= mapped_from).then(|| Mapped::new(&file, offset, stored, &sizes)).flatten();
        let array = match mapped {
            Some(mapped) => Some(Array::from(mapped)),
            None => stored.literal(&sizes, tensor).map(Array::from),
        };
        let array = array.ok_or_else(|| no_array(&path.join(&name)))?;
        Ok((name, array))
    };
    tensors(bytes, path)?.into_iter().map(array).collect()
}

/// The tensors of a file's bytes, in the order of names. f16 and bf16 become f32, small integers
/// wider ones. Errors: a damaged file, or one that holds other element types.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    let literal = |(name, stored, sizes, tensor): (String, Stored, Vec<usize>, &[u8])| {
        let literal = stored.literal(&sizes, tensor);
        let literal = literal.ok_or_else(|| no_array(&path.join(&name)))?;
        Ok((name, literal))
    };
    tensors(bytes, path)?.into_iter().map(literal).collect()
}

fn no_array(place: &Path) -> DataError {
    DataError::corrupt(place, "its sizes do not make an array")
}

/// What the file's header says of each tensor, and its bytes, in the order of names.
fn tensors<'a>(
    bytes: &'a [u8],
    path: &Path,
) -> Result<Vec<(String, Stored, Vec<usize>, &'a [u8])>, DataError> {
    check_ends(bytes, path)?;
    let file =
        SafeTensors::deserialize(bytes).map_err(|e| DataError::corrupt(path, e.to_string()))?;
    let mut tensors = file.tensors();
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let described = |(name, view): (String, ::safetensors::tensor::TensorView<'a>)| {
        let stored = stored(view.dtype()).ok_or_else(|| {
            let found = view.dtype().to_string();
            DataError::ElementType { path: path.join(&name), found }
        })?;
        Ok((name, stored, view.shape().to_vec(), view.data()))
    };
    tensors.into_iter().map(described).collect()
}

/// Checks that every tensor ends within the file: the format's reader adds up what the header
/// says before it compares, and a header that lies would overflow.
fn check_ends(bytes: &[u8], path: &Path) -> Result<(), DataError> {
    let header = header(bytes).ok_or_else(|| {
        DataError::corrupt(path, "it does not begin with the length of a header and a header")
    })?;
    let corrupt = |reason: &str| DataError::corrupt(path, reason);
    let json: serde_json::Value =
        serde_json::from_slice(header).map_err(|e| corrupt(&format!("its header: {e}")))?;
    let entries = json.as_object().ok_or_else(|| corrupt("its header is no JSON object"))?;
    for (name, entry) in entries.iter().filter(|(name, _)| *name != "__metadata__") {
        let end = entry.pointer("/data_offsets/1").and_then(serde_json::Value::as_u64);
        if end.is_none_or(|end| end > bytes.len() as u64) {
            return Err(corrupt(&format!("the tensor `{name}` does not lie within it")));
        }
    }
    Ok(())
}

/// The header: a little-endian u64 and so many bytes of JSON.
fn header(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)
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
