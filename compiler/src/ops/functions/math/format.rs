//! The two float formats: what the expansions need to know of them.

use crate::ir::DType;

/// What the two float formats differ in.
pub(crate) struct Format {
    pub(crate) float: DType,
    pub(crate) int: DType,
    /// Bits of the fraction.
    pub(crate) fraction: u8,
    pub(crate) bias: i64,
    /// 1.5 · 2^fraction: added to a small number, it leaves its integer part in the lowest bits.
    pub(crate) magic: f64,
    /// ln 2 in two parts, of which the first has few bits.
    pub(crate) ln2: [f64; 2],
    /// The bits of √½.
    pub(crate) sqrt_half: i64,
    /// The smallest normal number.
    pub(crate) min_positive: f64,
    /// What makes denormals normal, and its exponent.
    pub(crate) normalise: (f64, i64),
}

impl Format {
    pub(crate) fn of(dtype: DType) -> Option<&'static Format> {
        match dtype {
            DType::F32 => Some(&F32),
            DType::F64 => Some(&F64),
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => None,
        }
    }
}

pub(crate) static F32: Format = Format {
    float: DType::F32,
    int: DType::I32,
    fraction: 23,
    bias: 127,
    magic: 12582912.0,
    ln2: [0.693359375, -2.121944400546905827679e-4],
    sqrt_half: 0x3F35_04F3,
    min_positive: f32::MIN_POSITIVE as f64,
    normalise: (8388608.0, 23),
};

pub(crate) static F64: Format = Format {
    float: DType::F64,
    int: DType::I64,
    fraction: 52,
    bias: 1023,
    magic: 6755399441055744.0,
    ln2: [0.693147180369123816490, 1.90821492927058770002e-10],
    sqrt_half: 0x3FE6_A09E_667F_3BCD,
    min_positive: f64::MIN_POSITIVE,
    normalise: (18014398509481984.0, 54),
};
