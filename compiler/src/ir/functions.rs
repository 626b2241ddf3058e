//! The functions of two elements: one meaning for `eval`, the loop interpreter and, through
//! the same enums, code generation.
//!
//! Integers wrap, `x / 0` and `x % 0` are 0, casts saturate and NaN casts to 0. Floats divide with
//! a remainder as NumPy does.

mod numbers;

use super::{DType, Scalar};

pub use numbers::LARGEST_QUOTIENT;
pub(crate) use numbers::{Float, Int};

/// Functions of two elements of the same type, which is also the result's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BinaryFn {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`, of floats.
    Div,
    /// `a / b` rounded down; for integers 0 where `b` is 0.
    FloorDiv,
    /// What the division rounded down leaves of `a`, with the sign of `b`; for integers 0 where `b`
    /// is 0. Exact but for a last rounding where the signs differ; in f64 0 where `|a / b|` is
    /// [`LARGEST_QUOTIENT`] or more.
    Mod,
    /// The larger; NaN if either is.
    Max,
    /// The smaller; NaN if either is.
    Min,
    /// `a` to the power of `b`: of floats as in C's `pow`; of integers wrapping, and where `b` is
    /// negative the reciprocal rounded to 0, so 0 but for a base of 1 or -1.
    Pow,
    /// The angle of the point (b, a) as C's `atan2`, of floats.
    Atan2,
    /// Bitwise (logical for `bool`) and.
    And,
    /// Bitwise (logical for `bool`) or.
    Or,
    /// Bitwise (logical for `bool`) exclusive or.
    Xor,
    /// `a` shifted right by `b` modulo the width, zeros moving in; of integers.
    ShiftRight,
}

/// Comparisons of two elements of the same type; the result is a `bool`. With a NaN only `Ne`
/// is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CompareFn {
    /// `a == b`.
    Eq,
    /// `a != b`.
    Ne,
    /// `a < b`.
    Lt,
    /// `a <= b`.
    Le,
    /// `a > b`.
    Gt,
    /// `a >= b`.
    Ge,
}

impl BinaryFn {
    /// Every function.
    pub const ALL: [BinaryFn; 14] = [
        BinaryFn::Add,
        BinaryFn::Sub,
        BinaryFn::Mul,
        BinaryFn::Div,
        BinaryFn::FloorDiv,
        BinaryFn::Mod,
        BinaryFn::Max,
        BinaryFn::Min,
        BinaryFn::Pow,
        BinaryFn::Atan2,
        BinaryFn::And,
        BinaryFn::Or,
        BinaryFn::Xor,
        BinaryFn::ShiftRight,
    ];

