use brolga_compiler::ir::MetricKind;
use brolga_text::std_functions;

use super::*;

#[test]
fn errors_are_reported_together_at_their_lines() {
    let line = line!();
    let errors = build_module(|g| {
        let x = g.input("x", f32([g.dim("batch"), 3.into()]));
        let w = g.param("w", f32([4.into(), 2.into()]), 0.0);
        let y = (x.matmul(w) + 1.0).tanh();
        let z = x + w;
        g.output("y", y * z);
        g.input("x", f32([]));
        g.dense(w, "many");
        g.call("dens", (w, 1));
        let [_] = g.call_list("lstm", (x, 8));
    })
    .expect_err("six things do not fit");
    let found: Vec<(u32, &str)> =
        errors.iter().map(|e| (e.provenance.sites()[0].chain[0].line - line, e.code)).collect();
    let expected =
        [(4, "E0203"), (5, "E0202"), (7, "E0302"), (8, "E0218"), (9, "E0303"), (10, "E0304")];
    assert_eq!(found, expected, "{errors:#?}");
    assert_eq!(errors[4].help.as_deref(), Some("is `dense` meant?"));
    let inside = &errors[3].provenance.sites()[0].chain[1];
    assert_eq!(&*inside.file, "std.graph");
}

/// What stands for a list that could not be made has as many values as were asked for.
#[test]
fn lists_that_could_not_be_made_are_reported() {
    let errors = build_module(|g| {
        let x = g.input("x", f32([g.dim("batch"), 4.into()]));
        g.output("gradient", g.grad(x, &[x])[0]);
        g.output("clipped", g.clip_by_global_norm(&[x, x], "a name")[1]);
        let [h, _] = g.lstm_cell(x, x.mean(), x);
        let [_, _, third] = g.with("axis", 1).call_list("split", (x, 2));
        g.output("sum", h + third);
    })
    .expect_err("four lists cannot be made");
    let codes: Vec<&str> = errors.iter().map(|e| e.code).collect();
    assert_eq!(errors.len(), 4, "{errors:#?}");
    assert_eq!(codes[3], "E0309", "{errors:#?}");
}

#[test]
fn what_an_update_is_about_to_write_stays_in_it() {
    for in_update in [true, false] {
        let errors = build_module(|g| {
            g.state("a", f32([]), 0.0);
            g.state("b", f32([]), 0.0);
            let mut kept = g.constant(0.0);
            g.update("a", |a| {
                kept = a;
                a + 1.0
            });
            if in_update {
                g.update("b", |_| kept);
            } else {
                g.metric("a", kept);
            }
        })
        .expect_err("it is read elsewhere");
        let codes: Vec<&str> = errors.iter().map(|e| e.code).collect();
        assert_eq!(codes, ["E0407"], "{errors:#?}");
    }
}

#[test]
fn modes_must_have_the_same_variables() {
    let errors = build_module(|g| {
        if g.training() {
            g.param("w", f32([]), 0.0);
        }
    })
    .expect_err("only one mode has it");
    assert_eq!(errors[0].code, "E0401");
}

/// The functions of the library that are parts of others.
const INTERNAL: &[&str] = &[
    "root_of_squares",
    "scale_of_squares",
    "largest_size",
    "direction",
    "fans",
    "central_erfinv",
    "scaled_normal",
    "split_heads",
    "reduce_loss",
    "hits",
    "target_of",
    "positives",
    "smoothed",
    "window_of",
    "strides_of",
    "transposed_size",
    "first_state",
    "times_seen",
    "where_seen",
    "gru_step",
    "lstm_step",
    "lstm_bias",
    "weighted",
    "beside",
];

/// The functions of the library that give a list.
const LISTS: &[&str] = &["clip_by_global_norm", "lstm_cell"];

#[test]
fn every_function_of_the_library_is_a_method() {
    for (name, text) in std_functions() {
        let head = text.lines().find_map(|line| line.strip_prefix("fn ")).expect("it is a `fn`");
        let formals = head.split_once('(').expect("its arguments").1;
        let ends = formals.find(['=', ')']).expect("they end");
        let mut required: Vec<&str> = formals[..ends].split(", ").collect();
        if formals[ends..].starts_with('=') {
            required.pop();
        }
        if required.starts_with(&["shape", "dtype"]) {
            let known = init::NAMES.contains(&&*name) || INTERNAL.contains(&&*name);
            assert!(known, "the initialiser `{name}` is not in `init`");
        } else if !INTERNAL.contains(&&*name) && !LISTS.contains(&&*name) {
            let found = library::FUNCTIONS.iter().find(|(function, _)| *function == name);
            let (_, arguments) = found.unwrap_or_else(|| panic!("`{name}` is no method"));
            assert_eq!(*arguments, required, "the arguments of `{name}`");
        }
    }
}

