//! The machine that code is made for: an argument of the compiler, never detected inside it.

/// What the compiler may assume of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The name in dumps: `x86-64-v4`.
    pub name: &'static str,
    /// Whether fused multiply-add is a single instruction. Without it a product is rounded.
    pub fma: bool,
    /// Rows and columns (of f32) that the product's tile keeps in registers.
    pub tile: (usize, usize),
    /// Bytes of the first-level data cache of a core.
    pub l1: usize,
    /// Bytes of the second-level cache of a core.
    pub l2: usize,
}

impl Target {
    /// x86-64 with AVX-512: the fixed target of the tests.
    pub const X86_64_V4: Target =
        Target { name: "x86-64-v4", fma: true, tile: (14, 32), l1: 32 << 10, l2: 1 << 20 };
    /// x86-64 with AVX2 and FMA.
    pub const X86_64_V3: Target =
        Target { name: "x86-64-v3", fma: true, tile: (6, 16), l1: 32 << 10, l2: 512 << 10 };
    /// Any other machine.
    pub const BASELINE: Target =
        Target { name: "baseline", fma: false, tile: (4, 8), l1: 32 << 10, l2: 256 << 10 };
}
