//! A network that is made in Rust is the one that is written as text.

use std::error::Error;

use brolga::compiler::ir::Graph;
use brolga::{
    BatchSize, DType, FitOptions, GraphBuilder, Literal, Metrics, Module, Name, Optimizer, Session,
    SessionOptions, Validation, build_module, f32, fit, i32, load_data,
};

const TEXT: &str = r#"
input image: f32[batch, 28, 28]
input label: i32[batch]

x      = reshape(image, [batch, 784])
hidden = relu(dense(x, 48))
logits = dense(dropout(hidden, rate=0.2), 10)

loss = sparse_softmax_cross_entropy(logits, label)

output probability = softmax(logits)
metric accuracy    = mean(cast(argmax(logits, axis=-1) == label, f32))
metric perplexity  = perplexity(logits, label)

minimize loss with adam(lr=warmup(1e-2, 10))
"#;

fn network(g: &GraphBuilder) {
    let batch = g.dim("batch");
    let image = g.input("image", f32([batch.clone(), 28.into(), 28.into()]));
    let label = g.input("label", i32([batch.clone()]));
    let x = g.bind("x", || image.reshape(&[batch, 784.into()]));
    let hidden = g.bind("hidden", || g.dense(x, 48).relu());
    let logits = g.bind("logits", || g.named("logits").dense(g.dropout(hidden, 0.2), 10));
    let loss = g.bind("loss", || g.named("loss").sparse_softmax_cross_entropy(logits, label));
    g.output("probability", g.bind("probability", || g.named("softmax").softmax(logits)));
    let right = || logits.argmax(1).equals(label).cast(DType::F32).mean();
    g.metric("accuracy", g.bind("accuracy", right));
    g.metric_of("perplexity", || g.perplexity(logits, label));
    g.minimize(loss, Optimizer::adam(g.warmup(1e-2, 10)));
}

fn modules() -> Result<(Module, Module), Box<dyn Error>> {
    let loaded = brolga::text::load("mlp.graph", TEXT.as_bytes(), &Default::default())?;
    let built = build_module(network).map_err(|errors| format!("{errors:#?}"))?;
    Ok((loaded.module, built))
}

#[test]
fn graphs_and_variables_are_those_of_the_text() -> Result<(), Box<dyn Error>> {
    let (text, rust) = modules()?;
    assert_eq!(without_places(&rust.train), without_places(&text.train));
    assert!(rust.train == text.train && rust.infer == text.infer);
    let kinds = |module: &Module| -> Vec<_> {
        let variables = module.variables.iter();
        variables.map(|(n, v)| (n.clone(), v.kind, v.tensor_type.clone())).collect()
    };
    assert_eq!(kinds(&rust), kinds(&text));
    for (name, variable) in &text.variables {
        assert!(rust.variables[name].initial == variable.initial, "{name}");
    }
    Ok(())
}

/// The operations of a graph without where they come from.
fn without_places(graph: &Graph) -> Vec<String> {
    let text = graph.to_string();
    let without_place = |line: &str| line.split("#@").next().unwrap_or(line).trim_end().to_owned();
    text.lines().map(without_place).collect()
}

/// The metrics that were reported, and the variables.
type Trained = (Vec<Metrics>, Vec<(Name, Literal)>);

/// The metrics of an epoch and its validation, and the variables after it.
fn train(module: Module) -> Result<Trained, Box<dyn Error>> {
    let mut session = Session::new(module, SessionOptions { seed: 5, ..Default::default() })?;
    let data = load_data("digits?rows=200")?;
    let batches = BatchSize { rows: 32.try_into()?, ..BatchSize::default() };
    let validation = Validation::Data(data.clone());
    let options = FitOptions { batches, validation, ..FitOptions::new(1) };
    let reports = fit(&mut session, &data, &options, &mut ())?;
    let metrics = reports.into_iter().flat_map(|r| [Some(r.train), r.validation]).flatten();
    let variables = session.variables().map(|(name, _, value)| (name.clone(), value));
    Ok((metrics.collect(), variables.collect()))
}

#[test]
fn training_gives_the_same_bits() -> Result<(), Box<dyn Error>> {
    let (text, rust) = modules()?;
    let ((metrics, variables), (others, other_variables)) = (train(text)?, train(rust)?);
    assert_eq!(others, metrics);
    assert_eq!(variables.len(), other_variables.len());
    for ((name, a), (other, b)) in variables.iter().zip(&other_variables) {
        assert!(name == other && a == b, "{name}");
    }
    Ok(())
}
