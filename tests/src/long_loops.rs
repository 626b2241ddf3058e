//! A loop of 10,000 iterations with products in its body trains in flat memory with `remat`, to the
//! same losses as without.

use std::sync::Arc;

use brolga_compiler::compile::{Options, compile};
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, Literal, Module, Name, Scalar, Target};
use brolga_runtime::data::Counter;
use brolga_runtime::session::{Clock, Session, SessionOptions};
use indexmap::IndexMap;

const BATCH: usize = 8;
const FEATURES: usize = 4;
const UNITS: usize = 32;

/// A recurrent network, whose next state is `next`.
fn module(next: &str) -> Module {
    let text = format!(
        "input x: f32[batch, n, {FEATURES}]
input y: f32[batch, {UNITS}]
param wx: f32[{FEATURES}, {UNITS}] = normal(0, 0.3)
param wh: f32[{UNITS}, {UNITS}] = normal(0, 0.1)
param b: f32[{UNITS}] = zeros
last = scan(x_t in x, axis=1, h = zeros([batch, {UNITS}])) {{
    h = {next}
}}
minimize mean(square(last - y)) with sgd(lr=0.1)
"
    );
    let loaded = brolga_text::load("long.graph", text.as_bytes(), &Default::default());
    loaded.expect("a valid text").module
}

fn kept() -> Module {
    module("tanh(x_t @ wx + h @ wh + b)")
}

fn computed_again() -> Module {
    module("remat(tanh(x_t @ wx + h @ wh + b))")
}

fn binding(n: usize) -> Binding {
    Binding::from_iter([("batch", BATCH as u64), ("n", n as u64)])
}

/// The bytes that a training step plans, without a copy of its input in the order of the loop.
fn planned(module: &Module, n: usize) -> usize {
    let (target, options) = (&Target::X86_64_V4, Options::default());
    let compiled = compile(module, &Entry::Train, &binding(n), target, &options);
    let bytes = compiled.expect("it compiles").program.arena_bytes;
    bytes - n * BATCH * FEATURES * size_of::<f32>()
}

/// A carry a chunk, and what one chunk keeps, a few values of a carry's size for each iteration of its
/// own: both grow as the root of the number of iterations.
#[test]
fn a_long_loop_trains_in_flat_memory() {
    let (kept, again) = (kept(), computed_again());
    let carry = BATCH * UNITS * size_of::<f32>();
    for n in [2_500, 10_000, 10_007] {
        let root = (n as f64).sqrt() as usize;
        let (all, few) = (planned(&kept, n), planned(&again, n));
        assert!(all > n * carry, "{n} iterations: {all} bytes keep every carry");
        assert!(few < 6 * root * carry, "{n} iterations: {few} bytes, carries of {carry}");
    }
    let (quarter, whole) = (planned(&again, 2_500), planned(&again, 10_000));
    assert!(whole < 2 * quarter, "4 times the iterations: {quarter} bytes, then {whole}");
    assert!(whole < 512 << 10, "{whole} bytes");
}

#[test]
fn what_is_computed_again_trains_alike() {
    let (kept, again) = (losses(kept(), 10_000), losses(computed_again(), 10_000));
    for (k, (a, b)) in kept.iter().zip(&again).enumerate() {
        assert!((a - b).abs() <= 1e-5 * a.abs(), "step {k}: {a} kept, {b} computed again");
    }
    assert!(kept.is_sorted_by(|a, b| a > b), "it learns: {kept:?}");
}

/// The losses of three batches.
fn losses(module: Module, n: usize) -> Vec<f64> {
    let options = SessionOptions { threads: 1, seed: 7, ..SessionOptions::default() };
    let mut session = Session::new(Arc::new(module), options).expect("a session");
    let mut prepared = session.prepare(&Entry::Train, &binding(n)).expect("it compiles");
    let feeds: IndexMap<Name, Literal> =
        [("x".into(), drawn(1, &[BATCH, n, FEATURES])), ("y".into(), drawn(2, &[BATCH, UNITS]))]
            .into();
    let loss = |step| {
        prepared.feed_all(&feeds).expect("both are inputs");
        prepared.run(step).expect("it runs");
        prepared.set_clock(Clock { step: step + 1, epoch: 0 });
        let metrics = prepared.results().expect("it ran").metrics;
        metrics["loss"].scalars().next().map_or(f64::NAN, Scalar::to_f64)
    };
    (0..3).map(loss).collect()
}

/// Numbers between -0.5 and 0.5.
fn drawn(number: u64, sizes: &[usize]) -> Literal {
    let counter = Counter::new(&[number]);
    let n = sizes.iter().product::<usize>() as u64;
    let elements = (0..n).map(|i| counter.unit(i) - 0.5);
    Literal::from_vec(sizes, elements.collect::<Vec<f32>>()).expect("as many as the sizes say")
}
