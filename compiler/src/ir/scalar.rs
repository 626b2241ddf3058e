//! Numbers with their element type.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::DType;

/// One number with its element type. Two are equal if they have the same type and the same bits: so
/// a NaN equals itself, and 0.0 is not -0.0.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// An `f32`.
    F32(f32),
    /// An `f64`.
    F64(f64),
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// A `u8`.
    U8(u8),
    /// A `bool`.
    Bool(bool),
}

impl Scalar {
    /// The element type.
    pub const fn dtype(self) -> DType {
        match self {
            Scalar::F32(_) => DType::F32,
            Scalar::F64(_) => DType::F64,
            Scalar::I32(_) => DType::I32,
            Scalar::I64(_) => DType::I64,
            Scalar::U8(_) => DType::U8,
            Scalar::Bool(_) => DType::Bool,
        }
    }

    /// The number `n` in another type: saturating, NaN to 0, a bool true where not 0 (or NaN).
    pub fn cast(self, dtype: DType) -> Scalar {
        macro_rules! cast {
            ($x:expr, $truth:expr) => {
                match dtype {
                    DType::F32 => Scalar::F32($x as f32),
                    DType::F64 => Scalar::F64($x as f64),
                    DType::I32 => Scalar::I32(saturate!($x, i32)),
                    DType::I64 => Scalar::I64(saturate!($x, i64)),
                    DType::U8 => Scalar::U8(saturate!($x, u8)),
                    DType::Bool => Scalar::Bool($truth),
                }
            };
        }
        // Through i128 integers saturate; `as` from a float saturates by itself.
        macro_rules! saturate {
            ($x:expr, $t:ty) => {
                ($x as i128).clamp(<$t>::MIN as i128, <$t>::MAX as i128) as $t
            };
        }
        match self {
            Scalar::F32(x) => cast!(x, x != 0.0),
            Scalar::F64(x) => cast!(x, x != 0.0),
            Scalar::I32(x) => cast!(x, x != 0),
            Scalar::I64(x) => cast!(x, x != 0),
            Scalar::U8(x) => cast!(x, x != 0),
            Scalar::Bool(b) => Scalar::U8(u8::from(b)).cast(dtype),
        }
    }

    /// The number 0 (`false`) of a type.
    pub const fn zero(dtype: DType) -> Scalar {
        match dtype {
            DType::F32 => Scalar::F32(0.0),
            DType::F64 => Scalar::F64(0.0),
            DType::I32 => Scalar::I32(0),
            DType::I64 => Scalar::I64(0),
            DType::U8 => Scalar::U8(0),
            DType::Bool => Scalar::Bool(false),
        }
    }

    /// The number 1 (`true`) of a type.
    pub fn one(dtype: DType) -> Scalar {
        Scalar::U8(1).cast(dtype)
    }

    /// The number as f64 (i64 rounds; a bool is 0 or 1).
    pub fn to_f64(self) -> f64 {
        match self.cast(DType::F64) {
            Scalar::F64(x) => x,
            Scalar::F32(_) | Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) | Scalar::Bool(_) => {
                0.0
            }
        }
    }

    /// The bits, widened with zeros.
    pub const fn bits(self) -> u64 {
        match self {
            Scalar::F32(x) => x.to_bits() as u64,
            Scalar::F64(x) => x.to_bits(),
            Scalar::I32(x) => x as u32 as u64,
            Scalar::I64(x) => x as u64,
            Scalar::U8(x) => x as u64,
            Scalar::Bool(x) => x as u64,
        }
    }

    /// The number of a type with these bits; a bool is true where any bit is set.
    pub const fn from_bits(dtype: DType, bits: u64) -> Scalar {
        match dtype {
            DType::F32 => Scalar::F32(f32::from_bits(bits as u32)),
            DType::F64 => Scalar::F64(f64::from_bits(bits)),
            DType::I32 => Scalar::I32(bits as i32),
            DType::I64 => Scalar::I64(bits as i64),
            DType::U8 => Scalar::U8(bits as u8),
            DType::Bool => Scalar::Bool(bits != 0),
        }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        self.dtype() == other.dtype() && self.bits() == other.bits()
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.dtype(), self.bits()).hash(state);
    }
}

/// Prints in the language: floats in the shortest form that reads back, always with a point or
/// an exponent; `inf`, `-inf`, `nan`.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::F32(x) if x.is_nan() => f.write_str("nan"),
            Scalar::F64(x) if x.is_nan() => f.write_str("nan"),
            Scalar::F32(x) => write!(f, "{x:?}"),
            Scalar::F64(x) => write!(f, "{x:?}"),
            Scalar::I32(x) => write!(f, "{x}"),
            Scalar::I64(x) => write!(f, "{x}"),
            Scalar::U8(x) => write!(f, "{x}"),
            Scalar::Bool(x) => write!(f, "{x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_saturate() {
        assert_eq!(Scalar::F32(f32::NAN).cast(DType::I32), Scalar::I32(0));
        assert_eq!(Scalar::F64(1e300).cast(DType::I64), Scalar::I64(i64::MAX));
        assert_eq!(Scalar::F32(f32::NEG_INFINITY).cast(DType::U8), Scalar::U8(0));
        assert_eq!(Scalar::I64(300).cast(DType::U8), Scalar::U8(255));
        assert_eq!(Scalar::F32(f32::NAN).cast(DType::Bool), Scalar::Bool(true));
    }
}
