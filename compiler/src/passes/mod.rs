//! The passes over the graph, and the order in which they run.
//!
//! A pass redirects uses and adds nodes; only `dce` deletes. After every pass the verifier can
//! re-infer every type.

mod captures;
mod carry_stacks;
mod const_fold;
mod cse;
mod dce;
mod join_pads;
mod loop_axes;
mod loop_results;
mod outside;
mod own_roots;
mod prod_others;
mod scan_after;
mod scan_hoist;
mod scan_sink;
mod simplify;
mod split_reductions;
mod turn_products;

use crate::error::CompileError;
use crate::ir::{Costs, Graph, verify};

pub use simplify::{Rule, rules};

/// A transformation of a specialised graph into one that computes the same.
pub struct Pass {
    /// The name, that of its file.
    pub name: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// The transformation.
    pub run: fn(&mut Graph, &Costs) -> Result<(), CompileError>,
    /// Whether the stages after depend on it: it cannot be switched off.
    pub required: bool,
}

/// Every pass, in order.
pub static PIPELINE: &[Pass] = &[
    // Before the simplifications, which see its transposes.
    Pass {
        name: "loop_axes",
        doc: "gives loops elements that lie together",
        run: |graph, _| loop_axes::run(graph),
        required: true,
    },
    // Early, so that the others see less.
    Pass {
        name: "dce",
        doc: "removes what no root needs",
        run: |graph, _| dce::run(graph),
        required: false,
    },
    // Before sums leave loops, which emit what they are sums of.
    Pass {
        name: "join_pads",
        doc: "writes sums of padded parts as the parts side by side",
        run: |graph, _| join_pads::run(graph),
        required: false,
    },
    // On loops along axis 0, and before the simplifications, which see its products.
    Pass {
        name: "scan_sink",
        doc: "takes sums of products out of loops",
        run: |graph, _| scan_sink::run(graph),
        required: false,
    },
    // After the sums are out, whose factors loops emit.
    Pass {
        name: "scan_after",
        doc: "takes out of loops what they only emit",
        run: |graph, _| scan_after::run(graph),
        required: false,
    },
    // After the sums are out, which read what no carry reaches, too.
    Pass {
        name: "scan_hoist",
        doc: "takes out of loops what no carry reaches",
        run: |graph, _| scan_hoist::run(graph),
        required: false,
    },
    // Before the simplifications, which see its products.
    Pass {
        name: "prod_others",
        doc: "writes the gradients of products as products",
        run: |graph, _| prod_others::run(graph),
        required: true,
    },
    // Constants come before simplification, whose rules look for them.
    Pass {
        name: "const_fold",
        doc: "computes what is known",
        run: |graph, _| const_fold::run(graph),
        required: false,
    },
    Pass {
        name: "simplify",
        doc: "rewrites by algebraic rules",
        run: |graph, _| simplify::run(graph),
        required: false,
    },
    // After simplification, which makes equal what was written differently.
    Pass {
        name: "cse",
        doc: "computes equal expressions once",
        run: |graph, _| cse::run(graph),
        required: false,
    },
    // What CSE made equal can simplify further: x - x, select(c, a, a).
    Pass {
        name: "simplify_again",
        doc: "rewrites by the same rules",
        run: |graph, _| simplify::run(graph),
        required: false,
    },
    // After sums and products have left loops. Before `own_roots` and `captures`, which give memories to
    // what loops have.
    Pass {
        name: "loop_results",
        doc: "takes out what loops do for nothing",
        run: |graph, _| loop_results::run(graph),
        required: false,
    },
    // After what seemed to read the values is gone; before sums of them are cut.
    Pass {
        name: "carry_stacks",
        doc: "keeps the values of carries once",
        run: |graph, _| carry_stacks::run(graph),
        required: false,
    },
    // After simplification, which would turn them back.
    Pass {
        name: "turn_products",
        doc: "reads large transposed matrices where they lie",
        run: turn_products::run,
        required: false,
    },
    // After simplification, which would join them again.
    Pass {
        name: "split_reductions",
        doc: "makes long reductions and products parallel",
        run: split_reductions::run,
        required: false,
    },
    // Last of those that may make two roots one node or a root a leaf.
    Pass {
        name: "own_roots",
        doc: "gives what has a memory of its own a node of its own",
        run: |graph, _| own_roots::run(graph),
        required: true,
    },
    // After the bodies have been simplified and their surroundings merged.
    Pass {
        name: "captures",
        doc: "gives loops each value around them once",
        run: |graph, _| captures::run(graph),
        required: false,
    },
    Pass {
        name: "dce_last",
        doc: "removes what is left over",
        run: |graph, _| dce::run(graph),
        required: false,
    },
];

/// Which passes run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PassOptions {
    /// The names of passes that are switched off.
    pub disable: Vec<String>,
    /// The last pass that runs, required ones apart.
    pub stop_after: Option<String>,
    /// Whether to verify the graph after every pass.
    pub verify: bool,
}

/// Runs the pipeline; `observe` sees the graph after each pass. Errors: a broken invariant.
pub fn optimize(
    graph: &mut Graph,
    costs: &Costs,
    options: &PassOptions,
    observe: &mut dyn FnMut(&Pass, &Graph),
) -> Result<(), CompileError> {
    let mut stopped = false;
    for pass in PIPELINE {
        let off = stopped || options.disable.iter().any(|d| d == pass.name);
        if !off || pass.required {
            run_everywhere(pass, graph, costs)?;
            if options.verify {
                verify(graph, pass.name)?;
            }
            observe(pass, graph);
        }
        stopped |= options.stop_after.as_deref() == Some(pass.name);
    }
    Ok(())
}

/// Runs a pass on a graph and on every region in it, innermost first.
fn run_everywhere(pass: &Pass, graph: &mut Graph, costs: &Costs) -> Result<(), CompileError> {
    for node in graph.order() {
        let Some(body) = graph.op(node).region() else { continue };
        let mut body = body.clone();
        run_everywhere(pass, &mut body, costs)?;
        let types = graph.node(node).types.clone();
        let op = graph.op(node).with_region(body);
        graph.retype(node, op, types);
    }
    (pass.run)(graph, costs)
}
