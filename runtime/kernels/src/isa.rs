//! The instruction sets that kernels are compiled for, and which of them this host has.

use std::sync::OnceLock;

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 512-bit vectors, 32 registers, masks: AVX-512 F, VL, BW and DQ, with all that `Avx2` has.
    Avx512,
    /// 256-bit vectors, 16 registers: AVX2 and FMA, on a processor of the level x86-64-v3.
    Avx2,
    /// What the target of the build has by default. Fuses multiply and add only where that is part
    /// of it ([`Isa::fuses`]).
    Portable,
}

impl Isa {
    /// All instruction sets, the widest first.
    pub const ALL: [Isa; 3] = [Isa::Avx512, Isa::Avx2, Isa::Portable];

    /// The widest instruction set of this host; detected once.
    #[inline]
    pub fn detect() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            Isa::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Portable)
        })
    }

    /// True if this host has the instruction set.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Avx512 => has_avx512(),
            Isa::Avx2 => has_avx2(),
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

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    // Code that calls the kernels is made for the whole level, so that both round alike.
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}
