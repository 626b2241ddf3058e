//! A variable begins with the bits that its compiled program computes, which a library for C runs too,
//! whether a session has compiled it or walked its nodes.

use brolga_compiler::compile::{Options, compile_initial};
use brolga_compiler::ir::Binding;
use brolga_compiler::ops::is_exact;
use brolga_compiler::program::{Memories, run_program};
use brolga_runtime::host_target;
use brolga_runtime::session::{Backend, Session, SessionOptions};

const SEED: i64 = 3;

const INITIALISERS: [&str; 16] = [
    "zeros",
    "0.25",
    "uniform(-1, 3)",
    "normal(0.5, 2)",
    "truncated_normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
    "orthogonal(gain=0.3)",
    "scaled",
    "stepped",
    "mixed",
];

const OWN: &str = "\
fn scaled(shape, dtype) = 0.7 * uniform(shape, dtype) + 1 / 3
fn stepped(shape, dtype) = floor(8 * random_uniform(shape, 0, 1, dtype=dtype)) / 7
fn mixed(shape, dtype) = sqrt(random_uniform(shape, 0, 1, dtype=dtype)) - exp(normal(shape, dtype))
";

/// Those of the same bits in every way, for which nothing needs to be compiled.
const EXACT: [&str; 8] = [
    "zeros",
    "0.25",
    "uniform(-1, 3)",
    "glorot_uniform",
    "he_uniform",
    "lecun_uniform",
    "scaled",
    "stepped",
];

#[test]
fn variables_begin_with_what_their_programs_compute() {
    let (target, options) = (host_target(), Options::default());
    for shape in ["1, 1", "7, 7", "33, 20", "20, 33", "3, 3, 5, 7"] {
        for dtype in ["f32", "f64"] {
            let variable =
                |(i, init): (usize, &&str)| format!("param v{i}: {dtype}[{shape}] = {init}\n");
            // Twice each: the second has the first's program, with keys of its own.
            let twice = INITIALISERS.iter().chain(&INITIALISERS);
            let text: String = twice.clone().enumerate().map(variable).collect();
            let text = format!("{OWN}{text}output x = v0\n");
            let loaded = brolga_text::load("initial.graph", text.as_bytes(), &Default::default());
            let module = loaded.unwrap_or_else(|e| panic!("{e}")).module;
            let sessions = [(Backend::Jit, 1), (Backend::Jit, 3), (Backend::Interpreter, 1)];
            let sessions = sessions.map(|(backend, threads)| {
                let of = SessionOptions { backend, threads, seed: SEED, ..Default::default() };
                let mut session = Session::new(module.clone(), of).expect("a session");
                session.initialise(&Binding::default()).expect("values");
                session
            });
            for ((name, variable), init) in module.variables.iter().zip(twice) {
                assert_eq!(is_exact(&variable.initial), EXACT.contains(init), "{init}");
                let program = compile_initial(variable, &Binding::default(), &target, &options);
                let program = program.expect("it compiles");
                let mut memories = Memories::new(&program).expect("sizes");
                memories.seed = SEED;
                run_program(&program, &target, &mut memories);
                for session in &sessions {
                    let (backend, threads) = (session.options().backend, session.options().threads);
                    let found = session.variable(name).expect("it has a value").to_bytes();
                    let place = format!("{dtype}[{shape}] = {init}, {backend:?} on {threads}");
                    assert!(found == memories.outputs[0][..found.len()], "{place}");
                }
            }
        }
    }
}
