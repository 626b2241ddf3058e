//! `brolga compile`: programs in C that train and predict as the command does, to the bit. They are
//! compiled by `cc`, which Rust links with too.

mod arm;
mod calls;
mod lines;
mod together;

use std::path::Path;
use std::process::Command;

use brolga::data::load;
use brolga::{Checkpoint, Literal, Source, Split};

use crate::workplace::{Outcome, Workplace};

const ROWS: usize = 320;

const DIGIT: &str = "graph digit\n\
    input image: f32[batch, 28, 28]\ninput label: i32[batch]\n\
    hidden = relu(dense(reshape(image, [batch, 784]), 32))\n\
    logits = dense(dropout(hidden, rate=0.2), 10)\n\
    output probability = softmax(logits)\nmetric accuracy = accuracy(logits, label)\n\
    metric root = rmse(logits, logits * 0.5)\nmetric matrix = confusion_matrix(logits, label)\n\
    minimize sparse_softmax_cross_entropy(logits, label) with adam(lr=0.01)\n";

fn run(place: &Workplace, program: &str, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(program);
    command.current_dir(place.path(".")).args(arguments);
    Outcome::of(command.output().unwrap_or_else(|e| panic!("{program}: {e}")))
}

fn done(place: &Workplace, program: &str, arguments: &[&str]) -> Outcome {
    let outcome = run(place, program, arguments);
    assert_eq!(outcome.status, 0, "{program} {arguments:?}\n{}{}", outcome.stdout, outcome.stderr);
    outcome
}

/// What the program in C has written: names, and bytes under them.
fn named(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![];
    while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
        let line = std::str::from_utf8(&bytes[..end]).expect("a name and a size");
        let (name, size) = line.split_once(' ').expect("a name and a size");
        let size: usize = size.parse().expect("a size in digits");
        all.push((name.to_string(), bytes[end + 1..end + 1 + size].to_vec()));
        bytes = &bytes[end + 1 + size..];
    }
    all
}

/// The arrays of so many generated digits, each in a file of its own.
fn write_digits(place: &Workplace, rows: usize) {
    let source = Source::parse(&format!("digits?rows={rows}")).expect("a source");
    let data = load(&source, Split::Train).expect("it is made");
    for (name, _) in data.arrays() {
        let array = data.array(name).expect("it is listed").whole();
        place.write(&format!("{name}.bin"), array.to_bytes());
    }
}

#[test]
fn a_program_in_c_trains_as_the_command_does() {
    let place = Workplace::empty("compiled");
    place.write("digit.graph", DIGIT);
    write_digits(&place, ROWS);
    place.write("train.c", include_str!("compile/train.c"));
    let entries = "--entry train:batch=32 --entry predict:batch=32";
    let compile = format!("compile digit.graph {entries}");
    let report = place.json(&format!("{compile} -o digit.a"));
    assert!(report["code_bytes"]["train"].as_u64().is_some_and(|n| n > 1000), "{report}");
    let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "train.c", "digit.a"];
    let link = ["-Wl,--gc-sections", "-s", "-lpthread", "-lm", "-o", "trainer"];
    done(&place, "cc", &[&flags[..], &link[..]].concat());
    let size = place.bytes("trainer").len();
    assert!(size < 400_000, "the program has {size} bytes");

    let train = "train digit.graph --data digits?rows=320 --no-shuffle --seed 3 --epochs 1";
    place.done(&format!("{train} --log log.jsonl --save w.safetensors"));
    let saved = Checkpoint::load(&place.path("w.safetensors")).expect("it was written").variables;
    place.done(
        "predict digit.graph --data digits?rows=320&split=train --params w.safetensors \
         --output p.npz",
    );
    let predicted = place.read_npz("p.npz")[0].1.to_bytes();
    for threads in ["1", "2", "5"] {
        let rows = ROWS.to_string();
        let arguments = [threads, "image.bin", "label.bin", &rows, "out.bin"];
        let said = done(&place, "./trainer", &arguments).stdout;
        let found = named(&place.bytes("out.bin"));
        assert_eq!(found.len(), saved.len() + 1, "variables, and what is predicted");
        for (name, bytes) in &found {
            let wanted = match saved.iter().find(|(other, _)| other == name) {
                Some((_, value)) => Literal::to_bytes(value),
                None => predicted[..bytes.len()].to_vec(),
            };
            assert!(*bytes == wanted, "{name} on {threads} threads");
        }
        let lines: Vec<&str> = said.lines().collect();
        let steps = place.json_lines("log.jsonl");
        for (line, step) in lines[..ROWS / 32].iter().zip(&steps) {
            let numbers = line.split(' ').map(|number| number.parse().expect("a number"));
            let numbers: Vec<f64> = numbers.collect();
            for (number, name) in numbers.iter().zip(["loss", "accuracy", "root"]) {
                let wanted = step[name].as_f64().expect("a number");
                assert!((number - wanted).abs() <= 1e-6 * wanted, "{name} in {line}: {step}");
            }
            // What lies on the diagonal of the matrix is right, and all of it is a batch.
            let (right, all) = (numbers[3], numbers[4]);
            assert_eq!((right, all), ((32.0 * numbers[1]).round(), 32.0), "{line}");
        }
        let rest = lines[ROWS / 32..].join("\n");
        let message = "error[E0655]: the index 11 of `label` is out of range for `";
        assert!(rest.starts_with(message) && rest.contains("10 to choose from (digit.graph:10)"));
        assert!(
            rest.ends_with("error: the pointer to the arguments or to an input is null\n10 steps"),
            "{rest}"
        );
    }
}

