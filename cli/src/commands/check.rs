//! `tamis check`: does this module accept this configuration?

use std::path::PathBuf;

use super::common::{self, MODULE_HELP, RegistryFlags};
use crate::failure::Failure;

/// `tamis check MODULE [CONFIGURATION]`
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tamis check target/tamis/transformation.wasm edits.yaml\n\n\
The module itself is asked, as Envoy would ask it; what it refuses is told with line and column.")]
pub struct Check {
    #[arg(help = MODULE_HELP)]
    module: String,

    /// The configuration, YAML or JSON; without, the module is asked whether it works with none
    configuration: Option<PathBuf>,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Check {
    /// Asks the module.
    ///
    /// # Errors
    /// What the module refuses, and where.
    pub fn run(self) -> Result<(), Failure> {
        let document = self.configuration.as_deref().map(common::configuration).transpose()?;
        let module = common::load(&self.module, &self.registry)?;
        let compiled = common::compile(&module)?;
        let configuration = self.configuration.as_deref().zip(document.as_ref());
        common::accepted(&compiled, &module.origin, configuration)?;
        match configuration {
            Some((file, _)) => println!("{} accepts {}", module.origin, file.display()),
            None => println!("{} works without a configuration", module.origin),
        }
        Ok(())
    }
}
