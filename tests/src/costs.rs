//! Costs of the compiler at their extremes, so that graphs of a few elements are cut, staged and
//! shared as large ones are.

use brolga_compiler::ir::Costs;

/// Costs by name.
pub(crate) fn extremes() -> Vec<(&'static str, Costs)> {
    let measured = Costs::default();
    // Everything is worth a kernel, a unit, another thread and a call.
    let dear = Costs {
        cheap: 0,
        unit: 40,
        min_units: 2,
        chunk: 16,
        shortest_chunk: 4,
        longest_fold: 64,
        few_results: usize::MAX,
        long_reduction: 12,
        parts: 3,
        longest_part: 5,
        most_parts: 6,
        few_products: usize::MAX,
        long_product: 0,
        shortest_product: 3,
        siblings: 2,
        serial: 0,
        ..measured
    };
    // A unit is one index.
    let finest = Costs { unit: 0, chunk: 4, longest_fold: 1 << 20, ..dear };
    // What is reduced is cut to the smallest parts.
    let finest = Costs { long_reduction: 1, parts: 64, shortest_product: 1, ..finest };
    // Kernels hold little, and products with padding are reductions.
    let small = Costs { max_members: 3, max_operations: 40, max_inline: 4, max_boxes: 1, ..dear };
    // Nothing is worth sharing.
    let cheap = Costs { cheap: u32::MAX, unit: u32::MAX, min_units: usize::MAX, ..measured };
    vec![("dear", dear), ("finest", finest), ("small", small), ("cheap", cheap)]
}
