//! `tamis tags`: what a repository has.

use std::path::PathBuf;
use std::str::FromStr;

use tamis_oci::{Place, RegistryRef, Store};

use super::common::{self, RegistryFlags};
use crate::failure::Failure;

/// `tamis tags REPOSITORY`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis tags oci://registry.example.com/filters/transformation\n  tamis tags oci-layout:images"
)]
pub struct Tags {
    /// The repository: oci://HOST/REPOSITORY, or oci-layout:DIR
    repository: String,

    /// Print the digest behind each tag too
    #[arg(long)]
    digests: bool,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Tags {
    /// Prints the tags, a line each.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn run(self) -> Result<(), Failure> {
        let place = match self.repository.strip_prefix("oci-layout:") {
            Some(dir) => Place::Layout(PathBuf::from(dir)),
            None => Place::Registry(RegistryRef::from_str(&self.repository).map_err(Failure::user)?),
        };
        let client = self.registry.client();
        let lines = common::block_on(async {
            let store = Store::open(&place, &client).await?;
            let mut lines = Vec::new();
            for tag in store.tags().await? {
                // Lines of a terminal: a registry could send anything.
                let shown = tag.escape_debug().to_string();
                lines.push(match tag.parse() {
                    Ok(at) if self.digests => format!("{shown}  {}", store.manifest(&at).await?.digest()),
                    _ => shown,
                });
            }
            Ok(lines)
        })?;
        for line in lines.map_err(common::of_store)? {
            println!("{line}");
        }
        Ok(())
    }
}
