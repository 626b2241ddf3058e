//! Loops in their forms: the iterations of a recurrent layer inside of one kernel, a block of rows
//! each, or as waves.
//!
//! `loops [--smoke]`; medians in microseconds of a forward pass, on one and on two threads, the
//! forms in turns. With `--smoke` everything runs once, at a small size.

use std::sync::Arc;
use std::time::Instant;

use brolga::compiler::compile::Options;
use brolga::compiler::fuse::FuseOptions;
use brolga::compiler::ir::Binding;
use brolga::{Entry, Session, SessionOptions};
use brolga_benches::quantile;

fn main() -> anyhow::Result<()> {
    run(std::env::args().any(|arg| arg == "--smoke"))
}

/// `layer`, units, rows, steps, features.
const MODELS: [(&str, [usize; 4]); 5] = [
    ("simple_rnn", [128, 64, 28, 28]),
    ("lstm", [128, 64, 28, 28]),
    ("lstm", [128, 1, 28, 28]),
    ("lstm", [512, 16, 28, 28]),
    ("gru", [32, 256, 28, 28]),
];

fn run(smoke: bool) -> anyhow::Result<()> {
    let samples = if smoke { 1 } else { 101 };
    println!("us a pass                          in a kernel    as waves");
    for (layer, dims) in MODELS {
        let [units, rows, steps, features] = if smoke { [8, 9, 2, 4] } else { dims };
        let text =
            format!("input x: f32[{rows}, {steps}, {features}]\noutput y = {layer}(x, {units})\n");
        for threads in [1, 2] {
            let [kernel, waves] = times(&text, threads, samples)?;
            let name = format!("{layer} {units}, {rows} x {steps} x {features}, {threads} threads");
            println!("{name:34} {:11.1} {:11.1}", kernel * 1e6, waves * 1e6);
        }
    }
    Ok(())
}

/// The median seconds of a pass with loops in kernels and with loops of waves.
fn times(text: &str, threads: usize, samples: usize) -> anyhow::Result<[f64; 2]> {
    let mut sessions = vec![];
    for iterations in [true, false] {
        let fuse = FuseOptions { iterations, ..FuseOptions::default() };
        let compiler = Options { fuse, ..Options::default() };
        let options = SessionOptions { threads, compiler, ..SessionOptions::default() };
        let module =
            brolga::text::load("loops.graph", text.as_bytes(), &Default::default())?.module;
        sessions.push(Session::new(Arc::new(module), options)?);
    }
    let mut times = [vec![], vec![]];
    let (entry, binding) = (Entry::Run { fetch: vec![] }, Binding::default());
    for round in 0..=samples {
        for (session, times) in sessions.iter_mut().zip(&mut times) {
            let mut prepared = session.prepare(&entry, &binding)?;
            // The first pass of a round finds the caches of the other form.
            prepared.run(0)?;
            let start = Instant::now();
            prepared.run(0)?;
            if round > 0 {
                times.push(start.elapsed().as_secs_f64());
            }
        }
    }
    Ok(times.map(|times| quantile(times, 0.5)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs_at_its_smallest_size() {
        super::run(true).expect("small models run");
    }
}
