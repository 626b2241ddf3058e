//! The pages that show the command: each command is run as it stands, one after the other in a
//! folder of its own, and prints what the page shows.
//!
//! In a block of `console` a line that begins with `$` is a command, and what follows is what it
//! prints, standard output before or after standard error; nothing there says that anything may be.
//! `cat FILE` shows what a command has written.
//! `…` stands for any text in a line, alone on a line for any lines. What begins with `error` is
//! printed by a command that fails. A block of any kind with `file NAME` is a file of the folder.
//! `DIR` is the folder of MNIST: such commands are run where the data lie beside the project, all
//! but `data` among the slow tests.

use std::path::{Path, PathBuf};

use crate::workplace::{Outcome, Workplace};

/// The pages, from the root of the project.
const PAGES: &[&str] = &["README.md", "frontends/cli/COMMANDS.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn what_pages_show_of_the_command_holds() {
    let mut wrong = vec![];
    for page in PAGES {
        let text = std::fs::read_to_string(root().join(page)).expect("the page is there");
        let place = Workplace::empty(&format!("page_{}", page.replace('/', "_")));
        for (info, block) in blocks(&text) {
            if let Some((_, name)) = info.split_once("file ") {
                place.write(name, &block);
            } else if info == "console" {
                let why = session(&place, &block);
                wrong.extend(why.into_iter().map(|why| format!("{page}: {why}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the blocks of a page are, and their lines.
fn blocks(page: &str) -> impl Iterator<Item = (&str, String)> {
    page.split("```").skip(1).step_by(2).map(|block| {
        let (info, text) = block.split_once('\n').unwrap_or((block, ""));
        (info.trim(), text.to_string())
    })
}

/// Runs a block; what does not hold.
fn session(place: &Workplace, block: &str) -> Vec<String> {
    let mut wrong = vec![];
    // A line that ends with a backslash goes on: of a command with what is indented below it.
    let joined = block.replace("\\\n    ", " ").replace("\\\n", "");
    for part in format!("\n{joined}").split("\n$ ").skip(1) {
        let (command, shown) = part.split_once('\n').unwrap_or((part, ""));
        let command = command.split(" #").next().unwrap_or(command).trim();
        let Some(outcome) = run(place, command) else { continue };
        let (first, second) = (&outcome.stdout, &outcome.stderr);
        let ways = [format!("{first}{second}"), format!("{second}{first}")];
        let fit = |printed: &String| fits(&lines(shown), &lines(printed));
        let must_fail = shown.starts_with("error");
        if must_fail == (outcome.status == 0) {
            wrong.push(format!("`{command}` ends with {}\n{}", outcome.status, ways[0]));
        } else if !shown.trim().is_empty() && !ways.iter().any(fit) {
            wrong.push(format!("`{command}` prints\n{}", ways[0]));
        }
    }
    wrong
}

/// Runs a command; none where its data are not there, or it is too slow. Paths are those from the
/// root of the project, or of files that the page has shown.
fn run(place: &Workplace, command: &str) -> Option<Outcome> {
    if let Some(file) = command.strip_prefix("cat ") {
        let stdout = String::from_utf8_lossy(&place.bytes(file)).into_owned();
        return Some(Outcome { status: 0, stdout, stderr: String::new() });
    }
    let arguments = command.strip_prefix("brolga ")?.replace('\'', "");
    let data = root().join("../shared/data/mnist");
    let needs_data = arguments.split([' ', ':']).any(|word| word == "DIR");
    let is_slow = !arguments.starts_with("data") && std::env::var_os("SLOW_TESTS").is_none();
    if needs_data && (is_slow || !data.exists()) {
        return None;
    }
    let (data, here) = (data.display().to_string(), root().join("frontends").display().to_string());
    let mut outcome = place.run(&arguments.replace("frontends", &here).replace("DIR", &data));
    outcome.stdout = outcome.stdout.replace(&data, "DIR");
    Some(outcome)
}

fn lines(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim_end);
    lines.filter(|line| !line.is_empty()).collect()
}

/// Whether lines are what others show.
fn fits(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|n| fits(rest, &printed[n..])),
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, others)| is_like(first, line) && fits(rest, others)),
    }
}

/// Whether a line is what another shows, in which `…` is any text.
fn is_like(shown: &str, line: &str) -> bool {
    let Some((start, rest)) = shown.split_once('…') else { return shown == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    let mut ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    ends.any(|at| is_like(rest, &line[at..]))
}

#[test]
fn lines_are_told_apart() {
    assert!(is_like("a … c …", "a b c ") && is_like("…", "") && !is_like("a …c", "a b"));
    assert!(fits(&["a", "…", "z"], &["a", "b", "z"]) && !fits(&["a"], &["a", "b"]));
}
