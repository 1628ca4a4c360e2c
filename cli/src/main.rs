//! The `tamis` command: a thin shell over the crates that do the work.
//!
//! Every sub-command is a file in `commands`: its arguments, and a `run` that calls a crate and prints what came back.
//! [`setup`] is the one part that lives here, because it is about the machine and not about filters.

mod broken_pipe;
mod commands;
mod failure;
mod interrupt;
mod setup;

use std::process::ExitCode;

use clap::Parser;

/// Ready filters for Envoy, and what is needed to write, prove and ship your own.
#[derive(Parser)]
#[command(name = "tamis", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    broken_pipe::quietly(|| match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.report());
            failure.exit_code()
        }
    })
}
