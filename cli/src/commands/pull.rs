//! `tamis pull`: a module out of an image.

use std::path::PathBuf;

use super::common::{self, RegistryFlags, write_whole};
use super::verify;
use crate::failure::Failure;

/// `tamis pull REFERENCE --out FILE`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis pull oci://registry.example.com/filters/transformation:0.1.0 --out transformation.wasm\n  \
tamis pull oci://registry.example.com/filters/transformation:0.1.0 --verify cosign.pub --out transformation.wasm"
)]
pub struct Pull {
    /// The image: oci://HOST/REPOSITORY:TAG or oci-layout:DIR:TAG
    reference: String,

    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,

    /// Only if it is signed with this key; else nothing is fetched or written
    #[arg(long, value_name = "PUBLIC-KEY")]
    verify: Option<PathBuf>,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Pull {
    /// Fetches the image, checks its digests, writes the module.
    ///
    /// # Errors
    /// When there is no such image, or it holds no module; no file is written then.
    pub fn run(self) -> Result<(), Failure> {
        let reference = match &self.verify {
            Some(key) => verify::pinned(&self.reference, key, &self.registry)?,
            None => self.reference.clone(),
        };
        let module = common::load(&reference, &self.registry)?;
        write_whole(&self.out, &module.wasm)?;
        let digest = module.digest.as_deref().unwrap_or("no image");
        println!("{}: {} bytes from {digest}", self.out.display(), module.wasm.len());
        Ok(())
    }
}
