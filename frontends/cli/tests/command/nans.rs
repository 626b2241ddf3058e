//! What is seen within a training: `--check-nan`, by which a NaN that is planted in a line of a model is
//! reported at that line, and `--trace-values`.

use crate::workplace::Workplace;

/// Models that train on digits, each with the beginning of the line that gets a NaN.
const PLANTED: [(&str, &str); 11] = [
    ("cnn", "second = "),
    ("softmax", "logits = "),
    ("vae", "moments = "),
    ("rnn", "logits = "),
    ("lstm", "logits = "),
    ("gru", "logits = "),
    ("gan", "other_fake = "),
    ("transfer", "second = "),
    ("binary", "hidden = "),
    ("hinge", "hidden = "),
    ("mlp", "logits = "),
];

/// What makes a NaN of anything, and stands behind all of the model's lines.
const PLANT: &str = "\nfn planted(x) {\n    return x + sqrt(-1.0 - mean(x * x))\n}\n";

#[test]
fn a_nan_is_reported_at_the_line_that_makes_it() {
    let place = Workplace::empty("nans");
    for (model, begins) in PLANTED {
        place.done(&format!("new {model} --model {model}"));
        let name = format!("{model}.graph");
        let text = place.text(&name);
        let train = format!("train {name} --data digits?rows=64 --epochs 1 --check-nan");
        place.done(&train);
        let (number, line) = (1..)
            .zip(text.lines())
            .find(|(_, line)| line.starts_with(begins))
            .unwrap_or_else(|| panic!("{model} has no line that begins with `{begins}`"));
        // What else the line names stays as it is called.
        let (variable, value) = line.split_once(" = ").expect("an assignment");
        let planted = format!("{variable} = planted({value})");
        let of_logits = text.replace("logits.w", "logits.dense.w");
        place.write(&name, of_logits.replace(line, &planted) + PLANT);
        let found = place.run(&train);
        assert_eq!(found.status, 1, "{model}: {}", found.stderr);
        for wanted in ["E0672", &format!("{name}:{number}:"), "NaN", "computed going forward"] {
            assert!(found.stderr.contains(wanted), "{model}: no {wanted} in {}", found.stderr);
        }
    }
}

/// A NaN of the optimiser, one of a gradient, and an infinity that the file asks for.
#[test]
fn what_is_found_says_which_part_of_the_step_made_it() {
    let place = Workplace::empty("nan_parts");
    let model = |loss: &str, lr: &str| {
        format!(
            "input image: f32[batch, 28, 28]\ninput label: i32[batch]\n\
             logits = dense(flatten(image), 10)\nhidden = select(label == 99, 0.0, -1.0 / 0.0)\n\
             gone = mean(exp(hidden))\n\
             loss = sparse_softmax_cross_entropy(logits, label){loss}\n\
             minimize loss + gone with sgd(lr={lr})\n"
        )
    };
    let train = "train model.graph --data digits?rows=64 --epochs 1 --check-nan";
    place.write("model.graph", model("", "0.1"));
    place.done(train);
    // The square of a small number is 0, of which the gradient of a root is infinite.
    place.write("model.graph", model(" + mean(sqrt(square(logits * 1e-30)))", "0.1"));
    let found = place.run(train).stderr;
    assert!(found.contains("going backward") && found.contains("model.graph:6:"), "{found}");
    place.write("model.graph", model("", "1e38 * 1e3"));
    let found = place.run(train).stderr;
    assert!(found.contains("by the optimiser") && found.contains("model.graph:7:"), "{found}");
}

