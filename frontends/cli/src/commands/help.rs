//! `brolga help`: the pages that come with the command, and the usage of its parts.

use std::io::IsTerminal;

use brolga::text::pages;
use brolga::text::spelling::similar;
use clap::CommandFactory;

use crate::arguments::{Arguments, Help};
use crate::failure::Failure;
use crate::output::out;

/// The pages by name.
const PAGES: [(&str, &str); 3] =
    [("language", pages::LANGUAGE), ("commands", COMMANDS), ("keras", pages::FROM_KERAS)];

/// What the commands do.
const COMMANDS: &str = include_str!("../../COMMANDS.md");

/// Prints a page, or what a command takes.
pub(crate) fn run(arguments: &Help) -> Result<(), Failure> {
    let mut command = Arguments::command();
    command.build();
    let usage = match &arguments.topic {
        None => command.render_long_help(),
        Some(topic) => {
            if let Some((_, page)) = PAGES.iter().find(|(name, _)| name == topic) {
                out!("{page}");
                return Ok(());
            }
            let names: Vec<String> =
                command.get_subcommands().map(|c| c.get_name().to_string()).collect();
            let found = command.find_subcommand_mut(topic);
            found.ok_or_else(|| unknown(topic, &names))?.render_long_help()
        }
    };
    if std::io::stdout().is_terminal() {
        out!("{}", usage.ansi())
    } else {
        out!("{usage}")
    }
    Ok(())
}

fn unknown(topic: &str, commands: &[String]) -> Failure {
    let pages: Vec<&str> = PAGES.iter().map(|(name, _)| *name).collect();
    let all = commands.iter().map(String::as_str).chain(pages.iter().copied());
    let meant = similar(topic, all).map(|near| format!(" (is `{near}` meant?)"));
    Failure::Usage(format!(
        "error: there is no page or command `{topic}`{}; the pages are: {}; `brolga help` lists \
         the commands\n",
        meant.unwrap_or_default(),
        pages.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The options that a text shows: `--epochs`.
    fn options(text: &str) -> HashSet<&str> {
        let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
        let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("--"));
        words.map(|word| word.trim_matches('-')).filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn the_page_has_every_command_and_option() {
        let shown = options(COMMANDS);
        let mut known = HashSet::from(["help"]);
        let command = Arguments::command();
        for command in command.get_subcommands() {
            let heading = format!("\n## {}\n", command.get_name());
            assert!(COMMANDS.contains(&heading), "no section on `{}`", command.get_name());
            for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(shown.contains(option), "`--{option}` is not on the page");
                known.insert(option);
            }
        }
        for (page, text) in PAGES {
            for option in options(text) {
                assert!(known.contains(option), "{page}: no command has `--{option}`");
            }
        }
    }
}
