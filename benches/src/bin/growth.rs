//! How the compiler's work grows with a program: chains, wide graphs, lists, outputs, layers, nests.
//!
//! `growth [--smoke]`; for each family and size the milliseconds from text to program, and what is
//! allocated on the way: the number and the megabytes of all allocations, which are the same in
//! every run. With `--smoke` only small sizes.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use std::time::Instant;

use brolga::Entry;
use brolga::compiler::compile::{Options, compile};
use brolga::compiler::ir::{Binding, Target};

/// The system's allocator, which counts what each thread asks for.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator; cells without a destructor allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        BYTES.set(BYTES.get() + layout.size() as u64);
        // SAFETY: the caller's promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Programs of any size.
struct Family {
    name: &'static str,
    /// The sizes that are timed.
    sizes: [usize; 3],
    text: fn(usize) -> String,
}

const FUNCTIONS: [&str; 5] = ["sin", "cos", "tanh", "sigmoid", "erf"];

const FAMILIES: [Family; 9] = [
    Family { name: "chain", sizes: [1_000, 3_000, 10_000], text: chain },
    Family { name: "chain, gradient", sizes: [1_000, 3_000, 10_000], text: gradient },
    Family { name: "residual chain, gradient", sizes: [300, 1_000, 3_000], text: residual },
    Family { name: "side by side", sizes: [300, 1_000, 3_000], text: side_by_side },
    Family { name: "outputs", sizes: [100, 300, 1_000], text: outputs },
    Family { name: "concat of a list", sizes: [300, 1_000, 3_000], text: list },
    Family { name: "slices", sizes: [300, 1_000, 3_000], text: slices },
    Family { name: "dense layers, training", sizes: [10, 30, 100], text: layers },
    Family { name: "nested functions", sizes: [8, 16, 32], text: nested },
];

fn lines(head: &str, n: usize, line: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = format!("{head}\n");
    for i in 0..n {
        let _ = writeln!(text, "{}", line(i));
    }
    text + tail + "\n"
}

fn chain(n: usize) -> String {
    lines("input x: f32[64, 64]\ny = x", n, |i| format!("y = {}(y)", FUNCTIONS[i % 5]), "output y")
}

fn gradient(n: usize) -> String {
    let line = |i: usize| format!("y = {}(y)", FUNCTIONS[i % 5]);
    lines("input x: f32[64, 64]\ny = x", n, line, "output g = grad(sum(y), x)")
}

fn residual(n: usize) -> String {
    let line = |i: usize| format!("y = y + 0.1 * {}(y)", FUNCTIONS[i % 5]);
    lines("input x: f32[64, 64]\ny = x", n, line, "output g = grad(sum(y), x)")
}

fn side_by_side(n: usize) -> String {
    let line = |i: usize| format!("s = s + sum({}(x * {i}.0), axis=1)", FUNCTIONS[i % 5]);
    lines("input x: f32[64, 64]\ns = sum(x, axis=1)", n, line, "output s")
}

fn outputs(n: usize) -> String {
    lines("input x: f32[64, 64]", n, |i| format!("output y{i} = tanh(x + {i}.0)"), "")
}

fn list(n: usize) -> String {
    let line = |i: usize| format!("p{i} = x * {i}.0");
    let names: Vec<String> = (0..n).map(|i| format!("p{i}")).collect();
    let tail = format!("output y = concat([{}], axis=0)", names.join(", "));
    lines("input x: f32[64]", n, line, &tail)
}

fn slices(n: usize) -> String {
    let line = |i: usize| format!("s = s + y[{i}] * {i}.0");
    lines(&format!("input x: f32[{n}, 64]\ny = tanh(x)\ns = y[0]"), n, line, "output s")
}

fn layers(n: usize) -> String {
    let tail = "minimize mean_squared_error(h, x) with adam(lr=1e-3)";
    lines("input x: f32[32, 24]\nh = x", n, |_| "h = tanh(dense(h, 24))".to_string(), tail)
}

fn nested(n: usize) -> String {
    let mut text = "fn f0(x) = tanh(x) * 0.5\n".to_string();
    for i in 1..n {
        let _ = writeln!(text, "fn f{i}(x) = f{}(x) + x", i - 1);
    }
    text + &format!("input x: f32[64, 64]\noutput y = f{}(x)\n", n - 1)
}

/// What it takes to compile a text.
struct Work {
    ms: f64,
    calls: u64,
    bytes: u64,
}

fn work(text: &str) -> anyhow::Result<Work> {
    let (calls, bytes, start) = (CALLS.get(), BYTES.get(), Instant::now());
    let module = brolga::text::load("growth.graph", text.as_bytes(), &Default::default())?.module;
    let trains = !module.train.steps.is_empty();
    let entry = if trains { Entry::Train } else { Entry::Run { fetch: vec![] } };
    let target = &Target::X86_64_V4;
    compile(&module, &entry, &Binding::default(), target, &Options::default())?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    Ok(Work { ms, calls: CALLS.get() - calls, bytes: BYTES.get() - bytes })
}

fn run(smoke: bool) -> anyhow::Result<()> {
    println!("{:28} {:>7} {:>10} {:>12} {:>9}", "", "n", "ms", "allocations", "MB");
    for family in FAMILIES {
        for n in family.sizes {
            let n = if smoke { n.div_ceil(100) } else { n };
            let Work { ms, calls, bytes } = work(&(family.text)(n))?;
            let mb = bytes as f64 / 1e6;
            println!("{:28} {n:7} {ms:10.1} {calls:12} {mb:9.1}", family.name);
        }
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    run(std::env::args().any(|arg| arg == "--smoke"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_at_its_smallest_size() {
        run(true).expect("small programs compile");
    }

    /// Work is what is allocated: it does not depend on the machine, and what visits nodes again and
    /// again makes lists of their operands again.
    #[test]
    fn work_grows_as_the_program_does() {
        for family in FAMILIES {
            let n = family.sizes[0];
            let [small, large] = [n, 4 * n].map(|n| work(&(family.text)(n)).expect("it compiles"));
            for (what, small, large) in
                [("calls", small.calls, large.calls), ("bytes", small.bytes, large.bytes)]
            {
                let times = large as f64 / small as f64;
                assert!(times < 5.0, "{}: four times as long takes {times} {what}", family.name);
            }
        }
    }
}
