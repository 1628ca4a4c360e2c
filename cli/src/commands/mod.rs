//! The sub-commands, one file each.

mod setup;

use crate::failure::Failure;

/// What `tamis` can be asked to do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Install what building and testing need: the wasm32 target, Envoy, a registry
    Setup(setup::Setup),
}

impl Command {
    /// Runs the sub-command to its end.
    ///
    /// # Errors
    /// What the sub-command could not do, ready to print.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Setup(command) => command.run(),
        }
    }
}