/// In a loop of kernels and in one within a kernel it is the line in the loop, and the iteration; where
/// the loop itself has an infinity, only NaN counts.
#[test]
fn what_a_loop_makes_is_found() {
    let place = Workplace::empty("nan_loops");
    let model = |rows: usize, next: &str| {
        format!(
            "input image: f32[batch, 28, 28]\ninput label: i32[batch]\n\
             h = scan(row in transpose(image, [1, 0, 2]), h = zeros([batch, {rows}])) {{\n\
             \x20   next = tanh(dense(row, {rows}) + h)\n    h = {next}\n}}\n\
             minimize sparse_softmax_cross_entropy(dense(h, 10), label) with sgd(lr=0.1)\n"
        )
    };
    let train = "train model.graph --data digits?rows=64 --epochs 1 --check-nan";
    for rows in [16, 700] {
        for (made, what) in [("next / (next - next)", "infinite"), ("sqrt(next - 2.0)", "NaN")] {
            place.write("model.graph", model(rows, made));
            let found = place.run(train);
            for wanted in [what, "model.graph:5:", "in iteration 0 of its loop"] {
                assert!(found.stderr.contains(wanted), "no {wanted} in {}", found.stderr);
            }
        }
        place.write("model.graph", model(rows, "select(next > -2.0, next, -1.0 / 0.0)"));
        place.done(train);
    }
}

/// What is not finite in a later iteration was made of what an earlier one made, or in a loop in the loop.
#[test]
fn what_a_loop_makes_later_is_found() {
    let place = Workplace::empty("nan_later");
    let inner = "scan(k in iota(3), s = h) {\n        s = sqrt(s - 5.0 * cast(k, f32))\n    }";
    let bodies = [
        ("big = exp(mean(row) * 2000.0)\n    h = h + big * 0.0", "4:", Some(2), "infinite"),
        ("h = next(h)\n    e = h - h", "13:", Some(3), "infinite"),
        (&format!("h = {inner}"), "5:", None, "NaN"),
    ];
    for (body, line, iteration, what) in bodies {
        let text = format!(
            "input image: f32[batch, 28, 28]\ninput label: i32[batch]\n\
             h = scan(row in transpose(image, [1, 0, 2]), h = zeros([batch, 16])) {{\n    {body}\n}}\n\
             minimize sparse_softmax_cross_entropy(dense(h, 10), label) with sgd(lr=0.1)\n"
        );
        let lines = text.lines().count();
        let blank = "\n".repeat(11_usize.saturating_sub(lines));
        let next = "fn next(h) {\n    return h * 1e12 + 1e3\n}\n";
        place.write("model.graph", text + &blank + next);
        let train = "train model.graph --data digits?rows=64 --epochs 1";
        for how in ["", " --check-nan"] {
            let found = place.run(&format!("{train}{how}")).stderr;
            let iteration = iteration.map(|n| format!("in iteration {n} of its loop"));
            let wanted = [Some(what.to_string()), Some(format!("model.graph:{line}")), iteration];
            for wanted in wanted.into_iter().flatten() {
                assert!(found.contains(&wanted), "no {wanted} in {found}");
            }
        }
    }
}

#[test]
fn values_are_traced_by_name() {
    let place = Workplace::empty("traced");
    place.done("new mlp --model mlp");
    let train = "train mlp.graph --data digits?rows=64 --batch-size 16 --epochs 2";
    let plain = place.done(&format!("{train} --save plain.safetensors")).stdout;
    let traced = "--trace-values hidden --trace-values d.hidden --save traced.safetensors";
    let out = place.done(&format!("{train} {traced}")).stdout;
    let lines: Vec<&str> = out.lines().filter(|line| line.starts_with("step ")).collect();
    let begins = |line: &&&str| line.split(", ").next().map(str::to_string);
    let found: Vec<String> = lines.iter().filter_map(|line| begins(&line)).collect();
    let wanted = [0, 3, 7]
        .map(|step| ["hidden", "d.hidden"].map(|name| format!("step {step}: {name}: f32[16")));
    assert_eq!(found, wanted.as_flattened(), "{out}");
    assert!(lines.iter().all(|line| line.contains("deviation")), "{out}");
    let rest: Vec<&str> = out.lines().filter(|line| !line.starts_with("step ")).collect();
    assert_eq!(rest.join("\n"), plain.trim_end());
    assert_eq!(place.bytes("plain.safetensors"), place.bytes("traced.safetensors"));
    let unknown = place.run(&format!("{train} --trace-values hiden"));
    assert!(unknown.status == 1 && unknown.stderr.contains("E0301"), "{}", unknown.stderr);
}
