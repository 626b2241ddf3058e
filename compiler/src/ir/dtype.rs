//! Element types: the one list of what an element may be, its size, its name in the language.

use std::fmt;

/// The type of one element of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// 32-bit two's complement integer; arithmetic wraps.
    I32,
    /// 64-bit two's complement integer; arithmetic wraps.
    I64,
    /// 8-bit unsigned integer; arithmetic wraps.
    U8,
    /// A byte that is 0 or 1.
    Bool,
}

impl DType {
    /// Every element type, in the order of the language's reference.
    pub const ALL: [DType; 6] =
        [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool];

    /// The size of one element in bytes.
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::U8 | DType::Bool => 1,
        }
    }

    /// Whether this is a floating-point type: the types of params, `/` and gradients.
    pub const fn is_float(self) -> bool {
        match self {
            DType::F32 | DType::F64 => true,
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => false,
        }
    }

    /// Whether this is an integer type (a bool is not).
    pub const fn is_int(self) -> bool {
        match self {
            DType::I32 | DType::I64 | DType::U8 => true,
            DType::F32 | DType::F64 | DType::Bool => false,
        }
    }

    /// The name in the language: `f32`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U8 => "u8",
            DType::Bool => "bool",
        }
    }

    /// The element type of that name, if there is one.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|d| d.name() == name)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
