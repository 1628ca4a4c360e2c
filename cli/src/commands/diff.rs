//! `tamis diff`: whether a new version can take the place of an old one.

use serde_json::json;
use tamis_module::compare::Comparison;

use super::common::{self, MODULE_HELP, RegistryFlags};
use crate::failure::Failure;

/// `tamis diff OLD NEW`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis diff oci://registry.example.com/filters/transformation:0.1.0 target/tamis/transformation.wasm\n  \
tamis diff oci-layout:images:1 oci-layout:images:2 --json\n\n\
A change is breaking when a configuration that was accepted could be refused, a phase is gone, or an Envoy that loaded \
it does not any more. Where schemas differ in a way that is not understood, the answer is: breaking. Exit code 2: breaking."
)]
pub struct Diff {
    #[arg(help = MODULE_HELP)]
    old: String,

    /// The module that is to take its place
    new: String,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Diff {
    /// Prints the changes.
    ///
    /// # Errors
    /// When one of the modules is not there, or the update is breaking.
    pub fn run(self) -> Result<(), Failure> {
        let (old, new) = (common::load(&self.old, &self.registry)?, common::load(&self.new, &self.registry)?);
        let comparison = Comparison::of(&old.wasm, &new.wasm).map_err(Failure::user)?;
        let breaking = comparison.changes.iter().filter(|change| change.breaking).count();
        if self.json {
            let document = json!({
                "old": self.old, "oldDigest": old.digest, "new": self.new, "newDigest": new.digest,
                "same": old.wasm == new.wasm, "breaking": breaking > 0, "comparison": comparison,
            });
            println!("{}", serde_json::to_string_pretty(&document).map_err(Failure::environment)?);
        } else {
            let Comparison { size_before, size_after, .. } = comparison;
            for change in &comparison.changes {
                let mark = if change.breaking { "breaking" } else { "        " };
                let at = if change.at.is_empty() { String::new() } else { format!(" {}", change.at) };
                println!("{mark}  {}{at}: {}", change.about, change.what);
            }
            match (old.wasm == new.wasm, comparison.changes.is_empty()) {
                (true, _) => println!("the same module"),
                (false, true) => println!("other code, nothing else: {size_before} bytes before, {size_after} now"),
                (false, false) => println!("{size_before} bytes before, {size_after} now"),
            }
        }
        match breaking {
            0 => Ok(()),
            1 => Err(Failure::user("the update could break something: 1 change")),
            several => Err(Failure::user(format_args!("the update could break something: {several} changes"))),
        }
    }
}
