//! The registers that the tile is written over: one trait, one implementation per register.
//!
//! All methods are `inline(always)`: they become instructions within a function that is compiled for
//! their instruction set, and would be calls anywhere else.

#[cfg(not(any(feature = "std", test)))]
use crate::real::Real as _;

use crate::isa::PORTABLE_FUSES;

/// A register of `LANES` elements.
///
/// Every method is unsafe for the same two reasons: the host must have the instructions, and the
/// lanes read or written (all, or those of the mask) must be accessible. Nothing need be aligned but
/// to its element.
pub(super) trait Vector: Copy {
    /// What a lane holds.
    type Element: Copy + 'static;
    /// Which lanes an access touches: the first so many.
    type Mask: Copy;
    /// Elements of a register.
    const LANES: usize;

    /// All lanes zero.
    unsafe fn zero() -> Self;
    /// All lanes the element at `from`.
    unsafe fn splat(from: *const Self::Element) -> Self;
    /// All lanes from memory.
    unsafe fn load(from: *const Self::Element) -> Self;
    /// All lanes to memory.
    unsafe fn store(self, to: *mut Self::Element);
    /// The first `n` lanes, `n ≤ LANES`.
    unsafe fn mask(n: usize) -> Self::Mask;
    /// The lanes of the mask from memory, zero elsewhere.
    unsafe fn load_masked(from: *const Self::Element, mask: Self::Mask) -> Self;
    /// The lanes of the mask to memory, nothing elsewhere.
    unsafe fn store_masked(self, to: *mut Self::Element, mask: Self::Mask);
    /// `self · b + c`, rounded once if the instruction set fuses.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
}

/// Asks for the cache line of an address, which need not be accessible; where it can.
#[inline(always)]
pub(super) fn fetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which faults nowhere, of an instruction that every such processor has.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Makes of a value one of which the compiler knows nothing but that it is in a register.
macro_rules! opaque {
    ($value:ident) => {
        #[cfg(target_arch = "x86_64")]
        let $value = {
            let mut value = $value;
            // SAFETY: no instructions; the register keeps what it holds.
            unsafe {
                core::arch::asm!("/* {0} */", inout(reg) value, options(nomem, nostack, pure, preserves_flags));
            }
            value
        };
    };
}

/// A pointer that is not seen to be one of several of the same origin.
// Nothing is read or written by way of it in there.
#[allow(clippy::pointers_in_nomem_asm_block)]
#[inline(always)]
pub(super) fn opaque<T>(pointer: *const T) -> *const T {
    opaque!(pointer);
    pointer
}

/// A step that is not seen to be the multiple of another.
#[inline(always)]
pub(super) fn opaque_step(step: isize) -> isize {
    opaque!(step);
    step
}

/// A vector in plain Rust.
#[derive(Clone, Copy)]
pub(super) struct Lanes<T, const N: usize>([T; N]);

/// The same implementation for each element type.
macro_rules! portable {
    ($($t:ty)*) => {$(
        impl<const N: usize> Vector for Lanes<$t, N> {
            type Element = $t;
            type Mask = usize;
            const LANES: usize = N;

            #[inline(always)]
            unsafe fn zero() -> Self {
                Self([0.0; N])
            }

            #[inline(always)]
            unsafe fn splat(from: *const $t) -> Self {
                // SAFETY: the caller's promise.
                Self([unsafe { *from }; N])
            }

            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                // SAFETY: the caller's promise; an array is aligned like its element.
                Self(unsafe { *from.cast() })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                // SAFETY: the caller's promise; an array is aligned like its element.
                unsafe { *to.cast() = self.0 }
            }

            #[inline(always)]
            unsafe fn mask(n: usize) -> usize {
                n
            }

            #[inline(always)]
            unsafe fn load_masked(from: *const $t, mask: usize) -> Self {
                // SAFETY: the caller's promise; only lanes of the mask are read.
                Self(core::array::from_fn(|l| if l < mask { unsafe { *from.add(l) } } else { 0.0 }))
            }

            #[inline(always)]
            unsafe fn store_masked(self, to: *mut $t, mask: usize) {
                for l in 0..N.min(mask) {
                    // SAFETY: the caller's promise; only lanes of the mask are written.
                    unsafe { *to.add(l) = self.0[l] }
                }
            }

            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                Self(core::array::from_fn(|l| {
                    if PORTABLE_FUSES {
                        self.0[l].mul_add(b.0[l], c.0[l])
                    } else {
                        self.0[l] * b.0[l] + c.0[l]
                    }
                }))
            }
        }
    )*};
}

portable!(f32 f64);

