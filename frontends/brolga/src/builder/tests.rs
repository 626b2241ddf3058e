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
        g.call_list("lstm", (x, 8));
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
];

/// The function of the library that gives a list.
const LISTS: &[&str] = &["clip_by_global_norm"];

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
        g.update("seen", g.variable("seen") + 1.0);
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