#[test]
fn all_initialisers_make_variables() {
    let arguments = |name: &str| match name {
        "constant" => vec![0.5.into()],
        "uniform" | "normal" | "truncated_normal" => vec![0.0.into(), 1.0.into()],
        _ => vec![],
    };
    build_module(|g| {
        for name in init::NAMES.iter().filter(|name| **name != "load") {
            g.param(name, f32([4.into(), 4.into()]), init::of(name, arguments(name)));
        }
    })
    .expect("all fit");
}

#[test]
fn totals_belong_to_their_metric() {
    let module = build_module(|g| {
        let p = g.input("p", f32([g.dim("batch")]));
        g.metric_of("f1", || g.f1(p, p));
        g.metric("mean", p.mean());
    })
    .expect("it fits");
    assert!(matches!(module.infer.metrics[0].kind, MetricKind::Total { .. }));
    assert!(matches!(module.infer.metrics[1].kind, MetricKind::Mean(_)));
    let errors = build_module(|g| {
        let p = g.input("p", f32([g.dim("batch")]));
        let mut kept = p;
        g.metric_of("n", || {
            kept = g.total(p.mean());
            kept
        });
        g.output("y", kept + 1.0);
        g.output("z", g.total(p.mean()));
    })
    .expect_err("totals elsewhere");
    assert!(errors.len() == 2 && errors.iter().all(|e| e.code == errors[0].code), "{errors:?}");
}

#[test]
fn names_are_those_of_the_language() {
    let module = build_module(|g| {
        let x = g.input("x", f32([g.dim("batch"), 6.into()]));
        let block = |x| g.layer("block", || g.rms_norm(g.dense(x, 6)));
        let h = block(block(x));
        let h = g.bind("h", || g.dense(h, 6).relu() + g.dense(h, 6));
        let y = g.named("fc").with("bias", false).dense(h, 2);
        let tied = y.matmul(g.call("transpose", (g.variable("fc.w"),)));
        g.state("seen", f32([]), 0.0);
        g.update("seen", |seen| seen + 1.0);
        g.output("y", tied);
    })
    .expect("it fits");
    let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    let expected = [
        "block.dense.w",
        "block.dense.b",
        "block.rms_norm.gamma",
        "block.1.dense.w",
        "block.1.dense.b",
        "block.1.rms_norm.gamma",
        "h.dense.w",
        "h.dense.b",
        "h.dense.1.w",
        "h.dense.1.b",
        "fc.w",
        "seen",
    ];
    assert_eq!(names, expected);
    assert!(module.infer.find("h").is_some());
    let dense = module.infer.find("h").map(|h| module.infer.node(h).provenance.clone());
    let place = dense.map(|provenance| provenance.to_string()).unwrap_or_default();
    assert!(place.contains("builder/tests.rs:"), "{place}");
}

#[test]
fn inputs_that_data_feed_have_the_same_rows() -> Result<(), Box<dyn std::error::Error>> {
    let line = line!();
    let inputs = |g: &GraphBuilder, names: [&str; 2]| {
        let [x, y] = names.map(|rows| g.input(rows, f32([g.dim(rows), 3.into()])).mean());
        g.output("y", x - y);
    };
    let errors = build_module(|g| {
        inputs(g, ["a", "b"]);
        g.metric("m", g.call("relu", (g.input("c", f32([4.into()])),)).mean());
    });
    assert!(errors.is_ok(), "`c` alone is fed to what is reported");
    let errors = build_module(|g| {
        let a = g.input("a", f32([g.dim("n"), 3.into()]));
        let b = g.input("b", f32([4.into()]));
        g.metric("m", a.mean() - b.mean());
    })
    .expect_err("`a` and `b` are fed together");
    assert_eq!((errors.len(), errors[0].code), (1, "E0614"));
    assert_eq!(errors[0].provenance.sites()[0].chain[0].line, line + 12);
    assert!(errors[0].message.contains("`a: f32[n, 3]` and `b: f32[4]`"), "{}", errors[0]);

    let module = build_module(|g| inputs(g, ["a", "b"])).expect("`run` may be fed anything");
    let mut session = crate::Session::new(module, Default::default())?;
    let error =
        crate::predict(&mut session, &crate::load_data("digits?rows=9")?, &[], &Default::default())
            .expect_err("`predict` is fed by rows");
    assert_eq!(error.code(), "E0614");
    Ok(())
}

