//! Philox4x32-10: random bits as a pure function of a counter and a key.
//!
//! Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC'11), section 3.3.
//! A word depends on (key, seed, step, index) alone, so whoever computes it, whenever and on whatever
//! thread, finds the same bits.

use crate::isa::Isa;

/// Words of a block.
const WORDS: usize = 4;
const ROUNDS: u32 = 10;
/// The multipliers of the round (Salmon et al. 2011, table 2).
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// The key's increments: the golden ratio and √3 − 1, in 32 bits.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Fills `words` with `n` words of the stream of (key, seed, step) from index `first`:
/// `words[i] = word(first + i, key, seed, step)`.
///
/// # Safety
/// `words` is writable for `n` words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_philox(
    words: *mut u32,
    n: usize,
    first: u64,
    key: u64,
    seed: u64,
    step: u64,
) {
    if n > 0 {
        // SAFETY: the caller's promise.
        let words = unsafe { core::slice::from_raw_parts_mut(words, n) };
        fill(Isa::detect(), words, first, Stream::new(key, seed, step));
    }
}

/// The word at an index of the stream of (key, seed, step).
pub fn word(index: u64, key: u64, seed: u64, step: u64) -> u32 {
    Stream::new(key, seed, step).block(index / WORDS as u64)[(index % WORDS as u64) as usize]
}

/// What all blocks of a stream have in common.
#[derive(Clone, Copy)]
struct Stream {
    key: u64,
    step: u64,
}

impl Stream {
    fn new(key: u64, seed: u64, step: u64) -> Self {
        // Mixed in turn, not together, so that no pairs of key and seed cancel.
        Stream { key: mix(mix(seed).wrapping_add(key)), step }
    }

    /// A block of four words.
    #[inline(always)]
    fn block(self, index: u64) -> [u32; WORDS] {
        let [a, b] = halves(index);
        let [c, d] = halves(self.step);
        philox([a, b, c, d], halves(self.key))
    }
}

/// The low and the high half.
fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

/// A bijection of 64 bits in which every input bit changes every output bit with probability near
/// one half: the output function of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators", OOPSLA 2014; constants of Stafford's variant 13), after a step of its counter,
/// so that 0 is not mapped to itself.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The block of a counter under a key. A word is the low half of 64 bits until the end; the high half
/// is left as it comes, which is what a vector multiply of 32 by 32 bits ignores too.
#[inline(always)]
fn philox(counter: [u32; WORDS], key: [u32; 2]) -> [u32; WORDS] {
    let [mut a, mut b, mut c, mut d] = counter.map(u64::from);
    for round in 0..ROUNDS {
        let [k0, k1] = [0, 1].map(|i| u64::from(key[i].wrapping_add(WEYL[i].wrapping_mul(round))));
        let ab = (a & 0xFFFF_FFFF) * MULTIPLIERS[0];
        let cd = (c & 0xFFFF_FFFF) * MULTIPLIERS[1];
        (a, b) = ((cd >> 32) ^ b ^ k0, cd);
        (c, d) = ((ab >> 32) ^ d ^ k1, ab);
    }
    [a, b, c, d].map(|word| word as u32)
}

/// Fills `words` from index `first` with the code for one instruction set, which must be available.
fn fill(isa: Isa, words: &mut [u32], first: u64, stream: Stream) {
    // The words before the first whole block.
    let head = (first.wrapping_neg() % WORDS as u64).min(words.len() as u64) as usize;
    let (start, whole) = words.split_at_mut(head);
    if head > 0 {
        let block = stream.block(first / WORDS as u64);
        let skip = (first % WORDS as u64) as usize;
        start.copy_from_slice(&block[skip..skip + head]);
    }
    let index = first.wrapping_add(head as u64) / WORDS as u64;
    match isa {
        // SAFETY: the set is available.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { fill_avx512(whole, index, stream) },
        // SAFETY: the set is available.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { fill_avx2(whole, index, stream) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx512 | Isa::Avx2 => fill_blocks(whole, index, stream),
        Isa::Portable => fill_blocks(whole, index, stream),
    }
}

/// Fills `words` from the beginning of a block.
#[inline(always)]
fn fill_blocks(words: &mut [u32], index: u64, stream: Stream) {
    let (blocks, rest) = words.as_chunks_mut::<WORDS>();
    for (i, block) in blocks.iter_mut().enumerate() {
        *block = stream.block(index.wrapping_add(i as u64));
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&stream.block(index.wrapping_add(blocks.len() as u64))[..rest.len()]);
    }
}

/// [`fill_blocks`] compiled for AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn fill_avx512(words: &mut [u32], index: u64, stream: Stream) {
    fill_blocks(words, index, stream);
}

/// [`fill_blocks`] compiled for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fill_avx2(words: &mut [u32], index: u64, stream: Stream) {
    fill_blocks(words, index, stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of the Random123 distribution, file `kat_vectors`, `philox 4x32 10`.
    #[test]
    fn known_answers() {
        let ones = u32::MAX;
        let cases = [
            ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
            ([ones; 4], [ones; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
            (
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0],
                [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
            ),
        ];
        for (counter, key, block) in cases {
            assert_eq!(philox(counter, key), block);
        }
    }

    #[test]
    fn every_set_gives_the_words_of_the_scalar() {
        let (key, seed, step) = (0x0123_4567_89ab_cdef, 42, 7 << 33);
        for first in [0, 1, 3, 62, 4 * u64::from(u32::MAX) - 30, u64::MAX - 200] {
            for n in [0, 1, 2, 5, 64, 67, 128, 190] {
                let want: Vec<u32> =
                    (0..n).map(|i| word(first + i as u64, key, seed, step)).collect();
                for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
                    let mut got = vec![0; n];
                    fill(isa, &mut got, first, Stream::new(key, seed, step));
                    assert_eq!(got, want, "{isa:?} {first} {n}");
                }
                let mut got = vec![0; n];
                // SAFETY: the words are `n`.
                unsafe { brolga_philox(got.as_mut_ptr(), n, first, key, seed, step) }
                assert_eq!(got, want);
            }
        }
    }

    #[test]
    fn streams_differ() {
        let mut words: Vec<u32> = vec![];
        for key in 0..8 {
            for seed in 0..8 {
                for step in 0..8 {
                    words.extend((0..8).map(|index| word(index, key, seed, step)));
                }
            }
        }
        // 4096 words of 32 bits: two equal ones have a chance of one in 500, and here do not occur.
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
        let ones: u32 = words.iter().map(|word| word.count_ones()).sum();
        let mean = f64::from(ones) / words.len() as f64;
        assert!((mean - 16.0).abs() < 0.2, "{mean}");
    }
}
