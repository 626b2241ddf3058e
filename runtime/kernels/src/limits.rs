//! What this machine can do at most, for profiles to compare with: multiply-adds that wait for nothing.

use core::hint::black_box;

use crate::Isa;

/// Chains of multiply-adds side by side: more than the latency of one by the two that a core begins in
/// a cycle.
const CHAINS: usize = 12;

/// Runs `n` multiply-adds of f32 in each of as many chains as keep the machine busy, in its widest
/// vectors; returns the operations that were done, two for each.
pub fn multiply_adds(n: usize) -> f64 {
    let lanes = match Isa::detect() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => {
            // SAFETY: this host has the instruction set.
            unsafe { x86::avx512(n) };
            16
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            // SAFETY: this host has the instruction set.
            unsafe { x86::avx2(n) };
            8
        }
        _ => portable(n),
    };
    (2 * n * CHAINS * lanes) as f64
}

fn portable(n: usize) -> usize {
    let mut chains = black_box([[1.0f32; 4]; CHAINS]);
    for _ in 0..n {
        for x in chains.as_flattened_mut() {
            *x = *x * 0.5 + 0.25;
        }
    }
    black_box(chains);
    4
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps};
    use core::hint::black_box;

    use super::CHAINS;

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2(n: usize) {
        let (half, quarter) = (_mm256_set1_ps(0.5), _mm256_set1_ps(0.25));
        let mut chains = black_box([_mm256_set1_ps(1.0); CHAINS]);
        for _ in 0..n {
            chains.iter_mut().for_each(|x| *x = _mm256_fmadd_ps(*x, half, quarter));
        }
        black_box(chains);
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512(n: usize) {
        let (half, quarter) = (_mm512_set1_ps(0.5), _mm512_set1_ps(0.25));
        let mut chains = black_box([_mm512_set1_ps(1.0); CHAINS]);
        for _ in 0..n {
            chains.iter_mut().for_each(|x| *x = _mm512_fmadd_ps(*x, half, quarter));
        }
        black_box(chains);
    }
}
