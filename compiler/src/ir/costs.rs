//! From which costs and sizes on the compiler does things another way.

/// What is worth a kernel, a unit, a call: measured on one machine, and the same everywhere, since the
/// order of sums depends on it. Arguments of the compiler, so that tests can have a graph of a few
/// elements cut, staged and shared as a large one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Costs {
    /// Nanoseconds below which a group is cheap: sharing it costs more than it saves.
    pub cheap: u32,
    /// Units are made so long, in nanoseconds, where the shape allows: long enough for the loop
    /// around them not to count, short enough to share evenly.
    pub unit: u32,
    /// A group must keep so many units, unless it is cheap: fewer cannot keep several threads busy.
    pub min_units: usize,
    /// So many units are plenty: rows are not cut for more.
    pub plenty_units: usize,
    /// A group takes so many values: the code of a kernel is compiled as a whole, and the time that
    /// takes grows faster than its length.
    pub max_members: usize,
    /// A group takes values until they have so many operations an element, for the same reason; a
    /// transcendental function counts as 16.
    pub max_operations: u32,
    /// Expressions of more operations are cut: compile time and registers are limited.
    pub max_inline: u32,
    /// Elements of a block of a long loop with library functions: some microseconds of work, against
    /// which the calls do not count, in a part of the first-level cache.
    pub chunk: usize,
    /// Below so many elements a call of a library function costs as much as it saves.
    pub shortest_chunk: usize,
    /// A loop that folds is not cut, as that would change the order of its sums; up to so many
    /// elements its local still fits beside what the loop reads.
    pub longest_fold: usize,
    /// A reduction to more results than this has units enough without being split.
    pub few_results: usize,
    /// A reduction of fewer elements a result is not worth a second kernel (some 2 microseconds).
    pub long_reduction: usize,
    /// A part of fewer rows of a reduction along columns is not wanted: each writes a row.
    pub shortest_column: usize,
    /// Nor is one of fewer elements: it is not worth a second kernel.
    pub long_column: usize,
    /// Fewer parts of columns are not worth what they write.
    pub fewest_column_parts: usize,
    /// At least so many partial results are made of a long axis: enough for several threads to share.
    pub parts: usize,
    /// A longer part of an axis is not wanted: its functions are computed in the first-level cache.
    pub longest_part: usize,
    /// An axis of at most so many indices has a partial result for each, if other axes are reduced
    /// too.
    pub most_parts: usize,
    /// A unit of columns has so many, where there are units enough: several cache lines of each row.
    pub columns: usize,
    /// Rows of columns of so few operations an element are taken several at a time: what is kept of a
    /// column is read and written less often.
    pub light_row: u32,
    /// Bytes that stay in a first-level cache while a column is read: of longer ones the rows are read.
    pub near: usize,
    /// Bytes that a unit may touch before its loops go through it in strips: a second-level cache holds
    /// them from one loop to the next.
    pub strip: usize,
    /// A product with more elements than this has units enough without being split.
    pub few_products: usize,
    /// A product of fewer multiplications is not worth a second kernel.
    pub long_product: usize,
    /// Of so many multiplications an example, the gradient by a filter of few channels is summed up
    /// for each example first.
    pub long_example: usize,
    /// A shorter part of the axis that a product sums over is not wanted: each part writes a whole
    /// result.
    pub shortest_product: usize,
    /// A right factor of so many bytes stays in a first-level cache: any larger one that many rows read
    /// is copied.
    pub near_factor: usize,
    /// Of fewer rows than this a tile is so narrow that products wait for each other.
    pub narrow_rows: usize,
    /// Of so many columns, at least and at most, a tile waits for what it reads of its left factor, unless its rows shift with
    /// its sum: then that is read once for several of them, ...
    pub shifting_columns: (usize, usize),
    /// ... if there are so many for each step of the shift.
    pub shifting_rows: usize,
    /// A right factor of fewer bytes stays in a cache from one unit to the next: any other is read
    /// anew by each.
    pub large_factor: usize,
    /// So many rows of a product with a large right factor a unit has at least, where there are units
    /// enough: reading it counts for less than computing with it then.
    pub few_rows: usize,
    /// So many, if it has nothing but rows: they are worth a copy of the factor for the cache.
    pub many_rows: usize,
    /// A product is cut into so many boxes at its padding, each with a tile of its own; if there were
    /// more, it is a reduction.
    pub max_boxes: usize,
    /// So many of the latest readers of a value are looked at for one over the same loops.
    pub siblings: usize,
    /// A wave that one thread does in so many nanoseconds is not shared: waking the others costs
    /// some 0.3 microseconds.
    pub serial: u32,
    /// Loops of so many instructions on the machine's longest vectors are a function of their own,
    /// where Cranelift has no such vectors: a call takes as long as some thirty others.
    pub loops: usize,
}

impl Costs {
    /// Whether units of a product of so many rows would each read all of a right factor of so many bytes,
    /// which is large, for few of them.
    pub fn streams(&self, rows: usize, bytes: usize) -> bool {
        bytes >= self.large_factor && rows < self.many_rows.saturating_mul(self.min_units)
    }

    /// Whether work of so many nanoseconds is not worth sharing.
    pub fn is_cheap(&self, nanoseconds: f64) -> bool {
        nanoseconds < f64::from(self.cheap)
    }
}

impl Default for Costs {
    fn default() -> Costs {
        Costs {
            cheap: 5_000,
            unit: 2_000,
            min_units: 8,
            plenty_units: 32,
            max_members: 64,
            max_operations: 512,
            max_inline: 96,
            chunk: 512,
            shortest_chunk: 128,
            longest_fold: 4096,
            few_results: 16,
            long_reduction: 1 << 15,
            shortest_column: 32,
            long_column: 1 << 14,
            fewest_column_parts: 4,
            parts: 64,
            longest_part: 4096,
            most_parts: 1024,
            columns: 64,
            light_row: 8,
            near: 16 << 10,
            strip: 384 << 10,
            few_products: 1024,
            long_product: 1 << 19,
            long_example: 1 << 17,
            shortest_product: 256,
            near_factor: 32 << 10,
            narrow_rows: 12,
            shifting_columns: (9, 16),
            shifting_rows: 8,
            large_factor: 512 << 10,
            few_rows: 32,
            many_rows: 112,
            max_boxes: 1024,
            siblings: 8,
            serial: 1_500,
            loops: 20,
        }
    }
}
