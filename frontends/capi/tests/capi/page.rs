//! What `README.md` shows: its program is compiled and run by the commands that stand there, in a
//! folder that looks like that of the project, and prints what stands there.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use brolga::Graph;

use crate::programs::{done, folder, graph_of, libraries, own};

/// What the blocks of a page are, and their lines.
fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap_or((block, "")))
}

/// A name in the folder for something that is elsewhere.
fn linked(folder: &Path, name: &str, target: &Path) {
    let path = folder.join(name);
    // Of an earlier run, whose library may have stood elsewhere.
    let _ = std::fs::remove_file(&path);
    symlink(target, path).expect("the folder is ours");
}

#[test]
fn what_the_page_shows_holds() {
    let page = std::fs::read_to_string(own("README.md")).expect("the page is there");
    let folder = folder("page");
    std::fs::create_dir_all(folder.join("target")).expect("the folder is ours");
    linked(&folder, "frontends", &own(".."));
    linked(&folder, "target/release", &libraries());
    let (mut program, mut n_commands) = ("", 0);
    for (info, block) in blocks(&page) {
        match info {
            "c file line.c" => {
                program = block;
                std::fs::write(folder.join("line.c"), block).expect("the folder is ours");
            }
            "console" => n_commands += session(&folder, block),
            "text" => refused(program, block),
            other => panic!("nothing is known of a block `{other}`"),
        }
    }
    assert_eq!(n_commands, 4);
}

/// Runs the commands of a block; how many there were.
fn session(folder: &Path, block: &str) -> usize {
    let mut n = 0;
    for part in format!("\n{block}").split("\n$ ").skip(1) {
        let (command, shown) = part.split_once('\n').unwrap_or((part, ""));
        // Cargo has built it already.
        if !command.starts_with("cargo build") {
            let said = done(Command::new("sh").current_dir(folder).args(["-c", command]));
            assert_eq!(said.trim_end(), shown.trim_end(), "{command}");
            n += 1;
        }
    }
    n
}

/// With a variable that does not fit, the program's graph is refused as the page shows it.
fn refused(program: &str, shown: &str) {
    let text = graph_of(program).replace("w: f32[2]", "w: f32[3]");
    let error = Graph::from_text("line.graph", &text).err();
    assert_eq!(error.expect("it does not fit").to_string(), shown);
}
