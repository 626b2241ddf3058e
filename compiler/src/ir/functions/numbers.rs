//! What the functions are for numbers of each type: once for floats, once for integers.

use super::{BinaryFn, UnaryFn};

/// From here on, 2^53, a quotient of f64 has no fraction left: its remainder counts as 0, because
/// an exact one takes a division for each further 53 bits.
pub const LARGEST_QUOTIENT: f64 = 9007199254740992.0;

/// What the float functions need of f32 and f64, so that each is written once.
pub(crate) trait Float: Copy + PartialOrd {
    const ZERO: Self;
    fn unary(f: UnaryFn, x: Self) -> Self;
    fn binary(f: BinaryFn, a: Self, b: Self) -> Self;
}

macro_rules! float {
    ($t:ty, $erf:path, $rest:path) => {
        impl Float for $t {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn unary(f: UnaryFn, x: $t) -> $t {
                match f {
                    UnaryFn::Neg => -x,
                    UnaryFn::Abs => x.abs(),
                    UnaryFn::Sign => {
                        if x == 0.0 || x.is_nan() {
                            x
                        } else {
                            x.signum()
                        }
                    }
                    UnaryFn::Exp => x.exp(),
                    UnaryFn::Log => x.ln(),
                    UnaryFn::Sqrt => x.sqrt(),
                    UnaryFn::Sin => x.sin(),
                    UnaryFn::Cos => x.cos(),
                    UnaryFn::Tanh => x.tanh(),
                    // Neither form overflows on its side of 0.
                    UnaryFn::Sigmoid if x >= 0.0 => 1.0 / (1.0 + (-x).exp()),
                    UnaryFn::Sigmoid => {
                        let e = x.exp();
                        e / (1.0 + e)
                    }
                    UnaryFn::Erf => $erf(x),
                    UnaryFn::Floor => x.floor(),
                    UnaryFn::Ceil => x.ceil(),
                    UnaryFn::Round => x.round_ties_even(),
                    UnaryFn::Relu => {
                        if x < 0.0 {
                            0.0
                        } else {
                            x
                        }
                    }
                    UnaryFn::Not => x,
                }
            }
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
                    BinaryFn::And | BinaryFn::Or | BinaryFn::Xor | BinaryFn::ShiftRight => a,
                }
            }
        }
    };
}
float!(f32, erf_f32, rest_f32);
float!(f64, erf_f64, rest_f64);

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

fn erf_f32(x: f32) -> f32 {
    erf_f64(f64::from(x)) as f32
}

/// The error function in f64, by its series below 3 and by the continued fraction of `erfc`
/// above (Abramowitz and Stegun 1964, 7.1.6 and 7.1.14): some 1e-15 of relative error.
pub fn erf_f64(x: f64) -> f64 {
    let a = x.abs();
    if x.is_nan() {
        return x;
    }
    let two_over_sqrt_pi = std::f64::consts::FRAC_2_SQRT_PI;
    if a < 3.0 {
        // erf x = 2/√π e^{-x²} Σ 2^n x^{2n+1} / (1·3·…·(2n+1)): all terms positive.
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term.abs() > sum.abs() * 1e-18 && term != 0.0 {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        return two_over_sqrt_pi * (-x * x).exp() * sum;
    }
    if a > 6.0 {
        return x.signum();
    }
    let mut fraction = a;
    for k in (1..=60).rev() {
        fraction = a + (f64::from(k) / 2.0) / fraction;
    }
    let erfc = (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt());
    x.signum() * (1.0 - erfc)
}

/// What the integer functions need of i32, i64 and u8.
pub(crate) trait Int: Copy + Ord {
    const ZERO: Self;
    const ONE: Self;
    fn unary(f: UnaryFn, x: Self) -> Self;
    fn binary(f: BinaryFn, a: Self, b: Self) -> Self;
}

macro_rules! int {
    ($t:ty, $unsigned:ty, $abs:expr, $sign:expr) => {
        impl Int for $t {
            const ZERO: $t = 0;
            const ONE: $t = 1;
            #[inline(always)]
            fn unary(f: UnaryFn, x: $t) -> $t {
                match f {
                    UnaryFn::Neg => x.wrapping_neg(),
                    UnaryFn::Abs => $abs(x),
                    UnaryFn::Sign => $sign(x),
                    UnaryFn::Relu => x.max(0),
                    UnaryFn::Not => !x,
                    UnaryFn::Floor | UnaryFn::Ceil | UnaryFn::Round => x,
                    UnaryFn::Exp
                    | UnaryFn::Log
                    | UnaryFn::Sqrt
                    | UnaryFn::Sin
                    | UnaryFn::Cos
                    | UnaryFn::Tanh
                    | UnaryFn::Sigmoid
                    | UnaryFn::Erf => x,
                }
            }
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
                    BinaryFn::And => a & b,
                    BinaryFn::Or => a | b,
                    BinaryFn::Xor => a ^ b,
                    BinaryFn::ShiftRight => (a as $unsigned).wrapping_shr(b as u32) as $t,
                }
            }
        }
    };
}
int!(i32, u32, i32::wrapping_abs, i32::signum);
int!(i64, u64, i64::wrapping_abs, i64::signum);
int!(u8, u8, |x| x, |x: u8| x.min(1));

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
