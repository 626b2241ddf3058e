//! The passes over the loops of a kernel, and the order in which they run. Each keeps every bit of
//! what the kernel computes, but for `vectorise` and `columns`, which choose the order in which loops
//! fold, and `fma`, which rounds less often.

use super::{
    Kernel, blocks, checks, chunk, claim, collapse, columns, expand_math, fma, hoist, strips,
    vectorise,
};
use crate::ir::{Costs, Target};
use crate::passes::PassOptions;

/// What a pass over loops may know besides the kernel.
#[derive(Clone, Copy, Debug)]
pub struct LoopContext<'a> {
    /// The machine.
    pub target: &'a Target,
    /// What is worth a call of the library.
    pub costs: &'a Costs,
    /// Of each buffer, whether other kernels read what this one writes there.
    pub exchanged: &'a [bool],
}

/// A transformation of a kernel into one that computes the same.
pub struct LoopPass {
    /// The name, that of its file.
    pub name: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// The transformation.
    pub run: fn(&mut Kernel, &LoopContext<'_>),
    /// Whether code generation depends on it: it cannot be switched off.
    pub required: bool,
}

/// Every pass, in order.
pub static LOOP_PIPELINE: &[LoopPass] = &[
    // First: a loop with a check is neither collapsed nor vectorised.
    LoopPass {
        name: "checks",
        doc: "checks indices before the loops that read by them",
        run: |kernel, _| checks(kernel),
        required: false,
    },
    // While every index is as `lower` wrote it.
    LoopPass {
        name: "collapse",
        doc: "joins loops over adjacent elements",
        run: |kernel, _| collapse(kernel),
        required: false,
    },
    // After `collapse`, which makes long loops of short ones; before all that looks at vector loops.
    LoopPass {
        name: "vectorise",
        doc: "runs several elements of a loop at once, where they are adjacent",
        run: |kernel, _| vectorise(kernel),
        required: false,
    },
    // After `vectorise`, which says which loop runs along memory.
    LoopPass {
        name: "columns",
        doc: "reduces along columns row by row",
        run: |kernel, cx| columns(kernel, cx.costs),
        required: false,
    },
    // After `columns`, which makes loops over rows of loops over columns.
    LoopPass {
        name: "strips",
        doc: "goes through the loops of a unit a strip of rows at a time",
        run: |kernel, cx| strips(kernel, cx.costs),
        required: false,
    },
    // After `vectorise`, too.
    LoopPass {
        name: "blocks",
        doc: "moves elements through blocks in the first-level cache",
        run: |kernel, _| blocks(kernel),
        required: false,
    },
    // While the loops that store are whole: `chunk` cuts them into blocks.
    LoopPass {
        name: "claim",
        doc: "asks for the memory that is written after a product",
        run: |kernel, cx| claim(kernel, cx.exchanged),
        required: false,
    },
    // Before the passes that replace functions: it would change roundings that they choose.
    LoopPass {
        name: "fma",
        doc: "forms fused multiply-adds where the machine has them",
        run: |kernel, cx| {
            if cx.target.fma {
                fma(kernel);
            }
        },
        required: false,
    },
    // Before `expand_math`, which takes the functions that are left.
    LoopPass {
        name: "chunk",
        doc: "calls the library for functions of many elements",
        run: |kernel, cx| chunk(kernel, cx.costs, cx.target),
        required: false,
    },
    LoopPass {
        name: "expand_math",
        doc: "writes functions as polynomials",
        run: |kernel, cx| expand_math(kernel, cx.target),
        required: true,
    },
    // Last: it gives names to what the others made.
    LoopPass {
        name: "hoist",
        doc: "takes out of loops what does not vary, and computes once what is used again",
        run: |kernel, _| hoist(kernel),
        required: false,
    },
];

/// Runs the pipeline on a kernel; `observe` sees the kernel as it is, and after each pass.
pub fn optimize_loops(
    kernel: &mut Kernel,
    cx: &LoopContext<'_>,
    options: &PassOptions,
    observe: &mut dyn FnMut(Option<&LoopPass>, &Kernel),
) {
    observe(None, kernel);
    let mut stopped = false;
    for pass in LOOP_PIPELINE {
        let off = stopped || options.disable.iter().any(|name| name == pass.name);
        if !off || pass.required {
            (pass.run)(kernel, cx);
            observe(Some(pass), kernel);
        }
        stopped |= options.stop_after.as_deref() == Some(pass.name);
    }
}
