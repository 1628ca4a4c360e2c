//! Downloads an image.

use crate::extract::MAX_MODULE_BYTES;
use crate::image::{Image, ImageError};
use crate::manifest::{self, Document, MAX_INDEX_DEPTH, MAX_MANIFEST_BYTES, ManifestError};
use crate::reference::RegistryRef;
use crate::registry::RegistryOptions;
use crate::registry::error::RegistryError;
use crate::registry::session::{Access, Session};

pub(super) async fn pull(options: &RegistryOptions, reference: &RegistryRef) -> Result<Image, RegistryError> {
    let session = Session::open(options, reference, Access::Pull).await?;
    let not_a_module = |source: ImageError| RegistryError::NotAModule { reference: reference.to_string(), source };
    let mut version = reference.version();
    for _ in 0..MAX_INDEX_DEPTH {
        let bytes = session.manifest(&version).await?.into_bytes();
        match Document::parse(&bytes).map_err(|error| not_a_module(error.into()))? {
            Document::Index(children) => {
                let child = manifest::child_of(&children).map_err(|error| not_a_module(error.into()))?;
                version = child.digest.to_string();
            }
            Document::Image(parsed) => {
                let config = session.blob("image configuration", &parsed.config, MAX_MANIFEST_BYTES).await?;
                let layer = session.blob("layer", &parsed.module, MAX_MODULE_BYTES).await?;
                return Image::from_parts(bytes, config.into_bytes(), layer.into_bytes()).map_err(not_a_module);
            }
        }
    }
    Err(not_a_module(ManifestError::TooDeep.into()))
}
