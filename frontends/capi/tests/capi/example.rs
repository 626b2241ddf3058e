//! The example is compiled as C99 and as C++, linked with the library that Cargo has built, and
//! computes what the embedding API does, to the bit; Valgrind finds nothing lost, and nothing read
//! or written amiss.

use std::process::Command;

use crate::programs::{Linked, compiled, done, folder, graph_of, has, own, under_valgrind};
use brolga::{Graph, Literal, Session, SessionOptions};

/// The points of the example's batches, and which of them are inside.
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

/// The graph in the example's text.
fn graph() -> Graph {
    let source = std::fs::read_to_string(own("examples/train.c")).expect("the example is there");
    Graph::from_text("circle.graph", &graph_of(&source)).expect("it is whole")
}

/// What the example prints of the same training by the embedding API. Nine digits tell every f32.
fn wanted() -> (Vec<String>, Session) {
    let options = SessionOptions { seed: 3, threads: 2, ..SessionOptions::default() };
    let mut session = Session::new(graph(), options).expect("a session");
    let mut lines = vec![];
    let number = |value: &Literal| value.array::<f32>().expect("f32").iter().sum::<f32>();
    for (step, [point, inside]) in (1..).zip(batches(300)) {
        let results = session.step([("point", point), ("inside", inside)]).expect("it trains");
        if step % 50 == 0 {
            let [loss, accuracy] = ["loss", "accuracy"].map(|name| number(&results.metrics[name]));
            lines.push(format!("step {step}: loss {loss}, accuracy {accuracy}"));
        }
    }
    let asked = [0.0, 0.1, 0.9, 0.9f32];
    let point = Literal::from_vec(&[2, 2], asked.to_vec()).expect("two points");
    let outputs = session.outputs([("point", point)]).expect("it predicts");
    let probability = outputs["probability"].array::<f32>().expect("f32").clone();
    for (row, point) in asked.chunks(2).enumerate() {
        let [x, y] = [point[0], point[1]];
        lines.push(format!("[{x}, {y}] is inside: {}", probability[[row, 1]]));
    }
    let variables = session.variables();
    let mut variables: Vec<String> =
        variables.map(|(name, _, value)| format!("{name}: {}", value.tensor_type())).collect();
    // In the order of the text, then the optimiser's by name.
    variables[4..].sort();
    lines.extend(variables);
    (lines, session)
}

/// A line with each of its numbers as an f32 that is read of it.
fn read(line: &str) -> String {
    let words = line.split_inclusive(' ').map(|word| {
        let digits = word.trim_matches(|c: char| !c.is_ascii_digit());
        let number = digits.parse::<f32>().ok().filter(|_| digits.contains('.'));
        number.map_or(word.to_string(), |number| word.replace(digits, &number.to_string()))
    });
    words.collect()
}

#[test]
fn the_example_computes_what_the_embedding_api_does() {
    let (wanted, session) = wanted();
    let mut ways = vec![("c", Linked::Static), ("c", Linked::Shared)];
    if has("c++") {
        ways.push(("c++", Linked::Static));
    }
    for (language, linked) in ways {
        let folder = folder(&format!("example-{language}-{linked:?}"));
        let program = compiled(&own("examples/train.c"), &folder, (language, linked));
        let said = done(Command::new(&program).arg(&folder));
        let lines: Vec<String> = said.lines().map(read).collect();
        assert_eq!(lines[..wanted.len()], wanted, "{said}");
        let rest = said.lines().skip(wanted.len()).collect::<Vec<&str>>().join("\n");
        assert!(rest.starts_with("wrong.graph, line 1: "), "{rest}");
        assert!(rest.contains("error[E0301]: ") && rest.contains("1 | output y = x @ w"), "{rest}");

        // Every variable that it has saved, the optimiser's too, has the bits of the session's.
        let mut loaded = Session::new(graph(), SessionOptions::default()).expect("a session");
        loaded.load_whole(folder.join("circle.safetensors")).expect("it was saved");
        assert_eq!(loaded.clock(), session.clock());
        let mut n = 0;
        for (name, _, value) in session.variables() {
            let mut found = loaded.variables().filter(|(other, ..)| *other == name);
            assert_eq!(found.next().map(|(.., value)| value), Some(value), "{name}");
            n += 1;
        }
        assert_eq!(n, 14, "four params, two moments of each, two powers");
    }
}

/// Under Valgrind the machine code is for the processor that Valgrind plays, which has nothing that
/// it cannot decode: that other vectors give the same bits there is not asked.
#[test]
fn the_example_reads_and_writes_what_it_may() {
    if !has("valgrind") {
        return;
    }
    let folder = folder("example-valgrind");
    let program = compiled(&own("examples/train.c"), &folder, ("c", Linked::Static));
    let (said, _) = under_valgrind(&program, &[folder.as_os_str()]);
    assert!(said.contains("step 300: loss 0.") && said.contains("error[E0301]: "), "{said}");
}
