//! `brolga profile`: what is said of the time of a step, whatever it is.

use serde_json::Value;

use crate::workplace::Workplace;

const MODEL: &str = "input image: f32[batch, 28, 28]\ninput label: i32[batch]\n\
    hidden = relu(dense(flatten(image), 32))\nlogits = dense(hidden, 10)\n\
    minimize sparse_softmax_cross_entropy(logits, label) with adam(lr=0.01)\n";

fn sum(rows: &Value) -> f64 {
    rows.as_array().expect("a list").iter().map(|row| row["ms"].as_f64().expect("a number")).sum()
}

#[test]
fn the_parts_of_a_step_are_the_step() {
    let place = Workplace::empty("profiled");
    place.write("model.graph", MODEL);
    for threads in [1, 2] {
        let profile = place.json(&format!(
            "profile model.graph --steps 40 --threads {threads} --trace trace.json"
        ));
        let number = |name: &str| profile[name].as_f64().expect("a number");
        let (step, between) = (number("step_ms"), number("between_ms"));
        for parts in ["kernels", "lines", "layers"] {
            let all = sum(&profile[parts]) + between;
            assert!((all - step).abs() < 1e-9 * step, "{parts}: {all} of {step}");
        }
        let lines: Vec<u64> = profile["lines"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|line| line["line"].as_u64().expect("a number"))
            .collect();
        assert_eq!(lines, [3, 4, 5], "{profile}");
        let layers: Vec<&str> = profile["layers"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|layer| layer["layer"].as_str().expect("a name"))
            .collect();
        assert!(layers.contains(&"hidden") && layers.contains(&"logits"), "{layers:?}");
        let kernels = profile["kernels"].as_array().expect("a list");
        for kernel in kernels {
            let balance = kernel["balance"].as_f64().expect("a number");
            assert!((0.0..=1.000_001).contains(&balance), "{kernel}");
            assert!(kernel["code_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{kernel}");
        }
        let trace: Value = serde_json::from_str(&place.text("trace.json")).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("a list");
        let steps = events.iter().filter(|event| event["name"] == "step").count();
        assert_eq!(steps, 40);
        let of = |thread: usize| events.iter().filter(move |e| e["tid"] == thread && e["pid"] == 2);
        // A second thread whose core is busy with something else may come too late for all parts.
        assert!(of(0).count() > 40 && (threads == 2 || of(1).count() == 0), "{threads} threads");
    }
    assert!(place.text("cache/brolga/limits-2.json").contains("operations"));
}

/// A number of the dump, at an offset.
fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut all = [0; 8];
    all[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(all)
}

fn text(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|&b| b == 0).expect("an end");
    std::str::from_utf8(&bytes[..end]).expect("UTF-8")
}

/// What `--perf` writes holds the kernels' names and code, each after the lines that its bytes are for.
#[test]
#[cfg(target_os = "linux")]
fn perf_is_told_of_kernels_and_lines() {
    let place = Workplace::empty("perf");
    place.write("model.graph", MODEL);
    let mut child = place.command("bench model.graph --steps 1 --perf").spawn().expect("it starts");
    let id = child.id();
    assert!(child.wait().expect("it ends").success());
    let map_name = format!("/tmp/perf-{id}.map");
    let map = std::fs::read_to_string(&map_name).expect("the map of symbols");
    std::fs::remove_file(map_name).expect("it can be removed");
    let dump = place.bytes(&format!("jit-{id}.dump"));
    assert_eq!(number::<4>(&dump, 0), 0x4A69_5444);
    let (mut at, mut lines, mut functions) = (number::<4>(&dump, 8) as usize, vec![], 0);
    while at < dump.len() {
        let record = &dump[at..at + number::<4>(&dump, at + 4) as usize];
        let body = &record[16..];
        if number::<4>(record, 0) == 2 {
            let mut entry = 16;
            for _ in 0..number::<8>(body, 8) {
                lines.push(number::<4>(body, entry + 8));
                let file = text(&body[entry + 16..]);
                assert_eq!(file, "model.graph");
                entry += 16 + file.len() + 1;
            }
        } else {
            let (address, size) = (number::<8>(body, 8), number::<8>(body, 24) as usize);
            let name = text(&body[40..]);
            assert!(map.contains(&format!("{address:x} {size:x} {name}\n")), "{name} in {map}");
            assert!(body.len() >= 40 + name.len() + 1 + size && size > 0, "{name}");
            functions += 1;
        }
        at += record.len();
    }
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines, [3, 4, 5]);
    assert!(functions > 4, "{functions} functions");
}
