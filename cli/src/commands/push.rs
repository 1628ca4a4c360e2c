//! `tamis push`: a module becomes an image.

use std::str::FromStr;

use tamis_module::Description;
use tamis_oci::{Image, LayoutError, Metadata, ModuleRef, Selector, layout};

use super::common::{self, Loaded, MODULE_HELP, RegistryFlags};
use crate::failure::Failure;

/// `tamis push MODULE REFERENCE`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis push transformation.wasm oci://registry.example.com/filters/transformation:0.1.0\n  \
tamis push transformation.wasm oci-layout:images:transformation\n\n\
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
        println!("{}", store(&module, &self.reference, &self.registry)?);
        Ok(())
    }
}

/// Makes a module's image and stores it; the reference by digest.
fn store(module: &Loaded, reference: &str, registry: &RegistryFlags) -> Result<String, Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::user(format_args!("{}: {error}", module.origin));
    tamis_module::gate::check(&module.wasm).map_err(|error| refused(&error))?;
    let description = Description::read(&module.wasm).map_err(|error| refused(&error))?;
    let image = Image::build(&module.wasm, &description.map(metadata).unwrap_or_default());
    match ModuleRef::from_str(reference).map_err(Failure::user)? {
        ModuleRef::File(file) => {
            Err(Failure::user(format_args!("{} is a file, not a place for images", file.display()))
                .hint("write oci://HOST/REPOSITORY:TAG, or oci-layout:DIR:TAG"))
        }
        ModuleRef::Layout { dir, at: Selector::Tag(tag) } => {
            layout::write(&dir, &tag, &image).map_err(|error| match error {
                LayoutError::Io { .. } => Failure::environment(error),
                _ => Failure::user(error),
            })?;
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

fn metadata(description: Description) -> Metadata {
    let some = |text: String| (!text.is_empty()).then_some(text);
    Metadata {
        title: some(description.name),
        version: some(description.version),
        description: some(description.summary),
        ..Metadata::default()
    }
}
