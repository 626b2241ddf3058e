//! Philox4x32-10, the source of all randomness: a word is a pure function of its index, a key, a
//! seed and a step.
//!
//! Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC'11), section
//! 3.3. The runtime's kernel `brolga_philox` makes the same words.

/// The multipliers of a round (Salmon et al. 2011, table 2).
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What the key grows by from round to round: the golden ratio and √3 − 1, in 32 bits.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The key of a stream of random numbers: the 64 bits of its name by FNV-1a (Fowler, Noll, Vo; offset
/// basis and prime as in draft-eastlake-fnv).
pub fn stream_key(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    name.bytes().fold(0xCBF2_9CE4_8422_2325, step)
}

/// The word at `index` of the stream of (`key`, `seed`, `step`).
pub fn philox_word(index: u64, key: u64, seed: u64, step: u64) -> u32 {
    philox_block(index / 4, key, seed, step)[(index % 4) as usize]
}

/// The words `4 index .. 4 index + 4` of the stream of (`key`, `seed`, `step`): the counter is
/// the block's index and the step, the key `mix(mix(seed) + key)`, low halves first.
pub fn philox_block(index: u64, key: u64, seed: u64, step: u64) -> [u32; 4] {
    let ([a, b], [c, d]) = (halves(index), halves(step));
    philox([a, b, c, d], halves(mix(mix(seed).wrapping_add(key))))
}

fn philox(mut block: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let first = u64::from(block[0]) * MULTIPLIERS[0];
        let second = u64::from(block[2]) * MULTIPLIERS[1];
        let ([low0, high0], [low1, high1]) = (halves(first), halves(second));
        block = [high1 ^ block[1] ^ key[0], low1, high0 ^ block[3] ^ key[1], low0];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    block
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fnv_1a() {
        assert_eq!(stream_key(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(stream_key("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(stream_key("foobar"), 0x8594_4171_f739_67e8);
    }

    /// The known answers of the Random123 distribution, file `kat_vectors`, `philox 4x32 10`.
    #[test]
    fn known_answers() {
        let ones = u32::MAX;
        let digits = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                digits,
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, block) in cases {
            assert_eq!(philox(counter, key), block);
        }
    }
}
