//! Training by all backends and on any number of threads gives what it must.

use std::error::Error;

use brolga::{
    Backend, BatchSize, DType, FitOptions, GraphBuilder, Literal, Metrics, Optimizer, Session,
    SessionOptions, Validation, build_module, f32, fit, i32, init, load_data,
};

fn network(g: &GraphBuilder) {
    let batch = g.dim("batch");
    let image = g.input("image", f32([batch.clone(), 784.into()]));
    let label = g.input("label", i32([batch]));
    let w1 = g.param("hidden.w", f32([784.into(), 33.into()]), init::glorot_uniform());
    let b1 = g.param("hidden.b", f32([33.into()]), init::zeros());
    let w2 = g.param("logits.w", f32([33.into(), 10.into()]), init::glorot_uniform());
    let hidden = (image.matmul(w1) + b1).tanh();
    let logits = hidden.matmul(w2);
    g.metric("accuracy", logits.argmax(1).equals(label).cast(DType::F32).mean());
    g.minimize(logits.sparse_softmax_cross_entropy(label), Optimizer::adam(1e-2));
}

/// The metrics of two epochs (the last batch of each is smaller), and the variables after them.
fn train(options: SessionOptions) -> Result<(Vec<Metrics>, Vec<Literal>), Box<dyn Error>> {
    let module = build_module(network)?;
    let mut session = Session::new(module, SessionOptions { seed: 3, ..options })?;
    let data = load_data("digits?rows=100")?;
    let batches = BatchSize { rows: 32.try_into()?, ..BatchSize::default() };
    let options =
        FitOptions { batches, validation: Validation::Data(data.clone()), ..FitOptions::new(2) };
    let reports = fit(&mut session, &data, &options, &mut ())?;
    let metrics = reports.into_iter().flat_map(|r| [Some(r.train), r.validation]).flatten();
    Ok((metrics.collect(), session.variables().map(|(_, _, value)| value).collect()))
}

#[test]
fn threads_change_no_bit() -> Result<(), Box<dyn Error>> {
    for backend in [Backend::Jit, Backend::Eager] {
        let on = |threads| train(SessionOptions { threads, backend, ..Default::default() });
        let (metrics, variables) = on(1)?;
        for threads in [2, 4] {
            let (others, other_variables) = on(threads)?;
            assert_eq!(others, metrics, "{backend:?} on {threads} threads");
            let same = variables.iter().zip(&other_variables).all(|(a, b)| a == b);
            assert!(same, "{backend:?} on {threads} threads");
        }
    }
    Ok(())
}

#[test]
fn backends_agree() -> Result<(), Box<dyn Error>> {
    let by = |backend| train(SessionOptions { backend, ..Default::default() });
    let (metrics, variables) = by(Backend::Jit)?;
    let (interpreted, interpreted_variables) = by(Backend::Interpreter)?;
    assert_eq!(interpreted, metrics);
    assert!(variables.iter().zip(&interpreted_variables).all(|(a, b)| a == b));
    for backend in [Backend::Eager, Backend::Oracle] {
        for (want, got) in metrics.iter().zip(by(backend)?.0) {
            let loss = |m: &Metrics| m["loss"].scalars().next().map_or(f64::NAN, |x| x.to_f64());
            assert!((loss(want) - loss(&got)).abs() < 1e-4, "{backend:?}: {want:?} {got:?}");
        }
    }
    Ok(())
}
