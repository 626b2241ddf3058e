//! Models of series: rows of pictures, words, characters and sounds.

use brolga::{DType, GraphBuilder, Optimizer, Turn, Value, f32, function, init};

use crate::parts::{act, adam, classify, numbers, rows, single, tell_apart};

/// A classifier of pictures that a recurrent layer of 128 units reads row by row.
fn by_rows(g: &GraphBuilder, layer: &str) {
    let image = g.input("image", rows(g, &[28, 28]));
    let label = g.input("label", numbers(g, &[]));
    let last = g.named("last").call(layer, (image, 128));
    classify(g, g.named("logits").dense(last, 10), label);
}

pub(super) fn rnn(g: &GraphBuilder) {
    by_rows(g, "simple_rnn");
}

pub(super) fn lstm(g: &GraphBuilder) {
    by_rows(g, "lstm");
}

pub(super) fn gru(g: &GraphBuilder) {
    by_rows(g, "gru");
}

pub(super) fn text_mean(g: &GraphBuilder) {
    let tokens = g.input("tokens", numbers(g, &[50]));
    let label = g.input("label", numbers(g, &[]));
    let words = g.named("words").embedding(tokens, 10_000, 64);
    let is_word = tokens.not_equals(0);
    let sentence = g.with("axis", 1).masked_mean(words, is_word);
    tell_apart(g, g.bind("logit", || single(g, sentence)), label);
}

pub(super) fn text_conv(g: &GraphBuilder) {
    let tokens = g.input("tokens", numbers(g, &[50]));
    let label = g.input("label", numbers(g, &[]));
    let words = g.named("words").embedding(tokens, 10_000, 64);
    let phrases = act(g, "relu").with("name", "phrases").conv(words, 64, 5);
    let sentence = g.with("axis", 1).call("max", (phrases,));
    tell_apart(g, g.bind("logit", || single(g, sentence)), label);
}

pub(super) fn transformer(g: &GraphBuilder) {
    const CHARACTERS: usize = 65;
    const CONTEXT: usize = 64;
    let tokens = g.input("tokens", numbers(g, &[CONTEXT]));
    let next = g.input("next", numbers(g, &[CONTEXT]));
    let small = || init::normal(0.0, 0.02);
    let read = |tokens: Value<'_>| {
        g.shared("reader", || {
            let place = g.param("place", f32([CONTEXT.into(), 128.into()]), small());
            let (row, column) = (g.call("iota", ([CONTEXT, 1],)), g.call("iota", ([CONTEXT],)));
            let seen = row.greater_equal(column);
            let mut x =
                g.bind("x", || g.with("init", small()).embedding(tokens, CHARACTERS, 128) + place);
            for i in 0..2 {
                x = g.named(&format!("x.{i}")).with("mask", seen).transformer_block(x, 4);
            }
            g.dense(g.layer_norm(x), CHARACTERS)
        })
    };
    let logits = read(tokens);
    let loss = g.bind("loss", || g.sparse_softmax_cross_entropy(logits, next));
    g.metric("accuracy", g.accuracy(logits, next));
    let walked = g.call("iota", ([300],));
    let results = g.scan(&[walked], &[tokens], |_, window| {
        let window = window[0];
        let letter = g.bind("letter", || {
            let scores = g.call("squeeze", (read(window).slice(1, CONTEXT - 1, 1), 1));
            g.call("categorical", (scores,))
        });
        let rest = window.slice(1, 1, CONTEXT - 1);
        let window =
            g.with("axis", 1).call("concat", ([rest, g.call("expand_dims", (letter, 1))],));
        Turn { next: vec![window], emitted: vec![letter] }
    });
    g.output("sample", g.call("transpose", (results[1],)));
    g.minimize(loss, Optimizer::adamw(1e-3).with("weight_decay", 0.01));
}

