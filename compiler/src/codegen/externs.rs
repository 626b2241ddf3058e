//! What generated code may call: the runtime's kernels, by name and signature.

use cranelift_codegen::ir::{AbiParam, Signature, types};
use cranelift_codegen::isa::CallConv;

use crate::ir::{DType, LibraryFn};

/// A function of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Extern {
    /// `brolga_wave(pool, frame, calls, n_calls, serial, scratch, scratch_stride)`.
    Wave,
    /// `brolga_observed(number, kernel, frame, args, first_unit, end_unit, scratch)`: runs a kernel for
    /// the call of that number, in code that is made to be observed.
    Observed,
    /// `brolga_tile_f32(tile)`: the product that a descriptor names.
    TileF32,
    /// `brolga_tile_f64(tile)`.
    TileF64,
    /// `brolga_philox(words, n, first, key, seed, step)`.
    Philox,
    /// `brolga_sort_i64(numbers, n, first)`: puts so many of the smallest first, in ascending
    /// order.
    Sort,
    /// `brolga_claim(pool, first, n_bytes)`: makes memory writable for this core, if it is quick.
    Claim,
    /// `brolga_{name}_{dtype}(to, from, n)`, or `(to, a, b, n)`: a function of each element, or of
    /// each two.
    Math(LibraryFn, DType),
}

impl Extern {
    /// The symbol.
    pub fn name(self) -> String {
        match self {
            Extern::Wave => "brolga_wave".into(),
            Extern::Observed => "brolga_observed".into(),
            Extern::TileF32 => "brolga_tile_f32".into(),
            Extern::TileF64 => "brolga_tile_f64".into(),
            Extern::Philox => "brolga_philox".into(),
            Extern::Sort => "brolga_sort_i64".into(),
            Extern::Claim => "brolga_claim".into(),
            Extern::Math(f, dtype) => format!("brolga_{}_{dtype}", f.name()),
        }
    }

    /// How many words the function takes; none returns anything.
    pub const fn n_parameters(self) -> usize {
        match self {
            Extern::Wave | Extern::Observed => 7,
            Extern::TileF32 | Extern::TileF64 => 1,
            Extern::Philox => 6,
            Extern::Sort => 3,
            Extern::Claim => 3,
            Extern::Math(f, _) => 2 + f.n_operands(),
        }
    }

    /// The signature: words in, nothing out.
    pub fn signature(self, call_conv: CallConv) -> Signature {
        words(self.n_parameters(), call_conv)
    }
}

/// The signature of a function that takes so many words and returns nothing.
pub(super) fn words(n: usize, call_conv: CallConv) -> Signature {
    let mut signature = Signature::new(call_conv);
    signature.params = vec![AbiParam::new(types::I64); n];
    signature
}
