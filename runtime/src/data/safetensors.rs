//! Tensors by name in the safetensors format.

use std::path::Path;

use ::safetensors::tensor::{Dtype, SafeTensors, TensorView};
use brolga_compiler::ir::{DType, Literal};

use super::{DataError, read_all};

/// Reads every tensor of a safetensors file, by name. Errors: a file that cannot be read, is
/// damaged, or holds other element types.
pub fn load_tensors(path: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    parse(&read_all(path)?, path)
}

/// The tensors of a file's bytes, in the order of names. f16 and bf16 become f32, small integers
/// wider ones. Errors: a damaged file, or one that holds other element types.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Vec<(String, Literal)>, DataError> {
    check_ends(bytes, path)?;
    let file =
        SafeTensors::deserialize(bytes).map_err(|e| DataError::corrupt(path, e.to_string()))?;
    let mut tensors = file.tensors();
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    tensors
        .into_iter()
        .map(|(name, view)| {
            let literal = literal(&view, &path.join(&name))?;
            Ok((name, literal))
        })
        .collect()
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

fn literal(view: &TensorView<'_>, place: &Path) -> Result<Literal, DataError> {
    let (sizes, bytes) = (view.shape(), view.data());
    let plain = |dtype| Literal::from_bytes(dtype, sizes, bytes);
    let literal = match view.dtype() {
        Dtype::F32 => plain(DType::F32),
        Dtype::F64 => plain(DType::F64),
        Dtype::I32 => plain(DType::I32),
        Dtype::I64 => plain(DType::I64),
        Dtype::U8 => plain(DType::U8),
        Dtype::BOOL => plain(DType::Bool),
        Dtype::I8 => Literal::from_vec(sizes, bytes.iter().map(|&b| i32::from(b as i8)).collect()),
        Dtype::I16 => Literal::from_vec(
            sizes,
            halves(bytes).map(|h| i32::from(h as i16)).collect::<Vec<i32>>(),
        ),
        Dtype::U16 => Literal::from_vec(sizes, halves(bytes).map(i32::from).collect()),
        Dtype::F16 => Literal::from_vec(sizes, halves(bytes).map(f16_to_f32).collect()),
        Dtype::BF16 => {
            let widen = |h| f32::from_bits(u32::from(h) << 16);
            Literal::from_vec(sizes, halves(bytes).map(widen).collect())
        }
        other => {
            let found = other.to_string();
            return Err(DataError::ElementType { path: place.to_path_buf(), found });
        }
    };
    literal.ok_or_else(|| DataError::corrupt(place, "its sizes do not make an array"))
}

fn halves(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]))
}

/// The number of a binary16 (IEEE 754-2019, section 3.4), exactly.
fn f16_to_f32(half: u16) -> f32 {
    let (sign, exponent) = (u32::from(half >> 15) << 31, u32::from(half >> 10) & 0x1f);
    let fraction = u32::from(half) & 0x3ff;
    match exponent {
        // Zero and the subnormals: multiples of 2^-24, which f32 holds as normal numbers.
        0 => f32::from_bits(sign | (fraction as f32 / 16_777_216.0).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_widen_exactly() {
        let cases = [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x7c00, f32::INFINITY),
        ];
        for (half, number) in cases {
            assert_eq!(f16_to_f32(half).to_bits(), f32::to_bits(number), "{half:04x}");
        }
        assert!(f16_to_f32(0x7e00).is_nan());
        let view = TensorView::new(Dtype::BF16, vec![2], &[0x80, 0x3f, 0x00, 0xc0]);
        let view = view.expect("four bytes are two halves");
        let expected = Literal::from_vec(&[2], vec![1.0f32, -2.0]);
        assert_eq!(literal(&view, Path::new("x")).ok(), expected);
    }
}
