use brolga_compiler::ir::{Binding, Literal};

use super::*;
use crate::modules::{lookup, regression};

fn options(backend: Backend) -> SessionOptions {
    SessionOptions { threads: 2, backend, memory_limit: 1 << 24, ..SessionOptions::default() }
}

fn f32s(sizes: &[usize], elements: &[f32]) -> Literal {
    Literal::from_vec(sizes, elements.to_vec()).expect("as many elements")
}

fn feeds(rows: usize) -> IndexMap<Name, Literal> {
    let x: Vec<f32> = (0..3 * rows).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
    let y: Vec<f32> = x.chunks(3).map(|x| x[0] - 2.0 * x[1] + 0.5 * x[2]).collect();
    [("x".into(), f32s(&[rows, 3], &x)), ("y".into(), f32s(&[rows], &y))].into_iter().collect()
}

fn batch(n: u64) -> Binding {
    [("batch", n)].into_iter().collect()
}

const BACKENDS: [Backend; 4] =
    [Backend::Jit, Backend::Interpreter, Backend::Eager, Backend::Oracle];

#[test]
fn training_writes_variables_and_reports() {
    for backend in BACKENDS {
        let mut session = Session::new(regression(), options(backend)).expect("a session");
        let mut losses = vec![];
        for _ in 0..200 {
            let results = session.run(&Entry::Train, &batch(8), &feeds(8)).expect("it trains");
            losses.push(results.metrics["loss"].scalars().next().expect("a scalar").to_f64());
            let rmse = results.metrics["rmse"].scalars().next().expect("a scalar").to_f64();
            assert!((rmse * rmse - losses[losses.len() - 1]).abs() < 1e-6);
        }
        assert!(losses[199] < 0.05 * losses[0], "{losses:?}");
        let eval = session.run(&Entry::Eval, &batch(5), &feeds(5)).expect("it evaluates");
        assert!(eval.metrics["rmse"].scalars().next().expect("a scalar").to_f64() < 0.1);
    }
}

#[test]
fn only_eager_steps_call_eval() {
    for backend in BACKENDS {
        let mut session = Session::new(regression(), options(backend)).expect("a session");
        let mut prepared = session.prepare(&Entry::Train, &batch(8)).expect("it compiles");
        prepared.feed_all(&feeds(8)).expect("they fit");
        prepared.run(0).expect("it runs");
        let calls = prepared.eval_calls();
        match backend {
            Backend::Jit | Backend::Interpreter => assert_eq!(calls, 0, "{backend:?}"),
            Backend::Eager | Backend::Oracle => assert!(calls > 10, "{backend:?}: {calls}"),
        }
    }
}

#[test]
fn programs_are_kept_and_the_oldest_go() {
    let mut session = Session::new(regression(), options(Backend::Eager)).expect("a session");
    for n in 1..=20 {
        session.prepare(&Entry::Eval, &batch(n)).expect("it compiles");
        session.prepare(&Entry::Eval, &batch(1)).expect("it compiles");
    }
    assert_eq!(session.instances.len(), MAX_PROGRAMS);
    assert!(session.instances.iter().any(|i| i.is_for(&Entry::Eval, &batch(1))));
    assert!(!session.instances.iter().any(|i| i.is_for(&Entry::Eval, &batch(2))));
}

#[test]
fn feeds_are_checked() {
    let mut session = Session::new(regression(), options(Backend::Eager)).expect("a session");
    let mut code = |feeds: &IndexMap<Name, Literal>| {
        session.run(&Entry::Eval, &batch(4), feeds).expect_err("it does not fit").code()
    };
    assert_eq!(code(&feeds(5)), "E0612");
    assert_eq!(code(&[("z".into(), f32s(&[1], &[0.0]))].into_iter().collect()), "E0657");
    assert_eq!(code(&IndexMap::new()), "E0656");
}

#[test]
fn an_index_out_of_range_names_the_node() {
    for backend in BACKENDS {
        let mut session = Session::new(lookup(), options(backend)).expect("a session");
        let ids = |ids: &[i32]| {
            let literal = Literal::from_vec(&[ids.len()], ids.to_vec()).expect("a vector");
            [("id".into(), literal)].into_iter().collect::<IndexMap<Name, Literal>>()
        };
        let entry = Entry::Run { fetch: vec![] };
        let results = session.run(&entry, &batch(2), &ids(&[0, 9])).expect("in range");
        assert_eq!(results.outputs["row"], f32s(&[2], &[1.0; 2]));
        let error = session.run(&entry, &batch(2), &ids(&[0, 10])).expect_err("out of range");
        assert_eq!((error.code(), error.fault()), ("E0655", crate::Fault::Input));
        let message = "the index 10 is out of range for a dimension of 10, in `row`";
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn values_are_loaded_before_and_after_the_first_use() {
    let w = |x: f32| -> IndexMap<Name, Literal> {
        [("w".into(), f32s(&[3], &[x; 3])), ("v".into(), f32s(&[], &[x]))].into_iter().collect()
    };
    let mut session = Session::new(regression(), options(Backend::Eager)).expect("a session");
    let loaded = session.set_variables(w(2.0)).expect("it fits");
    assert_eq!((loaded.matched, loaded.unknown), (vec!["w".into()], vec!["v".into()]));
    session.initialise(&Binding::default()).expect("it is bound");
    assert_eq!(session.variable("w"), Some(f32s(&[3], &[2.0; 3])));
    session.set_variables(w(3.0)).expect("it fits");
    assert_eq!(session.variable("w"), Some(f32s(&[3], &[3.0; 3])));
    let wrong = [("w".into(), f32s(&[2], &[0.0; 2]))].into_iter().collect();
    assert_eq!(session.set_variables(wrong).expect_err("another type").code(), "E0661");
}

#[test]
fn what_does_not_fit_in_memory_is_refused() {
    for backend in BACKENDS {
        let mut session = Session::new(regression(), options(backend)).expect("a session");
        let mut code = |n| {
            let prepared = session.prepare(&Entry::Eval, &batch(n));
            prepared.and_then(|mut p| p.run(0)).err().map(|e| e.code())
        };
        assert_eq!(code(4), None);
        assert_eq!(code(1 << 60), Some("E0216"));
        assert!(matches!(code(1 << 40), Some("E0505" | "E0652")));
        assert_eq!(code(1_300_000), Some("E0652"));
        assert_eq!(code(4), None, "it is still of use");
    }
}
