//! Random trainings: models, losses, steps and optimisers with every argument of theirs, three
//! batches long; what trains them agrees on every variable.

use brolga_compiler::ir::Module;
use brolga_compiler::optimizer::{self, OptimizerSignature, signatures};
use brolga_text::LoadOptions;
use proptest::prelude::*;

use crate::filetests::{headers, trains_alike};
use crate::growing::Choice;
use crate::random_graphs::{drawn_by, fail};
use crate::ways::drawn;

/// A program of random layers that ends in random steps.
fn program(choice: &mut Choice) -> String {
    let batch = choice.of(&[1, 7, 33, 64]);
    let mut text = format!("# test: run --steps 3\ninput x: f32[{batch}, 5]\n");
    text.push_str(&format!("input t: f32[{batch}, 3]\nstate seen: f32[5] = zeros\nh = x\n"));
    for layer in 0..1 + choice.below(3) {
        let units = choice.of(&[1, 4, 9, 33]);
        let init = choice.of(&["", ", init=he_normal", ", bias=false", ", init=glorot_normal"]);
        text.push_str(&format!("h = dense(h, {units}{init}, name=\"l{layer}\")\n"));
        let more = [
            "h = tanh(h)",
            "h = silu(h)",
            "h = gelu(h)",
            "h = sigmoid(layer_norm(h))",
            "h = tanh(batch_norm(h))",
            "h = dropout(elu(h), rate=0.25)",
            "h = h * softmax(h)",
            "h = concat([h, tanh(h)], axis=1)",
            "h = h - mean(h, axis=1, keepdims=true)",
        ];
        text.push_str(&format!("{}\n", choice.of(&more)));
    }
    text.push_str("y = dense(h, 3, name=\"last\")\n");
    let losses = [
        "mean_squared_error(y, t)",
        "huber(y, t)",
        "softmax_cross_entropy(y, softmax(t))",
        "sigmoid_cross_entropy(y, sigmoid(t))",
        "mean_squared_error(y, t) + 1e-3 * l2(params(\"*.w\"))",
    ];
    let loss = choice.of(&losses);
    text.push_str(&format!("metric size = sqrt(mean(square(y)))\n{}\n", steps(choice, loss)));
    for update in ["update seen <- 0.9 * seen + mean(x, axis=0)", "update last.b <- last.b * 0.5"] {
        if choice.flip() {
            text.push_str(&format!("{update}\n"));
        }
    }
    text
}

/// One step over everything, in one group or two, or two steps of which one may rest.
fn steps(choice: &mut Choice, loss: &str) -> String {
    let (one, other) = (call(choice), call(choice));
    match choice.below(4) {
        0 => format!("minimize {loss} over last with {one} over * with {other}"),
        1 => {
            let every = choice.of(&["", " every 2"]);
            format!(
                "step first: minimize {loss} over last with {one}\n\
                 step second: minimize mean(square(y)) over * with {other}{every}"
            )
        }
        _ => format!("minimize {loss} with {one}"),
    }
}

/// A call of an optimiser of the table, with some of its arguments.
fn call(choice: &mut Choice) -> String {
    // Lion steps by signs, and that of a gradient which is 0 but for roundings is any.
    let mut signatures = signatures();
    signatures.retain(|signature| signature.name != "lion");
    let optimizer: &OptimizerSignature = signatures[choice.below(signatures.len())];
    let mut given = vec![];
    let clipped = choice.of(&["clip_norm", "clip_value"]);
    for argument in optimizer.all_arguments() {
        // A gradient that is 0 but for roundings would become a whole step with a small one.
        if argument.name == "eps" {
            given.push("eps=0.01".to_string());
            continue;
        }
        let other = argument.name.starts_with("clip_") && argument.name != clipped;
        if other || choice.flip() {
            continue;
        }
        let value = match argument.default {
            optimizer::Default::Bool(_) => choice.flip().to_string(),
            optimizer::Default::Number(n) if choice.flip() => n.to_string(),
            // Near 1 is valid for every rate and share.
            optimizer::Default::Number(n) if n > 0.5 => format!("{}", choice.of(&[0.5, 0.8, 0.99])),
            optimizer::Default::Number(_) => {
                choice.of(&["0.01", "0.05", "0.1 / (1.0 + cast(step, f32))"]).into()
            }
            optimizer::Default::Fixed(n) => choice.of(&[n, 0.5, 1.0]).to_string(),
            optimizer::Default::Off => choice.of(&["0.5", "0.9"]).to_string(),
        };
        given.push(format!("{}={value}", argument.name));
    }
    format!("{}({})", optimizer.name, given.join(", "))
}

#[test]
fn random_trainings_agree() {
    let result = drawn_by("RANDOM_TRAININGS", 64).run(&any::<u32>(), |number| {
        let text = program(&mut Choice::new(number));
        let said = |why: String| fail(format!("{why}\n{text}"));
        let headers = headers(&text).map_err(said)?;
        let loaded = brolga_text::load("random.graph", text.as_bytes(), &LoadOptions::default());
        let module: Module = loaded.map_err(|e| said(e.to_string()))?.module;
        trains_alike(&headers[0], &module, &drawn(number)).map_err(said)
    });
    assert!(result.is_ok(), "{}", result.err().map(|e| e.to_string()).unwrap_or_default());
}
