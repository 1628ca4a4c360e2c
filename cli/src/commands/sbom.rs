//! `tamis sbom`: what a module is made of, as a bill of material.

mod cyclonedx;

use std::path::PathBuf;

use super::build::cargo;
use super::common::write_whole;
use crate::failure::Failure;

/// `tamis sbom [-p PACKAGE]`
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tamis sbom -p transformation --out transformation.cdx.json\n  \
tamis push target/tamis/transformation.wasm oci://registry.example.com/filters/transformation:0.1.0 --sbom transformation.cdx.json\n\n\
CycloneDX 1.5, JSON: the crates that are linked into the module, as Cargo.lock has them, with licences. The same sources give\n\
the same text.")]
pub struct Sbom {
    /// A package of the workspace; the one in this folder when it is left out
    #[arg(short, long, value_name = "PACKAGE")]
    package: Option<String>,

    /// The file to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Sbom {
    /// Writes the bill.
    ///
    /// # Errors
    /// When there is no such package.
    pub fn run(self) -> Result<(), Failure> {
        let metadata = cargo::dependencies()?;
        let bill = cyclonedx::bill(&metadata, self.package.as_deref())?;
        let text = format!("{}\n", serde_json::to_string_pretty(&bill).map_err(Failure::environment)?);
        match &self.out {
            Some(file) => write_whole(file, text.as_bytes()),
            None => {
                print!("{text}");
                Ok(())
            }
        }
    }
}
