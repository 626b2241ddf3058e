//! Transcendental functions of consecutive elements: the same operations, in the same order, as the
//! compiler's expansion of them into polynomials, so that both have the same bits; the accuracy is
//! stated there. Written for one element without branches, and compiled for blocks of elements and
//! for several instruction sets; large f64 alone are turned one by one, after their block.

mod large;
mod real;

use crate::isa::{Isa, PORTABLE_FUSES};
use real::{Bits, HALF_PI, HALF_PI_WHOLE, Real, TWO_OVER_PI};

/// Elements that are computed at once; a last block is filled up with zeros.
const BLOCK: usize = 64;

/// Lists the C symbols: `fn(to, from, n)` applies a function to `n` consecutive elements; `to` may be
/// `from`, or else they do not overlap.
macro_rules! symbols {
    ($($name:ident, $t:ty, $f:ident, $far:ident, $doc:literal;)*) => {$(
        #[doc = $doc]
        ///
        /// # Safety
        /// `from` is readable and `to` writable for `n` elements; they are equal or do not overlap.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(to: *mut $t, from: *const $t, n: usize) {
            mod sets {
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                pub(super) unsafe fn avx512(block: &mut [$t; super::BLOCK]) {
                    super::apply(block, super::$f::<$t, true>, super::$far::<$t, true>);
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma")]
                pub(super) unsafe fn avx2(block: &mut [$t; super::BLOCK]) {
                    super::apply(block, super::$f::<$t, true>, super::$far::<$t, true>);
                }
                pub(super) unsafe fn portable(block: &mut [$t; super::BLOCK]) {
                    const FMA: bool = super::PORTABLE_FUSES;
                    super::apply(block, super::$f::<$t, FMA>, super::$far::<$t, FMA>);
                }
            }
            let f: unsafe fn(&mut [$t; BLOCK]) = match Isa::detect() {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => sets::avx512,
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => sets::avx2,
                #[cfg(not(target_arch = "x86_64"))]
                Isa::Avx512 | Isa::Avx2 => sets::portable,
                Isa::Portable => sets::portable,
            };
            // SAFETY: the caller's promise; the host has the set.
            unsafe { blocks(to, from, n, f) }
        }
    )*};
}

symbols! {
    brolga_exp_f32, f32, exp, none, "`e^x` of f32.";
    brolga_exp_f64, f64, exp, none, "`e^x` of f64.";
    brolga_log_f32, f32, log, none, "The natural logarithm of f32.";
    brolga_log_f64, f64, log, none, "The natural logarithm of f64.";
    brolga_tanh_f32, f32, tanh, none, "The hyperbolic tangent of f32.";
    brolga_tanh_f64, f64, tanh, none, "The hyperbolic tangent of f64.";
    brolga_sigmoid_f32, f32, sigmoid, none, "`1 / (1 + e^-x)` of f32.";
    brolga_sigmoid_f64, f64, sigmoid, none, "`1 / (1 + e^-x)` of f64.";
    brolga_erf_f32, f32, erf, none, "The error function of f32.";
    brolga_erf_f64, f64, erf, none, "The error function of f64.";
    brolga_sin_f32, f32, sin, sin_far, "The sine of f32.";
    brolga_sin_f64, f64, sin, sin_far, "The sine of f64.";
    brolga_cos_f32, f32, cos, cos_far, "The cosine of f32.";
    brolga_cos_f64, f64, cos, cos_far, "The cosine of f64.";
}

/// Applies `f` to the elements of a block, and `far` to the block before and after it: that makes up
/// for what `f` leaves out.
#[inline(always)]
fn apply<T: Real>(
    block: &mut [T; BLOCK],
    f: impl Fn(T) -> T,
    far: impl Fn(&[T; BLOCK], &mut [T; BLOCK]),
) {
    let from = *block;
    block.iter_mut().for_each(|x| *x = f(*x));
    far(&from, block);
}

/// Applies `f` to blocks of elements.
///
/// # Safety
/// As for the symbols; the host has the instruction set of `f`.
unsafe fn blocks<T: Real>(to: *mut T, from: *const T, n: usize, f: unsafe fn(&mut [T; BLOCK])) {
    let mut block = Aligned([T::number(0.0); BLOCK]);
    let whole = n - n % BLOCK;
    for done in (0..whole).step_by(BLOCK) {
        // SAFETY: a block of elements from `done` on is within both ranges.
        unsafe {
            block.0 = from.add(done).cast::<[T; BLOCK]>().read_unaligned();
            f(&mut block.0);
            to.add(done).cast::<[T; BLOCK]>().write_unaligned(block.0);
        }
    }
    if whole < n {
        // SAFETY: so many elements from `whole` on are within both ranges; the block is apart.
        unsafe {
            std::ptr::copy_nonoverlapping(from.add(whole), block.0.as_mut_ptr(), n - whole);
            f(&mut block.0);
            std::ptr::copy_nonoverlapping(block.0.as_ptr(), to.add(whole), n - whole);
        }
    }
}