#[test]
fn loops_shared_layers_and_rare_steps_are_those_of_the_language() {
    let text = r#"
input x: f32[batch, 5, 4]
fn judge(x) = dense(dense(x, 3, act=tanh), 1)
shared critic: judge
last, all = scan(p in x, axis=1, reverse=true, h = zeros([batch, 4])) {
    h = tanh(p + dense(h, 4, name="turn"))
    emit critic(h)
}
a = critic(last)
loss = mean(square(a)) + sum(all)
output a
step often: minimize loss over critic with sgd(lr=0.1)
step rarely: minimize loss over turn with sgd(lr=0.1) every 5
"#;
    let read = &|_: &str| Err("it imports nothing".to_string());
    let limits = brolga_text::Limits::default();
    let options =
        brolga_text::LoadOptions { consts: &[], import: read, limits, keep_gradients: false };
    let written = brolga_text::load("text.graph", text.as_bytes(), &options).expect("it is read");
    let made = build_module(|g| {
        let x = g.input("x", f32([g.dim("batch"), 5.into(), 4.into()]));
        let critic = |x| {
            let hidden = |x| g.with("act", function("tanh")).dense(x, 3);
            g.shared("critic", || g.dense(hidden(x), 1))
        };
        let start = g.call("zeros", (vec![g.dim("batch"), 4.into()],));
        let walk = g.with("axis", 1).with("reverse", true);
        let results = walk.scan(&[x], &[start], |p, h| {
            let h = (p[0] + g.named("turn").dense(h[0], 4)).tanh();
            Turn { next: vec![h], emitted: vec![critic(h)] }
        });
        let a = critic(results[0]);
        let loss = a.square().mean() + g.call("sum", (results[1],));
        g.output("a", a);
        g.minimize_over("often", loss, &[(&["critic"], Optimizer::sgd(0.1))]);
        g.minimize_every("rarely", 5, loss, &[(&["turn"], Optimizer::sgd(0.1))]);
    })
    .expect("it fits");
    let types = |module: &Module| -> Vec<String> {
        let variables = module.variables.iter();
        variables.map(|(name, v)| format!("{name}: {}", v.tensor_type)).collect()
    };
    assert_eq!(types(&made), types(&written.module));
    let every = |module: &Module| module.train.steps.iter().map(|s| s.every).collect::<Vec<_>>();
    assert_eq!((every(&made), every(&written.module)), (vec![1, 5], vec![1, 5]));
    let outputs = |module: Module| {
        let mut session = crate::Session::new(module, Default::default()).expect("it compiles");
        let batch: Vec<f32> = (0..60).map(|i| (i as f32 * 0.7).sin()).collect();
        let x = crate::Literal::from_vec(&[3, 5, 4], batch).expect("60 numbers");
        let mut binding = crate::Binding::default();
        binding.bind("batch", 3);
        let fed = [("x".into(), x)].into_iter().collect();
        let entry = crate::Entry::Run { fetch: vec![] };
        session.run(&entry, &binding, &fed).expect("it runs").outputs
    };
    assert_eq!(outputs(made), outputs(written.module));
}

#[test]
fn what_a_loop_makes_leaves_it_as_its_result() {
    let errors = build_module(|g| {
        let x = g.input("x", f32([g.dim("n"), 3.into()]));
        let mut kept = x;
        let results = g.scan(&[x], &[], |x, _| {
            kept = x[0] * 2.0;
            Turn { next: vec![], emitted: vec![kept] }
        });
        g.output("y", results[0] + kept);
        g.scan(&[x], &[x], |x, _| Turn { next: vec![x[0]], emitted: vec![] });
        g.scan(&[x], &[x], |x, _| Turn { next: vec![], emitted: vec![x[0]] });
        g.scan(&[], &[x], |_, h| Turn { next: vec![h[0]], emitted: vec![] });
        let sums =
            g.with("axis", 5).scan(&[x], &[x], |_, h| Turn { next: h.into(), emitted: vec![] });
        g.output("z", sums[0]);
        let part = x.slice(1, 1, 2);
        assert_eq!(part.tensor_type().map(|t| t.to_string()), Some("f32[n, 2]".to_string()));
        g.output("part", part);
        g.output("beyond", x.slice(2, 0, 1));
    })
    .expect_err("six things do not fit");
    let codes: Vec<&str> = errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, ["E0409", "E0213", "E0213", "E0213", "E0206", "E0208"], "{errors:#?}");
}
