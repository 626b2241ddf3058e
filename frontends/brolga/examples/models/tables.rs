//! Models of tables.

use brolga::{GraphBuilder, Optimizer};

use crate::parts::{act, adam, classify, numbers, rows, single};

pub(super) fn linear(g: &GraphBuilder) {
    let x = g.input("x", rows(g, &[13]));
    let label = g.input("label", rows(g, &[]));
    let expected = single(g, x);
    g.output("expected", expected);
    let loss = g.bind("loss", || g.mean_squared_error(expected, label));
    g.metric_of("r2", || g.r2(expected, label));
    g.minimize(loss, Optimizer::sgd(0.01));
}

pub(super) fn regression(g: &GraphBuilder) {
    let x = g.input("x", rows(g, &[9]));
    let label = g.input("label", rows(g, &[]));
    let hidden = g.bind("hidden", || {
        let first = act(g, "relu").dense(x, 64);
        act(g, "relu").with("name", "hidden").dense(first, 64)
    });
    let expected = single(g, hidden);
    g.output("expected", expected);
    let loss = g.bind("loss", || g.mean_squared_error(expected, label));
    g.metric_of("r2", || g.r2(expected, label));
    g.metric_of("rmse", || g.rmse(expected, label));
    g.minimize(loss, adam(1e-3));
}

pub(super) fn iris(g: &GraphBuilder) {
    let x = g.input("x", rows(g, &[4]));
    let label = g.input("label", numbers(g, &[]));
    let logits = g.bind("logits", || {
        let hidden = act(g, "relu").dense(x, 16);
        g.named("logits").dense(hidden, 3)
    });
    classify(g, logits, label);
}

pub(super) fn recommender(g: &GraphBuilder) {
    let user = g.input("user", numbers(g, &[]));
    let film = g.input("film", numbers(g, &[]));
    let rating = g.input("rating", rows(g, &[]));
    let taste = g.named("taste").embedding(user, 400, 8);
    let kind = g.named("kind").embedding(film, 200, 8);
    let both = g.with("axis", -1).call("concat", ([taste, kind, taste * kind],));
    let hidden = g.bind("hidden", || {
        let first = act(g, "relu").dense(both, 32);
        act(g, "relu").with("name", "hidden").dense(first, 16)
    });
    let expected = single(g, hidden);
    g.output("expected", expected);
    let loss = g.bind("loss", || g.mean_squared_error(expected, rating));
    g.metric_of("rmse", || g.rmse(expected, rating));
    g.minimize(loss, adam(2e-3));
}
