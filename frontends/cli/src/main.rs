//! The `brolga` command. It reads arguments and files, calls the library and prints; it knows
//! nothing of models.
//!
//! Exit status: 0 done, 1 the input is at fault, 2 wrong usage, 3 a fault of the machine.

#![forbid(unsafe_code)]

mod output;
mod arguments;
mod failure;
mod model;
mod characters;
mod weights;
mod interrupt;
mod progress;
mod watch;
mod tables;
mod tokens;
mod traced;
mod page;
mod drawn;
mod commands;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::Failure;

/// Bytes of the stack on which commands run: nesting is limited by counting, not by the stack.
const STACK: usize = 64 << 20;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || run(arguments));
    let result = match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Failure::Machine("error: this is a bug of brolga\n".to_string())),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}{}", failure.message(), failure.more());
            if output::is_json()
                && let Some(report) = failure.json()
            {
                output::outln!("{report}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Demo(arguments) => commands::demo::run(arguments),
        Command::New(arguments) => commands::new::run(&arguments),
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Train(arguments) => commands::train::run(&arguments),
        Command::Eval(arguments) => commands::eval::run(&arguments),
        Command::Predict(arguments) => commands::predict::run(&arguments),
        Command::Data(arguments) => commands::data::run(&arguments),
        Command::Compile(arguments) => commands::compile::run(&arguments),
        Command::Dump(arguments) => commands::dump::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
        Command::Profile(arguments) => commands::profile::run(&arguments),
        Command::Gradcheck(arguments) => commands::gradcheck::run(&arguments),
        Command::Std(arguments) => commands::reference::std(&arguments),
        Command::Ops(arguments) => commands::reference::ops(&arguments),
        Command::Explain(arguments) => commands::reference::explain(&arguments),
        Command::Help(arguments) => commands::help::run(&arguments),
    }
}
