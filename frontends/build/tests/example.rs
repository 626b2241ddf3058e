//! The program in `example` is built as Cargo would, by its build script and `rustc`, and computes what
//! a session does, to the bit.

use std::path::Path;
use std::process::Command;

use brolga::{DType, Graph, Literal, Session, SessionOptions};

/// Set where this is to be the build script, which Cargo runs in the folder of the program.
const IS_SCRIPT: &str = "BROLGA_TEST_IS_SCRIPT";

mod script {
    include!("../example/build.rs");

    pub(super) fn run() -> Result<(), brolga_build::Error> {
        main()
    }
}

#[test]
fn the_build_script() {
    if std::env::var_os(IS_SCRIPT).is_some() {
        script::run().expect("the model compiles");
    }
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes text");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}{stderr}");
    stdout
}

/// The points of the program's batches.
fn batches(n: usize) -> Vec<[Literal; 2]> {
    let mut state = 1u64;
    let mut coordinate = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let mut batch = || {
        let points: Vec<f32> = (0..64).map(|_| coordinate()).collect();
        let inside = points.chunks(2).map(|p| i32::from(p[0] * p[0] + p[1] * p[1] < 0.5)).collect();
        let points = Literal::from_vec(&[32, 2], points).expect("two a point");
        [points, Literal::from_vec(&[32], inside).expect("one a point")]
    };
    (0..n).map(|_| batch()).collect()
}

#[test]
fn the_example_trains_as_a_session_does() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("example");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("circle");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let tests = std::env::current_exe().expect("this runs");
    let mut script = Command::new(tests);
    script.args(["the_build_script", "--exact", "--nocapture"]);
    let said = done(script.current_dir(&own).env("OUT_DIR", &folder).env(IS_SCRIPT, "1"));
    assert!(said.contains("cargo:rerun-if-changed=circle.graph\n"), "{said}");
    let program = folder.join("circle");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "-O", "-D", "warnings", "src/main.rs", "-o"]).arg(&program);
    for line in said.lines() {
        let Some((what, value)) = line.split_once('=') else { continue };
        match what {
            "cargo:rustc-link-search" => rustc.arg("-L").arg(value),
            "cargo:rustc-link-lib" => rustc.arg("-l").arg(value),
            _ => &mut rustc,
        };
    }
    done(rustc.current_dir(&own).env("OUT_DIR", &folder));
    let said = done(&mut Command::new(&program));
    let mut lines = said.lines();

    let graph = Graph::from_file(own.join("circle.graph")).expect("it is whole");
    let options = SessionOptions { seed: 3, ..SessionOptions::default() };
    let mut session = Session::new(graph, options).expect("a session");
    for (step, [point, inside]) in (1..).zip(batches(500)) {
        let results = session.step([("point", point), ("inside", inside)]).expect("it trains");
        if step % 100 == 0 {
            let metric = |name: &str| results.metrics[name].to_string();
            let (loss, accuracy) = (metric("loss"), metric("accuracy"));
            let number = |text: &str| text.parse::<f32>().expect("a number");
            let line = lines.next().expect("a line");
            let wanted =
                format!("step {step}: loss {}, accuracy {}", number(&loss), number(&accuracy));
            assert_eq!(line, wanted);
        }
    }
    let rest: Vec<&str> = lines.collect();
    assert_eq!(rest[..2], ["[0.0, 0.1] is inside: true", "[0.9, 0.9] is inside: false"]);
    let all = session.variables().filter(|(_, _, value)| value.dtype() == DType::F32);
    for (name, _, value) in all {
        let first = value.scalars().next().expect("it has elements").to_f64() as f32;
        let line = format!("{name}: {:?}, begins with {first}", value.sizes());
        assert!(rest.contains(&line.as_str()), "{line}: {said}");
    }
    let last = &rest[rest.len() - 2..];
    assert!(last[0].contains("the index 7 of `inside` is out of range"), "{said}");
    assert_eq!(last[1], "`point` has 63 elements, and the model's has 64");
}
