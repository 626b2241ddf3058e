//! Philox4x32-10, the source of all randomness: a word is a pure function of its index, a key, a
//! seed and a step.
//!
//! Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC'11), section
//! 3.3. The runtime's kernel makes the same words.

/// The multipliers of a round (Salmon et al. 2011, table 2).
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What the key grows by from round to round: the golden ratio and √3 − 1, in 32 bits.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The word at `index` of the stream of (`key`, `seed`, `step`).
pub fn philox_word(index: u64, key: u64, seed: u64, step: u64) -> u32 {
    let mut k = halves(mix(mix(seed).wrapping_add(key)));
    let ([a, b], [c, d]) = (halves(index / 4), halves(step));
    let mut block = [a, b, c, d];
    for _ in 0..10 {
        let first = u64::from(block[0]) * MULTIPLIERS[0];
        let second = u64::from(block[2]) * MULTIPLIERS[1];
        let ([low0, high0], [low1, high1]) = (halves(first), halves(second));
        block = [high1 ^ block[1] ^ k[0], low1, high0 ^ block[3] ^ k[1], low0];
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
    }
    block[(index % 4) as usize]
}

fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

/// The output function of SplitMix64 after a step of its counter (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014; constants of Stafford's variant 13).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
