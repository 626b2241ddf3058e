//! The loop IR: what one kernel does, as loops over interned expressions.
//!
//! A kernel runs a range of **units**; the coordinates of a unit are the values of the unit
//! axes. Inside a unit the body runs once. Memory is reached through *places*: the kernel's
//! buffers (its arguments) and its locals (in the thread's scratch). Every index is in elements.
//!
//! # Meaning of the statements
//! - `For` runs its body for each value of its axis, in order. A vector loop runs `lanes`
//!   consecutive values at once; what is left of the extent runs one value at a time after that.
//!   Values that differ between the lanes are vectors, all others scalars.
//! - A fold of a serial loop is `acc = acc ⊕ value`, in order, from `init`. A fold of a vector
//!   loop, whose extent is constant, has `lanes` accumulators, each from the identity of the function;
//!   lane `l` folds the values `l`, `l + lanes`, ... in order. Then the lanes are combined by halves
//!   (lane `l` with lane `l + n/2`, until one is left), and the result is `init ⊕ that`. This order is
//!   part of the meaning: it depends on extents alone.
//!   The identity of a pair has the largest index, so that every value replaces it.
//! - `Let` binds the value of an expression at that point.
//! - `Store` writes one element (in a vector loop, `lanes` of them, the last lane last).
//! - An index that is used as a number saturates in its integer type.
//! - `Tile` adds a product of matrices into a view; each element is one chain of fused
//!   multiply-adds in the order of the reduction levels, from 0 or from the element before.
//! - `Check` reports an index out of range; the load that uses it clamps it.
//! - `Chunk` applies a library function to consecutive elements, or sorts them; a claim changes
//!   nothing.
//! - Loads see the stores before them in program order.

mod blocks;
mod checks;
mod chunk;
mod claim;
mod collapse;
mod columns;
mod effects;
mod expand_math;
mod fma;
mod interpret;
mod origins;
mod pipeline;
mod hoist;
mod rebuild;
mod runs;
mod strips;
mod text;
mod vectorise;
mod verify;

pub use blocks::blocks;
pub use checks::checks;
pub use chunk::chunk;
pub use claim::claim;
pub use collapse::collapse;
pub use columns::columns;
pub use expand_math::{expand_binary, expand_math, expand_unary};
pub use fma::fma;
pub use hoist::hoist;
#[cfg(test)]
pub(crate) use interpret::Straight;
pub use interpret::{Pointer, run_units};
pub use origins::{Settled, Sites, settle};
pub use pipeline::{LOOP_PIPELINE, LoopContext, LoopPass, optimize_loops};
pub(crate) use runs::{Run, runs};
pub use strips::strips;
pub(crate) use text::text_without_names;
pub use text::{TextError, parse_kernels};
pub use vectorise::vectorise;
pub use verify::{KernelError, Problem, verify};

use std::ops::Range;

use crate::ir::{
    AxisId, DType, Expr, ExprId, Exprs, IndexId, LibraryFn, Monoid, Name, OriginId, PlaceId,
    Provenance, Scalar, VarId,
};

/// What a [`Stmt::Check`] checks.
#[derive(Clone, Debug)]
pub struct IndexCheck {
    /// The node that reads or writes where the index says.
    pub node: Name,
    /// Where it came from.
    pub provenance: Provenance,
    /// The size of the dimension.
    pub size: i64,
}

/// The status word of a failed check: its number plus 1 in the upper half, in the lower the index,
/// of which 32 bits are kept (indices are i32).
pub const fn failure(number: u32, index: i64) -> u64 {
    ((number as u64 + 1) << 32) | (index as u32 as u64)
}

/// The number of the check that failed and the index, if one did.
pub const fn failed_check(status: u64) -> Option<(u32, i32)> {
    match status >> 32 {
        0 => None,
        number => Some((number as u32 - 1, status as u32 as i32)),
    }
}

/// One kernel: closed but for its arguments.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The name in dumps, from the nodes that it computes.
    pub name: String,
    /// The expressions, indices and axes of the body.
    pub exprs: Exprs,
    /// The unit axes, outermost first; the number of units is the product of their extents.
    pub units: Vec<AxisId>,
    /// The arguments.
    pub buffers: Vec<Buffer>,
    /// The memories in scratch.
    pub locals: Vec<Local>,
    /// What a unit does.
    pub body: Vec<Stmt>,
    /// The relative cost of a unit: an estimate in nanoseconds, at least 1.
    pub cost: u64,
}

/// An argument of a kernel: a pointer to elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Buffer {
    /// The name in dumps.
    pub name: String,
    /// The element type.
    pub dtype: DType,
    /// How many elements the kernel may reach.
    pub len: usize,
    /// Whether the kernel writes it.
    pub written: bool,
}

