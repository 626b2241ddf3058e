//! Models that make pictures.

use brolga::{GraphBuilder, Optimizer, Value};

use crate::parts::{act, adam, rows};

/// A hidden layer.
fn hidden<'g>(g: &'g GraphBuilder, x: Value<'g>, units: usize) -> Value<'g> {
    act(g, "relu").dense(x, units)
}

/// Trains a picture to come back from 64 numbers.
fn restore<'g>(g: &'g GraphBuilder, seen: Value<'g>, image: Value<'g>) {
    let code =
        g.bind("code", || act(g, "relu").with("name", "code").dense(hidden(g, seen, 128), 64));
    let restored = act(g, "sigmoid").dense(hidden(g, code, 128), 784);
    g.output("restored", restored);
    g.minimize(g.bind("loss", || g.mean_squared_error(restored, image)), adam(1e-3));
}

pub(super) fn autoencoder(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[784]));
    restore(g, image, image);
}

pub(super) fn denoising(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[784]));
    let noise = || g.call("random_normal", ([g.dim("batch"), 784.into()],));
    restore(g, g.bind("noisy", || image + 0.3 * noise()), image);
}

pub(super) fn vae(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[784]));
    let moments = g.bind("moments", || g.named("moments").dense(hidden(g, image, 256), 32));
    let [mu, log_variance] = g.with("axis", -1).call_list("split", (moments, 2));
    let latent = g.bind("latent", || {
        let noise = g.call("random_normal", ([g.dim("batch"), 16.into()],));
        mu + (0.5 * log_variance).exp() * noise
    });
    let logits = g.bind("logits", || g.named("logits").dense(hidden(g, latent, 256), 784));
    g.output("restored", logits.sigmoid());
    let reconstruction = g.bind("reconstruction", || {
        g.with("reduction", "none").sigmoid_cross_entropy(logits, image).sum(&[1]).mean()
    });
    let kl = g.bind("kl", || {
        (0.5 * (mu.square() + log_variance.exp() - 1.0 - log_variance)).sum(&[1]).mean()
    });
    g.metric("reconstruction", reconstruction);
    g.metric("kl", kl);
    g.minimize(reconstruction + kl, adam(1e-3));
}

pub(super) fn gan(g: &GraphBuilder) {
    let image = g.input("image", rows(g, &[784]));
    let generate = |name: &str| {
        g.bind(name, || {
            let z = g.call("random_normal", ([g.dim("batch"), 64.into()],));
            g.shared("generator", || act(g, "sigmoid").dense(hidden(g, z, 128), 784))
        })
    };
    let judge = |x: Value<'_>| {
        g.shared("critic", || {
            let slope = g.with("slope", 0.2);
            let hidden = g.bind("hidden", || slope.leaky_relu(g.dense(x, 128)));
            g.dense(hidden, 1)
        })
    };
    let (fake, other) = (generate("fake"), generate("other_fake"));
    let judge_loss = g.bind("judge_loss", || {
        let fake = g.call("stop_gradient", (fake,));
        g.softplus(-judge(image)).mean() + g.softplus(judge(fake)).mean()
    });
    let generator_loss = g.bind("generator_loss", || g.softplus(-judge(other)).mean());
    g.output("sample", fake.reshape(&[g.dim("batch"), 28.into(), 28.into()]));
    let adam = || Optimizer::adam(2e-4).with("beta1", 0.5);
    g.minimize_over("judge", judge_loss, &[(&["critic"], adam())]);
    g.minimize_over("generator", generator_loss, &[(&["generator"], adam())]);
}
