//! The program in `example` is built as Cargo would, by its build script and `rustc`, and computes what
//! a session does, to the bit.

use std::path::{Path, PathBuf};
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

/// Inputs and outputs of every type, names that are words of Rust, numbers and tables.
const KINDS: &str = "\
graph kinds
input type: f64[n, 2]
input self: i64[n]
input io: u8[n]
input match: bool[n, 3]
input result: f32
w = dense(cast(type, f32), 3)
output loop = cast(type, f32) * result
output next = self + 1
output bytes = io
output flags = match
output first: f64 = type[0, 0]
metric matrix = confusion_matrix(w, cast(io, i32))
minimize mean(square(w)) * result with sgd(lr=0.1)
";

/// What calls it.
const CALLS: &str = "\
mod kinds {
    include!(concat!(env!(\"OUT_DIR\"), \"/kinds.rs\"));
}
fn main() {
    let mut model = kinds::Model::new(0).expect(\"a model\");
    let (matrix, loss) = (&mut [0.0; 9], &mut 0.0);
    for _ in 0..2 {
        *loss = model.train(&[0.5; 14], &[0, 1, 2, 0, 1, 2, 0], 2.0, matrix).expect(\"it trains\").loss;
    }
    println!(\"{} {}\", *loss > 0.0, matrix.iter().sum::<f32>());
    let (mut floats, mut numbers) = ([0.0; 14], [0i64; 7]);
    let (mut bytes, mut flags) = ([0u8; 7], [false; 21]);
    let mut all = [false; 21];
    all[20] = true;
    let found = model
        .predict(&[0.25; 14], &[41; 7], &[9; 7], &all, 2.0, &mut floats, &mut numbers, &mut bytes, &mut flags)
        .expect(\"it predicts\");
    println!(\"{} {} {} {:?} {}\", floats[13], numbers[6], bytes[6], &flags[19..], found.first);
}
";

#[test]
fn the_build_script() {
    match std::env::var(IS_SCRIPT).as_deref() {
        Ok("example") => script::run().expect("the model compiles"),
        Ok(path) => brolga_build::Model::new(path).dim("n", 7).compile().expect("it compiles"),
        Err(_) => {}
    }
}

/// Builds `main` in `own` as Cargo would: by what the build script `model` says.
fn built(own: &Path, folder: &Path, (model, main): (&str, &str)) -> PathBuf {
    let tests = std::env::current_exe().expect("this runs");
    let mut script = Command::new(tests);
    script.args(["the_build_script", "--exact", "--nocapture"]);
    let said = done(script.current_dir(own).env("OUT_DIR", folder).env(IS_SCRIPT, model));
    assert!(said.contains("cargo:rerun-if-changed="), "{said}");
    let program = folder.join("program");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "-O", "-D", "warnings", main, "-o"]).arg(&program);
    for line in said.lines() {
        let Some((what, value)) = line.split_once('=') else { continue };
        match what {
            "cargo:rustc-link-search" => rustc.arg("-L").arg(value),
            "cargo:rustc-link-lib" => rustc.arg("-l").arg(value),
            _ => &mut rustc,
        };
    }
    done(rustc.current_dir(own).env("OUT_DIR", folder));
    program
}

#[test]
fn every_kind_of_argument_is_taken_and_given() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kinds");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    std::fs::write(folder.join("kinds.graph"), KINDS).expect("the folder is ours");
    std::fs::write(folder.join("main.rs"), CALLS).expect("the folder is ours");
    let program = built(&folder, &folder, ("kinds.graph", "main.rs"));
    let said = done(&mut Command::new(program));
    assert_eq!(said, "true 7\n0.5 42 9 [false, true] 0.25\n");
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
    let program = built(&own, &folder, ("example", "src/main.rs"));
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
