//! Models of pictures.

use brolga::{DType, GraphBuilder, Optimizer, Value};

use crate::parts::{act, adam, classify, numbers, rows, single, tell_apart};

pub(super) fn softmax(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[784]));
    let label = g.input("label", numbers(g, &[]));
    classify(g, g.named("logits").dense(image, 10), label);
}

pub(super) fn mlp(g: &GraphBuilder) {
    let (rate, decay) = (0.0, 0.0);
    let image = g.input("image", rows(g, &[784]));
    let label = g.input("label", numbers(g, &[]));
    let hidden = act(g, "relu").with("name", "hidden").dense(image, 128);
    let logits = g.bind("logits", || g.named("logits").dense(g.dropout(hidden, rate), 10));
    let loss = g.bind("loss", || {
        let entropy = g.sparse_softmax_cross_entropy(logits, label);
        entropy + decay * (g.l2(g.variable("hidden.w")) + g.l2(g.variable("logits.w")))
    });
    g.output("probability", logits.softmax());
    g.metric("accuracy", g.accuracy(logits, label));
    g.minimize(loss, adam(1e-3));
}

/// Filters that a picture is made smaller after.
fn pooled<'g>(g: &'g GraphBuilder, name: &str, x: Value<'g>, filters: usize) -> Value<'g> {
    g.bind(name, || g.max_pool(act(g, "relu").conv(x, filters, 3)))
}

/// The two convolutions and the hidden layer of the tutorials' network.
fn seen<'g>(g: &'g GraphBuilder, image: Value<'g>, name: &str, units: usize) -> Value<'g> {
    let second = pooled(g, "second", pooled(g, "first", image, 32), 64);
    act(g, "relu").with("name", name).dense(second.flatten(), units)
}

pub(super) fn cnn(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[28, 28, 1]));
    let label = g.input("label", numbers(g, &[]));
    classify(g, g.named("logits").dense(seen(g, image, "hidden", 128), 10), label);
}

pub(super) fn cnn_cifar(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[32, 32, 3]));
    let label = g.input("label", rows(g, &[10]));
    let logits = g.named("logits").dense(seen(g, image, "hidden", 64), 10);
    let loss = g.bind("loss", || g.softmax_cross_entropy(logits, label));
    g.output("probability", logits.softmax());
    g.metric("accuracy", g.accuracy(logits, label.argmax(1)));
    g.minimize(loss, adam(1e-3));
}

pub(super) fn transfer(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[28, 28, 1]));
    let label = g.input("label", numbers(g, &[]));
    classify(g, g.named("garment").dense(seen(g, image, "head", 128), 10), label);
}

/// A convolution without a bias, and the norm that has one.
fn conv_norm<'g>(
    g: &'g GraphBuilder,
    name: &str,
    x: Value<'g>,
    (filters, size, strides): (usize, usize, usize),
) -> Value<'g> {
    g.layer(name, || {
        let same = g.named("y").with("padding", "same").with("bias", false);
        let y = same.with("strides", strides).conv(x, filters, size);
        g.with("momentum", 0.9).batch_norm(y)
    })
}

fn block<'g>(
    g: &'g GraphBuilder,
    name: &str,
    x: Value<'g>,
    (filters, strides): (usize, usize),
) -> Value<'g> {
    g.layer(name, || {
        let y = conv_norm(g, "first", x, (filters, 3, strides)).relu();
        let y = conv_norm(g, "second", y, (filters, 3, 1));
        let is_wide = x.tensor_type().is_some_and(|t| t.shape.last() == Some(&filters.into()));
        let x = if is_wide { x } else { conv_norm(g, "shortcut", x, (filters, 1, strides)) };
        (x + y).relu()
    })
}

pub(super) fn resnet(g: &GraphBuilder) {
    const BATCHES: i64 = 125;
    const EPOCHS: i64 = 30;
    let image = g.input("image", rows(g, &[32, 32, 3]));
    let label = g.input("label", numbers(g, &[]));
    let x = (image - [0.4914, 0.4822, 0.4465]) / [0.2470, 0.2435, 0.2616];
    let start = g.bind("start", || conv_norm(g, "conv_norm", x, (16, 3, 1)).relu());
    let small = block(g, "small", start, (16, 1));
    let medium = block(g, "medium", small, (32, 2));
    let large = block(g, "large", medium, (64, 2));
    let logits = g.named("logits").dense(g.global_avg_pool(large), 10);
    let loss = g.bind("loss", || g.sparse_softmax_cross_entropy(logits, label));
    g.output("probability", logits.softmax());
    g.metric("accuracy", g.accuracy(logits, label));
    // Up in a line over the first epoch, then down along a cosine.
    let step = g.step();
    let done = (step - BATCHES).cast(DType::F32) / (BATCHES * (EPOCHS - 1));
    let up = 0.05 * step.cast(DType::F32) / BATCHES;
    let turn = std::f64::consts::PI * g.call("minimum", (done, 1.0));
    let down = 0.025 * (1.0 + g.call("cos", (turn,)));
    let rate = g.call("select", (step.less(BATCHES), up, down));
    g.minimize(loss, Optimizer::sgd(rate).with("momentum", 0.9));
}

pub(super) fn binary(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[784]));
    let label = g.input("label", numbers(g, &[]));
    let hidden = act(g, "relu").with("name", "hidden").dense(image, 128);
    tell_apart(g, g.bind("logit", || single(g, hidden)), label);
}

pub(super) fn hinge(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[784]));
    let label = g.input("label", numbers(g, &[]));
    let hidden = act(g, "relu").with("name", "hidden").dense(image, 128);
    let side = g.bind("side", || single(g, hidden));
    let loss = g.bind("loss", || g.hinge(side, 2.0 * label.cast(DType::F32) - 1.0));
    let positive = side.greater(0.0);
    g.output("positive", positive);
    g.metric("accuracy", g.binary_accuracy(positive, label.equals(1)));
    g.minimize(loss, adam(1e-3));
}
