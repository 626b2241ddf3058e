//! Eager mode: a graph is run node by node, in order, by the ops' own `eval`.

mod contraction;
mod evaluate;

pub use contraction::Kernels;
pub use evaluate::{Evaluator, eval_calls};

use brolga_compiler::ir::{Element, Literal};
use brolga_compiler::with_array;
use ndarray::{ArcArray, IxDyn};

/// The same elements in row-major order, adjacent in memory.
pub fn contiguous(literal: Literal) -> Literal {
    fn rows<T: Element>(array: ArcArray<T, IxDyn>) -> Literal {
        if array.is_standard_layout() {
            T::wrap(array)
        } else {
            Literal::new(array.as_standard_layout().into_owned())
        }
    }
    with_array!(literal, array => rows(array))
}
