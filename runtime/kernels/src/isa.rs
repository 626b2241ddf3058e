//! The instruction sets that kernels are compiled for, and which of them this host has.

use core::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Isa {
    /// 512-bit vectors, 32 registers, masks: AVX-512 F, VL, BW and DQ, with all that `Avx2` has.
    Avx512 = 1,
    /// 256-bit vectors, 16 registers: AVX2 and FMA, on a processor of the level x86-64-v3.
    Avx2 = 2,
    /// What the target of the build has by default. Fuses multiply and add only where that is part
    /// of it ([`Isa::fuses`]).
    Portable = 3,
}

impl Isa {
    /// All instruction sets, the widest first.
    pub const ALL: [Isa; 3] = [Isa::Avx512, Isa::Avx2, Isa::Portable];

    /// The widest instruction set of this host; detected once.
    #[inline]
    pub fn detect() -> Isa {
        /// 0 until it is known. Whoever finds that writes what everyone else would.
        static BEST: AtomicU8 = AtomicU8::new(0);
        match BEST.load(Ordering::Relaxed) {
            1 => Isa::Avx512,
            2 => Isa::Avx2,
            3 => Isa::Portable,
            _ => {
                let best = widest();
                BEST.store(best as u8, Ordering::Relaxed);
                best
            }
        }
    }

    /// True if this host has the instruction set.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Avx512 => Isa::detect() == Isa::Avx512,
            Isa::Avx2 => Isa::detect() != Isa::Portable,
            Isa::Portable => true,
        }
    }

    /// True if kernels for this set fuse multiply and add, that is, round once: they then compute
    /// the bits of `mul_add`.
    pub fn fuses(self) -> bool {
        match self {
            Isa::Avx512 | Isa::Avx2 => true,
            Isa::Portable => PORTABLE_FUSES,
        }
    }
}

/// True if the default target of the build has an instruction for `mul_add`. Where it has none,
/// `mul_add` is a slow library call, and portable kernels multiply, round and add.
pub(crate) const PORTABLE_FUSES: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

/// The widest set that the processor has and the system saves the registers of: Intel's manual,
/// volume 1, sections 14.3, 14.5.3, 14.7.1 and 15.2. Code that calls the kernels is made for the whole
/// level x86-64-v3, so that both round alike.
#[cfg(target_arch = "x86_64")]
fn widest() -> Isa {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    let has = |word: u32, bits: &[u32]| bits.iter().all(|bit| word >> bit & 1 == 1);
    let (most, most_extended) = (__cpuid(0).eax, __cpuid(0x8000_0000).eax);
    if most < 7 || most_extended < 0x8000_0001 {
        return Isa::Portable;
    }
    let (first, seventh, extended) = (__cpuid(1), __cpuid_count(7, 0), __cpuid(0x8000_0001));
    // FMA, OSXSAVE, AVX; BMI1, AVX2, BMI2; LZCNT.
    let level = has(first.ecx, &[12, 27, 28]) && has(seventh.ebx, &[3, 5, 8]);
    if !level || !has(extended.ecx, &[5]) {
        return Isa::Portable;
    }
    let saved = saved_registers();
    // SSE and AVX; masks, upper halves of the first sixteen registers, the other sixteen.
    if !has(saved, &[1, 2]) {
        Isa::Portable
    } else if has(saved, &[5, 6, 7]) && has(seventh.ebx, &[16, 17, 30, 31]) {
        Isa::Avx512
    } else {
        Isa::Avx2
    }
}

/// The low half of XCR0: which registers the system saves. The processor has OSXSAVE.
#[cfg(target_arch = "x86_64")]
fn saved_registers() -> u32 {
    let saved: u32;
    // SAFETY: the caller has seen that the instruction is there; it reads a register of the system.
    unsafe {
        core::arch::asm!(
            "xgetbv",
            in("ecx") 0,
            out("eax") saved,
            out("edx") _,
            options(nomem, nostack, preserves_flags),
        );
    }
    saved
}

#[cfg(not(target_arch = "x86_64"))]
fn widest() -> Isa {
    Isa::Portable
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_finds_the_same() {
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        assert_eq!(Isa::Avx2.is_available(), avx2);
        assert_eq!(Isa::Avx512.is_available(), avx2 && avx512);
    }
}
