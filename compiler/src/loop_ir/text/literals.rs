//! Numbers: `0.5`, `-3`, `1.5_f64`, `3_i64`, `nan`, `-inf`, `true`.

use crate::ir::{DType, Scalar};

/// The number as text, from which [`read`] makes the same bits.
pub(super) fn write(value: Scalar) -> String {
    let text = match value {
        Scalar::F32(x) if x.is_nan() && x.to_bits() != f32::NAN.to_bits() => {
            format!("nan_{:#x}", x.to_bits())
        }
        Scalar::F64(x) if x.is_nan() && x.to_bits() != f64::NAN.to_bits() => {
            format!("nan_{:#x}", x.to_bits())
        }
        _ => value.to_string(),
    };
    match value.dtype() {
        DType::F32 | DType::I32 | DType::Bool => text,
        dtype @ (DType::F64 | DType::I64 | DType::U8) => format!("{text}_{dtype}"),
    }
}

/// The number of a text; `None` if it is none, or not of its type.
pub(super) fn read(text: &str) -> Option<Scalar> {
    let typed =
        text.rsplit_once('_').and_then(|(text, name)| Some((text, DType::from_name(name)?)));
    let is_float =
        |text: &str| text.contains(['.', 'n']) || text.contains(['e', 'E']) && !text.contains('x');
    let (text, dtype) = typed.unwrap_or_else(|| {
        let dtype = match text {
            "true" | "false" => DType::Bool,
            _ if is_float(text) => DType::F32,
            _ => DType::I32,
        };
        (text, dtype)
    });
    let bits = text.strip_prefix("nan_0x").map(|hex| u64::from_str_radix(hex, 16));
    Some(match (dtype, bits) {
        (DType::F32, Some(bits)) => Scalar::F32(f32::from_bits(bits.ok()?.try_into().ok()?)),
        (DType::F64, Some(bits)) => Scalar::F64(f64::from_bits(bits.ok()?)),
        (_, Some(_)) => return None,
        // The sign of a NaN that is read is no matter of the platform.
        (DType::F32, None) if text == "nan" => Scalar::F32(f32::NAN),
        (DType::F64, None) if text == "nan" => Scalar::F64(f64::NAN),
        (DType::F32, None) => Scalar::F32(text.parse().ok()?),
        (DType::F64, None) => Scalar::F64(text.parse().ok()?),
        (DType::I32, None) => Scalar::I32(text.parse().ok()?),
        (DType::I64, None) => Scalar::I64(text.parse().ok()?),
        (DType::U8, None) => Scalar::U8(text.parse().ok()?),
        (DType::Bool, None) => Scalar::Bool(text.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let floats = [0.0, -0.0, 1.5, 1e-30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        let odd = [f32::from_bits(0xffc0_0000), f32::from_bits(0x7fc0_0001), f32::MIN_POSITIVE];
        let floats = floats.into_iter().chain(odd);
        let values = floats.flat_map(|x| [Scalar::F32(x), Scalar::F64(x.into())]);
        let values = values.chain([i32::MIN, -1, 0, i32::MAX].map(Scalar::I32));
        let values = values.chain([i64::MIN, -1, 0, i64::MAX].map(Scalar::I64));
        let values = values.chain([Scalar::U8(255), Scalar::Bool(true), Scalar::Bool(false)]);
        for value in values {
            let text = write(value);
            assert_eq!(read(&text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "x", "3_u7", "256_u8", "1e", "0x10", "nan_0x", "3000000000", "1.5_i32"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