/// A memory of a unit in the thread's scratch; what it holds at the start is undefined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Local {
    /// The name in dumps.
    pub name: String,
    /// The element type.
    pub dtype: DType,
    /// How many elements it holds.
    pub len: usize,
}

/// How far a loop counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Always so far.
    Const(usize),
    /// `min(block, total - block · axis)`: the rows of the block of rows that the unit axis
    /// numbers, of which the last may be smaller.
    Block {
        /// The unit axis.
        axis: AxisId,
        /// The rows of a whole block.
        block: usize,
        /// All rows.
        total: usize,
    },
}

/// How a loop is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoopKind {
    /// One value after the other.
    Serial,
    /// So many values at once: 4, 8 or 16.
    Vector(u8),
}

/// A reduction that a loop carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// How values combine.
    pub monoid: Monoid,
    /// The accumulator, readable after the loop; for `ArgMax` and `ArgMin` the value and the index.
    pub vars: Vec<VarId>,
    /// What it starts from, evaluated before the loop; one per variable.
    pub init: Vec<ExprId>,
    /// The values that are folded in at the end of each iteration; one per variable.
    pub values: Vec<ExprId>,
    /// The nodes for which it is.
    pub origin: OriginId,
}

impl Fold {
    /// Whether it is of pairs whose index rises along an axis, and starts from the neutral one.
    pub(crate) fn rises(&self, exprs: &Exprs, axis: AxisId) -> bool {
        let ([_, at], [first, none]) = (&self.values[..], &self.init[..]) else { return false };
        let Expr::Index(index, dtype) = exprs.expr(*at) else { return false };
        let (low, high) = exprs.range(*index);
        let fits =
            *dtype == DType::I64 || i32::try_from(low).is_ok() && i32::try_from(high).is_ok();
        let neutral = |init: ExprId, neutral: Scalar| exprs.as_constant(init) == Some(neutral);
        fits && exprs.coefficient(*index, axis).is_some_and(|step| step > 0)
            && neutral(*first, self.monoid.neutral(exprs.dtype(self.values[0])))
            && neutral(*none, Scalar::I64(i64::MAX).cast(*dtype))
    }
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    /// A loop.
    For(Loop),
    /// Binds a value.
    Let(VarId, ExprId),
    /// Writes an element.
    Store {
        /// The memory.
        place: PlaceId,
        /// The position in elements.
        index: IndexId,
        /// The value, of the memory's element type.
        value: ExprId,
        /// The nodes for which it is.
        origin: OriginId,
    },
    /// Writes [`failure`] of `number` and `value` into the frame's status word, if that is 0 and
    /// `value`, an integer, is outside of `0..size`.
    Check {
        /// The value that is used as an index.
        value: ExprId,
        /// The size of the dimension.
        size: i64,
        /// The number of the check in the program.
        number: u32,
        /// The nodes for which it is.
        origin: OriginId,
    },
    /// A product of matrices.
    Tile(Box<Tile>),
    /// A library function on consecutive elements.
    Chunk(Chunk),
}

/// A loop with its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// The axis that counts.
    pub axis: AxisId,
    /// How far.
    pub extent: Extent,
    /// How.
    pub kind: LoopKind,
    /// What each iteration does.
    pub body: Vec<Stmt>,
    /// What the loop carries.
    pub folds: Vec<Fold>,
}

/// A matrix in a memory, its first element at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// The memory.
    pub place: PlaceId,
    /// The position of the first element; it reads axes outside of the tile alone.
    pub offset: IndexId,
    /// The distances of rows in elements, on each level of the tile's rows; unused for the right
    /// factor.
    pub row: [i64; 2],
    /// The distance of columns in elements. The library takes adjacent ones alone, so it is 1 where
    /// there is more than one column; or, for the left factor, 0 if it is the same for all columns.
    pub column: i64,
}

/// `c[i, j] = (accumulate ? c[i, j] : 0) + Σ a[i, r] · b[r, j]`, over three strided levels `r`, for
/// rows `i` of two levels. The columns of `b` and `c` are adjacent. If `a` has columns too, the
/// left factor is `a[i, r, j]`: a product for each column.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// The element type, a float.
    pub dtype: DType,
    /// The result.
    pub c: View,
    /// The left factor.
    pub a: View,
    /// The right factor.
    pub b: View,
    /// Rows of the result, outer level first.
    pub m: [Extent; 2],
    /// Columns of the result.
    pub n: Extent,
    /// Lengths of the levels of the reduction, outermost first.
    pub len: [usize; 3],
    /// Distances in `a` of neighbours on a level.
    pub a_step: [i64; 3],
    /// Distances in `b` of neighbours on a level.
    pub b_step: [i64; 3],
    /// Whether to add to what `c` holds.
    pub accumulate: bool,
    /// Which terms there are if not all: those of which the index of the row's outer level and that of
    /// the sum's innermost one come to at least the first number and less than the second. Both levels
    /// are as far apart in `a`, whose offset is where they come to the first.
    pub within: Option<[usize; 2]>,
    /// The nodes for which it is.
    pub origin: OriginId,
}

