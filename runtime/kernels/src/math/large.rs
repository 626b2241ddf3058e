//! The reduction of large f64 by π/2, see the compiler's `expand_math/large.rs`.

use super::nearest;

/// 2/π in words of 26 bits, from the first after the point.
const TWO_OVER_PI: [u32; 45] = [
    42722829, 48555073, 21659401, 56087029, 13858563, 28715353, 38736100, 4324945, 26128250,
    62674459, 29957006, 37899730, 58726692, 49193117, 6588223, 35515164, 46442140, 65964067,
    24988590, 54822121, 41009306, 54917092, 5137525, 37323603, 15192690, 4585659, 58608142,
    52426903, 67074070, 25231090, 63202006, 34237727, 28629499, 15891632, 40752081, 37709470,
    25143477, 55737260, 33225084, 24853767, 15195689, 19476134, 50255852, 18845021, 2185228,
];

/// `r = x − n π/2`, |r| ≤ π/4, and n in the lowest bits of an integer, for 2^20 ≤ |x|.
#[inline(always)]
pub(super) fn reduce_large<const FMA: bool>(x: f64) -> (f64, i64) {
    let exponent = ((x.to_bits() >> 52) & 0x7FF) as i64 - 1023;
    // The first word whose product with x is not whole turns alone.
    let first = (exponent - 54).div_euclid(26).max(0);
    let scaled = x * power_of_two(-26 * first);
    let high = f64::from_bits(scaled.to_bits() & !((1 << 27) - 1));
    let halves = [high, scaled - high];
    let (mut n, mut sum, mut error) = (0.0, 0.0, 0.0);
    for place in 0..15 {
        let (word, half) = (place / 2, halves[place % 2]);
        let bits = f64::from(TWO_OVER_PI[first as usize + word]);
        let mut term = half * (bits * power_of_two(-26 * (word as i64 + 1)));
        if place < 7 {
            term -= (term * 0.25).round_ties_even() * 4.0;
        }
        let lost;
        (sum, lost) = two_sum(sum, term);
        error += lost;
        if place < 9 {
            let quarters = sum.round_ties_even();
            sum -= quarters;
            n += quarters;
        }
        if place == 6 || place == 8 {
            (sum, error) = two_sum(sum, error);
        }
    }
    let (_, bits) = nearest::<FMA>(n, 1.0);
    ((sum + error) * std::f64::consts::FRAC_PI_2, bits)
}

#[inline(always)]
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// `a + b` and its rounding error.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    let of_a = sum - of_b;
    (sum, (a - of_a) + (b - of_b))
}