    /// The name of the operation (`add`).
    pub const fn name(self) -> &'static str {
        match self {
            BinaryFn::Add => "add",
            BinaryFn::Sub => "sub",
            BinaryFn::Mul => "mul",
            BinaryFn::Div => "div",
            BinaryFn::FloorDiv => "floor_div",
            BinaryFn::Mod => "mod",
            BinaryFn::Max => "maximum",
            BinaryFn::Min => "minimum",
            BinaryFn::Pow => "pow",
            BinaryFn::Atan2 => "atan2",
            BinaryFn::And => "and",
            BinaryFn::Or => "or",
            BinaryFn::Xor => "xor",
            BinaryFn::ShiftRight => "shift_right",
        }
    }

    /// The operator of the language (`+`), for those that have one.
    pub const fn symbol(self) -> Option<&'static str> {
        match self {
            BinaryFn::Add => Some("+"),
            BinaryFn::Sub => Some("-"),
            BinaryFn::Mul => Some("*"),
            BinaryFn::Div => Some("/"),
            BinaryFn::FloorDiv => Some("//"),
            BinaryFn::Mod => Some("%"),
            BinaryFn::Pow => Some("**"),
            BinaryFn::And => Some("and"),
            BinaryFn::Or => Some("or"),
            BinaryFn::Max | BinaryFn::Min | BinaryFn::Atan2 => None,
            BinaryFn::Xor | BinaryFn::ShiftRight => None,
        }
    }

    /// Whether the function exists for elements of this type.
    pub const fn accepts(self, dtype: DType) -> bool {
        match self {
            BinaryFn::Add
            | BinaryFn::Sub
            | BinaryFn::Mul
            | BinaryFn::FloorDiv
            | BinaryFn::Mod
            | BinaryFn::Max
            | BinaryFn::Min
            | BinaryFn::Pow => !matches!(dtype, DType::Bool),
            BinaryFn::Div | BinaryFn::Atan2 => dtype.is_float(),
            BinaryFn::And | BinaryFn::Or => matches!(dtype, DType::Bool),
            BinaryFn::Xor => !dtype.is_float(),
            BinaryFn::ShiftRight => dtype.is_int(),
        }
    }

    /// Whether `f(a, b)` is `f(b, a)`, bit for bit but for the payload of a NaN.
    pub const fn is_commutative(self) -> bool {
        match self {
            BinaryFn::Add | BinaryFn::Mul | BinaryFn::And | BinaryFn::Or | BinaryFn::Xor => true,
            // The sign of a zero depends on the order.
            BinaryFn::Max | BinaryFn::Min => false,
            BinaryFn::Sub
            | BinaryFn::Div
            | BinaryFn::FloorDiv
            | BinaryFn::Mod
            | BinaryFn::Pow
            | BinaryFn::Atan2
            | BinaryFn::ShiftRight => false,
        }
    }

    /// The value at `(a, b)`, of the same type; `a` where the types differ or are not accepted.
    pub fn eval(self, a: Scalar, b: Scalar) -> Scalar {
        match (a, b) {
            (Scalar::F32(a), Scalar::F32(b)) => Scalar::F32(f32::binary(self, a, b)),
            (Scalar::F64(a), Scalar::F64(b)) => Scalar::F64(f64::binary(self, a, b)),
            (Scalar::I32(a), Scalar::I32(b)) => Scalar::I32(i32::binary(self, a, b)),
            (Scalar::I64(a), Scalar::I64(b)) => Scalar::I64(i64::binary(self, a, b)),
            (Scalar::U8(a), Scalar::U8(b)) => Scalar::U8(u8::binary(self, a, b)),
            (Scalar::Bool(a), Scalar::Bool(b)) => Scalar::Bool(match self {
                BinaryFn::And => a & b,
                BinaryFn::Or => a | b,
                BinaryFn::Xor => a ^ b,
                BinaryFn::Add
                | BinaryFn::Sub
                | BinaryFn::Mul
                | BinaryFn::Div
                | BinaryFn::FloorDiv
                | BinaryFn::Mod
                | BinaryFn::Max
                | BinaryFn::Min
                | BinaryFn::Pow
                | BinaryFn::Atan2
                | BinaryFn::ShiftRight => a,
            }),
            (a, _) => a,
        }
    }
}

impl CompareFn {
    /// Every comparison.
    pub const ALL: [CompareFn; 6] =
        [CompareFn::Eq, CompareFn::Ne, CompareFn::Lt, CompareFn::Le, CompareFn::Gt, CompareFn::Ge];

