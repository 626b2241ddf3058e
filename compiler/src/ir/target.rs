//! The machine that code is made for: an argument of the compiler, never detected inside it.

/// What the compiler may assume of the machine, and what the code generator is told of it: one value
/// decides both, so that code for a target is the same wherever it is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The name in dumps: `x86-64-v4`.
    pub name: &'static str,
    /// Processor, vendor and system, as LLVM and GCC name them.
    pub triple: &'static str,
    /// What the processor has beyond the least of its kind, by Cranelift's names.
    pub features: &'static [&'static str],
    /// Whether fused multiply-add is a single instruction. Without it a product is rounded.
    pub fma: bool,
    /// Whether vector loops can be in registers of 512 bits.
    pub long_vectors: bool,
    /// Rows and columns (of f32) that the product's tile keeps in registers.
    pub tile: (usize, usize),
    /// Bytes of the first-level data cache of a core.
    pub l1: usize,
    /// Bytes of the second-level cache of a core.
    pub l2: usize,
}

/// The levels of x86-64 are those of its System V ABI (version 1.0, section 3.1.1).
impl Target {
    /// x86-64 with AVX-512: the fixed target of the tests.
    pub const X86_64_V4: Target = Target {
        name: "x86-64-v4",
        triple: "x86_64-unknown-linux-gnu",
        // The presets name the newest features alone.
        features: &["x86-64-v4", "has_avx", "has_avx512f"],
        fma: true,
        long_vectors: true,
        tile: (14, 32),
        l1: 32 << 10,
        l2: 1 << 20,
    };
    /// x86-64 with AVX2 and FMA.
    pub const X86_64_V3: Target = Target {
        name: "x86-64-v3",
        triple: "x86_64-unknown-linux-gnu",
        features: &["x86-64-v3", "has_avx"],
        fma: true,
        long_vectors: false,
        tile: (6, 16),
        l1: 32 << 10,
        l2: 512 << 10,
    };
    /// x86-64 with SSE4.2, the least that object files are made for.
    pub const X86_64_V2: Target = Target {
        name: "x86-64-v2",
        triple: "x86_64-unknown-linux-gnu",
        features: &["x86-64-v2"],
        fma: false,
        long_vectors: false,
        tile: (4, 8),
        l1: 32 << 10,
        l2: 256 << 10,
    };
    /// x86-64 with nothing beyond SSE2.
    pub const X86_64: Target =
        Target { name: "x86-64", features: &["x86-64"], ..Target::X86_64_V2 };
    /// 64-bit ARM with NEON, which all have.
    pub const AARCH64: Target = Target {
        name: "aarch64",
        triple: "aarch64-unknown-linux-gnu",
        features: &[],
        fma: true,
        long_vectors: false,
        tile: (4, 8),
        l1: 32 << 10,
        l2: 256 << 10,
    };
}