/// The registers of x86-64.
#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::Vector;
    use core::arch::x86_64::*;

    /// The same implementation for each register: its name, type, elements and instructions.
    macro_rules! register {
        (
            $(#[$doc:meta])* $name:ident($raw:ty) = $lanes:literal of $t:ty, mask $mask:ty: $first:expr;
            $zero:ident $splat:ident $load:ident $store:ident $fma:ident;
            load $($load_masked:ident)+; store $store_masked:ident
        ) => {
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub(in crate::tile) struct $name($raw);

            impl Vector for $name {
                type Element = $t;
                type Mask = $mask;
                const LANES: usize = $lanes;

                #[inline(always)]
                unsafe fn zero() -> Self {
                    // SAFETY: the host has the instruction.
                    Self(unsafe { $zero() })
                }

                #[inline(always)]
                unsafe fn splat(from: *const $t) -> Self {
                    // SAFETY: the caller's promises.
                    Self(unsafe { $splat(*from) })
                }

                #[inline(always)]
                unsafe fn load(from: *const $t) -> Self {
                    // SAFETY: the caller's promises.
                    Self(unsafe { $load(from) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $t) {
                    // SAFETY: the caller's promises.
                    unsafe { $store(to, self.0) }
                }

                #[inline(always)]
                unsafe fn mask(n: usize) -> $mask {
                    // SAFETY: the host has the instructions.
                    unsafe { $first(n) }
                }

                #[inline(always)]
                unsafe fn load_masked(from: *const $t, mask: $mask) -> Self {
                    // SAFETY: the caller's promises.
                    Self(unsafe { register!(@load from, mask, $($load_masked)+) })
                }

                #[inline(always)]
                unsafe fn store_masked(self, to: *mut $t, mask: $mask) {
                    // SAFETY: the caller's promises.
                    unsafe { $store_masked(to, mask, self.0) }
                }

                #[inline(always)]
                unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                    // SAFETY: the host has the instruction.
                    Self(unsafe { $fma(self.0, b.0, c.0) })
                }
            }
        };
        // AVX2 takes the pointer first, AVX-512 the mask.
        (@load $from:ident, $mask:ident, pointer_first $load:ident) => { $load($from, $mask) };
        (@load $from:ident, $mask:ident, mask_first $load:ident) => { $load($mask, $from) };
    }

    register! {
        /// 512 bits of f32.
        F32x16(__m512) = 16 of f32, mask __mmask16: first_bits;
        _mm512_setzero_ps _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_fmadd_ps;
        load mask_first _mm512_maskz_loadu_ps; store _mm512_mask_storeu_ps
    }
    register! {
        /// 512 bits of f64.
        F64x8(__m512d) = 8 of f64, mask __mmask8: first_bits8;
        _mm512_setzero_pd _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_fmadd_pd;
        load mask_first _mm512_maskz_loadu_pd; store _mm512_mask_storeu_pd
    }
    register! {
        /// 256 bits of f32 with the masks of AVX-512.
        F32x8Vl(__m256) = 8 of f32, mask __mmask8: first_bits8;
        _mm256_setzero_ps _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_fmadd_ps;
        load mask_first _mm256_maskz_loadu_ps; store _mm256_mask_storeu_ps
    }
    register! {
        /// 256 bits of f64 with the masks of AVX-512.
        F64x4Vl(__m256d) = 4 of f64, mask __mmask8: first_bits8;
        _mm256_setzero_pd _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_fmadd_pd;
        load mask_first _mm256_maskz_loadu_pd; store _mm256_mask_storeu_pd
    }
    register! {
        /// 256 bits of f32 with AVX2.
        F32x8(__m256) = 8 of f32, mask __m256i: first_lanes_of_8;
        _mm256_setzero_ps _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_fmadd_ps;
        load pointer_first _mm256_maskload_ps; store _mm256_maskstore_ps
    }
    register! {
        /// 256 bits of f64 with AVX2.
        F64x4(__m256d) = 4 of f64, mask __m256i: first_lanes_of_4;
        _mm256_setzero_pd _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_fmadd_pd;
        load pointer_first _mm256_maskload_pd; store _mm256_maskstore_pd
    }

    /// The first `n` of up to 16 bits; unsafe only to be of the same type as the others.
    #[inline(always)]
    unsafe fn first_bits(n: usize) -> __mmask16 {
        ((1u32 << n) - 1) as __mmask16
    }

    /// The first `n` of up to 8 bits.
    #[inline(always)]
    unsafe fn first_bits8(n: usize) -> __mmask8 {
        ((1u32 << n) - 1) as __mmask8
    }

    /// The first `n` of 8 lanes.
    #[inline(always)]
    unsafe fn first_lanes_of_8(n: usize) -> __m256i {
        // SAFETY: the caller's host has AVX2.
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane)
        }
    }

    /// The first `n` of 4 lanes.
    #[inline(always)]
    unsafe fn first_lanes_of_4(n: usize) -> __m256i {
        // SAFETY: the caller's host has AVX2.
        unsafe {
            let lane = _mm256_setr_epi64x(0, 1, 2, 3);
            _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), lane)
        }
    }
}
