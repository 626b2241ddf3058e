//! Sessions as data: a line `$ brolga ...` in `sessions/*.txt` is run, and what follows is what it
//! must print, standard output first, and its exit status. `BLESS=1 cargo test` rewrites them.

use std::path::Path;

use crate::workplace::Workplace;

/// Runs the commands of a session; comments and empty lines are kept.
fn replay(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/sessions").join(name);
    let expected = std::fs::read_to_string(&path).expect("the session is there");
    let place = Workplace::new(name.trim_end_matches(".txt"));
    // More brackets than any stack holds.
    place.write("brackets.graph", format!("output y = {}", "(".repeat(100_000)));
    place.write("deep.graph", format!("output y = {}1{}", "(".repeat(900), ")".repeat(900)));
    let mut found = String::new();
    for line in expected.lines() {
        if line.starts_with('#') {
            found.push_str(&format!("\n{line}\n"));
        } else if let Some(arguments) = line.strip_prefix("$ brolga") {
            let outcome = place.run(arguments);
            let (stdout, stderr) = (cut(&outcome.stdout), cut(&without_notes(&outcome.stderr)));
            let status = outcome.status;
            found.push_str(&format!("{line}\n{stdout}{stderr}status {status}\n"));
        }
    }
    let found = found.trim_start();
    if std::env::var_os("BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&path, found).expect("the session can be written");
        return;
    }
    let diff = similar::TextDiff::from_lines(expected.as_str(), found);
    let diff = diff.unified_diff().header("expected", "found").to_string();
    assert!(found == expected, "{name}\n{diff}");
}

/// A diagnostic without the notes that show a line of the library, whose number would change with
/// the library.
fn without_notes(text: &str) -> String {
    let (mut in_note, mut kept) = (false, String::new());
    for line in text.lines() {
        let begins = line.starts_with("note:");
        let ends = line.is_empty() || line.starts_with("error") || line.contains("= help:");
        in_note = begins || (in_note && !ends);
        if !in_note {
            kept.push_str(&format!("{line}\n"));
        }
    }
    kept
}

/// The text as lines of at most 160 characters that are marked as printed.
fn cut(text: &str) -> String {
    let line = |line: &str| match line.char_indices().nth(160) {
        Some((end, _)) => format!("    {} ...\n", &line[..end]),
        None => format!("    {line}").trim_end().to_string() + "\n",
    };
    text.lines().map(line).collect()
}

#[test]
fn a_file_at_fault_ends_with_status_1() {
    replay("files.txt");
}

#[test]
fn data_at_fault_end_with_status_1() {
    replay("data.txt");
}

#[test]
fn a_source_is_shown() {
    replay("sources.txt");
}

#[test]
fn wrong_usage_ends_with_status_2() {
    replay("usage.txt");
}

#[test]
fn a_fault_of_the_machine_ends_with_status_3() {
    replay("machine.txt");
}

#[test]
fn every_name_and_every_dimension_is_found() {
    replay("names.txt");
}

#[test]
fn what_a_file_does_not_have_cannot_be_asked_for() {
    replay("nothing.txt");
}

#[test]
fn feeding_is_strict_and_limits_have_flags() {
    replay("limits.txt");
}

#[test]
fn what_has_no_value_elsewhere_has_one_here() {
    replay("values.txt");
}