/// The same options make the same bytes; weights are begun with; what cannot be compiled says why.
#[test]
fn libraries_are_made_of_files_and_weights() {
    let place = Workplace::empty("libraries");
    place.write("digit.graph", DIGIT);
    let compile = "compile digit.graph --dim batch=8";
    place.done(&format!("{compile} -o a.a"));
    std::fs::create_dir(place.path("other")).expect("the folder is ours");
    place.done(&format!("{compile} -o other/b.a"));
    assert_eq!(place.bytes("a.a"), place.bytes("other/b.a"));
    assert_eq!(place.text("a.h"), place.text("other/b.h"));
    let symbols = done(&place, "nm", &["-g", "--defined-only", "a.a"]).stdout;
    let own: Vec<&str> = symbols.lines().filter(|line| line.contains(" T digit")).collect();
    assert_eq!(own.len(), 9, "{own:?}");

    place.done("train digit.graph --data digits?rows=64 --epochs 1 --save w.safetensors");
    let report = place.json(&format!("{compile} -o w.so --entry predict --params w.safetensors"));
    assert!(report["weight_bytes"].as_u64().is_some_and(|n| n > 100_000), "{report}");
    let program = "#include \"w.h\"\n#include <stdio.h>\n#include <stdlib.h>\n\
                   static float image[8 * 784], p[80];\nint main(void) {\n\
                   digit *m = digit_init(aligned_alloc(64, digit_bytes()), 0);\n\
                   digit_predict_io io = {image, p};\n\
                   int result = digit_predict(m, &io);\n\
                   printf(\"%d %d %d\\n\", result, (int)digit_steps(m), p[0] + p[9] > 0);\n\
                   return digit_init(image + 1, 0) != NULL; }\n";
    place.write("use.c", program);
    done(&place, "cc", &["use.c", "./w.so", "-o", "user"]);
    assert_eq!(done(&place, "./user", &[]).stdout, "0 2 1\n");

    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for file in ["mnist.c", "mnist_mlp.graph"] {
        std::fs::copy(examples.join(file), place.path(file)).expect("the example is there");
    }
    let entries = "--entry train:batch=32 --entry predict:batch=100";
    place.done(&format!("compile mnist_mlp.graph -o mnist_mlp.a {entries}"));
    let flags = ["-Wall", "-Wextra", "-Werror", "mnist.c", "mnist_mlp.a"];
    done(&place, "cc", &[&flags[..], &["-lpthread", "-lm", "-o", "mnist"]].concat());

    place.done("compile --runtime -o kernels.a");
    place.done(&format!("{compile} -o digit.o"));
    let said = place.done("compile digit.graph -o d.a --entry train").stdout;
    assert!(said.starts_with("with batch=32; see --dim and --entry\n"), "{said}");
    assert!(place.text("d.h").contains("const float *image; /* f32[32, 28, 28] */"));
    for (arguments, status, reason) in [
        ("compile digit.graph --dim batch=8 -o d.dll", 2, "the ending says what is written"),
        ("compile digit.graph --dim batch=8 -o d.a --target z80", 2, "there is no target `z80`"),
        ("compile digit.graph --dim batch=8 -o d.a --entry learn", 2, "there is no entry `learn`"),
        ("compile digit.graph -o d.a --entry train:rows=8", 2, "no input has the dimension `rows`"),
        ("compile -o d.a", 2, "<FILE>"),
    ] {
        let outcome = place.run(arguments);
        assert_eq!(outcome.status, status, "{arguments}: {}", outcome.stderr);
        if status == 2 {
            assert!(outcome.stderr.contains(reason), "{arguments}: {}", outcome.stderr);
        }
    }
}

/// Every model that ships is compiled for the least of its kind, for this processor and for ARM.
#[test]
fn every_model_is_compiled() {
    let place = Workplace::empty("compiled_models");
    let list = place.json("new --list");
    for model in list.as_array().expect("a list") {
        let name = model["name"].as_str().expect("a name");
        place.done(&format!("new {name} --model {name}"));
        let compile = format!("compile {name}.graph --dim batch=4");
        for target in ["x86-64-v2", "host", "aarch64"] {
            place.done(&format!("{compile} -o {name}.o --target {target}"));
        }
    }
}
