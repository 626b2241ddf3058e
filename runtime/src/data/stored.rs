//! How elements lie in files: little-endian, and of types that an array has not, which are widened.

use brolga_compiler::ir::{DType, Literal};

/// The type of an element in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    F32,
    F64,
    I32,
    I64,
    U8,
    /// A byte; all but 0 is true.
    Bool,
    /// An i32 in an array.
    I8,
    /// An i32 in an array.
    I16,
    /// An i32 in an array.
    U16,
    /// An i64 in an array.
    U32,
    /// binary16 (IEEE 754-2019, section 3.4), an f32 in an array.
    F16,
    /// The upper half of an f32.
    BF16,
    /// A byte from black to white, an f32 from 0 to 1 in an array.
    Pixel,
}

/// Runs `$body` with `$n` the bytes of an element and `$read` what makes the array's of them.
macro_rules! with_stored {
    ($stored:expr, ($n:ident, $read:ident) => $body:expr) => {{
        use $crate::data::stored::{Stored, bf16_to_f32, f16_to_f32};
        macro_rules! of {
            ($size:literal, $convert:expr) => {{
                const $n: usize = $size;
                let $read = $convert;
                $body
            }};
        }
        match $stored {
            Stored::F32 => of!(4, f32::from_le_bytes),
            Stored::F64 => of!(8, f64::from_le_bytes),
            Stored::I32 => of!(4, i32::from_le_bytes),
            Stored::I64 => of!(8, i64::from_le_bytes),
            Stored::U8 => of!(1, |b: [u8; 1]| b[0]),
            Stored::Bool => of!(1, |b: [u8; 1]| b[0] != 0),
            Stored::I8 => of!(1, |b: [u8; 1]| i32::from(b[0] as i8)),
            Stored::I16 => of!(2, |b: [u8; 2]| i32::from(i16::from_le_bytes(b))),
            Stored::U16 => of!(2, |b: [u8; 2]| i32::from(u16::from_le_bytes(b))),
            Stored::U32 => of!(4, |b: [u8; 4]| i64::from(u32::from_le_bytes(b))),
            Stored::F16 => of!(2, |b: [u8; 2]| f16_to_f32(u16::from_le_bytes(b))),
            Stored::BF16 => of!(2, |b: [u8; 2]| bf16_to_f32(u16::from_le_bytes(b))),
            Stored::Pixel => of!(1, |b: [u8; 1]| f32::from(b[0]) / 255.0),
        }
    }};
}
pub(super) use with_stored;

impl Stored {
    /// The bytes of an element in the file.
    pub(super) fn size(self) -> usize {
        with_stored!(self, (N, _read) => N)
    }

    /// The type of an element in an array.
    pub(super) fn dtype(self) -> DType {
        match self {
            Stored::F32 | Stored::F16 | Stored::BF16 | Stored::Pixel => DType::F32,
            Stored::F64 => DType::F64,
            Stored::I32 | Stored::I8 | Stored::I16 | Stored::U16 => DType::I32,
            Stored::I64 | Stored::U32 => DType::I64,
            Stored::U8 => DType::U8,
            Stored::Bool => DType::Bool,
        }
    }

    /// The array of elements in row-major order; `None` if there are not as many as the sizes ask
    /// for.
    pub(super) fn literal(self, sizes: &[usize], bytes: &[u8]) -> Option<Literal> {
        with_stored!(self, (N, read) => {
            let (chunks, rest) = bytes.as_chunks::<N>();
            let elements = || chunks.iter().map(|&chunk| read(chunk)).collect::<Vec<_>>();
            if rest.is_empty() { Literal::from_vec(sizes, elements()) } else { None }
        })
    }
}

/// The number of a bfloat16, exactly.
pub(super) fn bf16_to_f32(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// The number of a binary16 (IEEE 754-2019, section 3.4), exactly.
pub(super) fn f16_to_f32(half: u16) -> f32 {
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
        let expected = Literal::from_vec(&[2], vec![1.0f32, -2.0]);
        assert_eq!(Stored::BF16.literal(&[2], &[0x80, 0x3f, 0x00, 0xc0]), expected);
        assert_eq!(Stored::BF16.literal(&[2], &[0x80, 0x3f, 0x00]), None);
    }
}
