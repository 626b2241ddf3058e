//! Trains the network 784-128-10 on digits and prints what a step takes, compiled and node by node:
//! `cargo run --release -p brolga --example mlp -- [jit|eager] [BATCH] [THREADS]`.

use std::ops::ControlFlow;

use brolga::{
    Backend, BatchReport, BatchSize, Callbacks, EpochReport, FitOptions, GraphBuilder, Optimizer,
    Prepared, Progress, RunError, Session, SessionOptions, build_module, f32, fit, i32, load_data,
};

fn network(g: &GraphBuilder) {
    let batch = g.dim("batch");
    let image = g.input("image", f32([batch.clone(), 28.into(), 28.into()]));
    let label = g.input("label", i32([batch]));
    let hidden = g.named("hidden").dense(image.flatten(), 128).relu();
    let logits = g.named("logits").dense(hidden, 10);
    g.metric("accuracy", g.accuracy(logits, label));
    g.minimize(g.sparse_softmax_cross_entropy(logits, label), Optimizer::adam(1e-3));
}

/// Keeps how long each step took.
#[derive(Default)]
struct Times(Vec<f64>);

impl Callbacks for Times {
    fn batch(
        &mut self,
        report: &BatchReport<'_>,
        _: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        self.0.push(report.ms);
        Ok(ControlFlow::Continue(()))
    }

    fn epoch(
        &mut self,
        report: &EpochReport,
        _: &Session,
        _: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        let (loss, accuracy) = (&report.train["loss"], &report.train["accuracy"]);
        println!("epoch {}: loss {loss}, accuracy {accuracy}", report.epoch);
        Ok(ControlFlow::Continue(()))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let backend = match arguments.next().as_deref() {
        Some("eager") => Backend::Eager,
        Some(_) | None => Backend::Jit,
    };
    let rows = arguments.next().unwrap_or("32".to_string()).parse()?;
    let mut options = SessionOptions { backend, ..SessionOptions::default() };
    if let Some(threads) = arguments.next() {
        options.threads = threads.parse()?;
    }
    let module = build_module(network)?;
    let mut session = Session::new(module, options)?;
    let fit_options =
        FitOptions { batches: BatchSize { rows, ..BatchSize::default() }, ..FitOptions::new(5) };
    let mut times = Times::default();
    fit(&mut session, &load_data("digits?rows=8000")?, &fit_options, &mut times)?;
    times.0.sort_by(f64::total_cmp);
    println!("median step {:.3} ms", times.0[times.0.len() / 2]);
    Ok(())
}
