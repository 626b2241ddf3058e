//! What reads `step` sees the training's; randomness that nothing trains on counts batches.

use std::error::Error;

use brolga::{
    Backend, BatchSize, FitOptions, Literal, Metrics, Session, SessionOptions, data::DataSet,
    evaluate, fit, predict,
};

const TEXT: &str = "
input x: f32[batch, 4]
param w: f32[4] = ones
metric rate  = warmup(1.0, 10)
metric noise = mean(random_uniform([batch]))
output steps = sum(x * 0, axis=1) + cast(step, f32)
output drawn = random_uniform([batch])
minimize mean(x @ w) with sgd(lr=0.1)
";

const BACKENDS: [Backend; 4] =
    [Backend::Jit, Backend::Interpreter, Backend::Eager, Backend::Oracle];

fn number(metrics: &Metrics, name: &str) -> f64 {
    metrics[name].scalars().next().map_or(f64::NAN, |x| x.to_f64())
}

fn numbers(literal: &Literal) -> Vec<f64> {
    literal.scalars().map(|x| x.to_f64()).collect()
}

#[test]
fn step_is_the_training_and_randomness_the_batch() -> Result<(), Box<dyn Error>> {
    let x = Literal::from_vec(&[6, 4], vec![1f32; 24]).ok_or("6 rows of 4")?;
    let data = DataSet::new("ones", vec![("x".to_owned(), x)])?;
    let batches = BatchSize { rows: 2.try_into()?, ..BatchSize::default() };
    for backend in BACKENDS {
        let module = brolga::text::load("clocks.graph", TEXT.as_bytes(), &Default::default())?;
        let options = SessionOptions { backend, threads: 1, ..Default::default() };
        let mut session = Session::new(module.module, options)?;
        let look = |session: &mut Session| -> Result<_, Box<dyn Error>> {
            let metrics = evaluate(session, &data, &batches)?;
            let outputs = predict(session, &data, &[], &batches)?;
            Ok((metrics, numbers(&outputs["steps"]), numbers(&outputs["drawn"])))
        };
        let (before, steps, drawn) = look(&mut session)?;
        assert!((number(&before, "rate") - 0.1).abs() < 1e-6, "{backend:?}: {before:?}");
        assert_eq!(steps, [0.0; 6], "{backend:?}");
        assert_ne!(drawn[..2], drawn[2..4], "{backend:?}: each batch has numbers of its own");

        let options = FitOptions { batches: batches.clone(), ..FitOptions::new(1) };
        fit(&mut session, &data, &options, &mut ())?;
        let (after, steps, drawn_after) = look(&mut session)?;
        assert!((number(&after, "rate") - 0.4).abs() < 1e-6, "{backend:?}: {after:?}");
        assert_eq!(steps, [3.0; 6], "{backend:?}");
        assert_eq!(drawn_after, drawn, "{backend:?}");
        assert_eq!(number(&after, "noise"), number(&before, "noise"), "{backend:?}");
    }
    Ok(())
}