impl Tile {
    /// The same of other views.
    fn map_views(mut self: Box<Tile>, mut view: impl FnMut(View) -> View) -> Box<Tile> {
        [&mut self.c, &mut self.a, &mut self.b].into_iter().for_each(|own| *own = view(*own));
        self
    }

    /// The terms of row `i` of the outer level, on the sum's innermost one.
    pub(crate) fn terms(&self, i: usize) -> Range<usize> {
        let len = self.len[2];
        match self.within {
            Some([first, end]) => {
                let first = first.saturating_sub(i).min(len);
                first..end.saturating_sub(i).clamp(first, len)
            }
            None => 0..len,
        }
    }

    /// Where row `i` of the outer level begins in `a`, at its first term, from the offset on.
    pub(crate) fn row_of_a(&self, i: usize) -> i64 {
        match self.within {
            Some([first, _]) => (i.max(first) - first) as i64 * self.a_step[2],
            None => i as i64 * self.a.row[0],
        }
    }

    /// The levels of the rows and the sum, as `a` has them: how many, given the rows', and how far apart.
    pub(crate) fn levels_of_a(&self, m: [usize; 2]) -> [(usize, i64); 5] {
        let [l0, l1, l2] = [0, 1, 2].map(|l| (self.len[l], self.a_step[l]));
        let [outer, inner] = [0, 1].map(|l| (m[l], self.a.row[l]));
        match self.within {
            Some([first, end]) => [(1, 0), inner, l0, l1, (end - first, self.a_step[2])],
            None => [outer, inner, l0, l1, l2],
        }
    }
}

/// A library function on `n` consecutive elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The function.
    pub function: ChunkFn,
    /// The first element: where the results go, or what is claimed.
    pub to: (PlaceId, IndexId),
    /// How many.
    pub n: Extent,
    /// The nodes for which it is.
    pub origin: OriginId,
}

/// The library functions.
#[derive(Clone, Debug, PartialEq)]
pub enum ChunkFn {
    /// A function of each element of another memory of the same float type, or of each two of two:
    /// the same polynomial as `expand_math`'s, bit for bit.
    Math {
        /// The function.
        function: LibraryFn,
        /// The element type.
        dtype: DType,
        /// The first element of each operand.
        from: Vec<(PlaceId, IndexId)>,
    },
    /// Philox words (as i32) for a key, a seed and a step.
    Philox {
        /// The place of the key (one i64).
        key: PlaceId,
        /// The number of the first word.
        first: IndexId,
        /// The place of the seed (one i64).
        seed: PlaceId,
        /// The place of the step (one i64).
        step: PlaceId,
    },
    /// The i64s that are there: so many of the smallest in ascending order, then the others in any.
    Sort {
        /// How many.
        first: usize,
    },
    /// Nothing, but that the elements are about to be written: a hint for the memory.
    Claim,
}

impl Kernel {
    /// The number of units.
    pub fn n_units(&self) -> usize {
        self.units.iter().map(|&a| self.exprs.extent(a) as usize).product()
    }

    /// The element type of a memory.
    pub fn place_dtype(&self, place: PlaceId) -> DType {
        match place {
            PlaceId::Buffer(b) => self.buffers[b as usize].dtype,
            PlaceId::Local(l) => self.locals[l as usize].dtype,
        }
    }

    /// The number of elements of a memory.
    pub fn place_len(&self, place: PlaceId) -> usize {
        match place {
            PlaceId::Buffer(b) => self.buffers[b as usize].len,
            PlaceId::Local(l) => self.locals[l as usize].len,
        }
    }

    /// The offset in bytes of each local in the thread's scratch, each on a cache line, and the
    /// bytes of all of them.
    pub fn scratch_layout(&self) -> (Vec<usize>, usize) {
        let mut end = 0;
        let offsets = self.locals.iter().map(|local| {
            let offset = end;
            end += (local.len * local.dtype.size()).next_multiple_of(CACHE_LINE);
            offset
        });
        (offsets.collect(), end)
    }
}

/// Bytes of a cache line: memories start on one.
pub const CACHE_LINE: usize = 64;

impl Extent {
    /// The largest value.
    pub fn max(self) -> usize {
        match self {
            Extent::Const(n) => n,
            Extent::Block { block, total, .. } => block.min(total),
        }
    }

    /// `n` times as far; no times as far are no blocks.
    pub fn times(self, n: usize) -> Extent {
        match self {
            _ if n == 0 => Extent::Const(0),
            Extent::Const(m) => Extent::Const(m * n),
            Extent::Block { axis, block, total } => {
                Extent::Block { axis, block: block * n, total: total * n }
            }
        }
    }
}

#[cfg(test)]
mod tests;