    /// The operator of the language.
    pub const fn symbol(self) -> &'static str {
        match self {
            CompareFn::Eq => "==",
            CompareFn::Ne => "!=",
            CompareFn::Lt => "<",
            CompareFn::Le => "<=",
            CompareFn::Gt => ">",
            CompareFn::Ge => ">=",
        }
    }

    /// The comparison on any ordered type.
    pub fn holds<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            CompareFn::Eq => a == b,
            CompareFn::Ne => a != b,
            CompareFn::Lt => a < b,
            CompareFn::Le => a <= b,
            CompareFn::Gt => a > b,
            CompareFn::Ge => a >= b,
        }
    }

    /// The comparison of two numbers of the same type; `false` where the types differ.
    pub fn eval(self, a: Scalar, b: Scalar) -> bool {
        match (a, b) {
            (Scalar::F32(a), Scalar::F32(b)) => self.holds(&a, &b),
            (Scalar::F64(a), Scalar::F64(b)) => self.holds(&a, &b),
            (Scalar::I32(a), Scalar::I32(b)) => self.holds(&a, &b),
            (Scalar::I64(a), Scalar::I64(b)) => self.holds(&a, &b),
            (Scalar::U8(a), Scalar::U8(b)) => self.holds(&a, &b),
            (Scalar::Bool(a), Scalar::Bool(b)) => self.holds(&a, &b),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap_and_divide_down() {
        let f = |f: BinaryFn, a: i32, b: i32| f.eval(Scalar::I32(a), Scalar::I32(b));
        assert_eq!(f(BinaryFn::FloorDiv, -7, 2), Scalar::I32(-4));
        assert_eq!(f(BinaryFn::Mod, -7, 2), Scalar::I32(1));
        assert_eq!(f(BinaryFn::Mod, 7, -2), Scalar::I32(-1));
        assert_eq!(f(BinaryFn::FloorDiv, 7, 0), Scalar::I32(0));
        assert_eq!(f(BinaryFn::Mod, 7, 0), Scalar::I32(0));
        assert_eq!(f(BinaryFn::FloorDiv, i32::MIN, -1), Scalar::I32(i32::MIN));
        assert_eq!(f(BinaryFn::Mod, i32::MIN, -1), Scalar::I32(0));
        assert_eq!(f(BinaryFn::Add, i32::MAX, 1), Scalar::I32(i32::MIN));
    }

    #[test]
    fn powers_of_integers_wrap() {
        let f = |a: i32, b: i32| BinaryFn::Pow.eval(Scalar::I32(a), Scalar::I32(b));
        let some = [(3, 4, 81), (-3, 3, -27), (7, 0, 1), (0, 0, 1), (2, 31, i32::MIN), (2, 40, 0)];
        let negative = [(2, -1, 0), (0, -1, 0), (1, -7, 1), (-1, -7, -1), (-1, i32::MIN, 1)];
        for (a, b, y) in some.into_iter().chain(negative) {
            assert_eq!(f(a, b), Scalar::I32(y), "{a} ** {b}");
        }
        let wide = BinaryFn::Pow.eval(Scalar::I64(-1), Scalar::I64(i64::MAX));
        assert_eq!(wide, Scalar::I64(-1));
        assert_eq!(BinaryFn::Pow.eval(Scalar::U8(3), Scalar::U8(255)), Scalar::U8(171));
    }

    #[test]
    fn floats_divide_as_in_numpy() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        // a, b, a // b and a % b, as NumPy 2 prints them.
        let f64s = [
            (6.0, 0.1, 59.0, 0.09999999999999967),
            (-6.0, 0.1, -60.0, 3.3306690738754696e-16),
            (1.0, inf, 0.0, 1.0),
            (-1.0, inf, -1.0, inf),
            (-1e-30, 1.0, -1.0, 1.0),
            (-4.0, 2.0, -2.0, 0.0),
            (4.0, -2.0, -2.0, -0.0),
            (0.0, -2.0, -0.0, -0.0),
            (inf, 1.0, nan, nan),
            (1.0, 0.0, inf, nan),
            (-1.0, 0.0, -inf, nan),
            (0.0, 0.0, nan, nan),
            (f64::MAX, 1e300, 179769313.0, 4.8623156137578274e299),
        ];
        let same = |x: f64, y: f64| x == y && x.is_sign_negative() == y.is_sign_negative();
        for (a, b, floor, rest) in f64s {
            let of = |f: BinaryFn| f.eval(Scalar::F64(a), Scalar::F64(b)).to_f64();
            let (q, r) = (of(BinaryFn::FloorDiv), of(BinaryFn::Mod));
            assert!(same(q, floor) || q.is_nan() && floor.is_nan(), "{a} // {b}: {q}");
            assert!(same(r, rest) || r.is_nan() && rest.is_nan(), "{a} % {b}: {r}");
        }
        let rest = BinaryFn::Mod.eval(Scalar::F32(1e30), Scalar::F32(0.1));
        assert_eq!(rest, Scalar::F32(1e30f32 % 0.1));
    }
}
