//! The functions of numbers that the standard library has and its core has not, for a build without
//! it. Each is the instruction of the processor, or the function of the C library that compilers
//! know as that instruction.

/// Functions of f32 and f64, as the standard library has them.
pub(crate) trait Real: Copy {
    fn mul_add(self, b: Self, c: Self) -> Self;
    fn sqrt(self) -> Self;
    fn floor(self) -> Self;
    fn round_ties_even(self) -> Self;
}

unsafe extern "C" {
    safe fn floorf(x: f32) -> f32;
    safe fn floor(x: f64) -> f64;
    // In the mode of rounding that every program begins with, and none here leaves.
    safe fn rintf(x: f32) -> f32;
    safe fn rint(x: f64) -> f64;
}

#[cfg(not(target_arch = "x86_64"))]
unsafe extern "C" {
    safe fn fmaf(x: f32, y: f32, z: f32) -> f32;
    safe fn fma(x: f64, y: f64, z: f64) -> f64;
    safe fn sqrtf(x: f32) -> f32;
    safe fn sqrt(x: f64) -> f64;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Of one number in a register: the compiler sees the operation itself in these, so that loops
    //! become vectors. Fused ones are called where [`crate::Isa::fuses`] alone.

    use core::arch::x86_64::*;

    #[inline(always)]
    pub(super) fn fmaf(a: f32, b: f32, c: f32) -> f32 {
        // SAFETY: called in functions for sets that have FMA.
        unsafe { _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))) }
    }

    #[inline(always)]
    pub(super) fn fma(a: f64, b: f64, c: f64) -> f64 {
        // SAFETY: as above.
        unsafe { _mm_cvtsd_f64(_mm_fmadd_sd(_mm_set_sd(a), _mm_set_sd(b), _mm_set_sd(c))) }
    }

    #[inline(always)]
    pub(super) fn sqrtf(x: f32) -> f32 {
        // SAFETY: every x86-64 has SSE2.
        unsafe { _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))) }
    }

    #[inline(always)]
    pub(super) fn sqrt(x: f64) -> f64 {
        // SAFETY: as above.
        unsafe { _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(x), _mm_set_sd(x))) }
    }
}
#[cfg(target_arch = "x86_64")]
use x86::{fma, fmaf, sqrt, sqrtf};

macro_rules! real {
    ($t:ty, $fma:ident, $sqrt:ident, $floor:ident, $rint:ident) => {
        impl Real for $t {
            #[inline(always)]
            fn mul_add(self, b: $t, c: $t) -> $t {
                $fma(self, b, c)
            }
            #[inline(always)]
            fn sqrt(self) -> $t {
                $sqrt(self)
            }
            #[inline(always)]
            fn floor(self) -> $t {
                $floor(self)
            }
            #[inline(always)]
            fn round_ties_even(self) -> $t {
                $rint(self)
            }
        }
    };
}
real!(f32, fmaf, sqrtf, floorf, rintf);
real!(f64, fma, sqrt, floor, rint);