pub(super) fn translation(g: &GraphBuilder) {
    const CHARACTERS: usize = 40;
    let source = g.input("source", numbers(g, &[18]));
    let target = g.input("target", numbers(g, &[10]));
    let along = |axis: i64, values: [Value<'_>; 2]| g.with("axis", axis).call("concat", (values,));

    let seen = source.not_equals(0);
    let read = g.named("read").embedding(source, CHARACTERS, 32);
    let layers = g.named("memory").with("return_sequences", true).with("mask", seen);
    let memory = layers.bidirectional(read, function("gru"), 64);
    let mean = g.with("axis", 1).masked_mean(memory, seen);
    let start = act(g, "tanh").with("name", "start").dense(mean, 128);

    // The state after a character, and the scores of the next one.
    let write = |letter: Value<'_>, h: Value<'_>| {
        g.shared("writer", || {
            let asked = g.call("expand_dims", (h, 1));
            let found = g.with("mask", g.call("expand_dims", (seen, 1)));
            let found = found.attention(asked, memory, memory);
            let known = g.bind("known", || {
                let letter = g.embedding(letter, CHARACTERS, 32);
                along(-1, [letter, g.call("squeeze", (found, 1))])
            });
            let h = g.named("h").gru_cell(known, h);
            [h, g.dense(h, CHARACTERS)]
        })
    };

    let first = g.call("zeros", ([g.dim("batch"), 1.into()], DType::I32));
    let before = along(1, [first, target.slice(1, 0, 9)]);
    let results = g.with("axis", 1).scan(&[before], &[start], |letter, h| {
        let [h, scores] = write(letter[0], h[0]);
        Turn { next: vec![h], emitted: vec![scores] }
    });
    let logits = results[1];

    let none = g.call("zeros", ([g.dim("batch")], DType::I32));
    let results = g.scan(&[g.call("iota", ([10],))], &[start, none], |_, carried| {
        let [h, scores] = write(carried[1], carried[0]);
        let letter = scores.argmax(1);
        Turn { next: vec![h, letter], emitted: vec![letter] }
    });
    let date = g.call("transpose", (results[2],));
    g.output("date", date);

    let loss = g.bind("loss", || g.sparse_softmax_cross_entropy(logits, target));
    let found = if g.training() { logits.argmax(2) } else { date };
    let right = g.with("axis", 1).call("all", (found.equals(target),));
    g.metric("exact", right.cast(DType::F32).mean());
    g.minimize(loss, adam(2e-3));
}

pub(super) fn speech(g: &GraphBuilder) {
    const TURN: f64 = std::f64::consts::TAU;
    let wave = g.input("wave", rows(g, &[4000]));
    let label = g.input("label", numbers(g, &[]));
    // Frames of 250 samples, each half over the one before it.
    let halves = wave.reshape(&[g.dim("batch"), 32.into(), 125.into()]);
    let pair = [halves.slice(1, 0, 31), halves.slice(1, 1, 31)];
    let frames = g.with("axis", -1).call("concat", (pair,));
    // The discrete Fourier transform of what a Hann window leaves, as two products.
    let count = |axis: i64| g.with("axis", axis).call("iota", ([250, 125],));
    let places = g.call("iota", ([250],)).cast(DType::F32);
    let window = 0.5 - 0.5 * g.call("cos", ((TURN / 250.0) * places,));
    let turns = count(0) * count(1) % 250;
    let angle = (TURN / 250.0) * turns.cast(DType::F32);
    let faded = frames * window;
    let part = |name: &str| faded.matmul(g.call(name, (angle,))).square();
    let pitch = (part("cos") + part("sin") + 1e-3).log();

    let first = g.bind("first", || g.max_pool(act(g, "relu").conv(pitch, 32, 5)));
    let second = act(g, "relu").with("name", "second").conv(first, 64, 5);
    let logits = g.bind("logits", || {
        let loudest = g.with("axis", 1).call("max", (second,));
        g.named("logits").dense(g.dropout(loudest, 0.3), 8)
    });
    classify(g, logits, label);
}
