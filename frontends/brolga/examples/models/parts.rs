//! What several models have in common.

use brolga::{GraphBuilder, Optimizer, TensorType, Value, With, f32, function, i32};

/// `f32[batch, ...]`.
pub(super) fn rows(g: &GraphBuilder, row: &[usize]) -> TensorType {
    let row = row.iter().map(|&n| n.into());
    f32([g.dim("batch")].into_iter().chain(row).collect::<Vec<_>>())
}

/// `i32[batch, ...]`: labels, or what stands for words and characters.
pub(super) fn numbers(g: &GraphBuilder, row: &[usize]) -> TensorType {
    let row = row.iter().map(|&n| n.into());
    i32([g.dim("batch")].into_iter().chain(row).collect::<Vec<_>>())
}

/// Layers with this activation.
pub(super) fn act<'g>(g: &'g GraphBuilder, activation: &str) -> With<'g> {
    g.with("act", function(activation))
}

/// Adam with a constant rate.
pub(super) fn adam(lr: f64) -> Optimizer {
    Optimizer::adam(lr)
}

/// What every classifier by logits ends with.
pub(super) fn classify<'g>(g: &'g GraphBuilder, logits: Value<'g>, label: Value<'g>) {
    let loss = g.bind("loss", || g.sparse_softmax_cross_entropy(logits, label));
    g.output("probability", logits.softmax());
    g.metric("accuracy", g.accuracy(logits, label));
    g.minimize(loss, adam(1e-3));
}

/// What every classifier of two classes by one logit ends with.
pub(super) fn tell_apart<'g>(g: &'g GraphBuilder, logit: Value<'g>, label: Value<'g>) {
    let target = label.cast(brolga::DType::F32);
    let loss = g.bind("loss", || g.sigmoid_cross_entropy(logit, target));
    let probability = logit.sigmoid();
    g.output("probability", probability);
    g.metric("accuracy", g.binary_accuracy(probability, label.equals(1)));
    g.minimize(loss, adam(1e-3));
}

/// One number a row, of a layer with one unit.
pub(super) fn single<'g>(g: &'g GraphBuilder, x: Value<'g>) -> Value<'g> {
    g.call("squeeze", (g.dense(x, 1), -1))
}
