//! What `dump` prints is what is executed: it trains to the same bytes as its source.

use crate::workplace::Workplace;

/// Trains a file and its dumps on `data`; a batch has ten rows.
fn dumps_train_as(file: &str, data: &str) {
    let place = Workplace::new(&format!("dumps_{file}"));
    let digits = place.done("demo --source").stdout;
    place.write("digits.graph", &digits);
    let train = format!("--data {data} --batch-size 10 --epochs 2");
    let source = place.trained(&format!("{file}.graph {train}"));
    for stage in ["typed", "gradient", "optimized"] {
        let dump = place.done(&format!("dump {file}.graph --stage {stage} --dim batch=10"));
        place.write("dump.graph", &dump.stdout);
        assert!(place.trained(&format!("dump.graph {train}")) == source, "{file}: {stage}");
        // A dump of a dump is the dump.
        let again = place.done(&format!("dump dump.graph --stage {stage}{}", bound(stage)));
        place.write("again.graph", &again.stdout);
        assert!(place.trained(&format!("again.graph {train}")) == source, "{file}: {stage} twice");
    }
}

/// At `optimized` every dimension is a number already.
fn bound(stage: &str) -> &'static str {
    if stage == "optimized" { "" } else { " --dim batch=10" }
}

#[test]
fn dumps_of_a_model_with_dropout_train_as_their_source() {
    dumps_train_as("digits", "digits?rows=100");
}

#[test]
fn dumps_of_a_model_with_steps_states_and_a_scan_train_as_their_source() {
    dumps_train_as("several", "points.npz");
}

#[test]
fn a_dump_of_a_training_in_groups_of_batches_trains_so() {
    let place = Workplace::new("dumped_groups");
    let train = "--data points.npz --batch-size 10 --epochs 3";
    let source = place.trained(&format!("several.graph {train} --accumulate 3"));
    for stage in ["gradient", "optimized"] {
        let dump = format!("dump several.graph --stage {stage} --accumulate 3 --dim batch=10");
        place.write("dump.graph", place.done(&dump).stdout);
        assert!(place.trained(&format!("dump.graph {train}")) == source, "{stage}");
    }
    assert!(place.trained(&format!("several.graph {train}")) != source);
}

#[test]
fn every_stage_is_printed() {
    let place = Workplace::new("stages");
    let stages =
        ["parsed", "typed", "gradient", "optimized", "fused", "loops", "memory", "clif", "asm"];
    for stage in stages {
        let dump = place.done(&format!("dump several.graph --stage {stage} --dim batch=4"));
        assert!(!dump.stdout.is_empty() && dump.stderr.is_empty(), "{stage}: {}", dump.stderr);
    }
    // Without a number for a dimension one is assumed, which is said.
    let assumed = place.done("dump several.graph").stdout;
    assert!(assumed.starts_with("# for batch=32; see --dim\nversion 1\n"), "{assumed}");
    let said = place.done("dump several.graph --dim batch=32").stdout;
    assert_eq!(assumed.split_once('\n').map(|(_, rest)| rest), Some(said.as_str()));
    let passes = place.done("dump several.graph --pass-by-pass --dim batch=4").stdout;
    assert!(passes.contains("# cse: ") && passes.contains("# dce: "), "{passes}");
}

#[test]
fn errors_of_a_dump_point_at_the_line_that_it_was_made_of() {
    let place = Workplace::new("dumped_errors");
    for stage in ["typed", "gradient"] {
        let dump = place.done(&format!("dump classes.graph --entry eval --stage {stage}"));
        place.write("dump.graph", &dump.stdout);
        let error = place.run("eval dump.graph --data labels.npz");
        let first = error.stderr.lines().nth(1).unwrap_or_default().trim();
        assert_eq!(
            (error.status, first),
            (1, "--> classes.graph:7:10"),
            "{stage}: {}",
            error.stderr
        );
    }
}

#[test]
fn a_dump_keeps_the_inputs_that_say_what_a_dimension_is() {
    let place = Workplace::new("dimensions");
    let text = "input x: f32[batch, n]\nh = dense(x, 3)\noutput width = n * 2\n";
    place.write("widths.graph", text);
    let dump = place.done("dump widths.graph --entry run --stage gradient").stdout;
    assert!(dump.contains("\ninput x: f32[batch, n]"), "{dump}");
    place.write("dump.graph", &dump);
    let again = place.done("dump dump.graph --entry run --stage gradient").stdout;
    assert_eq!(dump, again);
}
