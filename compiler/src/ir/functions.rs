//! The values of functions of two elements: one meaning for `eval`, the loop interpreter and,
//! through the same enums, code generation. What else is known of them is in
//! `ops/functions/binary`.
//!
//! Integers wrap, `x / 0` and `x % 0` are 0, casts saturate and NaN casts to 0. Floats divide with
//! a remainder as NumPy does.

mod numbers;

use super::{BinaryFn, Scalar};

pub use numbers::LARGEST_QUOTIENT;
pub(crate) use numbers::{Float, Int};

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
