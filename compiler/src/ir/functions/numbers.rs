//! What the functions are for numbers of each type: once for floats, once for integers.

use super::BinaryFn;

/// From here on, 2^53, a quotient of f64 has no fraction left: its remainder counts as 0, because
/// an exact one takes a division for each further 53 bits.
pub const LARGEST_QUOTIENT: f64 = 9007199254740992.0;

/// What the float functions need of f32 and f64, so that each is written once.
pub(crate) trait Float: Copy + PartialOrd {
    const ZERO: Self;
    fn binary(f: BinaryFn, a: Self, b: Self) -> Self;
}

macro_rules! float {
    ($t:ty, $rest:path) => {
        impl Float for $t {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn binary(f: BinaryFn, a: $t, b: $t) -> $t {
                match f {
                    BinaryFn::Add => a + b,
                    BinaryFn::Sub => a - b,
                    BinaryFn::Mul => a * b,
                    BinaryFn::Div => a / b,
                    BinaryFn::FloorDiv => {
                        // NumPy's `floor_divide`, rounding by rounding.
                        let rest = $rest(a, b);
                        let exact = (a - rest) / b;
                        let turned = rest != 0.0 && (rest < 0.0) != (b < 0.0);
                        let q = if turned { exact - 1.0 } else { exact };
                        let down = q.floor();
                        if b == 0.0 {
                            a / b
                        } else if q == 0.0 {
                            (0.0 as $t).copysign(a / b)
                        } else if q - down > 0.5 {
                            down + 1.0
                        } else {
                            down
                        }
                    }
                    BinaryFn::Mod => {
                        let rest = $rest(a, b);
                        if rest == 0.0 {
                            (0.0 as $t).copysign(b)
                        } else if (rest < 0.0) != (b < 0.0) {
                            rest + b
                        } else {
                            rest
                        }
                    }
                    BinaryFn::Max => {
                        if a > b || a.is_nan() {
                            a
                        } else {
                            b
                        }
                    }
                    BinaryFn::Min => {
                        if a < b || a.is_nan() {
                            a
                        } else {
                            b
                        }
                    }
                    BinaryFn::Pow => a.powf(b),
                    BinaryFn::Atan2 => a.atan2(b),
                    BinaryFn::And | BinaryFn::Or | BinaryFn::Xor | BinaryFn::ShiftRight => a,
                }
            }
        }
    };
}
float!(f32, rest_f32);
float!(f64, rest_f64);

/// What whole multiples of `b` leave of `a`, with the sign of `a`, exact.
fn rest_f32(a: f32, b: f32) -> f32 {
    a % b
}

/// The same below [`LARGEST_QUOTIENT`], 0 beyond.
fn rest_f64(a: f64, b: f64) -> f64 {
    if (a / b).abs() < LARGEST_QUOTIENT {
        a % b
    } else if b.abs() > 0.0 && a.is_finite() {
        0.0
    } else {
        f64::NAN
    }
}

/// What the integer functions need of i32, i64 and u8.
pub(crate) trait Int: Copy + Ord {
    const ZERO: Self;
    const ONE: Self;
    fn binary(f: BinaryFn, a: Self, b: Self) -> Self;
}

macro_rules! int {
    ($t:ty, $unsigned:ty) => {
        impl Int for $t {
            const ZERO: $t = 0;
            const ONE: $t = 1;
            #[inline(always)]
            fn binary(f: BinaryFn, a: $t, b: $t) -> $t {
                match f {
                    BinaryFn::Add => a.wrapping_add(b),
                    BinaryFn::Sub => a.wrapping_sub(b),
                    BinaryFn::Mul => a.wrapping_mul(b),
                    BinaryFn::Div | BinaryFn::FloorDiv => floor_div_int(a, b),
                    BinaryFn::Mod => {
                        a.wrapping_sub(floor_div_int(a, b).wrapping_mul(b)) * (b != 0) as $t
                    }
                    BinaryFn::Max => a.max(b),
                    BinaryFn::Min => a.min(b),
                    BinaryFn::Pow => power(a, b),
                    BinaryFn::Atan2 => a,
                    BinaryFn::And => a & b,
                    BinaryFn::Or => a | b,
                    BinaryFn::Xor => a ^ b,
                    BinaryFn::ShiftRight => (a as $unsigned).wrapping_shr(b as u32) as $t,
                }
            }
        }
    };
}
int!(i32, u32);
int!(i64, u64);
int!(u8, u8);

/// `a` to the power of `b`, by squares. A negative `b` is a large number of the same parity, which
/// is what ±1 needs; it leaves nothing of other bases.
fn power<T: Int + Into<i64>>(a: T, b: T) -> T {
    let (base, exponent): (i64, i64) = (a.into(), b.into());
    if exponent < 0 && base != 1 && base != -1 {
        return T::ZERO;
    }
    let (mut power, mut square, mut rest) = (T::ONE, a, exponent as u64);
    while rest > 0 {
        if rest & 1 == 1 {
            power = T::binary(BinaryFn::Mul, power, square);
        }
        square = T::binary(BinaryFn::Mul, square, square);
        rest >>= 1;
    }
    power
}

/// `a / b` rounded down, 0 where `b` is 0; the smallest integer over -1 wraps.
fn floor_div_int<T>(a: T, b: T) -> T
where
    T: Int + FloorDiv,
{
    if b == T::ZERO { T::ZERO } else { a.floor_div(b) }
}

trait FloorDiv {
    fn floor_div(self, b: Self) -> Self;
}
macro_rules! floor_div_signed {
    ($($t:ty),*) => {$(
        impl FloorDiv for $t {
            fn floor_div(self, b: $t) -> $t {
                let q = self.wrapping_div(b);
                if self.wrapping_rem(b) != 0 && (self < 0) != (b < 0) { q - 1 } else { q }
            }
        }
    )*};
}
floor_div_signed!(i32, i64);
impl FloorDiv for u8 {
    fn floor_div(self, b: u8) -> u8 {
        self / b
    }
}
