//! Ways to compile: as a user does, without a part of the compiler, and with costs and tiles at their
//! extremes, so that graphs of a few elements are cut, staged and shared as large ones are.

use brolga_compiler::compile::Options;
use brolga_compiler::fuse::FuseOptions;
use brolga_compiler::ir::{Costs, Target};
use brolga_compiler::loop_ir::LOOP_PIPELINE;
use brolga_compiler::passes::{PIPELINE, PassOptions};
use brolga_runtime::host_target;
use brolga_runtime::session::{Backend, SessionOptions};

use crate::growing::Choice;

/// A way to compile, whose passes are verified.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// What a failure says of it.
    pub(crate) name: String,
    /// What the compiler is told.
    compiler: Options,
    /// Rows and columns of the tile that products are cut for.
    tile: (usize, usize),
}

impl Way {
    /// As a user compiles.
    pub(crate) fn usual() -> Way {
        let passes = PassOptions { verify: true, ..PassOptions::default() };
        let compiler = Options { passes, ..Options::default() };
        Way { name: "as usual".into(), compiler, tile: host_target().tile }
    }

    /// The same under another name, with something changed.
    pub(crate) fn but(&self, name: String, change: impl FnOnce(&mut Options)) -> Way {
        let mut way = Way { name, ..self.clone() };
        change(&mut way.compiler);
        way
    }

    /// The same without some passes.
    pub(crate) fn without(&self, passes: &[&str]) -> Way {
        let name = format!("{}, without {}", self.name, passes.join(", "));
        self.but(name, |o| o.passes.disable = passes.iter().map(|p| p.to_string()).collect())
    }

    /// The same with every node by itself.
    pub(crate) fn unfused(&self) -> Way {
        self.but(format!("{}, unfused", self.name), |o| o.fuse = FuseOptions::nothing())
    }

    /// The same without loops in kernels.
    pub(crate) fn in_waves(&self) -> Way {
        self.but(format!("{}, loops of waves", self.name), |o| o.fuse.iterations = false)
    }

    /// A session that compiles so.
    pub(crate) fn session(&self, backend: Backend, threads: usize) -> SessionOptions {
        let target = Target { tile: self.tile, ..host_target() };
        let compiler = self.compiler.clone();
        SessionOptions { threads, backend, target, compiler, ..SessionOptions::default() }
    }
}

/// Costs and tiles at their extremes.
pub(crate) fn extremes() -> Vec<Way> {
    let measured = Costs::default();
    // Everything is worth a kernel, a unit, another thread and a call.
    let dear = Costs {
        cheap: 0,
        unit: 40,
        min_units: 2,
        plenty_units: 8,
        chunk: 16,
        shortest_chunk: 4,
        longest_fold: 64,
        few_results: usize::MAX,
        long_reduction: 12,
        shortest_column: 1,
        long_column: 8,
        near: 0,
        strip: 64,
        light_row: u32::MAX,
        parts: 3,
        longest_part: 5,
        most_parts: 6,
        few_products: usize::MAX,
        long_product: 0,
        long_example: 0,
        shifting_columns: (1, usize::MAX),
        shifting_rows: 1,
        large_factor: 64,
        few_rows: 2,
        many_rows: 3,
        shortest_product: 3,
        siblings: 2,
        serial: 0,
        loops: 0,
        ..measured
    };
    // A unit is one index.
    let finest = Costs { unit: 0, chunk: 4, longest_fold: 1 << 20, ..dear };
    // What is reduced is cut to the smallest parts.
    let finest = Costs { long_reduction: 1, parts: 64, shortest_product: 1, ..finest };
    // Kernels hold little, and products with padding are reductions.
    let small = Costs { max_members: 3, max_operations: 40, max_inline: 4, ..dear };
    let small = Costs { max_boxes: 1, light_row: 0, ..small };
    // Nothing is worth sharing.
    let cheap = Costs {
        cheap: u32::MAX,
        unit: u32::MAX,
        min_units: usize::MAX,
        plenty_units: usize::MAX,
        ..measured
    };
    let usual = Way::usual();
    let way = |(name, costs, tile): (&str, Costs, (usize, usize))| Way {
        tile,
        ..usual.but(format!("costs {name}"), |o| o.costs = costs)
    };
    [
        ("dear", dear, (2, 4)),
        ("finest", finest, (1, 1)),
        ("small", small, (3, 7)),
        ("cheap", cheap, (1 << 20, 1 << 20)),
    ]
    .map(way)
    .into()
}

/// As a user compiles, and two ways that the number chooses.
pub(crate) fn drawn(number: u32) -> [Way; 3] {
    let mut choice = Choice::new(number);
    let extreme = choice.of(&extremes());
    let other = match choice.below(5) {
        0 => extreme.unfused(),
        1 => extreme.in_waves(),
        2 => extreme.without(&["vectorise"]),
        _ => {
            let loops = LOOP_PIPELINE.iter().map(|p| p.name);
            let names: Vec<&str> = PIPELINE.iter().map(|p| p.name).chain(loops).collect();
            extreme.without(&[choice.of(&names)])
        }
    };
    [Way::usual(), extreme, other]
}
