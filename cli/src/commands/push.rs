//! `tamis push`: a module becomes an image.

use std::str::FromStr;

use tamis_module::Description;
use tamis_oci::{Image, Metadata, ModuleRef, Selector, layout};

use super::common::{self, MODULE_HELP, RegistryFlags};
use crate::failure::Failure;

/// `tamis push MODULE REFERENCE`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis push target/tamis/transformation.wasm oci://registry.example.com/filters/transformation:0.1.0\n  \
tamis push target/tamis/transformation.wasm oci-layout:images:transformation\n\n\
The same module always gives the same image, with the same digest."
)]
pub struct Push {
    #[arg(help = MODULE_HELP)]
    module: String,

    /// Where to: oci://HOST/REPOSITORY:TAG, or oci-layout:DIR:TAG for a folder
    reference: String,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Push {
    /// Makes the image and stores it; prints the reference by digest.
    ///
    /// # Errors
    /// When the module would load nowhere, or the image cannot be stored.
    pub fn run(self) -> Result<(), Failure> {
        let module = common::load(&self.module, &self.registry)?;
        println!("{}", store(&module.wasm, &self.reference, &self.registry)?);
        Ok(())
    }
}

/// Makes a module's image and stores it; the reference by digest.
pub fn store(wasm: &[u8], reference: &str, registry: &RegistryFlags) -> Result<String, Failure> {
    tamis_module::gate::check(wasm).map_err(Failure::user)?;
    let image = Image::build(wasm, &metadata(wasm)?);
    match ModuleRef::from_str(reference).map_err(Failure::user)? {
        ModuleRef::File(file) => {
            Err(Failure::user(format_args!("{} is a file, not a place for images", file.display()))
                .hint("write oci://HOST/REPOSITORY:TAG, or oci-layout:DIR:TAG"))
        }
        ModuleRef::Layout { dir, at: Selector::Tag(tag) } => {
            layout::write(&dir, &tag, &image).map_err(Failure::environment)?;
            Ok(format!("oci-layout:{}@{}", dir.display(), image.digest()))
        }
        ModuleRef::Layout { .. } => {
            Err(Failure::user("an image is stored under a tag, not a digest").hint("write oci-layout:DIR:TAG"))
        }
        ModuleRef::Registry(reference) => {
            let client = registry.client();
            let pushed = common::block_on(client.push(&reference, &image))?.map_err(Failure::environment)?;
            Ok(format!("oci://{}", pushed.reference_by_digest).replacen("oci://oci://", "oci://", 1))
        }
    }
}

fn metadata(wasm: &[u8]) -> Result<Metadata, Failure> {
    let Some(description) = Description::read(wasm).map_err(Failure::user)? else { return Ok(Metadata::default()) };
    let some = |text: String| (!text.is_empty()).then_some(text);
    Ok(Metadata {
        title: some(description.name),
        version: some(description.version),
        description: some(description.summary),
        ..Metadata::default()
    })
}
