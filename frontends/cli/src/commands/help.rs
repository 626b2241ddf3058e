//! `brolga help`: the pages that come with the command, and the usage of its parts.

use std::io::IsTerminal;

use brolga::text::pages;
use clap::CommandFactory;

use crate::arguments::{Arguments, Help};
use crate::failure::Failure;
use crate::output::out;

/// The pages by name.
const PAGES: [(&str, &str); 1] = [("language", pages::LANGUAGE)];

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
            let found = command.find_subcommand_mut(topic);
            found.ok_or_else(|| unknown(topic))?.render_long_help()
        }
    };
    if std::io::stdout().is_terminal() {
        out!("{}", usage.ansi())
    } else {
        out!("{usage}")
    }
    Ok(())
}

fn unknown(topic: &str) -> Failure {
    let pages: Vec<&str> = PAGES.iter().map(|(name, _)| *name).collect();
    Failure::Usage(format!(
        "error: there is no page or command `{topic}`; the pages are: {}\n",
        pages.join(", ")
    ))
}