/// A block on cache lines of its own: elsewhere on the stack, where each thread's begins differently,
/// every vector could lie across two of them.
#[repr(align(64))]
struct Aligned<T>([T; BLOCK]);

/// `Σ c_i x^i`, by Horner's rule.
#[inline(always)]
fn polynomial<T: Real, const FMA: bool>(coefficients: &[f64], x: T) -> T {
    let mut rest = coefficients.iter().rev();
    let first = rest.next().copied().unwrap_or(0.0);
    rest.fold(T::number(first), |sum, &c| sum.fma::<FMA>(x, T::number(c)))
}

/// `x` within `low ..= high`; a NaN stays.
#[inline(always)]
fn clamp<T: Real>(x: T, low: f64, high: f64) -> T {
    let (low, high) = (T::number(low), T::number(high));
    let x = if high < x { high } else { x };
    if low > x { low } else { x }
}

/// The integer `m` next to `x · factor`, as a float, and `2^m`, for |m| below the bias.
#[inline(always)]
fn power_of_two<T: Real, const FMA: bool>(x: T, factor: f64) -> (T, T) {
    let magic = T::number(T::MAGIC + T::BIAS);
    let shifted = x.fma::<FMA>(T::number(factor), magic);
    (shifted - magic, T::of_bits(shifted.bits().left(T::FRACTION)))
}

/// `x − m · step · ln 2`.
#[inline(always)]
fn reduce<T: Real, const FMA: bool>(x: T, m: T, step: f64) -> T {
    let [high, low] = T::LN2.map(|part| T::number(-step * part));
    m.fma::<FMA>(low, m.fma::<FMA>(high, x))
}

#[inline(always)]
fn exp<T: Real, const FMA: bool>(x: T) -> T {
    let [low, high] = T::EXP_RANGE;
    exp_within::<T, FMA>(clamp(x, low, high))
}

/// `e^x = 2^m · 2^m · e^r` with `x = 2 m ln 2 + r`, |r| ≤ ln 2.
#[inline(always)]
fn exp_within<T: Real, const FMA: bool>(x: T) -> T {
    let (m, scale) = power_of_two::<T, FMA>(x, 0.5 * std::f64::consts::LOG2_E);
    let r = reduce::<T, FMA>(x, m, 2.0);
    let q = polynomial::<T, FMA>(T::EXP, r);
    let one = T::number(1.0);
    let slope = q.fma::<FMA>(r, one);
    slope.fma::<FMA>(r, one) * scale * scale
}

/// `ln x = k ln 2 + ln(1 + f)` with `x = 2^k (1 + f)`, √½ ≤ 1 + f < √2.
#[inline(always)]
fn log<T: Real, const FMA: bool>(x: T) -> T {
    let [zero, one] = [0.0, 1.0].map(T::number);
    let (factor, exponent) = T::NORMALISE;
    let (factor, exponent) = (T::number(factor), T::number(exponent));
    let small = x < T::number(T::MIN_POSITIVE);
    let normal = if small { x * factor } else { x };
    let correction = if small { exponent } else { zero };
    let above = normal.bits().minus(T::Bits::of(T::SQRT_HALF));
    let k = above.right(T::FRACTION);
    let f = T::of_bits(normal.bits().minus(k.left(T::FRACTION))) - one;
    let y = T::log_of::<FMA>(T::small_float(k) + correction, f);
    let [inf, minus, nan] = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(T::number);
    let finite = if x < inf { y } else { x };
    let low = if x == zero { minus } else { nan };
    if x > zero { finite } else { low }
}

/// `(e^2x − 1) / (e^2x − 1 + 2)`, with `e^2x − 1 = 2^n (e^r − 1) + (2^n − 1)`.
#[inline(always)]
fn tanh<T: Real, const FMA: bool>(x: T) -> T {
    let near = clamp(x, -T::TANH_RANGE, T::TANH_RANGE);
    let (n, scale) = power_of_two::<T, FMA>(near, 2.0 * std::f64::consts::LOG2_E);
    let r = reduce::<T, FMA>(near + near, n, 1.0);
    let q = polynomial::<T, FMA>(T::EXPM1, r);
    let p = (r * r).fma::<FMA>(q, r);
    let above = scale.fma::<FMA>(p, scale - T::number(1.0));
    let y = above / (above + T::number(2.0));
    if x == T::number(0.0) { x } else { y }
}

/// The integer in which only the sign bit is set.
#[inline(always)]
fn sign_bit<T: Real>() -> T::Bits {
    T::Bits::of(1).left(T::BITS - 1)
}

