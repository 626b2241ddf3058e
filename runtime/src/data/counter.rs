//! Numbers from a counter: what is drawn depends on a key and a position alone, never on what was
//! drawn before. The loader's order and the built-in digits come from here.

/// A stream of 64-bit numbers addressed by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    key: u64,
}

impl Counter {
    /// The stream of a list of numbers; different lists give unrelated streams.
    pub fn new(parts: &[u64]) -> Counter {
        let key = parts.iter().fold(parts.len() as u64, |key, &part| mix(key ^ mix(part)));
        Counter { key }
    }

    /// The number at `position`.
    pub fn at(self, position: u64) -> u64 {
        mix(self.key.wrapping_add(mix(position)))
    }

    /// A number below `n`, even but for a bias of at most n / 2^64; 0 where `n` is 0.
    pub fn below(self, position: u64, n: u64) -> u64 {
        ((u128::from(self.at(position)) * u128::from(n)) >> 64) as u64
    }

    /// A multiple of 2^-24 in [0, 1).
    pub fn unit(self, position: u64) -> f32 {
        (self.at(position) >> 40) as f32 * (1.0 / (1u32 << 24) as f32)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
/// generators", with the constants of Stafford's variant 13) after a step of its sequence.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_even() {
        let counter = Counter::new(&[7, 1]);
        let mut counts = [0usize; 10];
        for i in 0..100_000 {
            counts[counter.below(i, 10) as usize] += 1;
        }
        assert!(counts.iter().all(|&n| (9_600..10_400).contains(&n)), "{counts:?}");
        let mean = (0..100_000).map(|i| f64::from(counter.unit(i))).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        assert_ne!(counter, Counter::new(&[7, 1, 0]));
        assert_ne!(counter, Counter::new(&[1, 7]));
    }
}