/// `z / (1 + z)` below 0 and `1 / (1 + z)` above, with `z = e^-|x|`.
#[inline(always)]
fn sigmoid<T: Real, const FMA: bool>(x: T) -> T {
    let z = exp::<T, FMA>(T::of_bits(x.bits().or(sign_bit::<T>())));
    let one = T::number(1.0);
    let above = if x < T::number(0.0) { z } else { one };
    above / (one + z)
}

/// `x P(x²)` near 0, and beyond `1 − e^Q(|x|)` with the sign of x.
#[inline(always)]
fn erf<T: Real, const FMA: bool>(x: T) -> T {
    let ((near, p), (far, q)) = (T::ERF, T::ERFC);
    let small = x * polynomial::<T, FMA>(p, x * x);
    let far = T::number(far);
    let bounded = if far < x.size() { far } else { x.size() };
    let rest = exp_within::<T, FMA>(polynomial::<T, FMA>(q, bounded));
    let large = T::number(1.0) - rest;
    let sign = x.bits().and(sign_bit::<T>());
    let large = T::of_bits(large.bits().or(sign));
    if x.size() < T::number(near) { small } else { large }
}

#[inline(always)]
fn sin<T: Real, const FMA: bool>(x: T) -> T {
    x.turn::<FMA>(false)
}

#[inline(always)]
fn cos<T: Real, const FMA: bool>(x: T) -> T {
    x.turn::<FMA>(true)
}

/// Of a function that leaves nothing out.
#[inline(always)]
fn none<T: Real, const FMA: bool>(_: &[T; BLOCK], _: &mut [T; BLOCK]) {}

#[inline(always)]
fn sin_far<T: Real, const FMA: bool>(x: &[T; BLOCK], y: &mut [T; BLOCK]) {
    T::turn_far::<FMA>(x, y, false);
}

#[inline(always)]
fn cos_far<T: Real, const FMA: bool>(x: &[T; BLOCK], y: &mut [T; BLOCK]) {
    T::turn_far::<FMA>(x, y, true);
}

/// The integer next to `x · factor`, as a float and in the lowest bits of an integer.
#[inline(always)]
fn nearest<const FMA: bool>(x: f64, factor: f64) -> (f64, i64) {
    let shifted = x.fma::<FMA>(factor, f64::MAGIC);
    (shifted - f64::MAGIC, shifted.bits())
}

/// `r = x − n π/2`, |r| ≤ π/4, and n in the lowest bits of an integer.
#[inline(always)]
fn reduce_near<const FMA: bool>(x: f64) -> (f64, i64) {
    let (n, bits) = nearest::<FMA>(x, std::f64::consts::FRAC_2_PI);
    let r = if FMA {
        HALF_PI_WHOLE.into_iter().fold(x, |r, part| n.mul_add(-part, r))
    } else {
        HALF_PI.into_iter().fold(x, |r, part| r - n * part)
    };
    (if x == 0.0 { x } else { r }, bits)
}

/// The same for 2^20 ≤ |x| < 2^140 where x has 24 significant bits (Payne and Hanek, "Radian
/// reduction for trigonometric functions", 1983).
#[inline(always)]
fn reduce_far<const FMA: bool>(x: f64) -> (f64, i64) {
    let (_, mut scale, mut parts) = TWO_OVER_PI[0];
    for (least, next_scale, next) in &TWO_OVER_PI[1..] {
        let beyond = x.abs() >= *least;
        scale = if beyond { *next_scale } else { scale };
        for (part, next) in parts.iter_mut().zip(next) {
            *part = if beyond { *next } else { *part };
        }
    }
    let scaled = x * scale;
    let [q0, q1, q2, q3] = parts.map(|part| scaled * part);
    let within_a_turn = |q: f64| q - (q * 0.25).floor() * 4.0;
    let (f0, f1) = (within_a_turn(q0), within_a_turn(q1));
    let (n, bits) = nearest::<FMA>(f0 + f1 + q2, 1.0);
    let rest = (f0 - n) + f1 + (q2 + q3);
    (rest * std::f64::consts::FRAC_PI_2, bits)
}

/// `sin(r + n π/2)`, or the cosine, by quadrant.
#[inline(always)]
fn quarter<const FMA: bool>(r: f64, bits: i64, cosine: bool, sin: &[f64], cos: &[f64]) -> f64 {
    let z = r * r;
    let sine = r * z.fma::<FMA>(polynomial::<f64, FMA>(sin, z), 1.0);
    let h = z.fma::<FMA>(-0.5, 1.0);
    let cosine_of_r = (z * z).fma::<FMA>(polynomial::<f64, FMA>(cos, z), h);
    let quadrant = if cosine { bits.wrapping_add(1) } else { bits };
    let y = if quadrant & 1 == 0 { sine } else { cosine_of_r };
    f64::from_bits(y.to_bits() ^ ((quadrant & 2) << 62) as u64)
}
